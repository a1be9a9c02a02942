//! Backups: the rows of tenants as they stood at one moment, in a directory of their own.
//!
//! ```text
//! <backup>/BACKUP         version, then what is in it, then a checksum: see `manifest`
//!          <tenant>.rows  log and state of one tenant: see `rows`
//! ```
//!
//! A backup holds the truth and nothing that follows from it: mapped snapshots and the text index are made anew when a
//! tenant is restored, so that no backup can bring together two that do not belong together. It is written under
//! another name, synced and renamed: under its own name there is a whole backup or none. It is read through one view of
//! the store, beside which commits go on; what was freed meanwhile is used again only after it.
//!
//! A restored tenant has a new uuid. Its opstamps go on from the backup, so that they name other changes than those of
//! the tenant that was backed up: whatever remembers an opstamp of a uuid (a mapped snapshot, a text index, a position
//! that a client holds) must not take one for the other. What names no opstamp goes on: a cursor is a place in an order,
//! and is answered by what holds now.

mod manifest;
mod restore;
mod rows;
mod write;

pub use self::{
    manifest::{BackedUp, Manifest},
    restore::{Backup, Restoring},
    write::BackupWriter,
};
