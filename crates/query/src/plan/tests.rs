use std::sync::Arc;

use bitmap::TicketBatch;
use model::{FieldId, Opstamp, Schema, TicketKey, Timestamp, Value, fields};
use scope::{Directory, Scope};
use ticketscope_scope as scope;

use super::*;
use crate::{
    Page, Snapshot, Start,
    ast::{Clause, Query},
    index_of, list, list_with,
};

const TICKETS: u32 = 20_000;

/// Tickets of which the later are the newer, `matching` of them solved: the oldest, or spread over all.
fn snapshot(matching: u32, oldest: bool) -> Snapshot {
    let schema = Arc::new(Schema::builtin());
    let keyword = |value: &str| vec![Value::Keyword(value.into())];
    let is_solved = |ord: u32| if oldest { ord < matching } else { ord.is_multiple_of(TICKETS / matching) };
    let mut sets: Vec<(FieldId, bitmap::FieldSets)> = vec![
        (fields::LIFE, (0..TICKETS).map(|ord| (ord, keyword("live"))).collect()),
        (
            fields::STATUS,
            (0..TICKETS).map(|ord| (ord, keyword(if is_solved(ord) { "solved" } else { "open" }))).collect(),
        ),
        (fields::UPDATED_AT, (0..TICKETS).map(|ord| (ord, vec![Value::Date(Timestamp(ord.into()))])).collect()),
    ];
    sets.sort_by_key(|(field, _)| *field);
    let created = (0..i64::from(TICKETS)).map(TicketKey::Int).collect();
    let index = index_of(&schema, &TicketBatch { created, erased: vec![], sets });
    Snapshot::new(Opstamp(1), Arc::clone(&schema), index, Directory::new(schema), [0; 32])
}

#[test]
fn a_walk_that_finds_too_little_ends_in_a_selection_of_the_same_page() {
    let query = Query::everything().and(Clause::is(fields::STATUS, "solved"));
    for (matching, oldest, expected) in [(1_000, false, ListPlan::Walk), (1_000, true, ListPlan::Select)] {
        let snapshot = snapshot(matching, oldest);
        for start in [Start::First, Start::Rank(3)] {
            let page = Page { start, limit: 50, asker: "anna".to_owned(), now: Timestamp(0) };
            // Before and after the values of the status are counted once and for all.
            for _ in 0..40 {
                let found = list(&snapshot, Scope::admin(), &query, &page).unwrap();
                assert_eq!((found.plan, found.total, found.hits.len()), (expected, matching, 50));
                for plan in [ListPlan::Walk, ListPlan::Select] {
                    let forced = list_with(&snapshot, Scope::admin(), &query, &page, plan).unwrap();
                    assert_eq!((&forced.hits, forced.total, &forced.next), (&found.hits, found.total, &found.next));
                }
            }
        }
    }
}
