use std::{error::Error, io, path::Path, sync::Arc};

use thiserror::Error;

use super::{Disk, DiskFile, DiskLock, Map, Opening};
use crate::room::fails;

/// A disk that failed when it was to read. Nothing that was written is in doubt.
#[derive(Debug, Error)]
#[error(transparent)]
struct Unread(io::Error);

/// Whether `error` says that the disk failed when it was to read: what it was to read is lost or can be made anew, and
/// nothing that was written is in doubt.
pub fn is_unread(error: &io::Error) -> bool {
    cause(error).is_some()
}

/// What the system said to a read that failed.
pub(crate) fn cause(error: &io::Error) -> Option<&io::Error> {
    let inner: &(dyn Error + 'static) = error.get_ref()?;
    inner.downcast_ref::<Unread>().map(|Unread(cause)| cause)
}

/// Marks what the system said to a read.
pub(crate) fn unread(error: io::Error) -> io::Error {
    if fails(&error) { io::Error::new(error.kind(), Unread(error)) } else { error }
}

/// Another disk, whose failures say whether they are of a read. All other errors are as they are, and so are those of open
/// files: a database knows which of its calls failed.
#[derive(Debug)]
pub(crate) struct TellsReads(Arc<dyn Disk>);

impl TellsReads {
    pub(crate) fn of(disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        Arc::new(Self(disk))
    }
}

impl Disk for TellsReads {
    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn DiskFile>> {
        let opened = self.0.open(path, how);
        if how == Opening::Existing { opened.map_err(unread) } else { opened }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.read(path).map_err(unread)
    }

    fn map(&self, path: &Path) -> io::Result<Map> {
        self.0.map(path).map_err(unread)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.0.len(path).map_err(unread)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path).map_err(unread)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.0.is_dir(path)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.names(dir).map_err(unread)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.0.make_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.0.remove_tree(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.0.lock(path)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use crate::{is_disk_failure, is_full};

    use super::*;

    #[derive(Debug)]
    struct Failing(Errno);

    impl Failing {
        fn fail<T>(&self) -> io::Result<T> {
            Err(self.0.into())
        }
    }

    impl Disk for Failing {
        fn open(&self, _: &Path, _: Opening) -> io::Result<Box<dyn DiskFile>> {
            self.fail()
        }

        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            self.fail()
        }

        fn map(&self, _: &Path) -> io::Result<Map> {
            self.fail()
        }

        fn len(&self, _: &Path) -> io::Result<u64> {
            self.fail()
        }

        fn exists(&self, _: &Path) -> io::Result<bool> {
            self.fail()
        }

        fn is_dir(&self, _: &Path) -> bool {
            false
        }

        fn names(&self, _: &Path) -> io::Result<Vec<String>> {
            self.fail()
        }

        fn make_dir(&self, _: &Path) -> io::Result<()> {
            self.fail()
        }

        fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
            self.fail()
        }

        fn remove(&self, _: &Path) -> io::Result<()> {
            self.fail()
        }

        fn remove_tree(&self, _: &Path) -> io::Result<()> {
            self.fail()
        }

        fn sync_dir(&self, _: &Path) -> io::Result<()> {
            self.fail()
        }

        fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
            self.fail()
        }
    }

    fn errors(errno: Errno) -> (Vec<io::Error>, Vec<io::Error>) {
        let (disk, path) = (TellsReads::of(Arc::new(Failing(errno))), Path::new("some"));
        let reads = vec![
            disk.read(path).map(drop),
            disk.map(path).map(drop),
            disk.len(path).map(drop),
            disk.exists(path).map(drop),
            disk.names(path).map(drop),
            disk.open(path, Opening::Existing).map(drop),
        ];
        let changes = vec![
            disk.open(path, Opening::New).map(drop),
            disk.open(path, Opening::Emptied).map(drop),
            disk.make_dir(path),
            disk.rename(path, path),
            disk.remove(path),
            disk.remove_tree(path),
            disk.sync_dir(path),
            disk.lock(path).map(drop),
        ];
        let error = |done: io::Result<()>| done.expect_err("it fails");
        (reads.into_iter().map(error).collect(), changes.into_iter().map(error).collect())
    }

    #[test]
    fn a_disk_that_fails_to_read_is_told_from_one_that_fails_to_write() {
        let (reads, changes) = errors(Errno::IO);
        let plain = io::Error::from(Errno::IO);
        for (error, is_read) in
            reads.iter().map(|read| (read, true)).chain(changes.iter().map(|change| (change, false)))
        {
            assert_eq!((is_unread(error), is_disk_failure(error)), (is_read, true), "{error:?}");
            assert_eq!((error.kind(), error.to_string()), (plain.kind(), plain.to_string()));
        }
    }

    #[test]
    fn other_errors_are_as_the_system_gave_them() {
        for errno in [Errno::NOENT, Errno::NOSPC, Errno::ACCESS] {
            let (reads, changes) = errors(errno);
            for error in reads.iter().chain(&changes) {
                assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
                assert!(!is_unread(error) && !is_disk_failure(error));
                assert_eq!(is_full(error), errno == Errno::NOSPC);
            }
        }
    }
}
