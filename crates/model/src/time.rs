use std::{fmt, str::FromStr};

use jiff::civil;
use thiserror::Error;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, from year -9999 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The text is no date that we read. It holds at most 64 characters of the text, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no date: write 2026-01-31, 2026-01-31T09:30:00Z or 2026-01-31T09:30:00+02:00")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// The moment a date-like text means: an ISO 8601 date and time with a zone or offset, one without a zone (read as
    /// UTC), or a bare date (its first moment in UTC).
    ///
    /// # Errors
    /// [`TimestampError`] names the text.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let shown = || text.chars().take(64).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let bad = || TimestampError(shown());
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(moment.as_millisecond()));
        }
        // A civil time must not silently drop an offset that the line above could not read.
        let time = text.find(['T', 't', ' ']).map_or("", |at| &text[at..]);
        if text.contains(['Z', 'z', '+', '[']) || time.contains('-') {
            return Err(bad());
        }
        let civil = text.parse::<civil::DateTime>();
        let moment = civil.ok().and_then(|at: civil::DateTime| at.to_zoned(jiff::tz::TimeZone::UTC).ok());
        moment.map(|zoned| Self(zoned.timestamp().as_millisecond())).ok_or_else(bad)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse(text)
    }
}

impl fmt::Display for Timestamp {
    /// `2026-01-31T09:30:00Z`, with milliseconds only where there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_help_desks_write() {
        for (text, shown) in [
            ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00:00.250Z", "2026-01-05T09:00:00.25Z"),
            ("2026-01-05T11:00:00+02:00", "2026-01-05T09:00:00Z"),
            ("2026-01-05 09:00:00", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00", "2026-01-05T09:00:00Z"),
            ("2026-01-05", "2026-01-05T00:00:00Z"),
            ("0202-02-27T00:00:00Z", "0202-02-27T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_by_name() {
        for text in ["", "yesterday", "2026-13-01", "2026-02-30", "05/01/2026", "2026-01-05T25:00:00Z", "1767693600"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn neither_an_offset_nor_a_time_of_the_day_is_dropped() {
        // Five hours later lies behind the last moment there is.
        assert!(Timestamp::parse("9999-12-30T20:00:00-05:00").is_err());
        assert!(Timestamp::parse("9999-12-30 20:00-05").is_err());
        for (text, shown) in [
            ("20260105T09", "2026-01-05T09:00:00Z"),
            ("20260105 10", "2026-01-05T10:00:00Z"),
            ("2026-01-05T09:00-02", "2026-01-05T11:00:00Z"),
            ("-000001-01-05", "-000001-01-05T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn an_error_shows_little_of_the_text_and_no_control_character() {
        let error = Timestamp::parse(&"\u{1b}[31m\u{7f}x".repeat(100)).unwrap_err();
        assert!(!error.0.contains(char::is_control) && error.0.len() == 64, "{error}");
    }
}
