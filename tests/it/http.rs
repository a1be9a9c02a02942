//! A server on loopback in this process, and clients that keep their connection.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_import::write_change;
use ticketscope_model::{Change, Timestamp};
use ticketscope_server::{
    Access, Budgets, Clock, Config, Fault, FaultLog, KeyClass, Keys, Limits, Server, TokenKeyPair, TokenPolicy,
    TokenRequest, VerificationKeys, issue_token,
};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::{answers::PATIENCE, world::directory};

/// 2026-11-20T12:00:00Z, the time of every server here.
pub(crate) const NOW: Timestamp = Timestamp(1_795_176_000_000);

const ISSUER: &str = "https://desk.example";
const AUDIENCE: &str = "ticketscope";

/// Longer than any request of a test waits on a busy machine.
const PATIENT: Duration = Duration::from_mins(5);

/// Tenants behind a server that is asked as strangers ask it.
pub(crate) struct Served {
    engine: Arc<Engine>,
    keys: Arc<Keys>,
    pair: TokenKeyPair,
    address: SocketAddr,
    faults: Arc<Mutex<Vec<Fault>>>,
    runtime: Runtime,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    _dir: TempDir,
}

pub(crate) fn id(tenant: &str) -> TenantId {
    TenantId::parse(tenant).unwrap()
}

impl Served {
    /// Serves tenants that hold these changes, all of their words found.
    pub(crate) fn new(tenants: &[(&str, Vec<Change>)]) -> Self {
        let dir = directory();
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        for (name, changes) in tenants {
            let tenant = engine.create_tenant(&id(name)).unwrap();
            let ack = tenant.submit(changes.clone()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(tenant.wait_for_text(ack.opstamp, PATIENCE), "{:?}", tenant.stats().unwrap().text);
        }
        Self::over(dir, engine)
    }

    /// Serves the tenants that are in a directory.
    pub(crate) fn open(dir: TempDir) -> Self {
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        Self::over(dir, engine)
    }

    fn over(dir: TempDir, engine: Arc<Engine>) -> Self {
        let keys = Arc::new(Keys::in_memory().unwrap());
        let pair = TokenKeyPair::generate().unwrap();
        let list = json!({"keys": [{"kid": "k1", "public_key": pair.public_pem}]}).to_string();
        let verification = VerificationKeys::parse(&list).unwrap();
        let tokens = TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys: verification };
        let access = Access::Checked { keys: Arc::clone(&keys), tokens: Some(Arc::new(tokens)) };
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let told = Arc::clone(&faults);
        let limits = Limits {
            header_read: PATIENT,
            body_pause: PATIENT,
            write_pause: PATIENT,
            question: PATIENT,
            queue_wait: PATIENT,
            position_wait: PATIENT,
            text_wait: PATIENT,
            // Time is measured elsewhere.
            pace: Duration::ZERO,
            ..Limits::default()
        };
        let config = Config {
            limits,
            clock: Clock::new(|| NOW),
            budgets: Budgets::UNLIMITED,
            faults: FaultLog::new(move |fault| told.lock().push(fault.clone())),
            ..Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), access)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::bind(Arc::clone(&engine), config)).unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = runtime.spawn(server.run(async { drop(stopped.await) }));
        Self { engine, keys, pair, address, faults, runtime, running: Some((stop, serving)), _dir: dir }
    }

    pub(crate) fn tenant(&self, name: &str) -> Arc<Tenant> {
        self.engine.tenant(&id(name)).unwrap()
    }

    /// A key as a credential; for all tenants if none is named.
    pub(crate) fn key(&self, class: KeyClass, tenant: Option<&str>) -> String {
        self.keys.create(class, tenant.map(id)).unwrap().text
    }

    /// A token of a principal as a credential.
    pub(crate) fn token(&self, tenant: &str, principal: &str) -> String {
        let tenant = id(tenant);
        let request = TokenRequest {
            issuer: ISSUER,
            audience: AUDIENCE,
            tenant: &tenant,
            principal,
            issued: NOW,
            lifetime: Duration::from_mins(15),
        };
        issue_token(&self.pair.private_pem, "k1", &request).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// What the operator was told so far.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.faults.lock().clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            // How it ended shows in the answers of the test, which may be failing already.
            stop.send(()).ok();
            self.runtime.block_on(serving).ok();
        }
    }
}

/// A connection that is kept.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Client {
    pub(crate) fn get(&mut self, credential: &str, path: &str) -> Reply {
        self.send("GET", credential, path, &[], "")
    }

    pub(crate) fn post(&mut self, credential: &str, path: &str, body: &Value) -> Reply {
        self.send("POST", credential, path, &[("content-type", "application/json")], &body.to_string())
    }

    /// Applies changes to a tenant, none of which is refused.
    pub(crate) fn change(&mut self, credential: &str, tenant: &str, changes: &[Change]) -> Reply {
        let path = format!("/v1/tenants/{tenant}/changes");
        let reply = self.send("POST", credential, &path, &[], &lines(changes));
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    /// Sends a request with further headers; an empty credential is not sent.
    pub(crate) fn send(
        &mut self,
        method: &str,
        credential: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        if !credential.is_empty() {
            write!(request, "authorization: Bearer {credential}\r\n").unwrap();
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        request += "\r\n";
        request += body;
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.reply().unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn reply(&mut self) -> std::io::Result<Reply> {
        let malformed = || std::io::Error::from(ErrorKind::InvalidData);
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        headers.sort();
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, text)| text.parse().ok());
        let mut body = vec![0; length.ok_or_else(malformed)?];
        self.stream.read_exact(&mut body)?;
        let text = String::from_utf8(body).or(Err(malformed()))?;
        Ok(Reply { status, headers, text })
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

/// Headers that tell the time or name the request, and those that follow from the body; a tag does so by a key of its own
/// server, and by the request as it is written.
const UNCOMPARED: [&str; 4] = ["content-length", "date", "etag", "x-request-id"];

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of an error; nothing of an answer.
    pub(crate) fn code(&self) -> Option<String> {
        self.json()["code"].as_str().map(str::to_owned)
    }

    /// The cursor of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        self.json()["next"].as_str().map(str::to_owned)
    }

    /// The ids of its hits, as text.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        ids_of(&self.json())
    }

    /// All that somebody is told, byte for byte, but for the name of the request, the time and the text of a cursor.
    pub(crate) fn told(&self) -> String {
        let mut text = self.text.clone();
        if let Some(request) = self.header("x-request-id") {
            text = text.replace(request, "REQUEST");
        }
        if let Some(next) = self.next() {
            text = text.replace(&next, "NEXT");
        }
        if let Some(took) = self.json()["took_us"].as_u64() {
            text = text.replace(&format!("\"took_us\":{took}"), "\"took_us\":TIME");
        }
        let headers = self.headers.iter().filter(|(name, _)| !UNCOMPARED.contains(&&**name));
        let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} {} {text}", self.status, headers.join("; "))
    }
}

/// Changes as the lines of a batch.
pub(crate) fn lines(changes: &[Change]) -> String {
    let mut lines = Vec::new();
    for change in changes {
        write_change(change, &mut lines).unwrap();
    }
    String::from_utf8(lines).unwrap()
}

/// A text as it stands in a query string.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The ids of the hits of a search, as text.
#[track_caller]
pub(crate) fn ids_of(search: &Value) -> Vec<String> {
    let hits = search["hits"].as_array().unwrap_or_else(|| panic!("no hits: {search}"));
    hits.iter().map(|hit| hit["id"].as_str().map_or_else(|| hit["id"].to_string(), str::to_owned)).collect()
}
