//! The log and state of each tenant in redb, and checksummed mapped snapshots: the bytes that survive.
//!
//! A [`DataDir`] holds tenants; a [`Store`] is one of them. [`Store::commit`] writes log rows, state rows and the
//! applied opstamp in one durable transaction; [`Store::begin_snapshot`] writes an image of derived data beside it,
//! which [`Store::open_snapshot`] maps back. Every byte read is checked first: a wrong one is a typed error or a
//! rejected snapshot, never a shorter or different answer.
//!
//! It is **not** a model of tickets: keys, values, log rows and sections are bytes whose meaning the engine owns. It
//! starts no threads, retries nothing, and repairs nothing that was acknowledged: after a failed commit the store
//! refuses everything until it is opened again. One that failed for want of room alone can be [reopened](Store::reopen).
//!
//! ```
//! use ticketscope_model::Opstamp;
//! use ticketscope_storage::{Batch, DataDir, Row, Table, TenantId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let data = DataDir::open(dir.path())?;
//! let store = data.create(&TenantId::parse("acme")?)?;
//! store.commit(&Batch {
//!     log: vec![(store.applied().next(), b"ticket 1 was opened".to_vec())],
//!     rows: vec![Row { table: Table::Tickets, key: b"1".to_vec(), value: Some(b"open".to_vec()) }],
//! })?;
//! assert_eq!(store.applied(), Opstamp(1));
//! assert_eq!(store.get(Table::Tickets, b"1")?.as_deref(), Some(b"open".as_slice()));
//! store.mark_clean()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where things stand
//!
//! ```text
//! <data dir>/LOCK               locked while a process uses the directory
//!            FORMAT             version of this layout
//!            tenants/<id>/state.redb              log, state and meta rows: the truth
//!            tenants/<id>/snapshot-<serial>.tsnap mapped snapshots: derived, disposable
//! ```
//!
//! Byte layouts: values of rows in [`envelope`], log rows in [`log`], meta rows in [`meta`], mapped snapshots in
//! [`layout`], backups in [`backup`]. Only this crate opens these files, through a [`disk::Disk`], on which the text indexes of
//! tenants are too. Others in a data directory belong to others: the keys, the canaries and the audit log.
//!
//! # Versions
//!
//! Every file says of which version it is, and one of a newer version is refused with a message that says so. Truth is
//! refused for good; what follows from it is made anew.
//!
//! | file | its version | a newer one |
//! |---|---|---|
//! | the data directory: names, tables, meta rows, the engine's rows in them | `FORMAT` | the directory does not open |
//! | `state.redb` | redb's own, in the file | the tenant does not open |
//! | a value in it | a byte of its envelope | the tenant is damaged, as far as it is read |
//! | a row of the log | a byte before its body | the tenant does not open |
//! | `snapshot-*.tsnap` | in its header | rejected; another is used, or the rows |
//! | `text/` | in the note of each commit | put aside and made anew |
//! | `CHECK` | none: `FORMAT` covers it | |
//! | `BACKUP` and `*.rows` of a backup | first line; in its header | not restored |
//! | a dump | none: what a line may say is what its reader knows | the line is rejected |
//! | `keys.json`, `canaries.json`, `server.json` | `version` | not used, and with them nobody is let in |
//! | `audit/` | `audit/FORMAT` | neither read nor appended to |
//! | the file of public keys for tokens | none: a key that it does not know is refused | not used |

mod backend;
mod backup;
mod batch;
mod compact;
mod data_dir;
mod database;
pub mod disk;
mod envelope;
mod error;
mod files;
mod guard;
mod health;
mod inspect;
mod integrity;
mod interrupt;
mod judged;
mod layout;
mod log;
mod mapped;
mod meta;
mod overlay;
mod reader;
mod room;
mod slices;
mod snapshots;
mod store;
mod table;
mod tenant;
mod verify;

pub use backup::{BackedUp, Backup, BackupWriter, Manifest, Restoring};
pub use batch::{Batch, Row};
pub use data_dir::{DEFAULT_CACHE_BYTES, DEFAULT_CHECK_BYTES, DataDir};
pub use envelope::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
pub use error::{
    BackupError, CommitError, CompactError, CreateError, Damaged, DataDirError, Defect, DeleteError, FileError,
    OpenError, Place, ReadError, ReopenError, RestoreError, SnapshotDefect, SnapshotError, VerifyError,
};
pub use health::Condition;
pub use inspect::{InspectedTenant, Inspection, TenantFiles};
pub use interrupt::Interrupt;
pub use mapped::MappedSnapshot;
pub use reader::{Reader, Rows};
pub use room::{Space, is_disk_failure, is_full};
pub use slices::{LogSlice, RowSlice};
pub use snapshots::{RejectedSnapshot, SnapshotChoice, SnapshotWriter};
pub use store::{DiskUsage, MAX_CUT_ROWS, Store};
pub use table::Table;
pub use tenant::{TenantId, TenantIdError, TenantUuid};
pub use verify::Verification;
