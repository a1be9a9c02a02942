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
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let schema = Arc::new(Schema::builtin());
        let mut snapshot = Snapshot::new(Opstamp(1), Arc::clone(&schema), Index::new(), directory(&schema), [0; 32]);
        for round in 0..25 {
            let mut index = snapshot.index().clone();
            // Some batches are too large to be judged ticket by ticket, and some to be followed by orders and facets.
            let most = match rng.u8(..16) {
                0 => 20_000,
                1 | 2 => 3_000,
                _ => 40,
            };
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

/// Agents who share few sets of groups, in a tenant of some tickets.
fn sharing(agents: u32, sets: u32, bytes: usize) -> Snapshot {
    let schema = Arc::new(Schema::builtin());
    let mut people = directory(&schema);
    for agent in 0..agents {
        let id: Arc<str> = format!("agent-{agent}").into();
        let fact = PrincipalFact {
            id: Arc::clone(&id),
            role: Some("groups".into()),
            active: true,
            name: None,
            email: None,
            locale: None,
            time_zone: None,
        };
        people.set_principal(&fact);
        for group in [agent % sets, agent % sets + 1] {
            let (principal, value) = (Arc::clone(&id), format!("g{group}").into());
            people.set_rel(&RelFact { principal, rel: "groups".into(), value, level: None });
        }
    }
    let verbs = vec![("view".into(), ExprSource::Text("group in my.groups".into()))];
    people.set_role(&RoleFact { id: "groups".into(), verbs }).unwrap();
    let tickets = 20 * sets;
    let keyword = |text: String| vec![Value::Keyword(text.into())];
    let batch = TicketBatch {
        created: (0..tickets).map(|ord| TicketKey::Int(ord.into())).collect(),
        erased: vec![],
        sets: vec![
            (fields::GROUP, (0..tickets).map(|ord| (ord, keyword(format!("g{}", ord % (sets + 1))))).collect()),
            (fields::LIFE, (0..tickets).map(|ord| (ord, keyword("live".into()))).collect()),
        ],
    };
    let index = crate::index_of(&schema, &batch);
    Snapshot::new(Opstamp(1), schema, index, people, [0; 32]).with_scope_bytes(bytes)
}

/// What a client asks of a scope: its set, a page and a facet.
fn ask(snapshot: &Snapshot, agent: u32) -> Arc<CachedScope> {
    let scope = snapshot.scope(&format!("agent-{agent}"), "view").unwrap();
    let kept = snapshot.visible(&scope);
    assert_eq!(*kept.set(), snapshot.evaluate(&scope), "agent {agent}");
    kept.order(snapshot.index(), fields::UPDATED_AT);
    kept.facet(snapshot.index(), fields::GROUP);
    kept
}

#[test]
fn ten_thousand_agents_who_share_two_hundred_sets_cost_two_hundred_scopes() {
    let snapshot = sharing(10_000, 200, DEFAULT_SCOPE_BYTES);
    for agent in 0..200 {
        ask(&snapshot, agent);
    }
    let (kept, bytes) = snapshot.cached_scopes();
    assert_eq!(kept, 200);
    for agent in 200..10_000 {
        ask(&snapshot, agent);
    }
    assert_eq!(snapshot.cached_scopes(), (kept, bytes), "who shares a scope adds nothing to it");
    assert_eq!(snapshot.cache.principals.lock().len(), 10_000);
}

#[test]
fn what_is_kept_exceeds_its_bound_by_one_scope_at_most_and_what_left_answers_as_before() {
    let all = sharing(300, 300, usize::MAX);
    let sizes: Vec<usize> = (0..300).map(|agent| ask(&all, agent).bytes.load(Relaxed)).collect();
    let largest = sizes.iter().copied().max().unwrap();
    assert_eq!(all.cached_scopes(), (300, sizes.iter().sum()));
    for bound in [0, largest / 2, largest, 10 * largest, sizes.iter().sum::<usize>() - 1, sizes.iter().sum()] {
        let mut rng = fastrand::Rng::with_seed(bound as u64);
        let mut snapshot = sharing(300, 300, bound);
        let mut most = 0;
        for round in 0..900u32 {
            let asked = ask(&snapshot, if round < 300 { round } else { rng.u32(..300) });
            let (kept, bytes) = snapshot.cached_scopes();
            let others = bytes - asked.bytes.load(Relaxed);
            assert!(others <= bound, "{others} of {bound} beside the one asked for in round {round}");
            most = most.max(kept);
            if round >= 300 && round % 50 == 0 {
                // Batches of few and of many tickets keep it too.
                let ords = (0..[3, 100, 2_000][rng.usize(..3)]).map(|step| step * 2);
                let group = vec![Value::Keyword(format!("g{}", rng.u8(..)).into())];
                let sets = vec![(fields::GROUP, ords.map(|ord| (ord, group.clone())).collect())];
                let mut index = snapshot.index().clone();
                let batch = TicketBatch { created: vec![], erased: vec![], sets };
                let touched = index.apply(snapshot.schema(), &batch);
                let (stamp, schema) = (snapshot.opstamp().next(), Arc::clone(snapshot.schema()));
                snapshot = snapshot.next(stamp, schema, index, None, &touched, &TextChanges::default());
                let kept = snapshot.cache.sets.lock();
                let (total, last) = (budget::total(&kept), kept.values().max_by_key(|kept| kept.used.load(Relaxed)));
                let others = total - last.map_or(0, |last| last.bytes.load(Relaxed));
                assert!(others <= bound, "{others} of {bound} after a batch");
            }
            if round == 299 {
                assert_eq!(most == 300, bound >= sizes.iter().sum(), "{most} kept within {bound}");
            }
        }
    }
}

#[test]
fn the_scope_asked_for_longest_ago_leaves_first() {
    let all = sharing(4, 4, usize::MAX);
    let bytes: usize = (0..4).map(|agent| ask(&all, agent).bytes.load(Relaxed)).sum();
    let snapshot = sharing(4, 4, bytes - 1);
    for agent in [0, 1, 2, 0, 3] {
        ask(&snapshot, agent);
    }
    // The last one grew while it was asked about: the next question notices.
    ask(&snapshot, 3);
    let kept = |agent: u32| {
        let scope = snapshot.scope(&format!("agent-{agent}"), "view").unwrap();
        snapshot.cache.sets.lock().contains_key(&scope)
    };
    assert_eq!([0, 1, 2, 3].map(kept), [true, false, true, true]);
}

#[test]
fn scopes_of_principals_take_no_more_than_their_share() {
    let bound = 1 << 20;
    let snapshot = sharing(10_000, 10_000, bound);
    for agent in 0..10_000 {
        snapshot.scope(&format!("agent-{agent}"), "view").unwrap();
    }
    let kept = snapshot.cache.principals.lock().len();
    assert!(kept > 0 && kept * 512 < bound / 4, "{kept} scopes");
}
