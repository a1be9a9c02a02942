use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::{ExprSource, RelFact, RoleFact, Schema};

use super::{Ticket, principal, random};
use crate::{Directory, Reason, explain};

fn tenant() -> Directory {
    let mut directory = Directory::new(Arc::new(Schema::builtin()));
    directory.set_principal(&principal("ana", Some("zendesk.groups")));
    for (rel, value) in [("groups", "billing"), ("brands", "acme")] {
        directory.set_rel(&RelFact { principal: "ana".into(), rel: rel.into(), value: value.into(), level: None });
    }
    directory
}

fn why(directory: &Directory, id: &str, values: &[(&str, &str)]) -> Reason {
    explain(directory, id, "view", &Ticket::of(values)).unwrap()
}

#[test]
fn the_granting_atoms_are_named_with_the_matching_value() {
    let reason = why(&tenant(), "ana", &[("life", "live"), ("group", "billing"), ("brand", "acme")]);
    assert!(reason.visible);
    assert_eq!(
        reason.text,
        "granted by role `zendesk.groups`: `life in {live, archived}` (life is live) and `group in my.groups` \
         (group is billing) and `brand in my.brands` (brand is acme)"
    );
    let copied = why(&tenant(), "ana", &[("life", "live"), ("cc", "bob"), ("cc", "ana")]);
    assert_eq!(copied.steps.last().map(|step| (&*step.expr, &*step.found)), Some(("cc = me", "cc is ana")));
}

#[test]
fn the_denying_atoms_are_named_with_what_the_ticket_has() {
    let reason = why(&tenant(), "ana", &[("life", "live"), ("group", "billing"), ("brand", "other")]);
    assert!(!reason.visible);
    assert!(reason.text.contains("`brand in my.brands` (brand is other)"), "{}", reason.text);
    assert!(reason.text.contains("`cc = me` (cc is unset)"), "{}", reason.text);
    assert!(!reason.text.contains("my.groups"), "the group is not what denies: {}", reason.text);
}

#[test]
fn gates_suspension_and_roles_are_reasons_of_their_own() {
    let mut directory = tenant();
    let gate = why(&directory, "ana", &[("life", "deleted"), ("group", "billing")]);
    assert_eq!(gate.text, "gate: life is deleted, and role `zendesk.groups` asks for `life in {live, archived}`");
    directory.set_principal(&principal("v", Some("voximplant.owner")));
    let gate = why(&directory, "v", &[("life", "spam")]);
    assert!(gate.text.starts_with("gate: life is spam"), "{}", gate.text);
    let mut suspended = principal("s", Some("generic.owner"));
    suspended.active = false;
    directory.set_principal(&suspended);
    directory.set_principal(&principal("n", None));
    directory.set_principal(&principal("u", Some("gone")));
    for (id, text) in [("s", "suspended"), ("n", "no role"), ("u", "unknown role `gone`")] {
        let reason = why(&directory, id, &[("life", "live")]);
        assert!(!reason.visible && reason.text.contains(text), "{}", reason.text);
    }
    assert!(explain(&directory, "nobody", "view", &Ticket::default()).is_err());
    let verb = explain(&directory, "ana", "delete", &Ticket::of(&[("life", "live"), ("cc", "ana")])).unwrap();
    assert!(!verb.visible && verb.text.contains("allows `delete` on no ticket"), "{}", verb.text);
}

#[test]
fn the_reason_agrees_with_the_scope_and_its_steps_with_the_reason() {
    let schema = random::schema();
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let mut directory = random::directory(&mut rng, &schema, 40);
        let view = random::expr(&mut rng, &schema, 4, random::Shape::Any);
        let private = random::expr(&mut rng, &schema, 2, random::Shape::Any);
        let verb = |name: &str, expr: &crate::Expr| (name.into(), ExprSource::Text(expr.to_string().into()));
        let verbs = vec![verb("view", &view), verb("view_private", &private)];
        directory.set_role(&RoleFact { id: "r".into(), verbs }).unwrap();
        directory.set_principal(&principal("0", Some("r")));
        let ticket = random::ticket(&mut rng, &schema);
        for verb in ["view", "view_private"] {
            let reason = explain(&directory, "0", verb, &ticket).unwrap();
            let scope = directory.scope_of("0", verb).unwrap();
            assert_eq!(reason.visible, scope.matches(&ticket), "seed {seed}: {verb}: {view}");
            assert_eq!(directory.point_check("0", verb, &ticket), Ok(reason.visible), "seed {seed}: {verb}: {view}");
            assert!(!reason.steps.is_empty(), "seed {seed}: {view}");
            assert!(!reason.text.is_empty());
        }
    }
}
