use std::fmt;

use thiserror::Error;

/// The name of a tenant: `[a-z0-9][a-z0-9_-]{0,62}`, so that it is also the name of its directory everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Box<str>);

/// The longest tenant id, in bytes.
const MAX_BYTES: usize = 63;

/// Names that some systems keep for devices.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Devices that some systems number from 0 to 9.
const RESERVED_NUMBERED: [&str; 2] = ["com", "lpt"];

/// Why a text is no tenant id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TenantIdError {
    /// The empty text.
    #[error("a tenant id must not be empty")]
    Empty,
    /// More than 63 bytes.
    #[error("a tenant id must not be longer than {MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A character that is not allowed there.
    #[error(
        "a tenant id must not have {found:?} at byte {at}: use a-z, 0-9, and after the first character also - and _"
    )]
    Character {
        /// Its first byte in the text.
        at: usize,
        /// The character.
        found: char,
    },
    /// The name of a device on some systems.
    #[error("`{0}` is reserved by some systems and cannot be a tenant id")]
    Reserved(Box<str>),
}

impl TenantId {
    /// Reads a tenant id.
    ///
    /// # Errors
    /// [`TenantIdError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        let allowed = |at: usize, c: char| match c {
            'a'..='z' | '0'..='9' => true,
            '-' | '_' => at > 0,
            _ => false,
        };
        if text.is_empty() {
            return Err(TenantIdError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(TenantIdError::TooLong(text.len()));
        }
        if let Some((at, found)) = text.char_indices().find(|&(at, c)| !allowed(at, c)) {
            return Err(TenantIdError::Character { at, found });
        }
        let numbered = |device: &str| matches!(text.strip_prefix(device).map(str::as_bytes), Some([b'0'..=b'9']));
        if RESERVED.contains(&text) || RESERVED_NUMBERED.into_iter().any(numbered) {
            return Err(TenantIdError::Reserved(text.into()));
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A random number given to a tenant when it is created, so that files of two tenants, or of two lives of one tenant,
/// are never taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantUuid(pub [u8; 16]);

impl fmt::Display for TenantUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_within_the_rule_are_taken_as_they_are() {
        let longest = "x".repeat(MAX_BYTES);
        for text in
            ["a", "0", "acme", "acme-eu_2", "a-", "a_", "7up", "console", "com", "com10", "lpt", longest.as_str()]
        {
            assert_eq!(TenantId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let too_long = "x".repeat(MAX_BYTES + 1);
        for text in [
            "",
            ".",
            "..",
            "...",
            "/",
            "//",
            "\\",
            "a/b",
            "a\\b",
            "../a",
            "..\\a",
            "a/..",
            "/etc",
            "./a",
            "a/",
            "a.b",
            ".a",
            "a.",
            ".hidden",
            ".trash-a",
            "-",
            "_",
            "-a",
            "_a",
            "A",
            "Acme",
            "aCme",
            "a b",
            " a",
            "a ",
            "\t",
            "a\n",
            "\na",
            "a\r",
            "\0",
            "a\0",
            "a\0b",
            "a:b",
            "c:",
            "a*",
            "a?",
            "a\"b",
            "a<b",
            "a|b",
            "a%2fb",
            "%2e%2e",
            "a+b",
            "a~1",
            "~",
            "$home",
            "`a`",
            "a;b",
            "a&b",
            "\u{e4}",
            "a\u{301}",
            "\u{ff41}",
            "\u{202e}a",
            "a\u{200b}",
            "\u{0430}cme",
            "\u{661}",
            "con",
            "prn",
            "aux",
            "nul",
            "com0",
            "com1",
            "com9",
            "lpt1",
            "lpt9",
            too_long.as_str(),
        ] {
            assert!(TenantId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn errors_name_the_rule_and_the_place() {
        assert_eq!(TenantId::parse(""), Err(TenantIdError::Empty));
        assert_eq!(TenantId::parse(&"x".repeat(64)), Err(TenantIdError::TooLong(64)));
        assert_eq!(TenantId::parse("a/b"), Err(TenantIdError::Character { at: 1, found: '/' }));
        assert_eq!(TenantId::parse("nul"), Err(TenantIdError::Reserved("nul".into())));
    }
}
