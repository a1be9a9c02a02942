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

const VERSION: u8 = 2;
/// Bytes of the keyed hash that a cursor carries.
const TAG: usize = 16;
/// What the key stream is drawn for.
const STREAM: &[u8; 6] = b"stream";

impl Cursor {
    /// The cursor as text, bound to `question` (who asks what, in which order), authenticated and hidden by `secret`.
    ///
    /// It is `bond, seal, hidden content` in hex. The bond is a keyed hash of question and content; the seal one of bond and
    /// content, from which the key stream over the content is drawn (a synthetic initialisation vector, as in RFC 5297), so
    /// that equal cursors alone are equal. Whoever has the secret can check the seal before the question is known.
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
        let bond = keyed(secret, b"bond", &[question.as_bytes(), &body]);
        let seal = keyed(secret, b"seal", &[&bond, &body]);
        hide(secret, seal, &mut body);
        let mut text = String::with_capacity(2 * (bond.len() + seal.len() + body.len()));
        for byte in bond.into_iter().chain(seal).chain(body) {
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        text
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    /// [`CursorError`] for anything but a cursor that [`Self::seal`] made with the same secret and question.
    pub(crate) fn open(text: &str, secret: &[u8; 32], question: &str) -> Result<Self, CursorError> {
        let (bond, body) = unsealed(text, secret)?;
        let expected = keyed(secret, b"bond", &[question.as_bytes(), &body]);
        if !bool::from(bond.ct_eq(&expected)) {
            return Err(CursorError);
        }
        parse(&body).ok_or(CursorError)
    }

    /// The moment that a cursor keeps: the question that it is bound to is read as of this moment.
    ///
    /// # Errors
    /// [`CursorError`] for anything but a cursor that [`Self::seal`] made with the same secret.
    pub(crate) fn clock(text: &str, secret: &[u8; 32]) -> Result<Timestamp, CursorError> {
        let (_, body) = unsealed(text, secret)?;
        parse(&body).map(|cursor| cursor.now).ok_or(CursorError)
    }
}

/// Bond and content of a cursor that was made with `secret`.
fn unsealed(text: &str, secret: &[u8; 32]) -> Result<([u8; TAG], Vec<u8>), CursorError> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(CursorError);
    }
    let bytes = text.as_bytes().chunks_exact(2).map(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?));
    let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or(CursorError)?;
    let (bond, rest) = bytes.split_first_chunk::<TAG>().ok_or(CursorError)?;
    let (seal, hidden) = rest.split_first_chunk::<TAG>().ok_or(CursorError)?;
    let mut body = hidden.to_vec();
    hide(secret, *seal, &mut body);
    let expected = keyed(secret, b"seal", &[bond, &body]);
    if bool::from(seal.ct_eq(&expected)) { Ok((*bond, body)) } else { Err(CursorError) }
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

/// A keyed hash of parts, each with its length before it, for one use.
fn keyed(secret: &[u8; 32], purpose: &[u8], parts: &[&[u8]]) -> [u8; TAG] {
    let length = |part: &&[u8]| size_of::<u64>() + part.len();
    let mut message = Vec::with_capacity(length(&purpose) + parts.iter().map(length).sum::<usize>());
    for part in [purpose].iter().chain(parts) {
        message.extend_from_slice(&(part.len() as u64).to_le_bytes());
        message.extend_from_slice(part);
    }
    let mut tag = [0; TAG];
    tag.copy_from_slice(&blake3::keyed_hash(secret, &message).as_bytes()[..TAG]);
    tag
}

/// Puts the key stream of `seal` over `body`, or takes it off again.
fn hide(secret: &[u8; 32], seal: [u8; TAG], body: &mut [u8]) {
    let mut message = [0; STREAM.len() + TAG];
    message[..STREAM.len()].copy_from_slice(STREAM);
    message[STREAM.len()..].copy_from_slice(&seal);
    let length = body.len();
    let mut put_over = |stream: &[u8]| body.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
    // Most are no longer than a hash, which is how every stream begins.
    if length <= blake3::OUT_LEN {
        return put_over(blake3::keyed_hash(secret, &message).as_bytes());
    }
    let mut stream = vec![0; length];
    blake3::Hasher::new_keyed(secret).update(&message).finalize_xof().fill(&mut stream);
    put_over(&stream);
}

fn digit(half: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(half)])
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
    fn a_cursor_shows_its_moment_to_its_tenant_and_nothing_to_others() {
        for cursor in cursors() {
            let text = cursor.seal(&[7; 32], "me asks");
            assert_eq!(Cursor::clock(&text, &[7; 32]), Ok(cursor.now));
            assert_eq!(Cursor::clock(&text, &[8; 32]), Err(CursorError));
            let bytes: Vec<u8> = text
                .as_bytes()
                .chunks_exact(2)
                .map(|pair| hex(pair[0]).unwrap() << 4 | hex(pair[1]).unwrap())
                .collect();
            let shows = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            assert!(!shows(&cursor.now.0.to_le_bytes()));
            // A short key may be there by chance.
            assert!(cursor.key.to_string().len() < 4 || !shows(cursor.key.to_string().as_bytes()));
            assert_eq!(text, cursor.seal(&[7; 32], "me asks"));
            let other = cursor.seal(&[7; 32], "you ask");
            assert!(
                (0..text.len()).step_by(32).all(|at| text.get(at..at + 32).is_none_or(|part| !other.contains(part)))
            );
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
                let other = String::from_utf8(other).unwrap();
                assert!(Cursor::open(&other, &[7; 32], "me asks").is_err());
                assert!(Cursor::clock(&other, &[7; 32]).is_err());
                assert!(Cursor::open(&text[..at], &[7; 32], "me asks").is_err());
            }
        }
        for text in ["", "0", "zz", "\u{e9}\u{e9}", &"0".repeat(10_000)] {
            assert!(Cursor::open(text, &[7; 32], "me asks").is_err());
        }
    }
}
