//! Tenants: opening and recovering them, their one writer, and the publication of snapshots. The only library that
//! starts threads.
//!
//! [`Engine`] is a data directory, [`Tenant`] one help desk in it. Readers take [`Tenant::snapshot`] and never wait.
//! [`Tenant::submit`] takes a batch of [`ticketscope_model::Change`]s through four steps, in this order:
//!
//! 1. *resolve*: what becomes of each ticket and fact, given revisions and what holds now;
//! 2. *commit*: log row, state rows and opstamp in one durable transaction, several waiting batches in one;
//! 3. *publish*: the next snapshot, by one pointer swap, with cached scopes kept current;
//! 4. *acknowledge*.
//!
//! So whatever was acknowledged is on disk and in force, and nothing is in force that is not on disk.
//!
//! # When something fails
//!
//! | what | the tenant | until |
//! |---|---|---|
//! | no room on the disk, or hardly any | refuses batches as [`Full`] and answers questions | there is room |
//! | a write given up halfway, by a panic; a mapped snapshot in use that rots | is [`Closed::Interrupted`] | the next question opens it again |
//! | damage on disk, or what cannot be read | is [`Closed::Damaged`] and not answered | the process starts anew |
//! | a failed write or sync | is [`Closed::Failed`], as all others are | the process starts anew |
//!
//! A write without room is known not to be in force, so its tenant goes on in the same process. Of a failed sync nobody
//! knows what it left, and a second one would prove nothing: [`Engine::on_fatal`] tells whoever runs the process to end it.
//! The snapshot stays exact meanwhile: it shows what was acknowledged, and a batch whose commit failed was not.
//!
//! [`Engine::back_up`] and [`Engine::restore`] move tenants as bytes, [`View::statements`] states one as the changes that make
//! it, and [`inspect()`] looks at one without changing anything. While a tenant is open, everything of it on the disk is read
//! again within [`Options::scrub_interval`].
//!
//! It decides nothing about visibility and answers no question: that is `ticketscope_query` on a snapshot.
//!
//! ```
//! use ticketscope_engine::Engine;
//! use ticketscope_engine::storage::TenantId;
//! use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketPatch};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let engine = Engine::open(dir.path())?;
//! let tenant = engine.create_tenant(&TenantId::parse("acme")?)?;
//! let ack = tenant.submit(vec![Change::state(Fact::Ticket(TicketPatch {
//!     key: TicketKey::Int(9001),
//!     fields: vec![("status".into(), FieldPatch::Set(RawValue::Text("open".into())))],
//!     replace: false,
//!     text: vec![],
//! }))])?;
//! assert_eq!(tenant.snapshot().opstamp(), ack.opstamp);
//! assert!(tenant.snapshot().index().find(&TicketKey::Int(9001)).is_some());
//! engine.close()?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod backup;
mod delta;
mod dump;
mod engine;
mod facts;
mod inspect;
mod refusal;
mod resolve;
mod revs;
mod room;
mod scrub;
mod scrubber;
mod session;
mod state;
mod tenant;
#[cfg(test)]
mod tests;
mod text;
mod text_check;
mod text_rows;
mod texts;
mod trouble;
mod wire;
mod writer;

pub use backup::{RestoredTenant, TenantBackupError, TenantRestoreError};
pub use engine::{Ailing, Engine, Options, TenantError};
pub use inspect::{InspectError, TenantInspection, TextInspection, inspect};
pub use refusal::Refusal;
pub use room::Full;
pub use scrub::{ScrubStats, ScrubStep, Scrubbed};
pub use session::ImportSession;
pub use state::{RecoverError, Recovery};
pub use tenant::{Ack, CheckpointError, MAX_WAITING, Stats, SubmitError, Tenant, TenantOpenError, TextStats, View};
pub use text_check::{TextVerification, VerifyTextError};
pub use text_rows::TextRows;
#[doc(no_inline)]
pub use ticketscope_query as query;
#[doc(no_inline)]
pub use ticketscope_storage as storage;
pub use trouble::{Closed, FatalError};
pub use wire::Malformed;
pub use writer::{OnRefusal, WriteError};
