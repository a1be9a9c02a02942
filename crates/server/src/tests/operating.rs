//! What operators ask.

use std::collections::BTreeSet;

use super::*;
use crate::code::Code;

#[tokio::test]
async fn health_version_and_errors_need_no_key() {
    let desk = Desk::new();
    for path in ["/health/livez", "/health/readyz"] {
        assert_eq!(desk.get("", path).await.ok()["status"], "ok", "{path}");
    }
    let version = desk.get("", "/version").await;
    assert_eq!(version.ok()["version"], env!("CARGO_PKG_VERSION"));
    let listed = desk.get("", "/v1/errors").await;
    let names: BTreeSet<_> =
        listed.ok()["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    let all: BTreeSet<_> = Code::ALL.into_iter().map(|code| code.entry().name).collect();
    assert_eq!(names, all);
    let page = desk.ask(Method::GET, "/v1/errors", &[("accept", "text/html,*/*")], Body::empty()).await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = String::from_utf8(page.bytes).unwrap();
    for name in all {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
}

#[tokio::test]
async fn a_server_whose_data_cannot_be_read_is_not_ready() {
    let desk = Desk::new();
    std::fs::remove_dir_all(desk.dir.path().join("tenants")).unwrap();
    let reply = desk.get("", "/health/readyz").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, "not_ready"));
    assert_eq!(desk.get("", "/health/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_requests_and_name_nobody() {
    let desk = Desk::new();
    let admin = desk.key_of(KeyClass::Admin, "acme");
    desk.get(&admin, "/v1/tenants/acme/count?as=ann").await.ok();
    desk.get(&admin, "/v1/tenants/acme/tickets/31337?as=ann").await.code();
    desk.get(&admin, "/nowhere/31337").await.code();
    desk.change(&admin, "", "{\"k\":\"del\",\"ticket\":1}\n").await.ok();
    let reply = desk.get(&desk.key(KeyClass::Metrics), "/metrics").await;
    let text = String::from_utf8(reply.bytes).unwrap();
    for line in [
        "ticketscope_http_requests_total{route=\"/v1/tenants/{tenant}/count\",status=\"2xx\"} 1",
        "ticketscope_http_requests_total{route=\"/v1/tenants/{tenant}/tickets/{id}\",status=\"4xx\"} 1",
        "ticketscope_http_requests_total{route=\"other\",status=\"4xx\"} 1",
        "ticketscope_http_requests_in_flight 1",
        "ticketscope_changes_applied_total 1",
        "ticketscope_http_connections_open 0",
        "ticketscope_http_requests_refused_total 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("ticketscope_http_request_duration_seconds_bucket{"), "{text}");
    for name in ["acme", "ann", "31337", "nowhere"] {
        assert!(!text.contains(name), "{name} is in\n{text}");
    }
}

#[tokio::test]
async fn numbers_of_all_tenants_are_not_for_those_of_one() {
    let desk = Desk::new();
    assert_eq!(desk.get("", "/metrics").await.code(), "unauthenticated");
    for credential in [
        desk.token("acme", "ann"),
        desk.key(KeyClass::Search),
        desk.key(KeyClass::Ingest),
        desk.key_of(KeyClass::Admin, "acme"),
    ] {
        assert_eq!(desk.get(&credential, "/metrics").await.code(), "wrong_class");
    }
    let metrics = desk.key(KeyClass::Metrics);
    for path in ["count?as=ann", "stats", "tickets/1?as=ann"] {
        assert_eq!(desk.get(&metrics, &format!("/v1/tenants/acme/{path}")).await.code(), "wrong_class", "{path}");
    }
    assert_eq!(desk.change(&metrics, "", "").await.code(), "wrong_class");
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_never_shown_again_without_asking() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    let mut ids = BTreeSet::new();
    for path in ["/v1/tenants/acme/count", "/v1/tenants/acme/search", "/absent", "/health/livez", "/v1/errors"] {
        let reply = desk.get(&ann, path).await;
        let is_question = path.starts_with("/v1/tenants/");
        let expected = if is_question { "private, no-cache" } else { "no-store" };
        assert_eq!(reply.headers["cache-control"], expected, "{path}");
        assert_eq!(reply.headers.contains_key("etag"), is_question, "{path}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(ids.insert(reply.headers["x-request-id"].to_str().unwrap().to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_server_that_is_asked_too_much_says_when_to_ask_again() {
    let limits = Limits { question_threads: 0, question_queue: 0, ..Limits::default() };
    let desk = Desk::with_limits(limits);
    let reply = desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/count").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, "busy"));
    assert_eq!(reply.headers["retry-after"], "1");
    let metrics = String::from_utf8(desk.get(&desk.key(KeyClass::Admin), "/metrics").await.bytes).unwrap();
    assert!(metrics.contains("ticketscope_http_requests_refused_total 1"), "{metrics}");
}
