//! Lines that follow from one another.

use serde::Deserialize;
use thiserror::Error;

use crate::{entry::Entry, hash::Hash};

/// The end of a log: what it was like up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last record; 0 of an empty log.
    pub seq: u64,
    /// Its hash; zeros of an empty log.
    pub hash: Hash,
}

impl Head {
    /// The head of a log without records.
    pub const EMPTY: Self = Self { seq: 0, hash: Hash::ZERO };
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Defect {
    /// It has not the form of a record.
    #[error("is not a record")]
    NotARecord,
    /// Its bytes were altered after it was written.
    #[error("does not match its own hash")]
    Altered,
    /// It is not the record that follows: one was removed, added or moved.
    #[error("is record {found} where record {expected} follows")]
    OutOfOrder {
        /// The number that follows.
        expected: u64,
        /// The number it has.
        found: u64,
    },
    /// It follows another record than the one before it.
    #[error("does not follow the record before it")]
    Unchained,
    /// The log has gone on from another record of this number.
    #[error("is not the record that was the last one when it was written")]
    Rewritten,
}

/// What stands between a line's content and its hash.
const SEAL: &str = ",\"hash\":\"";

/// What ends a line.
const END: &str = "\"}\n";

/// Appends the line of `entry` after `head`; the head after it.
pub(crate) fn push(text: &mut String, entry: &Entry, head: Head) -> Head {
    let seq = head.seq + 1;
    let line = entry.unsealed(seq, &head.hash.to_string());
    let hash = Hash::of(line.as_bytes());
    for part in [&*line, SEAL, &*hash.to_string(), END] {
        text.push_str(part);
    }
    Head { seq, hash }
}

/// A line that is whole in itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) head: Head,
    pub(crate) prev: Hash,
}

#[derive(Deserialize)]
struct Content {
    seq: u64,
    prev: String,
}

impl Link {
    /// Reads a line, with its end.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Defect> {
        let text = std::str::from_utf8(line).or(Err(Defect::NotARecord))?;
        let text = text.strip_suffix(END).ok_or(Defect::NotARecord)?;
        let (content, hash) = text.rsplit_once(SEAL).ok_or(Defect::NotARecord)?;
        let hash: Hash = hash.parse().or(Err(Defect::NotARecord))?;
        if Hash::of(content.as_bytes()) != hash {
            return Err(Defect::Altered);
        }
        let mut whole = content.to_owned();
        whole.push('}');
        let Content { seq, prev } = serde_json::from_str(&whole).or(Err(Defect::NotARecord))?;
        let prev = prev.parse().or(Err(Defect::NotARecord))?;
        Ok(Self { head: Head { seq, hash }, prev })
    }

    /// The head before it, as it says itself.
    pub(crate) fn before(&self) -> Head {
        Head { seq: self.head.seq.saturating_sub(1), hash: self.prev }
    }

    fn follow(&self, before: Head) -> Result<Head, Defect> {
        let expected = before.seq + 1;
        if self.head.seq != expected {
            return Err(Defect::OutOfOrder { expected, found: self.head.seq });
        }
        if self.prev == before.hash { Ok(self.head) } else { Err(Defect::Unchained) }
    }
}

/// How far the lines of a file follow from one another.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The head after the last line that follows.
    pub(crate) head: Head,
    /// Bytes up to there.
    pub(crate) good: usize,
    /// Lines up to there.
    pub(crate) lines: u64,
    /// What comes then.
    pub(crate) rest: Rest,
}

/// What follows the last good line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// Less than a line.
    Unfinished,
    /// A line that is wrong.
    Wrong(Defect),
}

/// Walks the lines of `bytes` from `head`, telling `each` of every good one.
pub(crate) fn walk(bytes: &[u8], mut head: Head, mut each: impl FnMut(Head) -> Result<(), Defect>) -> Walk {
    let (mut good, mut lines) = (0, 0);
    let rest = loop {
        let Some(rest) = bytes.get(good..).filter(|rest| !rest.is_empty()) else { break Rest::Nothing };
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break Rest::Unfinished };
        let followed = Link::read(&rest[..=end]).and_then(|link| link.follow(head));
        match followed.and_then(|next| each(next).map(|()| next)) {
            Ok(next) => (head, good, lines) = (next, good + end + 1, lines + 1),
            Err(defect) => break Rest::Wrong(defect),
        }
    };
    Walk { head, good, lines, rest }
}

/// The head before the first line of `bytes`, if that line is whole.
pub(crate) fn head_before(bytes: &[u8]) -> Option<Head> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Link::read(&bytes[..=end]).ok().map(|link| link.before())
}
