use std::sync::Arc;

use ticketscope_model::{ExprSource, RoleFact, Schema};

use super::{Ticket, expr, principal};
use crate::{Directory, Role, RoleError, ScopeView};

fn role(id: &str, verbs: &[(&str, &str)]) -> RoleFact {
    let source = |text: &str| {
        if text.starts_with('{') { ExprSource::Json(text.into()) } else { ExprSource::Text(text.into()) }
    };
    RoleFact { id: id.into(), verbs: verbs.iter().map(|(verb, text)| ((*verb).into(), source(text))).collect() }
}

fn directory(verbs: &[(&str, &str)]) -> Directory {
    let mut directory = Directory::new(Arc::new(Schema::builtin()));
    directory.set_role(&role("r", verbs)).unwrap();
    directory.set_principal(&principal("a", Some("r")));
    directory
}

fn compile(fact: &RoleFact) -> Result<Role, RoleError> {
    Role::custom(fact, &Schema::builtin())
}

#[test]
fn view_in_another_verb_means_the_view_expression() {
    let verbs =
        [("edit", "view & !(status in {closed})"), ("view", "no group | no team"), ("export", r#"{"all":["view"]}"#)];
    let role = compile(&role("r", &verbs)).unwrap();
    assert_eq!(role.verb("edit"), Some(&expr("(no group | no team) & !(status in {closed})")));
    assert_eq!(role.verb("export"), Some(&expr("no group | no team")));
    assert_eq!(role.verb("delete"), None);
    assert_eq!(role.verb("nonsense"), None);
    assert_eq!(role.fields().len(), 3);
}

#[test]
fn a_role_is_refused_for_each_mistake() {
    let refused = |id: &str, verbs: &[(&str, &str)]| compile(&role(id, verbs)).unwrap_err();
    assert_eq!(refused("", &[]), RoleError::Unnamed);
    assert!(matches!(refused("zendesk.mine", &[("view", "all")]), RoleError::Reserved(_)));
    assert!(matches!(refused("generic.owner", &[("view", "none")]), RoleError::Reserved(_)));
    let RoleError::UnknownVerb { near, .. } = refused("r", &[("veiw", "all")]) else { panic!("accepted") };
    assert_eq!(near.as_deref(), Some("view"));
    assert!(matches!(refused("r", &[("view", "all"), ("view", "all")]), RoleError::Twice { .. }));
    assert!(matches!(refused("r", &[("close", "all"), ("solve", "all")]), RoleError::Twice { .. }));
    assert!(matches!(refused("r", &[("view", "view")]), RoleError::Expr { verb: "view", .. }));
    let json = refused("r", &[("view", r#"{"all":[{"unset":"cc"},{"in":{"field":"cc","set":{"my":"x"}}}]}"#)]);
    let RoleError::Expr { source, .. } = json else { panic!("accepted") };
    assert!(source.to_string().starts_with("at view.all[1].in.set.my: unknown relation `x`"), "{source}");
    // An unknown level is harmless in the view and not under the negation of it.
    assert!(compile(&role("r", &[("view", "group in my.groups[raed]"), ("edit", "view")])).is_ok());
    assert!(compile(&role("r", &[("view", "group in my.groups[raed]"), ("edit", "!view")])).is_err());
}

#[test]
fn a_view_is_checked_again_wherever_it_is_repeated() {
    // Harmless in the view itself, where an even number of turns stands above it; one more turn makes it widen.
    for (view, once, negated) in [
        ("group in {1} & !(group in my.groups - my.groups[raed])", true, false),
        ("!!(group in my.groups[raed])", true, false),
        ("!(group in my.groups - {})", true, false),
        ("!(group in my.groups[read])", true, true),
        ("group in {1} - my.groups[read]", true, true),
    ] {
        for (edit, accepted) in [("view", once), ("!view", negated), ("!!view", once)] {
            let found = compile(&role("r", &[("view", view), ("edit", edit)])).is_ok();
            assert_eq!(found, accepted, "{edit}: {view}");
            let json = edit.strip_prefix('!').filter(|rest| *rest == "view").map(|_| r#"{"not":"view"}"#);
            if let Some(json) = json {
                assert_eq!(compile(&role("r", &[("view", view), ("edit", json)])).is_ok(), accepted, "{json}: {view}");
            }
        }
    }
}

#[test]
fn equal_value_sets_written_apart_give_one_scope() {
    let apart = directory(&[("view", "group in {1} | assignee = me | group in {2, 1}")]);
    let together = directory(&[("view", "assignee = me | group in {2} + {1}")]);
    assert_eq!(apart.scope_of("a", "view"), together.scope_of("a", "view"));
}

#[test]
fn a_refused_role_changes_nothing() {
    let mut directory = directory(&[("view", "all")]);
    let before = directory.scope_of("a", "view").unwrap();
    assert!(directory.set_role(&role("r", &[("view", "no gruop")])).is_err());
    assert_eq!(directory.scope_of("a", "view").unwrap(), before);
    directory.remove_role("r");
    assert!(directory.scope_of("a", "view").unwrap().is_nothing());
}

#[test]
fn the_gate_is_live_and_archived_unless_the_rule_names_life() {
    let live = &["archived", "live"][..];
    for (view, gate, unrestricted) in [
        ("all", Some(live), true),
        ("life in {live}", Some(&["live"][..]), true),
        ("life in {archived, live}", Some(live), true),
        ("life in {live, archived} & no group", Some(live), false),
        ("no group", Some(live), false),
        ("no group & (no team & life in {spam})", Some(&["spam"][..]), false),
        ("no group | life in {spam}", None, false),
        ("!(life in {spam})", None, false),
        ("!(no group) & !(life in {spam})", None, false),
    ] {
        let scope = directory(&[("view", view)]).scope_of("a", "view").unwrap();
        let found = scope.gate().map(|gate| gate.iter().map(|life| &**life).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), gate, "{view}");
        assert_eq!(scope.view() == ScopeView::Unrestricted, unrestricted, "{view}");
    }
    assert!(directory(&[("view", "life in {}")]).scope_of("a", "view").unwrap().is_nothing());
}

#[test]
fn a_gate_in_the_rule_and_the_default_gate_give_one_scope() {
    let stated = directory(&[("view", "life in {live, archived} & no group")]).scope_of("a", "view").unwrap();
    let default = directory(&[("view", "no group")]).scope_of("a", "view").unwrap();
    assert_eq!(stated, default);
}

#[test]
fn a_ticket_without_life_passes_no_gate() {
    let scope = directory(&[("view", "all")]).scope_of("a", "view").unwrap();
    assert!(!scope.matches(&Ticket::of(&[("group", "1")])));
    assert!(scope.matches(&Ticket::of(&[("life", "archived")])));
    assert!(!scope.matches(&Ticket::of(&[("life", "deleted")])));
}

#[test]
fn private_text_is_read_at_most_where_the_ticket_is_viewed() {
    let directory = directory(&[
        ("view", "group in {1}"),
        ("view_private", "life in {live, deleted} & (group in {1, 2} & no team)"),
        ("view_side", "all"),
        ("export", "all"),
    ]);
    for life in ["live", "archived", "deleted"] {
        for group in ["1", "2"] {
            for team in [None, Some(("team", "t"))] {
                let values: Vec<_> = [("life", life), ("group", group)].into_iter().chain(team).collect();
                let ticket = Ticket::of(&values);
                let may = |verb| {
                    let scope = directory.scope_of("a", verb).unwrap();
                    assert_eq!(
                        directory.point_check("a", verb, &ticket),
                        Ok(scope.matches(&ticket)),
                        "{verb} {values:?}"
                    );
                    scope.matches(&ticket)
                };
                let viewed = group == "1" && life != "deleted";
                assert_eq!(may("view"), viewed);
                assert_eq!(may("view_private"), viewed && team.is_none() && life == "live", "{values:?}");
                assert_eq!(may("view_side"), viewed);
                assert_eq!(may("export"), life != "deleted");
                assert!(!may("edit"));
            }
        }
    }
}

#[test]
fn the_same_expression_for_view_and_private_text_gives_one_scope() {
    let directory = directory(&[("view", "group in {1} | assignee = me"), ("view_private", "view")]);
    assert_eq!(directory.scope_of("a", "view"), directory.scope_of("a", "view_private"));
}
