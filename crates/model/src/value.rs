use std::sync::Arc;

use thiserror::Error;

use crate::{FieldKind, Timestamp};

/// The longest value of a keyword, principal or tree field, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// A value as a file or request writes it, before the schema has said what it means.
#[derive(Debug, Clone, PartialEq)]
pub enum RawValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string, or an integer too large for `Int` in its decimal form.
    Text(Arc<str>),
    /// A list; lists of lists are refused by every field.
    List(Vec<RawValue>),
}

impl RawValue {
    /// Whether it unsets a field: `null`, `""` and `[]`.
    pub fn is_unset(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) => false,
        }
    }

    fn shape(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
        }
    }
}

/// One value of a field, as its kind means it.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Value {
    /// Of a keyword, principal, tree or flag field (`true`, `false`): exact, never trimmed or case-folded.
    Keyword(Arc<str>),
    /// Of a number field: finite, never `-0`.
    Number(f64),
    /// Of a date field.
    Date(Timestamp),
}

/// Why a value does not fit its field.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ValueError {
    /// The field's kind takes something else.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What the kind takes.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// A single-valued field got several values.
    #[error("expected one value, found {0}; declare the field with \"many\": true if it holds several")]
    TooMany(usize),
    /// A keyword longer than [`MAX_VALUE_BYTES`].
    #[error("a value must not be longer than {MAX_VALUE_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// An integer that a 64-bit float cannot hold exactly.
    #[error("{0} cannot be held exactly as a number; declare the field as a keyword")]
    Inexact(i64),
    /// No date.
    #[error(transparent)]
    Date(#[from] crate::TimestampError),
}

impl Value {
    /// Reads one value of a field of kind `kind`; `null`, `""` and lists are the caller's to take apart.
    ///
    /// # Errors
    /// [`ValueError`] says what the kind takes.
    pub fn read(kind: FieldKind, raw: &RawValue) -> Result<Self, ValueError> {
        let wrong = |expected| ValueError::Kind { expected, found: raw.shape() };
        match kind {
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree => match raw {
                RawValue::Text(text) if text.len() > MAX_VALUE_BYTES => Err(ValueError::TooLong(text.len())),
                RawValue::Text(text) => Ok(Self::Keyword(Arc::clone(text))),
                RawValue::Int(number) => Ok(Self::Keyword(number.to_string().into())),
                RawValue::Bool(flag) => Ok(Self::Keyword(if *flag { "true".into() } else { "false".into() })),
                RawValue::Null | RawValue::Float(_) | RawValue::List(_) => Err(wrong("a string or an integer")),
            },
            FieldKind::Flag => match raw {
                RawValue::Bool(true) | RawValue::Int(1) => Ok(Self::Keyword("true".into())),
                RawValue::Bool(false) | RawValue::Int(0) => Ok(Self::Keyword("false".into())),
                RawValue::Text(text) if matches!(&**text, "true" | "false") => Ok(Self::Keyword(Arc::clone(text))),
                _ => Err(wrong("true or false")),
            },
            FieldKind::Number => match raw {
                RawValue::Int(number) => exact(*number),
                RawValue::Float(number) if number.is_finite() => Ok(Self::Number(*number + 0.0)),
                RawValue::Text(text) => match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(Self::Number(number + 0.0)),
                    _ => Err(wrong("a number")),
                },
                _ => Err(wrong("a number")),
            },
            FieldKind::Date => match raw {
                RawValue::Text(text) => Ok(Self::Date(Timestamp::parse(text)?)),
                _ => Err(wrong("a date like 2026-01-31T09:30:00Z")),
            },
            FieldKind::Text => match raw {
                RawValue::Text(text) => Ok(Self::Keyword(Arc::clone(text))),
                _ => Err(wrong("a string")),
            },
        }
    }

    /// Reads every value of a field: nothing for `null`, `""` and `[]`, a list sorted and without repeats for a
    /// field that holds many.
    ///
    /// # Errors
    /// [`ValueError`] of the first value that does not fit.
    pub fn read_all(kind: FieldKind, many: bool, raw: &RawValue) -> Result<Vec<Self>, ValueError> {
        if raw.is_unset() {
            return Ok(Vec::new());
        }
        let RawValue::List(list) = raw else {
            return Ok(vec![Self::read(kind, raw)?]);
        };
        let mut values = Vec::with_capacity(list.len());
        for item in list.iter().filter(|item| !item.is_unset()) {
            values.push(Self::read(kind, item)?);
        }
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        values.dedup();
        if !many && values.len() > 1 {
            return Err(ValueError::TooMany(values.len()));
        }
        Ok(values)
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the loss is what is looked for")]
fn exact(number: i64) -> Result<Value, ValueError> {
    let float = number as f64;
    if float.abs() <= 9_007_199_254_740_992.0 && float as i64 == number {
        Ok(Value::Number(float))
    } else {
        Err(ValueError::Inexact(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_as_long_as_the_limit_says_and_no_longer() {
        let read = |bytes: usize| Value::read(FieldKind::Keyword, &RawValue::Text("x".repeat(bytes).into()));
        assert!(read(MAX_VALUE_BYTES).is_ok());
        assert_eq!(read(MAX_VALUE_BYTES + 1), Err(ValueError::TooLong(MAX_VALUE_BYTES + 1)));
    }
}
