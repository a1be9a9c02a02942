//! A strict reader of one JSON text (RFC 8259) that goes forward only and builds no tree.
//!
//! Its own because an integer of any length must keep its digits, a repeated key must be seen, and an error must
//! stay a value: a general deserializer turns each of these into something else.

use std::{borrow::Cow, collections::HashSet};

use crate::error::{Fault, Problem, shown};

/// How deep lists and objects may be inside each other.
pub const MAX_DEPTH: usize = 128;

/// The most keys an object may have: more than a tenant may have fields, and few enough to hold.
pub const MAX_KEYS: usize = 8192;

/// The most items a list may have.
pub const MAX_ITEMS: usize = 65_536;

/// The longest number, in bytes.
pub const MAX_NUMBER_BYTES: usize = 1024;

/// A number without loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number<'a> {
    Int(i64),
    /// An integer that does not fit, as it was written.
    Big(&'a str),
    Float(f64),
}

#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next value begins.
    pub(crate) fn at(&mut self) -> usize {
        self.peek();
        self.at
    }

    fn invalid<T>(&self, reason: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, problem: Problem::Json(reason) })
    }

    /// The first byte of what comes next, after white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// What kind of value comes next, for messages; nothing where none can begin.
    pub(crate) fn shape(&mut self) -> Option<&'static str> {
        let first = self.peek()?;
        let rest = &self.text[self.at..];
        Some(match first {
            b'"' => "a string",
            b'{' => "an object",
            b'[' => "a list",
            b'-' | b'0'..=b'9' => "a number",
            _ if rest.starts_with("true") || rest.starts_with("false") => "a boolean",
            _ if rest.starts_with("null") => "null",
            _ => return None,
        })
    }

    /// Steps over `byte` if it comes next.
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Fault> {
        if self.accept(byte) { Ok(()) } else { self.invalid(reason) }
    }

    /// Nothing but white space may be left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { self.invalid("expected the end of the line after the object") }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.invalid("expected a value")
    }

    /// Steps over `null` if it comes next.
    pub(crate) fn null(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null").map(|()| true)
    }

    /// `true` or `false`; the caller has seen the shape.
    pub(crate) fn boolean(&mut self) -> Result<bool, Fault> {
        if self.peek() == Some(b't') {
            self.literal("true").map(|()| true)
        } else {
            self.literal("false").map(|()| false)
        }
    }

    /// A number; the caller has seen the shape.
    pub(crate) fn number(&mut self) -> Result<Number<'a>, Fault> {
        self.peek();
        let start = self.at;
        let integer = self.number_form()?;
        let text = &self.text[start..self.at];
        let out_of_range = Fault { at: start, problem: Problem::Number };
        if text.len() > MAX_NUMBER_BYTES {
            return Err(out_of_range);
        }
        if integer {
            return Ok(text.parse().map_or(Number::Big(text), Number::Int));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number::Float(number)),
            _ => Err(out_of_range),
        }
    }

    /// Steps over a number; says whether it is written as an integer.
    fn number_form(&mut self) -> Result<bool, Fault> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
            if bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
                return self.invalid("a number must not begin with 0");
            }
        } else {
            self.digits()?;
        }
        let mut integer = true;
        if bytes.get(self.at) == Some(&b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(integer)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { self.invalid("expected a digit") } else { Ok(()) }
    }

    /// A string; the caller has seen the quote, or gets an error.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        self.plain();
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut decoded = String::with_capacity((self.at - start) * 2);
        decoded.push_str(&self.text[start..self.at]);
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(decoded));
                }
                Some(b'\\') => decoded.push(self.escape()?),
                Some(_) => return self.invalid("a control character in a string must be escaped"),
                None => return self.invalid("the string has no end"),
            }
            let run = self.at;
            self.plain();
            decoded.push_str(&self.text[run..self.at]);
        }
    }

    /// Steps to the next quote, backslash or control character, or the end.
    fn plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let mut words = rest.chunks_exact(8);
        let mut passed = 0;
        for word in words.by_ref() {
            let mut block = [0; 8];
            block.copy_from_slice(word);
            let special = special_bytes(u64::from_le_bytes(block));
            if special != 0 {
                self.at += passed + special.trailing_zeros() as usize / 8;
                return;
            }
            passed += 8;
        }
        let tail = words.remainder();
        passed += tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(tail.len());
        self.at += passed;
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let escaped = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.invalid("a backslash must be followed by one of \" \\ / b f n r t u"),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let lone = "a \\u escape is half of a surrogate pair";
        let first = self.code_unit()?;
        let code = match first {
            0xd800..0xdc00 => {
                if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    return self.invalid(lone);
                }
                match self.code_unit()? {
                    second @ 0xdc00..0xe000 => 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return self.invalid(lone),
                }
            }
            other => other,
        };
        char::from_u32(code).map_or_else(|| self.invalid(lone), Ok)
    }

    /// The four digits after `\u`.
    fn code_unit(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for place in 2..6 {
            let digit = self.text.as_bytes().get(self.at + place).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else {
                return self.invalid("\\u must be followed by four hexadecimal digits");
            };
            code = code * 16 + digit;
        }
        self.at += 6;
        Ok(code)
    }

    /// Checks the next value whatever it is, and gives its text.
    pub(crate) fn raw(&mut self) -> Result<&'a str, Fault> {
        let start = self.at();
        // One bit for each open bracket: an object or a list.
        let mut objects = 0_u128;
        let mut depth = 0;
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == MAX_DEPTH {
                        return Err(Fault { at: self.at, problem: Problem::TooDeep });
                    }
                    self.at += 1;
                    depth += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    if open == b'{' && self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                    if open == b'[' && self.peek() != Some(b']') {
                        continue;
                    }
                }
                Some(b'"') => self.skip_string()?,
                Some(b'-' | b'0'..=b'9') => self.number().map(|_| ())?,
                Some(b't' | b'f') => self.boolean().map(|_| ())?,
                _ => self.literal("null")?,
            }
            // A value has ended: close what it ends, until a comma announces another.
            loop {
                if depth == 0 {
                    return Ok(&self.text[start..self.at]);
                }
                let in_object = objects & 1 == 1;
                if self.accept(if in_object { b'}' } else { b']' }) {
                    depth -= 1;
                    objects >>= 1;
                    continue;
                }
                self.expect(b',', if in_object { "expected `,` or `}`" } else { "expected `,` or `]`" })?;
                if in_object {
                    self.key()?;
                }
                break;
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        self.string().map(|_| ())
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek() != Some(b'"') {
            return self.invalid("expected a key in quotes");
        }
        let key = self.string()?;
        self.expect(b':', "expected `:` after the key")?;
        Ok(key)
    }
}

/// The high bit of every byte of `word` that is a quote, a backslash or below 0x20; bits above the lowest such byte
/// may be wrong.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control) & HIGHS
}

/// The keys of an object so far: compared one by one while they are few, hashed beyond.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    more: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    const FEW: usize = 32;

    /// Whether `key` is new.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() == Self::FEW {
            return self.more.insert(key);
        }
        if self.few.is_empty() {
            self.few.reserve(Self::FEW);
        }
        self.few.push(key);
        true
    }

    fn len(&self) -> usize {
        self.few.len() + self.more.len()
    }
}

/// Reads an object: `entry` gets each key, in order, and where it stands, and must read its value.
pub(crate) fn object<'a>(
    cursor: &mut Cursor<'a>,
    mut entry: impl FnMut(&mut Cursor<'a>, Cow<'a, str>, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    cursor.expect(b'{', "expected an object")?;
    if cursor.accept(b'}') {
        return Ok(());
    }
    let mut keys = Keys::default();
    loop {
        let at = cursor.at();
        let key = cursor.key()?;
        if !keys.insert(key.clone()) {
            return Err(Fault { at, problem: Problem::DuplicateKey { key: shown(&key) } });
        }
        if keys.len() > MAX_KEYS {
            return Err(Fault { at, problem: Problem::TooManyKeys });
        }
        entry(cursor, key, at)?;
        if cursor.accept(b'}') {
            return Ok(());
        }
        cursor.expect(b',', "expected `,` or `}`")?;
    }
}

/// Steps to the value of the first key `wanted` of an object; says whether there is one.
pub(crate) fn seek(cursor: &mut Cursor<'_>, wanted: &str) -> Result<bool, Fault> {
    cursor.expect(b'{', "expected an object")?;
    if cursor.accept(b'}') {
        return Ok(false);
    }
    while cursor.key()? != wanted {
        cursor.raw()?;
        if cursor.accept(b'}') {
            return Ok(false);
        }
        cursor.expect(b',', "expected `,` or `}`")?;
    }
    Ok(true)
}

/// Reads a list: `item` gets the place of each item and must read it.
pub(crate) fn array<'a>(
    cursor: &mut Cursor<'a>,
    mut item: impl FnMut(&mut Cursor<'a>, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    cursor.expect(b'[', "expected a list")?;
    if cursor.accept(b']') {
        return Ok(());
    }
    for place in 0.. {
        if place == MAX_ITEMS {
            return Err(Fault { at: cursor.at(), problem: Problem::TooManyItems });
        }
        item(cursor, place)?;
        if cursor.accept(b']') {
            break;
        }
        cursor.expect(b',', "expected `,` or `]`")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
