use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use thiserror::Error;
use ticketscope_server::{OperatorFile, OperatorFileError, OperatorKey, USER_HEADER};
use ureq::{
    Agent, Body,
    http::{HeaderValue, Response, StatusCode},
};

use super::{Answer, Ask, OTHER_VERSION, announced};
use crate::{data::Data, exit::Exit, failure::Failure};

/// How long a server on this machine may take to prove itself.
const PROOF: Duration = Duration::from_secs(5);

/// How long it may take to run a command: longer than it lets one take.
const COMMAND: Duration = Duration::from_mins(3);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 30;

/// The server that holds a data directory, after it has proved that it does.
#[derive(Debug)]
pub(crate) struct Remote {
    agent: Agent,
    address: SocketAddr,
    key: OperatorKey,
    user: HeaderValue,
}

/// Why no server can be asked although there is a file that names one.
#[derive(Debug, Error)]
enum Unreachable {
    #[error("no server can be asked instead")]
    File(#[from] OperatorFileError),
    #[error("no server answers at {address}, where one was started as process {pid}")]
    Silent { address: SocketAddr, pid: u32, source: Box<ureq::Error> },
    #[error("what answers at {address} is not the server of this data directory, process {pid}")]
    Foreign { address: SocketAddr, pid: u32 },
}

/// That the answerer knows the operator key.
#[derive(Deserialize)]
struct Proof {
    proof: String,
}

/// The error of a server.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    request_id: String,
}

impl Remote {
    /// The server that has the data directory locked; else `locked`, and why its server cannot be asked.
    pub(crate) fn find(data: &Data, locked: Failure) -> Result<Self, Failure> {
        match Self::proved(data) {
            Ok(Some(remote)) => Ok(remote),
            Ok(None) => Err(locked),
            Err(error) => Err(locked.caused_by(Some(&error))),
        }
    }

    fn proved(data: &Data) -> Result<Option<Self>, Unreachable> {
        let Some(OperatorFile { address, pid, key, .. }) = OperatorFile::read(&announced::file(data))? else {
            return Ok(None);
        };
        // What the environment says of proxies is not about this machine.
        let config = Agent::config_builder().proxy(None).max_redirects(0).http_status_as_error(false).build();
        let agent = Agent::new_with_config(config);
        let nonce = OperatorKey::nonce()?;
        let asked = agent.get(format!("http://{address}/v1/operator")).query("nonce", &nonce);
        let answer = asked.config().timeout_global(Some(PROOF)).build().call();
        let answer = answer.and_then(|mut answer| answer.body_mut().read_to_vec());
        let answer = answer.map_err(|error| Unreachable::Silent { address, pid, source: Box::new(error) })?;
        let proof = serde_json::from_slice(&answer).map(|Proof { proof }| proof);
        if !proof.is_ok_and(|proof| proof == key.prove(&nonce)) {
            return Err(Unreachable::Foreign { address, pid });
        }
        // A name that no header can hold is that of nobody whom a record should name.
        let user = HeaderValue::from_bytes(data.user().as_bytes()).unwrap_or(HeaderValue::from_static("unknown"));
        Ok(Some(Self { agent, address, key, user }))
    }

    /// Asks the server, with the lines that belong to the question.
    pub(crate) fn ask(&self, ask: &Ask, lines: &[u8]) -> Result<Answer, Failure> {
        let mut body = serde_json::to_vec(ask).map_err(|error| Failure::of(Exit::Internal, "server", &error))?;
        body.push(b'\n');
        body.extend_from_slice(lines);
        let mut answer = self.send(&body).map_err(|error| self.went_away(&error))?;
        let limited = answer.body_mut().with_config().limit(MAX_ANSWER);
        let read = limited.read_to_vec().map_err(|error| self.went_away(&error))?;
        if answer.status() != StatusCode::OK {
            let refusal = serde_json::from_slice::<Refusal>(&read);
            return Err(refusal.map_or_else(|_| misunderstood(), Failure::from));
        }
        match serde_json::from_slice(&read) {
            Ok(Answer::Failed { report }) => Err(report.into()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(misunderstood()),
        }
    }

    fn send(&self, body: &[u8]) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.post(format!("http://{}/v1/operator", self.address));
        let request = request.header("authorization", format!("Bearer {}", self.key.text()));
        let request = request.header(USER_HEADER, self.user.clone());
        request.config().timeout_global(Some(COMMAND)).build().send(body)
    }

    fn went_away(&self, error: &ureq::Error) -> Failure {
        let message = format!("the server at {} that holds the data directory went away", self.address);
        Failure::new(Exit::Data, "server", message).caused_by(Some(error))
    }
}

impl From<Refusal> for Failure {
    fn from(Refusal { code, message, request_id }: Refusal) -> Self {
        let exit = if code == "internal" { Exit::Internal } else { Exit::Data };
        Self::new(exit, "server", format!("the server that holds the data directory refuses ({code}): {message}"))
            .hint(format!("the server may say more of request {request_id}"))
    }
}

/// What answers is no server of this version.
pub(crate) fn misunderstood() -> Failure {
    Failure::new(Exit::Data, "server", "the server that holds the data directory answers something else than asked")
        .hint(OTHER_VERSION)
}
