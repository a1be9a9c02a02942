//! Copies of data directories.

use std::{fs, path::Path};

use tempfile::TempDir;

/// A directory that goes with its owner: in memory where the system has such a place. A kill leaves what the system has
/// taken, wherever it keeps it.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Copies a directory and everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of a data directory in a directory of its own.
pub(crate) fn copy_of(from: &Path) -> TempDir {
    let dir = directory();
    copy(from, dir.path());
    dir
}
