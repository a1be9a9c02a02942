//! The file under redb, and which of its errors leave the database as it was.

use std::{error::Error, io, ops::Bound};

use redb::{BackendError, StorageBackend};
use thiserror::Error;

use crate::room::is_full;

/// The bytes at the beginning that say which transaction is in force. redb writes every other page, and makes them
/// durable, before it writes these.
const HEADER_BYTES: u64 = 512;

/// Passes everything on to another backend. An error that says that there was no room stays one only where nothing can
/// have come into force: of a write of pages, or where the file was to grow. Of every other failed write, and of a failed
/// sync, nobody knows what it left: it becomes an [`Unwritten`].
#[derive(Debug)]
pub(crate) struct Judged<B>(pub(crate) B);

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

fn unless_full(error: io::Error) -> io::Error {
    if is_full(&error) { error } else { unwritten(error) }
}

impl<B: StorageBackend> StorageBackend for Judged<B> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.0.len()?;
        self.0.set_len(len).map_err(|error| if len > before { unless_full(error) } else { unwritten(error) })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data().map_err(unwritten)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0
            .write(offset, data)
            .map_err(|error| if offset < HEADER_BYTES { unwritten(error) } else { unless_full(error) })
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
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
            let file = Judged(Failing(errno));
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
}
