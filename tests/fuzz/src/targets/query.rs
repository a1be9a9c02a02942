//! The text of a query, and the cursor of its next page.

use std::sync::{Arc, LazyLock};

use ticketscope_bitmap::TicketBatch;
use ticketscope_model::{Opstamp, Schema, TicketKey, Value, fields};
use ticketscope_query::{
    Access, AnswerError, Page, Query, Snapshot, Start, count, cursor_clock, index_of, list, matching,
    parse::{Context, Limits, parse, parse_sort},
};
use ticketscope_scope::Directory;

use crate::{
    choices::{Choices, tampered},
    desk::{NOW, SCHEMA},
};

/// Tickets without text.
static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let schema: Schema = SCHEMA.clone();
    let keyword = |text: &str| vec![Value::Keyword(text.into())];
    let mut batch = TicketBatch {
        created: vec![7.into(), 8.into(), TicketKey::Text("A-9".into()), 10.into()],
        erased: vec![],
        sets: vec![
            (fields::LIFE, (0..4).map(|ord| (ord, keyword("live"))).collect()),
            (fields::STATUS, vec![(0, keyword("open")), (1, keyword("Open")), (2, keyword("closed"))]),
            (fields::TAGS, vec![(0, vec![Value::Keyword("a".into()), Value::Keyword("b".into())]), (2, keyword("a"))]),
            (fields::ASSIGNEE, vec![(1, keyword("ann")), (3, keyword("none"))]),
            (fields::UPDATED_AT, vec![(0, vec![Value::Date(NOW)]), (1, vec![Value::Date(NOW)])]),
        ],
    };
    batch.sets.sort_by_key(|(field, _)| *field);
    let index = index_of(&schema, &batch);
    let directory = Directory::new(Arc::new(schema.clone()));
    Snapshot::new(Opstamp(1), Arc::new(schema), index, directory, [7; 32])
});

fn context() -> Context<'static> {
    Context::new(&SCHEMA, NOW).asked_by("ann")
}

/// A query that is read prints as a text that is read as the same, keeps the limits, and is answered by count and list
/// alike; one that is refused says where, inside the text and on whole characters.
pub(crate) fn query(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(error) = parse_sort(&SCHEMA, text) {
        assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
    }
    let query = match parse(text, &context()) {
        Ok(query) => query.without_spans(),
        Err(error) => {
            assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control) && shown.len() < 2000, "{shown:?}");
            return;
        }
    };
    let limits = Limits::default();
    assert_eq!(query.check(&SCHEMA, &limits), Ok(()));
    let printed = query.to_text(&SCHEMA);
    // A printed date is longer than an age.
    let again = parse(&printed, &context().within(Limits { bytes: 1 << 20, ..limits }));
    let again = again.unwrap_or_else(|error| panic!("printed as {printed:?}: {error}")).without_spans();
    assert_eq!(again, query, "printed as {printed:?}");
    answers_agree(&query);
}

fn answers_agree(query: &Query) {
    let page = Page { start: Start::First, limit: 10, asker: "ann".into(), now: NOW };
    let counted = match count(&SNAPSHOT, Access::admin(), query) {
        Ok(counted) => counted,
        // Words are asked of an index of text, which is not there.
        Err(error) => {
            assert!(query.asks_for_words(), "{error:?}");
            return;
        }
    };
    let listed = list(&SNAPSHOT, Access::admin(), query, &page).expect("what is counted is listed");
    let found = matching(&SNAPSHOT, Access::admin(), query).expect("what is counted is found");
    assert_eq!((counted, counted as usize), (listed.total, listed.hits.len()), "{query:?}");
    assert_eq!(counted, found.len(), "{query:?}");
}

/// The queries whose cursors are tampered with.
const PAGED: &[&str] =
    &["", "tags:*", "order_by:id sort:asc", "order_by:status sort:desc", "order_by:updated", "-status:closed"];

/// No cursor but the one that the page before gave leads to a page.
pub(crate) fn cursor(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let query = parse(PAGED[choices.below(PAGED.len())], &context()).expect("the queries are right");
    let asker = ["ann", "bob"][choices.below(2)];
    let page = |start| Page { start, limit: 1, asker: asker.to_owned(), now: NOW };
    let first = list(&SNAPSHOT, Access::admin(), &query, &page(Start::First)).expect("the first page is there");
    let Some(genuine) = first.next.clone() else { panic!("there is no other page of {query:?}: {first:?}") };
    let text = tampered(genuine.as_bytes(), choices);
    let Ok(text) = String::from_utf8(text) else { return };
    let clock = cursor_clock(&SNAPSHOT, &text);
    let answer = list(&SNAPSHOT, Access::admin(), &query, &page(Start::After(text.clone())));
    if text == genuine {
        assert_eq!(clock, Ok(NOW));
        assert_ne!(answer.expect("a genuine cursor leads on").hits, first.hits);
    } else {
        assert!(clock.is_err(), "{text} keeps {clock:?}");
        assert!(matches!(answer, Err(AnswerError::Cursor(_))), "{text} leads to {answer:?}");
    }
}
