use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{
    error::{formats, shown},
    json::{Cursor, object},
};

/// How the lines of an input are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Facts of every kind; `k` says which. A `ticket` line is a patch, and one that is `gone` an erasure.
    ScopeJsonl,
    /// One whole ticket a line, which replaces what was there. `subject`, `body` (or `description`) and `comments` are
    /// its text, in parts called `subject`, `description` and `comment:N`, where `N` is the comment's place in the
    /// list from 0 in plain decimal. A comment is public only if it says `"public": true`. Every other key but `rev`
    /// and `gone` is a field. Empty text makes no part.
    Tickets,
    /// One change of one field of one ticket a line, in order of time: `to` is set, or for a field that holds many
    /// values `from` is removed and `to` added. `at` is checked and sets no field.
    Events,
}

/// The text names no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is no format; {}", formats())]
pub struct UnknownFormat {
    /// The text.
    pub name: String,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::ScopeJsonl, Self::Tickets, Self::Events];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScopeJsonl => "scope-jsonl",
            Self::Tickets => "tickets",
            Self::Events => "events",
        }
    }

    /// The keys by which its lines are told.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::ScopeJsonl => "objects with `k`",
            Self::Tickets => "objects with `id` and no `k`",
            Self::Events => "objects with `at`, `ticket` and `field`",
        }
    }

    /// The format whose lines look like `line`, or what it holds instead.
    pub(crate) fn of_line(line: &str) -> Result<Self, String> {
        let mut cursor = Cursor::new(line);
        if let Some(found) = cursor.shape().filter(|shape| *shape != "an object") {
            return Err(found.to_owned());
        }
        let mut keys = Vec::new();
        object(&mut cursor, |cursor, key, _| {
            keys.push(key.into_owned());
            cursor.raw().map(|_| ())
        })
        .and_then(|()| cursor.end())
        .map_err(|fault| format!("column {}: {}", fault.at + 1, fault.problem))?;
        let has = |key: &str| keys.iter().any(|known| known == key);
        if has("k") {
            Ok(Self::ScopeJsonl)
        } else if has("at") && has("ticket") && has("field") {
            Ok(Self::Events)
        } else if has("id") {
            Ok(Self::Tickets)
        } else if keys.is_empty() {
            Err("an object without keys".to_owned())
        } else {
            let some: Vec<_> = keys.iter().take(8).map(|key| format!("`{}`", shown(key))).collect();
            Err(format!("an object with {}", some.join(", ")))
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat { name: shown(name) })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_object_tells_the_format() {
        for (line, format) in [
            (r#"{"k":"principal","id":"ann"}"#, Format::ScopeJsonl),
            (r#"{"id":1,"k":"ticket"}"#, Format::ScopeJsonl),
            (r#"{"id":1,"subject":"a"}"#, Format::Tickets),
            (r#"{"at":"2026-01-01","ticket":1,"field":"status","from":null,"to":"open"}"#, Format::Events),
            (r#"{"at":"2026-01-01","id":1,"ticket":1}"#, Format::Tickets),
        ] {
            assert_eq!(Format::of_line(line), Ok(format), "{line}");
        }
    }

    #[test]
    fn what_is_like_no_format_is_described() {
        for (line, found) in [
            ("[", "a list"),
            ("12", "a number"),
            ("{}", "an object without keys"),
            (r#"{"name":1,"zip":2}"#, "an object with `name`, `zip`"),
            (r#"{"id":1"#, "column 8: invalid JSON: expected `,` or `}`"),
            ("id,subject", "column 1: invalid JSON: expected an object"),
        ] {
            assert_eq!(Format::of_line(line), Err(found.to_owned()), "{line}");
        }
    }

    #[test]
    fn names_are_read_back_and_others_refused_with_the_choice() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "csv".parse::<Format>().unwrap_err().to_string();
        assert!(
            error.starts_with("`csv` is no format; the formats are scope-jsonl (objects with `k`), tickets"),
            "{error}"
        );
    }
}
