use std::{fmt, sync::Arc};

use thiserror::Error;

/// The help desk's own id of a ticket: a 64-bit integer or any other string of 1 to [`MAX_KEY_BYTES`] bytes.
///
/// `1` and `"1"` are the same key; `"01"` is another one. Integers sort by value and before strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TicketKey {
    /// Any id that is the canonical decimal form of an `i64`.
    Int(i64),
    /// Every other id.
    Text(Arc<str>),
}

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// Why a string is no ticket key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The empty string names no ticket.
    #[error("a ticket id must not be empty")]
    Empty,
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("a ticket id must not be longer than {MAX_KEY_BYTES} bytes, this one has {0}")]
    TooLong(usize),
}

impl TicketKey {
    /// Reads a key from its text form.
    ///
    /// # Errors
    /// [`KeyError`] if the text is empty or too long.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if let Some(number) = canonical_int(text) {
            return Ok(Self::Int(number));
        }
        match text.len() {
            0 => Err(KeyError::Empty),
            len if len > MAX_KEY_BYTES => Err(KeyError::TooLong(len)),
            _ => Ok(Self::Text(text.into())),
        }
    }
}

impl From<i64> for TicketKey {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The integer whose canonical decimal form `text` is: no sign but `-`, no leading zero, no `-0`.
fn canonical_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_and_its_decimal_string_are_one_key() {
        for (text, number) in [
            ("0", 0),
            ("1", 1),
            ("-7", -7),
            ("567588278875213824", 567_588_278_875_213_824),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(TicketKey::parse(text), Ok(TicketKey::Int(number)));
            assert_eq!(TicketKey::Int(number).to_string(), text);
        }
    }

    #[test]
    fn look_alikes_of_integers_stay_strings() {
        for text in ["01", "-0", "+1", "1.0", " 1", "9223372036854775808", "-", "0x1"] {
            assert_eq!(TicketKey::parse(text), Ok(TicketKey::Text(text.into())), "{text}");
        }
    }

    #[test]
    fn length_is_bounded_on_both_sides() {
        assert_eq!(TicketKey::parse(""), Err(KeyError::Empty));
        assert!(TicketKey::parse(&"x".repeat(MAX_KEY_BYTES)).is_ok());
        assert_eq!(TicketKey::parse(&"x".repeat(MAX_KEY_BYTES + 1)), Err(KeyError::TooLong(MAX_KEY_BYTES + 1)));
    }

    #[test]
    fn integers_sort_by_value_and_before_strings() {
        let mut keys: Vec<_> = ["b", "10", "9", "a", "-1"].iter().map(|k| TicketKey::parse(k).unwrap()).collect();
        keys.sort();
        assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), ["-1", "9", "10", "a", "b"]);
    }
}
