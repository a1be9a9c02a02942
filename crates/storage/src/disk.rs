//! Files and directories: each step that a crash must not undo ends in an fsync here.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
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

/// Makes a directory that only its owner may enter; whether it was not there before. Its name is not made durable.
pub(crate) fn make_private_dir(path: &Path) -> Result<bool, FileError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create directory", path)(error)),
    }
}

/// Makes a file that only its owner may read, which must not exist.
pub(crate) fn create_private(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(failed("create", path))
}

/// Opens a file to be read.
pub(crate) fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(failed("open", path))
}

/// The bytes of a small file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(failed("read", path))
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

/// Length of the files in a directory, in bytes. One that goes while they are measured counts nothing.
pub(crate) fn len_of_files(dir: &Path) -> Result<u64, FileError> {
    let mut sum = 0;
    for name in names(dir)? {
        sum += len_if_there(&dir.join(name))?;
    }
    Ok(sum)
}

/// Length of a file in bytes; nothing of one that went.
pub(crate) fn len_if_there(path: &Path) -> Result<u64, FileError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(meta.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed("measure", path)(error)),
    }
}
