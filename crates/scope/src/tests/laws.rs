use std::sync::Arc;

use fastrand::Rng;

use super::random::{self, Fact, Shape};
use crate::{DefaultGate, Directory, Expr, Scope, ScopeView, VERBS, check, expr::FieldRef, sees};

const SEEDS: std::ops::Range<u64> = 0..400;

fn scope(directory: &Directory, principal: &str, expr: &Expr, gate: DefaultGate) -> Scope {
    directory.preview(principal, expr, gate).unwrap()
}

#[test]
fn both_evaluators_decide_every_ticket_alike() {
    let schema = random::schema();
    let (mut granted, mut denied) = (0, 0);
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let facts = rng.usize(0..80);
        let directory = random::directory(&mut rng, &schema, facts);
        let tickets: Vec<_> = (0..12).map(|_| random::ticket(&mut rng, &schema)).collect();
        for _ in 0..12 {
            let expr = random::expr(&mut rng, &schema, 4, Shape::Any);
            let principal = random::value(&mut rng);
            let gated = scope(&directory, &principal, &expr, DefaultGate::LiveAndArchived);
            let bare = scope(&directory, &principal, &expr, DefaultGate::Off);
            for ticket in &tickets {
                let point = sees(&expr, &directory, &principal, ticket);
                assert_eq!(bare.matches(ticket), point, "seed {seed}: {principal}: {expr} on {ticket:?}");
                let point = check::sees_gated(&expr, &directory, &principal, ticket);
                assert_eq!(gated.matches(ticket), point, "seed {seed}, gated: {principal}: {expr} on {ticket:?}");
                *(if point { &mut granted } else { &mut denied }) += 1;
            }
        }
    }
    assert!(granted > 5_000 && denied > 5_000, "one-sided data: {granted} granted, {denied} denied");
}

#[test]
fn a_resolved_rule_is_in_normal_form_and_tells_the_fields_it_reads() {
    fn normal(rule: &crate::Resolved, inside: &str) {
        match rule {
            crate::Resolved::In { values, .. } => {
                assert!(!values.is_empty());
                assert!(values.iter().is_sorted());
            }
            crate::Resolved::Unset(_) => {}
            crate::Resolved::Not(inner) => {
                assert_ne!(inside, "not");
                normal(inner, "not");
            }
            crate::Resolved::All(operands) | crate::Resolved::Any(operands) => {
                let own = if matches!(rule, crate::Resolved::All(_)) { "all" } else { "any" };
                assert_ne!(inside, own);
                assert!(operands.len() > 1);
                assert!(operands.windows(2).all(|pair| pair[0] < pair[1]));
                for operand in operands {
                    normal(operand, own);
                }
            }
        }
    }
    let schema = random::schema();
    let mut seen = 0;
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let directory = random::directory(&mut rng, &schema, 60);
        let expr = random::expr(&mut rng, &schema, 5, Shape::Any);
        let scope = scope(&directory, "0", &expr, DefaultGate::Off);
        if let ScopeView::Restricted(rule) = scope.view() {
            normal(rule, "");
            let fields = rule.fields();
            assert!(fields.is_subset(&expr.fields()), "seed {seed}");
            let mut ticket = random::ticket(&mut rng, &schema);
            let before = rule.matches(&ticket);
            ticket.0.retain(|field, _| fields.contains(field));
            assert_eq!(rule.matches(&ticket), before, "seed {seed}: another field counted");
            seen += 1;
        }
    }
    assert!(seen > 100);
}

#[test]
fn a_new_membership_never_hides_a_ticket_from_a_rule_without_negation() {
    let schema = random::schema();
    let mut gained = 0;
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut directory = random::directory(&mut rng, &schema, 30);
        let rules: Vec<_> = (0..6).map(|_| random::expr(&mut rng, &schema, 4, Shape::Monotone)).collect();
        let tickets: Vec<_> = (0..20).map(|_| random::ticket(&mut rng, &schema)).collect();
        for _ in 0..8 {
            let before = directory.clone();
            match random::fact(&mut rng) {
                // Flags and parents may take away; memberships and relations may not.
                Fact::Value(_) => continue,
                fact => random::state(&mut directory, &fact),
            }
            for rule in &rules {
                for ticket in &tickets {
                    let was = sees(rule, &before, "0", ticket);
                    let is = scope(&directory, "0", rule, DefaultGate::Off).matches(ticket);
                    assert!(!was || is, "seed {seed}: {rule} hid {ticket:?}");
                    gained += usize::from(is && !was);
                }
            }
        }
    }
    assert!(gained > 100, "nothing was ever gained: {gained}");
}

#[test]
fn one_more_value_never_hides_a_ticket_from_a_rule_without_negation_and_no() {
    let schema = random::schema();
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let directory = random::directory(&mut rng, &schema, 40);
        for _ in 0..20 {
            let rule = random::expr(&mut rng, &schema, 4, Shape::Positive);
            let before = random::ticket(&mut rng, &schema);
            let mut after = before.clone();
            let field = schema.field(random::FIELDS[rng.usize(0..random::FIELDS.len())]).unwrap();
            let values = after.0.entry(field.id).or_default();
            if field.many || values.is_empty() {
                values.push(random::value(&mut rng).to_string());
            }
            let scope = scope(&directory, "0", &rule, DefaultGate::Off);
            assert!(!scope.matches(&before) || scope.matches(&after), "seed {seed}: {rule} hid {after:?}");
        }
    }
}

#[test]
fn the_unrestricted_scope_holds_every_other_under_the_same_gate() {
    let schema = random::schema();
    let admin = Scope::admin();
    assert_eq!(admin.view(), ScopeView::Unrestricted);
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let directory = random::directory(&mut rng, &schema, 40);
        let expr = random::expr(&mut rng, &schema, 4, Shape::Any);
        let scope = scope(&directory, "0", &expr, DefaultGate::LiveAndArchived);
        if scope.gate() != admin.gate() {
            continue;
        }
        for _ in 0..20 {
            let ticket = random::ticket(&mut rng, &schema);
            assert!(!scope.matches(&ticket) || admin.matches(&ticket), "seed {seed}: {expr}");
        }
    }
}

#[test]
fn facts_stated_and_removed_leave_no_trace() {
    let schema = random::schema();
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let kept: Vec<_> = (0..20).map(|_| random::fact(&mut rng)).collect();
        let mut rebuilt = random::directory(&mut rng, &schema, 0);
        let mut lived = rebuilt.clone();
        let passing: Vec<_> = (0..40).map(|_| random::fact(&mut rng)).collect();
        for fact in &passing {
            random::state(&mut lived, fact);
        }
        let snapshot = lived.clone();
        let counted = snapshot.counts();
        for fact in &passing {
            random::remove(&mut lived, fact);
        }
        assert_eq!(lived.counts(), rebuilt.counts(), "seed {seed}");
        for fact in &kept {
            random::state(&mut rebuilt, fact);
            random::state(&mut lived, fact);
        }
        assert_eq!(snapshot.counts(), counted, "seed {seed}: a clone changed");
        assert_eq!(lived.counts(), rebuilt.counts(), "seed {seed}");
        for _ in 0..20 {
            let expr = random::expr(&mut rng, &schema, 3, Shape::Any);
            let principal = random::value(&mut rng);
            assert_eq!(
                scope(&lived, &principal, &expr, DefaultGate::Off),
                scope(&rebuilt, &principal, &expr, DefaultGate::Off),
                "seed {seed}: {expr}"
            );
        }
    }
}

#[test]
fn equal_relations_give_equal_scopes_however_they_came_about() {
    let schema = random::schema();
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut facts: Vec<_> =
            (0..40).map(|_| random::fact(&mut rng)).filter(|f| !matches!(f, Fact::Value(_))).collect();
        let mut first = random::directory(&mut rng, &schema, 0);
        let mut second = first.clone();
        for fact in &facts {
            random::state(&mut first, fact);
        }
        rng.shuffle(&mut facts);
        for fact in &facts {
            random::state(&mut second, fact);
        }
        let expr = random::expr(&mut rng, &schema, 4, Shape::Any);
        // The same rule with the operands the other way round resolves to the same cache key.
        let turned = turn(&expr);
        assert_eq!(
            scope(&first, "0", &expr, DefaultGate::Off),
            scope(&second, "0", &turned, DefaultGate::Off),
            "seed {seed}: {expr}"
        );
    }
}

fn turn(expr: &Expr) -> Expr {
    match expr {
        Expr::And(operands) => Expr::And(operands.iter().rev().map(turn).collect()),
        Expr::Or(operands) => Expr::Or(operands.iter().rev().map(turn).collect()),
        Expr::Not(inner) => Expr::Not(Box::new(turn(inner))),
        Expr::All | Expr::None | Expr::In { .. } | Expr::Unset(_) => expr.clone(),
    }
}

#[test]
fn those_who_must_see_nothing_see_nothing_by_any_verb() {
    let schema = random::schema();
    let mut directory = Directory::new(Arc::clone(&schema));
    let mut suspended = super::principal("suspended", Some("generic.owner"));
    suspended.active = false;
    directory.set_principal(&suspended);
    directory.set_principal(&super::principal("roleless", None));
    directory.set_principal(&super::principal("stranger", Some("nobody_defined_this")));
    directory.set_principal(&super::principal("preset_typo", Some("generic.onwer")));
    let ticket = super::Ticket::of(&[("life", "live"), ("assignee", "suspended"), ("requester", "roleless")]);
    for verb in VERBS.into_iter().chain(["no_such_verb"]) {
        for id in ["suspended", "roleless", "stranger", "preset_typo"] {
            let scope = directory.scope_of(id, verb).unwrap();
            assert!(scope.is_nothing() && !scope.matches(&ticket), "{id} {verb}");
            assert_eq!(scope.view(), ScopeView::Nothing);
            assert_eq!(directory.point_check(id, verb, &ticket), Ok(false), "{id} {verb}");
        }
        assert!(directory.scope_of("absent", verb).is_err());
        assert!(directory.point_check("absent", verb, &ticket).is_err());
    }
    let all = Expr::All;
    assert!(directory.preview("suspended", &all, DefaultGate::Off).unwrap().is_nothing());
}

#[test]
fn restricted_is_within_group_and_group_within_global() {
    let schema = random::schema();
    let mut seen = [0; 3];
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let directory = random::directory(&mut rng, &schema, 40);
        let scopes = ["generic.restricted", "generic.group", "generic.global"].map(|id| {
            let mut directory = directory.clone();
            directory.set_principal(&super::principal("0", Some(id)));
            directory.scope_of("0", "view").unwrap()
        });
        for _ in 0..20 {
            let ticket = random::ticket(&mut rng, &schema);
            let within = [0, 1, 2].map(|at| scopes[at].matches(&ticket));
            assert!(within[0] <= within[1] && within[1] <= within[2], "seed {seed}: {ticket:?}");
            for (within, count) in within.iter().zip(&mut seen) {
                *count += usize::from(*within);
            }
        }
    }
    assert!(seen[0] > 0 && seen[0] < seen[1] && seen[1] < seen[2], "{seen:?}");
}

#[test]
fn a_field_reference_is_what_the_schema_says() {
    let schema = random::schema();
    let Expr::Unset(FieldRef { id, name }) = Expr::parse("no org", &schema).unwrap() else {
        panic!("another node");
    };
    assert_eq!((id, &*name), (ticketscope_model::fields::ORGANIZATION, "organization"));
}
