//! Mapped snapshots of a tenant: writing them, in the background or not, and cutting the log behind them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use bitmap::SectionTooLarge;
use parking_lot::Mutex;
use storage::{CommitError, MappedSnapshot, SnapshotDefect, SnapshotError};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_storage as storage;

use crate::{
    room::{Full, Use},
    shared::{Checkpoints, Shared},
    trouble::{Closed, Trouble},
};

/// How long after a mapped snapshot that found no room no other is begun.
const RETRY: Duration = Duration::from_secs(10);

/// Why a mapped snapshot was not written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The store could not write it.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log could not be cut behind it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is no room for it.
    #[error("no mapped snapshot is written: {0}")]
    Full(Full),
    /// The mapped snapshot that parts of the index still are is damaged: written anew, the damage would pass for whole.
    #[error("the mapped snapshot in use is damaged")]
    Mapped(#[from] SnapshotDefect),
    /// What it would be of is not to be trusted any more.
    #[error("no mapped snapshot is written: {0}")]
    Closed(Closed),
    /// A part of the index is too large for a section.
    #[error(transparent)]
    TooLarge(#[from] SectionTooLarge),
}

impl CheckpointError {
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Snapshot(error) => Trouble::of_snapshot(error),
            Self::Commit(error) => Trouble::of_commit(error),
            Self::Full(_) => Trouble::Full,
            // Whoever found it out closed the tenant.
            Self::Mapped(_) | Self::Closed(_) | Self::TooLarge(_) => Trouble::Other,
        }
    }
}

/// The thread that writes mapped snapshots, one after so many bytes of log.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    /// Bytes of log after which one is written.
    log_bytes: u64,
    progress: Arc<Progress>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Progress {
    /// Bytes of log since the last one was begun.
    log_bytes: AtomicU64,
    is_running: AtomicBool,
}

impl Checkpointer {
    /// After an opening that replayed `replayed` bytes of log: they would be replayed again.
    pub(crate) fn new(log_bytes: u64, replayed: u64) -> Self {
        let progress = Progress { log_bytes: AtomicU64::new(replayed), is_running: AtomicBool::new(false) };
        Self { log_bytes, progress: Arc::new(progress), thread: Mutex::new(None) }
    }

    /// Takes so many bytes of log into account, and begins a mapped snapshot if it is time for one.
    pub(crate) fn after_commit(&self, shared: &Arc<Shared>, log_bytes: u64) {
        let before = self.progress.log_bytes.fetch_add(log_bytes, Relaxed);
        if before + log_bytes >= self.log_bytes {
            self.begin(shared);
        }
    }

    fn begin(&self, shared: &Arc<Shared>) {
        let now = shared.common.room.now();
        let is_paused = shared.pauses.lock().checkpoint.is_some_and(|until| now < until);
        if is_paused || self.progress.is_running.swap(true, Relaxed) {
            return;
        }
        let counted = self.progress.log_bytes.swap(0, Relaxed);
        let mut thread = self.thread.lock();
        join(thread.take());
        let (progress, behind) = (Arc::clone(&self.progress), Arc::clone(shared));
        let spawned = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            // How it went is in the stats: nobody waits for the answer.
            match catch_unwind(AssertUnwindSafe(|| behind.write_checkpoint())) {
                Ok(Err(error)) if error.trouble() == Trouble::Full => {
                    // As much log as before is to be cut, as soon as there is room.
                    behind.pauses.lock().checkpoint = Some(behind.common.room.now() + RETRY);
                    progress.log_bytes.fetch_add(counted, Relaxed);
                }
                Ok(_) => {}
                Err(_) => behind.note_panic(),
            }
            progress.is_running.store(false, Relaxed);
        });
        match spawned {
            Ok(running) => *thread = Some(running),
            Err(error) => {
                shared.checkpoints.lock().failure = Some(error.to_string());
                self.progress.is_running.store(false, Relaxed);
            }
        }
    }

    /// Waits for the one that is being written, if one is.
    pub(crate) fn wait(&self) {
        join(self.thread.lock().take());
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    // A panic in it was told when it happened.
    drop(thread.map(JoinHandle::join));
}

impl Shared {
    /// Checks the mapped snapshot in use. If it is damaged, so may be what is answered from it.
    pub(crate) fn check_mapped(&self, mapped: &MappedSnapshot) -> Result<(), SnapshotDefect> {
        mapped.check().inspect_err(|_| self.mistrust_mapped())
    }

    /// Closes the tenant, whose next opening makes an index of the rows: they hold nothing of the mapped snapshot that was
    /// not compared with them.
    pub(crate) fn mistrust_mapped(&self) {
        // First, so that a mapped snapshot that is being written is not made current, or forgotten again.
        self.close(Closed::Interrupted);
        // Without it the next opening checks every byte, as each does.
        drop(self.store.forget_snapshots());
    }

    /// Of a panic nothing is left: the next opening replays more. What was copied may have been rotten, and led astray.
    fn note_panic(&self) {
        self.checkpoints.lock().failure = Some("the thread that wrote it panicked".to_owned());
        if let Some(mapped) = &self.mapped {
            // Its consequences are drawn.
            drop(self.check_mapped(mapped));
        }
    }

    /// Writes a mapped snapshot also if there is one of this moment, which is damaged.
    pub(crate) fn rewrite_checkpoint(&self) -> Result<(), CheckpointError> {
        *self.checkpoints.lock() = Checkpoints::default();
        self.write_checkpoint()
    }

    /// Writes a mapped snapshot and remembers how that went.
    pub(crate) fn write_checkpoint(&self) -> Result<(), CheckpointError> {
        let written = self.write_snapshot();
        self.checkpoints.lock().failure = written.as_ref().err().map(ToString::to_string);
        if let Err(error) = &written {
            self.suffer(error.trouble());
            // What found no room may have been its commit; how that goes shows in whoever reads next.
            self.reopen().ok();
        }
        written
    }

    fn write_snapshot(&self) -> Result<(), CheckpointError> {
        let snapshot = self.publication.newest();
        let (newest, opstamp) = (self.checkpoints.lock().newest, snapshot.opstamp());
        if opstamp == newest {
            return Ok(());
        }
        self.common.room.check(Use::Derived).map_err(CheckpointError::Full)?;
        let mut file = self.store.begin_snapshot(opstamp)?;
        snapshot.index().write::<CheckpointError>(|id, bytes| Ok(file.section(id, bytes)?))?;
        // After everything was copied from it: what rotted before or meanwhile must not be made durable as whole.
        if let Some(mapped) = &self.mapped {
            self.check_mapped(mapped)?;
        }
        if let Some(closed) = self.closed() {
            return Err(CheckpointError::Closed(closed));
        }
        file.finish()?;
        if let Some(closed @ Closed::Interrupted) = self.closed() {
            // Whoever closed it may have forgotten the snapshots before there was this one.
            self.store.forget_snapshots()?;
            return Err(CheckpointError::Closed(closed));
        }
        let mut checkpoints = self.checkpoints.lock();
        (checkpoints.previous, checkpoints.newest) = (newest, opstamp);
        let cut = checkpoints.previous;
        drop(checkpoints);
        // The text index is brought up to date from the log too.
        let cut = cut.min(self.text.advance(cut));
        Ok(self.store.cut_log(cut)?)
    }
}
