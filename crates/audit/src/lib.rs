//! The audit log of a data directory: who asked or changed what without a scope to hold them, in JSON lines that are
//! chained by hashes and only ever appended to.
//!
//! An [`Entry`] is what somebody did; [`AuditLog::append`] makes it a [`Record`] that is on disk before it returns, many
//! waiting entries under one fsync. [`verify()`] walks the chain and names the first line that is not what was written;
//! [`records`] reads the log.
//!
//! It is **not** a log of faults, and no proof against whoever may write the directory: they can write a whole new chain.
//! That is found by whoever kept a [`Head`] elsewhere and gives it to [`verify()`]. It reads no clock, holds no secret and
//! knows neither tickets nor principals: what it is given is text.
//!
//! # Files
//!
//! ```text
//! audit/000001.jsonl    records; a new file begins when one is long enough, and the chain goes on in it
//!       head            number and hash of the last record known to be durable; may lag after a crash, never leads
//!       FORMAT          version of the log; one without is of version 1
//!       LOCK            locked while a process appends: several may, one at a time
//!       000001.torn-17  what a crash left of record 17, moved out of the way and recorded as `recovered`
//! ```
//!
//! The directory has mode 0700, the files 0600. A line is
//!
//! ```text
//! {"seq":2,"at":1795176000000,"actor":{"key":"1f.."},"tenant":"acme","action":"search","resource":{"query":"refund"},
//!  "decision":"allowed","opstamp":null,"request":"9c..","prev":"<hash of line 1>","hash":"<hash of this line>"}
//! ```
//!
//! on one line, and its hash is the SHA-256 of its own bytes before `,"hash":`. The `prev` of the first record is 64 zeros.
//!
//! ```
//! use ticketscope_audit::{Action, Actor, AuditLog, Decision, Entry, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let log = AuditLog::open(dir.path().join("audit"), 1_795_176_000_000)?;
//! let who = Entry::new(1_795_176_000_000, Actor::Dev, Action::Who, Decision::Allowed).of_tenant("acme").about("ticket", 17);
//! let seq = log.append(who)?;
//! let verified = verify(&dir.path().join("audit"), None)?;
//! assert_eq!((verified.records, verified.head.seq), (seq, seq));
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod chain;
mod entry;
mod error;
mod files;
mod hash;
mod head;
mod log;
mod read;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use chain::{Defect, Head};
pub use entry::{Action, Actor, Decision, Entry, MAX_RESOURCE_BYTES, Record};
pub use error::{AppendError, FileError, OpenError, VerifyError};
pub use hash::{Hash, HashError};
pub use log::{AuditLog, DEFAULT_ROTATE_BYTES};
pub use read::{BadLine, Records, records};
pub use verify::{Verified, verify};
