//! T13: whoever reads everything page by page, as an export, a feed, a digest or an assistant does, is asked for their
//! scope at every page.

use fastrand::Rng;
use serde_json::{Value, json};

use super::desk::{ACME, Asking, GROUP_AGENT, RESTRICTED, Secret, TICKETS, serve, transcript, vault, visible};
use crate::{
    changes::{gone, rel, ticket},
    http::Served,
    world::seeds,
};

/// Reads everything in pages while tickets leave the scope; none of those is on a later page, and every other one is on one.
fn export_while_tickets_leave(served: &Served, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let tenant = served.tenant(ACME);
    let sort = ["id:asc", "weight:desc", "reviewed_at:asc"][rng.usize(..3)];
    let mut parameters = json!({"limit": rng.u32(1..4), "sort": sort});
    let mut asking = Asking::new(served, GROUP_AGENT);
    let (mut exported, mut left): (Vec<String>, Vec<i64>) = (Vec::new(), Vec::new());
    loop {
        let page = asking.post("search", &parameters);
        for id in page.ids() {
            assert!(!left.contains(&id.parse().unwrap()), "seed {seed}: {id} left before its page was read");
            exported.push(id);
        }
        assert_eq!(page.json()["total"], visible(GROUP_AGENT).len() - left.len(), "seed {seed}");
        let Some(next) = page.next() else { break };
        parameters["page_after"] = Value::from(next);
        let leaving = rng.i64(1..=TICKETS / 2) * 2;
        if !left.contains(&leaving) {
            tenant.submit(vec![ticket(leaving, &[("group", "sales")])]).unwrap();
            left.push(leaving);
        }
    }
    let mut expected: Vec<i64> = visible(GROUP_AGENT);
    expected.retain(|number| !left.contains(number) || exported.contains(&number.to_string()));
    let mut found: Vec<i64> = exported.iter().map(|id| id.parse().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "seed {seed}");
    for number in left {
        tenant.submit(vec![ticket(number, &[("group", "support")])]).unwrap();
    }
}

#[test]
fn t13_every_page_of_an_export_is_of_the_scope_as_it_is_when_it_is_read() {
    let served = serve(vault(&Secret::new("quarterhorse", 777, 17, 4)));
    let bare = serve(Vec::new());
    for principal in RESTRICTED {
        let (ids, told) = Asking::new(&served, principal).pages(&json!({"sort": "id:asc", "limit": 3}));
        let expected: Vec<String> = visible(principal).iter().map(i64::to_string).collect();
        assert_eq!(ids, expected, "{principal}");
        assert_eq!(told, Asking::new(&bare, principal).pages(&json!({"sort": "id:asc", "limit": 3})).1, "{principal}");
        // What a digest or an assistant is given: the best hits with their snippets.
        let queries = ["refund".to_owned(), "invoice parcel".to_owned(), "refund status:open".to_owned()];
        let context = |served| transcript(served, principal, &queries, &[]);
        assert_eq!(context(&served), context(&bare), "{principal}");
    }
    seeds(20).for_each(|seed| export_while_tickets_leave(&served, seed));
    // After the last membership is gone the address of a page that was read shows nothing, however often it is read.
    let mut asking = Asking::new(&served, GROUP_AGENT);
    let first = asking.post("search", &json!({"limit": 3}));
    let address = format!("search?limit=3&page_after={}", first.next().unwrap());
    assert_eq!(asking.get(&address).ids().len(), 3);
    served.tenant(ACME).submit(vec![gone(rel(GROUP_AGENT, "groups", "support"))]).unwrap();
    for _ in 0..3 {
        assert_eq!(asking.get(&address).ids(), Vec::<String>::new());
        assert_eq!(asking.get("search?limit=3").ids(), Vec::<String>::new());
    }
}
