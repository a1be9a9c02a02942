//! HTTP: the wire form of every question and change under `/v1`, and who may ask it.
//!
//! [`Server::bind`] takes an engine and a [`Config`]; [`Server::run`] serves until it is told to stop. Questions are
//! synchronous work of microseconds to milliseconds: they run on a bounded number of threads with a bounded queue before
//! them, in which tenants take turns, and what does not fit, or would not have its turn in time, is refused at once with `503`
//! and `Retry-After`; a connection on which one request after the other is refused is read from more slowly. Whatever waits or is kept is bounded by [`Limits`]: connections, headers, bodies and how fast they come,
//! answers and how fast they are read, threads and queues, kept answers to batches.
//!
//! It decides nothing about visibility: a request says *who* asks, and [`ticketscope_scope`] says what that principal may
//! see, at every request anew. It issues no logins, keeps no sessions and speaks no TLS: put a proxy before it.
//!
//! # Who asks
//!
//! - A **key** (`Authorization: Bearer ts_..`) says what kind of program holds it. `admin` may do everything, `ingest`
//!   may send changes, `search` asks questions for the principal that it names by `X-Ticketscope-As` or `as`, `metrics`
//!   reads the metrics. A key may be good for one tenant only. It can be rotated: the secret it had stays good for a while
//!   beside the new one. There is no default principal: an admin key asks for everything only by `as_admin=true`.
//! - An **agent token** (a JWT signed with Ed25519) says which principal of which tenant its bearer is, for at most 15 minutes. It carries
//!   identity and nothing else: a claim that speaks of rights is not read. The keys that sign tokens live in [four
//!   states](TokenKeyState), and tokens die before their time when their principal, or everybody, is signed out.
//! - The **operator key** is made by [`Config::operator`] for the time that a server runs. Commands on this machine read it
//!   from a [file](OperatorFile) that only their user can read. It may do everything, and what it does is recorded under the
//!   name of the user. [`Operator`] says what its commands are.
//! - **Development mode** needs neither, on loopback addresses and names alone.
//!
//! Which route is for whom stands in one table, from which the router is made; the files of keys are looked at again every
//! second, and while one cannot be read nobody that depends on it is let in. Whatever is wrong with a credential, the answer is the same `401`. A tenant that does not exist and one that a key is
//! not for are the same `404`. A principal that the tenant does not know is `403 unknown_principal`: whoever issued the
//! token or holds the key vouches for the principal, so this tells them of their own mistake and nothing of a ticket. A
//! principal that is suspended, or has no role, is known and gets empty answers.
//!
//! # Routes
//!
//! Questions take a query string by GET or a JSON object by POST, with the same names; below `/v1/tenants/{tenant}`:
//!
//! | route | parameters | who |
//! |---|---|---|
//! | `/search` | `query` `limit` `page_after` or `rank` `sort` `now` `wait` | admin, search, agent |
//! | `/count` | `query` `now` `wait` | admin, search, agent |
//! | `/facets` | `query` `field` (repeated, or a list) `top` `now` `wait` | admin, search, agent |
//! | `/suggest` | `prefix` `field` `limit` `wait` | admin, search, agent |
//! | `/check` | `ticket` | admin, search, agent |
//! | `/tickets/{id}`, `/fields` | (GET) | admin, search, agent |
//! | `/multi` | (POST) `questions`: each `{"ask": "search", ..}` with the parameters of its route | admin, search, agent |
//! | `/explain` | `query` `limit` `rank` `sort` `now` `wait` | admin |
//! | `/why` | `principal` `ticket` | admin |
//! | `/who` | `ticket` `limit` `page_after` | admin |
//! | `/scopes/{principal}`, `/stats` | (GET) | admin |
//! | `/sign-out` | (POST) `principal` or `everybody` | admin |
//! | `/changes` | (POST) the lines; `on_refusal` `wait` in the query string | admin, ingest |
//! | the tenant itself | PUT makes it, DELETE deletes it | admin |
//!
//! `POST /v1/operator` runs a command of the operator, and `GET /v1/operator?nonce=` proves to whoever knows the operator key
//! that the server does too. And `GET` of `/v1/tenants`, `/v1/errors`, `/health/livez`, `/health/readyz`, `/metrics` and `/version`. Every error is
//! `{code, message, type, link, span?, hint?, rejected?, request_id}`; `/v1/errors` explains every code.
//!
//! # Several questions at once
//!
//! `/multi` takes up to [`Limits::multi_questions`] questions of one asker (`search`, `count`, `facets`, `suggest`, `check`,
//! `ticket` with its `id`, `fields`) and answers all from one moment: `{"answers": [{"status": 200, "body": {..}}, ..]}`, in
//! their order. Each body is, byte for byte, what its route would answer to a GET of it alone, each question costs what it
//! costs alone, and each is recorded that would be. What is wrong with one is told in its place; what is wrong with the
//! moment (`429`, `5xx`) is the answer to the whole request, and then none was answered: what is asked together is wanted
//! together, and half of it would have to be paid for again.
//!
//! # What an answer may depend on
//!
//! Answers to anybody but an admin are functions of the visible tickets: no plan, no opstamp and no number of the tenant
//! is in them, and a hidden ticket is answered exactly as one that does not exist. With words they are functions of the
//! texts that the asker may read: scores, snippets and suggestions too. `took_us` is the one exception. An error names a
//! field of the tenant's own only to whoever sees a ticket that holds it.
//!
//! Nor may the time tell: answers that found nothing, those to queries of which a part may be missing (excluded, a prefix,
//! one of several), and suggestions are sent at the next of a few moments after the request arrived ([`Limits::pace`]), so
//! that looking at what is hidden and finding that there is nothing take equally long; their `took_us` is 0. Of several
//! questions at once, the first of these moments is as many times later as there are such answers among theirs.
//!
//! Answers to questions by GET have an `ETag`, a keyed hash of asker, tenant, question and answer. `If-None-Match` is
//! compared after the question was answered anew, so `304` confirms nothing that is not visible now. A cursor is good for
//! its asker, tenant, query and order; a position for every reader of its tenant.
//!
//! # What it may cost
//!
//! Each key, and each agent with a token, has a [`Budget`] of cost units, charged by what a request says and never by what it
//! finds. What goes beyond is refused with `429 over_budget` and `Retry-After`. Of the memory for batches that are sent, and of
//! that for long answers that are not read yet, one that has some gets more only while as much is left for others: alone it
//! gets half, and beyond that `429 over_share`.
//!
//! A cursor (`next`, to be sent as `page_after`) is opaque, and good for one tenant, asker, query and order. A page is
//! always cut in the scope of now: a cursor from before a revocation leads to nothing revoked.
//!
//! # What is recorded
//!
//! With [`Config::audit`] every question of an admin is in the audit log before it is answered: unrestricted ones, those as a
//! principal (view-as), `why`, `who`, `explain`, scopes, stats and the list of tenants; so are tenants made and deleted, batches
//! that change permissions (numbers by kind of line, no contents) and credentials of the wrong class. What cannot be recorded is
//! refused with `503 audit_unavailable`. Questions of search keys and agents are not recorded, or by [`Config::audit_sample`] a
//! sample, without their text and without waiting for it. No record holds a credential or the text of a ticket.
//!
//! # Canaries
//!
//! With [`Config::canaries`] every answer, headers and errors included, is searched for the words of planted tickets before it
//! leaves. One that holds such a word, to somebody whom the point check of the rules (not the bitmaps that made the answer) does
//! not let see it, is withheld: `500 internal`, a fault, a metric and a record. What the asker typed may come back in a `4xx`, or
//! in the rejected lines of a batch. A tenant that holds a copy of another's canary, with its id and the word, as one does that
//! was restored or loaded, is asked by its own rules whether the asker may see it.
//!
//! # When something fails
//!
//! A tenant that is damaged is `500 damaged` and touches no other. While the disk is full, batches are `507 disk_full` and
//! questions are answered. When a disk fails, batches are `503 not_ready`, so is `/health/readyz`, and [`Server::run`] ends:
//! [`serve`] gives [`ServeError::Fatal`]. Metrics count tenants that are damaged or without room. Of the faults of one code that
//! requests meet in one tenant, one in five seconds is told, with the number of the others.
//!
//! # Changes
//!
//! `POST /v1/tenants/{tenant}/changes` takes scope-jsonl lines as one batch, all or nothing unless `on_refusal=skip`. The
//! answer comes when the batch is durable and in force, with a position in `X-Ticketscope-Position`: a read that sends it
//! is answered from a state that shows the batch, or with `503`. A client that does not know what became of a batch sends
//! it again, best under the same `Idempotency-Key`.
//!
//! Words are found a moment later than fields: a question with words is answered with what is indexed. A batch sent with
//! `wait=text` is answered once its words are found, with `"searchable": true`, or `false` if that takes longer than a batch
//! may; a read with `wait=text` and a position is answered from an index that has the words of that position, or with `503
//! text_not_ready`, which is also the answer to words while the index is being opened.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ticketscope_engine::Engine;
//! use ticketscope_server::{Access, Config, KeyClass, Keys, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let engine = Arc::new(Engine::open(dir.path())?);
//! let keys = Arc::new(Keys::open(dir.path().join("keys.json"))?);
//! let admin = keys.create(KeyClass::Admin, None)?;
//! println!("keep this, it is shown once: {}", admin.text);
//!
//! let config = Config::new("127.0.0.1:0".parse()?, Access::Checked { keys, tokens: None });
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(async {
//!     let server = Server::bind(Arc::clone(&engine), config).await?;
//!     println!("listening on {}", server.local_addr());
//!     server.run(async {}).await;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! engine.close()?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod answer;
mod app;
mod ask;
mod audit;
mod auth;
mod body;
mod brake;
mod code;
mod config;
mod cost;
mod edge;
mod etag;
mod failure;
mod faults;
mod guard;
mod held;
mod hex;
mod idempotency;
mod metrics;
mod multi;
mod operator;
mod pace;
mod params;
mod pool;
mod position;
mod reply;
mod room;
mod routes;
mod server;
mod stall;
#[cfg(test)]
mod tests;
mod trace;

pub use auth::{
    Access, IssueError, KeyClass, KeyFileError, KeyInfo, Keys, KeysError, MAX_KEY_OVERLAP, MAX_TOKEN_LIFETIME, NewKey,
    OperatorFile, OperatorFileError, OperatorKey, TokenKeyInfo, TokenKeyPair, TokenKeyState, TokenPolicy, TokenRequest,
    USER_HEADER, UnknownClass, VerificationKeys, VerificationKeysError, issue_token,
};
pub use config::{Budget, Budgets, Clock, Config, Fault, FaultLog, Limits};
pub use operator::{Command, Done, MAX_COMMAND_BYTES, Operator};
pub use server::{BindError, ServeError, Server, serve};
