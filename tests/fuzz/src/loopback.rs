//! A real server on a loopback address, and a client that says whatever bytes it is given.

use std::{future::pending, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_server::{
    Access, Budgets, Clock, Config, Fault, FaultLog, KeyClass, Keys, Limits, Server, TokenKeyPair, TokenPolicy,
    TokenRequest, VerificationKeys, issue_token,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::timeout,
};

use crate::desk::{self, NOW};

const ISSUER: &str = "https://desk.example";
const AUDIENCE: &str = "ticketscope";

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server of the small desk, tenant `acme`, that answers on this thread while it is asked.
pub struct Loopback {
    runtime: Runtime,
    address: SocketAddr,
    engine: Arc<Engine>,
    faults: Arc<Mutex<Vec<Fault>>>,
    dir: TempDir,
    /// The text of an admin key.
    pub admin: String,
    /// The text of a search key.
    pub search: String,
    /// A token of ann.
    pub ann: String,
    /// A position of the tenant.
    pub position: String,
}

impl std::fmt::Debug for Loopback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loopback").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One answer of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Everything before its body.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Its body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Default for Loopback {
    fn default() -> Self {
        Self::new(Limits {
            header_read: Duration::from_millis(50),
            body_pause: Duration::from_millis(30),
            ..Limits::default()
        })
    }
}

impl Loopback {
    /// Begins to listen within `limits`.
    pub fn new(limits: Limits) -> Self {
        let dir = desk::directory();
        let data = dir.path().join("data");
        let engine = Arc::new(Engine::open(&data).expect("the directory is ours"));
        let acme = TenantId::parse("acme").expect("the name is right");
        let tenant = engine.create_tenant(&acme).expect("there is no tenant yet");
        let ack = tenant.submit(desk::changes()).expect("the desk is right");
        assert!(tenant.wait_for_text(ack.opstamp, PATIENCE), "the desk is indexed");
        let keys = Arc::new(Keys::in_memory().expect("there is randomness"));
        let key = |class| keys.create(class, None).expect("there is randomness").text;
        let (admin, search) = (key(KeyClass::Admin), key(KeyClass::Search));
        let pair = TokenKeyPair::generate().expect("there is randomness");
        let list = json!({"keys": [{"kid": "k1", "public_key": pair.public_pem}]}).to_string();
        let verification = VerificationKeys::parse(&list).expect("the list is right");
        let tokens = TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys: verification };
        let request = TokenRequest {
            issuer: ISSUER,
            audience: AUDIENCE,
            tenant: &acme,
            principal: "ann",
            issued: NOW,
            lifetime: Duration::from_mins(15),
        };
        let ann = issue_token(&pair.private_pem, "k1", &request).expect("the request is right");
        let faults = Arc::new(Mutex::new(Vec::new()));
        let log = {
            let faults = Arc::clone(&faults);
            FaultLog::new(move |fault| faults.lock().push(fault.clone()))
        };
        let access = Access::Checked { keys, tokens: Some(Arc::new(tokens)) };
        let config = Config {
            limits,
            clock: Clock::new(|| NOW),
            budgets: Budgets::UNLIMITED,
            faults: log,
            ..Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), access)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
        let server = runtime.block_on(Server::bind(Arc::clone(&engine), config)).expect("a port is free");
        let address = server.local_addr();
        drop(runtime.spawn(server.run(pending())));
        let mut made = Self { runtime, address, engine, faults, dir, admin, search, ann, position: String::new() };
        made.position = made.first_position();
        made
    }

    /// The position of a batch of no changes.
    fn first_position(&self) -> String {
        let request = format!(
            "POST /v1/tenants/acme/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            self.admin
        );
        let reply = self.exchange(request.as_bytes()).pop().expect("a batch is answered");
        reply.json()["position"].as_str().expect("a batch has a position").to_owned()
    }

    /// The directory in which the data directory lies, and nothing else.
    pub fn around(&self) -> &Path {
        self.dir.path()
    }

    /// The tenants there are.
    pub fn tenants(&self) -> Vec<String> {
        let tenants = self.engine.tenants().expect("the tenants can be listed");
        tenants.iter().map(ToString::to_string).collect()
    }

    /// What went wrong inside and was not the client's doing.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.lock().clone()
    }

    /// Says `bytes` on a connection of its own, and answers what is said until the other side closes it.
    ///
    /// # Panics
    /// If the server does not close the connection, or says anything but HTTP.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<Reply> {
        self.exchange_pieces(std::iter::once(bytes))
    }

    /// [`Self::exchange`] of bytes that come in pieces, as long as the server takes them.
    ///
    /// # Panics
    /// As [`Self::exchange`].
    pub fn exchange_pieces<'p>(&self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Reply> {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
            // Whoever closes last with a reset leaves no port behind.
            stream.set_zero_linger().expect("a connection can be told so");
            let (mut from, mut to) = stream.split();
            let mut said = Vec::new();
            let write = async {
                for piece in pieces {
                    // What is refused early is not read to its end.
                    if to.write_all(piece).await.is_err() {
                        break;
                    }
                }
                pending::<()>().await;
            };
            tokio::select! {
                // A reset is a way to close, too.
                read = from.read_to_end(&mut said) => drop(read),
                () = write => {}
            }
            said
        };
        let said = self.runtime.block_on(async { timeout(PATIENCE, talk).await });
        replies(&said.expect("the server closes what it does not understand"))
    }
}

/// The answers in what a server said.
fn replies(mut said: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !said.is_empty() {
        let end = said.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let Some(end) = end else { panic!("no HTTP: {:?}", String::from_utf8_lossy(said)) };
        let (head, rest) = said.split_at(end);
        let head = String::from_utf8(head.to_vec()).expect("headers of answers are ASCII");
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|text| text.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {head:?}"));
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let length = if (100..200).contains(&status) { 0 } else { length.unwrap_or(0).min(rest.len()) };
        let (body, rest) = rest.split_at(length);
        replies.push(Reply { status, head, body: body.to_vec() });
        said = rest;
    }
    replies
}
