//! What is recorded, and what is refused because it cannot be.

use std::{
    collections::BTreeSet,
    fs,
    num::NonZeroU32,
    sync::atomic::{AtomicI64, Ordering},
};

use ticketscope_audit::{Actor, AuditLog, Record, records, verify};

use super::*;
use crate::{
    Budget,
    trace::{MAX_PATH_BYTES, Trace},
};

/// A help desk with an audit log.
fn watched(sample: Option<u32>) -> Desk {
    Desk::configured(|data, config| Config {
        audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
        audit_sample: sample.and_then(NonZeroU32::new),
        ..config
    })
}

impl Desk {
    fn records(&self) -> Vec<Record> {
        records(&self.dir.path().join("audit")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The records that `request` makes, with its answer.
    async fn recorded(&self, request: impl Future<Output = Reply>) -> (Reply, Vec<Record>) {
        let before = self.records().len();
        let reply = request.await;
        (reply, self.records().split_off(before))
    }
}

fn key_id(credential: &str) -> Actor {
    Actor::Key(credential.split('_').nth(2).unwrap().to_owned())
}

#[tokio::test]
async fn every_question_of_an_admin_is_recorded_with_what_was_asked() {
    let desk = watched(None);
    let admin = desk.key(KeyClass::Admin);
    let get = [
        ("search?query=status:open&as_admin=true", "search", json!({"query": "status:open", "as_admin": true})),
        ("search?query=vat&as=ann", "search", json!({"query": "vat", "as": "ann"})),
        ("count?as_admin=true", "count", json!({"as_admin": true})),
        ("facets?field=status&as_admin=true", "facets", json!({"field": "status", "as_admin": true})),
        ("suggest?prefix=in&as_admin=true", "suggest", json!({"prefix": "in", "as_admin": true})),
        ("check?ticket=3&as=bob", "check", json!({"ticket": "3", "as": "bob"})),
        ("tickets/3?as_admin=true", "ticket", json!({"as_admin": true, "id": "3"})),
        ("explain?query=vat&as=ann", "explain", json!({"query": "vat", "as": "ann"})),
        ("why?principal=ann&ticket=3", "why", json!({"principal": "ann", "ticket": "3"})),
        ("who?ticket=3", "who", json!({"ticket": "3"})),
        ("scopes/ann", "scope", json!({"principal": "ann"})),
        ("stats", "stats", json!({})),
    ];
    for (path, action, resource) in get {
        let (reply, made) = desk.recorded(desk.get(&admin, &format!("/v1/tenants/acme/{path}"))).await;
        reply.ok();
        let [record] = &made[..] else { panic!("{path}: {made:?}") };
        assert_eq!((&*record.action, &*record.decision), (action, "allowed"), "{path}");
        assert_eq!(Value::Object(record.resource.clone()), resource, "{path}");
        assert_eq!(
            (&record.actor, record.tenant.as_deref(), record.at),
            (&key_id(&admin), Some("acme"), NOW.0),
            "{path}"
        );
        assert_eq!(record.request.as_deref(), reply.headers["x-request-id"].to_str().ok(), "{path}");
    }
    let asked = json!({"query": "vat", "as_admin": true, "limit": 3});
    let (reply, made) = desk.recorded(desk.post(&admin, "/v1/tenants/acme/search", &asked)).await;
    reply.ok();
    assert_eq!(Value::Object(made[0].resource.clone()), asked);
    let as_ann = [("authorization", &*admin), ("x-ticketscope-as", "ann")];
    let asked = desk.ask(Method::GET, "/v1/tenants/acme/count", &as_ann, Body::empty());
    let (_, made) = desk.recorded(asked).await;
    assert_eq!(Value::Object(made[0].resource.clone()), json!({"as": "ann"}));
    let (_, made) = desk.recorded(desk.get(&admin, "/v1/tenants")).await;
    assert_eq!((&*made[0].action, &made[0].tenant), ("tenants", &None));
    verify(&desk.dir.path().join("audit"), None).unwrap();
}

#[tokio::test]
async fn what_a_principal_asks_is_not_recorded_unless_it_is_sampled_and_then_without_its_words() {
    for sample in [None, Some(1)] {
        let desk = watched(sample);
        let (ann, search) = (desk.token("acme", "ann"), desk.key(KeyClass::Search));
        desk.get(&ann, "/v1/tenants/acme/search?query=vat").await.ok();
        desk.get(&search, "/v1/tenants/acme/tickets/1?as=ann").await.ok();
        desk.get(&ann, "/v1/tenants/acme/count?query=%22unclosed").await.code();
        // Nobody waits for a sample: it is written on a thread of its own.
        while desk.records().len() < if sample.is_some() { 3 } else { 0 } {
            tokio::task::yield_now().await;
        }
        desk.app.records.drain().await;
        let made = desk.records();
        let Some(_) = sample else {
            assert!(made.is_empty(), "{made:?}");
            continue;
        };
        let told: BTreeSet<_> = made.iter().map(|record| (record.actor.to_string(), &*record.action)).collect();
        let key = key_id(&search).to_string();
        assert_eq!(told, [("agent ann".into(), "count"), ("agent ann".into(), "search"), (key, "ticket")].into());
        assert!(made.iter().all(|record| json!(record.resource) == json!({"as": "ann"})), "{made:?}");
    }
}

#[tokio::test]
async fn a_credential_of_the_wrong_class_is_recorded_as_refused() {
    let desk = watched(None);
    let (ann, search, ingest) = (desk.token("acme", "ann"), desk.key(KeyClass::Search), desk.key(KeyClass::Ingest));
    for (credential, path, action, code) in [
        (&ann, "/v1/tenants/acme/why?principal=ann&ticket=3", "why", "wrong_class"),
        (&search, "/v1/tenants/acme/stats", "stats", "wrong_class"),
        (&search, "/v1/tenants/acme/count?as_admin=true", "count", "wrong_class"),
        (&ann, "/v1/tenants/acme/count?as=bob", "count", "not_your_principal"),
        (&ingest, "/v1/tenants", "tenants", "wrong_class"),
        (&ingest, "/metrics", "metrics", "wrong_class"),
    ] {
        let (reply, made) = desk.recorded(desk.get(credential, path)).await;
        assert_eq!(reply.code(), code, "{path}");
        let [record] = &made[..] else { panic!("{path}: {made:?}") };
        assert_eq!((&*record.action, &*record.decision), (action, "refused"), "{path}");
        assert_eq!((&record.resource["code"], record.request.is_some()), (&json!(code), true), "{path}");
        assert!(path.starts_with(record.resource["path"].as_str().unwrap()), "{path}: {record:?}");
        let actor = if credential == &ann { Actor::Agent("ann".into()) } else { key_id(credential) };
        assert_eq!(record.actor, actor, "{path}");
    }
    let (reply, made) = desk.recorded(desk.get("Bearer ts_admin_00_11", "/v1/tenants/acme/stats")).await;
    assert_eq!((reply.code(), made.len()), ("unauthenticated", 0), "strangers do not fill the log");
}

#[tokio::test]
async fn nobody_fills_the_log_with_refusals_beyond_a_budget() {
    let at = Arc::new(AtomicI64::new(NOW.0));
    let clock = Arc::clone(&at);
    let desk = Desk::configured(|data, config| Config {
        audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
        budgets: Budgets { agent: Budget { per_second: 100, burst: 1000 }, ..Budgets::UNLIMITED },
        clock: Clock::new(move || Timestamp(clock.load(Ordering::Relaxed))),
        ..config
    });
    let ann = desk.token("acme", "ann");
    let long = format!("/v1/tenants/acme/scopes/{}", "x".repeat(10_000));
    let mut told = Vec::new();
    for _ in 0..100 {
        for path in [&long, "/v1/tenants/acme/check?ticket=1&as=bob"] {
            told.push(desk.get(&ann, path).await.code().to_owned());
        }
    }
    // A record costs 200 units, coming in costs one, and the question one.
    assert_eq!(told[..5], ["wrong_class", "not_your_principal", "wrong_class", "not_your_principal", "over_budget"]);
    assert!(told[5..].iter().all(|code| code == "over_budget"), "{told:?}");
    let made = desk.records();
    assert_eq!(made.len(), 4);
    let kept = made[0].resource["path"].as_str().unwrap();
    assert!(long.starts_with(kept) && kept.len() == MAX_PATH_BYTES, "{kept}");
    at.fetch_add(10_000, Ordering::Relaxed);
    assert_eq!(desk.get(&ann, "/v1/tenants/acme/stats").await.code(), "wrong_class");
    let path = format!("/{}", "x".repeat(MAX_PATH_BYTES - 1));
    let trace = |path: String| Trace::new(String::new(), "", &Method::GET, path.parse().unwrap());
    assert_eq!(trace(path.clone()).path_for_records(), path);
    assert_eq!(trace(format!("{path}x")).path_for_records(), path);
    assert_eq!(desk.records().len(), 5);
}

#[tokio::test]
async fn a_batch_that_changes_permissions_is_recorded_in_numbers_before_and_after() {
    let desk = watched(None);
    let (ingest, admin) = (desk.key(KeyClass::Ingest), desk.key(KeyClass::Admin));
    let lines = concat!(
        r#"{"k":"rel","principal":"ann","rel":"groups","value":"support"}"#,
        "\n",
        r#"{"k":"group","id":"support","public":false}"#,
        "\n",
        r#"{"k":"ticket","id":1,"subject":"Unspeakable"}"#
    );
    let (reply, made) = desk.recorded(desk.change(&ingest, "", lines)).await;
    reply.ok();
    let told: Vec<_> =
        made.iter().map(|record| (&*record.action, &*record.decision, record.opstamp.is_some())).collect();
    assert_eq!(told, [("changes", "allowed", false), ("changes", "done", true)]);
    for record in &made {
        assert_eq!(json!(record.resource), json!({"group": 1, "rel": 1, "ticket": 1}));
        assert_eq!(record.actor, key_id(&ingest));
    }
    let (reply, made) = desk.recorded(desk.change(&ingest, "", r#"{"k":"ticket","id":1,"status":"open"}"#)).await;
    reply.ok();
    assert!(made.is_empty(), "tickets are the daily work: {made:?}");
    let refused = r#"{"k":"rel","principal":"ann","rel":"no_such_relation","value":"x"}"#;
    let (reply, made) = desk.recorded(desk.change(&admin, "", refused)).await;
    assert_eq!(reply.code(), "changes_rejected");
    let told: Vec<_> = made.iter().map(|record| &*record.decision).collect();
    assert_eq!(told, ["allowed", "failed"]);
}

#[tokio::test]
async fn tenants_made_and_deleted_are_recorded_with_what_became_of_it() {
    let desk = watched(None);
    let admin = desk.key(KeyClass::Admin);
    let told = |made: &[Record]| {
        made.iter().map(|record| format!("{} {}", record.action, record.decision)).collect::<Vec<_>>().join(", ")
    };
    let headers = [("authorization", &*admin)];
    for (method, expected) in [
        (Method::PUT, "tenant_create allowed, tenant_create done"),
        (Method::DELETE, "tenant_delete allowed, tenant_delete done"),
        (Method::DELETE, "tenant_delete allowed, tenant_delete failed"),
    ] {
        let (_, made) = desk.recorded(desk.ask(method, "/v1/tenants/fresh", &headers, Body::empty())).await;
        assert_eq!(told(&made), expected);
        assert!(made.iter().all(|record| record.tenant.as_deref() == Some("fresh")));
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_and_not_done() {
    let desk = watched(None);
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    desk.get(&admin, "/v1/tenants/acme/stats").await.ok();
    fs::remove_dir_all(desk.dir.path().join("audit")).unwrap();
    for path in ["stats", "count?as_admin=true", "search?as=ann", "who?ticket=1", "explain?as=ann", "tickets/1?as=ann"]
    {
        let reply = desk.get(&admin, &format!("/v1/tenants/acme/{path}")).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable"), "{path}");
    }
    let grant = r#"{"k":"rel","principal":"ann","rel":"groups","value":"support"}"#;
    assert_eq!(desk.change(&admin, "", grant).await.code(), "audit_unavailable");
    let headers = [("authorization", &*admin)];
    let made = desk.ask(Method::PUT, "/v1/tenants/fresh", &headers, Body::empty()).await;
    assert_eq!(made.code(), "audit_unavailable");
    let deleted = desk.ask(Method::DELETE, "/v1/tenants/other", &headers, Body::empty()).await;
    assert_eq!(deleted.code(), "audit_unavailable");
    assert_eq!(desk.engine.tenants().unwrap(), [id("acme"), id("other")]);
    assert_eq!(
        desk.get(&ann, "/v1/tenants/acme/count").await.ok()["count"],
        3,
        "asked in a scope, nothing was granted"
    );
    desk.change(&admin, "", r#"{"k":"ticket","id":1,"status":"open"}"#).await.ok();
}

#[tokio::test]
async fn no_record_holds_a_credential_or_the_text_of_a_ticket() {
    let desk = watched(Some(1));
    let credentials =
        [desk.key(KeyClass::Admin), desk.key(KeyClass::Search), desk.key(KeyClass::Ingest), desk.token("acme", "ann")];
    for credential in &credentials {
        for path in ["search?as=ann", "tickets/3?as_admin=true", "why?principal=ann&ticket=3", "search?query=x&as=ann"]
        {
            desk.get(credential, &format!("/v1/tenants/acme/{path}")).await;
        }
        desk.change(credential, "", r#"{"k":"principal","id":"eve","name":"Unspeakable","role":"agent"}"#).await;
    }
    desk.app.records.drain().await;
    let log = fs::read_to_string(desk.dir.path().join("audit/000001.jsonl")).unwrap();
    assert!(log.lines().count() > 10, "{log}");
    for credential in &credentials {
        let secret = credential.rsplit(['_', '.']).next().unwrap();
        assert!(!log.contains(secret), "{log}");
    }
    assert!(!log.contains("Unspeakable") && !log.contains("invoice"), "{log}");
}

#[tokio::test]
async fn in_development_mode_everything_is_recorded_of_dev() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(Engine::open(dir.path()).unwrap());
    let log = AuditLog::open(dir.path().join("audit"), NOW.0).unwrap();
    let config = Config { audit: Some(Arc::new(log)), ..config(Access::Dev) };
    let desk = Desk::over(dir, engine, Arc::new(Keys::in_memory().unwrap()), TokenKeyPair::generate().unwrap(), config);
    let local = [("host", "localhost")];
    desk.ask(Method::GET, "/v1/tenants/acme/count?as=ann", &local, Body::empty()).await.ok();
    desk.ask(Method::GET, "/v1/tenants/acme/count?as_admin=true", &local, Body::empty()).await.ok();
    let told: Vec<_> = desk.records().into_iter().map(|record| (record.actor, json!(record.resource))).collect();
    assert_eq!(told, [(Actor::Dev, json!({"as": "ann"})), (Actor::Dev, json!({"as_admin": true}))]);
}
