//! Questions that are answered inside a scope.

use std::time::Instant;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use ticketscope_model::{FieldDef, FieldId, TextClass, TextPart, TicketKey, TicketOrd, Timestamp};
use ticketscope_query::{
    self as query, Access, FieldValue, Page, Query, Snapshot, Snippets, Start,
    ast::Sort,
    cursor_clock,
    parse::{Context, QueryError, parse},
};

use super::Reader;
use crate::{
    answer::{Checked, Counted, FacetRow, Facets, Hit, Search, Snippet, Ticket},
    auth::Asker,
    code::Code,
    failure::Failure,
    params::{CountParams, FacetsParams, SearchParams},
};

/// Rows of a page if none are asked for.
const DEFAULT_LIMIT: u32 = 20;

/// Values of a facet if no number is asked for, and at most.
const DEFAULT_TOP: u32 = 10;
const MAX_TOP: u32 = 1000;

/// Fields that one request may count by.
const MAX_FACETS: usize = 32;

/// What is counted if nothing is asked for.
const DEFAULT_FACETS: [&str; 4] = ["status", "priority", "group", "assignee"];

/// The integers that every JSON reader takes exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Reader {
    /// # Errors
    /// [`Code::UnknownPrincipal`]; a principal that is suspended or has no role is known, and sees nothing.
    pub(super) fn access(&self, asker: &Asker) -> Result<Access, Failure> {
        match asker {
            Asker::Admin => Ok(Access::admin()),
            Asker::Principal(id) => self.snapshot().access(id).or(Err(Failure::of(Code::UnknownPrincipal))),
        }
    }

    pub(crate) fn count(&self, asker: &Asker, params: &CountParams, now: Timestamp) -> Result<Counted, Failure> {
        let access = self.access(asker)?;
        let query = self.query(asker, &params.query, params.now.map_or(now, |now| now.0))?;
        Ok(Counted { count: query::count(self.snapshot(), access, &query)?, is_plain: query.is_plain() })
    }

    pub(crate) fn search(&self, asker: &Asker, params: &SearchParams, now: Timestamp) -> Result<Search, Failure> {
        let start = match (&params.page_after, params.rank) {
            (Some(_), Some(_)) => {
                return Err(Failure::new(Code::BadParameter, "`page_after` and `rank` exclude each other"));
            }
            (Some(cursor), None) => Start::After(cursor.clone()),
            (None, Some(rank)) => Start::Rank(rank),
            (None, None) => Start::First,
        };
        let now = match &params.page_after {
            // Ages keep counting from the moment of the first page.
            Some(cursor) => cursor_clock(self.snapshot(), cursor).map_err(query::AnswerError::Cursor)?,
            None => params.now.map_or(now, |now| now.0),
        };
        let access = self.access(asker)?;
        let query = self.ordered_query(asker, &params.query, params.sort.as_deref(), now)?;
        let page = page(asker, start, params.limit, now);
        let began = Instant::now();
        let listing = query::list(self.snapshot(), &access, &query, &page)?;
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut snippets = Snippets::new(self.snapshot(), &access, &query);
        let mut texts = self.view.texts()?;
        let hits = listing.hits.iter().map(|hit| {
            // Only a snippet needs more of the text than the subject.
            let (subject, snippet) = match &mut snippets {
                None => (texts.subject(hit.ord)?, None),
                Some(snippets) => {
                    let parts = texts.parts(hit.ord)?;
                    (subject(&parts), snippets.of(hit.ord, &parts).map(Snippet::from))
                }
            };
            let Ticket { id, fields } = self.row(hit, subject);
            Ok(Hit { id, score: hit.score, fields, snippet })
        });
        Ok(Search {
            total: listing.total,
            hits: hits.collect::<Result<_, Failure>>()?,
            next: listing.next,
            took_us,
            is_plain: query.is_plain(),
        })
    }

    pub(crate) fn facets(&self, asker: &Asker, params: &FacetsParams, now: Timestamp) -> Result<Facets, Failure> {
        let top = params.top.unwrap_or(DEFAULT_TOP);
        if top > MAX_TOP || params.field.len() > MAX_FACETS {
            let message = format!("at most {MAX_FACETS} fields and the {MAX_TOP} most frequent values of each");
            return Err(Failure::new(Code::BadParameter, message));
        }
        let access = self.access(asker)?;
        let fields = self.facet_fields(asker, &params.field)?;
        let query = self.query(asker, &params.query, params.now.map_or(now, |now| now.0))?;
        let (total, facets) = query::facets(self.snapshot(), access, &query, &fields, top as usize)?;
        let cut = facets.iter().filter(|facet| facet.more > 0);
        let more = cut.map(|facet| (self.name(facet.field).to_owned(), facet.more)).collect();
        let facets = facets.into_iter().map(|facet| {
            let rows = facet.rows.into_iter().map(|row| FacetRow { value: row.value, count: row.count });
            (self.name(facet.field).to_owned(), rows.collect())
        });
        Ok(Facets { total, facets: facets.collect(), more, is_plain: query.is_plain() })
    }

    /// One visible ticket.
    ///
    /// # Errors
    /// [`Code::NoSuchTicket`] for a hidden one as for one that does not exist.
    pub(crate) fn ticket(&self, asker: &Asker, key: &TicketKey) -> Result<Ticket, Failure> {
        let ord = self.find(asker, key)?.ok_or_else(|| Failure::of(Code::NoSuchTicket))?;
        Ok(self.row(&query::hit(self.snapshot(), ord.0), self.view.texts()?.subject(ord)?))
    }

    /// What is answered about an id that no ticket can have.
    ///
    /// # Errors
    /// [`Code::NoSuchTicket`], as for one that does not exist.
    pub(crate) fn no_ticket(&self, asker: &Asker) -> Result<Ticket, Failure> {
        self.access(asker)?;
        Err(Failure::of(Code::NoSuchTicket))
    }

    /// Whether a ticket exists and is visible.
    pub(crate) fn check(&self, asker: &Asker, key: &TicketKey) -> Result<Checked, Failure> {
        Ok(Checked { visible: self.find(asker, key)?.is_some() })
    }

    /// The ordinal of a visible ticket.
    fn find(&self, asker: &Asker, key: &TicketKey) -> Result<Option<TicketOrd>, Failure> {
        let scope = self.access(asker)?.view;
        let found = self.snapshot().index().find(key);
        Ok(found.filter(|ord| self.snapshot().covers(&scope, *ord)))
    }

    /// The query, read as `asker` means it: `me` and the time zone are theirs.
    fn query(&self, asker: &Asker, text: &str, now: Timestamp) -> Result<Query, Failure> {
        self.parsed(asker, text, now)?.map_err(Failure::from)
    }

    /// The query, or what is wrong with it. What is wrong is told once more with the fields that the asker knows of.
    fn parsed(&self, asker: &Asker, text: &str, now: Timestamp) -> Result<Result<Query, QueryError>, Failure> {
        let context = context(self.snapshot(), asker, now)?;
        Ok(match parse(text, &context) {
            Err(_) => parse(text, &context.naming(&query::fields(self.snapshot(), self.access(asker)?))),
            read => read,
        })
    }

    /// The query with the order that stands in it or beside it.
    ///
    /// # Errors
    /// [`Code::BadQuery`], [`Code::BadOrder`], [`Code::TwoOrders`].
    pub(super) fn ordered_query(
        &self,
        asker: &Asker,
        text: &str,
        order: Option<&str>,
        now: Timestamp,
    ) -> Result<Query, Failure> {
        let mut query = self.query(asker, text, now)?;
        if let Some(written) = order {
            if query.order.is_some() {
                return Err(Failure::of(Code::TwoOrders));
            }
            query.order = Some(self.order(asker, written, now)?);
        }
        Ok(query)
    }

    /// `KEY:asc` or `KEY:desc`.
    fn order(&self, asker: &Asker, written: &str, now: Timestamp) -> Result<Sort, Failure> {
        let wrong = || Failure::of(Code::BadOrder);
        let (key, direction) = written.rsplit_once(':').ok_or_else(wrong)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.is_empty() || !key.chars().all(is_name) || !matches!(direction, "asc" | "desc") {
            return Err(wrong());
        }
        let query = self
            .parsed(asker, &format!("order_by:{key} sort:{direction}"), now)?
            .map_err(|error| Failure::new(Code::BadOrder, error.kind.to_string()))?;
        query.order.ok_or_else(wrong)
    }

    /// The fields called `names`, each once, or the default ones.
    fn facet_fields(&self, asker: &Asker, names: &[String]) -> Result<Vec<FieldId>, Failure> {
        let names: Vec<&str> =
            if names.is_empty() { DEFAULT_FACETS.to_vec() } else { names.iter().map(String::as_str).collect() };
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let field = self.field(asker, name)?;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Ok(fields)
    }

    /// The field called `name`.
    ///
    /// # Errors
    /// [`Code::UnknownField`], with the one that may be meant.
    pub(super) fn field(&self, asker: &Asker, name: &str) -> Result<FieldId, Failure> {
        if let Some(field) = self.snapshot().schema().field(name) {
            return Ok(field.id);
        }
        let failure = Failure::of(Code::UnknownField);
        Err(match query::nearest_field(self.snapshot(), self.access(asker)?, name) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure,
        })
    }

    pub(super) fn name(&self, field: FieldId) -> &str {
        self.snapshot().schema().by_id(field).map_or("", |FieldDef { name, .. }| name)
    }

    /// A visible ticket with its subject, which everybody who sees the ticket may read.
    fn row(&self, hit: &query::Hit<'_>, subject: Option<String>) -> Ticket {
        let named = hit.fields.iter().filter_map(|(field, values)| {
            let def = self.snapshot().schema().by_id(*field)?;
            let mut values: Vec<Value> = values.iter().map(value).collect();
            let value = if def.many { Value::Array(values) } else { values.pop()? };
            Some((def.name.to_string(), value))
        });
        let mut fields: Map<String, Value> = named.collect();
        if let Some(subject) = subject {
            fields.insert("subject".to_owned(), Value::String(subject));
        }
        let id = match &hit.key {
            TicketKey::Int(number) => json!(number),
            TicketKey::Text(text) => json!(&**text),
        };
        Ticket { id, fields }
    }
}

/// A page that begins at `start`, bound to who asks.
pub(super) fn page(asker: &Asker, start: Start, limit: Option<u32>, now: Timestamp) -> Page {
    let asker = match asker {
        Asker::Admin => "admin".to_owned(),
        Asker::Principal(id) => format!("principal {id}"),
    };
    Page { start, limit: limit.unwrap_or(DEFAULT_LIMIT), asker, now }
}

impl From<query::Snippet> for Snippet {
    fn from(snippet: query::Snippet) -> Self {
        let highlights = snippet.highlights.iter().map(|range| [range.start, range.end]).collect();
        Self {
            class: snippet.class.name(),
            text: snippet.text,
            highlights,
            cut_before: snippet.cut_before,
            cut_after: snippet.cut_after,
        }
    }
}

fn context<'a>(snapshot: &'a Snapshot, asker: &'a Asker, now: Timestamp) -> Result<Context<'a>, Failure> {
    let context = Context::new(snapshot.schema(), now);
    let Asker::Principal(id) = asker else { return Ok(context) };
    let context = context.asked_by(id);
    let zone = snapshot.directory().principal(id).and_then(|fact| fact.time_zone.as_deref());
    let Some(zone) = zone else { return Ok(context) };
    let zone = TimeZone::get(zone).map_err(|error| Failure::of(Code::BadTimeZone).caused_by(error.to_string()))?;
    Ok(context.in_zone(zone))
}

fn subject(parts: &[TextPart]) -> Option<String> {
    parts.iter().find(|part| part.class == TextClass::Subject).map(|part| part.body.to_string())
}

fn value(value: &FieldValue<'_>) -> Value {
    match value {
        FieldValue::Keyword(text) => json!(text),
        FieldValue::Number(number) => number_value(*number),
        FieldValue::Date(moment) => json!(moment.to_string()),
        FieldValue::Flag(flag) => json!(flag),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the number is an integer within the range of i64")]
fn number_value(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT { json!(number as i64) } else { json!(number) }
}
