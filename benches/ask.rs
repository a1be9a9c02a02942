//! What is asked: filters, orders and pages.

use std::ops::Bound;

use ticketscope_engine::query::{
    Page, Query, Start,
    ast::{Clause, Direction, Interval, Op, Point, Sort, SortKey, Test},
};
use ticketscope_model::{FieldId, Timestamp, fields};

/// The moment at which every query is read.
pub const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// Values from common to rare, with the share of the tickets that have them.
pub const VALUES: [(&str, FieldId, &str); 5] = [
    ("status:open (15%)", fields::STATUS, "open"),
    ("group:group-1 (15%)", fields::GROUP, "group-1"),
    ("group:group-10 (1.5%)", fields::GROUP, "group-10"),
    ("assignee:agent-1 (0.05%)", fields::ASSIGNEE, "agent-1"),
    ("requester:customer-10", fields::REQUESTER, "customer-10"),
];

/// One filter each of the kinds that help desks use most.
pub fn filters() -> Vec<(&'static str, Query)> {
    let single = VALUES.map(|(name, field, value)| (name, is(field, value)));
    let others = [
        ("status:open priority:high", is(fields::STATUS, "open").and(Clause::is(fields::PRIORITY, "high"))),
        ("tags:tag-1", is(fields::TAGS, "tag-1")),
        ("status<solved", Query::everything().and(below(fields::STATUS, Point::Rank(4)))),
        ("created in the last 30 days", Query::everything().and(since(fields::CREATED_AT, 30))),
    ];
    single.into_iter().chain(others).collect()
}

/// Tickets with one value.
pub fn is(field: FieldId, value: &str) -> Query {
    Query::everything().and(Clause::is(field, value))
}

fn below(field: FieldId, point: Point) -> Clause {
    Clause::within(field, Interval { lo: Bound::Unbounded, hi: Bound::Excluded(point) })
}

fn since(field: FieldId, days: i64) -> Clause {
    let from = Point::Date(Timestamp(NOW.0 - days * 86_400_000));
    Clause::new(Test::Field { field, op: Op::Within(Interval { lo: Bound::Included(from), hi: Bound::Unbounded }) })
}

/// Orders other than the default one.
pub fn orders() -> Vec<(&'static str, Sort)> {
    let by = |field, direction| Sort { by: SortKey::Field(field), direction };
    vec![
        ("oldest first", by(fields::CREATED_AT, Direction::Ascending)),
        ("priority", by(fields::PRIORITY, Direction::Descending)),
        ("key", Sort { by: SortKey::Key, direction: Direction::Ascending }),
    ]
}

/// A page of 50.
pub fn page(start: Start) -> Page {
    Page { start, limit: 50, asker: "bench".to_owned(), now: NOW }
}
