//! A world that is served over HTTP.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use fastrand::Rng;
use serde_json::json;
use tempfile::TempDir;
use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_model::{Change, Timestamp};
use ticketscope_server::{
    Access, Budgets, Clock, Config, KeyClass, Keys, Limits, Server, TokenKeyPair, TokenPolicy, TokenRequest,
    VerificationKeys, issue_token,
};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::{question::TENANT, wire::Wire};
use crate::{answers::PATIENCE, world::directory};

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "ticketscope";

/// The keys of both worlds: what is sealed by them is then sealed alike.
#[derive(Debug)]
pub(super) struct Credentials {
    keys: Arc<Keys>,
    tokens: Arc<TokenPolicy>,
    signing: TokenKeyPair,
    search: String,
    admin: String,
}

impl Credentials {
    pub(super) fn new() -> Self {
        let keys = Arc::new(Keys::in_memory().unwrap());
        let key = |class| format!("Bearer {}", keys.create(class, None).unwrap().text);
        let signing = TokenKeyPair::generate().unwrap();
        let known = json!({"keys": [{"kid": "k1", "public_key": signing.public_pem}]}).to_string();
        let known = VerificationKeys::parse(&known).unwrap();
        let tokens = TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys: known };
        Self { search: key(KeyClass::Search), admin: key(KeyClass::Admin), keys, tokens: Arc::new(tokens), signing }
    }

    /// The header of a principal's own token.
    fn token(&self, principal: &str) -> String {
        let request = TokenRequest {
            issuer: ISSUER,
            audience: AUDIENCE,
            tenant: &id(),
            principal,
            issued: now(),
            lifetime: Duration::from_mins(15),
        };
        format!("Bearer {}", issue_token(&self.signing.private_pem, "k1", &request).unwrap())
    }
}

/// What time it is in every world.
fn now() -> Timestamp {
    Timestamp::parse("2026-03-31T12:00:00Z").unwrap()
}

/// A tenant, made by changes and served.
#[derive(Debug)]
pub(super) struct Stage {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    engine: Arc<Engine>,
    // Last: the directory goes after everything that is in it.
    _dir: TempDir,
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

fn id() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

impl Stage {
    /// Makes the world: each change is offered alone, text is committed now and then, and now and then the tenant is closed
    /// and opened before anybody asks.
    pub(super) fn raise(changes: &[Change], credentials: &Credentials, rng: &mut Rng) -> Self {
        let dir = directory();
        let mut engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&id()).unwrap();
        let pauses: Vec<usize> = (0..rng.usize(..3)).map(|_| rng.usize(..changes.len().max(1))).collect();
        for (at, change) in changes.iter().enumerate() {
            drop(tenant.submit(vec![change.clone()]));
            if pauses.contains(&at) {
                settle(&tenant);
            }
        }
        if rng.u32(..4) == 0 {
            drop(tenant);
            engine.close().unwrap();
            drop(engine);
            engine = Engine::open(dir.path()).unwrap();
            settle(&engine.tenant(&id()).unwrap());
        } else {
            settle(&tenant);
        }
        let engine = Arc::new(engine);
        let tokens = Some(Arc::clone(&credentials.tokens));
        let access = Access::Checked { keys: Arc::clone(&credentials.keys), tokens };
        let config = Config {
            clock: Clock::new(now),
            // Time is measured elsewhere.
            limits: Limits { pace: Duration::ZERO, ..Limits::default() },
            budgets: Budgets::UNLIMITED,
            ..Config::new("127.0.0.1:0".parse().unwrap(), access)
        };
        let server = runtime().block_on(Server::bind(Arc::clone(&engine), config)).unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let server = runtime().spawn(server.run(async { drop(stopped.await) }));
        Self { address, stop, server, engine, _dir: dir }
    }

    /// What else happens.
    pub(super) fn change(&self, changes: &[Change]) {
        let tenant = self.engine.tenant(&id()).unwrap();
        for change in changes {
            drop(tenant.submit(vec![change.clone()]));
        }
        settle(&tenant);
    }

    /// A connection of a backend that asks for its users.
    pub(super) fn connect(&self, credentials: &Credentials) -> Wire {
        Wire::connect(self.address, &credentials.search)
    }

    /// A connection of a principal with a token of their own.
    pub(super) fn connect_as(&self, principal: &str, credentials: &Credentials) -> Wire {
        Wire::connect(self.address, &credentials.token(principal))
    }

    /// A connection of an admin.
    pub(super) fn connect_as_admin(&self, credentials: &Credentials) -> Wire {
        Wire::connect(self.address, &credentials.admin)
    }

    /// Ends the server, once all connections are gone.
    pub(super) fn strike(self) {
        drop(self.stop);
        runtime().block_on(self.server).unwrap();
    }
}

/// Waits until every word is found.
pub(super) fn settle(tenant: &Tenant) {
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{:?}", tenant.stats().unwrap().text);
}
