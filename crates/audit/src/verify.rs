use std::path::Path;

use crate::{
    chain::{self, Defect, Head, Rest},
    error::VerifyError,
    files,
    hash::Hash,
    head,
};

/// A log that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records.
    pub records: u64,
    /// Files that they are in.
    pub files: usize,
    /// Its end. Kept elsewhere and given to [`verify`] later, it shows that nothing up to here was removed or rewritten.
    pub head: Head,
    /// Bytes after the last record that are less than one: it is just being written, or was when the system crashed.
    pub unfinished: u64,
}

/// Walks the whole log in `dir`, also while it is being appended to. A directory that is not there is an empty log.
///
/// Linear in the log; one file at a time is in memory.
///
/// # Errors
/// [`VerifyError`] for the first thing that is wrong: a line that was altered, removed, added or moved, a file that is
/// missing, an end that was cut off; and if no record has the hash `known`.
pub fn verify(dir: &Path, known: Option<Hash>) -> Result<Verified, VerifyError> {
    files::check_version(dir)?;
    // Before the files, so that the log can only have gone on since.
    let durable = head::read(dir)?;
    let numbers = files::numbers(dir)?;
    let mut at = Head::EMPTY;
    let mut unfinished = 0;
    let mut is_known = known.is_none_or(|known| known == Hash::ZERO);
    let last = numbers.last().copied().unwrap_or(0);
    for (number, expected) in numbers.iter().copied().zip(1..) {
        if number != expected {
            return Err(VerifyError::MissingFile { path: files::path(dir, expected) });
        }
        let path = files::path(dir, number);
        let bytes = files::read(&path)?.ok_or_else(|| VerifyError::MissingFile { path: path.clone() })?;
        let walk = chain::walk(&bytes, at, |head| {
            is_known |= known == Some(head.hash);
            agree(head, durable)
        });
        at = walk.head;
        match walk.rest {
            Rest::Nothing => {}
            Rest::Unfinished if number == last => unfinished = (bytes.len() - walk.good) as u64,
            Rest::Unfinished => {
                return Err(VerifyError::Line { path, line: walk.lines + 1, defect: Defect::NotARecord });
            }
            Rest::Wrong(defect) => return Err(VerifyError::Line { path, line: walk.lines + 1, defect }),
        }
    }
    match durable {
        None if at.seq > 0 => return Err(VerifyError::NoHead { path: head::path(dir) }),
        Some(known) if known.seq > at.seq => {
            return Err(VerifyError::Truncated { path: files::path(dir, last.max(1)), found: at, known });
        }
        _ => {}
    }
    match known {
        Some(hash) if !is_known => Err(VerifyError::UnknownHead { hash }),
        _ => Ok(Verified { records: at.seq, files: numbers.len(), head: at, unfinished }),
    }
}

/// The record that was the last one at some time is still the same.
pub(crate) fn agree(head: Head, durable: Option<Head>) -> Result<(), Defect> {
    match durable {
        Some(durable) if durable.seq == head.seq && durable.hash != head.hash => Err(Defect::Rewritten),
        _ => Ok(()),
    }
}
