//! The text of one ticket as a state row.

use std::{collections::BTreeMap, sync::Arc};

use model::{TextClass, TextPart, Timestamp};
use query::text::Part;
use ticketscope_model as model;
use ticketscope_query as query;

use crate::wire::{Malformed, Reader, Writer};

/// Parts by id.
pub(crate) type Parts = BTreeMap<Arc<str>, TextPart>;

pub(crate) fn row_key(ord: u32) -> [u8; 4] {
    ord.to_be_bytes()
}

/// The ticket of a row.
pub(crate) fn row_ord(key: &[u8]) -> Result<u32, Malformed> {
    Ok(u32::from_be_bytes(key.try_into().or(Err(Malformed { at: 0 }))?))
}

pub(crate) fn encode(parts: &Parts) -> Vec<u8> {
    let mut out = Writer::default();
    for part in parts.values() {
        out.text(&part.part);
        out.byte(class_number(part.class));
        out.option(part.lang.as_deref(), Writer::text);
        out.option(part.author.as_deref(), Writer::text);
        out.option(part.at, |out, at| out.signed(at.0));
        out.text(&part.body);
    }
    out.0
}

/// The number of a class on disk: its place in [`TextClass::ALL`].
fn class_number(class: TextClass) -> u8 {
    match class {
        TextClass::Subject => 0,
        TextClass::Description => 1,
        TextClass::Public => 2,
        TextClass::Private => 3,
        TextClass::Side => 4,
    }
}

/// A part as it stands in a row.
struct RawPart<'a> {
    part: &'a str,
    class: TextClass,
    lang: Option<&'a str>,
    author: Option<&'a str>,
    at: Option<Timestamp>,
    body: &'a str,
}

impl<'a> RawPart<'a> {
    fn read(input: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            part: input.text()?,
            class: TextClass::ALL.get(usize::from(input.byte()?)).copied().ok_or(input.malformed())?,
            lang: input.option(Reader::text)?,
            author: input.option(Reader::text)?,
            at: input.option(Reader::signed)?.map(Timestamp),
            body: input.text()?,
        })
    }
}

pub(crate) fn decode(row: &[u8]) -> Result<Parts, Malformed> {
    let mut parts = Parts::new();
    each_part(row, |Part { id, class, lang, body }, author, at| {
        let (part, lang) = (Arc::<str>::from(id), lang.map(Into::into));
        let part = TextPart { part, class, lang, body: body.into(), author: author.map(Into::into), at };
        parts.insert(Arc::clone(&part.part), part);
    })?;
    Ok(parts)
}

/// What is indexed of a row, in the order of [`decode`].
pub(crate) fn indexed(row: &[u8]) -> Result<Vec<Part<'_>>, Malformed> {
    let mut parts = Vec::new();
    each_part(row, |part, _, _| parts.push(part))?;
    Ok(parts)
}

/// Calls `each` with every part of a row, its author and its moment.
fn each_part<'r>(
    row: &'r [u8],
    mut each: impl FnMut(Part<'r>, Option<&'r str>, Option<Timestamp>),
) -> Result<(), Malformed> {
    let mut input = Reader::new(row);
    while !input.is_empty() {
        let RawPart { part, class, lang, author, at, body } = RawPart::read(&mut input)?;
        each(Part { id: part, class, lang, body }, author, at);
    }
    Ok(())
}

/// The subject: the body of the first part of that class, by part id, in which order the parts stand.
pub(crate) fn subject(row: &[u8]) -> Result<Option<&str>, Malformed> {
    let mut input = Reader::new(row);
    while !input.is_empty() {
        let part = RawPart::read(&mut input)?;
        if part.class == TextClass::Subject {
            return Ok(Some(part.body));
        }
    }
    Ok(None)
}
