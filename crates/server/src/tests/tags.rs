//! Tags of answers: whoever has an answer may ask whether it still holds, and learns nothing else.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

/// Every question that is tagged.
const QUESTIONS: [&str; 8] = [
    "search",
    "search?limit=1",
    "count?query=status:open",
    "facets?field=status",
    "suggest?prefix=va",
    "check?ticket=1",
    "tickets/1",
    "fields",
];

fn path(question: &str) -> String {
    format!("/v1/tenants/acme/{question}")
}

async fn again(desk: &Desk, credential: &str, path: &str, tag: &str) -> Reply {
    desk.ask(Method::GET, path, &[("authorization", credential), ("if-none-match", tag)], Body::empty()).await
}

fn tag(reply: &Reply) -> String {
    reply.ok();
    reply.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answer_that_still_holds_is_not_sent_again() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    for question in QUESTIONS {
        let first = desk.get(&ann, &path(question)).await;
        assert_eq!(first.headers["cache-control"], "private, no-cache", "{question}");
        let reply = again(&desk, &ann, &path(question), &tag(&first)).await;
        assert_eq!((reply.status, reply.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{question}");
        assert_eq!(reply.headers["etag"], first.headers["etag"], "{question}");
        assert_eq!(reply.headers["cache-control"], "private, no-cache", "{question}");
        assert!(!reply.headers.contains_key("content-type"), "{question}");
    }
}

#[tokio::test]
async fn a_tag_of_another_asker_tenant_question_or_answer_matches_nothing() {
    let desk = Desk::new();
    let batch = Batch::parse(LINES.as_bytes(), 1000).unwrap();
    apply(&desk.engine, &id("other"), batch, OnRefusal::Reject).unwrap();
    let lines = [
        r#"{"k":"principal","id":"eve","role":"agent","active":true}"#,
        r#"{"k":"rel","principal":"eve","rel":"groups","value":"billing"}"#,
    ];
    let (admin, search) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Search));
    desk.change(&admin, "", &lines.join("\n")).await.ok();
    let (ann, eve) = (desk.token("acme", "ann"), desk.token("acme", "eve"));
    for question in QUESTIONS {
        let held = tag(&desk.get(&ann, &path(question)).await);
        // Eve sees the same tickets and gets the same answer.
        assert_eq!(again(&desk, &eve, &path(question), &held).await.status, StatusCode::OK, "{question}");
        let there = format!("/v1/tenants/other/{question}");
        let other = again(&desk, &desk.token("other", "ann"), &there, &held).await;
        assert_eq!(other.status, StatusCode::OK, "{question}");
        for different in QUESTIONS.iter().filter(|other| **other != question) {
            let reply = again(&desk, &ann, &path(different), &held).await;
            assert_eq!(reply.status, StatusCode::OK, "{question} {different}");
        }
        for wrong in ["*", "W/\"\"", "\"0\"", ""] {
            assert_eq!(again(&desk, &ann, &path(question), wrong).await.status, StatusCode::OK, "{question} {wrong}");
        }
        // A program that asks for ann asks for the same scope.
        let headers = [("authorization", &*search), ("x-ticketscope-as", "ann"), ("if-none-match", &held)];
        let reply = desk.ask(Method::GET, &path(question), &headers, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::NOT_MODIFIED, "{question}");
    }
}

#[tokio::test]
async fn a_tag_from_before_a_revocation_confirms_nothing() {
    let desk = Desk::new();
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    let mut held = Vec::new();
    for question in QUESTIONS {
        held.push((question, tag(&desk.get(&ann, &path(question)).await)));
    }
    desk.change(&admin, "", r#"{"k":"rel","principal":"ann","rel":"groups","value":"billing","gone":true}"#).await.ok();
    for (question, tag) in &held {
        let now = desk.get(&ann, &path(question)).await;
        let again = again(&desk, &ann, &path(question), tag).await;
        assert_ne!(again.status, StatusCode::NOT_MODIFIED, "{question}");
        assert_eq!(again.status, now.status, "{question}");
        if again.status == StatusCode::NOT_FOUND {
            assert_eq!(again.headers["cache-control"], "no-store");
            assert!(!again.headers.contains_key("etag"));
        }
    }
}

#[tokio::test]
async fn neither_the_time_nor_what_is_hidden_changes_a_tag() {
    let at = Arc::new(AtomicI64::new(NOW.0));
    let clock = Clock::new({
        let at = Arc::clone(&at);
        move || Timestamp(at.load(Ordering::Relaxed))
    });
    let desk = Desk::with(Limits::default(), clock);
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    let before = desk.get(&ann, &path("search?limit=1")).await;
    assert!(before.ok()["next"].is_string());
    at.fetch_add(60_000, Ordering::Relaxed);
    let after = desk.get(&ann, &path("search?limit=1")).await;
    assert_ne!(before.body["next"], after.body["next"]);
    assert_eq!(tag(&before), tag(&after));
    desk.change(&admin, "", "{\"k\":\"ticket\",\"id\":3,\"status\":\"solved\"}\n{\"k\":\"del\",\"ticket\":4}\n")
        .await
        .ok();
    assert_eq!(tag(&desk.get(&ann, &path("search?limit=1")).await), tag(&before));
    desk.change(&admin, "", "{\"k\":\"ticket\",\"id\":\"A-7\",\"status\":\"solved\"}\n").await.ok();
    assert_ne!(tag(&desk.get(&ann, &path("search?limit=1")).await), tag(&before));
    // The last page differs from one that goes on, though its hits are the same.
    let whole = tag(&desk.get(&ann, &path("search?limit=3")).await);
    desk.change(
        &admin,
        "",
        "{\"k\":\"ticket\",\"id\":0,\"group\":\"billing\",\"updated_at\":\"2020-01-01T00:00:00Z\"}\n",
    )
    .await
    .ok();
    assert_ne!(tag(&desk.get(&ann, &path("search?limit=3")).await), whole);
}

#[tokio::test]
async fn what_is_posted_refused_or_for_admins_alone_is_not_stored_at_all() {
    let desk = Desk::new();
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    let replies = [
        desk.post(&ann, &path("count"), &json!({})).await,
        desk.get(&ann, &path("count?query=%22open")).await,
        desk.get(&ann, &path("tickets/3")).await,
        desk.get(&admin, &path("stats")).await,
        desk.get(&admin, &path("why?principal=ann&ticket=1")).await,
    ];
    for reply in replies {
        assert_eq!(reply.headers["cache-control"], "no-store", "{}", reply.body);
        assert!(!reply.headers.contains_key("etag"), "{}", reply.body);
    }
}
