//! The file under redb, and which of its errors leave the database as it was.

use std::{io, ops::Bound};

use redb::{BackendError, StorageBackend};

use crate::room::is_full;

/// The bytes at the beginning that say which transaction is in force. redb writes every other page, and makes them
/// durable, before it writes these.
const HEADER_BYTES: u64 = 512;

/// Passes everything on to another backend. An error that says that there was no room stays one only where nothing can
/// have come into force: of a write of pages, or where the file was to grow. Of a sync, of a write of the header and of
/// everything else it becomes one that says no such thing.
#[derive(Debug)]
pub(crate) struct Judged<B>(pub(crate) B);

/// The same error, of a kind that nobody takes for a mere lack of room.
fn grave(error: io::Error) -> io::Error {
    if is_full(&error) { io::Error::other(error) } else { error }
}

impl<B: StorageBackend> StorageBackend for Judged<B> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out).map_err(grave)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.0.len()?;
        self.0.set_len(len).map_err(|error| if len > before { error } else { grave(error) })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data().map_err(grave)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data).map_err(|error| if offset < HEADER_BYTES { grave(error) } else { error })
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
            let is_about_room = |done: io::Result<()>| is_full(&done.expect_err("it fails"));
            let about_room = errno != Errno::IO;
            assert_eq!(is_about_room(file.write(HEADER_BYTES, &[0])), about_room, "{errno}");
            assert_eq!(is_about_room(file.set_len(4097)), about_room, "{errno}");
            assert!(!is_about_room(file.write(HEADER_BYTES - 1, &[0])), "{errno}: the header");
            assert!(!is_about_room(file.set_len(4096)), "{errno}: no growth");
            assert!(!is_about_room(file.set_len(0)), "{errno}: shorter");
            assert!(!is_about_room(file.sync_data()), "{errno}: a sync");
            assert!(!is_about_room(file.read(0, &mut [0])), "{errno}: a read");
        }
    }
}
