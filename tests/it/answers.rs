//! Everything that is compared: the answers of a tenant, and where they first differ from the oracle's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use ticketscope_bitmap::{Index, TicketSet};
use ticketscope_engine::{Tenant, query};
use ticketscope_model::{TicketKey, TicketOrd, Timestamp, Value};
use ticketscope_query::{Access, FieldValue, Page, Query, Snapshot, Start, parse};
use ticketscope_scope::Scope;
use ticketscope_testkit::oracle::{self, Asker, Facet, Row, Sort, SortBy, Term, Test, World};

/// Longer than any text of a test takes to be indexed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) total: usize,
    pub(crate) keys: Vec<TicketKey>,
    pub(crate) next: Option<String>,
}

/// Something that answers the questions of ticketscope. Queries come as text, with their order in it.
pub(crate) trait Answers {
    /// Every ticket with its fields and text.
    fn rows(&self) -> BTreeMap<TicketKey, Row>;
    /// What an asker may do a verb to, from the set that is kept.
    fn kept(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey>;
    /// The same, worked out anew.
    fn evaluated(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey>;
    /// Whether a principal may do a verb to a ticket, judged from this ticket alone.
    fn may(&self, principal: &str, verb: &str, key: &TicketKey) -> bool;
    fn count(&self, asker: &Asker, query: &str) -> usize;
    fn list(&self, asker: &Asker, query: &str, start: Start, limit: u32) -> Listed;
    /// Facets of keyword fields, by name.
    fn facets(&self, asker: &Asker, query: &str, fields: &[&str]) -> BTreeMap<String, Facet>;
    fn who(&self, key: &TicketKey) -> BTreeSet<String>;
    fn why(&self, principal: &str, key: &TicketKey) -> bool;
}

/// The answers of the published snapshot of a tenant.
pub(crate) struct Published<'t> {
    pub(crate) tenant: &'t Tenant,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) now: Timestamp,
}

/// The keys of a set of tickets.
pub(crate) fn keys(index: &Index, tickets: &TicketSet) -> BTreeSet<TicketKey> {
    tickets.iter().map(|ord| index.key(TicketOrd(ord))).collect()
}

/// The scope of an asker; that of a stranger is none.
pub(crate) fn scope(snapshot: &Snapshot, asker: &Asker, verb: &str) -> Option<Scope> {
    match asker {
        Asker::Admin => Some(Scope::admin()),
        Asker::Principal(id) => snapshot.scope(id, verb).ok(),
    }
}

/// What an asker may see; nothing for somebody unknown.
pub(crate) fn access(snapshot: &Snapshot, asker: &Asker) -> Option<Access> {
    match asker {
        Asker::Admin => Some(Access::admin()),
        Asker::Principal(id) => snapshot.access(id).ok(),
    }
}

fn name(asker: &Asker) -> &str {
    match asker {
        Asker::Admin => "",
        Asker::Principal(id) => id,
    }
}

impl<'t> Published<'t> {
    /// What is published, once its text can be found.
    pub(crate) fn new(tenant: &'t Tenant, now: Timestamp) -> Self {
        let opstamp = tenant.snapshot().opstamp();
        assert!(tenant.wait_for_text(opstamp, PATIENCE), "{:?}", tenant.stats().unwrap().text);
        Self { tenant, snapshot: tenant.snapshot(), now }
    }

    /// Reads a query as `asker` means it.
    pub(crate) fn parse(&self, asker: &Asker, text: &str) -> Query {
        parse_as(&self.snapshot, self.now, asker, text)
    }

    pub(crate) fn page(&self, asker: &Asker, start: Start, limit: u32) -> Page {
        Page { start, limit, asker: name(asker).to_owned(), now: self.now }
    }
}

/// Reads a query as `asker` means it.
pub(crate) fn parse_as(snapshot: &Snapshot, now: Timestamp, asker: &Asker, text: &str) -> Query {
    let context = parse::Context::new(snapshot.schema(), now);
    let context = match asker {
        Asker::Admin => context,
        Asker::Principal(id) => context.asked_by(id),
    };
    parse::parse(text, &context).unwrap_or_else(|error| panic!("{text}: {error}\n{}", error.span.underline(text)))
}

/// The fields of a ticket as the oracle writes them.
pub(crate) fn fields_of(snapshot: &Snapshot, ord: u32) -> BTreeMap<String, Vec<Value>> {
    let shown = query::hit(snapshot, ord).fields.into_iter().map(|(id, values)| {
        let values = values.iter().map(|value| match *value {
            FieldValue::Keyword(text) => Value::Keyword(text.into()),
            FieldValue::Number(number) => Value::Number(number),
            FieldValue::Date(moment) => Value::Date(moment),
            FieldValue::Flag(flag) => Value::Keyword(flag.to_string().into()),
        });
        (snapshot.schema().by_id(id).unwrap().name.to_string(), values.collect())
    });
    shown.collect()
}

impl Answers for Published<'_> {
    fn rows(&self) -> BTreeMap<TicketKey, Row> {
        let index = self.snapshot.index();
        let row = |ord| {
            let key = index.key(TicketOrd(ord));
            let parts = self.tenant.text(&key).unwrap();
            let parts = parts.into_iter().map(|part| (part.part.to_string(), part)).collect();
            (key, Row { fields: fields_of(&self.snapshot, ord), parts })
        };
        index.universe().iter().map(row).collect()
    }

    fn kept(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey> {
        scope(&self.snapshot, asker, verb)
            .map_or_else(BTreeSet::new, |scope| keys(self.snapshot.index(), self.snapshot.visible(&scope).set()))
    }

    fn evaluated(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey> {
        scope(&self.snapshot, asker, verb)
            .map_or_else(BTreeSet::new, |scope| keys(self.snapshot.index(), &self.snapshot.evaluate(&scope)))
    }

    fn may(&self, principal: &str, verb: &str, key: &TicketKey) -> bool {
        self.snapshot.sees(principal, verb, key).unwrap_or(false)
    }

    fn count(&self, asker: &Asker, text: &str) -> usize {
        let access = access(&self.snapshot, asker);
        let query = self.parse(asker, text);
        access.map_or(0, |access| query::count(&self.snapshot, &access, &query).unwrap() as usize)
    }

    fn list(&self, asker: &Asker, text: &str, start: Start, limit: u32) -> Listed {
        let query = self.parse(asker, text);
        let Some(access) = access(&self.snapshot, asker) else {
            return Listed { total: 0, keys: Vec::new(), next: None };
        };
        let page = self.page(asker, start, limit);
        let listing = query::list(&self.snapshot, &access, &query, &page).unwrap();
        Listed {
            total: listing.total as usize,
            keys: listing.hits.into_iter().map(|hit| hit.key).collect(),
            next: listing.next,
        }
    }

    fn facets(&self, asker: &Asker, text: &str, fields: &[&str]) -> BTreeMap<String, Facet> {
        let query = self.parse(asker, text);
        let ids: Vec<_> = fields.iter().map(|name| self.snapshot.schema().field(name).unwrap().id).collect();
        let facets = match access(&self.snapshot, asker) {
            Some(access) => query::facets(&self.snapshot, &access, &query, &ids, usize::MAX).unwrap().1,
            None => return fields.iter().map(|field| ((*field).to_owned(), Facet::default())).collect(),
        };
        let facet = |facet: query::Facet| {
            let (mut values, mut none) = (Vec::new(), 0);
            for row in facet.rows {
                match row.value {
                    Some(value) => values.push((value, row.count as usize)),
                    None => none += row.count as usize,
                }
            }
            Facet { values, none }
        };
        fields.iter().map(|field| (*field).to_owned()).zip(facets.into_iter().map(facet)).collect()
    }

    fn who(&self, key: &TicketKey) -> BTreeSet<String> {
        let viewers = query::who(&self.snapshot, key, None, usize::MAX);
        viewers.map_or_else(BTreeSet::new, |viewers| viewers.principals.into_iter().collect())
    }

    fn why(&self, principal: &str, key: &TicketKey) -> bool {
        let reason = query::why(&self.snapshot, principal, "view", key);
        reason.is_ok_and(|reason| reason.is_some_and(|reason| reason.visible))
    }
}

/// What is asked when a tenant is compared with the oracle.
pub(crate) struct Questions<'q> {
    pub(crate) askers: Vec<String>,
    /// Queries and orders for each asker.
    pub(crate) queries: usize,
    /// Makes one.
    pub(crate) query: &'q dyn Fn(&mut Rng) -> (oracle::Query, Sort),
    /// Tickets that are judged one by one; all of a small tenant.
    pub(crate) judged: usize,
    /// Whether every row is read.
    pub(crate) rows: bool,
}

fn same<T: PartialEq + Debug>(what: impl FnOnce() -> String, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let short = |value: &T| format!("{value:?}").chars().take(2000).collect::<String>();
    Err(format!("{}:\n  found    {}\n  expected {}", what(), short(found), short(expected)))
}

/// Compares everything; says where the first difference is.
pub(crate) fn compare(
    found: &dyn Answers,
    world: &World,
    now: Timestamp,
    rng: &mut Rng,
    ask: &Questions<'_>,
) -> Result<(), String> {
    if ask.rows {
        compare_rows(found, world)?;
    }
    let mut judged: Vec<&TicketKey> = world.tickets().map(|(key, _)| key).collect();
    rng.shuffle(&mut judged);
    judged.truncate(ask.judged);
    let absent = TicketKey::parse("there is no such ticket").unwrap();
    let askers = ask.askers.iter().cloned().map(Asker::Principal).chain([Asker::Admin]);
    let mut seen_by: BTreeMap<&TicketKey, BTreeSet<String>> = BTreeMap::new();
    for asker in askers {
        let answers = world.answers(asker.clone(), now);
        let visible: BTreeSet<TicketKey> = answers.visible().cloned().collect();
        same(|| format!("kept set of {asker:?}"), &found.kept(&asker, "view"), &visible)?;
        same(|| format!("evaluated set of {asker:?}"), &found.evaluated(&asker, "view"), &visible)?;
        if let Asker::Principal(id) = &asker {
            for key in &judged {
                let sees = visible.contains(*key);
                same(|| format!("whether {id:?} sees {key}"), &found.may(id, "view", key), &sees)?;
                same(|| format!("why {id:?} sees {key}"), &found.why(id, key), &sees)?;
                if sees && world.principals().any(|known| *known.id == **id) {
                    seen_by.entry(*key).or_default().insert(id.clone());
                }
            }
            same(|| format!("whether {id:?} sees what is not there"), &found.may(id, "view", &absent), &false)?;
            compare_verbs(found, world, id, &visible, &judged)?;
        }
        for _ in 0..ask.queries {
            let (query, sort) = (ask.query)(rng);
            compare_query(found, world, &answers, &asker, rng, &query, &sort)?;
        }
    }
    let everybody = world.principals().all(|known| ask.askers.iter().any(|asked| **asked == *known.id));
    if everybody {
        for key in judged {
            same(|| format!("who sees {key}"), &found.who(key), &seen_by.remove(key).unwrap_or_default())?;
        }
    }
    Ok(())
}

fn compare_rows(found: &dyn Answers, world: &World) -> Result<(), String> {
    let rows = found.rows();
    let known: BTreeSet<&TicketKey> = world.tickets().map(|(key, _)| key).collect();
    same(|| "the tickets".to_owned(), &rows.keys().collect(), &known)?;
    for (key, row) in world.tickets() {
        same(|| format!("ticket {key}"), &rows[key], row)?;
    }
    Ok(())
}

/// The other verbs of custom roles. The oracle knows presets by their `view` only.
fn compare_verbs(
    found: &dyn Answers,
    world: &World,
    id: &str,
    visible: &BTreeSet<TicketKey>,
    judged: &[&TicketKey],
) -> Result<(), String> {
    let role = world.principals().find(|known| *known.id == *id).and_then(|known| known.role.clone());
    if role.is_none_or(|role| role.contains('.')) {
        return Ok(());
    }
    let asker = Asker::Principal(id.to_owned());
    for verb in ["view_private", "edit"] {
        let allowed = world.rule(id, verb);
        let covered = world.tickets().filter(|(_, row)| allowed.covers(row)).map(|(key, _)| key.clone());
        let expected: BTreeSet<TicketKey> =
            covered.filter(|key| verb != "view_private" || visible.contains(key)).collect();
        same(|| format!("kept set of {id:?} for {verb}"), &found.kept(&asker, verb), &expected)?;
        same(|| format!("evaluated set of {id:?} for {verb}"), &found.evaluated(&asker, verb), &expected)?;
        for key in judged {
            let may = expected.contains(*key);
            same(|| format!("whether {id:?} may {verb} {key}"), &found.may(id, verb, key), &may)?;
        }
    }
    Ok(())
}

/// Whether the tenant, as it now is, takes the query and the order.
fn is_possible(world: &World, asker: &Asker, query: &oracle::Query, sort: &Sort) -> bool {
    let sortable = match &sort.by {
        SortBy::Key => true,
        SortBy::Field(name) => world.schema().field(name).is_some_and(|field| !field.many),
    };
    let asks_for_me = query.terms.iter().any(|term| matches!(term, Term::Field { test: Test::Me, .. }));
    sortable && !(asks_for_me && *asker == Asker::Admin)
}

fn compare_query(
    found: &dyn Answers,
    world: &World,
    answers: &oracle::Answers<'_>,
    asker: &Asker,
    rng: &mut Rng,
    query: &oracle::Query,
    sort: &Sort,
) -> Result<(), String> {
    if !is_possible(world, asker, query, sort) {
        return Ok(());
    }
    let text = query.to_string();
    let place = |what: &str| format!("{what} of `{text}` by `{sort}` for {asker:?}");
    let whole = answers.list(query, sort, usize::MAX, oracle::Page::From(0));
    same(|| place("count"), &found.count(asker, &text), &whole.total)?;

    let ordered = if *sort == Sort::default() && rng.bool() { text.clone() } else { format!("{text} {sort}") };
    // Few pages of a long list, all of a short one.
    let least = u32::try_from(whole.total / 5).unwrap().clamp(1, 900);
    let limit = rng.u32(least..=least + 6);
    let (mut start, mut listed) = (Start::First, Vec::new());
    loop {
        let page = found.list(asker, &ordered, start, limit);
        same(|| place("total"), &page.total, &whole.total)?;
        let full = page.keys.len() == limit as usize;
        listed.extend(page.keys);
        match page.next {
            Some(_) if !full || listed.len() > whole.total => return Err(place("pages without end")),
            Some(cursor) => start = Start::After(cursor),
            None => break,
        }
    }
    same(|| place("pages"), &listed, &whole.keys)?;
    let rank = rng.usize(..=whole.total + 1);
    let page = found.list(asker, &ordered, Start::Rank(u32::try_from(rank).unwrap()), limit);
    let expected: Vec<_> = whole.keys.iter().skip(rank).take(limit as usize).cloned().collect();
    same(|| place(&format!("page at rank {rank}")), &page.keys, &expected)?;

    let fields: Vec<String> = world
        .schema()
        .fields()
        .iter()
        .filter(|field| field.kind.is_keyword())
        .map(|field| field.name.to_string())
        .collect();
    let mut fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    rng.shuffle(&mut fields);
    fields.truncate(6);
    same(|| place("facets"), &found.facets(asker, &text, &fields), &answers.facets(query, &fields))
}
