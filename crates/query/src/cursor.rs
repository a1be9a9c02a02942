use model::{TicketKey, Timestamp};
use subtle::ConstantTimeEq;
use thiserror::Error;
use ticketscope_model as model;

use crate::sort::SortValue;

/// The place after which the next page begins, and the moment its query was first asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) now: Timestamp,
    pub(crate) value: SortValue,
    pub(crate) key: TicketKey,
}

/// A cursor that this tenant did not make for this question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor is not one of this query; ask for the first page again")]
pub struct CursorError;

const VERSION: u8 = 1;
/// Bytes of the keyed hash that a cursor carries.
const TAG: usize = 16;

impl Cursor {
    /// The cursor as text, bound to `question` (who asks what, in which order) and authenticated by `secret`.
    pub(crate) fn seal(&self, secret: &[u8; 32], question: &str) -> String {
        let mut body = vec![VERSION];
        body.extend_from_slice(&self.now.0.to_le_bytes());
        match &self.value {
            SortValue::Nothing => body.push(0),
            SortValue::Number(number) => {
                body.push(1);
                body.extend_from_slice(&number.to_le_bytes());
            }
            SortValue::Text(text) => {
                body.push(2);
                body.extend_from_slice(&(text.len() as u64).to_le_bytes());
                body.extend_from_slice(text.as_bytes());
            }
        }
        body.extend_from_slice(self.key.to_string().as_bytes());
        let tag = tag(secret, question, &body);
        body.extend_from_slice(&tag);
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        body.into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    /// [`CursorError`] for anything but a cursor that [`Self::seal`] made with the same secret and question.
    pub(crate) fn open(text: &str, secret: &[u8; 32], question: &str) -> Result<Self, CursorError> {
        if !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(CursorError);
        }
        let bytes = text.as_bytes().chunks_exact(2).map(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?));
        let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or(CursorError)?;
        let (body, tail) = bytes.split_last_chunk::<TAG>().ok_or(CursorError)?;
        let expected = tag(secret, question, body);
        if !bool::from(tail.ct_eq(&expected)) {
            return Err(CursorError);
        }
        parse(body).ok_or(CursorError)
    }
}

fn parse(body: &[u8]) -> Option<Cursor> {
    let (&[version], rest) = body.split_first_chunk()?;
    let (now, rest) = rest.split_first_chunk()?;
    let (&[kind], rest) = rest.split_first_chunk()?;
    let (value, key) = match kind {
        0 => (SortValue::Nothing, rest),
        1 => {
            let (number, rest) = rest.split_first_chunk()?;
            (SortValue::Number(i64::from_le_bytes(*number)), rest)
        }
        2 => {
            let (len, rest) = rest.split_first_chunk()?;
            let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            (SortValue::Text(str::from_utf8(text).ok()?.to_owned()), rest)
        }
        _ => return None,
    };
    let key = TicketKey::parse(str::from_utf8(key).ok()?).ok()?;
    (version == VERSION).then_some(Cursor { now: Timestamp(i64::from_le_bytes(*now)), value, key })
}

fn tag(secret: &[u8; 32], question: &str, body: &[u8]) -> [u8; TAG] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(&(question.len() as u64).to_le_bytes());
    hasher.update(question.as_bytes());
    hasher.update(body);
    let mut tag = [0; TAG];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors() -> Vec<Cursor> {
        let now = Timestamp(1_767_600_000_000);
        vec![
            Cursor { now, value: SortValue::Nothing, key: TicketKey::Int(-3) },
            Cursor { now, value: SortValue::Number(i64::MIN), key: TicketKey::Int(i64::MAX) },
            Cursor { now, value: SortValue::Text("h\u{f6}ch".into()), key: TicketKey::parse("HR-1").unwrap() },
        ]
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        for cursor in cursors() {
            let text = cursor.seal(&[7; 32], "me asks");
            assert_eq!(Cursor::open(&text, &[7; 32], "me asks"), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_of_another_question_tenant_or_make_is_refused() {
        for cursor in cursors() {
            let text = cursor.seal(&[7; 32], "me asks");
            assert_eq!(Cursor::open(&text, &[8; 32], "me asks"), Err(CursorError));
            assert_eq!(Cursor::open(&text, &[7; 32], "you ask"), Err(CursorError));
            for at in 0..text.len() {
                let mut other = text.clone().into_bytes();
                other[at] = if other[at] == b'0' { b'1' } else { b'0' };
                assert!(Cursor::open(&String::from_utf8(other).unwrap(), &[7; 32], "me asks").is_err());
                assert!(Cursor::open(&text[..at], &[7; 32], "me asks").is_err());
            }
        }
        for text in ["", "0", "zz", "\u{e9}\u{e9}", &"0".repeat(10_000)] {
            assert!(Cursor::open(text, &[7; 32], "me asks").is_err());
        }
    }
}
