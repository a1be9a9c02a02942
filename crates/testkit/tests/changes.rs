//! What changes do to the oracle's world, each rule by a small example.

mod common;

use common::*;
use ticketscope_model::{
    Change, Complete, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Listing, RawValue, SchemaDecl, TextClass,
    TextPart, TicketKey, TicketPatch,
};
use ticketscope_testkit::oracle::{Expr, Refusal, World};

#[test]
fn a_patch_keeps_what_it_does_not_name_and_unsets_by_null_empty_string_and_empty_list() {
    let mut world = world(&[ticket(1, &[("group", "a"), ("status", "new"), ("type", "task"), ("brand", "b")])]);
    apply(
        &mut world,
        &[Change::state(Fact::Ticket(patch(
            1,
            &[("group", RawValue::Null), ("status", raw("")), ("type", RawValue::List(vec![]))],
        )))],
    );
    for name in ["group", "status", "type"] {
        assert_eq!(field(&world, 1, name), "");
    }
    assert_eq!(field(&world, 1, "brand"), "b");
}

#[test]
fn integers_and_their_decimal_strings_are_one_id_and_other_values_stay_exact() {
    let world = world(&[
        Change::state(Fact::Ticket(patch(1, &[("group", RawValue::Int(7)), ("brand", raw(" B "))]))),
        ticket(1, &[("team", "07")]),
    ]);
    assert_eq!(field(&world, 1, "group"), "7");
    assert_eq!(field(&world, 1, "brand"), " B ");
    assert_eq!(field(&world, 1, "team"), "07");
}

#[test]
fn values_are_added_and_removed_one_by_one() {
    let mut world = World::new();
    let step = |name: &str, change: FieldPatch| {
        Change::state(Fact::Ticket(TicketPatch { fields: vec![(name.into(), change)], ..patch(1, &[]) }))
    };
    apply(&mut world, &[step("tags", FieldPatch::Add(raw("b"))), step("tags", FieldPatch::Add(raw("a")))]);
    assert_eq!(field(&world, 1, "tags"), "a,b");
    apply(&mut world, &[step("tags", FieldPatch::Remove(raw("b"))), step("tags", FieldPatch::Remove(raw("x")))]);
    assert_eq!(field(&world, 1, "tags"), "a");
    apply(&mut world, &[step("group", FieldPatch::Add(raw("x"))), step("group", FieldPatch::Add(raw("y")))]);
    assert_eq!(field(&world, 1, "group"), "y");
    apply(&mut world, &[step("group", FieldPatch::Remove(raw("x")))]);
    assert_eq!(field(&world, 1, "group"), "y");
}

#[test]
fn a_new_ticket_is_live_whatever_its_status_until_somebody_says_otherwise() {
    let mut world = world(&[ticket(1, &[("status", "closed")]), ticket(2, &[("life", "spam")])]);
    assert_eq!(field(&world, 1, "life"), "live");
    assert_eq!(field(&world, 2, "life"), "spam");
    apply(&mut world, &[ticket(2, &[("status", "new")]), ticket(1, &[("life", "")])]);
    assert_eq!(field(&world, 2, "life"), "spam");
    assert_eq!(field(&world, 1, "life"), "");
    apply(&mut world, &[del(2), ticket(2, &[])]);
    assert_eq!(field(&world, 2, "life"), "live");
}

#[test]
fn a_replacement_unsets_what_it_does_not_name_and_resets_life() {
    let mut world = world(&[
        ticket(1, &[("group", "a"), ("brand", "b"), ("life", "archived"), ("subject", "old")]),
        text(1, "c1", TextClass::Public, "anna", "hello"),
    ]);
    let part = TextPart {
        part: "c2".into(),
        class: TextClass::Private,
        lang: None,
        body: "new".into(),
        author: Some("bob".into()),
        at: None,
    };
    let replacement = TicketPatch { replace: true, text: vec![part], ..patch(1, &[("group", raw("z"))]) };
    apply(&mut world, &[Change::state(Fact::Ticket(replacement))]);
    assert_eq!(field(&world, 1, "group"), "z");
    assert_eq!(field(&world, 1, "brand"), "");
    assert_eq!(field(&world, 1, "life"), "live");
    assert_eq!(field(&world, 1, "commenter"), "");
    let row = world.ticket(&TicketKey::Int(1)).unwrap();
    assert_eq!(row.parts.keys().collect::<Vec<_>>(), ["c2"]);
}

#[test]
fn commenters_are_the_authors_of_public_text() {
    let mut world = world(&[
        ticket(1, &[]),
        text(1, "c1", TextClass::Public, "bob", "a"),
        text(1, "c2", TextClass::Public, "anna", "b"),
        text(1, "c3", TextClass::Private, "carl", "c"),
        text(1, "c4", TextClass::Side, "dora", "d"),
        text(1, "description", TextClass::Description, "eve", "e"),
        text(1, "c5", TextClass::Public, "", "f"),
    ]);
    assert_eq!(field(&world, 1, "commenter"), "anna,bob,eve");
    apply(&mut world, &[text(1, "c1", TextClass::Private, "bob", "a"), gone(text(1, "c2", TextClass::Public, "", ""))]);
    assert_eq!(field(&world, 1, "commenter"), "eve");
    assert!(matches!(refused(&mut world, &ticket(1, &[("commenter", "x")])), Refusal::Derived(_)));
}

#[test]
fn text_fields_are_text_parts() {
    let mut world = World::new();
    let fields = vec![FieldDecl { name: "cause".into(), kind: FieldKind::Text, many: false }];
    apply(&mut world, &[Change::state(Fact::Schema(SchemaDecl { fields, ..SchemaDecl::default() }))]);
    apply(&mut world, &[ticket(1, &[("subject", "s"), ("body", "d"), ("cause", "c")])]);
    let parts = world.ticket(&TicketKey::Int(1)).unwrap().parts.clone();
    let found: Vec<_> = parts.values().map(|part| (&*part.part, part.class, &*part.body)).collect();
    assert_eq!(
        found,
        [
            ("description", TextClass::Description, "d"),
            ("field:cause", TextClass::Private, "c"),
            ("subject", TextClass::Subject, "s"),
        ]
    );
    apply(&mut world, &[ticket(1, &[("subject", ""), ("cause", "new")])]);
    let parts = &world.ticket(&TicketKey::Int(1)).unwrap().parts;
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["description", "field:cause"]);
}

#[test]
fn names_that_nobody_declared_are_refused() {
    let mut world = world(&[ticket(1, &[])]);
    assert_eq!(refused(&mut world, &ticket(1, &[("gruop", "a")])), Refusal::UnknownField("gruop".into()));
    assert_eq!(refused(&mut world, &rel("a", "gruops", "g")), Refusal::UnknownRelation("gruops".into()));
    assert_eq!(refused(&mut world, &tenant_rel("groups", "g")), Refusal::UnknownRelation("groups".into()));
    assert!(matches!(refused(&mut world, &ticket(1, &[("created_at", "x")])), Refusal::Value { .. }));
    let role = role("r", &Expr::unset("gruop"));
    assert!(matches!(refused(&mut world, &role), Refusal::Untaught(_)));
    world.teach(&Expr::unset("gruop"));
    assert_eq!(refused(&mut world, &role), Refusal::UnknownField("gruop".into()));
}

#[test]
fn text_needs_a_ticket() {
    let mut world = world(&[ticket(1, &[]), del(1)]);
    for key in [1, 2] {
        let line = text(key, "c", TextClass::Public, "a", "b");
        assert_eq!(refused(&mut world, &line), Refusal::NoTicket(TicketKey::Int(key)));
    }
}

#[test]
fn a_deletion_erases_what_is_not_newer() {
    let mut world = world(&[
        at(3, ticket(1, &[("group", "a")])),
        at(7, ticket(1, &[("brand", "b")])),
        ticket(1, &[("team", "t")]),
        at(5, del(1)),
    ]);
    assert_eq!(field(&world, 1, "group"), "");
    assert_eq!(field(&world, 1, "team"), "");
    assert_eq!(field(&world, 1, "brand"), "b");
    apply(&mut world, &[at(5, ticket(1, &[("group", "a")])), at(6, ticket(1, &[("team", "t")]))]);
    assert_eq!(field(&world, 1, "group"), "");
    assert_eq!(field(&world, 1, "team"), "t");
    apply(&mut world, &[at(7, del(1))]);
    assert!(!exists(&world, 1));
    apply(&mut world, &[at(7, ticket(1, &[("group", "a")]))]);
    assert!(!exists(&world, 1));
    apply(&mut world, &[at(8, ticket(1, &[]))]);
    assert!(exists(&world, 1));
    assert_eq!(field(&world, 1, "group"), "");
}

#[test]
fn a_deletion_without_a_revision_takes_effect_when_it_comes_and_keeps_older_revisions_out() {
    let mut world = world(&[at(9, ticket(1, &[("group", "a")])), del(1)]);
    assert!(!exists(&world, 1));
    apply(&mut world, &[at(8, ticket(1, &[("group", "a")]))]);
    assert!(!exists(&world, 1));
    apply(&mut world, &[ticket(1, &[("group", "b")])]);
    assert_eq!(field(&world, 1, "group"), "b");
}

#[test]
fn removing_a_relation_without_a_level_removes_every_level_up_to_its_revision() {
    let read = |level: &str| Expr::is_in("group", ticketscope_testkit::oracle::Set::my_at("groups_graded", level));
    let base = [
        ticket(1, &[("group", "g")]),
        principal("anna", "r"),
        at(3, rel_at("anna", "groups_graded", "g", Some("read"))),
        at(6, rel_at("anna", "groups_graded", "g", Some("change"))),
    ];
    let sees = |extra: &[Change], level: &str| {
        let mut world = World::new();
        let expr = read(level);
        world.teach(&expr);
        apply(&mut world, &[role("r", &expr)]);
        apply(&mut world, &base);
        apply(&mut world, extra);
        world.sees("anna", &TicketKey::Int(1))
    };
    let all_gone = |rev| at(rev, gone(rel("anna", "groups_graded", "g")));
    assert!(sees(&[], "read") && sees(&[], "change"));
    assert!(!sees(&[all_gone(5)], "read") && sees(&[all_gone(5)], "change"));
    assert!(!sees(&[all_gone(6)], "change"));
    let late = at(4, rel_at("anna", "groups_graded", "g", Some("full")));
    assert!(sees(std::slice::from_ref(&late), "read"));
    assert!(!sees(&[all_gone(5), late.clone()], "read"));
    assert!(!sees(&[late, all_gone(5)], "read"));
    let one = at(7, gone(rel_at("anna", "groups_graded", "g", Some("change"))));
    assert!(sees(std::slice::from_ref(&one), "read") && !sees(&[one], "change"));
}

#[test]
fn a_line_about_a_value_replaces_the_one_before() {
    let public = GroupFlags { public: Some(true), ..GroupFlags::default() };
    let mut world = world(&[ticket(1, &[("group", "g")]), principal("anna", "r")]);
    let expr = Expr::is_in("group", ticketscope_testkit::oracle::Set::tenant("public_groups"));
    world.teach(&expr);
    apply(&mut world, &[role("r", &expr), value("group", "g", None, public)]);
    assert!(world.sees("anna", &TicketKey::Int(1)));
    apply(&mut world, &[value("group", "g", None, GroupFlags::default())]);
    assert!(!world.sees("anna", &TicketKey::Int(1)));
}

#[test]
fn a_full_listing_removes_what_it_did_not_state_if_its_count_is_right() {
    let complete = |what, count| Change::state(Fact::Complete(Complete { what, count }));
    let mut world = world(&[
        rel("anna", "groups", "a"),
        rel("anna", "groups", "b"),
        member("a", "anna"),
        principal("anna", "generic.group"),
        principal("bob", "generic.group"),
        ticket(1, &[("group", "b")]),
        ticket(2, &[("group", "a")]),
        value("group", "a", None, GroupFlags::default()),
        value("organization", "o", None, GroupFlags::default()),
    ]);
    world.begin_import();
    apply(&mut world, &[rel("anna", "groups", "a"), rel("anna", "groups", "a"), member("a", "anna")]);
    for wrong in [1, 3] {
        let refusal = refused(&mut world, &complete(Listing::Memberships, wrong));
        assert_eq!(refusal, Refusal::Incomplete { what: Listing::Memberships, counted: wrong, stated: 2 });
        assert!(world.sees("anna", &TicketKey::Int(1)));
    }
    apply(&mut world, &[complete(Listing::Memberships, 2)]);
    assert!(!world.sees("anna", &TicketKey::Int(1)));
    assert!(world.sees("anna", &TicketKey::Int(2)));

    apply(&mut world, &[principal("anna", "generic.group"), complete(Listing::Principals, 1)]);
    assert_eq!(world.principals().map(|fact| &*fact.id).collect::<Vec<_>>(), ["anna"]);
    apply(&mut world, &[ticket(2, &[]), complete(Listing::Tickets, 1)]);
    assert!(exists(&world, 2) && !exists(&world, 1));
    assert_eq!(field(&world, 2, "group"), "a");
    apply(&mut world, &[complete(Listing::Groups, 0), complete(Listing::Organizations, 0)]);
}

#[test]
fn a_field_that_tickets_hold_cannot_become_many_valued() {
    let many = |name: &str| {
        let fields = vec![FieldDecl { name: name.into(), kind: FieldKind::Keyword, many: true }];
        Change::state(Fact::Schema(SchemaDecl { fields, ..SchemaDecl::default() }))
    };
    let mut world = world(&[ticket(1, &[("group", "a")])]);
    assert_eq!(refused(&mut world, &many("group")), Refusal::InUse("group".into()));
    apply(&mut world, &[many("brand"), ticket(1, &[("group", "")]), many("group")]);
}
