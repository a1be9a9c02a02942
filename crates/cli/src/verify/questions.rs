//! Random questions about the live data, and the comparison of two answers.

use std::collections::BTreeSet;

use fastrand::Rng;
use ticketscope_bitmap::{FieldIndex, Index, number_from_key};
use ticketscope_model::{FieldDef, FieldId, FieldKind, TicketKey, TicketOrd, Timestamp};
use ticketscope_query::{
    self as query, Page, Query, Snapshot, Start,
    parse::{Context, parse},
    scope::VIEW,
};
use ticketscope_testkit::oracle::{
    Answers, Op, Operand, Page as OraclePage, Query as OracleQuery, Sort, SortBy, Term, Test, Unit, World, needs_quotes,
};

use super::askers::Who;

/// Longer values are not asked for, as a query has a limit.
const MAX_ASKED_BYTES: usize = 200;

/// Asks one asker's questions of the engine and of the oracle.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    snapshot: &'a Snapshot,
    rebuilt: &'a Index,
    who: &'a Who,
    answers: Answers<'a>,
    now: Timestamp,
    ords: Vec<u32>,
}

/// A question in the oracle's terms.
#[derive(Debug)]
struct Asked {
    query: OracleQuery,
    sort: Option<Sort>,
    facets: Vec<FieldId>,
    limit: u32,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, rebuilt: &'a Index, world: &'a World, who: &'a Who) -> Self {
        // Ages count back from a moment at which they tell tickets apart: a while after the newest one.
        let newest = rebuilt.order(newest_first()).and_then(|order| order.iter_from(0).next());
        let newest = newest.and_then(|ord| rebuilt.field(newest_first())?.number(ord)).unwrap_or(0);
        let now = Timestamp(newest + 3_600_000);
        let ords = rebuilt.universe().iter().collect();
        Self { snapshot, rebuilt, who, answers: world.answers(who.asker(), now), now, ords }
    }

    /// Compares the visible set with the oracle's, and with the point check of every ticket.
    pub(super) fn visible_set(&self) -> Vec<String> {
        let visible = self.snapshot.visible(&self.who.scope);
        let index = self.snapshot.index();
        let listed: BTreeSet<TicketKey> = visible.set().iter().map(|ord| index.key(TicketOrd(ord))).collect();
        let oracle: BTreeSet<TicketKey> = self.answers.visible().cloned().collect();
        let mut found = Vec::new();
        if let Some(key) = listed.symmetric_difference(&oracle).next() {
            let which = if listed.contains(key) { "engine" } else { "oracle" };
            found.push(format!("{}: ticket {key} is visible to the {which} only", self.who.name()));
        }
        let Some(fact) = &self.who.principal else { return found };
        let directory = self.snapshot.directory();
        let wrong = self.ords.iter().find(|ord| {
            let checked = directory.point_check(&fact.id, VIEW, &self.rebuilt.ticket(TicketOrd(**ord)));
            checked != Ok(visible.set().contains(TicketOrd(**ord)))
        });
        if let Some(ord) = wrong {
            let key = self.rebuilt.key(TicketOrd(*ord));
            found.push(format!("{}: list and point check disagree on ticket {key}", self.who.name()));
        }
        found
    }

    /// Asks the question of `seed`; what differs begins with the way to ask it again.
    pub(super) fn question(&self, seed: u64) -> Vec<String> {
        let mut rng = Rng::with_seed(seed);
        // The first number chose the asker.
        rng.u64(..);
        let asked = self.random(&mut rng);
        let sort = asked.sort.as_ref().map_or(String::new(), Sort::to_string);
        let text = format!("{} {sort}", asked.query);
        let found = self.compare(&asked, text.trim(), &mut rng);
        let again = format!("--seed {seed} --questions 1: {} asks `{}`", self.who.name(), text.trim());
        found.into_iter().map(|what| format!("{again}: {what}")).collect()
    }

    fn compare(&self, asked: &Asked, text: &str, rng: &mut Rng) -> Vec<String> {
        let context = Context::new(self.snapshot.schema(), self.now);
        let context = match &self.who.principal {
            Some(fact) => context.asked_by(&fact.id),
            None => context,
        };
        let engine = match parse(text, &context) {
            Ok(engine) => engine,
            Err(error) => return vec![format!("the engine refuses it: {error}")],
        };
        let sort = asked.sort.clone().unwrap_or_default();
        let oracle = self.answers.list(&asked.query, &sort, usize::MAX, OraclePage::From(0)).keys;
        match self.answer(asked, &engine, &oracle, rng) {
            Ok(found) => found,
            Err(error) => vec![format!("the engine has no answer: {error}")],
        }
    }

    /// Compares count, pages by every plan, and facets.
    fn answer(
        &self,
        asked: &Asked,
        engine: &Query,
        oracle: &[TicketKey],
        rng: &mut Rng,
    ) -> Result<Vec<String>, query::AnswerError> {
        let (snapshot, scope) = (self.snapshot, &self.who.scope);
        let mut found = Vec::new();
        let total = oracle.len();
        let counted = query::count(snapshot, scope, engine)?;
        if counted as usize != total {
            found.push(format!("the engine counts {counted}, the oracle {total}"));
        }
        let rank = u32::try_from(rng.usize(..total + 3)).unwrap_or(u32::MAX);
        for plan in query::plans(engine) {
            for start in [Start::First, Start::Rank(rank)] {
                let from = if start == Start::First { 0 } else { rank as usize };
                let listing = query::list_with(snapshot, scope, engine, &self.page(start, asked.limit), plan)?;
                let place = format!("from rank {from} by {plan:?}");
                found.extend(page_differs(oracle, from, asked.limit, &listing, &place));
                if let Some(next) = listing.next {
                    let page = self.page(Start::After(next), asked.limit);
                    let listing = query::list_with(snapshot, scope, engine, &page, plan)?;
                    let place = format!("{place}, next page");
                    found.extend(page_differs(oracle, from + asked.limit as usize, asked.limit, &listing, &place));
                }
            }
        }
        let (_, facets) = query::facets(snapshot, scope, engine, &asked.facets, usize::MAX)?;
        for facet in facets {
            let name = self.name(facet.field);
            let expected = self.answers.facets(&asked.query, &[name]).remove(name).unwrap_or_default();
            let values = expected.values.into_iter().map(|(value, count)| (Some(value), count));
            let expected: Vec<_> = values.chain([(None, expected.none)]).collect();
            let rows: Vec<_> = facet.rows.into_iter().map(|row| (row.value, row.count as usize)).collect();
            if rows != expected {
                let at = rows.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(rows.len().min(expected.len()));
                let (row, wanted) = (rows.get(at), expected.get(at));
                found.push(format!("facet {name}, row {at}: the engine says {row:?}, the oracle {wanted:?}"));
            }
        }
        Ok(found)
    }

    fn page(&self, start: Start, limit: u32) -> Page {
        Page { start, limit, asker: self.who.name().to_owned(), now: self.now }
    }

    fn random(&self, rng: &mut Rng) -> Asked {
        let mut terms = Vec::new();
        for _ in 0..pick(rng, &[0, 1, 1, 1, 2, 2, 3]) {
            let has_id = terms.iter().any(|term| matches!(term, Term::Id { .. }));
            if rng.u32(..12) == 0 && !has_id {
                terms.extend(self.random_id(rng));
            } else if let Some(field) = self.random_field(rng, |_| true) {
                for _ in 0..pick(rng, &[1, 1, 1, 2]) {
                    let test = self.random_test(rng, field);
                    terms.push(Term::Field { negated: rng.u32(..5) == 0, key: field.name.to_string(), test });
                }
            }
        }
        let facets = (0..rng.usize(..3)).filter_map(|_| self.random_field(rng, |def| def.kind.is_keyword()));
        let facets = facets.map(|def| def.id).collect();
        let sort = (rng.u32(..10) >= 3).then(|| self.random_sort(rng));
        Asked { query: OracleQuery::of(terms), sort, facets, limit: rng.u32(1..=40) }
    }

    fn random_id(&self, rng: &mut Rng) -> Option<Term> {
        match self.rebuilt.key(TicketOrd(self.random_ord(rng)?)) {
            TicketKey::Int(id) if id >= 0 => Some(Term::Id { negated: rng.u32(..4) == 0, id }),
            TicketKey::Int(_) | TicketKey::Text(_) => None,
        }
    }

    fn random_sort(&self, rng: &mut Rng) -> Sort {
        let by_field = self.random_field(rng, |def| !def.many && def.kind != FieldKind::Text);
        match by_field.filter(|_| rng.u32(..10) > 0) {
            Some(field) => Sort::by_field(&field.name, rng.bool()),
            None => Sort { by: SortBy::Key, descending: rng.bool() },
        }
    }

    /// A field that tickets have, and now and then one that none has.
    fn random_field(&self, rng: &mut Rng, wanted: impl Fn(&FieldDef) -> bool) -> Option<&'a FieldDef> {
        let schema = self.snapshot.schema();
        let any = rng.u32(..20) == 0;
        let suits = |def: &&FieldDef| def.kind != FieldKind::Text && wanted(def);
        let held = |def: &&FieldDef| any || self.column(def.id).is_some();
        let fields: Vec<&FieldDef> = schema.fields().iter().filter(suits).filter(held).collect();
        fields.get(rng.usize(..fields.len().max(1))).copied()
    }

    fn random_test(&self, rng: &mut Rng, field: &FieldDef) -> Test {
        match rng.u32(..12) {
            0 => return Test::None,
            1 => return Test::Any,
            _ => {}
        }
        let compare =
            |rng: &mut Rng, with| Test::Compare(pick(rng, &[Op::Less, Op::AtMost, Op::Greater, Op::AtLeast]), with);
        match field.kind {
            FieldKind::Date if rng.u32(..4) == 0 => {
                let units = [Unit::Minutes, Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months, Unit::Years];
                let ago = Operand::Ago(rng.u32(1..60), pick(rng, &units));
                compare(rng, ago)
            }
            FieldKind::Date => {
                let moment = Timestamp(self.random_number(rng, field.id).unwrap_or(self.now.0)).to_string();
                // A bare date, where the year has four digits.
                let day = rng.bool().then(|| moment.get(..10).filter(|_| moment.find('T') == Some(10))).flatten();
                let text = day.map_or(moment.clone(), str::to_owned);
                if rng.u32(..3) > 0 { compare(rng, Operand::Literal(text)) } else { is(text) }
            }
            FieldKind::Number => {
                let number = number_from_key(self.random_number(rng, field.id).unwrap_or(0)).to_string();
                if rng.u32(..3) > 0 { compare(rng, Operand::Literal(number)) } else { is(number) }
            }
            FieldKind::Principal if self.who.principal.is_some() && rng.u32(..10) < 3 => Test::Me,
            _ if !field.order.is_empty() && rng.u32(..10) < 4 => {
                let word = Operand::Literal(pick(rng, field.order).to_owned());
                compare(rng, word)
            }
            FieldKind::Flag => is(if rng.bool() { "true" } else { "false" }.to_owned()),
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree | FieldKind::Text => {
                let value = self.random_value(rng, field.id);
                is(match rng.u32(..12) {
                    0 => value.to_uppercase(),
                    1 => value.to_lowercase(),
                    2 => "no ticket has this".to_owned(),
                    _ => value,
                })
            }
        }
    }

    fn random_ord(&self, rng: &mut Rng) -> Option<u32> {
        self.ords.get(rng.usize(..self.ords.len().max(1))).copied()
    }

    fn random_number(&self, rng: &mut Rng, field: FieldId) -> Option<i64> {
        let ord = self.random_ord(rng)?;
        self.column(field)?.number(ord)
    }

    /// A value that some ticket has or had: of a random ticket, so that frequent ones are frequent, or any.
    fn random_value(&self, rng: &mut Rng, field: FieldId) -> String {
        let Some(column) = self.column(field) else { return "nothing".to_owned() };
        let mut codes = Vec::new();
        if let Some(ord) = self.random_ord(rng).filter(|_| rng.bool()) {
            column.for_each_code(ord, |code| codes.push(code));
        }
        if codes.is_empty() && column.codes() > 0 {
            codes.push(rng.u32(..column.codes()));
        }
        let values = codes.iter().map(|code| column.value_of(*code)).filter(|value| value.len() <= MAX_ASKED_BYTES);
        let values: Vec<&str> = values.collect();
        values.get(rng.usize(..values.len().max(1))).map_or_else(|| "nothing".to_owned(), |value| (*value).to_owned())
    }

    fn column(&self, field: FieldId) -> Option<&'a FieldIndex> {
        self.rebuilt.field(field).filter(|column| !column.has().is_empty())
    }

    fn name(&self, field: FieldId) -> &'a str {
        let schema = self.snapshot.schema();
        schema.by_id(field).map_or("", |def| &*def.name)
    }
}

/// What a page of the engine has otherwise than the oracle's list.
fn page_differs(
    oracle: &[TicketKey],
    from: usize,
    limit: u32,
    listing: &query::Listing,
    place: &str,
) -> Option<String> {
    let until = oracle.len().min(from + limit as usize);
    let expected = oracle.get(from..until).unwrap_or_default();
    let keys: Vec<&TicketKey> = listing.hits.iter().map(|hit| &hit.key).collect();
    if listing.total as usize != oracle.len() {
        return Some(format!("page {place}: total {} instead of {}", listing.total, oracle.len()));
    }
    if listing.next.is_some() != (until < oracle.len() && from < oracle.len()) {
        return Some(format!("page {place}: it is wrong about a next page"));
    }
    if keys.iter().copied().eq(expected) {
        return None;
    }
    let keys: Vec<String> = keys.into_iter().map(TicketKey::to_string).collect();
    let expected: Vec<String> = expected.iter().map(TicketKey::to_string).collect();
    Some(format!("page {place}: {} instead of {}", keys.join(" "), expected.join(" ")))
}

/// The field of the order that tells the newest ticket.
fn newest_first() -> FieldId {
    ticketscope_bitmap::ORDERED[0]
}

fn is(value: String) -> Test {
    let quoted = needs_quotes(&value);
    Test::Is { value, quoted }
}

/// One of a list that is not empty.
fn pick<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    list[rng.usize(..list.len())]
}
