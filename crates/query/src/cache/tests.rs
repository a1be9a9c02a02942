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

/// Agents who share few sets of groups.
fn agents(schema: &Arc<Schema>, agents: u32, sets: u32) -> Directory {
    let mut people = directory(schema);
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
    people
}

/// Agents who share few sets of groups, in a tenant of some tickets.
fn sharing(agents: u32, sets: u32, bytes: usize) -> Snapshot {
    let schema = Arc::new(Schema::builtin());
    let people = self::agents(&schema, agents, sets);
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

/// How many scopes are kept, and what they take by the reckoning that bounds them.
fn kept_by(snapshot: &Snapshot) -> (usize, usize) {
    let bytes = snapshot.cached_scopes();
    (bytes.scopes, bytes.reckoned)
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
    let (kept, bytes) = kept_by(&snapshot);
    assert_eq!(kept, 200);
    for agent in 200..10_000 {
        ask(&snapshot, agent);
    }
    assert_eq!(kept_by(&snapshot), (kept, bytes), "who shares a scope adds nothing to it");
    assert_eq!(snapshot.cache.principals.lock().len(), 10_000);
}

#[test]
fn what_is_kept_exceeds_its_bound_by_one_scope_at_most_and_what_left_answers_as_before() {
    let all = sharing(300, 300, usize::MAX);
    let sizes: Vec<usize> = (0..300).map(|agent| ask(&all, agent).bytes()).collect();
    let largest = sizes.iter().copied().max().unwrap();
    assert_eq!(kept_by(&all), (300, sizes.iter().sum()));
    for bound in [0, largest / 2, largest, 10 * largest, sizes.iter().sum::<usize>() - 1, sizes.iter().sum()] {
        let mut rng = fastrand::Rng::with_seed(bound as u64);
        let mut snapshot = sharing(300, 300, bound);
        let mut most = 0;
        for round in 0..900u32 {
            let asked = ask(&snapshot, if round < 300 { round } else { rng.u32(..300) });
            let (kept, bytes) = kept_by(&snapshot);
            let others = bytes - asked.bytes();
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
                let others = total - last.map_or(0, |last| last.bytes());
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
    let bytes: usize = (0..4).map(|agent| ask(&all, agent).bytes()).sum();
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
fn no_more_scopes_are_kept_than_may_follow_a_batch_however_little_they_take() {
    let most = u32::try_from(MAX_SCOPES).unwrap();
    let schema = Arc::new(Schema::builtin());
    let people = agents(&schema, most + 1, most + 1);
    let snapshot = Snapshot::new(Opstamp(1), schema, Index::new(), people, [0; 32]);
    let ask = |agent: u32| snapshot.visible(&snapshot.scope(&format!("agent-{agent}"), "view").unwrap());
    let is_kept = |agent: u32| {
        let scope = snapshot.scope(&format!("agent-{agent}"), "view").unwrap();
        snapshot.cache.sets.lock().contains_key(&scope)
    };
    for agent in 0..most {
        ask(agent);
    }
    assert_eq!(kept_by(&snapshot).0, MAX_SCOPES);
    // Asked for again, and so not the next to leave.
    ask(0);
    assert_eq!(kept_by(&snapshot).0, MAX_SCOPES);
    ask(most);
    assert_eq!(kept_by(&snapshot).0, MAX_SCOPES - MAX_SCOPES / 8);
    assert_eq!([0, 1, most / 8 + 1, most / 8 + 2, most].map(is_kept), [true, false, false, true, true]);
}

/// A leaf of one long word.
fn leaf(number: usize, letters: usize) -> Leaf {
    Leaf::whole(TextField::Public, text::Pattern::Term(Form::Surface, format!("{number:0letters$}").into()))
}

#[test]
fn what_is_kept_is_added_up_once_the_room_found_last_can_be_used_up_and_not_before() {
    let snapshot = sharing(10, 10, 1 << 20);
    let scope = snapshot.scope("agent-0", "view").unwrap();
    (0..10).for_each(|agent| drop(ask(&snapshot, agent)));
    let (kept, cache) = (snapshot.visible(&scope), &snapshot.cache);
    let room = |look_at: u64| look_at - cache.budget.growth().total();
    let look_at = cache.look_at.load(Relaxed);
    assert_eq!(room(look_at), (1 << 20) - kept_by(&snapshot).1 as u64);
    // What is taken away behind its back is found by the next look.
    cache.sets.lock().retain(|other, _| *other == scope);
    let mut number = 0;
    let bytes = budget::of_leaf(&leaf(0, 1_000));
    while room(look_at) >= bytes as u64 {
        assert!(number < MAX_LEAVES, "the words count for nothing");
        kept.text_found(7, &leaf(number, 1_000), || Ok::<_, ()>(1)).unwrap();
        number += 1;
        snapshot.visible(&scope);
        assert_eq!(cache.look_at.load(Relaxed), look_at, "nobody looked after {number} words");
    }
    kept.text_found(7, &leaf(number, 1_000), || Ok::<_, ()>(1)).unwrap();
    snapshot.visible(&scope);
    assert_eq!(room(cache.look_at.load(Relaxed)), (1 << 20) - kept.bytes() as u64);
}

#[test]
fn words_count_by_their_letters_as_long_as_their_numbers_are_kept() {
    let snapshot = sharing(1, 1, DEFAULT_SCOPE_BYTES);
    let kept = snapshot.visible(&snapshot.scope("agent-0", "view").unwrap());
    let found = |state, leaf: &Leaf| assert_eq!(kept.text_found(state, leaf, || Ok::<_, ()>(1)), Ok(1));
    let before = kept.bytes();
    let phrase = text::Pattern::Phrase { words: [(0, "two".into()), (1, "words".into())].into(), open: false };
    let phrase = Leaf::whole(TextField::Public, phrase);
    let mut bytes = before;
    for (leaf, letters) in [(leaf(1, 4), 4), (leaf(1, 500), 500), (phrase, 8)] {
        found(1, &leaf);
        assert!(kept.bytes() >= bytes + letters, "{leaf:?}");
        bytes += budget::of_leaf(&leaf);
        assert_eq!(kept.bytes(), bytes, "{leaf:?}");
        found(1, &leaf);
        assert_eq!(kept.bytes(), bytes, "{leaf:?} is kept once");
    }
    // Of another state of the text nothing is known; when there are too many, all are forgotten.
    found(2, &leaf(1, 4));
    let one = budget::of_leaf(&leaf(1, 4));
    assert_eq!(kept.bytes(), before + one);
    (2..=MAX_LEAVES).for_each(|number| found(2, &leaf(number, 4)));
    assert_eq!(kept.bytes(), before + MAX_LEAVES * one);
    found(2, &leaf(0, 4));
    assert_eq!(kept.bytes(), before + one);
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
