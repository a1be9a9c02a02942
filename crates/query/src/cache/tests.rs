use std::sync::Arc;

use bitmap::TicketBatch;
use model::{
    ExprSource, FieldId, Opstamp, PrincipalFact, RelFact, RoleFact, Schema, TicketKey, Timestamp, Value, fields,
};
use scope::Directory;

use super::*;
use crate::{Snapshot, TextChanges};

const PEOPLE: [&str; 4] = ["anna", "ben", "cleo", "root"];

fn directory(schema: &Arc<Schema>) -> Directory {
    let mut directory = Directory::new(Arc::clone(schema));
    for (id, view) in [("agent", "group in my.groups | assignee = me"), ("rest", "no group"), ("root", "all")] {
        let verbs = vec![("view".into(), ExprSource::Text(view.into()))];
        directory.set_role(&RoleFact { id: id.into(), verbs }).unwrap();
    }
    for (id, role) in PEOPLE.into_iter().zip(["agent", "agent", "rest", "root"]) {
        let (id, role) = (id.into(), Some(role.into()));
        let fact = PrincipalFact { id, role, active: true, name: None, email: None, locale: None, time_zone: None };
        directory.set_principal(&fact);
    }
    for (principal, value) in [("anna", "g0"), ("anna", "g1"), ("ben", "g2")] {
        let (principal, value) = (principal.into(), value.into());
        directory.set_rel(&RelFact { principal, rel: "groups".into(), value, level: None });
    }
    directory
}

fn value(rng: &mut fastrand::Rng, field: FieldId) -> Vec<Value> {
    let keyword = |text: String| vec![Value::Keyword(text.into())];
    match field {
        fields::GROUP if rng.u8(..4) == 0 => vec![],
        fields::GROUP => keyword(format!("g{}", rng.u8(..4))),
        fields::ASSIGNEE => keyword(PEOPLE[rng.usize(..4)].to_owned()),
        fields::STATUS => keyword(["open", "solved", "closed"][rng.usize(..3)].to_owned()),
        fields::LIFE => keyword(["live", "live", "live", "spam"][rng.usize(..4)].to_owned()),
        _ => vec![Value::Date(Timestamp(rng.i64(..50)))],
    }
}

/// Some tickets made, some erased, and new values of a few fields on a few tickets.
fn batch(rng: &mut fastrand::Rng, index: &Index, most: u32) -> TicketBatch {
    let first = index.ordinals();
    let made = if rng.bool() { rng.u32(..most) } else { 0 };
    let erased: Vec<u32> = index.universe().iter().filter(|_| rng.u32(..200) == 0).collect();
    let mut sets: Vec<(FieldId, bitmap::FieldSets)> = Vec::new();
    for field in [fields::LIFE, fields::GROUP, fields::ASSIGNEE, fields::STATUS, fields::UPDATED_AT] {
        let all = field == fields::LIFE;
        let chosen = rng.bool();
        let old = index.universe().iter().filter(|ord| erased.binary_search(ord).is_err());
        let mut ords: Vec<u32> = old.filter(|_| chosen && rng.u32(..30) == 0).collect();
        ords.extend((first..first + made).filter(|_| all || rng.bool()));
        sets.push((field, ords.into_iter().map(|ord| (ord, value(rng, field))).collect()));
    }
    sets.retain(|(_, sets)| !sets.is_empty());
    TicketBatch { created: (first..first + made).map(|ord| TicketKey::Int(ord.into())).collect(), erased, sets }
}

/// Filters that a scope may count without looking at its tickets, and some that it may not.
fn formulas(rng: &mut fastrand::Rng) -> Vec<SetExpr> {
    let (low, high) = (rng.i64(-2..52), rng.i64(-2..52));
    let range = SetExpr::Range(fields::UPDATED_AT, ValueRange { low, high });
    let codes = |rng: &mut fastrand::Rng| (0..rng.usize(..4)).map(|_| rng.u32(..6)).collect::<Vec<_>>();
    let (group, status) = (SetExpr::Terms(fields::GROUP, codes(rng)), SetExpr::Terms(fields::STATUS, codes(rng)));
    vec![
        SetExpr::All,
        SetExpr::None,
        SetExpr::Has(fields::GROUP),
        SetExpr::Not(Box::new(range.clone())),
        SetExpr::Not(Box::new(group.clone())),
        SetExpr::And(vec![group.clone(), range.clone()]),
        SetExpr::Or(vec![status.clone(), range.clone()]),
        SetExpr::Range(fields::CREATED_AT, ValueRange { low, high }),
        SetExpr::Range(fields::UPDATED_AT, ValueRange { low: i64::MIN, high: i64::MAX }),
        range,
        group,
        status,
    ]
}

/// Whoever still reads the snapshot before a batch may be the first to ask for an order or for counts.
#[test]
fn what_an_older_snapshot_has_a_scope_keep_is_not_taken_for_the_next_one() {
    let schema = Arc::new(Schema::builtin());
    let keyword = |value: &str| vec![Value::Keyword(value.into())];
    let date = |at: i64| vec![Value::Date(Timestamp(at))];
    let tickets = 5u32;
    let mut sets: Vec<(FieldId, bitmap::FieldSets)> = vec![
        (fields::LIFE, (0..tickets).map(|ord| (ord, keyword("live"))).collect()),
        (fields::ASSIGNEE, (0..tickets - 1).map(|ord| (ord, keyword("anna"))).collect()),
        (fields::STATUS, (0..tickets).map(|ord| (ord, keyword("open"))).collect()),
        (fields::UPDATED_AT, (0..tickets).map(|ord| (ord, date(ord.into()))).collect()),
    ];
    sets.sort_by_key(|(field, _)| *field);
    let created = (0..i64::from(tickets)).map(TicketKey::Int).collect();
    let index = crate::index_of(&schema, &TicketBatch { created, erased: vec![], sets });
    let before = Snapshot::new(Opstamp(1), Arc::clone(&schema), index, directory(&schema), [0; 32]);
    let scope = before.scope("anna", "view").unwrap();
    before.visible(&scope);
    // Neither field decides what Anna sees.
    let mut sets = vec![(fields::STATUS, vec![(1, keyword("solved"))]), (fields::UPDATED_AT, vec![(0, date(100))])];
    sets.sort_by_key(|(field, _)| *field);
    let mut index = before.index().clone();
    let touched = index.apply(&schema, &TicketBatch { created: vec![], erased: vec![], sets });
    let after = before.next(Opstamp(2), Arc::clone(&schema), index, None, &touched, &TextChanges::default());
    for snapshot in [&before, &after] {
        let (kept, index) = (snapshot.visible(&scope), snapshot.index());
        assert_eq!(*kept.facet(index, fields::STATUS), count(index, fields::STATUS, kept.set()));
        let order: Vec<u32> = kept.order(index, fields::UPDATED_AT).unwrap().iter_from(0).collect();
        let anew: Vec<u32> = index.sort_newest_first(fields::UPDATED_AT, kept.set()).iter_from(0).collect();
        assert_eq!(order, anew);
    }
}

#[test]
fn the_values_of_a_field_are_all_counted_once_one_was_asked_for_often() {
    let schema = Arc::new(Schema::builtin());
    let tickets = MIN_COUNTED * 2;
    let set = |field, value: fn(u32) -> &'static str| {
        (field, (0..tickets).map(|ord| (ord, vec![Value::Keyword(value(ord).into())])).collect())
    };
    let sets = vec![
        set(fields::LIFE, |_| "live"),
        set(fields::GROUP, |ord| if ord % 4 == 0 { "g1" } else { "g2" }),
        set(fields::STATUS, |ord| if ord < MIN_COUNTED { "open" } else { "solved" }),
    ];
    let mut sets: Vec<(FieldId, bitmap::FieldSets)> = sets;
    sets.sort_by_key(|(field, _)| *field);
    let created = (0..i64::from(tickets)).map(TicketKey::Int).collect();
    let index = crate::index_of(&schema, &TicketBatch { created, erased: vec![], sets });
    let snapshot = Snapshot::new(Opstamp(1), Arc::clone(&schema), index, directory(&schema), [0; 32]);
    let scope = snapshot.scope("root", "view").unwrap();
    let (kept, index) = (snapshot.visible(&scope), snapshot.index());
    let code = |field, value| index.field(field).unwrap().code_of(value).unwrap();
    let is_kept = |field| kept.facets.lock().kept.contains_key(&field);
    let open = SetExpr::Terms(fields::STATUS, vec![code(fields::STATUS, "open")]);
    for _ in 0..COUNTED_ALONE {
        assert_eq!((kept.count(index, &open), is_kept(fields::STATUS)), (MIN_COUNTED, false));
    }
    assert_eq!((kept.count(index, &open), is_kept(fields::STATUS)), (MIN_COUNTED, true));
    // What is quickly counted is not kept, however often it is asked for.
    let small = SetExpr::Terms(fields::GROUP, vec![code(fields::GROUP, "g1")]);
    for _ in 0..COUNTED_ALONE * 2 {
        assert_eq!((kept.count(index, &small), is_kept(fields::GROUP)), (tickets / 4, false));
    }
}

#[test]
fn what_a_scope_keeps_is_what_would_be_made_anew() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let schema = Arc::new(Schema::builtin());
        let mut snapshot = Snapshot::new(Opstamp(1), Arc::clone(&schema), Index::new(), directory(&schema), [0; 32]);
        for round in 0..25 {
            let mut index = snapshot.index().clone();
            // Some batches are too large to be followed ticket by ticket.
            let most = if rng.u8(..8) == 0 { 3_000 } else { 40 };
            let touched = index.apply(&schema, &batch(&mut rng, &index, most));
            snapshot = snapshot.next(
                snapshot.opstamp().next(),
                Arc::clone(&schema),
                index,
                None,
                &touched,
                &TextChanges::default(),
            );
            for person in PEOPLE {
                let scope = snapshot.scope(person, "view").unwrap();
                let (kept, index) = (snapshot.visible(&scope), snapshot.index());
                let at = format!("seed {seed}, round {round}, {person}");
                assert_eq!(*kept.set(), snapshot.evaluate(&scope), "{at}");
                for field in [fields::GROUP, fields::STATUS] {
                    assert_eq!(*kept.facet(index, field), count(index, field, kept.set()), "{at}");
                }
                for expr in formulas(&mut rng) {
                    let expected = index.count_within(&expr, kept.set());
                    assert_eq!(kept.count(index, &expr), expected, "{at}: {expr:?}");
                    let known = kept.known_count(index, &expr);
                    assert!(known.is_none_or(|count| count == expected), "{at}: {known:?} of {expr:?}");
                }
                for field in ORDERED.into_iter().filter(|_| rng.bool()) {
                    let order: Vec<u32> = kept.order(index, field).unwrap().iter_from(0).collect();
                    let anew: Vec<u32> = index.sort_newest_first(field, kept.set()).iter_from(0).collect();
                    assert_eq!(order, anew, "{at}");
                }
            }
        }
    }
}
