//! The large tenant, made small: what its documentation promises.

mod common;

use std::collections::BTreeMap;

use ticketscope_model::{TicketKey, Timestamp};
use ticketscope_testkit::{
    oracle::{Asker, Query, World},
    tenant::{Shape, Tenant, write_line},
};

fn tenant(tickets: u64, text: bool) -> Tenant {
    Tenant::new(Shape { seed: 5, tickets, text })
}

fn world(tenant: &Tenant) -> World {
    let mut world = World::new();
    for (_, expr) in Tenant::roles() {
        world.teach(&expr);
    }
    for change in tenant.changes() {
        assert_eq!(world.apply(&change), Ok(()), "{change:?}");
    }
    world
}

#[test]
fn the_same_seed_makes_the_same_tenant() {
    let lines = |seed| {
        let mut out = String::new();
        for change in Tenant::new(Shape { seed, tickets: 300, text: true }).changes() {
            write_line(&change, &mut out).unwrap();
        }
        out
    };
    assert_eq!(lines(5), lines(5));
    assert_ne!(lines(5), lines(6));
}

#[test]
fn ids_and_dates_ascend_and_updates_come_after_creation() {
    let drafts: Vec<_> = tenant(5_000, false).drafts().collect();
    assert_eq!(drafts.len(), 5_000);
    for pair in drafts.windows(2) {
        assert!((1..=4).contains(&(pair[1].id - pair[0].id)));
        assert!(pair[0].created <= pair[1].created);
    }
    assert!(drafts.iter().all(|draft| draft.created <= draft.updated));
    let middle = drafts.iter().filter(|draft| draft.updated - draft.created < 60 * 86_400 / 4).count();
    assert!((2_000..4_500).contains(&middle), "most updates come soon: {middle}");
}

#[test]
fn shares_are_the_documented_ones() {
    let tenant = tenant(40_000, false);
    let drafts: Vec<_> = tenant.drafts().collect();
    let share = |test: &dyn Fn(&ticketscope_testkit::tenant::Draft) -> bool| {
        let count = drafts.iter().filter(|draft| test(draft)).count();
        f64::from(u32::try_from(count).unwrap()) / 40_000.0
    };
    for (found, expected) in [
        (share(&|draft| draft.group == Some(0)), tenant.group_share(0)),
        (share(&|draft| draft.group.is_none()), 0.02),
        (share(&|draft| draft.assignee.is_none()), 0.25 * 0.98 + 0.02),
        (share(&|draft| draft.organization.is_none()), 0.10),
        (share(&|draft| draft.status == "closed"), 0.50),
        (share(&|draft| draft.life == "archived"), 0.30),
        (share(&|draft| draft.priority.is_empty()), 0.20),
        (share(&|draft| draft.brand == "brand-4"), 0.05),
        (share(&|draft| !draft.cc.is_empty()), 0.10),
    ] {
        assert!((found - expected).abs() < 0.015, "{found}, not {expected}");
    }
    assert!((0.13..0.16).contains(&tenant.group_share(0)));
}

#[test]
fn scopes_reach_from_one_ticket_to_nearly_all() {
    let tenant = tenant(20_000, false);
    let world = world(&tenant);
    let now = Timestamp::parse("2026-01-01").unwrap();
    let all = world.answers(Asker::Admin, now).count(&Query::default());
    let mut seen = BTreeMap::new();
    for id in world.principals().map(|principal| principal.id.to_string()).filter(|id| !id.starts_with("agent-")) {
        let count = world.answers(Asker::Principal(id.clone()), now).count(&Query::default());
        seen.insert(id, count);
    }
    assert_eq!(seen["admin"], all);
    assert_eq!((seen["single"], seen["assigned-only"]), (1, 0));
    assert!(seen["tiny"] < 40, "{}", seen["tiny"]);
    assert!((all * 48 / 100..all * 54 / 100).contains(&seen["half"]), "{} of {all}", seen["half"]);
    assert!((all * 94 / 100..all * 98 / 100).contains(&seen["all-but-one"]), "{} of {all}", seen["all-but-one"]);
    assert!(seen["supervisor-1"] > 0 && seen["supervisor-1"] < seen["supervisor-4"]);
    assert!(seen["brand-agent-1"] > 0 && seen["customer-1"] > 0);
    assert!(seen["organization-agent-1"] > seen["organization-agent-4"]);
    // The root department has all groups below it.
    assert!(seen["department-agent-1"] > all * 96 / 100 && seen["department-agent-2"] < seen["department-agent-1"]);
}

#[test]
fn text_is_there_only_on_demand() {
    for text in [false, true] {
        let world = world(&tenant(3, text));
        let key = TicketKey::Int(tenant(3, text).drafts().next().unwrap().id);
        assert_eq!(world.ticket(&key).unwrap().parts.len(), if text { 2 } else { 0 });
    }
}
