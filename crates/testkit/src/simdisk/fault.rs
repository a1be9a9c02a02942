use std::io;

use super::operation::{Kind, Operation};

/// The linux numbers of the errors, so that they are told apart as the system's are.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Which calls of a disk are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Those that change something, and syncs.
    Changes,
    /// Those that read a file or list a directory.
    Reads,
}

/// Why a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The device fails. Half of a write may have happened; after a failed sync of a file, its pages count as clean.
    Io,
    /// The disk is full: what needs no space goes on.
    Full,
}

/// A call that is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which calls are meant.
    pub calls: Calls,
    /// The first that may fail, counted from 0 since the disk was made.
    pub at: u64,
    /// Why.
    pub reason: Reason,
    /// Whether all later ones fail too, until [`super::SimDisk::heal`].
    pub lasting: bool,
}

impl Reason {
    pub(super) fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Io => EIO,
            Self::Full => ENOSPC,
        })
    }

    /// Whether an operation can fail for it.
    pub(super) fn concerns(self, operation: &Operation) -> bool {
        match self {
            Self::Io => true,
            Self::Full => matches!(operation.0, Kind::MakeFile { .. } | Kind::MakeDir { .. } | Kind::Write { .. }),
        }
    }
}
