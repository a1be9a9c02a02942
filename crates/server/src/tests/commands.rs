//! Commands of the operator of the machine.

use parking_lot::Mutex;
use ticketscope_audit::{Actor, AuditLog, records};
use ticketscope_canary::{Canaries, Canary};

use super::*;
use crate::operator::{Command, Done, MAX_COMMAND_BYTES, Operator};

/// What was run, and by whom.
type Ran = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A help desk whose operator's commands are answered by `answer`.
fn operated(answer: impl Fn(&Command) -> Done + Send + Sync + 'static) -> (Desk, String, Ran) {
    let (key, ran) = (OperatorKey::generate().unwrap(), Ran::default());
    let credential = format!("Bearer {}", key.text());
    let noted = Arc::clone(&ran);
    let run = move |command: &Command| {
        noted.lock().push((command.user.clone(), command.body.to_vec()));
        answer(command)
    };
    let desk = Desk::configured(|data, config| Config {
        operator: Some(Operator::new(key, run)),
        audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
        canaries: Some(Arc::new(Canaries::open(data.join("canaries.json")).unwrap())),
        ..config
    });
    (desk, credential, ran)
}

fn echo(command: &Command) -> Done {
    Done { body: command.body.to_vec(), ..Done::default() }
}

async fn run(desk: &Desk, credential: &str, body: &str) -> Reply {
    let headers = [("authorization", credential), ("x-ticketscope-user", "ana (uid 7)")];
    desk.ask(Method::POST, "/v1/operator", &headers, body.to_owned()).await
}

#[tokio::test]
async fn a_command_is_run_for_whoever_shows_the_key_of_this_server_and_for_nobody_else() {
    let (desk, operator, ran) = operated(echo);
    assert_eq!(*run(&desk, &operator, "{\"a\":1}").await.ok(), json!({"a": 1}));
    assert_eq!(*ran.lock(), [("ana (uid 7)".to_owned(), b"{\"a\":1}".to_vec())]);
    for class in [KeyClass::Admin, KeyClass::Ingest, KeyClass::Search, KeyClass::Metrics] {
        assert_eq!(run(&desk, &desk.key(class), "{}").await.code(), "wrong_class", "{class}");
    }
    assert_eq!(run(&desk, &desk.token("acme", "ann"), "{}").await.code(), "wrong_class");
    let other = format!("Bearer {}", OperatorKey::generate().unwrap().text());
    for credential in ["", "Bearer ts_operator_", &other, &operator[..operator.len() - 1]] {
        assert_eq!(run(&desk, credential, "{}").await.code(), "unauthenticated", "{credential}");
    }
    assert_eq!(ran.lock().len(), 1);
    // A server without an operator has no such key.
    assert_eq!(run(&Desk::new(), &operator, "{}").await.code(), "unauthenticated");
}

#[tokio::test]
async fn the_operator_key_is_an_admins_and_is_recorded_under_the_name_of_the_user() {
    let (desk, operator, _) = operated(echo);
    let headers = |user| [("authorization", operator.clone()), ("x-ticketscope-user", user)];
    let headers = headers("ana (uid 7)".to_owned());
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    let ask = async |method, path: &str| desk.ask(method, path, &headers, Body::empty()).await;
    assert_eq!(*ask(Method::GET, "/v1/tenants/acme/count?as_admin=true").await.ok(), json!({"count": 5}));
    ask(Method::GET, "/v1/tenants/acme/why?principal=ann&ticket=1").await.ok();
    ask(Method::PUT, "/v1/tenants/north").await.ok();
    assert!(ask(Method::GET, "/metrics").await.status.is_success());
    // The header is believed with this key alone.
    let admin = desk.key(KeyClass::Admin);
    run(&desk, &admin, "{}").await.code();
    let stranger = [("authorization", &*admin), ("x-ticketscope-user", "ana (uid 7)")];
    desk.ask(Method::GET, "/v1/tenants/acme/stats", &stranger, Body::empty()).await.ok();
    let actors = records(&desk.dir.path().join("audit")).unwrap().map(|record| record.unwrap());
    let actors: Vec<(String, Actor)> = actors.map(|record| (record.action, record.actor)).collect();
    let user = Actor::User("ana (uid 7)".to_owned());
    let key = Actor::Key(admin.split('_').nth(2).unwrap().to_owned());
    let expected = [
        ("count", &user),
        ("why", &user),
        ("tenant_create", &user),
        ("tenant_create", &user),
        ("operator", &key),
        ("stats", &key),
    ];
    assert_eq!(actors, expected.map(|(action, actor)| (action.to_owned(), actor.clone())));
}

#[tokio::test]
async fn the_server_proves_that_it_knows_the_key_without_being_told_it() {
    let key = OperatorKey::generate().unwrap();
    let expected = key.prove("abc");
    let desk = Desk::configured(|_, config| Config { operator: Some(Operator::new(key, echo)), ..config });
    let ask = async |query: &str| desk.ask(Method::GET, &format!("/v1/operator{query}"), &[], Body::empty()).await;
    assert_eq!(*ask("?nonce=abc").await.ok(), json!({"proof": expected}));
    ask(&format!("?nonce={}", "x".repeat(128))).await.ok();
    for query in ["", "?nonce=a&nonce=b", "?nonce=a&more=b", &format!("?nonce={}", "x".repeat(129))] {
        assert_eq!(ask(query).await.code(), "bad_parameter", "{query}");
    }
    let without = Desk::new();
    let reply = without.ask(Method::GET, "/v1/operator?nonce=abc", &[], Body::empty()).await;
    assert_eq!(reply.code(), "no_such_route");
}

#[tokio::test]
async fn a_command_may_be_as_long_as_it_may_be_and_no_longer() {
    let (desk, operator, _) =
        operated(|command| Done { body: command.body.len().to_string().into(), ..Done::default() });
    let ask = async |len: usize| {
        let headers = [("authorization", &*operator)];
        desk.ask(Method::POST, "/v1/operator", &headers, vec![b'x'; len]).await
    };
    assert_eq!(*ask(MAX_COMMAND_BYTES).await.ok(), json!(MAX_COMMAND_BYTES));
    assert_eq!(ask(MAX_COMMAND_BYTES + 1).await.code(), "body_too_large");
}

#[tokio::test]
async fn no_answer_to_a_command_holds_a_canary_that_its_principal_may_not_see() {
    let canary = Canary::new(NOW).unwrap();
    let word = Arc::new(Mutex::new(String::new()));
    let leaked = Arc::clone(&word);
    let (desk, operator, _) = operated(move |command| {
        let principal = Some(String::from_utf8_lossy(&command.body).into_owned()).filter(|name| !name.is_empty());
        let body = json!({ "found": &*leaked.lock() }).to_string().into();
        Done { tenant: Some(id("acme")), principal, is_deleted: false, body }
    });
    desk.app.config.canaries.as_ref().unwrap().add("acme", std::slice::from_ref(&canary)).unwrap();
    let tenant = desk.engine.tenant(&id("acme")).unwrap();
    let changes = canary.plant(tenant.snapshot().schema());
    let planted = format!("{changes:?}");
    tenant.submit(changes).unwrap();
    let guard = desk.app.config.canaries.as_ref().unwrap().guard();
    // Any of its words, as the change that plants it spells them.
    let is_word = |text: &&str| !guard.find(&[text.as_bytes()]).is_empty();
    let found = planted.split(|c: char| !c.is_ascii_alphanumeric()).find(is_word).unwrap();
    *word.lock() = found.to_owned();
    run(&desk, &operator, "").await.ok();
    assert_eq!(run(&desk, &operator, "ann").await.code(), "internal");
}

#[tokio::test]
async fn batches_of_a_tenant_that_a_command_deleted_are_forgotten() {
    let is_deleted = Arc::new(Mutex::new(false));
    let deletes = Arc::clone(&is_deleted);
    let (desk, operator, _) = operated(move |_| Done {
        tenant: Some(id("acme")),
        principal: None,
        is_deleted: *deletes.lock(),
        body: b"{}".to_vec(),
    });
    let admin = desk.key(KeyClass::Admin);
    let line = "{\"k\":\"ticket\",\"id\":1,\"status\":\"new\"}";
    let opstamp = async || {
        let reply = desk.change_with(&admin, "", &[("idempotency-key", "once")], line).await;
        reply.ok()["opstamp"].as_u64().unwrap()
    };
    let first = opstamp().await;
    // So that the batch would change something once more.
    desk.change(&admin, "", "{\"k\":\"ticket\",\"id\":1,\"status\":\"open\"}").await.ok();
    run(&desk, &operator, "").await.ok();
    assert_eq!(opstamp().await, first);
    *is_deleted.lock() = true;
    run(&desk, &operator, "").await.ok();
    assert!(opstamp().await > first);
}

#[tokio::test]
async fn in_development_mode_commands_need_the_key_all_the_same() {
    let key = OperatorKey::generate().unwrap();
    let operator = format!("Bearer {}", key.text());
    let config = Config { operator: Some(Operator::new(key, echo)), ..config(Access::Dev) };
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(Engine::open(dir.path()).unwrap());
    let (keys, pair) = (Arc::new(Keys::in_memory().unwrap()), TokenKeyPair::generate().unwrap());
    let desk = Desk::over(dir, engine, keys, pair, config);
    let ask = async |headers: &[(&str, &str)]| desk.ask(Method::POST, "/v1/operator", headers, "{}").await;
    ask(&[("host", "localhost"), ("authorization", &operator)]).await.ok();
    assert_eq!(ask(&[("host", "localhost")]).await.code(), "wrong_class");
    assert_eq!(ask(&[("host", "evil.example"), ("authorization", &operator)]).await.code(), "foreign_host");
}

#[tokio::test]
async fn a_command_that_removes_canaries_may_name_them_though_another_tenant_has_copies_and_no_other_command_may() {
    let canary = Canary::new(NOW).unwrap();
    let (ticket, path) = (canary.ticket.clone(), Arc::new(Mutex::new(None::<std::path::PathBuf>)));
    let told = json!({"removed": [ticket]}).to_string().into_bytes();
    let (desk, operator, _) = operated({
        let path = Arc::clone(&path);
        move |command| {
            let tenant = Some(id(std::str::from_utf8(&command.body).unwrap()));
            // As whoever removes them does it: by the file alone.
            if let Some(path) = path.lock().take() {
                Canaries::open(path).unwrap().forget("acme").unwrap();
            }
            Done { tenant, body: told.clone(), ..Done::default() }
        }
    });
    let file = desk.dir.path().join("canaries.json");
    let planting = Canaries::open(&file).unwrap();
    for tenant in ["acme", "copy"] {
        planting.add(tenant, std::slice::from_ref(&canary)).unwrap();
    }
    assert_eq!(run(&desk, &operator, "other").await.code(), "internal", "a tenant that never had it");
    *path.lock() = Some(file.clone());
    assert_eq!(run(&desk, &operator, "acme").await.ok()["removed"], json!([canary.ticket]));
    assert_eq!(run(&desk, &operator, "acme").await.code(), "internal", "it had it before the last command");
    assert_eq!(run(&desk, &operator, "copy").await.ok()["removed"], json!([canary.ticket]));
}
