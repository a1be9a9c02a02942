use std::{
    fmt,
    net::SocketAddr,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ticketscope_audit::AuditLog;
use ticketscope_canary::Canaries;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

use crate::{auth::Access, operator::Operator};

/// The default of [`Limits::client_rate`]: what a bad connection by telephone still does.
const CLIENT_RATE: NonZeroU32 = NonZeroU32::new(4 << 10).unwrap();

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// Who may use it.
    pub access: Access,
    /// What one request, one connection and all of them may cost.
    pub limits: Limits,
    /// What each key and each agent may ask for in the time.
    pub budgets: Budgets,
    /// What time it is.
    pub clock: Clock,
    /// Who is told of faults.
    pub faults: FaultLog,
    /// Where what admins do is recorded; without one, nothing is.
    pub audit: Option<Arc<AuditLog>>,
    /// One of how many questions in a principal's scope is recorded, too, by chance; none if not said.
    pub audit_sample: Option<NonZeroU32>,
    /// What no answer to a principal may hold.
    pub canaries: Option<Arc<Canaries>>,
    /// Whose commands are run here while this process holds the data directory; nobody's if not said.
    pub operator: Option<Operator>,
}

impl Config {
    /// The default limits and budgets, the system's clock, nobody who is told of faults, no audit log, no canaries and no operator.
    pub fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            access,
            limits: Limits::default(),
            budgets: Budgets::default(),
            clock: Clock::system(),
            faults: FaultLog::silent(),
            audit: None,
            audit_sample: None,
            canaries: None,
            operator: None,
        }
    }
}

/// What one request, one connection and all of them may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait to be accepted.
    pub connections: u32,
    /// Bytes of a request's line and headers.
    pub header_bytes: usize,
    /// Headers of a request.
    pub headers: u32,
    /// From the first moment of a connection, or from its last answer, until the headers of a request are whole.
    pub header_read: Duration,
    /// How long a body may pause.
    pub body_pause: Duration,
    /// How long an answer may wait to be read further.
    pub write_pause: Duration,
    /// Bytes a second that a client has to send or to read. One that is as far behind as a pause may last is cut off,
    /// however evenly it trickles: it holds memory and a connection.
    pub client_rate: NonZeroU32,
    /// Bytes of the body of a question.
    pub question_bytes: usize,
    /// Questions of one request, at least one.
    pub multi_questions: u32,
    /// Bytes of the answers to the questions of one request together.
    pub multi_bytes: u32,
    /// Bytes of a batch of changes.
    pub batch_bytes: usize,
    /// Lines of a batch of changes.
    pub batch_lines: usize,
    /// Bytes of all batches that are being received or applied, and as many of all long answers that are not read yet.
    pub bodies_bytes: usize,
    /// From the headers of a question to its answer.
    pub question: Duration,
    /// From the headers of a batch to its answer.
    pub batch: Duration,
    /// Questions answered at once.
    pub question_threads: u32,
    /// Questions that may wait for a thread.
    pub question_queue: u32,
    /// Batches applied at once. They share commits, so this is more than there are cores.
    pub batch_threads: u32,
    /// Batches that may wait for a thread.
    pub batch_queue: u32,
    /// How long a request may wait for a thread. One that is likely to wait for more than half of it is refused at once.
    pub queue_wait: Duration,
    /// How long a read waits for the position it asks for.
    pub position_wait: Duration,
    /// How long a read waits for words: for those of the position it asks for, or for an index that is being opened.
    pub text_wait: Duration,
    /// How long a stopping server waits for its connections.
    pub stop: Duration,
    /// How long the answer to a batch is kept for its idempotency key.
    pub idempotency: Duration,
    /// Answers kept for idempotency keys, of all tenants; the oldest goes first.
    pub idempotency_entries: u32,
    /// The first moment after its request at which an answer that found nothing is sent; the others double. Nothing is
    /// held back with zero.
    pub pace: Duration,
}

/// What those who use the server may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// The holders of one key together.
    pub key: Budget,
    /// One agent, with whatever tokens.
    pub agent: Budget,
    /// Keys and agents whose spending is remembered, at least one; who asked longest ago is forgotten first, and begins
    /// anew.
    pub payers: usize,
}

impl Budgets {
    /// Nothing is limited.
    pub const UNLIMITED: Self = Self { key: Budget::UNLIMITED, agent: Budget::UNLIMITED, payers: 1 };
}

impl Default for Budgets {
    /// For a key what several cores can do, for an agent some twenty searches a second and four hundred at once.
    fn default() -> Self {
        Self {
            key: Budget { per_second: 250_000, burst: 5_000_000 },
            agent: Budget { per_second: 1_000, burst: 20_000 },
            payers: 100_000,
        }
    }
}

/// Cost units in the course of time. A unit is about a twentieth of a millisecond of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Units that are earned each second; with 0 nothing is limited.
    pub per_second: u32,
    /// Units that can be saved up, at least one.
    pub burst: u32,
}

impl Budget {
    /// Nothing is limited.
    pub const UNLIMITED: Self = Self { per_second: 0, burst: 1 };
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        Self {
            connections: 1024,
            header_bytes: 16 << 10,
            headers: 64,
            header_read: Duration::from_secs(5),
            body_pause: Duration::from_secs(10),
            write_pause: Duration::from_secs(10),
            client_rate: CLIENT_RATE,
            question_bytes: 64 << 10,
            multi_questions: 32,
            multi_bytes: 8 << 20,
            batch_bytes: 64 << 20,
            batch_lines: 100_000,
            bodies_bytes: 256 << 20,
            question: Duration::from_secs(10),
            batch: Duration::from_mins(2),
            question_threads: cores,
            question_queue: 256,
            batch_threads: 32,
            batch_queue: 64,
            queue_wait: Duration::from_millis(400),
            position_wait: Duration::from_secs(2),
            text_wait: Duration::from_secs(2),
            stop: Duration::from_secs(30),
            idempotency: Duration::from_mins(10),
            idempotency_entries: 10_000,
            pace: Duration::from_millis(2),
        }
    }
}

/// Tells the time. An argument, so that tokens can be tried at any moment.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock of one's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The clock of the system.
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(clippy::disallowed_methods, reason = "here the clock enters; everything else is given it")]
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            // A clock before 1970 is wrong anyway.
            Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A fault or refusal that is the operator's business. It may hold paths and names, and no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The code of the error that the client got.
    pub code: &'static str,
    /// The tenant that it is about; nothing if it is about none, or about all.
    pub tenant: Option<TenantId>,
    /// The id of the request, as the client got it; nothing for what no request asked for.
    pub request_id: Option<String>,
    /// What happened, with its causes.
    pub cause: String,
    /// How many others of this code in this tenant are not told, since the last one that was.
    pub left_out: u64,
}

impl Fault {
    /// One that no request met, and that is about no tenant.
    pub(crate) fn of_server(code: &'static str, cause: impl Into<String>) -> Self {
        Self { code, tenant: None, request_id: None, cause: cause.into(), left_out: 0 }
    }
}

/// Who is told of faults.
#[derive(Clone)]
pub struct FaultLog(Arc<dyn Fn(&Fault) + Send + Sync>);

impl FaultLog {
    /// Tells `log`, on the thread where the fault happens.
    pub fn new(log: impl Fn(&Fault) + Send + Sync + 'static) -> Self {
        Self(Arc::new(log))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    pub(crate) fn tell(&self, fault: &Fault) {
        (self.0)(fault);
    }
}

impl fmt::Debug for FaultLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultLog")
    }
}
