//! T1: whatever takes an id answers hidden, foreign, deleted and absent ones alike.

use serde_json::json;
use ticketscope_model::Change;
use ticketscope_server::KeyClass;

use super::desk::{ACME, Asking, OTHER, RESTRICTED, SUSPENDED, Secret, TICKETS, VAULT, sees, serve, vault, visible};
use crate::{
    changes::{del, ticket},
    http::{Client, Reply},
};

/// What every route that takes the id of a ticket answers, without the id that was asked for.
fn asked(asking: &mut Asking, id: &str) -> Vec<String> {
    let query = format!("id:{id}");
    let replies = [
        asking.get(&format!("tickets/{id}")),
        asking.get(&format!("check?ticket={id}")),
        asking.post("check", &json!({"ticket": id})),
        asking.post("search", &json!({"query": query})),
        asking.post("search", &json!({"query": query, "sort": "id:desc"})),
        asking.post("search", &json!({"query": format!("\"{id}\"")})),
        asking.post("search", &json!({"query": query, "rank": 1})),
        asking.post("count", &json!({"query": query})),
        asking.post("count", &json!({"query": format!("{query} status:open")})),
        asking.post("facets", &json!({"query": query, "field": ["group", "life"]})),
    ];
    replies.iter().map(Reply::told).collect()
}

#[test]
fn t01_every_route_that_takes_an_id_answers_hidden_foreign_and_absent_ids_alike() {
    let mut hidden = vault(&Secret::new("quarterhorse", 777, 17, 3));
    let life = |number: i64, life: &str| ticket(number, &[("group", "support"), ("assignee", "ash"), ("life", life)]);
    let gone: [Change; 2] = [ticket(803, &[("group", "support")]), del(803)];
    hidden.extend([life(800, "deleted"), life(801, "spam"), life(802, "suspended")]);
    hidden.extend(gone);
    let served = serve(hidden);
    let foreign: Vec<i64> = (VAULT..VAULT + 3).collect();
    let mut refused = served.client();
    for principal in RESTRICTED {
        let mut asking = Asking::new(&served, principal);
        let absent = asked(&mut asking, "777777");
        let unseen = (1..=TICKETS).filter(|number| !sees(principal, *number)).chain(800..804).chain(foreign.clone());
        for number in unseen {
            assert_eq!(asked(&mut asking, &number.to_string()), absent, "{principal} asks about {number}");
        }
        for number in visible(principal) {
            assert_ne!(asked(&mut asking, &number.to_string()), absent, "{principal} sees {number}");
        }
        // What only admins may ask is refused before the id is looked at; so is another tenant.
        let token = served.token(ACME, principal);
        let refuse = |client: &mut Client, tenant: &str, path: &str| {
            let reply = client.get(&token, &format!("/v1/tenants/{tenant}/{path}"));
            assert!(reply.status == 403 || reply.status == 404, "{path}: {}", reply.text);
            reply.told()
        };
        for (one, another) in [
            ("why?principal=root&ticket=900", "why?principal=nobody&ticket=777777"),
            ("who?ticket=900", "who?ticket=777777"),
            ("scopes/root", "scopes/nobody"),
        ] {
            assert_eq!(refuse(&mut refused, ACME, one), refuse(&mut refused, ACME, another), "{principal}: {one}");
        }
        for path in ["tickets/900", "check?ticket=900", "search", "count"] {
            let (there, absent) = (refuse(&mut refused, OTHER, path), refuse(&mut refused, "absent", path));
            assert_eq!(there, absent, "{principal} asks another tenant for {path}");
        }
    }
    assert!(visible(SUSPENDED).is_empty());
    // A program with a key for one tenant learns nothing of the ids of another one.
    let key = served.key(KeyClass::Search, Some(OTHER));
    let foreign = refused.get(&key, &format!("/v1/tenants/{ACME}/tickets/2?as=gil"));
    assert_eq!(foreign.told(), refused.get(&key, "/v1/tenants/absent/tickets/2?as=gil").told());
}
