use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{
    chain::Head,
    entry::Entry,
    error::{AppendError, FileError, OpenError, VerifyError},
    files,
    writer::Writer,
};

/// Bytes after which the log goes on in a new file: what has to be read to open it is bounded by this.
pub const DEFAULT_ROTATE_BYTES: u64 = 8 << 20;

/// A log that is appended to, by any number of threads and processes.
#[derive(Debug)]
pub struct AuditLog {
    dir: PathBuf,
    rotate_bytes: u64,
    lock: File,
    waiting: Mutex<Vec<Waiting>>,
    /// Nothing once it is not known what is on disk.
    writer: Mutex<Option<Writer>>,
}

/// An entry that is not recorded yet.
#[derive(Debug)]
struct Waiting {
    entry: Entry,
    durable: bool,
    outcome: Arc<Mutex<Option<Result<u64, AppendError>>>>,
}

/// The lock between processes, held.
struct Held<'l>(&'l File);

impl<'l> Held<'l> {
    fn take(dir: &Path, lock: &'l File) -> Result<Self, FileError> {
        lock.lock().map_err(files::failed("lock", dir))?;
        Ok(Self(lock))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The system gives it up with the file in any case.
        drop(self.0.unlock());
    }
}

impl AuditLog {
    /// Opens the log in `dir`, made if it is not there; its parent must be. What a crash left of the last record is moved
    /// aside, which is recorded as of `now`, in milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`OpenError`]; a log whose end is not what was durable is not appended to.
    pub fn open(dir: impl Into<PathBuf>, now: i64) -> Result<Self, OpenError> {
        Self::open_with(dir, now, DEFAULT_ROTATE_BYTES)
    }

    /// [`Self::open`] with files of another length than the default one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with(dir: impl Into<PathBuf>, now: i64, rotate_bytes: u64) -> Result<Self, OpenError> {
        let dir = dir.into();
        files::make_dir(&dir)?;
        let lock = files::open(&dir.join("LOCK"))?;
        let writer = {
            let _held = Held::take(&dir, &lock)?;
            files::check_version(&dir)?;
            files::write_version(&dir)?;
            Writer::load(&dir, now)?
        };
        Ok(Self { dir, rotate_bytes, lock, waiting: Mutex::default(), writer: Mutex::new(Some(writer)) })
    }

    /// Records `entry`. When this returns it is on disk, under its number; whoever comes first writes and syncs for all
    /// who wait. Blocks.
    ///
    /// # Errors
    /// [`AppendError`]: nothing is known to be recorded, and what was to be recorded must not be done.
    pub fn append(&self, entry: Entry) -> Result<u64, AppendError> {
        self.submit(entry, true)
    }

    /// Writes `entry` without waiting for the disk: a crash of the system may lose it, the next [`Self::append`] makes it
    /// durable. Blocks as long as another append.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn note(&self, entry: Entry) -> Result<u64, AppendError> {
        self.submit(entry, false)
    }

    /// The end of the log, as far as this process knows.
    pub fn head(&self) -> Option<Head> {
        self.writer.lock().as_ref().map(Writer::head)
    }

    fn submit(&self, entry: Entry, durable: bool) -> Result<u64, AppendError> {
        let outcome = Arc::default();
        self.waiting.lock().push(Waiting { entry, durable, outcome: Arc::clone(&outcome) });
        let mut writer = self.writer.lock();
        // Somebody who came before may have written it.
        if let Some(outcome) = outcome.lock().take() {
            return outcome;
        }
        let group = std::mem::take(&mut *self.waiting.lock());
        let written = self.write(&mut writer, &group);
        // Before the next one may look.
        for (waiting, at) in group.iter().zip(0..) {
            *waiting.outcome.lock() = Some(written.clone().map(|first| first + at));
        }
        let own = outcome.lock().take();
        own.unwrap_or(Err(AppendError::Closed))
    }

    /// The writer at the end that another process made, which must be a later one.
    fn reload(&self, writer: &Writer, at: i64) -> Result<Writer, OpenError> {
        let loaded = Writer::load(&self.dir, at)?;
        let (found, known) = (loaded.head(), writer.head());
        if found.seq < known.seq {
            return Err(VerifyError::Truncated { path: self.dir.clone(), found, known }.into());
        }
        if found.seq == known.seq && found.hash != known.hash {
            return Err(VerifyError::UnknownHead { hash: known.hash }.into());
        }
        Ok(loaded)
    }

    /// Writes a group; the number of its first record.
    fn write(&self, writer: &mut Option<Writer>, group: &[Waiting]) -> Result<u64, AppendError> {
        let failed = |error| AppendError::File(Arc::new(error));
        let _held = Held::take(&self.dir, &self.lock).map_err(failed)?;
        let current = writer.as_mut().ok_or(AppendError::Closed)?;
        if !current.is_at_end(&self.dir).map_err(files::failed("measure", &self.dir)).map_err(failed)? {
            let at = group.first().map_or(0, |waiting| waiting.entry.at());
            *current = self.reload(current, at).map_err(|error| AppendError::Changed(Arc::new(error)))?;
        }
        current.rotate(&self.dir, self.rotate_bytes).map_err(failed)?;
        let first = current.head().seq + 1;
        current.write(&self.dir, group.iter().map(|waiting| &waiting.entry)).map_err(failed)?;
        if group.iter().any(|waiting| waiting.durable)
            && let Err(error) = current.sync(&self.dir)
        {
            // After a failed sync the system may have forgotten what it did not write: nothing more is promised.
            *writer = None;
            return Err(failed(error));
        }
        Ok(first)
    }
}

impl Drop for AuditLog {
    /// Makes notes durable, if that is possible.
    fn drop(&mut self) {
        let Some(writer) = self.writer.get_mut() else { return };
        if let Ok(_held) = Held::take(&self.dir, &self.lock) {
            drop(writer.sync(&self.dir));
        }
    }
}
