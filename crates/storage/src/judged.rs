//! The file under redb, and which of its errors leave the database as it was.

use std::{
    error::Error,
    io,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use redb::{BackendError, StorageBackend};
use thiserror::Error;

use crate::room::{fails, is_full};

/// The bytes at the beginning that say which transaction is in force. redb writes every other page, and makes them
/// durable, before it writes these.
const HEADER_BYTES: u64 = 512;

/// Passes everything on to another backend. An error that says that there was no room stays one only where nothing can
/// have come into force: of a write of pages, or where the file was to grow. Of every other failed write, and of a failed
/// sync, nobody knows what it left: it becomes an [`Unwritten`].
#[derive(Debug)]
pub(crate) struct Judged<B> {
    below: B,
    failures: Arc<IoFailures>,
}

/// What the system refused. redb takes no commit after any of it, and does not say which it was.
#[derive(Debug, Default)]
pub(crate) struct IoFailures {
    read: AtomicBool,
    write: AtomicBool,
}

impl IoFailures {
    /// Whether reads failed and nothing else did: what is on disk is then known to be what was written, as far as it can be
    /// read.
    pub(crate) fn are_of_reads(&self) -> bool {
        self.read.load(Relaxed) && !self.write.load(Relaxed)
    }
}

impl<B> Judged<B> {
    pub(crate) fn new(below: B, failures: Arc<IoFailures>) -> Self {
        Self { below, failures }
    }

    fn note_read<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|_| self.failures.read.store(true, Relaxed))
    }

    fn note_write<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|_| self.failures.write.store(true, Relaxed))
    }
}

/// Why the file was not written or not made durable.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Unwritten(#[source] io::Error);

/// Whether the file could not be written, for another reason than a mere lack of room.
pub(crate) fn is_unwritten(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Unwritten>)
}

fn unwritten(error: io::Error) -> io::Error {
    io::Error::other(Unwritten(error))
}

/// What the system said to the making of a file. A disk that fails there did not write.
pub(crate) fn unmade(error: io::Error) -> io::Error {
    if fails(&error) { unwritten(error) } else { error }
}

fn unless_full(error: io::Error) -> io::Error {
    if is_full(&error) { error } else { unwritten(error) }
}

impl<B: StorageBackend> StorageBackend for Judged<B> {
    fn len(&self) -> io::Result<u64> {
        self.note_read(self.below.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.note_read(self.below.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.note_read(self.below.len())?;
        self.note_write(self.below.set_len(len))
            .map_err(|error| if len > before { unless_full(error) } else { unwritten(error) })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.note_write(self.below.sync_data()).map_err(unwritten)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note_write(self.below.write(offset, data))
            .map_err(|error| if offset < HEADER_BYTES { unwritten(error) } else { unless_full(error) })
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    /// A file of 4,096 bytes that does nothing but fail.
    #[derive(Debug)]
    struct Failing(Errno);

    impl StorageBackend for Failing {
        fn len(&self) -> io::Result<u64> {
            Ok(4096)
        }

        fn read(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            Err(self.0.into())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(self.0.into())
        }

        fn sync_data(&self) -> io::Result<()> {
            Err(self.0.into())
        }

        fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_pages_and_growth_fail_for_mere_want_of_room() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::IO] {
            let file = Judged::new(Failing(errno), Arc::default());
            let is_about_room = |done: io::Result<()>| {
                let error = done.expect_err("it fails");
                // One or the other, of every write.
                assert_ne!(is_full(&error), is_unwritten(&error), "{errno}");
                is_full(&error)
            };
            let about_room = errno != Errno::IO;
            assert_eq!(is_about_room(file.write(HEADER_BYTES, &[0])), about_room, "{errno}");
            assert_eq!(is_about_room(file.set_len(4097)), about_room, "{errno}");
            assert!(!is_about_room(file.write(HEADER_BYTES - 1, &[0])), "{errno}: the header");
            assert!(!is_about_room(file.set_len(4096)), "{errno}: no growth");
            assert!(!is_about_room(file.set_len(0)), "{errno}: shorter");
            assert!(!is_about_room(file.sync_data()), "{errno}: a sync");
            assert!(!is_unwritten(&file.read(0, &mut [0]).expect_err("it fails")), "{errno}: a read");
        }
    }

    #[test]
    fn failures_of_reads_are_told_from_those_of_writes() {
        for (is_written, is_synced) in [(false, false), (true, false), (false, true)] {
            let failures = Arc::new(IoFailures::default());
            let file = Judged::new(Failing(Errno::IO), Arc::clone(&failures));
            assert!(!failures.are_of_reads(), "nothing failed yet");
            file.read(0, &mut [0]).unwrap_err();
            assert!(failures.are_of_reads());
            if is_written {
                file.write(HEADER_BYTES, &[0]).unwrap_err();
            }
            if is_synced {
                file.sync_data().unwrap_err();
            }
            assert_eq!(failures.are_of_reads(), !is_written && !is_synced);
        }
    }
}
