//! Planted bugs: the comparison that finds no difference in the engine finds each of these.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fastrand::Rng;
use ticketscope_bitmap::{SetExpr, TicketSet};
use ticketscope_engine::query;
use ticketscope_model::{TicketKey, TicketOrd, fields};
use ticketscope_query::{Snapshot, Start};
use ticketscope_scope::Scope;
use ticketscope_testkit::{
    arb::Scene,
    oracle::{Asker, Facet, Row},
};

use crate::{
    answers::{Answers, Listed, Published, Questions, compare, keys, scope},
    world::Twin,
};

/// A mistake that an engine might make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// `no field` is taken for nothing.
    IgnoresUnset,
    /// `!` complements nothing.
    IgnoresNot,
    /// Only the first value of a set counts.
    FirstValueOnly,
    /// Spam and deleted tickets are seen.
    NoLifeGate,
    /// The kept set misses the tickets that a batch moved in.
    DropsOneFlip,
    /// The kept set is that of the snapshot before.
    StaleSet,
    /// Private text is read wherever somebody says so, be the ticket seen or not.
    PrivateBesideView,
    /// Suspended people see what their role sees.
    SuspendedSee,
    /// The point check says yes to a ticket that is there.
    PointCheckKnowsExistence,
    /// Counts count hidden tickets.
    CountsHidden,
    /// Facets count hidden tickets.
    FacetsOfHidden,
    /// Facets leave out the tickets without a value.
    FacetsWithoutNone,
    /// The next page begins with the last ticket of the page before.
    RepeatsBetweenPages,
    /// Hidden tickets leave gaps in pages.
    GapsInPages,
    /// Ties break by the order of arrival.
    TiesByArrival,
    /// Pages at a rank begin one ticket late.
    RankOffByOne,
    /// Who sees a ticket leaves out one of them.
    WhoMissesOne,
    /// Why agrees with everybody.
    WhyAgrees,
    /// An unset field still shows its last value.
    KeepsUnsetField,
    /// Erased text is still there.
    KeepsText,
    /// One ticket is missing.
    LosesTicket,
}

const BUGS: &[Bug] = &[
    Bug::IgnoresUnset,
    Bug::IgnoresNot,
    Bug::FirstValueOnly,
    Bug::NoLifeGate,
    Bug::DropsOneFlip,
    Bug::StaleSet,
    Bug::PrivateBesideView,
    Bug::SuspendedSee,
    Bug::PointCheckKnowsExistence,
    Bug::CountsHidden,
    Bug::FacetsOfHidden,
    Bug::FacetsWithoutNone,
    Bug::RepeatsBetweenPages,
    Bug::GapsInPages,
    Bug::TiesByArrival,
    Bug::RankOffByOne,
    Bug::WhoMissesOne,
    Bug::WhyAgrees,
    Bug::KeepsUnsetField,
    Bug::KeepsText,
    Bug::LosesTicket,
];

/// The engine with a bug.
struct Planted<'t> {
    bug: Option<Bug>,
    real: Published<'t>,
    /// A snapshot before the last batches.
    before: Arc<Snapshot>,
    rows_before: BTreeMap<TicketKey, Row>,
    /// The cursor of the page before, and what it ended with.
    last: RefCell<Option<(String, TicketKey)>>,
}

/// A formula as an engine with the bug would make it.
fn spoil(bug: Bug, formula: SetExpr) -> SetExpr {
    let each = |parts: Vec<SetExpr>| parts.into_iter().map(|part| spoil(bug, part)).collect();
    match (bug, formula) {
        (Bug::IgnoresUnset, SetExpr::Not(inner)) if matches!(*inner, SetExpr::Has(_)) => SetExpr::None,
        (Bug::IgnoresNot, SetExpr::Not(inner)) if !matches!(*inner, SetExpr::Has(_)) => spoil(bug, *inner),
        (Bug::FirstValueOnly, SetExpr::Terms(field, mut codes)) => {
            if field != fields::LIFE {
                codes.truncate(1);
            }
            SetExpr::Terms(field, codes)
        }
        (Bug::NoLifeGate, SetExpr::Terms(fields::LIFE, _)) => SetExpr::All,
        (_, SetExpr::Not(inner)) => SetExpr::Not(Box::new(spoil(bug, *inner))),
        (_, SetExpr::And(parts)) => SetExpr::And(each(parts)),
        (_, SetExpr::Or(parts)) => SetExpr::Or(each(parts)),
        (_, other) => other,
    }
}

impl Planted<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn everything(&self) -> BTreeSet<TicketKey> {
        let index = self.real.snapshot.index();
        keys(index, index.universe())
    }

    fn is_suspended(&self, id: &str) -> bool {
        self.real.snapshot.directory().principal(id).is_some_and(|known| !known.active)
    }
}

impl Answers for Planted<'_> {
    fn rows(&self) -> BTreeMap<TicketKey, Row> {
        let mut rows = self.real.rows();
        for (key, row) in &mut rows {
            let Some(before) = self.rows_before.get(key) else { continue };
            for (name, values) in &before.fields {
                if self.has(Bug::KeepsUnsetField) && !row.fields.contains_key(name) {
                    row.fields.insert(name.clone(), values.clone());
                }
            }
            for (name, part) in &before.parts {
                if self.has(Bug::KeepsText) && !row.parts.contains_key(name) {
                    row.parts.insert(name.clone(), part.clone());
                }
            }
        }
        if self.has(Bug::LosesTicket) {
            rows.pop_last();
        }
        rows
    }

    fn kept(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey> {
        let now = self.real.kept(asker, verb);
        let index = self.before.index();
        let stale = || {
            scope(&self.before, asker, verb)
                .map_or_else(BTreeSet::new, |scope| keys(index, self.before.visible(&scope).set()))
        };
        match self.bug {
            Some(Bug::StaleSet) => stale(),
            Some(Bug::DropsOneFlip) => {
                let stale = stale();
                let dropped = now.iter().find(|key| !stale.contains(*key)).cloned();
                now.into_iter().filter(|key| Some(key) != dropped.as_ref()).collect()
            }
            _ => now,
        }
    }

    fn evaluated(&self, asker: &Asker, verb: &str) -> BTreeSet<TicketKey> {
        let snapshot = &self.real.snapshot;
        let Some(scope) = scope(snapshot, asker, verb) else { return BTreeSet::new() };
        let index = snapshot.index();
        let evaluate = |scope: &Scope| -> TicketSet {
            match self.bug {
                Some(bug) => index.eval(&spoil(bug, snapshot.formula(scope))),
                None => snapshot.evaluate(scope),
            }
        };
        match (self.bug, asker) {
            (Some(Bug::SuspendedSee), Asker::Principal(id)) if self.is_suspended(id) => {
                keys(index, &evaluate(&Scope::admin()))
            }
            (Some(Bug::PrivateBesideView), Asker::Principal(_)) if verb == "view_private" => self.everything(),
            _ => keys(index, &evaluate(&scope)),
        }
    }

    fn may(&self, principal: &str, verb: &str, key: &TicketKey) -> bool {
        let may = self.real.may(principal, verb, key);
        may || self.has(Bug::PointCheckKnowsExistence) && self.real.snapshot.index().find(key).is_some()
    }

    fn count(&self, asker: &Asker, text: &str) -> usize {
        let asker = if self.has(Bug::CountsHidden) && !text.contains(":me") { &Asker::Admin } else { asker };
        self.real.count(asker, text)
    }

    fn list(&self, asker: &Asker, text: &str, start: Start, limit: u32) -> Listed {
        let start = match start {
            Start::Rank(rank) if self.has(Bug::RankOffByOne) => Start::Rank(rank + 1),
            other => other,
        };
        let repeated = match &start {
            Start::After(cursor) => {
                self.last.borrow().as_ref().filter(|(of, _)| of == cursor).map(|(_, key)| key.clone())
            }
            Start::First | Start::Rank(_) => None,
        };
        let mut listed = self.real.list(asker, text, start, limit);
        match self.bug {
            Some(Bug::RepeatsBetweenPages) => {
                if let Some(key) = repeated {
                    listed.keys.insert(0, key);
                }
            }
            Some(Bug::GapsInPages) if listed.keys.len() > 2 => {
                listed.keys.remove(1);
            }
            Some(Bug::TiesByArrival) => {
                let (snapshot, scope) = (&self.real.snapshot, scope(&self.real.snapshot, asker, "view"));
                let query = self.real.parse(asker, text);
                let found = scope.map(|scope| query::matching(snapshot, &scope, &query).unwrap());
                // As if all had the same value to be ordered by.
                if found.as_ref().is_some_and(|found| found.len() as usize == listed.keys.len())
                    && !text.contains("order_by:id")
                {
                    let arrival = |key: &TicketKey| snapshot.index().find(key).map(|TicketOrd(ord)| ord);
                    listed.keys.sort_by_key(arrival);
                }
            }
            _ => {}
        }
        *self.last.borrow_mut() = listed.next.clone().zip(listed.keys.last().cloned());
        listed
    }

    fn facets(&self, asker: &Asker, text: &str, fields: &[&str]) -> BTreeMap<String, Facet> {
        let asker = if self.has(Bug::FacetsOfHidden) && !text.contains(":me") { &Asker::Admin } else { asker };
        let mut facets = self.real.facets(asker, text, fields);
        if self.has(Bug::FacetsWithoutNone) {
            for facet in facets.values_mut() {
                facet.none = 0;
            }
        }
        facets
    }

    fn who(&self, key: &TicketKey) -> BTreeSet<String> {
        let mut who = self.real.who(key);
        if self.has(Bug::WhoMissesOne) {
            who.pop_first();
        }
        who
    }

    fn why(&self, principal: &str, key: &TicketKey) -> bool {
        self.real.why(principal, key) || self.has(Bug::WhyAgrees)
    }
}

/// Plants the bug in the random tenant of `seed` and answers the difference that the comparison finds.
fn find(bug: Option<Bug>, seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let (setup, history) = (scene.setup(rng), scene.history(rng, 30));
    twin.play(rng, &setup, &mut |_, _| Ok(()))?;
    let before = Published::new(twin.tenant(), scene.now);
    let (snapshot, rows_before) = (Arc::clone(&before.snapshot), before.rows());
    twin.play(rng, &history, &mut |_, _| Ok(()))?;
    let real = Published::new(twin.tenant(), scene.now);
    let planted = Planted { bug, real, before: snapshot, rows_before, last: RefCell::default() };
    let questions = Questions {
        askers: scene.askers().map(str::to_owned).collect(),
        queries: 3,
        query: &|rng| (scene.query(rng), scene.sort(rng)),
        judged: usize::MAX,
        rows: true,
    };
    compare(&planted, &twin.world, scene.now, rng, &questions)
}

/// Random tenants in which each bug must show.
const ROUNDS: u64 = 60;

#[test]
fn every_planted_bug_is_found() {
    let missed: Vec<Bug> =
        BUGS.iter().copied().filter(|bug| (1..=ROUNDS).all(|seed| find(Some(*bug), seed).is_ok())).collect();
    assert_eq!(missed, [], "not found in {ROUNDS} tenants");
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 1..=ROUNDS {
        assert_eq!(find(None, seed), Ok(()), "seed {seed}");
    }
}
