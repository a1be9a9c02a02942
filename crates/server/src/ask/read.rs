//! Questions that are answered inside a scope.

use std::time::Instant;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use ticketscope_model::{FieldDef, FieldId, TextClass, TicketKey, Timestamp, nearest};
use ticketscope_query::{
    self as query, CursorError, FieldValue, Page, Query, Snapshot, Start,
    ast::Sort,
    cursor_clock,
    parse::{Context, parse},
    scope::{Scope, VIEW},
};

use super::Reader;
use crate::{
    answer::{Checked, Counted, FacetRow, Facets, Hit, Search, Ticket},
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
    fn scope(&self, asker: &Asker) -> Result<Scope, Failure> {
        match asker {
            Asker::Admin => Ok(Scope::admin()),
            Asker::Principal(id) => self.snapshot.scope(id, VIEW).or(Err(Failure::of(Code::UnknownPrincipal))),
        }
    }

    pub(crate) fn count(&self, asker: &Asker, params: &CountParams, now: Timestamp) -> Result<Counted, Failure> {
        let scope = self.scope(asker)?;
        let query = self.query(asker, &params.query, params.now.map_or(now, |now| now.0))?;
        Ok(Counted { count: query::count(&self.snapshot, &scope, &query)? })
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
            Some(cursor) => cursor_clock(cursor).ok_or(query::AnswerError::Cursor(CursorError))?,
            None => params.now.map_or(now, |now| now.0),
        };
        let scope = self.scope(asker)?;
        let mut query = self.query(asker, &params.query, now)?;
        if let Some(written) = &params.sort {
            if query.order.is_some() {
                return Err(Failure::of(Code::TwoOrders));
            }
            query.order = Some(self.order(asker, written, now)?);
        }
        let asker = match asker {
            Asker::Admin => "admin".to_owned(),
            Asker::Principal(id) => format!("principal {id}"),
        };
        let page = Page { start, limit: params.limit.unwrap_or(DEFAULT_LIMIT), asker, now };
        let began = Instant::now();
        let listing = query::list(&self.snapshot, &scope, &query, &page)?;
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let hits = listing.hits.iter().map(|hit| {
            let Ticket { id, fields } = self.row(hit)?;
            Ok(Hit { id, score: None, fields, snippet: None })
        });
        Ok(Search { total: listing.total, hits: hits.collect::<Result<_, Failure>>()?, next: listing.next, took_us })
    }

    pub(crate) fn facets(&self, asker: &Asker, params: &FacetsParams, now: Timestamp) -> Result<Facets, Failure> {
        let top = params.top.unwrap_or(DEFAULT_TOP);
        if top > MAX_TOP || params.field.len() > MAX_FACETS {
            let message = format!("at most {MAX_FACETS} fields and the {MAX_TOP} most frequent values of each");
            return Err(Failure::new(Code::BadParameter, message));
        }
        let scope = self.scope(asker)?;
        let fields = self.facet_fields(&params.field)?;
        let query = self.query(asker, &params.query, params.now.map_or(now, |now| now.0))?;
        let (total, facets) = query::facets(&self.snapshot, &scope, &query, &fields, top as usize)?;
        let facets = facets.into_iter().map(|facet| {
            let rows = facet.rows.into_iter().map(|row| FacetRow { value: row.value, count: row.count });
            (self.name(facet.field).to_owned(), rows.collect())
        });
        Ok(Facets { total, facets: facets.collect() })
    }

    /// One visible ticket.
    ///
    /// # Errors
    /// [`Code::NoSuchTicket`] for a hidden one as for one that does not exist.
    pub(crate) fn ticket(&self, asker: &Asker, key: &TicketKey) -> Result<Ticket, Failure> {
        let ord = self.find(asker, key)?.ok_or_else(|| Failure::of(Code::NoSuchTicket))?;
        self.row(&query::hit(&self.snapshot, ord))
    }

    /// Whether a ticket exists and is visible.
    pub(crate) fn check(&self, asker: &Asker, key: &TicketKey) -> Result<Checked, Failure> {
        Ok(Checked { visible: self.find(asker, key)?.is_some() })
    }

    /// The ordinal of a visible ticket.
    fn find(&self, asker: &Asker, key: &TicketKey) -> Result<Option<u32>, Failure> {
        let scope = self.scope(asker)?;
        let found = self.snapshot.index().find(key);
        Ok(found.filter(|ord| self.snapshot.covers(&scope, *ord)).map(|ord| ord.0))
    }

    /// The query, read as `asker` means it: `me` and the time zone are theirs.
    fn query(&self, asker: &Asker, text: &str, now: Timestamp) -> Result<Query, Failure> {
        Ok(parse(text, &context(&self.snapshot, asker, now)?)?)
    }

    /// `KEY:asc` or `KEY:desc`.
    fn order(&self, asker: &Asker, written: &str, now: Timestamp) -> Result<Sort, Failure> {
        let wrong = || Failure::of(Code::BadOrder);
        let (key, direction) = written.rsplit_once(':').ok_or_else(wrong)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.is_empty() || !key.chars().all(is_name) || !matches!(direction, "asc" | "desc") {
            return Err(wrong());
        }
        let context = context(&self.snapshot, asker, now)?;
        let query = parse(&format!("order_by:{key} sort:{direction}"), &context)
            .map_err(|error| Failure::new(Code::BadOrder, error.kind.to_string()))?;
        query.order.ok_or_else(wrong)
    }

    /// The fields called `names`, each once, or the default ones.
    fn facet_fields(&self, names: &[String]) -> Result<Vec<FieldId>, Failure> {
        let schema = self.snapshot.schema();
        let names: Vec<&str> =
            if names.is_empty() { DEFAULT_FACETS.to_vec() } else { names.iter().map(String::as_str).collect() };
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let field = schema.field(name).ok_or_else(|| {
                let failure = Failure::of(Code::UnknownField);
                match nearest(name, schema.fields().iter().map(|field| &*field.name)) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure,
                }
            })?;
            if !fields.contains(&field.id) {
                fields.push(field.id);
            }
        }
        Ok(fields)
    }

    fn name(&self, field: FieldId) -> &str {
        self.snapshot.schema().by_id(field).map_or("", |FieldDef { name, .. }| name)
    }

    /// A visible ticket with its subject, which everybody who sees the ticket may read.
    fn row(&self, hit: &query::Hit) -> Result<Ticket, Failure> {
        let named = hit.fields.iter().filter_map(|(field, values)| {
            let def = self.snapshot.schema().by_id(*field)?;
            let mut values: Vec<Value> = values.iter().map(value).collect();
            let value = if def.many { Value::Array(values) } else { values.pop()? };
            Some((def.name.to_string(), value))
        });
        let mut fields: Map<String, Value> = named.collect();
        let parts = self.tenant.text(&hit.key)?;
        if let Some(subject) = parts.into_iter().find(|part| part.class == TextClass::Subject) {
            fields.insert("subject".to_owned(), json!(&*subject.body));
        }
        let id = match &hit.key {
            TicketKey::Int(number) => json!(number),
            TicketKey::Text(text) => json!(&**text),
        };
        Ok(Ticket { id, fields })
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

fn value(value: &FieldValue) -> Value {
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
