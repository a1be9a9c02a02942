use std::{io, path::PathBuf};

use tantivy::{
    TantivyError,
    directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError},
};
use thiserror::Error;

/// Why the text index cannot be read or written. It is derived from the state and can be made anew.
#[derive(Debug, Error)]
pub enum TextError {
    /// The index library failed.
    #[error("use the text index")]
    Index(#[source] Box<TantivyError>),
    /// A file cannot be read.
    #[error("read the text index")]
    Read(#[from] io::Error),
    /// The threads that texts are analysed on cannot be started.
    #[error("start threads for the text index")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A segment does not name the tickets of its documents in order.
    #[error("a segment of the text index does not name its tickets in order")]
    Rows,
}

impl TextError {
    /// What the system said, if it was the system and the index library tells.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Index(error) => system(error),
            Self::Read(error) => Some(error),
            Self::Threads(_) | Self::Rows => None,
        }
    }
}

impl TextDefect {
    /// What the system said, if it was the system and the index library tells.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Open(error) => system(error),
            Self::Text(error) => error.io(),
            Self::Panic(_) | Self::Foreign | Self::Ahead | Self::Forked | Self::Behind | Self::Damaged(_) => None,
        }
    }
}

fn system(error: &TantivyError) -> Option<&io::Error> {
    match error {
        TantivyError::IoError(error)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: error, .. })
        | TantivyError::OpenDirectoryError(
            OpenDirectoryError::IoError { io_error: error, .. } | OpenDirectoryError::FailedToCreateTempDir(error),
        ) => Some(error),
        _ => None,
    }
}

impl From<TantivyError> for TextError {
    fn from(error: TantivyError) -> Self {
        Self::Index(Box::new(error))
    }
}

/// Why a text index on disk is not used. It is set aside and made anew from the state.
#[derive(Debug, Error)]
pub enum TextDefect {
    /// The index library cannot open it.
    #[error("the text index cannot be opened")]
    Open(#[source] Box<TantivyError>),
    /// A check of the index library itself failed.
    #[error("the text index cannot be opened: {0}")]
    Panic(String),
    /// It cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It has no note of what it holds, or one of another tenant or of another way to cut words.
    #[error("the text index is of another tenant, of other languages or of another version")]
    Foreign,
    /// It holds batches that the state does not have.
    #[error("the text index is ahead of the state: it is of another history")]
    Ahead,
    /// It holds other batches than the state: one of them was put back to an earlier moment and went on from there.
    #[error("the text index is of another history than the state")]
    Forked,
    /// The log that would bring it up to date was cut.
    #[error("the text index is behind what is left of the log")]
    Behind,
    /// Files are damaged or missing.
    #[error("files of the text index are damaged: {0:?}")]
    Damaged(Vec<PathBuf>),
}
