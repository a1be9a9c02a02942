//! Batches of changes.

use serde_json::json;

use super::*;

const NEW: &str =
    "{\"k\":\"ticket\",\"id\":7,\"group\":\"billing\"}\n\n{\"k\":\"ticket\",\"id\":8,\"group\":\"billing\"}\n";

async fn seen_by_ann(desk: &Desk) -> u64 {
    desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/count").await.ok()["count"].as_u64().unwrap()
}

fn opstamp(desk: &Desk) -> u64 {
    desk.engine.tenant(&id("acme")).unwrap().snapshot().opstamp().0
}

#[tokio::test]
async fn a_batch_is_in_force_when_it_is_answered() {
    let desk = Desk::new();
    let before = opstamp(&desk);
    let reply = desk.change(&desk.key(KeyClass::Admin), "", NEW).await;
    let position = reply.headers["x-ticketscope-position"].to_str().unwrap();
    let expected = json!({"opstamp": before + 1, "position": position, "lines": 2, "applied": 2, "rejected": []});
    assert_eq!(*reply.ok(), expected);
    assert_eq!(seen_by_ann(&desk).await, 5);
}

#[tokio::test]
async fn only_admins_are_told_the_opstamp() {
    let desk = Desk::new();
    let reply = desk.change(&desk.key_of(KeyClass::Ingest, "acme"), "", NEW).await;
    assert!(reply.ok().get("opstamp").is_none(), "{}", reply.body);
    assert!(reply.body["position"].as_str().unwrap().len() > 20);
}

#[tokio::test]
async fn nothing_of_a_batch_with_a_rejected_line_takes_effect_and_each_is_named() {
    let desk = Desk::new();
    let (admin, before) = (desk.key(KeyClass::Admin), opstamp(&desk));
    let unread = format!("{NEW}nonsense\n{{\"k\":\"ticket\"}}\n");
    let reply = desk.change(&admin, "", &unread).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, "changes_rejected"));
    let lines: Vec<_> = reply.body["rejected"].as_array().unwrap().iter().map(|line| &line["line"]).collect();
    assert_eq!(lines, [&json!(4), &json!(5)]);
    assert_eq!(reply.body["rejected"][1]["code"], "missing_key");
    let refused = format!("{NEW}{{\"k\":\"ticket\",\"id\":9,\"absent\":1}}\n");
    let reply = desk.change(&admin, "", &refused).await;
    assert_eq!(reply.code(), "changes_rejected");
    assert_eq!(reply.body["rejected"][0]["line"], 4);
    assert_eq!(reply.body["rejected"][0]["code"], "unknown_field");
    assert_eq!((opstamp(&desk), seen_by_ann(&desk).await), (before, 3));
}

#[tokio::test]
async fn the_other_lines_take_effect_where_that_is_asked_for() {
    let desk = Desk::new();
    let lines = format!("nonsense\n{NEW}{{\"k\":\"ticket\",\"id\":9,\"absent\":1}}\n");
    let reply = desk.change(&desk.key(KeyClass::Ingest), "?on_refusal=skip", &lines).await;
    let body = reply.ok();
    assert_eq!((&body["lines"], &body["applied"]), (&json!(4), &json!(2)));
    let named: Vec<_> =
        body["rejected"].as_array().unwrap().iter().map(|line| (&line["line"], &line["code"])).collect();
    assert_eq!(named, [(&json!(1), &json!("invalid_json")), (&json!(5), &json!("unknown_field"))]);
    assert_eq!(seen_by_ann(&desk).await, 5);
}

#[tokio::test]
async fn a_thousand_rejected_lines_are_named_and_all_are_counted() {
    let desk = Desk::new();
    let reply = desk.change(&desk.key(KeyClass::Ingest), "", &"x\n".repeat(1500)).await;
    assert_eq!(reply.code(), "changes_rejected");
    assert_eq!(reply.body["rejected"].as_array().unwrap().len(), 1000);
    assert!(reply.body["message"].as_str().unwrap().starts_with("1500 of 1500"), "{}", reply.body["message"]);
}

#[tokio::test]
async fn the_same_batch_under_the_same_key_is_applied_once() {
    let desk = Desk::new();
    let (admin, ingest) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Ingest));
    let send = async |credential: &str, key: &str, query: &str, lines: &str| {
        desk.change_with(credential, query, &[("idempotency-key", key)], lines).await
    };
    let first = send(&admin, "k", "", NEW).await;
    let after = opstamp(&desk);
    desk.change(&admin, "", r#"{"k":"del","ticket":7}"#).await.ok();
    let again = send(&admin, "k", "", NEW).await;
    for part in ["opstamp", "lines", "applied", "rejected"] {
        assert_eq!(first.ok()[part], again.ok()[part], "{part}");
    }
    assert_eq!((opstamp(&desk), seen_by_ann(&desk).await), (after + 1, 4));
    // The answer is kept, and still told to each class as it may know it.
    assert!(send(&ingest, "k", "", NEW).await.ok().get("opstamp").is_none());
    let other = send(&admin, "k", "", "").await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "idempotency_mismatch"));
    assert_eq!(send(&admin, "k", "?on_refusal=skip", NEW).await.code(), "idempotency_mismatch");
    send(&admin, "l", "", NEW).await.ok();
    assert_eq!(seen_by_ann(&desk).await, 5);
    for key in ["", "a b", &"x".repeat(256)] {
        assert_eq!(send(&admin, key, "", NEW).await.code(), "bad_idempotency_key", "{key}");
    }
    let twice = [("idempotency-key", "m"), ("idempotency-key", "m")];
    assert_eq!(desk.change_with(&admin, "", &twice, NEW).await.code(), "bad_idempotency_key");
}

#[tokio::test]
async fn a_batch_that_was_rejected_can_be_sent_again_under_its_key_once_it_fits() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let lines = r#"{"k":"ticket","id":7,"group":"billing","mood":"calm"}"#;
    let send = || desk.change_with(&admin, "", &[("idempotency-key", "k")], lines);
    assert_eq!(send().await.code(), "changes_rejected");
    let declared = r#"{"k":"schema","fields":[{"name":"mood","kind":"keyword","many":false}],"relations":[]}"#;
    desk.change(&admin, "", declared).await.ok();
    assert_eq!(send().await.ok()["applied"], 1);
}

#[tokio::test]
async fn a_tenant_made_again_has_not_seen_the_batches_of_the_one_before() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let send = || desk.change_with(&admin, "", &[("idempotency-key", "k")], NEW);
    send().await.ok();
    let headers = [("authorization", &*admin)];
    desk.ask(Method::DELETE, "/v1/tenants/acme", &headers, Body::empty()).await.ok();
    desk.ask(Method::PUT, "/v1/tenants/acme", &headers, Body::empty()).await.ok();
    send().await.ok();
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/count?as_admin=true").await.ok()["count"], 2);
}

#[tokio::test]
async fn bodies_that_would_take_too_much_memory_together_are_refused() {
    let limits = Limits { batch_bytes: 2 << 20, bodies_bytes: 3 << 20, ..Limits::default() };
    let desk = Desk::with_limits(limits);
    let (ingest, other) = (desk.key(KeyClass::Ingest), desk.key(KeyClass::Ingest));
    let (sender, body) = http_body_util::channel::Channel::<bytes::Bytes, axum::Error>::new(1);
    let headers = [("authorization", &*ingest)];
    let slow = desk.ask(Method::POST, "/v1/tenants/acme/changes", &headers, Body::new(body));
    let others = async {
        // A body of unknown length counts as the longest.
        let large = desk.change(&other, "", &"\n".repeat((1 << 20) + 1)).await;
        let small = desk.change(&other, "", &"\n".repeat(1 << 20)).await;
        drop(sender);
        (large, small)
    };
    let (slow, (large, small)) = tokio::join!(slow, others);
    assert_eq!(large.code(), "busy");
    small.ok();
    slow.ok();
    desk.change(&ingest, "", &"\n".repeat((1 << 20) + 1)).await.ok();
}

#[tokio::test]
async fn one_key_gets_half_of_the_room_for_bodies_and_the_batch_of_another_goes_through() {
    let limits = Limits { batch_bytes: 1 << 20, bodies_bytes: 4 << 20, ..Limits::default() };
    let desk = Desk::with_limits(limits);
    let (greedy, other) = (desk.key_of(KeyClass::Ingest, "acme"), desk.key_of(KeyClass::Ingest, "acme"));
    let headers = [("authorization", &*greedy)];
    let slow = || {
        let (sender, body) = http_body_util::channel::Channel::<bytes::Bytes, axum::Error>::new(1);
        (sender, desk.ask(Method::POST, "/v1/tenants/acme/changes", &headers, Body::new(body)))
    };
    let ((first, one), (second, two)) = (slow(), slow());
    let others = async {
        let refused = desk.change(&greedy, "", NEW).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "over_share"));
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.body["type"], "rate_limit");
        desk.change(&other, "", NEW).await.ok();
        drop((first, second));
    };
    let (one, two, ()) = tokio::join!(one, two, others);
    one.ok();
    two.ok();
    desk.change(&greedy, "", NEW).await.ok();
    assert_eq!(desk.app.metrics.refused.get(), 1);
}

#[tokio::test]
async fn a_kept_answer_is_none_for_a_tenant_of_the_same_name_even_before_it_is_forgotten() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let send = || desk.change_with(&admin, "", &[("idempotency-key", "k")], NEW);
    send().await.ok();
    // As between the end of a deletion and whatever is done after it.
    desk.engine.delete_tenant(&id("acme")).unwrap();
    assert_eq!(send().await.code(), "no_such_tenant");
    desk.engine.create_tenant(&id("acme")).unwrap();
    send().await.ok();
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/count?as_admin=true").await.ok()["count"], 2);
    // And from then on it is kept again.
    desk.change(&admin, "", r#"{"k":"del","ticket":7}"#).await.ok();
    send().await.ok();
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/count?as_admin=true").await.ok()["count"], 1);
}

#[tokio::test]
async fn the_same_batch_without_a_key_ends_in_the_same_state() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    for _ in 0..2 {
        desk.change(&admin, "", &format!("{LINES}{NEW}")).await.ok();
        assert_eq!(seen_by_ann(&desk).await, 5);
    }
}

#[tokio::test]
async fn a_batch_is_bounded_and_not_compressed() {
    let limits = Limits { batch_bytes: 1000, batch_lines: 3, ..Limits::default() };
    let desk = Desk::with_limits(limits);
    let ingest = desk.key(KeyClass::Ingest);
    assert_eq!(desk.change(&ingest, "", &"\n".repeat(1001)).await.code(), "body_too_large");
    desk.change(&ingest, "", &"\n".repeat(1000)).await.ok();
    let line = "{\"k\":\"del\",\"ticket\":99}\n";
    assert_eq!(desk.change(&ingest, "", &line.repeat(4)).await.code(), "too_many_changes");
    desk.change(&ingest, "", &line.repeat(3)).await.ok();
    let coded = desk.change_with(&ingest, "", &[("content-encoding", "gzip")], line).await;
    assert_eq!((coded.status.as_u16(), coded.code()), (415, "unsupported_encoding"));
    desk.change_with(&ingest, "", &[("content-encoding", "identity")], line).await.ok();
    let headers = [("authorization", &*ingest)];
    let zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0];
    let reply = desk.ask(Method::POST, "/v1/tenants/acme/changes", &headers, zstd).await;
    assert_eq!(reply.code(), "unsupported_encoding");
}

#[tokio::test]
async fn a_read_that_sends_a_position_shows_the_batch_behind_it_or_fails() {
    let limits = Limits { position_wait: Duration::from_millis(1), ..Limits::default() };
    let desk = Desk::with_limits(limits);
    let (admin, ann) = (desk.key(KeyClass::Admin), desk.token("acme", "ann"));
    let written = desk.change(&desk.key(KeyClass::Ingest), "", NEW).await;
    let position = written.headers["x-ticketscope-position"].to_str().unwrap();
    let count = async |credential: &str, position: &str, asked: &str| {
        let headers = [("authorization", credential), ("x-ticketscope-position", position)];
        desk.ask(Method::GET, &format!("/v1/tenants/acme/count{asked}"), &headers, Body::empty()).await
    };
    assert_eq!(count(&ann, position, "").await.ok()["count"], 5);
    let now = opstamp(&desk);
    // A bare number is the admins', and to others no position at all.
    assert_eq!(count(&admin, &now.to_string(), "?as=ann").await.ok()["count"], 5);
    assert_eq!(count(&ann, &now.to_string(), "").await.code(), "bad_position");
    let late = count(&admin, &(now + 1).to_string(), "?as=ann").await;
    assert_eq!((late.status, late.code()), (StatusCode::SERVICE_UNAVAILABLE, "position_not_reached"));
    assert!(late.headers.contains_key("retry-after"));
    let ahead = desk.position("acme", ticketscope_model::Opstamp(now + 1));
    assert_eq!(count(&ann, &ahead, "").await.code(), "position_not_reached");
    let foreign = desk.position("other", ticketscope_model::Opstamp(1));
    assert_eq!(count(&ann, &foreign, "").await.code(), "bad_position");
    assert_eq!(count(&ann, "", "").await.code(), "bad_position");
}

#[tokio::test]
async fn a_read_waits_for_a_batch_that_is_on_its_way() {
    let desk = Arc::new(Desk::with_limits(Limits { position_wait: Duration::from_mins(1), ..Limits::default() }));
    let (admin, ann) = (desk.key(KeyClass::Admin), desk.token("acme", "ann"));
    let ahead = desk.position("acme", ticketscope_model::Opstamp(opstamp(&desk) + 1));
    let headers = [("authorization", &*ann), ("x-ticketscope-position", &*ahead)];
    let read = desk.ask(Method::GET, "/v1/tenants/acme/count", &headers, Body::empty());
    let write = desk.change(&admin, "", NEW);
    let (read, write) = tokio::join!(read, write);
    write.ok();
    assert_eq!(read.ok()["count"], 5);
}

#[tokio::test]
async fn positions_outlive_the_server_that_gave_them() {
    let desk = Desk::new();
    let written = desk.change(&desk.key(KeyClass::Ingest), "", NEW).await;
    let position = written.headers["x-ticketscope-position"].to_str().unwrap();
    let app = App::new(Arc::clone(&desk.engine), desk.app.config.clone()).unwrap();
    assert!(app.positions.open(&id("acme"), position).is_some());
}

#[tokio::test]
async fn a_position_of_an_earlier_life_of_a_tenant_is_refused_and_never_taken_for_one_of_this() {
    let desk = Desk::new();
    let (admin, ingest) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Ingest));
    let written = desk.change(&ingest, "", NEW).await;
    let old = written.headers["x-ticketscope-position"].to_str().unwrap().to_owned();
    let read = |position: String| {
        let (desk, admin) = (&desk, &admin);
        async move {
            let headers = [("authorization", &**admin), ("x-ticketscope-position", &*position)];
            desk.ask(Method::GET, "/v1/tenants/acme/count?as_admin=true", &headers, Body::empty()).await
        }
    };
    let count = read(old.clone()).await.ok()["count"].clone();
    // A restored tenant goes on through the numbers that come next with other changes.
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("backup");
    desk.engine.back_up(&[id("acme")], &to, Timestamp(0)).unwrap();
    desk.engine.delete_tenant(&id("acme")).unwrap();
    let backup = ticketscope_engine::storage::Backup::open(&to).unwrap();
    desk.engine.restore(&backup, backup.find(&id("acme")).unwrap(), &id("acme")).unwrap();
    let refused = read(old).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "bad_position"));
    let written = desk.change(&ingest, "", NEW).await;
    let new = written.headers["x-ticketscope-position"].to_str().unwrap().to_owned();
    assert_eq!(read(new).await.ok()["count"], count);
}
