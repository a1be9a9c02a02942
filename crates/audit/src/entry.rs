use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most bytes of JSON that the resource of a record takes; of a longer one only the beginning is kept, as `cut`.
pub const MAX_RESOURCE_BYTES: usize = 16 << 10;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The holder of the key with this id. Never the key's text.
    Key(String),
    /// The principal that a token named. Never the token.
    Agent(String),
    /// Whoever reaches a server in development mode.
    Dev,
    /// Whoever showed no credential that is valid.
    Nobody,
    /// The user of the system who ran a command.
    User(String),
    /// The log, of itself.
    Log,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Agent(id) => write!(f, "agent {id}"),
            Self::Dev => f.write_str("dev"),
            Self::Nobody => f.write_str("nobody"),
            Self::User(name) => write!(f, "user {name}"),
            Self::Log => f.write_str("log"),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A list of tickets.
    Search,
    /// A number of tickets.
    Count,
    /// Numbers of tickets by value.
    Facets,
    /// Completions.
    Suggest,
    /// Whether a ticket is visible.
    Check,
    /// One ticket.
    Ticket,
    /// Several questions in one request, refused; those let through are recorded one by one.
    Multi,
    /// How a list is found.
    Explain,
    /// Why a principal sees a ticket.
    Why,
    /// Who sees a ticket.
    Who,
    /// What a principal may see.
    Scope,
    /// Sizes of a tenant.
    Stats,
    /// A tenant's answers compared with an oracle.
    Verify,
    /// The names of the tenants.
    Tenants,
    /// The metrics of the server.
    Metrics,
    /// A command through the server that holds the data directory, refused; those let through are recorded as what they do.
    Operator,
    /// A batch of changes over HTTP.
    Changes,
    /// Files of changes on the command line.
    Import,
    /// A tenant is made.
    TenantCreate,
    /// A tenant is deleted.
    TenantDelete,
    /// Tenants are copied into a backup.
    Backup,
    /// A tenant is made of a backup.
    Restore,
    /// A tenant is written as lines.
    Dump,
    /// A key is made.
    KeyCreate,
    /// A key is taken back.
    KeyRevoke,
    /// A key gets a new secret.
    KeyRotate,
    /// A key that signs tokens is made, promoted or revoked.
    SigningKey,
    /// Tokens that were issued until now are refused.
    SignOut,
    /// The fields of visible tickets are listed.
    Fields,
    /// Canary tickets are planted.
    CanaryPlant,
    /// Canary tickets are removed.
    CanaryRemove,
    /// A canary was found in an answer to somebody who may not see it.
    CanaryAlarm,
    /// A tenant of made-up tickets is made and shown.
    Demo,
    /// A tenant's answers are timed.
    Bench,
    /// The log cut off what a crash had left of its last record.
    Recovered,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was let through; recorded before it was done.
    Allowed,
    /// It was not.
    Refused,
    /// What was let through is done.
    Done,
    /// What was let through was not done.
    Failed,
}

/// Something to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    at: i64,
    actor: Actor,
    tenant: Option<String>,
    action: Action,
    resource: Map<String, Value>,
    decision: Decision,
    opstamp: Option<u64>,
    request: Option<String>,
}

impl Entry {
    /// Something done at `at`, in milliseconds since 1970 UTC.
    pub fn new(at: i64, actor: Actor, action: Action, decision: Decision) -> Self {
        Self { at, actor, tenant: None, action, resource: Map::new(), decision, opstamp: None, request: None }
    }

    /// In a tenant.
    #[must_use]
    pub fn of_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// With or about something: the query, the ticket, the principal asked as. No secrets and no text of tickets.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.resource.insert(name.to_owned(), value.into());
        self
    }

    /// With the parameters of a request.
    #[must_use]
    pub fn with(mut self, resource: Map<String, Value>) -> Self {
        self.resource.extend(resource);
        self
    }

    /// At a position of the tenant.
    #[must_use]
    pub fn at_opstamp(mut self, opstamp: u64) -> Self {
        self.opstamp = Some(opstamp);
        self
    }

    /// What became of it at `at`, where that was recorded before as [`Decision::Allowed`].
    #[must_use]
    pub fn settled(mut self, at: i64, decision: Decision) -> Self {
        (self.at, self.decision) = (at, decision);
        self
    }

    /// In the request with this id.
    #[must_use]
    pub fn in_request(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    /// The line up to its hash.
    pub(crate) fn unsealed(&self, seq: u64, prev: &str) -> String {
        let unsealed = Unsealed {
            seq,
            at: self.at,
            actor: &self.actor,
            tenant: self.tenant.as_deref(),
            action: self.action,
            resource: &bounded(&self.resource),
            decision: self.decision,
            opstamp: self.opstamp,
            request: self.request.as_deref(),
            prev,
        };
        // Every part is text, a number or a map with text keys, which is all that JSON asks for.
        let mut line = serde_json::to_string(&unsealed).unwrap_or_default();
        line.pop();
        line
    }
}

#[derive(Serialize)]
struct Unsealed<'a> {
    seq: u64,
    at: i64,
    actor: &'a Actor,
    tenant: Option<&'a str>,
    action: Action,
    resource: &'a Map<String, Value>,
    decision: Decision,
    opstamp: Option<u64>,
    request: Option<&'a str>,
    prev: &'a str,
}

/// The resource, or what there is room for: nobody fills a disk with one question.
fn bounded(resource: &Map<String, Value>) -> Map<String, Value> {
    let text = Value::Object(resource.clone()).to_string();
    if text.len() <= MAX_RESOURCE_BYTES {
        return resource.clone();
    }
    // As text in JSON again, a quote or backslash takes two bytes, and nothing else of JSON takes more.
    let end = text.floor_char_boundary(MAX_RESOURCE_BYTES / 2 - r#"{"cut":""}"#.len());
    Map::from_iter([("cut".to_owned(), Value::from(&text[..end]))])
}

/// A line of the log, as it is read.
///
/// `action` and `decision` are text: a log may hold what a later version recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1 and without gaps.
    pub seq: u64,
    /// Milliseconds since 1970 UTC, by the clock of whoever recorded it.
    pub at: i64,
    /// Who did it.
    pub actor: Actor,
    /// In which tenant, if in one.
    pub tenant: Option<String>,
    /// What was done; see [`Action`].
    pub action: String,
    /// With or about what.
    pub resource: Map<String, Value>,
    /// What became of it; see [`Decision`].
    pub decision: String,
    /// The position of the tenant, where it was known.
    pub opstamp: Option<u64>,
    /// The id of the request.
    pub request: Option<String>,
    /// The hash of the record before.
    pub prev: String,
    /// Its own hash.
    pub hash: String,
}
