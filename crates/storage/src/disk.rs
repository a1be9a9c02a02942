//! Files and directories: each step that a crash must not undo ends in an fsync here.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::FileError;

/// Turns an I/O error into one that says what was attempted where.
pub(crate) fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { action, path: path.to_owned(), source }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(failed("sync directory", path))
}

/// Makes a directory durable if it does not exist.
pub(crate) fn make_dir(path: &Path, parent: &Path) -> Result<(), FileError> {
    match fs::create_dir(path) {
        Ok(()) => sync_dir(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(failed("create directory", path)(error)),
    }
}

/// Makes a directory and those above it durable where they do not exist.
pub(crate) fn make_dirs(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if !path.is_dir() => {
            // The parent of a relative name is the current directory, whose name is not the empty one.
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            make_dirs(parent)?;
            make_dir(path, parent)
        }
        _ => Ok(()),
    }
}

/// Renames durably; both names are in `dir`.
pub(crate) fn rename_in(dir: &Path, from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed("rename", from))?;
    sync_dir(dir)
}

/// Writes a small file as a whole: a crash leaves the old state or the new one.
pub(crate) fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = dir.join(format!("{name}.tmp"));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", &temporary))?;
    rename_in(dir, &temporary, &dir.join(name))
}

/// Names of the entries of a directory; a name that is not UTF-8 is none of ours and left out.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list directory", dir))? {
        let entry = entry.map_err(failed("list directory", dir))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes a directory and all in it.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    fs::remove_dir_all(path).map_err(failed("remove directory", path))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).map_err(failed("remove", path))
}

/// Length of a file in bytes.
pub(crate) fn len(path: &Path) -> Result<u64, FileError> {
    fs::metadata(path).map(|meta| meta.len()).map_err(failed("measure", path))
}

/// Length of a file, or of the files in a directory, in bytes. What goes while it is measured counts nothing.
pub(crate) fn len_of_all(path: &Path) -> Result<u64, FileError> {
    let measured = fs::metadata(path).map_err(failed("measure", path)).and_then(|meta| {
        if !meta.is_dir() {
            return Ok(meta.len());
        }
        names(path)?.iter().map(|name| len_of_all(&path.join(name))).sum()
    });
    match measured {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(0),
        measured => measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_measured_at_every_depth_and_what_is_gone_counts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        fs::create_dir(&text).unwrap();
        fs::write(text.join("a"), b"123").unwrap();
        fs::write(dir.path().join("b"), b"12").unwrap();
        assert_eq!(len_of_all(dir.path()).unwrap(), 5);
        assert_eq!(len_of_all(&text.join("a")).unwrap(), 3);
        assert_eq!(len_of_all(&text.join("gone")).unwrap(), 0);
    }
}
