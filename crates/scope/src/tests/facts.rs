use std::sync::Arc;

use ticketscope_model::{
    FieldDecl, FieldKind, GroupFlags, Member, RelFact, RelationSide, Schema, SchemaDecl, TenantRelFact, ValueFact,
};

use super::{Ticket, expr, principal};
use crate::{DefaultGate, Directory, NameError, sees};

fn tenant() -> Directory {
    let mut directory = Directory::new(Arc::new(Schema::builtin()));
    directory.set_principal(&principal("a", None));
    directory
}

fn value(field: &str, id: &str, parent: Option<&str>, flags: GroupFlags) -> ValueFact {
    ValueFact { field: field.into(), id: id.into(), parent: parent.map(Into::into), flags }
}

fn rel(rel: &str, value: &str, level: Option<&str>) -> RelFact {
    RelFact { principal: "a".into(), rel: rel.into(), value: value.into(), level: level.map(Into::into) }
}

/// Which of `values` of `field` the set holds for principal `a`, by both evaluators.
fn holds<'a>(directory: &Directory, field: &str, set: &str, values: &[&'a str]) -> Vec<&'a str> {
    let rule = expr(&format!("{field} in {set}"));
    let scope = directory.preview("a", &rule, DefaultGate::Off).unwrap();
    let within = |value: &&&str| {
        let ticket = Ticket::of(&[(field, value)]);
        assert_eq!(scope.matches(&ticket), sees(&rule, directory, "a", &ticket), "{set}: {value}");
        scope.matches(&ticket)
    };
    values.iter().filter(within).copied().collect()
}

#[test]
fn flags_feed_the_tenants_relations_and_win_over_what_is_stated() {
    let groups = ["open", "shut", "silent", "stated", "idle", "unknown"];
    let flags = |public, active| GroupFlags { public, active, shared: None };
    let mut directory = tenant();
    directory.set_value(&value("group", "open", None, flags(Some(true), None)));
    directory.set_value(&value("group", "shut", None, flags(Some(false), Some(true))));
    directory.set_value(&value("group", "silent", None, flags(None, None)));
    directory.set_value(&value("group", "idle", None, flags(None, Some(false))));
    let of = |directory: &Directory, rel: &str| holds(directory, "group", &format!("tenant.{rel}"), &groups);
    assert_eq!(of(&directory, "public_groups"), ["open"]);
    assert_eq!(of(&directory, "private_groups"), ["shut"]);
    assert_eq!(of(&directory, "active_groups"), ["open", "shut", "silent"]);
    for stated in ["public_groups", "private_groups", "active_groups"] {
        for group in ["open", "shut", "silent", "stated", "idle"] {
            directory.set_tenant_rel(&TenantRelFact { rel: stated.into(), value: group.into() });
        }
    }
    assert_eq!(of(&directory, "public_groups"), ["open", "silent", "stated", "idle"]);
    assert_eq!(of(&directory, "private_groups"), ["shut", "silent", "stated", "idle"]);
    assert_eq!(of(&directory, "active_groups"), ["open", "shut", "silent", "stated"]);
    directory.remove_value("group", "shut");
    directory.remove_value("group", "idle");
    directory.remove_tenant_rel("private_groups", "stated");
    directory.set_value(&value("group", "open", None, flags(Some(false), None)));
    assert_eq!(of(&directory, "public_groups"), ["shut", "silent", "stated", "idle"]);
    assert_eq!(of(&directory, "private_groups"), ["open", "shut", "silent", "idle"]);
    assert_eq!(of(&directory, "active_groups"), ["open", "shut", "silent", "stated", "idle"]);
}

#[test]
fn own_organizations_are_shared_where_the_tenant_shares_them() {
    let organizations = ["flagged", "stated", "direct", "own", "other"];
    let shared = |yes| GroupFlags { public: None, active: None, shared: Some(yes) };
    let mut directory = tenant();
    directory.set_value(&value("organization", "flagged", None, shared(true)));
    directory.set_value(&value("organization", "other", None, shared(true)));
    directory.set_tenant_rel(&TenantRelFact { rel: "shared_orgs".into(), value: "stated".into() });
    for organization in ["flagged", "stated", "own"] {
        directory.set_rel(&rel("orgs", organization, None));
    }
    directory.set_rel(&rel("shared_organizations", "direct", None));
    let of = |directory: &Directory| holds(directory, "organization", "my.shared_orgs", &organizations);
    assert_eq!(of(&directory), ["flagged", "stated", "direct"]);
    for organization in ["stated", "direct", "flagged"] {
        directory.set_value(&value("organization", organization, None, shared(false)));
    }
    assert!(of(&directory).is_empty());
    directory.remove_value("organization", "direct");
    assert_eq!(of(&directory), ["direct"]);
    directory.remove_rel("a", "shared_orgs", "direct", None);
    assert!(of(&directory).is_empty());
}

#[test]
fn full_implies_every_level_and_no_level_implies_none() {
    let groups = ["plain", "reads", "writes", "full"];
    let mut directory = tenant();
    for (group, level) in [("plain", None), ("reads", Some("read")), ("writes", Some("write")), ("full", Some("full"))]
    {
        directory.set_rel(&rel("groups", group, level));
    }
    let of = |directory: &Directory, set: &str| holds(directory, "group", set, &groups);
    assert_eq!(of(&directory, "my.groups"), groups);
    assert_eq!(of(&directory, "my.groups[read]"), ["reads", "full"]);
    assert_eq!(of(&directory, "my.groups[full]"), ["full"]);
    assert_eq!(of(&directory, "my.groups[odd]"), ["full"]);
    directory.set_rel(&rel("groups", "plain", Some("read")));
    directory.set_rel(&rel("groups", "reads", Some("write")));
    directory.remove_rel("a", "groups", "reads", Some("read"));
    assert_eq!(of(&directory, "my.groups[read]"), ["plain", "full"]);
    directory.remove_rel("a", "groups", "plain", Some("read"));
    assert_eq!(of(&directory, "my.groups"), groups, "the ungraded fact stays");
    directory.remove_rel("a", "groups", "reads", None);
    directory.remove_rel("a", "groups", "writes", Some("write"));
    assert_eq!(of(&directory, "my.groups"), ["plain", "full"]);
    assert_eq!(directory.counts().relations, 2);
}

#[test]
fn members_follow_the_groups_of_other_users() {
    let users = ["a", "b", "c", "d"];
    let mut directory = tenant();
    directory.set_rel(&rel("led_groups", "g", None));
    for (group, user) in [("g", "b"), ("g", "c"), ("h", "d")] {
        directory.set_member(&Member { group: group.into(), user: user.into() });
    }
    let of = |directory: &Directory, set: &str| holds(directory, "assignee", set, &users);
    assert_eq!(of(&directory, "members(my.led_groups)"), ["b", "c"]);
    directory.set_member(&Member { group: "g".into(), user: "d".into() });
    directory.remove_member(&Member { group: "g".into(), user: "c".into() });
    assert_eq!(of(&directory, "members(my.led_groups)"), ["b", "d"]);
    directory.set_value(&value("group", "h", Some("top"), GroupFlags::default()));
    directory.set_rel(&rel("led_groups", "top", None));
    directory.remove_rel("a", "led_groups", "g", None);
    assert!(of(&directory, "members(my.led_groups)").is_empty());
    assert_eq!(of(&directory, "members(under(my.led_groups))"), ["d"], "below members() the tree is that of groups");
}

#[test]
fn under_follows_the_tree_of_its_dimension_and_survives_cycles() {
    let departments = ["1", "2", "3", "4", "5"];
    let mut directory = tenant();
    directory.set_rel(&rel("departments", "1", None));
    for (id, parent) in [("2", "1"), ("3", "2"), ("5", "4")] {
        directory.set_value(&value("department", id, Some(parent), GroupFlags::default()));
    }
    for field in ["department", "ref_dept"] {
        assert_eq!(holds(&directory, field, "under(my.depts)", &departments), ["1", "2", "3"]);
    }
    assert_eq!(holds(&directory, "group", "under(my.depts)", &departments), ["1"], "groups have another tree");
    directory.set_value(&value("department", "1", Some("5"), GroupFlags::default()));
    directory.set_value(&value("department", "4", Some("3"), GroupFlags::default()));
    assert_eq!(holds(&directory, "department", "under(my.depts)", &departments), departments, "all in one cycle");
    directory.set_value(&value("department", "2", Some("2"), GroupFlags::default()));
    assert_eq!(holds(&directory, "department", "under(my.depts)", &departments), ["1"]);
    assert_eq!(holds(&directory, "department", "under({2})", &departments), ["1", "2", "3", "4", "5"]);
    directory.remove_value("department", "3");
    assert_eq!(holds(&directory, "department", "under({2})", &departments), ["2"]);
}

#[test]
fn a_known_relation_that_is_empty_excludes_nobody_under_negation() {
    let directory = tenant();
    let rule = expr("no group | !(group in my.excluded_groups)");
    let scope = directory.preview("a", &rule, DefaultGate::Off).unwrap();
    assert_eq!(scope.view(), crate::ScopeView::Unrestricted);
}

#[test]
fn principals_are_found_by_id_name_and_mail_the_exact_id_first() {
    let mut directory = Directory::new(Arc::new(Schema::builtin()));
    let named = |id: &str, name: Option<&str>, email: Option<&str>| {
        let mut fact = principal(id, None);
        fact.name = name.map(Into::into);
        fact.email = email.map(Into::into);
        fact
    };
    directory.set_principal(&named("b", Some("ana"), None));
    directory.set_principal(&named("a", Some("An\u{e1}"), Some("ANA@ex.test")));
    directory.set_principal(&named("ana", Some("Someone"), None));
    let found = |directory: &Directory, text: &str| {
        directory.principals_named(text).into_iter().map(|fact| fact.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(&directory, "ana"), ["ana", "a", "b"]);
    assert_eq!(found(&directory, "ANA"), ["a", "ana", "b"]);
    assert_eq!(found(&directory, "ana@EX.test"), ["a"]);
    assert!(found(&directory, "an").is_empty());
    directory.set_principal(&named("a", Some("Bea"), None));
    directory.remove_principal("b");
    assert_eq!(found(&directory, "ana"), ["ana"]);
    assert_eq!(directory.principals().map(|fact| &*fact.id).collect::<Vec<_>>(), ["a", "ana"]);
    assert!(directory.principal("b").is_none());
}

#[test]
fn a_relation_must_be_known_on_its_side() {
    let mut directory = tenant();
    assert_eq!(directory.check_rel_name("orgs", RelationSide::My), Ok("organizations".into()));
    assert!(matches!(directory.check_rel_name("public_groups", RelationSide::My), Err(NameError::Side { .. })));
    assert!(matches!(directory.check_rel_name("skills", RelationSide::My), Err(NameError::UnknownRelation { .. })));
    let mut schema = Schema::builtin();
    let fields = vec![FieldDecl { name: "skill".into(), kind: FieldKind::Keyword, many: true }];
    schema.declare(&SchemaDecl { fields, relations: vec!["skills".into()], ..SchemaDecl::default() }).unwrap();
    directory.set_schema(Arc::new(schema));
    assert!(directory.check_rel_name("skills", RelationSide::My).is_ok());
    assert!(directory.check_rel_name("skills", RelationSide::Tenant).is_ok());
}

#[test]
fn a_clone_keeps_what_it_knew() {
    let mut directory = tenant();
    directory.set_rel(&rel("groups", "1", None));
    let published = directory.clone();
    directory.set_rel(&rel("groups", "2", None));
    directory.remove_rel("a", "groups", "1", None);
    directory.remove_principal("a");
    assert_eq!(published.relation_values("a", "groups").map(|v| &**v).collect::<Vec<_>>(), ["1"]);
    assert!(published.principal("a").is_some() && directory.principal("a").is_none());
}
