use std::{
    path::{Path, PathBuf},
    vec,
};

use thiserror::Error;

use crate::{entry::Record, error::FileError, files};

/// A line that cannot be read.
#[derive(Debug, Error)]
pub enum BadLine {
    /// The system refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no record.
    #[error("line {line} of {} is not a record", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Why not.
        source: serde_json::Error,
    },
}

/// The records of a log, from the first.
#[derive(Debug)]
pub struct Records {
    files: vec::IntoIter<PathBuf>,
    path: PathBuf,
    bytes: Vec<u8>,
    at: usize,
    line: u64,
}

/// Reads the log in `dir`, also while it is being appended to; one file at a time is in memory. It is read as it is:
/// [`crate::verify()`] says whether it is what was written.
///
/// # Errors
/// [`FileError`] if the directory cannot be listed; one that is not there is an empty log.
pub fn records(dir: &Path) -> Result<Records, FileError> {
    files::check_version(dir)?;
    let paths: Vec<PathBuf> = files::numbers(dir)?.into_iter().map(|number| files::path(dir, number)).collect();
    Ok(Records { files: paths.into_iter(), path: PathBuf::new(), bytes: Vec::new(), at: 0, line: 0 })
}

impl Iterator for Records {
    type Item = Result<Record, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at >= self.bytes.len() {
            self.path = self.files.next()?;
            (self.at, self.line) = (0, 0);
            match files::read(&self.path) {
                Ok(bytes) => self.bytes = bytes.unwrap_or_default(),
                Err(error) => {
                    self.bytes.clear();
                    return Some(Err(error.into()));
                }
            }
        }
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let read = serde_json::from_slice(&rest[..end]);
        self.at += end + 1;
        self.line += 1;
        let (path, line) = (&self.path, self.line);
        Some(read.map_err(|source| BadLine::NotARecord { path: path.clone(), line, source }))
    }
}
