//! One value of one key, read as what the key takes.

use std::{borrow::Cow, sync::Arc};

use ticketscope_model::{RawValue, TicketKey, Timestamp};

use crate::{
    error::{Fault, Problem, shown},
    json::{Cursor, Number, array},
    names::Names,
};

type Read<T> = Result<T, Fault>;

const ID: &str = "a string or an integer";

/// The fault of a value of another type than `key` takes; of no value at all, that the JSON is invalid.
pub(crate) fn wrong_type<T>(cursor: &mut Cursor<'_>, key: &str, expected: &'static str) -> Read<T> {
    let at = cursor.at();
    let problem = match cursor.shape() {
        Some(found) => Problem::WrongType { key: shown(key), expected, found },
        None => Problem::Json("expected a value"),
    };
    Err(Fault { at, problem })
}

/// Any value that a field can be given: a scalar or a list of scalars.
pub(crate) fn value(cursor: &mut Cursor<'_>, key: &str, names: &mut Names) -> Read<RawValue> {
    if cursor.peek() != Some(b'[') {
        return scalar(cursor, key, names);
    }
    let mut items = Vec::new();
    array(cursor, |cursor, _| {
        items.push(scalar(cursor, key, names)?);
        Ok(())
    })?;
    Ok(RawValue::List(items))
}

/// Any value but a list or an object.
pub(crate) fn scalar(cursor: &mut Cursor<'_>, key: &str, names: &mut Names) -> Read<RawValue> {
    Ok(match cursor.peek() {
        Some(b'"') => RawValue::Text(names.value(&cursor.string()?)),
        Some(b'-' | b'0'..=b'9') => match cursor.number()? {
            Number::Int(number) => RawValue::Int(number),
            Number::Big(digits) => RawValue::Text(digits.into()),
            Number::Float(number) => RawValue::Float(number),
        },
        Some(b't' | b'f') => RawValue::Bool(cursor.boolean()?),
        Some(b'n') => {
            cursor.null()?;
            RawValue::Null
        }
        _ => return wrong_type(cursor, key, "a string, a number, a boolean or null"),
    })
}

/// The text of an id, which may be empty.
fn id_text<'a>(cursor: &mut Cursor<'a>, key: &str) -> Read<Cow<'a, str>> {
    match cursor.peek() {
        Some(b'"') => cursor.string(),
        Some(b'-' | b'0'..=b'9') => {
            let before = cursor.clone();
            match cursor.number()? {
                Number::Int(number) => Ok(number.to_string().into()),
                Number::Big(digits) => Ok(digits.into()),
                Number::Float(_) => {
                    *cursor = before;
                    let at = cursor.at();
                    let found = "a number with a fraction or exponent";
                    Err(Fault { at, problem: Problem::WrongType { key: shown(key), expected: ID, found } })
                }
            }
        }
        _ => wrong_type(cursor, key, ID),
    }
}

/// An id that names something; `1` and `"1"` are the same.
pub(crate) fn id(cursor: &mut Cursor<'_>, key: &str) -> Read<Arc<str>> {
    let at = cursor.at();
    let text = id_text(cursor, key)?;
    if text.is_empty() { Err(Fault { at, problem: Problem::EmptyId { key: shown(key) } }) } else { Ok(text.into()) }
}

/// An id, or nothing for `null`.
pub(crate) fn id_or_null(cursor: &mut Cursor<'_>, key: &str) -> Read<Option<Arc<str>>> {
    if cursor.null()? { Ok(None) } else { id(cursor, key).map(Some) }
}

/// An id, or nothing for `null` and `""`.
pub(crate) fn optional_id(cursor: &mut Cursor<'_>, key: &str) -> Read<Option<Arc<str>>> {
    if cursor.null()? {
        return Ok(None);
    }
    let text = id_text(cursor, key)?;
    Ok(if text.is_empty() { None } else { Some(text.into()) })
}

/// The id of a ticket.
pub(crate) fn ticket_key(cursor: &mut Cursor<'_>, key: &'static str) -> Read<TicketKey> {
    let at = cursor.at();
    let text = id_text(cursor, key)?;
    TicketKey::parse(&text).map_err(|reason| Fault { at, problem: Problem::TicketId { key, reason } })
}

/// A string.
pub(crate) fn text<'a>(cursor: &mut Cursor<'a>, key: &str) -> Read<Cow<'a, str>> {
    if cursor.peek() == Some(b'"') { cursor.string() } else { wrong_type(cursor, key, "a string") }
}

/// A string, or nothing for `null` and `""`.
pub(crate) fn optional_text(cursor: &mut Cursor<'_>, key: &str) -> Read<Option<Arc<str>>> {
    if cursor.null()? {
        return Ok(None);
    }
    let text = text(cursor, key)?;
    Ok(if text.is_empty() { None } else { Some(text.into()) })
}

/// `true` or `false`.
pub(crate) fn flag(cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    if matches!(cursor.peek(), Some(b't' | b'f')) { cursor.boolean() } else { wrong_type(cursor, key, "true or false") }
}

/// `true`, `false`, or nothing for `null`.
pub(crate) fn optional_flag(cursor: &mut Cursor<'_>, key: &str) -> Read<Option<bool>> {
    if cursor.null()? { Ok(None) } else { flag(cursor, key).map(Some) }
}

/// An integer of the type that is asked for.
pub(crate) fn integer<T: TryFrom<i64>>(cursor: &mut Cursor<'_>, key: &str, expected: &'static str) -> Read<T> {
    let before = cursor.clone();
    if let Some(b'-' | b'0'..=b'9') = cursor.peek()
        && let Number::Int(number) = cursor.number()?
        && let Ok(number) = T::try_from(number)
    {
        return Ok(number);
    }
    *cursor = before;
    wrong_type(cursor, key, expected)
}

/// A date.
pub(crate) fn date(cursor: &mut Cursor<'_>, key: &'static str) -> Read<Timestamp> {
    let at = cursor.at();
    let text = text(cursor, key)?;
    Timestamp::parse(&text).map_err(|reason| Fault { at, problem: Problem::Date { key, reason } })
}

/// A date, or nothing for `null` and `""`.
pub(crate) fn optional_date(cursor: &mut Cursor<'_>, key: &'static str) -> Read<Option<Timestamp>> {
    if cursor.null()? {
        return Ok(None);
    }
    let before = cursor.clone();
    if text(cursor, key)?.is_empty() {
        return Ok(None);
    }
    *cursor = before;
    date(cursor, key).map(Some)
}

/// What one of the words of a closed list stands for.
pub(crate) fn word<T: Copy>(cursor: &mut Cursor<'_>, key: &'static str, known: &[(&'static str, T)]) -> Read<T> {
    let at = cursor.at();
    let text = text(cursor, key)?;
    known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known = known.iter().map(|(word, _)| *word).collect();
        Fault { at, problem: Problem::UnknownWord { key, word: shown(&text), known } }
    })
}
