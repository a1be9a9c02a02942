//! Small files with secrets: read only if nobody but the owner can, replaced as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Deserialize;
use thiserror::Error;

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// What is wrong with a file of a later version, whatever else is in it.
pub(super) fn newer(text: &str, known: u32) -> Option<String> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let found = serde_json::from_str::<Versioned>(text).ok()?.version;
    let problem = "it was written by a newer version";
    (found > known).then(|| format!("{problem} (format {found}, this program knows {known}); update the program"))
}

/// Why a file with keys cannot be read or written.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The system refuses.
    #[error("{action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("{} has mode {mode:o} and must be its owner's alone: chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// By what a replaced file is told from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |source| KeyFileError::Io { action, path, source }
}

/// What the file looks like; nothing if there is none.
pub(super) fn stamp(path: &Path) -> Result<Option<Stamp>, KeyFileError> {
    match fs::metadata(path) {
        Ok(metadata) => stamp_of(&metadata).map(Some).map_err(failed("look at", path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

fn stamp_of(metadata: &fs::Metadata) -> io::Result<Stamp> {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Ok(Stamp { modified: metadata.modified()?, len: metadata.len(), inode })
}

/// The text of the file; nothing if there is none.
pub(super) fn read(path: &Path) -> Result<Option<(String, Stamp)>, KeyFileError> {
    let mut file = match OpenOptions::new().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let metadata = file.metadata().map_err(failed("look at", path))?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
    }
    let mut text = String::new();
    (&mut file).take(MAX_BYTES).read_to_string(&mut text).map_err(failed("read", path))?;
    let stamp = stamp_of(&metadata).map_err(failed("look at", path))?;
    Ok(Some((text, stamp)))
}

/// Waits for the lock of whoever changes the file; it lasts as long as what is returned. A change made between reading the
/// file and replacing it would be lost, and it may be a revocation.
pub(super) fn lock(path: &Path) -> Result<File, KeyFileError> {
    let beside = beside(path, ".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&beside).map_err(failed("create", &beside))?;
    file.lock().map_err(failed("lock", &beside))?;
    Ok(file)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    PathBuf::from(beside)
}

/// Puts `text` in place of the file, durably: whoever reads sees the old one or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<Stamp, KeyFileError> {
    let beside = beside(path, ".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed("create", &beside))?;
    write(&mut file, text).map_err(failed("write", &beside))?;
    let stamp = file.metadata().and_then(|metadata| stamp_of(&metadata)).map_err(failed("look at", &beside))?;
    fs::rename(&beside, path).map_err(failed("replace", path))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir_file = OpenOptions::new().read(true).open(dir).map_err(failed("open", dir))?;
    dir_file.sync_all().map_err(failed("sync", dir))?;
    Ok(stamp)
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    // A file left over by a crash may have been made with another mode.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
