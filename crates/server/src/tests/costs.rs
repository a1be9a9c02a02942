//! What a key and an agent may ask for in the time.

use super::*;
use crate::Budget;

/// The desk with a budget of ten of the cheapest requests for everybody: one unit to come in, and one for the question.
fn poor(desk: Desk) -> Desk {
    let budget = Budget { per_second: 1, burst: 20 };
    let budgets = Budgets { key: budget, agent: budget, payers: 10 };
    let config = Config { budgets, ..desk.app.config.clone() };
    let app = Arc::new(App::new(Arc::clone(&desk.engine), config).unwrap());
    Desk { router: router(Arc::clone(&app)), app, ..desk }
}

#[tokio::test]
async fn who_asks_for_more_than_is_granted_is_told_when_to_ask_again() {
    let desk = poor(Desk::new());
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    let count = "/v1/tenants/acme/count";
    for _ in 0..10 {
        desk.get(&ann, count).await.ok();
    }
    let reply = desk.get(&ann, count).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::TOO_MANY_REQUESTS, "over_budget"));
    assert_eq!(reply.headers["retry-after"], "1");
    // Another token of the same agent is no other purse, and another agent is.
    assert_eq!(desk.get(&desk.token("acme", "ann"), count).await.code(), "over_budget");
    desk.get(&bob, count).await.ok();
}

#[tokio::test]
async fn a_refusal_is_the_same_whatever_was_asked_for() {
    let desk = poor(Desk::new());
    let ann = desk.token("acme", "ann");
    for _ in 0..10 {
        desk.get(&ann, "/v1/tenants/acme/check?ticket=1").await.ok();
    }
    let check = async |ticket: &str| desk.get(&ann, &format!("/v1/tenants/acme/check?ticket={ticket}")).await;
    let visible = check("1").await;
    assert_eq!(visible.code(), "over_budget");
    for ticket in ["2", "3", "5", "999"] {
        assert_eq!(check(ticket).await.without_request(), visible.without_request(), "{ticket}");
    }
}

#[tokio::test]
async fn batches_are_paid_for_by_their_bytes_and_refused_whole() {
    let desk = poor(Desk::new());
    let ingest = desk.key(KeyClass::Ingest);
    let lines = |count: usize| "{\"k\":\"ticket\",\"id\":77,\"status\":\"open\"}\n".repeat(count);
    desk.change(&ingest, "", &lines(100)).await.ok();
    let refused = "{\"k\":\"ticket\",\"id\":78,\"group\":\"billing\"}\n".repeat(50);
    assert_eq!(desk.change(&ingest, "", &refused).await.code(), "over_budget");
    let admin = desk.key(KeyClass::Admin);
    let there = desk.get(&admin, "/v1/tenants/acme/check?ticket=78&as_admin=true").await;
    assert_eq!(there.ok()["visible"], false);
}

#[tokio::test]
async fn whoever_is_refused_pays_too_and_what_is_over_budget_is_counted() {
    let refused = [
        ("/v1/tenants/acme/stats", "wrong_class"),
        ("/v1/tenants", "wrong_class"),
        ("/metrics", "wrong_class"),
        ("/v1/tenants/acme/count?no_such=1", "bad_parameter"),
        ("/v1/tenants/absent/count?as=ann", "no_such_tenant"),
    ];
    for (path, code) in refused {
        let desk = poor(Desk::new());
        let search = desk.key_of(KeyClass::Search, "acme");
        for _ in 0..20 {
            assert_eq!(desk.get(&search, path).await.code(), code);
        }
        for asked in 1..=5 {
            assert_eq!(desk.get(&search, path).await.code(), "over_budget", "{path}");
            assert_eq!(desk.app.metrics.refused.get(), asked, "{path}");
        }
    }
}

#[tokio::test]
async fn nobody_pays_for_a_request_without_a_credential_or_in_development_mode() {
    let desk = poor(Desk::new());
    for _ in 0..20 {
        assert_eq!(desk.get("", "/v1/tenants/acme/count").await.code(), "unauthenticated");
    }
    let dev = poor(Desk::dev());
    for _ in 0..20 {
        let headers = [("host", "localhost")];
        dev.ask(Method::GET, "/v1/tenants/acme/count?as=ann", &headers, Body::empty()).await.ok();
    }
}
