//! Requests that are wrong, each told so in the one form of errors.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_path_or_method_that_is_none_is_told_in_the_form_of_errors() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    for path in ["/", "/v1", "/v2/tenants", "/v1/tenants/acme/absent", "/v1/tenants/acme/count/", "//", "/v1/tenants/"]
    {
        let reply = desk.get(&ann, path).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::NOT_FOUND, "no_such_route"), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/tenants/acme/search"),
        (Method::PUT, "/v1/tenants/acme/count"),
        (Method::PATCH, "/v1/tenants/acme/facets"),
        (Method::DELETE, "/v1/tenants/acme/check"),
        (Method::POST, "/v1/tenants/acme/tickets/1"),
        (Method::DELETE, "/v1/tenants/acme/why"),
        (Method::DELETE, "/v1/tenants/acme/who"),
        (Method::POST, "/v1/tenants/acme/scopes/ann"),
        (Method::POST, "/v1/tenants/acme/stats"),
        (Method::GET, "/v1/tenants/acme/changes"),
        (Method::GET, "/v1/tenants/acme"),
        (Method::POST, "/v1/tenants"),
        (Method::POST, "/v1/errors"),
        (Method::POST, "/health/livez"),
        (Method::POST, "/health/readyz"),
        (Method::POST, "/metrics"),
        (Method::POST, "/version"),
    ] {
        let reply = desk.ask(method.clone(), path, &[("authorization", &ann)], Body::empty()).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            "{method} {path}"
        );
        assert!(reply.headers.contains_key("allow"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_told_with_its_place() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    for route in ["search", "count", "facets"] {
        let reply =
            desk.post(&ann, &format!("/v1/tenants/acme/{route}"), &json!({"query": "status:open statos:x"})).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, "bad_query"));
        assert_eq!(reply.body["span"], json!({"start": 12, "end": 18}));
        assert!(reply.body["hint"].is_string());
        assert!(reply.body["message"].as_str().unwrap().contains("did you mean `status`"), "{}", reply.body);
    }
    // Bytes, not characters.
    let reply = desk.post(&ann, "/v1/tenants/acme/count", &json!({"query": "tags:\u{e9} created:x"})).await;
    assert_eq!(reply.body["span"]["start"].as_u64(), Some("tags:\u{e9} created:".len() as u64));
    let long = "x".repeat(2049);
    let reply = desk.post(&ann, "/v1/tenants/acme/count", &json!({"query": long})).await;
    assert_eq!((reply.code(), &reply.body["span"]), ("bad_query", &json!({"start": 2048, "end": 2049})));
}

#[tokio::test]
async fn a_fault_that_many_requests_meet_is_told_once_in_a_while_with_their_number() {
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let log = {
        let told = Arc::clone(&told);
        crate::FaultLog::new(move |fault: &crate::Fault| {
            let tenant = fault.tenant.as_ref().map(ToString::to_string);
            told.lock().push((fault.code, tenant, fault.left_out));
        })
    };
    let desk = Desk::configured(|_, config| Config { faults: log, ..config });
    let admin = desk.key(KeyClass::Admin);
    desk.engine.close().unwrap();
    for tenant in ["acme", "other"] {
        std::fs::write(desk.dir.path().join("tenants").join(tenant).join("state.redb"), "nonsense").unwrap();
    }
    for _ in 0..20 {
        for tenant in ["acme", "other"] {
            let reply = desk.get(&admin, &format!("/v1/tenants/{tenant}/count?as_admin=true")).await;
            assert_eq!(reply.code(), "damaged", "{}", reply.body);
        }
    }
    // On a machine that took longer than a moment for them, some were told meanwhile.
    desk.app.faults.end(std::time::Instant::now());
    let told = told.lock();
    for tenant in ["acme", "other"] {
        let own: Vec<_> = told.iter().filter(|(_, of, _)| of.as_deref() == Some(tenant)).collect();
        assert_eq!((own[0].0, own[0].2), ("damaged", 0));
        assert!(own.len() < 20, "{}", own.len());
        assert_eq!(own.iter().map(|(_, _, left_out)| 1 + left_out).sum::<u64>(), 20);
    }
}

#[tokio::test]
async fn parameters_that_are_wrong_are_told() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    for (path, code) in [
        ("search?nothing=1", "bad_parameter"),
        ("count?limit=1", "bad_parameter"),
        ("facets?limit=1", "bad_parameter"),
        ("check", "bad_parameter"),
        ("check?ticket=", "bad_parameter"),
        ("tickets/1?query=a", "bad_parameter"),
        ("search?limit=x", "bad_parameter"),
        ("search?limit=0", "page_size"),
        ("search?limit=1001", "page_size"),
        ("search?page_after=x", "bad_cursor"),
        ("search?page_after=00", "bad_cursor"),
        ("search?sort=status", "bad_order"),
        ("search?sort=absent:asc", "bad_order"),
        ("search?sort=tags:asc", "bad_order"),
        ("search?sort=id:asc%20status:open", "bad_order"),
        ("search?query=order_by:id&sort=id:asc", "two_orders"),
        ("facets?field=absent", "unknown_field"),
        ("facets?field=weight", "no_facets"),
        ("facets?top=1001", "bad_parameter"),
        ("count?now=yesterday", "bad_parameter"),
    ] {
        let reply = desk.get(&ann, &format!("/v1/tenants/acme/{path}")).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, code), "{path}");
    }
    desk.get(&ann, "/v1/tenants/acme/search?limit=1000").await.ok();
    desk.get(&ann, "/v1/tenants/acme/facets?top=1000").await.ok();
    let near = desk.get(&ann, "/v1/tenants/acme/facets?field=statu").await;
    assert_eq!(near.body["hint"], "did you mean `status`?");
    let many = "field=status&".repeat(33);
    assert_eq!(desk.get(&ann, &format!("/v1/tenants/acme/facets?{many}")).await.code(), "bad_parameter");
    let admin = desk.key(KeyClass::Admin);
    for path in ["why?ticket=1", "why?principal=ann", "who", "who?ticket=1&as=ann", "stats?x=1", "scopes/ann?x=1"] {
        assert_eq!(desk.get(&admin, &format!("/v1/tenants/acme/{path}")).await.code(), "bad_parameter", "{path}");
    }
    assert_eq!(desk.get(&admin, "/v1/tenants?x=1").await.code(), "bad_parameter");
    assert_eq!(desk.change(&admin, "?on_refusal=perhaps", "").await.code(), "bad_parameter");
    assert_eq!(desk.change(&admin, "?nothing=1", "").await.code(), "bad_parameter");
}

#[tokio::test]
async fn bodies_that_are_wrong_are_told_on_every_route_that_takes_one() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    for route in ["search", "count", "facets", "check", "why", "who"] {
        let path = format!("/v1/tenants/acme/{route}");
        let json = [("authorization", &*admin), ("content-type", "application/json")];
        let plain = [("authorization", &*admin)];
        for body in ["", "{", "[]", "\"x\"", "{]"] {
            assert_eq!(desk.ask(Method::POST, &path, &json, body).await.code(), "bad_body", "{route} {body}");
        }
        let unknown = desk.post(&admin, &path, &json!({"nothing": 1})).await;
        assert_eq!((unknown.status, unknown.code()), (StatusCode::BAD_REQUEST, "bad_parameter"), "{route}");
        let reply = desk.ask(Method::POST, &path, &plain, "{}").await;
        assert_eq!((reply.status.as_u16(), reply.code()), (415, "unsupported_media_type"), "{route}");
        let reply = desk.ask(Method::POST, &format!("{path}?as=ann"), &json, "{}").await;
        assert_eq!(reply.code(), "bad_parameter", "{route}");
        let limit = Limits::default().question_bytes;
        let fits = format!("{{{}}}", " ".repeat(limit - 2));
        assert_ne!(desk.ask(Method::POST, &path, &json, fits).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{route}");
        let large = format!("{{{}}}", " ".repeat(limit - 1));
        assert_eq!(desk.ask(Method::POST, &path, &json, large).await.code(), "body_too_large", "{route}");
    }
}

#[tokio::test]
async fn a_name_for_the_asker_is_given_once() {
    let desk = Desk::new();
    let search = desk.key(KeyClass::Search);
    let count = async |path: &str, headers: &[(&str, &str)]| {
        let headers = [&[("authorization", &*search)], headers].concat();
        desk.ask(Method::GET, &format!("/v1/tenants/acme/count{path}"), &headers, Body::empty()).await
    };
    let (ann, bob) = (("x-ticketscope-as", "ann"), ("x-ticketscope-as", "bob"));
    assert_eq!(count("?as=bob", &[ann]).await.code(), "two_askers");
    assert_eq!(count("", &[ann, bob]).await.code(), "two_askers");
    assert_eq!(count("", &[ann]).await.ok()["count"], 3);
    assert_eq!(count("?as=ann", &[ann]).await.ok()["count"], 3);
}

#[tokio::test]
async fn what_goes_wrong_inside_shows_no_path_and_is_told_to_the_operator() {
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let desk = Desk::new();
    let log = {
        let told = Arc::clone(&told);
        crate::FaultLog::new(move |fault| told.lock().push(fault.clone()))
    };
    let config = Config { faults: log, ..desk.app.config.clone() };
    let broken = desk.dir.path().join("tenants").join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("state.redb"), "no database").unwrap();
    let app = Arc::new(App::new(Arc::clone(&desk.engine), config).unwrap());
    let desk = Desk { router: router(Arc::clone(&app)), app, ..desk };
    let admin = desk.key(KeyClass::Admin);
    let reply = desk.get(&admin, "/v1/tenants/broken/count?as_admin=true").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::INTERNAL_SERVER_ERROR, "damaged"));
    let text = reply.body.to_string();
    assert!(!text.contains("redb") && !text.contains(desk.dir.path().to_str().unwrap()), "{text}");
    let told = told.lock();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].request_id.as_deref(), reply.headers["x-request-id"].to_str().ok());
    assert!(told[0].cause.contains("broken"), "{:?}", told[0]);
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_server_goes_on() {
    let desk = Desk::new();
    let config = Config { clock: Clock::new(|| panic!("the clock fell down")), ..desk.app.config.clone() };
    let app = Arc::new(App::new(Arc::clone(&desk.engine), config).unwrap());
    let desk = Desk { router: router(Arc::clone(&app)), app, ..desk };
    let admin = desk.key(KeyClass::Admin);
    for _ in 0..2 {
        let reply = desk.get(&admin, "/v1/tenants").await;
        assert_eq!((reply.status, reply.code()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        assert!(!reply.body.to_string().contains("clock"), "{}", reply.body);
    }
    desk.get(&admin, "/health/livez").await.ok();
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_given_up() {
    let limits = Limits {
        question: Duration::from_millis(1),
        question_threads: 0,
        question_queue: 1,
        queue_wait: Duration::from_mins(1),
        ..Limits::default()
    };
    let desk = Desk::with_limits(limits);
    let reply = desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/count").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, "timeout"));
    assert!(reply.headers.contains_key("retry-after"));
}
