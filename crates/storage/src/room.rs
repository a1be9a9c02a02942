//! Room on the disk, and how its lack shows.

use std::{io, path::Path};

use crate::{
    FileError,
    disk::{self, steps},
};

/// The room of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that this user may still write.
    pub available: u64,
}

impl Space {
    /// Of the file system that holds `path`, which must exist.
    ///
    /// # Errors
    /// [`FileError`] if the system does not tell.
    pub fn at(path: &Path) -> Result<Self, FileError> {
        let told =
            rustix::fs::statvfs(path).map_err(|error| steps::failed("measure the disk of", path)(error.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok(Self { total: bytes(told.f_blocks), available: bytes(told.f_bavail) })
    }
}

/// Whether `error` says that there was no room: on the disk, by a quota, or by the limit on the length of files.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Whether `error` says that the disk itself failed, when it was to write or, by [`disk::is_unread`], to read.
pub fn is_disk_failure(error: &io::Error) -> bool {
    fails(disk::cause(error).unwrap_or(error))
}

/// Whether the system says so.
pub(crate) fn fails(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_disk_of_a_directory_is_measured_and_that_of_none_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let space = Space::at(dir.path()).expect("a measure");
        assert!(space.total > 0 && space.available <= space.total, "{space:?}");
        assert!(Space::at(&dir.path().join("nowhere")).is_err());
    }

    #[test]
    fn the_errors_of_a_full_disk_are_told_from_those_of_a_failing_one() {
        for (errno, full, failing) in [
            (Errno::NOSPC, true, false),
            (Errno::DQUOT, true, false),
            (Errno::FBIG, true, false),
            (Errno::IO, false, true),
            (Errno::ACCESS, false, false),
            (Errno::ROFS, false, false),
        ] {
            let error = io::Error::from(errno);
            assert_eq!((is_full(&error), is_disk_failure(&error)), (full, failing), "{errno}");
        }
    }
}
