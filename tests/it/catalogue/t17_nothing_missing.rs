//! T17: a list is the tickets that a check of each one by itself allows, and whatever is cut says so.

use serde_json::{Value, json};
use ticketscope_model::Change;
use ticketscope_query::{Page, Start, list_keys, who};
use ticketscope_server::KeyClass;
use ticketscope_testkit::oracle::Asker;

use super::desk::{ACME, ADMIN, Asking, CUSTOMER, RESTRICTED, TICKETS, serve, visible};
use crate::{
    answers::parse_as,
    changes::{principal, ticket},
    http::NOW,
};

/// More tickets of the customer than any page holds.
const MANY: i64 = 2_345;

fn many() -> Vec<Change> {
    (5_000..5_000 + MANY).map(|number| ticket(number, &[("requester", CUSTOMER), ("status", "open")])).collect()
}

#[test]
fn t17_a_list_is_what_a_check_of_every_ticket_allows_and_what_is_cut_says_so() {
    let served = serve(many());
    let tenant = served.tenant(ACME);
    let snapshot = tenant.snapshot();
    for principal in RESTRICTED.into_iter().chain([ADMIN]) {
        // Every ticket by itself, in the process.
        let all = (1..=TICKETS).chain(5_000..5_000 + MANY);
        let checked: Vec<String> = all
            .filter(|number| snapshot.sees(principal, "view", &(*number).into()).unwrap())
            .map(|number| number.to_string())
            .collect();
        for limit in [7, 999, 1000] {
            let mut asking = Asking::new(&served, principal);
            let (listed, _) = asking.pages(&json!({"sort": "id:asc", "limit": limit}));
            assert_eq!(listed, checked, "{principal} by {limit}");
            let page = asking.post("search", &json!({"sort": "id:asc", "limit": limit}));
            let is_cut = checked.len() > limit;
            assert_eq!(page.ids().len(), checked.len().min(limit), "{principal} by {limit}");
            assert_eq!(page.next().is_some(), is_cut, "{principal} by {limit}: what is cut says so");
            assert_eq!(page.json()["total"], checked.len(), "{principal} by {limit}: the total is of all");
        }
        // And over HTTP for those of the desk.
        let mut asking = Asking::new(&served, principal);
        for number in 1..=TICKETS {
            let visible = checked.contains(&number.to_string());
            assert_eq!(
                asking.get(&format!("check?ticket={number}")).json()["visible"],
                visible,
                "{principal} {number}"
            );
            assert_eq!(asking.get(&format!("tickets/{number}")).status == 200, visible, "{principal} {number}");
            assert_eq!(asking.count(&format!("id:{number}")) == 1, visible, "{principal} {number}");
        }
        let asker = Asker::Principal(principal.to_owned());
        let access = snapshot.access(principal).unwrap();
        let page = Page { start: Start::First, limit: 1000, asker: principal.to_owned(), now: NOW };
        let keys = list_keys(&snapshot, &access, &parse_as(&snapshot, NOW, &asker, ""), &page).unwrap();
        assert_eq!((keys.total as usize, keys.next.is_some()), (checked.len(), checked.len() > 1000), "{principal}");
        // No page is shorter than was asked for without saying so: one that would be is refused.
        for limit in [0, 1001, 100_000] {
            let refused = Asking::new(&served, principal).post("search", &json!({"limit": limit}));
            assert_eq!(refused.code().as_deref(), Some("page_size"), "{limit}");
        }
    }
    assert_eq!(visible(CUSTOMER).len() + usize::try_from(MANY).unwrap(), 2_349);

    // The other direction: who sees a ticket, with more people than a page holds.
    let people: Vec<Change> = (0..1_200).map(|number| principal(&format!("p{number:04}"), "generic.global")).collect();
    tenant.submit(people).unwrap();
    let (mut client, key) = (served.client(), served.key(KeyClass::Admin, Some(ACME)));
    let mut body = json!({"ticket": 2, "limit": 500});
    let mut told: Vec<String> = Vec::new();
    loop {
        let page = client.post(&key, &format!("/v1/tenants/{ACME}/who"), &body).json();
        let names = page["principals"].as_array().unwrap();
        told.extend(names.iter().map(|name| name.as_str().unwrap().to_owned()));
        assert_eq!(page["count"], 1_202, "the number is of all");
        match page["next"].as_str() {
            Some(next) => body["page_after"] = Value::from(next),
            None => break,
        }
    }
    let snapshot = tenant.snapshot();
    let everybody = snapshot.directory().principals().map(|fact| fact.id.to_string());
    let checked: Vec<String> = everybody.filter(|id| snapshot.sees(id, "view", &2.into()).unwrap()).collect();
    assert_eq!(told, checked);
    assert_eq!(
        who(&snapshot, &2.into(), None, 10).map(|viewers| (viewers.principals.len(), viewers.more)),
        Some((10, true))
    );
    assert_eq!(who(&snapshot, &2.into(), None, 1_202).map(|viewers| viewers.more), Some(false));
    assert!(who(&snapshot, &777_777.into(), None, 10).is_none());
}
