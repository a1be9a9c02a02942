//! A server that leaks, by routes that only these tests have, and what it does about it.

use std::fs;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use parking_lot::Mutex;
use serde::Deserialize;
use ticketscope_audit::{Actor, AuditLog, Record, records};
use ticketscope_canary::{Canaries, Canary, Part};

use super::*;
use crate::{
    Fault, FaultLog,
    ask::Reader,
    auth::Asker,
    code::Code,
    failure::Failure,
    params::{SearchParams, of_uri},
    routes::inside_the_edge,
    server::refresh_canaries,
    trace::Trace,
};

/// Beside ann and bob: mia sees everything, max every ticket without its notes and side conversations.
const MANAGERS: &str = r#"{"k":"role","id":"manager","view":"all","view_private":"view","view_side":"view"}
{"k":"role","id":"reader","view":"all"}
{"k":"principal","id":"mia","role":"manager"}
{"k":"principal","id":"max","role":"reader"}
"#;

/// Who asks a leaking route in nobody's scope.
const ADMIN: &str = "ADMIN";

/// What a leaking route is told to do.
#[derive(Debug, Deserialize)]
struct Leak {
    /// Whose scope the answer should be in; nobody's if empty.
    #[serde(rename = "as", default)]
    asker: String,
    /// Of which tenant; of `acme` if not said.
    #[serde(default = "acme")]
    of: String,
    /// What it holds.
    text: String,
    /// Where in the answer: in its `body`, a `header` or an `error`.
    #[serde(rename = "in", default)]
    place: String,
}

fn acme() -> String {
    "acme".to_owned()
}

async fn leak(Extension(trace): Extension<Arc<Trace>>, uri: Uri) -> Response {
    let leak: Leak = of_uri(&uri).unwrap();
    trace.is_in(&id(&leak.of));
    match &*leak.asker {
        "" => {}
        ADMIN => trace.is_for(&Asker::Admin),
        principal => trace.is_for(&Asker::Principal(principal.to_owned())),
    }
    // Backwards in the request, so that the words are not sent.
    let text: String = leak.text.chars().rev().collect();
    match &*leak.place {
        "header" => ([("etag", HeaderValue::from_str(&text).unwrap())], Json(json!({"total": 0}))).into_response(),
        "error" => Failure::new(Code::BadQuery, format!("did you mean `{text}`?")).into_response(),
        _ => Json(json!({"suggestions": [{"text": text}]})).into_response(),
    }
}

/// A search of ann's that forgets her scope.
async fn forgetful(State(app): State<Arc<App>>, Extension(trace): Extension<Arc<Trace>>) -> Result<Response, Failure> {
    trace.is_in(&id("acme"));
    trace.is_for(&Asker::Principal("ann".to_owned()));
    let reader = Reader::open(&app.engine, &id("acme"))?;
    Ok(Json(reader.search(&Asker::Admin, &SearchParams::default(), NOW)?).into_response())
}

struct Watched {
    desk: Desk,
    canary: Canary,
    canaries: Arc<Canaries>,
    faults: Arc<Mutex<Vec<Fault>>>,
    leaking: Router,
}

impl Watched {
    /// With one canary in the tenant `acme`.
    fn new() -> Self {
        let faults = Arc::new(Mutex::new(Vec::new()));
        let (told, mut canaries) = (Arc::clone(&faults), None);
        let desk = Desk::configured(|data, config| {
            let own = Arc::new(Canaries::open(data.join("canaries.json")).unwrap());
            canaries = Some(Arc::clone(&own));
            Config {
                audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
                canaries: Some(own),
                faults: FaultLog::new(move |fault: &Fault| told.lock().push(fault.clone())),
                ..config
            }
        });
        let canaries = canaries.unwrap();
        let batch = Batch::parse(MANAGERS.as_bytes(), 1000).unwrap();
        apply(&desk.engine, &id("acme"), batch, OnRefusal::Reject).unwrap();
        let canary = Canary::new(NOW).unwrap();
        canaries.add("acme", std::slice::from_ref(&canary)).unwrap();
        let tenant = desk.engine.tenant(&id("acme")).unwrap();
        let ack = tenant.submit(canary.plant(tenant.snapshot().schema())).unwrap();
        assert!(tenant.wait_for_text(ack.opstamp, Duration::from_mins(1)));
        let routes = Router::new().route("/leak", get(leak)).route("/forgetful", get(forgetful));
        let leaking = inside_the_edge(routes, Arc::clone(&desk.app));
        Self { desk, canary, canaries, faults, leaking }
    }

    /// Asks a route that leaks `text` to `asker`.
    async fn leak(&self, asker: &str, text: &str, more: &str) -> Reply {
        let text: String = text.chars().rev().collect();
        let uri = format!("/leak?as={asker}&text={text}{more}");
        self.of_leaking(&uri).await
    }

    async fn of_leaking(&self, uri: &str) -> Reply {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = self.leaking.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, bytes, body }
    }

    fn alarms(&self) -> u64 {
        self.desk.app.metrics.canary_alarms.get()
    }

    fn records(&self) -> Vec<Record> {
        records(&self.desk.dir.path().join("audit")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The answer was withheld, and that was told: once, everywhere, and without the word.
    #[track_caller]
    fn assert_withheld(&self, reply: &Reply) {
        assert_eq!((reply.status, reply.code()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        let told = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.bytes));
        for part in Part::ALL {
            assert!(!told.to_lowercase().contains(self.canary.word(part)), "{told}");
        }
        let request = reply.headers["x-request-id"].to_str().unwrap();
        let fault = self.faults.lock().last().cloned().expect("a fault");
        assert_eq!((fault.code, fault.request_id.as_deref()), ("canary_alarm", Some(request)));
        let record = self.records().pop().expect("a record");
        assert_eq!((&*record.action, &*record.decision), ("canary_alarm", "refused"));
        assert_eq!((record.request.as_deref(), record.tenant.as_deref()), (Some(request), Some("acme")));
        assert!(record.resource["canaries"][0].as_str().unwrap().starts_with(&self.canary.ticket), "{record:?}");
    }
}

#[tokio::test]
async fn an_answer_with_a_word_of_a_hidden_ticket_is_withheld_and_told_everywhere() {
    let watched = Watched::new();
    let canary = &watched.canary;
    for (turn, word) in [&canary.public, &canary.private, &canary.side, &canary.ticket].into_iter().enumerate() {
        let reply = watched.leak("ann", word, "").await;
        watched.assert_withheld(&reply);
        assert_eq!(watched.alarms(), turn as u64 + 1);
    }
    let before = watched.alarms();
    for (asker, text, more) in [
        ("ann", canary.public.to_uppercase(), ""),
        ("ann", format!("x{}y", canary.public), ""),
        ("ann", canary.public.clone(), "&in=header"),
        ("ann", canary.public.clone(), "&in=error"),
        ("", canary.public.clone(), ""),
        ("", canary.public.clone(), "&in=error"),
        ("nobody", canary.public.clone(), ""),
        ("sue", canary.public.clone(), ""),
    ] {
        let reply = watched.leak(asker, &text, more).await;
        watched.assert_withheld(&reply);
    }
    assert_eq!(watched.alarms(), before + 8);
    let reply = watched.of_leaking("/forgetful").await;
    watched.assert_withheld(&reply);
    assert_eq!(watched.leak("ann", &canary.public[1..], "").await.status, StatusCode::OK, "not the whole word");
    let metrics = watched.desk.get(&watched.desk.key(KeyClass::Metrics), "/metrics").await;
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    assert!(metrics.contains(&format!("ticketscope_canary_alarms_total {}", before + 9)), "{metrics}");
}

#[tokio::test]
async fn whoever_may_see_the_canary_gets_the_answer_and_only_the_parts_they_may_read() {
    let watched = Watched::new();
    let canary = &watched.canary;
    for (asker, word, is_withheld) in [
        ("mia", &canary.public, false),
        ("mia", &canary.private, false),
        ("mia", &canary.side, false),
        ("max", &canary.public, false),
        ("max", &canary.private, true),
        ("max", &canary.side, true),
    ] {
        let reply = watched.leak(asker, word, "").await;
        assert_eq!(reply.status == StatusCode::INTERNAL_SERVER_ERROR, is_withheld, "{asker}");
        assert_eq!(String::from_utf8_lossy(&reply.bytes).contains(&**word), !is_withheld, "{asker}");
    }
    assert_eq!(watched.alarms(), 2);
}

#[tokio::test]
async fn admins_and_managers_see_the_canary_by_every_route_without_an_alarm() {
    let watched = Watched::new();
    let (desk, canary) = (&watched.desk, &watched.canary);
    let (admin, search) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Search));
    let Canary { ticket, public, private, side, .. } = canary;
    for path in [
        format!("search?query={public}"),
        format!("search?query={private}"),
        format!("search?query={side}"),
        format!("tickets/{ticket}"),
        format!("suggest?prefix={}", &public[..8]),
        "facets?field=group&field=tags".to_owned(),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        for (credential, asked) in [(&admin, "as_admin=true"), (&search, "as=mia")] {
            let reply = desk.get(credential, &format!("/v1/tenants/acme/{path}{joint}{asked}")).await;
            reply.ok();
            let text = String::from_utf8_lossy(&reply.bytes).into_owned();
            assert!(text.contains(&**public), "{path} {asked}: {text}");
        }
    }
    for path in [
        format!("why?principal=ann&ticket={ticket}"),
        format!("who?ticket={ticket}"),
        format!("explain?query={public}&as=ann"),
        "scopes/ann".to_owned(),
        "stats".to_owned(),
    ] {
        desk.get(&admin, &format!("/v1/tenants/acme/{path}")).await.ok();
    }
    assert_eq!(watched.alarms(), 0);
}

#[tokio::test]
async fn an_admin_who_asks_as_somebody_is_shown_what_that_one_sees() {
    let watched = Watched::new();
    let admin = watched.desk.key(KeyClass::Admin);
    let path = format!("/v1/tenants/acme/tickets/{}?as=ann", watched.canary.ticket);
    assert_eq!(watched.desk.get(&admin, &path).await.code(), "no_such_ticket");
    assert_eq!(watched.alarms(), 0);
}

#[tokio::test]
async fn no_answer_to_an_agent_changes_because_there_are_canaries() {
    let (watched, plain) = (Watched::new(), Desk::new());
    for path in [
        "search",
        "search?query=vat",
        "count",
        "facets?field=group&field=tags&field=requester",
        "suggest?prefix=c",
        "suggest?prefix=hid",
        "tickets/1",
        "tickets/3",
        "search?query=canary",
        "search?query=%22unclosed",
        "search?limit=0",
        "absent",
    ] {
        let path = format!("/v1/tenants/acme/{path}");
        let answer = async |desk: &Desk| {
            let mut reply = desk.get(&desk.token("acme", "ann"), &path).await;
            if let Some(took) = reply.body.get_mut("took_us") {
                took.take();
                reply.bytes = reply.body.to_string().into_bytes();
                reply.headers.remove("content-length");
            }
            reply.without_request()
        };
        let tenant = plain.engine.tenant(&id("acme")).unwrap();
        assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), Duration::from_mins(1)));
        drop(tenant);
        assert_eq!(answer(&watched.desk).await, answer(&plain).await, "{path}");
    }
    assert_eq!(watched.alarms(), 0);
}

#[tokio::test]
async fn what_the_asker_typed_may_come_back_in_an_error_and_nowhere_else() {
    let watched = Watched::new();
    let (desk, public) = (&watched.desk, &watched.canary.public);
    let ann = desk.token("acme", "ann");
    let quoted = |reply: &Reply| {
        assert!(reply.status.is_client_error(), "{reply:?}");
        assert!(String::from_utf8_lossy(&reply.bytes).contains(&**public), "{reply:?}");
    };
    quoted(&desk.get(&ann, &format!("/v1/tenants/acme/search?query={public}:1")).await);
    let escaped = public.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    quoted(&desk.get(&ann, &format!("/v1/tenants/acme/search?query={escaped}:1")).await);
    quoted(&desk.post(&ann, "/v1/tenants/acme/search", &json!({"query": format!("{public}:1")})).await);
    let escaped = public.bytes().map(|byte| format!("\\u00{byte:02x}")).collect::<Vec<_>>().concat();
    let headers = [("authorization", &*ann), ("content-type", "application/json")];
    let body = format!("{{\"query\":\"{escaped}:1\"}}");
    quoted(&desk.ask(Method::POST, "/v1/tenants/acme/search", &headers, body).await);

    let ingest = desk.key(KeyClass::Ingest);
    let line = format!("{{\"k\":\"ticket\",\"id\":1,\"{public}\":1}}\n");
    quoted(&desk.change(&ingest, "", &line).await);
    let skipped = desk.change(&ingest, "?on_refusal=skip", &line).await;
    assert!(skipped.ok().to_string().contains(&**public), "{skipped:?}");
    assert_eq!(watched.alarms(), 0);

    // The same word sent and shown in an answer that is no error, or another word in an error, is a leak.
    let reply = watched.of_leaking(&format!("/leak?as=ann&text={}&sent={public}", backwards(public))).await;
    watched.assert_withheld(&reply);
    let (private, sent) = (backwards(&watched.canary.private), public);
    let reply = watched.of_leaking(&format!("/leak?as=ann&text={private}&in=error&sent={sent}")).await;
    watched.assert_withheld(&reply);
    let reply = watched.of_leaking(&format!("/leak?as=ann&text={}&in=error&sent={sent}", backwards(public))).await;
    quoted(&reply);
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

#[tokio::test]
async fn a_canary_of_another_tenant_is_a_leak_to_whoever_asks() {
    let watched = Watched::new();
    let other = Canary::new(NOW).unwrap();
    watched.canaries.add("other", std::slice::from_ref(&other)).unwrap();
    assert_eq!(watched.leak(ADMIN, &watched.canary.side, "").await.status, StatusCode::OK);
    for asker in ["mia", "ann", ADMIN] {
        let reply = watched.leak(asker, &other.public, "").await;
        assert_eq!(reply.code(), "internal", "{asker}");
    }
    assert_eq!(watched.alarms(), 3);
    assert_eq!(watched.records().pop().unwrap().tenant.as_deref(), Some("other"));
    assert_eq!(watched.records().pop().unwrap().actor, Actor::Nobody);
}

#[tokio::test]
async fn a_restored_tenant_holds_the_canaries_too_for_the_same_people_and_no_other_tenant_does() {
    let watched = Watched::new();
    let (desk, canary) = (&watched.desk, &watched.canary);
    let to = desk.dir.path().join("backup");
    desk.engine.back_up(&[id("acme")], &to, NOW).unwrap();
    let backup = ticketscope_engine::storage::Backup::open(&to).unwrap();
    desk.engine.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy")).unwrap();
    let people = Batch::parse(MANAGERS.as_bytes(), 1000).unwrap();
    apply(&desk.engine, &id("other"), people, OnRefusal::Reject).unwrap();
    let withheld = async |asker: &str, of: &str, word: &str| {
        let reply = watched.leak(asker, word, &format!("&of={of}")).await;
        let is_withheld = reply.status == StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(String::from_utf8_lossy(&reply.bytes).contains(word), !is_withheld, "{asker} of {of}");
        is_withheld
    };
    // Known as the copy's own or not: the rule is the same.
    for known in [false, true] {
        if known {
            watched.canaries.add("copy", std::slice::from_ref(canary)).unwrap();
        }
        let mut alarms = watched.alarms();
        for (asker, word, may_see) in [
            ("mia", &canary.public, true),
            ("mia", &canary.private, true),
            ("mia", &canary.side, true),
            ("max", &canary.public, true),
            ("max", &canary.private, false),
            ("max", &canary.side, false),
            ("ann", &canary.public, false),
            ("ann", &canary.side, false),
            ("nobody", &canary.public, false),
            (ADMIN, &canary.side, true),
        ] {
            for tenant in ["acme", "copy"] {
                assert_eq!(withheld(asker, tenant, word).await, !may_see, "{asker} of {tenant}, known: {known}");
                alarms += u64::from(!may_see);
            }
            assert!(withheld(asker, "other", word).await, "{asker} of other, known: {known}");
            alarms += 1;
        }
        assert_eq!(watched.alarms(), alarms);
    }
    // When the first tenant is gone the copy is still looked after.
    watched.canaries.forget("acme").unwrap();
    assert!(withheld("ann", "copy", &canary.public).await);
    assert!(!withheld("mia", "copy", &canary.public).await);
}

#[tokio::test]
async fn a_ticket_that_has_the_id_of_a_canary_and_not_its_words_is_no_copy() {
    let watched = Watched::new();
    let Canary { ticket, public, private, side, .. } = &watched.canary;
    let forged = format!(
        "{MANAGERS}{{\"k\":\"ticket\",\"id\":\"{ticket}\"}}\n{{\"k\":\"text\",\"ticket\":\"{ticket}\",\"part\":\"s\",\"class\":\"subject\",\"body\":\"{public}\"}}\n"
    );
    let batch = Batch::parse(forged.as_bytes(), 1000).unwrap();
    apply(&watched.desk.engine, &id("other"), batch, OnRefusal::Reject).unwrap();
    for (word, is_withheld) in [(public, false), (private, true), (side, true)] {
        let reply = watched.leak("mia", word, "&of=other").await;
        assert_eq!(reply.status == StatusCode::INTERNAL_SERVER_ERROR, is_withheld, "{word}");
    }
}

#[tokio::test]
async fn an_alarm_that_cannot_be_recorded_withholds_all_the_same() {
    let watched = Watched::new();
    fs::remove_dir_all(watched.desk.dir.path().join("audit")).unwrap();
    let reply = watched.leak("ann", &watched.canary.public, "").await;
    assert_eq!(reply.code(), "internal");
    assert_eq!(watched.alarms(), 1);
    let codes: Vec<_> = watched.faults.lock().iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["canary_alarm", "audit_unavailable"]);
}

#[tokio::test]
async fn whoever_deletes_the_file_of_canaries_is_told_of_and_disarms_nothing() {
    let watched = Watched::new();
    fs::remove_file(watched.desk.dir.path().join("canaries.json")).unwrap();
    let refreshing = tokio::spawn(refresh_canaries(Arc::clone(&watched.desk.app)));
    let told = || watched.faults.lock().iter().map(|fault| (fault.code, fault.cause.clone())).collect::<Vec<_>>();
    while told().is_empty() && !refreshing.is_finished() {
        tokio::task::yield_now().await;
    }
    refreshing.abort();
    let told = told();
    assert!(matches!(&told[..], [("canaries", cause)] if cause.contains("is gone")), "{told:?}");
    assert_eq!(watched.leak("ann", &watched.canary.public, "").await.code(), "internal");
    assert_eq!(watched.alarms(), 1);
}

#[tokio::test]
async fn with_a_tenant_its_canaries_are_forgotten_and_without_canaries_nothing_is_withheld() {
    let watched = Watched::new();
    let (desk, canary) = (&watched.desk, &watched.canary);
    let tenant = desk.engine.tenant(&id("acme")).unwrap();
    let ack = tenant.submit(canary.remove()).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, Duration::from_mins(1)));
    let (snapshot, key) = (tenant.snapshot(), canary.key());
    assert_eq!(snapshot.index().find(&key), None);
    assert!(snapshot.directory().principal(&canary.public).is_none());
    drop((tenant, snapshot));
    let admin = desk.key(KeyClass::Admin);
    for word in [&canary.public, &canary.private, &canary.side] {
        let found = desk.get(&admin, &format!("/v1/tenants/acme/search?query={word}&as_admin=true")).await;
        assert_eq!(found.ok()["total"], 0);
    }
    assert!(watched.canaries.guard().is_armed());
    desk.ask(Method::DELETE, "/v1/tenants/acme", &[("authorization", &*admin)], Body::empty()).await.ok();
    assert!(!watched.canaries.guard().is_armed());
    assert_eq!(watched.leak("ann", &canary.public, "").await.status, StatusCode::OK);
    assert_eq!(watched.alarms(), 0);
}
