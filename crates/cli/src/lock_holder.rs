//! Which process has a data directory locked, where the system tells.

use std::fs;
use std::path::Path;

/// The id of the process that holds the lock file `path`: the one that has the file open with a lock on it. Nothing where
/// the system does not say, or is not Linux.
pub(crate) fn holder(path: &Path) -> Option<u32> {
    // Not the table /proc/locks: it is read record by record, and misses one when a lock before it goes meanwhile.
    let path = path.canonicalize().ok()?;
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        holds(&process.path(), &path).then_some(pid)
    })
}

/// Whether a process, by its directory in `/proc`, has `path` open and locked. No for those that may not be looked into.
fn holds(process: &Path, path: &Path) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().filter(|file| fs::read_link(file.path()).is_ok_and(|target| target == path)).any(|file| {
        let about = fs::read_to_string(process.join("fdinfo").join(file.file_name())).unwrap_or_default();
        about.lines().any(|line| line.starts_with("lock:"))
    })
}
