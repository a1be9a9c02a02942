//! A small help desk in the engine, asked through every door at once.

use std::{collections::BTreeSet, sync::Arc};

use tempfile::TempDir;
use ticketscope_engine::{Ack, Engine, Tenant, storage::TenantId};
use ticketscope_model::{Change, TicketKey, Timestamp};
use ticketscope_query::Start;
use ticketscope_testkit::oracle::Asker;

use crate::{
    answers::{Answers, Published},
    world::directory,
};

/// A tenant in a directory of its own.
pub(crate) struct Desk {
    tenant: Arc<Tenant>,
    _engine: Engine,
    _directory: TempDir,
}

fn asker(id: &str) -> Asker {
    Asker::Principal(id.to_owned())
}

impl Desk {
    pub(crate) fn new(changes: &[Change]) -> Self {
        let directory = directory();
        let engine = Engine::open(directory.path()).unwrap();
        let tenant = engine.create_tenant(&TenantId::parse("desk").unwrap()).unwrap();
        let desk = Self { tenant, _engine: engine, _directory: directory };
        desk.apply(changes);
        desk
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Applies changes that none of which is refused.
    pub(crate) fn apply(&self, changes: &[Change]) -> Ack {
        self.tenant.submit(changes.to_vec()).unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    pub(crate) fn published(&self) -> Published<'_> {
        Published::new(&self.tenant, Timestamp::parse("2026-03-31T12:00:00Z").unwrap())
    }

    /// Ids of the tickets on which a principal may do a verb, by every way to ask: the kept set, the evaluated one and
    /// the point check must agree.
    pub(crate) fn may(&self, id: &str, verb: &str) -> Vec<i64> {
        let found = self.published();
        let kept = found.kept(&asker(id), verb);
        assert_eq!(kept, found.evaluated(&asker(id), verb), "{id} {verb}: kept and evaluated");
        let judged: BTreeSet<TicketKey> = found.rows().into_keys().filter(|key| found.may(id, verb, key)).collect();
        assert_eq!(kept, judged, "{id} {verb}: kept and judged one by one");
        ids(kept)
    }

    /// Ids of the tickets that a principal sees, by every way to ask: also list, search, count, facets, who and why
    /// must agree.
    pub(crate) fn sees(&self, id: &str) -> Vec<i64> {
        let found = self.published();
        let sees = self.may(id, "view");
        let listed = found.list(&asker(id), "order_by:id sort:asc", Start::First, 1000);
        assert_eq!(listed.total, sees.len(), "{id}: total");
        assert_eq!(ids(listed.keys), sees, "{id}: list");
        assert_eq!(found.count(&asker(id), ""), sees.len(), "{id}: count");
        let facet = &found.facets(&asker(id), "", &["life"])["life"];
        let counted = facet.values.iter().map(|(_, count)| count).sum::<usize>() + facet.none;
        assert_eq!(counted, sees.len(), "{id}: facets");
        for key in found.rows().into_keys() {
            let TicketKey::Int(number) = key else { panic!("the tickets of a desk have numbers") };
            let visible = sees.contains(&number);
            assert_eq!(found.who(&key).contains(id), visible, "who sees {key}");
            assert_eq!(found.why(id, &key), visible, "why {id} sees {key}");
            assert_eq!(found.count(&asker(id), &number.to_string()), usize::from(visible), "{id} searches {key}");
        }
        sees
    }

    /// Ids of the visible tickets that match, in order of ids.
    pub(crate) fn finds(&self, id: &str, query: &str) -> Vec<i64> {
        let found = self.published();
        let listed = found.list(&asker(id), &format!("{query} order_by:id sort:asc"), Start::First, 1000);
        assert_eq!(found.count(&asker(id), query), listed.total, "{id}: count of {query}");
        ids(listed.keys)
    }

    /// The values of a field among the visible tickets, and how many have none.
    pub(crate) fn facet(&self, id: &str, field: &str) -> (Vec<(String, usize)>, usize) {
        let facet = self.published().facets(&asker(id), "", &[field]).remove(field).unwrap();
        (facet.values, facet.none)
    }
}

fn ids(keys: impl IntoIterator<Item = TicketKey>) -> Vec<i64> {
    let numbers = keys.into_iter().map(|key| match key {
        TicketKey::Int(number) => number,
        TicketKey::Text(text) => panic!("the tickets of a desk have numbers: {text}"),
    });
    numbers.collect()
}
