//! Which process has a data directory locked, where the system tells.

use std::path::Path;

/// The id of the process that holds the lock file `path`: the one that both has a lock on such an inode and has the
/// file open. Nothing where the system does not say, or is not Linux.
pub(crate) fn holder(path: &Path) -> Option<u32> {
    let path = path.canonicalize().ok()?;
    let inode = inode(&path)?.to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks
        .lines()
        .filter_map(|line| {
            // 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131090 0 EOF
            let mut words = line.split_whitespace().skip_while(|word| *word != "WRITE").skip(1);
            let (pid, file) = (words.next()?, words.next()?);
            file.rsplit(':').next().filter(|found| *found == inode)?;
            pid.parse().ok()
        })
        .find(|pid| has_open(*pid, &path))
}

#[cfg(unix)]
fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;

    Some(path.metadata().ok()?.ino())
}

#[cfg(not(unix))]
fn inode(_: &Path) -> Option<u64> {
    None
}

fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == path))
}
