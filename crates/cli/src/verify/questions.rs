//! Questions of one asker, and the comparison of the engine's answers with the oracle's.

use std::collections::BTreeSet;

use fastrand::Rng;
use ticketscope_bitmap::Index;
use ticketscope_model::{FieldId, TicketKey, TicketOrd, Timestamp};
use ticketscope_query::{
    self as query, AnswerError, Page, Query, Snapshot, Start,
    parse::{Context, MIN_PREFIX_CHARS, QueryErrorKind, parse},
    scope::VIEW,
};
use ticketscope_testkit::oracle::{
    Answers, Page as OraclePage, Query as OracleQuery, Sort, World,
    text::{Library, Ranked},
};

use super::{
    About,
    askers::Who,
    draw::{Asked, Draw},
    words::{Vocabulary, has_short_prefix},
    written::Written,
};

/// Rows of a page of a query that somebody wrote.
const WRITTEN_LIMIT: u32 = 50;

/// What is asked about, by the engine and by the oracle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) rebuilt: &'a Index,
    pub(super) world: &'a World,
    pub(super) library: &'a Library,
    pub(super) vocabulary: &'a Vocabulary<'a>,
}

/// Asks one asker's questions of the engine and of the oracle.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    snapshot: &'a Snapshot,
    rebuilt: &'a Index,
    who: &'a Who,
    answers: Answers<'a>,
    draw: Draw<'a>,
}

/// How a question went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    /// Whether it finds any ticket.
    pub(super) has_hits: bool,
    /// What the engine answers otherwise than the oracle, and how to ask again.
    pub(super) differences: Vec<String>,
}

/// A ticket of a list, and the bits of its score if the list is by relevance.
type Row = (TicketKey, Option<u32>);

impl<'a> Examiner<'a> {
    pub(super) fn new(data: Data<'a>, who: &'a Who) -> Self {
        let Data { snapshot, rebuilt, world, library, vocabulary } = data;
        // Ages count back from a moment at which they tell tickets apart: a while after the newest one.
        let newest = rebuilt.order(newest_first()).and_then(|order| order.iter_from(0).next());
        let newest = newest.and_then(|ord| rebuilt.field(newest_first())?.number(ord)).unwrap_or(0);
        let now = Timestamp(newest + 3_600_000);
        let ords = rebuilt.universe().iter().collect();
        let (schema, has_me) = (snapshot.schema(), who.principal.is_some());
        let answers = world.answers(who.asker(), now).with_lent_library(library);
        let visible = answers.visible().collect();
        let draw = Draw { schema, rebuilt, vocabulary, ords, visible, now, has_me };
        Self { snapshot, rebuilt, who, answers, draw }
    }

    /// Compares the visible set with the oracle's, and with the point check of every ticket.
    pub(super) fn visible_set(&self) -> Vec<String> {
        let visible = self.snapshot.visible(&self.who.access.view);
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
        let wrong = self.draw.ords.iter().find(|ord| {
            let checked = directory.point_check(&fact.id, VIEW, &self.rebuilt.ticket(TicketOrd(**ord)));
            checked != Ok(visible.set().contains(TicketOrd(**ord)))
        });
        if let Some(ord) = wrong {
            let key = self.rebuilt.key(TicketOrd(*ord));
            found.push(format!("{}: list and point check disagree on ticket {key}", self.who.name()));
        }
        found
    }

    /// Asks the question of `seed`.
    pub(super) fn question(&self, seed: u64, about: About) -> Outcome {
        // Other numbers than those that chose the asker.
        let mut rng = Rng::with_seed(!seed);
        let asked = self.draw.question(&mut rng, about);
        let sort = asked.sort.as_ref().map_or(String::new(), Sort::to_string);
        let text = format!("{} {sort}", asked.query);
        let again = format!("--seed {seed} --{} 1", about.option());
        self.outcome(&asked, text.trim(), &again, &mut rng)
    }

    /// Asks a query that somebody wrote.
    pub(super) fn written(&self, written: &Written) -> Outcome {
        let mut rng = Rng::with_seed(written.line);
        let (query, facets) = (written.query.clone(), self.draw.facets(&mut rng));
        let asked = Asked { query, sort: None, facets, limit: WRITTEN_LIMIT };
        self.outcome(&asked, &written.text, &format!("query of line {}", written.line), &mut rng)
    }

    fn outcome(&self, asked: &Asked, text: &str, again: &str, rng: &mut Rng) -> Outcome {
        let found = self.compare(asked, text, rng);
        let told = |what| format!("{again}: {} asks `{text}`: {what}", self.who.name());
        Outcome { has_hits: self.answers.count(&asked.query) > 0, differences: found.into_iter().map(told).collect() }
    }

    fn compare(&self, asked: &Asked, text: &str, rng: &mut Rng) -> Vec<String> {
        let is_refused = has_short_prefix(&asked.query, MIN_PREFIX_CHARS);
        let engine = match parse(text, &self.context()) {
            Ok(_) if is_refused => return vec!["the engine takes a prefix that is too short".to_owned()],
            Ok(engine) => engine,
            Err(error) if is_refused && matches!(error.kind, QueryErrorKind::ShortPrefix { .. }) => return Vec::new(),
            Err(error) => return vec![format!("the engine refuses it: {error}")],
        };
        match self.answer(asked, &engine, text, rng) {
            Ok(found) => found,
            Err(AnswerError::NoWords { .. }) if self.answers.is_wordless(&asked.query) => Vec::new(),
            Err(error) => vec![format!("the engine has no answer: {error}")],
        }
    }

    fn context(&self) -> Context<'_> {
        let context = Context::new(self.snapshot.schema(), self.draw.now);
        match &self.who.principal {
            Some(fact) => context.asked_by(&fact.id),
            None => context,
        }
    }

    /// Compares count, pages by every plan, and facets; what is ranked by its words is also listed newest first.
    fn answer(&self, asked: &Asked, engine: &Query, text: &str, rng: &mut Rng) -> Result<Vec<String>, AnswerError> {
        let counted = query::count(self.snapshot, &self.who.access, engine)?;
        if self.answers.is_wordless(&asked.query) {
            return Ok(vec![format!("the engine counts {counted}, but there is no word to look for")]);
        }
        let mut found = Vec::new();
        let total = self.answers.count(&asked.query);
        if counted as usize != total {
            found.push(format!("the engine counts {counted}, the oracle {total}"));
        }
        let rank = u32::try_from(rng.usize(..total + 3)).unwrap_or(u32::MAX);
        let pages = Pages { limit: asked.limit, rank };
        if asked.sort.is_none() && asked.query.is_ranked() {
            let ranked = self.answers.ranked(&asked.query).into_iter();
            let ranked: Vec<Row> = ranked.map(|Ranked { key, score }| (key.clone(), Some(score.to_bits()))).collect();
            found.extend(self.list(engine, &ranked, pages)?);
            let newest = Sort::default();
            match parse(&format!("{text} {newest}"), &self.context()) {
                Ok(engine) => found.extend(self.list(&engine, &self.sorted(&asked.query, &newest), pages)?),
                Err(error) => found.push(format!("the engine refuses it newest first: {error}")),
            }
        } else {
            let sort = asked.sort.clone().unwrap_or_default();
            found.extend(self.list(engine, &self.sorted(&asked.query, &sort), pages)?);
        }
        found.extend(self.facets(asked, engine)?);
        Ok(found)
    }

    /// The oracle's list in an order other than relevance.
    fn sorted(&self, query: &OracleQuery, sort: &Sort) -> Vec<Row> {
        let listed = self.answers.list(query, sort, usize::MAX, OraclePage::From(0));
        listed.keys.into_iter().map(|key| (key, None)).collect()
    }

    /// Compares the first page, the page at a rank, and the page after each, by every plan.
    fn list(&self, engine: &Query, oracle: &[Row], pages: Pages) -> Result<Vec<String>, AnswerError> {
        let Pages { limit, rank } = pages;
        let mut found = Vec::new();
        for plan in query::plans(engine) {
            for start in [Start::First, Start::Rank(rank)] {
                let from = if start == Start::First { 0 } else { rank as usize };
                let ask = |start| {
                    let page = Page { start, limit, asker: self.who.name().to_owned(), now: self.draw.now };
                    query::list_with(self.snapshot, &self.who.access, engine, &page, plan)
                };
                let listing = ask(start)?;
                let place = format!("from rank {from} by {plan:?}");
                found.extend(page_differs(oracle, from, limit, &listing, &place));
                if let Some(next) = listing.next {
                    let place = format!("{place}, next page");
                    found.extend(page_differs(oracle, from + limit as usize, limit, &ask(Start::After(next))?, &place));
                }
            }
        }
        Ok(found)
    }

    fn facets(&self, asked: &Asked, engine: &Query) -> Result<Vec<String>, AnswerError> {
        let mut found = Vec::new();
        let (_, facets) = query::facets(self.snapshot, &self.who.access, engine, &asked.facets, usize::MAX)?;
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

    fn name(&self, field: FieldId) -> &'a str {
        let schema = self.snapshot.schema();
        schema.by_id(field).map_or("", |def| &*def.name)
    }
}

/// Which pages of a list are compared.
#[derive(Debug, Clone, Copy)]
struct Pages {
    limit: u32,
    rank: u32,
}

/// What a page of the engine has otherwise than the oracle's list.
fn page_differs(oracle: &[Row], from: usize, limit: u32, listing: &query::Listing<'_>, place: &str) -> Option<String> {
    let until = oracle.len().min(from + limit as usize);
    let expected = oracle.get(from..until).unwrap_or_default();
    if listing.total as usize != oracle.len() {
        return Some(format!("page {place}: total {} instead of {}", listing.total, oracle.len()));
    }
    if listing.next.is_some() != (until < oracle.len() && from < oracle.len()) {
        return Some(format!("page {place}: it is wrong about a next page"));
    }
    let rows: Vec<Row> = listing.hits.iter().map(|hit| (hit.key.clone(), hit.score.map(f32::to_bits))).collect();
    if rows == expected {
        return None;
    }
    Some(format!("page {place}: {} instead of {}", shown(&rows), shown(expected)))
}

fn shown(rows: &[Row]) -> String {
    let row = |(key, score): &Row| match score {
        Some(bits) => format!("{key}={}", f32::from_bits(*bits)),
        None => key.to_string(),
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// The field of the order that tells the newest ticket.
fn newest_first() -> FieldId {
    ticketscope_bitmap::ORDERED[0]
}
