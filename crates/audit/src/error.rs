use std::{io, path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::{
    chain::{Defect, Head},
    hash::Hash,
};

/// A file or directory cannot be worked with.
#[derive(Debug, Error)]
#[error("{action} {}", path.display())]
pub struct FileError {
    /// What was attempted.
    pub action: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

/// Why a log cannot be opened to be appended to.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The system refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is there is not what was written.
    #[error("the audit log is damaged and is not appended to")]
    Damaged(#[from] VerifyError),
}

/// Why something was not recorded.
#[derive(Debug, Clone, Error)]
pub enum AppendError {
    /// It could not be written; the log is as before, and the next try may succeed.
    #[error("append to the audit log")]
    File(#[source] Arc<FileError>),
    /// Another process appended, and what it left cannot be gone on from.
    #[error("append to the audit log")]
    Changed(#[source] Arc<OpenError>),
    /// A write before failed in a way that leaves open what is on disk. Open the log again.
    #[error("the audit log is closed because a write failed; restart to open it again")]
    Closed,
}

/// What is wrong with a log, or why it cannot be read.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The system refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line is not what was written there, or lines before it are gone.
    #[error("line {line} of {} {defect}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong.
        defect: Defect,
    },
    /// A file between others, or the first, is gone.
    #[error("{} is missing", path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// The end is gone: more was durable than there is.
    #[error("the log ends with record {} in {}, but had {} records", found.seq, path.display(), known.seq)]
    Truncated {
        /// The file in which the log ends.
        path: PathBuf,
        /// Its end.
        found: Head,
        /// What was durable.
        known: Head,
    },
    /// The file of the head is gone or holds something else.
    #[error("{} is missing or not a head", path.display())]
    NoHead {
        /// The file.
        path: PathBuf,
    },
    /// No record has the hash that one is known to have had.
    #[error("no record has the hash {hash}: records up to it were removed or rewritten")]
    UnknownHead {
        /// The hash.
        hash: Hash,
    },
}
