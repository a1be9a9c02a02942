//! T9: nothing of an earlier state grants anything: cursors, earlier snapshots' sets, statements that come late.
//!
//! The races of readers with revocations are in [`crate::revocation`].

use serde_json::{Value, json};
use ticketscope_model::{Change, TextClass};
use ticketscope_server::KeyClass;

use super::desk::{ACME, Asking, GROUP_AGENT, ORGANIZATION_AGENT, OTHER, SUSPENDED, Secret, serve, vault, visible};
use crate::{
    changes::{at_rev, gone, member, principal, rel, role, suspended, text, ticket},
    compare,
};

#[test]
fn t09_nothing_of_an_earlier_state_grants_anything_after_a_revocation() {
    let served = serve(vault(&Secret::new("quarterhorse", 777, 17, 3)));
    let tenant = served.tenant(ACME);
    let first = |parameters: &Value, who: &str| {
        let reply = Asking::new(&served, who).post("search", parameters);
        (reply.ids(), reply.next().unwrap_or_else(|| panic!("{who}: one page only: {}", reply.text)))
    };
    let questions = [
        json!({"limit": 2}),
        json!({"query": "refund", "limit": 1}),
        json!({"query": "status:open", "sort": "id:asc", "limit": 1}),
    ];

    // A cursor of one is refused to another, and for another question, order or tenant.
    for parameters in &questions {
        let (_, cursor) = first(parameters, GROUP_AGENT);
        let mut other = parameters.clone();
        other["page_after"] = Value::from(&*cursor);
        for who in [ORGANIZATION_AGENT, "ash", "cus", SUSPENDED] {
            let reply = Asking::new(&served, who).post("search", &other);
            assert_eq!(reply.code().as_deref(), Some("bad_cursor"), "{who}: {}", reply.text);
        }
        for (name, value) in [("query", "status:pending"), ("sort", "weight:asc")] {
            let mut changed = other.clone();
            changed[name] = Value::from(value);
            let reply = Asking::new(&served, GROUP_AGENT).post("search", &changed);
            assert_eq!(reply.code().as_deref(), Some("bad_cursor"), "{changed}: {}", reply.text);
        }
        let key = served.key(KeyClass::Search, None);
        let reply = served.client().post(&key, &format!("/v1/tenants/{OTHER}/search?"), &{
            let mut foreign = other.clone();
            foreign["as"] = Value::from(GROUP_AGENT);
            foreign
        });
        assert_eq!(reply.code().as_deref(), Some("bad_cursor"), "{}", reply.text);
    }

    // A cursor from before a revocation shows nothing that was revoked, whatever was revoked.
    let membership = rel(GROUP_AGENT, "groups", "support");
    let narrower = |view: &str| role("group_agent", &[("view", view), ("view_private", view), ("view_side", view)]);
    let person = principal(GROUP_AGENT, "group_agent");
    let revocations: [(&str, Change, Change); 4] = [
        ("membership", gone(membership.clone()), membership),
        ("expression", narrower("assignee = me"), narrower("group in my.groups")),
        ("suspension", suspended(person.clone()), person.clone()),
        ("role", principal(GROUP_AGENT, "assigned_only"), person),
    ];
    for (name, revoke, grant) in revocations {
        for parameters in &questions {
            let (_, cursor) = first(parameters, GROUP_AGENT);
            tenant.submit(vec![revoke.clone()]).unwrap();
            let mut later = parameters.clone();
            later["page_after"] = Value::from(cursor);
            let reply = Asking::new(&served, GROUP_AGENT).post("search", &later);
            assert_eq!((reply.ids(), reply.json()["total"].as_u64()), (Vec::new(), Some(0)), "{name}: {}", reply.text);
            tenant.submit(vec![grant.clone()]).unwrap();
            let reply = Asking::new(&served, GROUP_AGENT).post("search", &later);
            assert!(!reply.ids().is_empty(), "{name}: granted again");
        }
    }
    // One ticket that moves away between two pages is on neither.
    let (_, cursor) = first(&json!({"limit": 2, "sort": "id:asc"}), GROUP_AGENT);
    tenant.submit(vec![ticket(8, &[("group", "sales")])]).unwrap();
    let (rest, _) =
        Asking::new(&served, GROUP_AGENT).pages(&json!({"limit": 2, "sort": "id:asc", "page_after": cursor}));
    assert!(!rest.contains(&"8".to_owned()) && rest.contains(&"10".to_owned()), "{rest:?}");
    tenant.submit(vec![ticket(8, &[("group", "support")])]).unwrap();

    // What was read from an acknowledged write is in force for fields and point checks at once; its words are never ahead of it.
    for number in 0..50 {
        tenant
            .submit(vec![
                ticket(600, &[("group", if number % 2 == 0 { "support" } else { "sales" })]),
                text(600, "d", TextClass::Public, "blacksmith"),
            ])
            .unwrap();
        let mut asking = Asking::new(&served, GROUP_AGENT);
        let (shown, found) = (asking.get("tickets/600").status == 200, asking.count("blacksmith"));
        assert_eq!(shown, number % 2 == 0, "round {number}");
        assert!(shown || found == 0, "round {number}");
    }

    // A statement that comes late does not win over a newer one, in any order and however often it is repeated.
    let grants: Vec<(Change, Change)> = vec![
        (at_rev(10, rel("late", "groups", "support")), at_rev(20, gone(rel("late", "groups", "support")))),
        (at_rev(10, principal("late", "generic.admin")), at_rev(20, principal("late", "group_agent"))),
        (at_rev(10, principal("late", "generic.admin")), at_rev(21, suspended(principal("late", "generic.admin")))),
        (at_rev(10, member("led", "otto")), at_rev(20, gone(member("led", "otto")))),
        (
            at_rev(10, role("boss", &[("view", "all")])),
            at_rev(20, role("boss", &[("view", "assignee in members(my.led_groups)")])),
        ),
        (at_rev(10, ticket(2, &[("assignee", "late")])), at_rev(20, ticket(2, &[("assignee", "otto")]))),
    ];
    tenant.submit(vec![principal("lead", "boss"), rel("lead", "led_groups", "led")]).unwrap();
    for (stale, newer) in grants {
        tenant.submit(vec![stale.clone()]).unwrap();
        tenant.submit(vec![newer.clone()]).unwrap();
        let before: Vec<_> = ["late", "lead"].map(|who| compare::visible(&tenant.snapshot(), who, "view")).to_vec();
        for _ in 0..3 {
            tenant.submit(vec![stale.clone()]).unwrap();
            tenant.submit(vec![stale.clone(), newer.clone(), stale.clone()]).unwrap();
        }
        let after: Vec<_> = ["late", "lead"].map(|who| compare::visible(&tenant.snapshot(), who, "view")).to_vec();
        assert_eq!(after, before, "{stale:?} came again after {newer:?}");
    }
    for who in ["late", "lead"] {
        assert!(compare::visible(&tenant.snapshot(), who, "view").is_empty(), "{who}");
    }
    assert_eq!(Asking::new(&served, GROUP_AGENT).count("-600"), visible(GROUP_AGENT).len() as u64);
}
