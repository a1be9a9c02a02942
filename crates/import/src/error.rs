use std::io;

use thiserror::Error;
use ticketscope_model::{KeyError, TimestampError};

use crate::{Format, MAX_DEPTH, MAX_ITEMS, MAX_KEYS, MAX_NUMBER_BYTES};

/// A line that states no change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct LineError {
    /// The line, from 1.
    pub line: u64,
    /// The byte of the line where the trouble is, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line. Names and values from the line are cut to 64 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The line is longer than a reader must hold in memory.
    #[error("the line has {bytes} bytes, more than {max}; split it, or move its text to `text` lines")]
    LineTooLong {
        /// Its length.
        bytes: u64,
        /// The limit in force, normally [`crate::MAX_LINE_BYTES`].
        max: usize,
    },
    /// The bytes are no UTF-8.
    #[error("the line is not valid UTF-8; convert the file to UTF-8")]
    NotUtf8,
    /// The line is not JSON.
    #[error("invalid JSON: {0}")]
    Json(&'static str),
    /// Lists and objects inside each other beyond [`MAX_DEPTH`].
    #[error("lists and objects are nested deeper than {MAX_DEPTH}; flatten the value")]
    TooDeep,
    /// A number longer than [`MAX_NUMBER_BYTES`], or one that no 64-bit float comes near.
    #[error("the number has more than {MAX_NUMBER_BYTES} characters or is out of range; write it as a string")]
    Number,
    /// JSON, but no object.
    #[error("expected one JSON object a line, found {found}")]
    NotAnObject {
        /// What the line holds.
        found: &'static str,
    },
    /// An object with more than [`MAX_KEYS`] keys.
    #[error("the object has more than {MAX_KEYS} keys, more than there can be fields")]
    TooManyKeys,
    /// A list with more than [`MAX_ITEMS`] items.
    #[error("the list has more than {MAX_ITEMS} items; a ticket cannot hold as many")]
    TooManyItems,
    /// A key that stands twice in its object.
    #[error("key `{key}` appears twice; keep one")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A key without which the line means nothing.
    #[error("{place}: the key `{key}` is missing; add it")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The kind of line or object.
        place: &'static str,
    },
    /// A key that means nothing in this place.
    #[error("{place}: unknown key `{key}`; use {}", list(.known))]
    UnknownKey {
        /// The key.
        key: String,
        /// The kind of line or object.
        place: &'static str,
        /// The keys it may have.
        known: &'static [&'static str],
    },
    /// A value of another type than its key takes.
    #[error("`{key}` takes {expected}, found {found}")]
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// A value of `k` that names no kind of line.
    #[error("`{kind}` is no kind of line; `k` may be {}", list(.known))]
    UnknownKind {
        /// The value of `k`.
        kind: String,
        /// Every kind.
        known: &'static [&'static str],
    },
    /// A word that is none of those its key takes.
    #[error("`{key}` cannot be `{word}`; use {}", list(.known))]
    UnknownWord {
        /// The key.
        key: &'static str,
        /// The word.
        word: String,
        /// The words it takes.
        known: Vec<&'static str>,
    },
    /// An id that is the empty string.
    #[error("`{key}` must not be empty")]
    EmptyId {
        /// The key.
        key: String,
    },
    /// An id that can be no ticket's.
    #[error("`{key}`: {reason}")]
    TicketId {
        /// The key.
        key: &'static str,
        /// Why.
        reason: KeyError,
    },
    /// A text that is no date.
    #[error("`{key}`: {reason}")]
    Date {
        /// The key.
        key: &'static str,
        /// Names the text.
        reason: TimestampError,
    },
    /// `comments` on a `ticket` line, which is a patch: it could not say which comments it leaves alone.
    #[error("a `ticket` line has no `comments`; write one `text` line a comment")]
    Comments,
    /// `k` on a line of the plain ticket format, which would be taken for a field.
    #[error("a plain ticket has no `k`; keep scope-jsonl lines in a file of their own")]
    MixedFormats,
    /// `"gone": true` on a line that states no lasting fact.
    #[error("a `{kind}` line cannot be `gone`; leave `gone` out")]
    Gone {
        /// The kind of line.
        kind: &'static str,
    },
    /// An event of a field that holds many values which neither adds nor removes one.
    #[error("the event of `{field}` neither adds (`to`) nor removes (`from`) a value")]
    EmptyEvent {
        /// The field.
        field: String,
    },
}

impl Problem {
    /// A name for programs: it never changes, whatever becomes of the message.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::Json(_) => "invalid_json",
            Self::TooDeep => "too_deep",
            Self::Number => "number_out_of_range",
            Self::NotAnObject { .. } => "not_an_object",
            Self::TooManyKeys => "too_many_keys",
            Self::TooManyItems => "too_many_items",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::MissingKey { .. } => "missing_key",
            Self::UnknownKey { .. } => "unknown_key",
            Self::WrongType { .. } => "wrong_type",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::UnknownWord { .. } => "unknown_word",
            Self::EmptyId { .. } => "empty_id",
            Self::TicketId { .. } => "bad_ticket_id",
            Self::Date { .. } => "bad_date",
            Self::Comments => "misplaced_comments",
            Self::MixedFormats => "mixed_formats",
            Self::Gone { .. } => "gone_not_allowed",
            Self::EmptyEvent { .. } => "empty_event",
        }
    }
}

impl LineError {
    /// [`Problem::code`].
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

/// A problem and the byte of the line where it is, before the line has a number.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

/// `text` as a message may show it: short, and without characters that steer a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The input broke off: it could not be read, or its compression is damaged.
#[derive(Debug, Error)]
#[error("cannot read the input after line {lines}, byte {offset}")]
pub struct ReadError {
    /// Whole lines that were read before.
    pub lines: u64,
    /// Bytes of decompressed input that were handed out before.
    pub offset: u64,
    /// Why.
    pub source: io::Error,
}

/// The format of an input cannot be told.
#[derive(Debug, Error)]
pub enum DetectError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its first line is like no format.
    #[error("cannot tell the format by line {line}: found {found}; {}", formats())]
    Unknown {
        /// The first line that is not blank.
        line: u64,
        /// What it holds.
        found: String,
    },
}

pub(crate) fn formats() -> String {
    let known: Vec<_> = Format::ALL.iter().map(|format| format!("{format} ({})", format.sign())).collect();
    format!("the formats are {}", known.join(", "))
}

/// A change could not be written as a scope-jsonl line.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The line format has no words for it.
    #[error("a scope-jsonl line cannot hold {0}")]
    Inexpressible(&'static str),
    /// The output failed.
    #[error("cannot write a line")]
    Write(#[from] io::Error),
}
