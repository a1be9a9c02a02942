//! Names and modes of files, and every step that a crash must not undo.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::error::FileError;

/// Turns an I/O error into one that says what was attempted where.
pub(crate) fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { action, path: path.to_owned(), source }
}

/// The newest version of the log, which is what is written.
pub(crate) const VERSION: u32 = 1;

/// What the file of the version says before it.
const VERSION_NAME: &str = "ticketscope audit ";

/// Checks the version of the log in `dir`. One that says none is of version 1, or is not there.
pub(crate) fn check_version(dir: &Path) -> Result<(), FileError> {
    let path = dir.join("FORMAT");
    let Some(bytes) = read(&path)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let found = text.strip_prefix(VERSION_NAME).and_then(|rest| rest.strip_suffix('\n')?.parse::<u32>().ok());
    let problem = match found {
        Some(found) if (1..=VERSION).contains(&found) => return Ok(()),
        Some(found) if found > VERSION => {
            let newer = "the audit log was written by a newer version";
            format!("{newer} (format {found}, this program knows {VERSION}); update the program")
        }
        _ => "it holds no version of an audit log".to_owned(),
    };
    Err(failed("read", &path)(io::Error::other(problem)))
}

/// Says of which version the log in `dir` is, unless it says so.
pub(crate) fn write_version(dir: &Path) -> Result<(), FileError> {
    let path = dir.join("FORMAT");
    if path.exists() {
        return Ok(());
    }
    // Half of it would be no version: it gets its name as a whole.
    let temporary = dir.join("FORMAT.tmp");
    let mut file = open(&temporary)?;
    let text = format!("{VERSION_NAME}{VERSION}\n");
    file.set_len(0)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all())
        .map_err(failed("write", &temporary))?;
    fs::rename(&temporary, &path).map_err(failed("rename", &temporary))?;
    sync_dir(dir)
}

/// The file of records with this number.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}.jsonl"))
}

/// The numbers of the files of records, in order; none of a directory that is not there.
pub(crate) fn numbers(dir: &Path) -> Result<Vec<u32>, FileError> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries.map_err(failed("list", dir))?,
    };
    for entry in entries {
        let entry = entry.map_err(failed("list", dir))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
        // Only the one way to write a number: another file of the same number is none of ours.
        numbers.extend(number.filter(|number| path(dir, *number) == entry.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes the directory for its owner alone, unless it is there.
pub(crate) fn make_dir(dir: &Path) -> Result<(), FileError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Ok(()) => sync_dir(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(failed("create", dir)(error)),
    }
}

/// Opens a file for reading and writing, made for its owner alone if it is not there.
pub(crate) fn open(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(failed("open", path))
}

/// Whether `path` still leads to the open `file`: what is written to one that was deleted or replaced is lost.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let here = file.metadata()?;
    #[cfg(unix)]
    let is_same = {
        use std::os::unix::fs::MetadataExt;

        (here.dev(), here.ino()) == (there.dev(), there.ino())
    };
    #[cfg(not(unix))]
    let is_same = here.len() == there.len();
    Ok(is_same)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// The content of a file; nothing if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}
