//! A comparison that cannot fail would be worth nothing: these plant a difference.

use std::sync::Arc;

use ticketscope_bitmap::{Index, TicketBatch};
use ticketscope_model::{Opstamp, PrincipalFact, RelFact, Schema, TicketKey, Timestamp, Value, fields};
use ticketscope_query::{index_of, scope::Directory};

use super::*;

fn keyword(text: &str) -> Vec<Value> {
    vec![Value::Keyword(text.into())]
}

/// Twenty tickets, the first ten of `first`, the others of group `b`.
fn tickets(first: &str) -> Index {
    let all = |value: &dyn Fn(u32) -> Vec<Value>| (0..20).map(|ord| (ord, value(ord))).collect::<Vec<_>>();
    let group = |ord: u32| keyword(if ord < 10 { first } else { "b" });
    let sets = vec![
        (fields::LIFE, all(&|_| keyword("live"))),
        (fields::GROUP, all(&group)),
        (fields::UPDATED_AT, all(&|ord| vec![Value::Date(Timestamp(i64::from(ord) * 1000))])),
    ];
    let created = (0..20).map(TicketKey::Int).collect();
    index_of(&Schema::builtin(), &TicketBatch { created, erased: Vec::new(), sets })
}

fn snapshot(index: Index) -> Snapshot {
    let schema = Arc::new(Schema::builtin());
    let mut directory = Directory::new(Arc::clone(&schema));
    let (id, rel, value) = (Arc::from("ana"), Arc::from("groups"), Arc::from("a"));
    directory.set_principal(&PrincipalFact {
        id: Arc::clone(&id),
        role: Some("generic.group".into()),
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    });
    directory.set_rel(&RelFact { principal: id, rel, value, level: None });
    Snapshot::new(Opstamp(1), schema, index, directory, [0; 32])
}

#[test]
fn equal_data_passes_every_comparison() {
    let findings = compare(&snapshot(tickets("a")), &tickets("a"), 1, 200, &ProgressBar::hidden()).expect("scopes");
    assert_eq!((findings.passed, findings.failed, findings.differences), (203, 0, Vec::new()));
}

#[test]
fn an_index_with_another_value_is_noticed() {
    let findings = compare(&snapshot(tickets("a")), &tickets("c"), 1, 200, &ProgressBar::hidden()).expect("scopes");
    assert_eq!((findings.passed, findings.failed), (0, 1));
    assert!(findings.differences[0].contains("field #2"), "{:?}", findings.differences);
}

#[test]
fn answers_that_differ_from_the_rows_are_noticed() {
    let (snapshot, rows) = (snapshot(tickets("a")), tickets("c"));
    let everybody = askers::everybody(&snapshot).expect("scopes");
    let world = rows::world(&snapshot, &rows, &everybody);
    let ana = &everybody[1];
    let examiner = Examiner::new(&snapshot, &rows, &world, ana);
    assert_eq!(examiner.visible_set().len(), 2, "oracle and point check both disagree with the list");
    let wrong: Vec<_> = (0..50).filter(|seed| !examiner.question(*seed).is_empty()).collect();
    assert!(!wrong.is_empty());
    let again = Examiner::new(&snapshot, &rows, &world, ana);
    assert!(wrong.iter().all(|seed| again.question(*seed) == examiner.question(*seed)), "a seed asks the same again");
    assert!(examiner.question(wrong[0])[0].starts_with(&format!("--seed {} --questions 1: ana asks", wrong[0])));
}

#[test]
fn questions_differ() {
    let (snapshot, rows) = (snapshot(tickets("a")), tickets("c"));
    let everybody = askers::everybody(&snapshot).expect("scopes");
    let world = rows::world(&snapshot, &rows, &everybody);
    let examiner = Examiner::new(&snapshot, &rows, &world, &everybody[0]);
    let asked: std::collections::BTreeSet<_> = (0..100).flat_map(|seed| examiner.question(seed)).collect();
    assert!(asked.len() > 20, "{asked:?}");
}
