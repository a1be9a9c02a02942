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
                    let (mut found, mut counts) =
                        ((*kept.facet(index, field)).clone(), count(index, field, kept.set()));
                    let len = found.len().max(counts.len());
                    found.resize(len, 0);
                    counts.resize(len, 0);
                    assert_eq!(found, counts, "{at}");
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
