//! Who is let in, and where.

use serde_json::json;

use super::*;

/// Every route of a tenant that is a question in a scope.
const QUESTIONS: [&str; 5] = ["search", "count", "facets", "check?ticket=1", "tickets/1"];

/// Every route of a tenant that is an admin's.
const ADMIN_QUESTIONS: [&str; 4] = ["why?principal=ann&ticket=1", "who?ticket=1", "scopes/ann", "stats"];

#[tokio::test]
async fn whatever_is_wrong_with_a_credential_the_answer_is_the_same() {
    let desk = Desk::new();
    let key = desk.key(KeyClass::Admin);
    let token = desk.token("acme", "ann");
    let revoked = desk.keys.create(KeyClass::Admin, None).unwrap();
    desk.keys.revoke(&revoked.id).unwrap();
    let stranger = Desk::new();
    let none = desk.ask(Method::GET, "/v1/tenants/acme/count", &[], Body::empty()).await;
    assert_eq!((none.status, none.code()), (StatusCode::UNAUTHORIZED, "unauthenticated"));
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        "Bearer a.b.c".to_owned(),
        key.replace("Bearer", "Basic"),
        format!("{key}0"),
        key[..key.len() - 1].to_owned(),
        key.replace("_admin_", "_search_"),
        format!("Bearer {}", revoked.text),
        stranger.key(KeyClass::Admin),
        stranger.token("acme", "ann"),
        format!("{token}x"),
        format!("Bearer {}", "x".repeat(65_536)),
    ];
    for path in QUESTIONS.iter().chain(&ADMIN_QUESTIONS) {
        for tenant in ["acme", "other", "absent", "..%2Facme"] {
            for credential in &wrong {
                let reply = desk.get(credential, &format!("/v1/tenants/{tenant}/{path}")).await;
                assert_eq!(reply.without_request(), none.without_request(), "{tenant}/{path} {credential:.40}");
            }
        }
    }
    let post = desk.ask(Method::POST, "/v1/tenants/acme/changes", &[], "x".repeat(1000)).await;
    assert_eq!(post.without_request(), none.without_request());
    let put = desk.ask(Method::PUT, "/v1/tenants/acme", &[], Body::empty()).await;
    assert_eq!(put.without_request(), none.without_request());
    assert_eq!(desk.get("", "/v1/tenants").await.code(), "unauthenticated");
}

#[tokio::test]
async fn each_class_is_kept_to_what_it_is_for() {
    let desk = Desk::new();
    let (admin, ingest, search) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Ingest), desk.key(KeyClass::Search));
    let agent = desk.token("acme", "ann");
    for path in QUESTIONS {
        let path = format!("/v1/tenants/acme/{path}");
        assert_eq!(desk.get(&ingest, &path).await.code(), "wrong_class", "{path}");
        assert_eq!(desk.get(&search, &path).await.code(), "asker_missing", "{path}");
        assert_eq!(desk.get(&admin, &path).await.code(), "asker_missing", "{path}");
        desk.get(&agent, &path).await.ok();
        let joined = if path.contains('?') { '&' } else { '?' };
        desk.get(&search, &format!("{path}{joined}as=ann")).await.ok();
        desk.get(&admin, &format!("{path}{joined}as=ann")).await.ok();
        desk.get(&admin, &format!("{path}{joined}as_admin=true")).await.ok();
        assert_eq!(desk.get(&search, &format!("{path}{joined}as_admin=true")).await.code(), "wrong_class", "{path}");
        assert_eq!(desk.get(&agent, &format!("{path}{joined}as=bob")).await.code(), "not_your_principal", "{path}");
    }
    for path in ADMIN_QUESTIONS {
        let path = format!("/v1/tenants/acme/{path}");
        for credential in [&ingest, &search, &agent] {
            assert_eq!(desk.get(credential, &path).await.code(), "wrong_class", "{path}");
        }
        desk.get(&admin, &path).await.ok();
    }
    for credential in [&search, &agent] {
        assert_eq!(desk.change(credential, "", "").await.code(), "wrong_class");
    }
    for credential in [&ingest, &search, &agent] {
        assert_eq!(desk.get(credential, "/v1/tenants").await.code(), "wrong_class");
        for method in [Method::PUT, Method::DELETE] {
            let headers = [("authorization", &**credential)];
            let reply = desk.ask(method, "/v1/tenants/other", &headers, Body::empty()).await;
            assert_eq!(reply.code(), "wrong_class");
        }
    }
    for credential in [&admin, &ingest] {
        desk.change(credential, "", "").await.ok();
    }
}

#[tokio::test]
async fn a_foreign_tenant_is_answered_byte_for_byte_like_an_absent_one() {
    let desk = Desk::new();
    let cases = [
        (desk.token("acme", "ann"), QUESTIONS.to_vec()),
        (desk.key_of(KeyClass::Search, "acme"), QUESTIONS.to_vec()),
        (desk.key_of(KeyClass::Admin, "acme"), [&QUESTIONS[..], &ADMIN_QUESTIONS].concat()),
    ];
    for (credential, paths) in cases {
        for path in paths {
            let absent = desk.get(&credential, &format!("/v1/tenants/absent/{path}")).await;
            assert_eq!((absent.status, absent.code()), (StatusCode::NOT_FOUND, "no_such_tenant"), "{path}");
            for tenant in ["other", "ACME", "acme%2F", "..%2Facme", "acme%00", "%ff", "\u{0430}cme"] {
                let tenant: String = if tenant.is_ascii() { tenant.to_owned() } else { "%D0%B0cme".to_owned() };
                let foreign = desk.get(&credential, &format!("/v1/tenants/{tenant}/{path}")).await;
                assert_eq!(foreign.without_request(), absent.without_request(), "{tenant}/{path}");
            }
        }
    }
    let ingest =
        [("authorization", &*desk.key_of(KeyClass::Ingest, "acme"))].map(|(name, value)| (name, value.to_owned()));
    let headers = [("authorization", ingest[0].1.as_str())];
    let post = async |tenant: &str| {
        desk.ask(Method::POST, &format!("/v1/tenants/{tenant}/changes"), &headers, Body::empty()).await
    };
    assert_eq!(post("absent").await.code(), "no_such_tenant");
    assert_eq!(post("other").await.without_request(), post("absent").await.without_request());
    post("acme").await.ok();
    let admin = desk.key_of(KeyClass::Admin, "acme");
    for method in [Method::PUT, Method::DELETE] {
        for tenant in ["other", "absent", "NEVER"] {
            let headers = [("authorization", &*admin)];
            let reply = desk.ask(method.clone(), &format!("/v1/tenants/{tenant}"), &headers, Body::empty()).await;
            assert_eq!(reply.code(), "no_such_tenant", "{method} {tenant}");
        }
    }
    assert!(desk.engine.has_tenant(&id("other")) && !desk.engine.has_tenant(&id("absent")));
}

#[tokio::test]
async fn a_server_without_a_policy_for_tokens_believes_none() {
    let desk = Desk::new();
    let access = Access::Checked { keys: Arc::clone(&desk.keys), tokens: None };
    let app = Arc::new(App::new(Arc::clone(&desk.engine), config(access)).unwrap());
    let desk = Desk { router: router(Arc::clone(&app)), app, ..desk };
    assert_eq!(desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/count").await.code(), "unauthenticated");
}

#[tokio::test]
async fn an_expired_token_is_refused_by_the_clock_of_the_server() {
    let desk = Desk::new();
    let token = desk.token("acme", "ann");
    desk.get(&token, "/v1/tenants/acme/count").await.ok();
    let late = Clock::new(|| Timestamp(NOW.0 + 15 * 60_000 + 5_000));
    let config = Config { clock: late, ..desk.app.config.clone() };
    let app = Arc::new(App::new(Arc::clone(&desk.engine), config).unwrap());
    let desk = Desk { router: router(Arc::clone(&app)), app, ..desk };
    assert_eq!(desk.get(&token, "/v1/tenants/acme/count").await.code(), "unauthenticated");
}

#[tokio::test]
async fn development_mode_answers_this_machine_alone() {
    let desk = Desk::dev();
    let ask = async |path: &str, headers: &[(&str, &str)]| desk.ask(Method::GET, path, headers, Body::empty()).await;
    let local = ("host", "localhost:7700");
    let count = "/v1/tenants/acme/count";
    assert_eq!(*ask(&format!("{count}?as=ann"), &[local]).await.ok(), json!({"count": 3}));
    assert_eq!(*ask(count, &[local, ("x-ticketscope-as", "bob")]).await.ok(), json!({"count": 2}));
    assert_eq!(*ask(&format!("{count}?as_admin=true"), &[local]).await.ok(), json!({"count": 5}));
    assert_eq!(ask(count, &[local]).await.code(), "asker_missing");
    ask("/v1/tenants/acme/stats", &[local]).await.ok();
    for path in [count, "/metrics", "/health/livez", "/v1/errors", "/absent"] {
        assert_eq!(ask(path, &[("host", "evil.example")]).await.code(), "foreign_host", "{path}");
        assert_eq!(ask(path, &[]).await.code(), "foreign_host", "{path}");
        assert_eq!(ask(path, &[local, ("origin", "https://evil.example")]).await.code(), "foreign_origin", "{path}");
    }
    ask(&format!("{count}?as=ann"), &[local, ("origin", "http://localhost:3000")]).await.ok();
}
