//! A disk in memory that forgets what was not made durable, and fails when it is told to.
//!
//! A [`SimDisk`] notes every change as an [`Operation`]. A [`Replay`] goes through the notes; at each [`Moment`] it says
//! what is durable and what is pending, and makes the disk that a power cut ([`Moment::crash`]) or the end of the process
//! ([`Moment::kill`]) would leave. A [`Fault`] makes a later call fail.
//!
//! What it takes for granted is what POSIX does, no more:
//!
//! - bytes and length of a file are durable after a sync of the file, a name after a sync of its directory; syncing a file
//!   says nothing of its name;
//! - before that any part of what was done may be durable in any order, a write in sectors of [`SECTOR`] bytes, a name as
//!   one step;
//! - after a failed sync the pages in question can be read as written but count as clean: a later sync does not write them,
//!   unless they were written again. Names are still to be made durable after their directory's sync failed.
//!
//! It is not a file system: names are renamed inside one directory only, and there are no permissions, links or times.

mod disk;
mod fault;
mod image;
mod moment;
mod operation;
mod tree;

#[cfg(test)]
mod tests;

pub use disk::SimDisk;
pub use fault::{Calls, Fault, Reason};
pub use moment::{Choice, Moment, Replay};
pub use operation::Operation;

/// What a disk writes as a whole, in bytes, from its multiples in a file on.
pub const SECTOR: usize = 512;
