//! Who sees what, each rule of the scope algebra by a small example.

mod common;

use common::*;
use ticketscope_model::{Change, Fact, GroupFlags, PrincipalFact, TicketKey};
use ticketscope_testkit::oracle::{Expr, Set, World};

/// The tickets that anna sees if her role's view is `expr`.
fn seen(changes: &[Change], expr: &Expr) -> Vec<i64> {
    let mut world = World::new();
    world.teach(expr);
    apply(&mut world, &[role("r", expr), principal("anna", "r")]);
    apply(&mut world, changes);
    let keys = world.tickets().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let seen = keys.iter().filter(|key| world.sees("anna", key));
    seen.map(|key| if let TicketKey::Int(number) = key { *number } else { unreachable!("only numbers here") }).collect()
}

fn by_group() -> Vec<Change> {
    vec![ticket(1, &[("group", "a")]), ticket(2, &[("group", "b")]), ticket(3, &[("group", "c")]), ticket(4, &[])]
}

fn with(mut changes: Vec<Change>, more: &[Change]) -> Vec<Change> {
    changes.extend_from_slice(more);
    changes
}

#[test]
fn atoms_and_connectives_are_the_algebra_of_sets() {
    let a = || Expr::one_of("group", &["a"]);
    for (expr, expected) in [
        (Expr::All, &[1, 2, 3, 4][..]),
        (Expr::Nothing, &[]),
        (a(), &[1]),
        (Expr::one_of("group", &["a", "c", "nobody has this"]), &[1, 3]),
        (Expr::unset("group"), &[4]),
        (a().complement(), &[2, 3, 4]),
        (Expr::unset("group").complement(), &[1, 2, 3]),
        (a().or(Expr::unset("group")), &[1, 4]),
        (a().and(Expr::unset("group")), &[]),
        (Expr::one_of("group", &["A"]), &[]),
    ] {
        assert_eq!(seen(&by_group(), &expr), expected, "{expr}");
    }
}

#[test]
fn an_empty_relation_is_the_empty_set_also_under_negation() {
    let mine = || Expr::is_in("group", Set::my("groups"));
    assert_eq!(seen(&by_group(), &mine()), Vec::<i64>::new());
    assert_eq!(seen(&by_group(), &mine().complement()), [1, 2, 3, 4]);
}

#[test]
fn sets_are_added_and_subtracted_from_the_left() {
    let facts = with(by_group(), &[rel("anna", "groups", "a"), rel("anna", "groups", "b")]);
    let mine = || Set::my("groups");
    for (set, expected) in [
        (mine(), &[1, 2][..]),
        (mine().plus(Set::values(&["c"])), &[1, 2, 3]),
        (mine().minus(Set::values(&["a"])), &[2]),
        (mine().minus(Set::values(&["a"])).plus(Set::values(&["a"])), &[1, 2]),
        (mine().minus(Set::values(&["a"]).plus(Set::values(&["b"]))), &[]),
    ] {
        assert_eq!(seen(&facts, &Expr::is_in("group", set)), expected);
    }
}

#[test]
fn me_is_the_principal_in_single_and_many_valued_fields() {
    let facts = [
        ticket(1, &[("assignee", "anna"), ("cc", "bob")]),
        ticket(2, &[("assignee", "Anna"), ("cc", "anna")]),
        ticket(3, &[("assignee", "bob")]),
    ];
    assert_eq!(seen(&facts, &Expr::is_me("assignee")), [1]);
    assert_eq!(seen(&facts, &Expr::HasMe("cc".into())), [2]);
    assert_eq!(seen(&facts, &Expr::is_in("assignee", Set::values(&["bob"]).plus(Set::Me))), [1, 3]);
}

#[test]
fn members_are_the_users_of_the_groups_and_change_with_them() {
    let facts = with(
        vec![ticket(1, &[("assignee", "bob")]), ticket(2, &[("assignee", "carl")])],
        &[rel("anna", "led_groups", "g"), member("g", "bob"), member("h", "carl")],
    );
    let expr = Expr::is_in("assignee", Set::my("led_groups").members());
    assert_eq!(seen(&facts, &expr), [1]);
    let moved = with(facts, &[gone(member("g", "bob")), member("g", "carl")]);
    assert_eq!(seen(&moved, &expr), [2]);
}

#[test]
fn under_takes_in_descendants_and_survives_a_circle() {
    let tree = |id, parent| value("department", id, Some(parent), GroupFlags::default());
    let facts = [
        ticket(1, &[("department", "top")]),
        ticket(2, &[("department", "middle")]),
        ticket(3, &[("department", "leaf")]),
        ticket(4, &[("department", "other"), ("ref_dept", "leaf")]),
        tree("middle", "top"),
        tree("leaf", "middle"),
        rel("anna", "departments", "middle"),
    ];
    let expr = Expr::is_in("dept", Set::my("depts").under());
    assert_eq!(seen(&facts, &expr), [2, 3]);
    assert_eq!(seen(&facts, &Expr::is_in("ref_dept", Set::my("departments").under())), [4]);
    assert_eq!(seen(&facts, &Expr::is_in("group", Set::my("departments").under())), Vec::<i64>::new());
    assert_eq!(seen(&with(facts.to_vec(), &[tree("top", "leaf")]), &expr), [1, 2, 3]);
    assert_eq!(seen(&with(facts.to_vec(), &[tree("leaf", "other")]), &expr), [2]);
}

#[test]
fn members_of_groups_below_follow_the_tree_of_groups() {
    let facts = [
        ticket(1, &[("assignee", "bob")]),
        value("group", "child", Some("parent"), GroupFlags::default()),
        member("child", "bob"),
        rel("anna", "led_groups", "parent"),
    ];
    assert_eq!(seen(&facts, &Expr::is_in("assignee", Set::my("led_groups").under().members())), [1]);
    assert_eq!(seen(&facts, &Expr::is_in("assignee", Set::my("led_groups").members())), Vec::<i64>::new());
}

#[test]
fn full_implies_every_level_and_no_level_means_any() {
    let facts = with(
        by_group(),
        &[
            rel_at("anna", "groups_graded", "a", Some("read")),
            rel_at("anna", "groups_graded", "b", Some("full")),
            rel("anna", "groups_graded", "c"),
        ],
    );
    assert_eq!(seen(&facts, &Expr::is_in("group", Set::my_at("groups_graded", "read"))), [1, 2]);
    assert_eq!(seen(&facts, &Expr::is_in("group", Set::my_at("groups_graded", "change"))), [2]);
    assert_eq!(seen(&facts, &Expr::is_in("group", Set::my("groups_graded"))), [1, 2, 3]);
}

#[test]
fn flags_feed_the_relations_of_the_tenant_and_outweigh_direct_facts() {
    let flags = |public, active| GroupFlags { public, active, shared: None };
    let facts = with(
        by_group(),
        &[
            value("group", "a", None, flags(Some(true), None)),
            value("group", "b", None, flags(Some(false), Some(false))),
            tenant_rel("public_groups", "b"),
            tenant_rel("public_groups", "c"),
            tenant_rel("private_groups", "a"),
            tenant_rel("active_groups", "b"),
            tenant_rel("active_groups", "c"),
        ],
    );
    for (rel, expected) in [("public_groups", [1, 3].as_slice()), ("private_groups", &[2]), ("active_groups", &[1, 3])]
    {
        assert_eq!(seen(&facts, &Expr::is_in("group", Set::tenant(rel))), expected, "{rel}");
    }
}

#[test]
fn shared_organizations_are_direct_ones_and_own_ones_that_the_tenant_shares() {
    let org = |key, id| ticket(key, &[("organization", id)]);
    let shared =
        |id, shared| value("organization", id, None, GroupFlags { shared: Some(shared), ..GroupFlags::default() });
    let facts = [
        org(1, "own-shared"),
        org(2, "own"),
        org(3, "foreign-shared"),
        org(4, "direct"),
        org(5, "direct-denied"),
        shared("own-shared", true),
        shared("foreign-shared", true),
        shared("direct-denied", false),
        rel("anna", "organizations", "own-shared"),
        rel("anna", "orgs", "own"),
        rel("anna", "shared_organizations", "direct"),
        rel("anna", "shared_orgs", "direct-denied"),
    ];
    assert_eq!(seen(&facts, &Expr::is_in("org", Set::my("shared_orgs"))), [1, 4]);
    assert_eq!(seen(&facts, &Expr::is_in("org", Set::tenant("shared_orgs"))), [1, 3]);
    let direct = with(facts.to_vec(), &[tenant_rel("shared_organizations", "own")]);
    assert_eq!(seen(&direct, &Expr::is_in("org", Set::my("shared_orgs"))), [1, 2, 4]);
}

#[test]
fn an_expression_that_names_life_is_its_own_gate() {
    let facts = [
        ticket(1, &[]),
        ticket(2, &[("life", "archived")]),
        ticket(3, &[("life", "spam")]),
        ticket(4, &[("life", "")]),
    ];
    assert_eq!(seen(&facts, &Expr::All), [1, 2]);
    assert_eq!(seen(&facts, &Expr::Nothing.complement()), [1, 2]);
    assert_eq!(seen(&facts, &Expr::one_of("life", &["spam"])), [3]);
    assert_eq!(seen(&facts, &Expr::one_of("life", &["spam"]).complement()), [1, 2, 4]);
    assert_eq!(seen(&facts, &Expr::All.or(Expr::unset("life"))), [1, 2, 3, 4]);
}

#[test]
fn who_is_unknown_suspended_or_without_a_known_role_sees_nothing() {
    let everybody = |id: &str, role: Option<&str>, active| {
        Change::state(Fact::Principal(PrincipalFact {
            id: id.into(),
            role: role.map(Into::into),
            active,
            name: None,
            email: None,
            locale: None,
            time_zone: None,
        }))
    };
    let mut world = World::new();
    world.teach(&Expr::All);
    apply(
        &mut world,
        &[
            role("all", &Expr::All),
            ticket(1, &[]),
            everybody("active", Some("all"), true),
            everybody("suspended", Some("all"), false),
            everybody("roleless", None, true),
            everybody("ghost", Some("unheard of"), true),
            everybody("odd", Some("unheard.of"), true),
        ],
    );
    let one = TicketKey::Int(1);
    assert_eq!(world.who(&one).into_iter().collect::<Vec<_>>(), ["active"]);
    for id in ["suspended", "roleless", "ghost", "odd", "nobody"] {
        assert!(!world.sees(id, &one), "{id}");
    }
    assert!(!world.may("active", "edit", &one));
    assert!(!world.sees("active", &TicketKey::Int(2)));
    apply(&mut world, &[gone(role("all", &Expr::All))]);
    assert!(!world.sees("active", &one));
}

#[test]
fn a_preset_is_a_role_that_needs_no_line() {
    let world = world(&[
        principal("anna", "zendesk.groups"),
        rel("anna", "groups", "a"),
        rel("anna", "brands", "x"),
        ticket(1, &[("group", "a"), ("brand", "x")]),
        ticket(2, &[("group", "a"), ("brand", "y")]),
        ticket(3, &[("group", "b"), ("brand", "y"), ("cc", "anna")]),
        ticket(4, &[("group", "b"), ("brand", "x"), ("requester", "anna")]),
        ticket(5, &[("group", "a"), ("brand", "x"), ("life", "deleted")]),
    ]);
    let seen: Vec<_> = (1..=5).filter(|key| world.sees("anna", &TicketKey::Int(*key))).collect();
    assert_eq!(seen, [1, 3, 4]);
}
