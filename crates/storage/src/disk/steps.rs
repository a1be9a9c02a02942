//! Steps that a crash must not undo: each ends in a sync.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{Disk, FileWriter, Opening};
use crate::FileError;

/// Turns an I/O error into one that says what was attempted where.
pub(crate) fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { action, path: path.to_owned(), source }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    disk.sync_dir(path).map_err(failed("sync directory", path))
}

/// Makes a directory durable if it does not exist.
pub(crate) fn make_dir(disk: &dyn Disk, path: &Path, parent: &Path) -> Result<(), FileError> {
    match disk.make_dir(path) {
        Ok(()) => sync_dir(disk, parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && disk.is_dir(path) => Ok(()),
        Err(error) => Err(failed("create directory", path)(error)),
    }
}

/// Makes a directory and those above it durable where they do not exist, and the first one that does.
pub(crate) fn make_dirs(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    // The parent of a relative name is the current directory, whose name is not the empty one.
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    if !disk.is_dir(path) {
        make_dirs(disk, parent)?;
        return make_dir(disk, path, parent);
    }
    match sync_dir(disk, parent) {
        // Whoever may not read the parent did not make the directory, nor did a process before that did not live to sync it.
        Err(error) if error.source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Renames durably; both names are in `dir`.
pub(crate) fn rename_in(disk: &dyn Disk, dir: &Path, from: &Path, to: &Path) -> Result<(), FileError> {
    disk.rename(from, to).map_err(failed("rename", from))?;
    sync_dir(disk, dir)
}

/// Writes a small file as a whole: a crash leaves the old state or the new one.
pub(crate) fn write_whole(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = dir.join(format!("{name}.tmp"));
    let write = || -> io::Result<()> {
        let mut file = FileWriter::new(disk.open(&temporary, Opening::Emptied)?);
        file.write_all(bytes)?;
        file.sync()
    };
    write().map_err(failed("write", &temporary))?;
    rename_in(disk, dir, &temporary, &dir.join(name))
}

/// Whether there is something of that name.
pub(crate) fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, FileError> {
    disk.exists(path).map_err(failed("look for", path))
}

/// Names of the entries of a directory.
pub(crate) fn names(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, FileError> {
    disk.names(dir).map_err(failed("list directory", dir))
}

/// Removes a directory and all in it.
pub(crate) fn remove_tree(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    disk.remove_tree(path).map_err(failed("remove directory", path))
}

/// Removes a file.
pub(crate) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    disk.remove(path).map_err(failed("remove", path))
}

/// Length of a file in bytes.
pub(crate) fn len(disk: &dyn Disk, path: &Path) -> Result<u64, FileError> {
    disk.len(path).map_err(failed("measure", path))
}

/// Length of a file, or of the files in a directory at every depth, in bytes. What goes while it is measured counts nothing.
pub(crate) fn len_of_all(disk: &dyn Disk, path: &Path) -> Result<u64, FileError> {
    let measured = if disk.is_dir(path) {
        names(disk, path).and_then(|names| names.iter().map(|name| len_of_all(disk, &path.join(name))).sum())
    } else {
        len(disk, path)
    };
    match measured {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(0),
        measured => measured,
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::SystemDisk;

    use super::*;

    #[test]
    fn files_are_measured_at_every_depth_and_what_is_gone_counts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::create_dir(&text).unwrap();
        std::fs::write(text.join("a"), b"123").unwrap();
        std::fs::write(dir.path().join("b"), b"12").unwrap();
        assert_eq!(len_of_all(&SystemDisk, dir.path()).unwrap(), 5);
        assert_eq!(len_of_all(&SystemDisk, &text.join("a")).unwrap(), 3);
        assert_eq!(len_of_all(&SystemDisk, &text.join("gone")).unwrap(), 0);
    }
}
