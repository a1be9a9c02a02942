//! The router asked as a client asks it, on a small help desk of two tenants.

mod answers;
mod audited;
mod besieged;
mod callers;
mod canaries;
mod changing;
mod commands;
mod costs;
mod cursors;
mod entering;
mod golden;
mod hidden;
mod hostile;
mod limits;
mod multi;
mod operating;
mod pacing;
mod refusing;
mod rotating;
mod schema;
mod serving;
mod tags;
mod words;

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
    routing::MethodFilter,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_model::Timestamp;
use tower::ServiceExt;

use crate::{
    Access, Budgets, Clock, Config, KeyClass, Keys, Limits, OperatorKey, TokenKeyPair, TokenPolicy, TokenRequest,
    VerificationKeys,
    app::App,
    ask::{Batch, OnRefusal, apply},
    issue_token,
    routes::{Route, router},
};

const ISSUER: &str = "https://desk.example";
const AUDIENCE: &str = "ticketscope";

/// 2026-11-20T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_176_000_000);

/// Ann sees tickets 1, 2 and A-7, bob 3 and 4; sue is suspended; zed has no role. Nobody sees 5, which is deleted.
const LINES: &str = r#"{"k":"schema","fields":[{"name":"weight","kind":"number","many":false}],"relations":[]}
{"k":"role","id":"agent","view":"group in my.groups"}
{"k":"principal","id":"ann","role":"agent","active":true}
{"k":"principal","id":"bob","role":"agent","active":true}
{"k":"principal","id":"sue","role":"agent","active":false}
{"k":"principal","id":"zed","active":true}
{"k":"rel","principal":"ann","rel":"groups","value":"billing"}
{"k":"rel","principal":"sue","rel":"groups","value":"billing"}
{"k":"rel","principal":"bob","rel":"groups","value":"support"}
{"k":"ticket","id":1,"group":"billing","status":"open","priority":"high","tags":["vat","paid"],"weight":1.5,"updated_at":"2026-11-01T00:00:00Z"}
{"k":"ticket","id":2,"group":"billing","status":"solved","assignee":"ann","updated_at":"2026-11-02T00:00:00Z"}
{"k":"ticket","id":"A-7","group":"billing","status":"open","updated_at":"2026-11-03T00:00:00Z"}
{"k":"ticket","id":3,"group":"support","status":"open","tags":["secret"],"updated_at":"2026-11-04T00:00:00Z"}
{"k":"ticket","id":4,"group":"support","status":"pending","updated_at":"2026-11-05T00:00:00Z"}
{"k":"ticket","id":5,"group":"billing","status":"open","life":"deleted","updated_at":"2026-11-06T00:00:00Z"}
{"k":"text","ticket":1,"part":"s","class":"subject","body":"VAT on invoice"}
{"k":"text","ticket":3,"part":"s","class":"subject","body":"Unspeakable"}
"#;

/// A server without its sockets.
struct Desk {
    dir: TempDir,
    engine: Arc<Engine>,
    app: Arc<App>,
    router: Router,
    keys: Arc<Keys>,
    pair: TokenKeyPair,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
    body: Value,
}

impl Desk {
    /// A position of a tenant as it is now; of one that is not there, of whatever life.
    fn position(&self, tenant: &str, opstamp: ticketscope_model::Opstamp) -> String {
        let life = self.engine.tenant(&id(tenant)).map_or([0; 8], |tenant| crate::position::life(tenant.uuid()));
        self.app.positions.seal(&id(tenant), opstamp, life).unwrap()
    }

    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        Self::configured(|_, config| Config { limits, ..config })
    }

    fn with(limits: Limits, clock: Clock) -> Self {
        Self::configured(|_, config| Config { limits, clock, ..config })
    }

    /// As `configure` makes it, given the data directory.
    fn configured(configure: impl FnOnce(&std::path::Path, Config) -> Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        let path = dir.path().join("keys.json");
        // One secret for all, so that equal answers have equal tags.
        let stored = format!("{{\"version\":1,\"secret\":\"{}\",\"keys\":{{}}}}", "5e".repeat(32));
        std::fs::write(&path, stored).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let keys = Arc::new(Keys::open(path).unwrap());
        let pair = TokenKeyPair::generate().unwrap();
        let list = json!({"keys": [{"kid": "k1", "public_key": pair.public_pem}]}).to_string();
        let verification = VerificationKeys::parse(&list).unwrap();
        let tokens = TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys: verification };
        let access = Access::Checked { keys: Arc::clone(&keys), tokens: Some(Arc::new(tokens)) };
        let config = configure(dir.path(), config(access));
        Self::over(dir, engine, keys, pair, config)
    }

    /// In development mode.
    fn dev() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        let keys = Arc::new(Keys::in_memory().unwrap());
        Self::over(dir, engine, keys, TokenKeyPair::generate().unwrap(), config(Access::Dev))
    }

    fn over(dir: TempDir, engine: Arc<Engine>, keys: Arc<Keys>, pair: TokenKeyPair, config: Config) -> Self {
        for tenant in ["acme", "other"] {
            engine.create_tenant(&id(tenant)).unwrap();
        }
        let batch = Batch::parse(LINES.as_bytes(), 1000).unwrap();
        apply(&engine, &id("acme"), batch, OnRefusal::Reject).unwrap();
        let app = Arc::new(App::new(Arc::clone(&engine), config).unwrap());
        Self { dir, engine, router: router(Arc::clone(&app)), app, keys, pair }
    }

    /// A key for all tenants, as an `Authorization` header.
    fn key(&self, class: KeyClass) -> String {
        format!("Bearer {}", self.keys.create(class, None).unwrap().text)
    }

    /// A key for one tenant.
    fn key_of(&self, class: KeyClass, tenant: &str) -> String {
        format!("Bearer {}", self.keys.create(class, Some(id(tenant))).unwrap().text)
    }

    /// A token of a principal of a tenant.
    fn token(&self, tenant: &str, principal: &str) -> String {
        self.token_issued(tenant, principal, NOW)
    }

    fn token_issued(&self, tenant: &str, principal: &str, issued: Timestamp) -> String {
        let tenant = id(tenant);
        let request = TokenRequest {
            issuer: ISSUER,
            audience: AUDIENCE,
            tenant: &tenant,
            principal,
            issued,
            lifetime: Duration::from_mins(15),
        };
        format!("Bearer {}", issue_token(&self.pair.private_pem, "k1", &request).unwrap())
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, bytes, body }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, credential: &str, path: &str) -> Reply {
        self.ask(Method::GET, path, &[("authorization", credential)], Body::empty()).await
    }

    async fn post(&self, credential: &str, path: &str, body: &Value) -> Reply {
        let headers = [("authorization", credential), ("content-type", "application/json")];
        self.ask(Method::POST, path, &headers, body.to_string()).await
    }

    async fn change(&self, credential: &str, query: &str, lines: &str) -> Reply {
        self.change_with(credential, query, &[], lines).await
    }

    async fn change_with(&self, credential: &str, query: &str, headers: &[(&str, &str)], lines: &str) -> Reply {
        let headers = [&[("authorization", credential)], headers].concat();
        let path = format!("/v1/tenants/acme/changes{query}");
        self.ask(Method::POST, &path, &headers, lines.to_owned()).await
    }
}

impl Reply {
    /// The answer, which must be one.
    #[track_caller]
    fn ok(&self) -> &Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        &self.body
    }

    /// The code of the error, which must be of the right form.
    #[track_caller]
    fn code(&self) -> &str {
        assert!(!self.status.is_success(), "{}", self.body);
        let body = self.body.as_object().unwrap();
        let code = body["code"].as_str().unwrap();
        assert_eq!(body["link"], format!("/v1/errors#{code}"));
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert!(body["message"].is_string() && body["type"].is_string(), "{:?}", self.body);
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.headers["cache-control"], "no-store");
        code
    }

    /// Everything but what names the request and what tells the time it took.
    fn without_request(&self) -> (StatusCode, Vec<(String, String)>, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-request-id")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        let text = String::from_utf8(self.bytes.clone()).unwrap();
        let id = self.headers["x-request-id"].to_str().unwrap();
        (self.status, headers, text.replace(id, "REQUEST"))
    }
}

/// The methods that a route takes.
fn methods(route: &Route) -> Vec<Method> {
    let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE];
    let takes = |method: &Method| route.methods.contains(&MethodFilter::try_from(method.clone()).unwrap());
    all.into_iter().filter(takes).collect()
}

fn config(access: Access) -> Config {
    // By a clock that stands still nothing is ever earned.
    let budgets = Budgets::UNLIMITED;
    Config { clock: Clock::new(|| NOW), budgets, ..Config::new("127.0.0.1:0".parse().unwrap(), access) }
}

fn id(tenant: &str) -> TenantId {
    TenantId::parse(tenant).unwrap()
}
