//! What failed, told apart by what is to be done about it, and how all tenants learn of a failing disk.

use std::{error::Error, fmt, io, sync::Arc};

use parking_lot::Mutex;
use query::text::{TextDefect, TextError};
use storage::{
    CommitError, CreateError, DeleteError, FileError, OpenError, ReadError, ReopenError, RestoreError, SnapshotError,
    TenantId,
};
use thiserror::Error;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{state::RecoverError, writer::WriteError};

/// A disk failed, so that nobody knows what of the last writes is on it. Nothing is acknowledged any more, nothing is
/// tried again, and only a process that starts anew finds out what is durable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the disk failed under tenant `{tenant}`: {cause}; end this process, and start it again when the disk is sound"
)]
pub struct FatalError {
    /// Whose files it was.
    pub tenant: TenantId,
    /// What failed, with its causes.
    pub cause: String,
}

/// Why a tenant takes nothing more, or is not answered at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Closed {
    /// A thread that was writing panicked, or gave up halfway, or the mapped snapshot in use rotted: what is durable shows
    /// when the tenant is opened again, which the next question does.
    #[error("what is in memory was given up; the tenant opens again with the next question")]
    Interrupted,
    /// What is on disk cannot be read, or not be trusted: it is not answered until a process opens it that finds nothing
    /// wrong.
    #[error("the tenant is damaged: {0}")]
    Damaged(Arc<str>),
    /// A disk failed under a write, this tenant's or another's.
    #[error(transparent)]
    Failed(Arc<FatalError>),
}

/// What is to be done about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing but to try again later: nothing came of it.
    Full,
    /// The tenant is closed: it cannot be trusted.
    Damaged(String),
    /// The process ends: the disk cannot be trusted.
    Fatal(String),
    /// Whoever met it knows: it says nothing of the disk.
    Other,
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Trouble {
    /// Of the files that are derived and can be made anew: only a disk that fails to write says more than that one is of no
    /// use.
    fn of_derived_io(error: &io::Error, whole: &dyn Error) -> Self {
        if storage::is_full(error) {
            Self::Full
        } else if storage::is_disk_failure(error) && !storage::disk::is_unread(error) {
            Self::Fatal(chain(whole))
        } else {
            Self::Other
        }
    }

    pub(crate) fn of_file(error: &FileError) -> Self {
        Self::of_derived_io(&error.source, error)
    }

    pub(crate) fn of_commit(error: &CommitError) -> Self {
        match error {
            CommitError::Full(_) | CommitError::NotReopened => Self::Full,
            CommitError::Damaged(_) => Self::Damaged(chain(error)),
            CommitError::Database(_) => Self::Fatal(chain(error)),
            CommitError::Poisoned
            | CommitError::NotConsecutive { .. }
            | CommitError::RowsWithoutLog { .. }
            | CommitError::TooLong { .. }
            | CommitError::CutPastApplied { .. } => Self::Other,
        }
    }

    pub(crate) fn of_read(error: &ReadError) -> Self {
        match error {
            ReadError::Full => Self::Full,
            // What cannot be read is one tenant's. If it ended the process, all others would end with it each time that
            // somebody asks.
            ReadError::Damaged(_) | ReadError::NotInLog { .. } | ReadError::Database(_) => Self::Damaged(chain(error)),
            ReadError::Poisoned => Self::Other,
        }
    }

    pub(crate) fn of_write(error: &WriteError) -> Self {
        match error {
            WriteError::Commit(error) => Self::of_commit(error),
            WriteError::Read(error) => Self::of_read(error),
            WriteError::Malformed(_) => Self::Damaged(chain(error)),
            // The rows are whole: the next opening makes another index of them.
            WriteError::IndexDiffers => Self::Other,
        }
    }

    pub(crate) fn of_reopen(error: &ReopenError) -> Self {
        match error {
            ReopenError::Busy => Self::Full,
            ReopenError::Poisoned => Self::Other,
            ReopenError::Open(OpenError::Damaged(_)) => Self::Damaged(chain(error)),
            ReopenError::Open(source) if source.io().is_some_and(storage::is_full) => Self::Full,
            ReopenError::Open(source) if source.is_failed_read() => Self::Damaged(chain(error)),
            // Its files were just open: whatever it is, they are not what they were.
            ReopenError::Open(_) => Self::Fatal(chain(error)),
        }
    }

    pub(crate) fn of_open(error: &OpenError) -> Self {
        match error {
            OpenError::Damaged(_) => Self::Damaged(chain(error)),
            other if other.is_failed_write() => Self::Fatal(chain(error)),
            other => match other.io() {
                Some(io) if storage::is_full(io) => Self::Full,
                Some(io) if storage::is_disk_failure(io) => Self::Damaged(chain(error)),
                _ => Self::Other,
            },
        }
    }

    /// Of a tenant that was not made: only a disk that fails to write says more than that.
    pub(crate) fn of_create(error: &CreateError) -> Self {
        if error.is_failed_write() { Self::Fatal(chain(error)) } else { Self::Other }
    }

    pub(crate) fn of_delete(error: &DeleteError) -> Self {
        match error {
            DeleteError::File(error) => Self::of_file(error),
            DeleteError::NoSuchTenant(_) | DeleteError::Open(_) => Self::Other,
        }
    }

    /// Of a tenant that was not restored. A backup that cannot be read says nothing of the disk that it was to be on.
    pub(crate) fn of_restore(error: &RestoreError) -> Self {
        if error.is_failed_write() { Self::Fatal(chain(error)) } else { Self::Other }
    }

    pub(crate) fn of_snapshot(error: &SnapshotError) -> Self {
        match error {
            SnapshotError::File(error) => Self::of_file(error),
            SnapshotError::Read(error) => Self::of_read(error),
            SnapshotError::Commit(error) => Self::of_commit(error),
            SnapshotError::Busy | SnapshotError::AheadOfLog { .. } | SnapshotError::DuplicateSection(_) => Self::Other,
        }
    }

    pub(crate) fn of_recover(error: &RecoverError) -> Self {
        match error {
            RecoverError::Read(error) => Self::of_read(error),
            RecoverError::Snapshot(error) => Self::of_snapshot(error),
            RecoverError::Commit(error) => Self::of_commit(error),
            RecoverError::Malformed(_)
            | RecoverError::State(_)
            | RecoverError::Role { .. }
            | RecoverError::Missing(_) => Self::Damaged(chain(error)),
            // Whoever found it out closed the tenant.
            RecoverError::Mapped(_) | RecoverError::Closed(_) | RecoverError::NoRandomness => Self::Other,
        }
    }

    pub(crate) fn of_text(error: &TextError) -> Self {
        error.io().map_or(Self::Other, |io| Self::of_derived_io(io, error))
    }

    /// Of an index that cannot be opened. If it cannot be read, another one can be made.
    pub(crate) fn of_defect(error: &TextDefect) -> Self {
        if error.io().is_some_and(storage::is_full) { Self::Full } else { Self::Other }
    }
}

/// Told of the first failing disk.
type Listener = Box<dyn Fn(&Arc<FatalError>) + Send + Sync>;

/// Whether a disk failed under any tenant of an engine.
#[derive(Default)]
pub(crate) struct Fatal(Mutex<(Option<Arc<FatalError>>, Vec<Listener>)>);

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fatal").field(&self.get()).finish()
    }
}

impl Fatal {
    pub(crate) fn get(&self) -> Option<Arc<FatalError>> {
        self.0.lock().0.clone()
    }

    /// Notes `error` unless there is an earlier one, which it answers.
    pub(crate) fn set(&self, error: FatalError) -> Arc<FatalError> {
        let mut state = self.0.lock();
        if let (Some(first), _) = &*state {
            return Arc::clone(first);
        }
        let error = Arc::new(error);
        state.0 = Some(Arc::clone(&error));
        let listeners = std::mem::take(&mut state.1);
        drop(state);
        for listener in listeners {
            listener(&error);
        }
        error
    }

    /// Tells `listener` of the first one, at once if it is here.
    pub(crate) fn tell(&self, listener: Listener) {
        let mut state = self.0.lock();
        match state.0.clone() {
            Some(error) => {
                drop(state);
                listener(&error);
            }
            None => state.1.push(listener),
        }
    }
}
