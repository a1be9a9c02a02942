//! Laws that hold whatever the tickets and the rules are.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use ticketscope_engine::{Engine, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{
    Change, ExprSource, Fact, FieldKind, FieldPatch, RawValue, RelFact, RoleFact, TextClass, TicketKey, TicketPatch,
    Timestamp,
};
use ticketscope_query::Start;
use ticketscope_scope::{VERBS, presets};
use ticketscope_testkit::{
    arb::{History, Scene, shuffled_with_repeats},
    oracle::{Asker, Expr, Row, Set},
};

use crate::{
    answers::{Answers, Published},
    changes::{at_rev, del, gone, key, principal, rel, role, suspended, text, ticket},
    desk::Desk,
    world::{directory, seeds},
};

fn agent(id: &str) -> Asker {
    Asker::Principal(id.to_owned())
}

/// Rows, and who may do what.
type Dump = (BTreeMap<TicketKey, Row>, Vec<(String, &'static str, BTreeSet<TicketKey>)>);

/// Everything that can be seen of a tenant.
fn dump(tenant: &Tenant, people: &[String]) -> Dump {
    let found = Published::new(tenant, Timestamp(0));
    let mut may = Vec::new();
    for id in people {
        for verb in ["view", "view_private", "edit"] {
            may.push((id.clone(), verb, found.evaluated(&agent(id), verb)));
            assert_eq!(found.kept(&agent(id), verb), found.evaluated(&agent(id), verb), "{id} {verb}");
        }
    }
    (found.rows(), may)
}

/// Applies changes in batches of random sizes; what is refused is skipped.
fn apply(tenant: &Tenant, rng: &mut Rng, changes: &[Change]) {
    let mut rest = changes;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(rng.usize(1..=rest.len().min(40)));
        rest = later;
        tenant.submit_import(batch.to_vec(), &std::sync::Arc::default()).unwrap();
    }
}

fn people(scene: &Scene) -> Vec<String> {
    scene.askers().map(str::to_owned).collect()
}

/// A tenant with a random history.
fn random(seed: u64) -> (Rng, Scene, Desk) {
    let mut rng = Rng::with_seed(seed);
    let scene = Scene::new(&mut rng);
    let desk = Desk::new(&[]);
    let (setup, history) = (scene.setup(&mut rng), scene.history(&mut rng, 30));
    apply(desk.tenant(), &mut rng, &setup.changes);
    apply(desk.tenant(), &mut rng, &history.changes);
    (rng, scene, desk)
}

#[test]
fn law_1_a_list_a_search_a_count_and_the_point_check_name_the_same_tickets() {
    for seed in seeds(40) {
        let (_, scene, desk) = random(seed);
        let found = desk.published();
        for id in scene.askers() {
            let judged: BTreeSet<TicketKey> =
                found.rows().into_keys().filter(|key| found.may(id, "view", key)).collect();
            let listed = found.list(&agent(id), "", Start::First, 1000);
            assert_eq!(listed.keys.iter().cloned().collect::<BTreeSet<_>>(), judged, "seed {seed}: {id}");
            assert_eq!((listed.total, listed.keys.len()), (judged.len(), judged.len()), "seed {seed}: {id}");
            assert_eq!(found.count(&agent(id), ""), judged.len(), "seed {seed}: {id}");
            assert_eq!(found.kept(&agent(id), "view"), judged, "seed {seed}: {id}");
            assert_eq!(found.evaluated(&agent(id), "view"), judged, "seed {seed}: {id}");
            for key in found.rows().into_keys() {
                assert_eq!(found.who(&key).contains(id), judged.contains(&key), "seed {seed}: {id} {key}");
            }
        }
    }
}

/// Whether an expression has neither `!` nor a set `-`; and whether it has a `no field`.
fn shape(expr: &Expr) -> (bool, bool) {
    fn positive(set: &Set) -> bool {
        match set {
            Set::Minus(..) => false,
            Set::Plus(a, b) => positive(a) && positive(b),
            Set::Members(inner) | Set::Under(inner) => positive(inner),
            Set::Me | Set::My { .. } | Set::Tenant(_) | Set::Values(_) => true,
        }
    }
    match expr {
        Expr::All | Expr::Nothing | Expr::IsMe(_) | Expr::HasMe(_) => (true, false),
        Expr::Unset(_) => (true, true),
        Expr::In(_, set) => (positive(set), false),
        Expr::Not(inner) => (false, shape(inner).1),
        Expr::And(a, b) | Expr::Or(a, b) => {
            let (a, b) = (shape(a), shape(b));
            (a.0 && b.0, a.1 || b.1)
        }
    }
}

#[test]
fn law_2_without_a_complement_a_membership_or_another_value_never_removes_a_ticket() {
    let (mut memberships, mut values) = (0, 0);
    for seed in seeds(60) {
        let (mut rng, scene, desk) = random(seed);
        let rng = &mut rng;
        let asked = scene.askers().nth(1).unwrap().to_owned();
        let expr = std::iter::repeat_with(|| scene.expr(rng, 3)).find(|expr| shape(expr).0).unwrap();
        let verbs = vec![("view".into(), ExprSource::Text(expr.to_string().into()))];
        desk.apply(&[
            Change::state(Fact::Role(RoleFact { id: "monotone".into(), verbs })),
            principal(&asked, "monotone"),
        ]);
        let changes: Vec<Change> =
            scene.history(rng, 200).changes.into_iter().chain(scene.setup(rng).changes).collect();
        let mut before = desk.published().evaluated(&agent(&asked), "view");
        for change in changes {
            let is_membership =
                matches!(&change, Change { gone: false, rev: None, fact: Fact::Rel(_) | Fact::Member(_) });
            let change = match change.fact {
                _ if is_membership => {
                    memberships += 1;
                    Change { rev: None, ..change }
                }
                Fact::Ticket(patch) if !shape(&expr).1 => match gain(&desk, patch) {
                    Some(change) => {
                        values += 1;
                        change
                    }
                    None => continue,
                },
                _ => continue,
            };
            match desk.tenant().submit(vec![change.clone()]) {
                Ok(_) => {}
                Err(SubmitError::Refused(_)) => continue,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            let after = desk.published().evaluated(&agent(&asked), "view");
            let lost: Vec<_> = before.difference(&after).collect();
            assert!(lost.is_empty(), "seed {seed}: {expr} lost {lost:?} by {change:?}");
            before = after;
        }
    }
    assert!(memberships > 100 && values > 100, "{memberships} memberships, {values} values");
}

/// The part of a patch that only adds: values of fields with several, and values of empty fields.
fn gain(desk: &Desk, patch: TicketPatch) -> Option<Change> {
    let snapshot = desk.tenant().snapshot();
    let rows = desk.published().rows();
    let row = rows.get(&patch.key)?;
    let mut fields = Vec::new();
    for (name, change) in patch.fields {
        let def = snapshot.schema().field(&name)?;
        let (FieldPatch::Set(raw) | FieldPatch::Add(raw)) = change else { continue };
        if matches!(raw, RawValue::List(_)) || raw.is_unset() || def.kind == FieldKind::Text {
            continue;
        }
        if def.many || row.values(&def.name).is_empty() {
            fields.push((name, FieldPatch::Add(raw)));
        }
    }
    Some(Change::state(Fact::Ticket(TicketPatch { fields, replace: false, text: Vec::new(), ..patch })))
}

#[test]
fn law_3_tenants_know_nothing_of_each_other_under_a_complement_too() {
    let directory = directory();
    let engine = Engine::open(directory.path()).unwrap();
    let tenant = |name: &str| engine.create_tenant(&TenantId::parse(name).unwrap()).unwrap();
    let (one, other) = (tenant("one"), tenant("other"));
    let people = [
        role("others", &[("view", "!(group in {a})")]),
        role("homeless", &[("view", "no group")]),
        principal("ann", "others"),
        principal("bob", "homeless"),
    ];
    let tickets =
        |ids: std::ops::Range<i64>| ids.map(|id| ticket(id, &[("group", if id % 2 == 0 { "a" } else { "" })]));
    one.submit(people.iter().cloned().chain(tickets(1..50)).collect()).unwrap();
    other.submit(people.iter().cloned().chain(tickets(30..200)).collect()).unwrap();
    let ids = ["ann".to_owned(), "bob".to_owned()];
    let (first, second) = (dump(&one, &ids), dump(&other, &ids));
    let odd = |ids: std::ops::Range<i64>| ids.filter(|id| id % 2 == 1).map(TicketKey::Int).collect::<BTreeSet<_>>();
    for who in ["ann", "bob"] {
        assert_eq!(Published::new(&one, Timestamp(0)).kept(&agent(who), "view"), odd(1..50));
        assert_eq!(Published::new(&other, Timestamp(0)).kept(&agent(who), "view"), odd(30..200));
    }
    other.submit(vec![del(31), gone(principal("ann", "")), rel("bob", "groups", "a")]).unwrap();
    assert_eq!(dump(&one, &ids), first);
    assert_ne!(dump(&other, &ids), second);
    assert!(one.snapshot().scope("ann", "view").is_ok());
    assert!(other.snapshot().scope("ann", "view").is_err());
}

#[test]
fn law_4_the_unrestricted_see_what_anybody_sees_of_the_same_life() {
    for seed in seeds(40) {
        let (mut rng, scene, desk) = random(seed);
        desk.apply(&[principal("root", "generic.unrestricted")]);
        let found = desk.published();
        let all = found.kept(&agent("root"), "view");
        assert_eq!(all, found.kept(&Asker::Admin, "view"), "seed {seed}");
        let whole: Vec<_> = presets().map(|preset| preset.id().to_string()).collect();
        let asked = people(&scene);
        for preset in whole {
            let id = &asked[rng.usize(..asked.len())];
            desk.apply(&[principal(id, &preset)]);
            let sees = desk.published().kept(&agent(id), "view");
            assert!(sees.is_subset(&all), "seed {seed}: {preset} as {id}");
        }
    }
}

#[test]
fn law_5_the_assigned_are_among_the_groups_and_the_groups_among_all() {
    let mut strict = 0;
    for seed in seeds(60) {
        let (_, scene, desk) = random(seed);
        for id in people(&scene) {
            let sees = |role: &str| {
                desk.apply(&[principal(&id, role)]);
                desk.published().kept(&agent(&id), "view")
            };
            let (assigned, group, all) = (sees("generic.restricted"), sees("generic.group"), sees("generic.global"));
            assert!(assigned.is_subset(&group), "seed {seed}: {id}");
            assert!(group.is_subset(&all), "seed {seed}: {id}");
            strict += usize::from(assigned.len() < group.len() && group.len() < all.len());
        }
    }
    assert!(strict > 10, "only {strict} people were told apart");
}

#[test]
fn law_6_changes_one_by_one_come_to_what_they_come_to_at_once() {
    for seed in seeds(40) {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let changes: Vec<Change> =
            [scene.setup(&mut rng), scene.history(&mut rng, 60)].into_iter().flat_map(|part| part.changes).collect();
        let (single, whole) = (Desk::new(&[]), Desk::new(&[]));
        let ids = people(&scene);
        for change in &changes {
            single.tenant().submit_import(vec![change.clone()], &std::sync::Arc::default()).unwrap();
            dump(single.tenant(), &ids[..1]);
        }
        whole.tenant().submit_import(changes, &std::sync::Arc::default()).unwrap();
        assert!(dump(single.tenant(), &ids) == dump(whole.tenant(), &ids), "seed {seed}");
    }
}

#[test]
fn law_7_who_is_deleted_suspended_without_a_role_or_of_an_unknown_one_may_do_nothing() {
    let desk = Desk::new(&[
        ticket(1, &[("assignee", "ann"), ("requester", "ann"), ("cc", "ann")]),
        ticket(2, &[("life", "deleted"), ("assignee", "ann")]),
        ticket(3, &[("life", "spam")]),
    ]);
    let denied = [
        principal("ann", ""),
        principal("ann", "no_such_role"),
        principal("ann", "generic.no_such_preset"),
        suspended(principal("ann", "generic.owner")),
        gone(principal("ann", "generic.owner")),
    ];
    for denial in denied {
        desk.apply(&[principal("ann", "generic.owner")]);
        assert_eq!(desk.may("ann", "view"), [1]);
        assert_eq!(desk.may("ann", "restore"), [2]);
        desk.apply(std::slice::from_ref(&denial));
        for verb in VERBS {
            assert_eq!(desk.may("ann", verb), [0; 0], "{verb} after {denial:?}");
        }
    }
}

#[test]
fn law_8_a_count_is_the_sum_of_its_facets_over_a_field_of_one_value() {
    for seed in seeds(60) {
        let (mut rng, scene, desk) = random(seed);
        let found = desk.published();
        let fields: Vec<String> = found
            .snapshot
            .schema()
            .fields()
            .iter()
            .filter(|field| field.kind.is_keyword() && !field.many)
            .map(|field| field.name.to_string())
            .collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        for id in scene.askers() {
            let query = scene.query(&mut rng).to_string();
            let count = found.count(&agent(id), &query);
            for (field, facet) in found.facets(&agent(id), &query, &fields) {
                let sum = facet.values.iter().map(|(_, count)| count).sum::<usize>() + facet.none;
                assert_eq!(sum, count, "seed {seed}: {query} by {field} for {id}");
                let none = found.count(&agent(id), &format!("{query} -{field}:*"));
                assert_eq!(facet.none, none, "seed {seed}: {query} without {field} for {id}");
            }
        }
    }
}

/// A tenant that is set up, with every ticket stated at a revision above all others.
fn set_up(rng: &mut Rng, setup: &History, before: &History) -> Desk {
    let desk = Desk::new(&[]);
    apply(desk.tenant(), rng, &setup.changes);
    apply(desk.tenant(), rng, &before.changes);
    desk
}

#[test]
fn changes_with_revisions_come_to_the_same_in_any_order_and_any_number_of_times() {
    for seed in seeds(60) {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let scene = Scene::new(rng);
        let setup = scene.setup(rng);
        let (before, history) = scene.in_any_order(rng, 80);
        let ids = people(&scene);
        let in_order = set_up(rng, &setup, &before);
        apply(in_order.tenant(), rng, &history.changes);
        let expected = dump(in_order.tenant(), &ids);
        for round in 0..3 {
            let desk = set_up(rng, &setup, &before);
            let shuffled = shuffled_with_repeats(rng, &history.changes);
            apply(desk.tenant(), rng, &shuffled);
            assert!(dump(desk.tenant(), &ids) == expected, "seed {seed}, round {round}");
        }
    }
}

#[test]
fn changes_that_add_and_remove_nothing_relative_come_to_the_same_when_all_are_applied_twice() {
    for seed in seeds(60) {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let scene = Scene::new(rng);
        let setup = scene.setup(rng);
        // Without revisions the last of several statements counts, and that one is the same both times. Every ticket is
        // stated first: text is refused where there is none.
        let (before, history) = scene.in_any_order(rng, 60);
        let parts = [before.changes, setup.changes, history.changes];
        let changes: Vec<Change> = parts.into_iter().flatten().map(|change| Change { rev: None, ..change }).collect();
        let desk = Desk::new(&[]);
        let ids = people(&scene);
        let import = |rng: &mut Rng| {
            apply(desk.tenant(), rng, &changes);
            dump(desk.tenant(), &ids)
        };
        let once = import(rng);
        assert!(import(rng) == once, "seed {seed}");
    }
}

#[test]
fn an_erased_ticket_does_not_come_back_by_an_old_statement_and_does_by_a_new_one() {
    for erasure in [del(1), at_rev(5, del(1)), at_rev(7, del(1))] {
        let desk = Desk::new(&[at_rev(5, ticket(1, &[("group", "a")])), principal("ann", "generic.admin")]);
        desk.apply(&[at_rev(4, text(1, "note", TextClass::Public, "to be erased"))]);
        desk.apply(std::slice::from_ref(&erasure));
        assert_eq!(desk.sees("ann"), [0; 0], "{erasure:?}");
        desk.apply(&[at_rev(5, ticket(1, &[("group", "a")])), at_rev(3, ticket(1, &[("status", "open")]))]);
        assert_eq!(desk.sees("ann"), [0; 0], "{erasure:?}");
        desk.apply(&[at_rev(8, ticket(1, &[("team", "t")]))]);
        assert_eq!(desk.sees("ann"), [1], "{erasure:?}");
        let rows = desk.published().rows();
        let fields: Vec<&str> = rows[&key("1")].fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["life", "team"], "{erasure:?}");
        assert!(rows[&key("1")].parts.is_empty(), "{erasure:?}");
    }
}

#[test]
fn a_life_that_is_the_default_again_is_not_unset_by_a_statement_as_old_as_the_erasure() {
    let desk = Desk::new(&[at_rev(7, ticket(1, &[("life", "archived")])), principal("ann", "generic.admin")]);
    // Each a batch of its own, so that what is remembered of revisions is read back from its row.
    desk.apply(&[del(1)]);
    desk.apply(&[ticket(1, &[("status", "open")])]);
    desk.apply(&[at_rev(7, ticket(1, &[("life", "")]))]);
    assert_eq!(desk.sees("ann"), [1], "the erasure at revision 7 outranks an emptiness of the same revision");
    desk.apply(&[at_rev(8, ticket(1, &[("life", "")]))]);
    assert_eq!(desk.sees("ann"), [0; 0], "a newer statement does unset it");
}

#[test]
fn a_relation_removed_without_a_level_is_removed_at_every_level() {
    let levels = |desk: &Desk| desk.sees("ann").len();
    let fact = |level: Option<&str>| {
        let level = level.map(Into::into);
        Change::state(Fact::Rel(RelFact {
            principal: "ann".into(),
            rel: "groups_graded".into(),
            value: "g".into(),
            level,
        }))
    };
    let desk = Desk::new(&[
        crate::changes::group("g", "active"),
        ticket(1, &[("group", "g")]),
        principal("ann", "zammad.search"),
    ]);
    desk.apply(&[fact(Some("read")), fact(Some("full"))]);
    assert_eq!(levels(&desk), 1);
    desk.apply(&[gone(fact(Some("read")))]);
    assert_eq!(levels(&desk), 1);
    desk.apply(&[gone(fact(None))]);
    assert_eq!(levels(&desk), 0);
    desk.apply(&[at_rev(3, gone(fact(None)))]);
    desk.apply(&[at_rev(3, fact(Some("full")))]);
    assert_eq!(levels(&desk), 0);
    desk.apply(&[at_rev(4, fact(Some("full")))]);
    assert_eq!(levels(&desk), 1);
}
