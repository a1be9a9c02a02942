//! Answers whose time could tell leave at moments that do not depend on the work. Time stands still here unless all wait.

use tokio::time::Instant;

use super::*;

/// How long after its request an answer leaves.
async fn delay(desk: &Desk, credential: &str, path: &str) -> Duration {
    let began = Instant::now();
    let reply = desk.get(credential, &format!("/v1/tenants/acme/{path}")).await;
    assert!(reply.status != StatusCode::BAD_REQUEST && !reply.status.is_server_error(), "{path}: {}", reply.body);
    began.elapsed()
}

async fn indexed(limits: Limits) -> Desk {
    let desk = Desk::with_limits(limits);
    let admin = desk.key(KeyClass::Admin);
    desk.change(&admin, "?wait=text", "{\"k\":\"ticket\",\"id\":3,\"status\":\"open\"}").await.ok();
    desk
}

#[tokio::test(start_paused = true)]
async fn hidden_and_absent_leave_at_the_same_moment() {
    let desk = indexed(Limits { pace: Duration::from_millis(64), ..Limits::default() }).await;
    let (ann, search) = (desk.token("acme", "ann"), desk.key(KeyClass::Search));
    for (hidden, absent) in [
        ("tickets/3", "tickets/999"),
        ("tickets/5", "tickets/A-8"),
        ("check?ticket=3", "check?ticket=999"),
        ("search?query=unspeakable", "search?query=unheard"),
        ("count?query=unspeak*", "count?query=unhear*"),
        ("facets?query=unspeakable", "facets?query=unheard"),
        ("count?query=tags:secret", "count?query=tags:nothing"),
        ("suggest?prefix=unspeak", "suggest?prefix=unhear"),
        ("suggest?prefix=sec&field=tags", "suggest?prefix=not&field=tags"),
        // Something is found, but a part of the query may be hidden.
        ("count?query=vat+-unspeakable", "count?query=vat+-unheard"),
        ("count?query=%22vat%22-unspeakable", "count?query=%22vat%22-unheard"),
        ("count?query=vat%E2%80%8B-unspeakable", "count?query=vat%E2%80%8B-unheard"),
        ("count?query=status:open+status:hold", "count?query=status:open+status:none"),
        ("search?query=comment:vat+comment:unspeakable", "search?query=comment:vat+comment:unheard"),
        ("search?query=vat*", "search?query=va*"),
        ("suggest?prefix=va", "suggest?prefix=v"),
    ] {
        for path in [hidden, absent] {
            assert_eq!(delay(&desk, &ann, path).await, Duration::from_millis(64), "{path}");
            let joined = if path.contains('?') { '&' } else { '?' };
            let delayed = delay(&desk, &search, &format!("{path}{joined}as=ann")).await;
            assert_eq!(delayed, Duration::from_millis(64), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_found_and_what_an_admin_asks_is_sent_at_once() {
    let desk = indexed(Limits { pace: Duration::from_millis(64), ..Limits::default() }).await;
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    for path in ["tickets/1", "check?ticket=1", "search?query=vat", "count", "count?query=status:open+vat", "facets"] {
        assert_eq!(delay(&desk, &ann, path).await, Duration::ZERO, "{path}");
    }
    for path in ["tickets/999?as_admin=true", "check?ticket=999&as_admin=true", "count?query=unheard&as_admin=true"] {
        assert_eq!(delay(&desk, &admin, path).await, Duration::ZERO, "{path}");
    }
    assert_eq!(delay(&desk, &admin, "check?ticket=999&as=ann").await, Duration::from_millis(64));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waits_keeps_nobody_from_being_answered() {
    let limits = Limits { pace: Duration::from_secs(1), question_threads: 1, question_queue: 0, ..Limits::default() };
    let desk = indexed(limits).await;
    let ann = desk.token("acme", "ann");
    let began = Instant::now();
    let waiting = delay(&desk, &ann, "check?ticket=3");
    let asked = async {
        // The first is answered but not sent yet, and the only thread is free.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let found = delay(&desk, &ann, "check?ticket=1").await;
        (found, began.elapsed())
    };
    let (waited, (found, at)) = tokio::join!(waiting, asked);
    assert_eq!((waited, found, at), (Duration::from_secs(1), Duration::ZERO, Duration::from_millis(500)));
}

#[tokio::test(start_paused = true)]
async fn without_a_first_moment_nothing_is_held_back() {
    let desk = indexed(Limits { pace: Duration::ZERO, ..Limits::default() }).await;
    let ann = desk.token("acme", "ann");
    for path in ["tickets/3", "check?ticket=999", "count?query=unspeakable", "suggest?prefix=unspeak"] {
        assert_eq!(delay(&desk, &ann, path).await, Duration::ZERO, "{path}");
    }
}

#[tokio::test]
async fn an_answer_that_waits_does_not_state_how_long_the_work_took() {
    let desk = indexed(Limits { pace: Duration::from_millis(1), ..Limits::default() }).await;
    let (ann, search, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Search), desk.key(KeyClass::Admin));
    let took = async |credential: &str, more: &str, query: &str| {
        let alone = desk.get(credential, &format!("/v1/tenants/acme/search?query={query}{more}")).await;
        let mut body = json!({"questions": [{"ask": "search", "query": query.replace('+', " ")}]});
        if let Some((name, value)) = more.trim_start_matches('&').split_once('=') {
            body[name] = if name == "as_admin" { json!(true) } else { json!(value) };
        }
        let together = desk.post(credential, "/v1/tenants/acme/multi", &body).await;
        let of = |answer: &Value| answer["took_us"].as_u64().unwrap();
        [of(alone.ok()), of(&together.ok()["answers"][0]["body"])]
    };
    for query in ["unspeakable", "unheard", "vat+-unspeakable", "vat+-unheard", "vat*"] {
        for (credential, more) in [(&ann, ""), (&search, "&as=ann"), (&admin, "&as=ann")] {
            assert_eq!(took(credential, more, query).await, [0, 0], "{query}{more}");
        }
    }
    // Work that takes less than a microsecond is rare, a hundred times of it impossible.
    let mut told = [false; 2];
    for _ in 0..100 {
        told[0] |= took(&ann, "", "vat").await.iter().all(|took| *took > 0);
        told[1] |= took(&admin, "&as_admin=true", "unheard").await.iter().all(|took| *took > 0);
        if told == [true; 2] {
            break;
        }
    }
    assert_eq!(told, [true; 2], "what is sent at once and what an admin asks state their times");
}
