//! The log row of a batch: what became of tickets and facts, in final form, so that replaying it is idempotent. Text is
//! not in it, only whose text changed: the words themselves live in the state, where erasing erases.

use std::collections::HashMap;

use bitmap::TicketBatch;
use foldhash::fast::RandomState;
use model::{FieldId, Timestamp, Value};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    revs::{read_key, write_key},
    wire::{Malformed, Reader, Writer},
};

/// The version of this form.
const VERSION: u8 = 1;

/// One batch as the log keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Delta {
    pub(crate) tickets: TicketBatch,
    /// Ordinals whose text changed, ascending.
    pub(crate) texts: Vec<u32>,
    /// Facts as rows: key, and the cell.
    pub(crate) facts: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Delta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(VERSION);
        out.size(self.tickets.created.len());
        self.tickets.created.iter().for_each(|key| write_key(&mut out, key));
        write_ords(&mut out, self.tickets.erased.iter().copied());
        out.size(self.tickets.sets.len());
        for (field, sets) in &self.tickets.sets {
            out.number(u64::from(field.0));
            write_ords(&mut out, sets.iter().map(|(ord, _)| *ord));
            let (mut words, mut places) = (Vec::new(), Vec::new());
            let mut known: HashMap<&str, usize, RandomState> = HashMap::default();
            for word in sets.iter().flat_map(|(_, values)| values).filter_map(word) {
                places.push(*known.entry(word).or_insert_with(|| {
                    words.push(word);
                    words.len() - 1
                }));
            }
            let mut places = places.into_iter();
            out.size(words.len());
            for word in words {
                out.text(word);
            }
            for (_, values) in sets {
                out.size(values.len());
                for value in values {
                    match value {
                        // One place was noted for each word, in this order.
                        Value::Keyword(_) => places.by_ref().take(1).for_each(|place| out.size(place)),
                        Value::Number(number) => out.number(number.to_bits()),
                        Value::Date(moment) => out.signed(moment.0),
                    }
                }
            }
            out.byte(match sets.iter().flat_map(|(_, values)| values).next() {
                None | Some(Value::Keyword(_)) => 0,
                Some(Value::Number(_)) => 1,
                Some(Value::Date(_)) => 2,
            });
        }
        write_ords(&mut out, self.texts.iter().copied());
        out.size(self.facts.len());
        for (key, cell) in &self.facts {
            for bytes in [key, cell] {
                out.size(bytes.len());
                out.0.extend_from_slice(bytes);
            }
        }
        out.0
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(row);
        if input.byte()? != VERSION {
            return Err(input.malformed());
        }
        let mut delta = Self::default();
        for _ in 0..input.count()? {
            delta.tickets.created.push(read_key(&mut input)?);
        }
        delta.tickets.erased = read_ords(&mut input)?;
        for _ in 0..input.count()? {
            let field = FieldId(u16::try_from(input.number()?).or(Err(input.malformed()))?);
            let ords = read_ords(&mut input)?;
            let mut words: Vec<std::sync::Arc<str>> = Vec::new();
            for _ in 0..input.count()? {
                words.push(input.text()?.into());
            }
            // Numbers first, meaning after: the kind of a field's values stands behind them.
            let mut raw = Vec::with_capacity(ords.len());
            for _ in 0..ords.len() {
                let mut values = Vec::new();
                for _ in 0..input.count()? {
                    values.push(input.number()?);
                }
                raw.push(values);
            }
            let kind = input.byte()?;
            let mut sets = Vec::with_capacity(ords.len());
            for (ord, values) in ords.into_iter().zip(raw) {
                let mut read = Vec::with_capacity(values.len());
                for value in values {
                    read.push(match kind {
                        0 => {
                            let word = usize::try_from(value).ok().and_then(|at| words.get(at));
                            Value::Keyword(word.ok_or(input.malformed())?.clone())
                        }
                        1 => Value::Number(f64::from_bits(value)),
                        2 => Value::Date(Timestamp((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))),
                        _ => return Err(input.malformed()),
                    });
                }
                sets.push((ord, read));
            }
            delta.tickets.sets.push((field, sets));
        }
        delta.texts = read_ords(&mut input)?;
        for _ in 0..input.count()? {
            delta.facts.push((input.bytes()?.to_vec(), input.bytes()?.to_vec()));
        }
        if input.is_empty() { Ok(delta) } else { Err(input.malformed()) }
    }
}

fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Keyword(text) => Some(text),
        Value::Number(_) | Value::Date(_) => None,
    }
}

/// Ascending ordinals as steps.
fn write_ords(out: &mut Writer, ords: impl ExactSizeIterator<Item = u32>) {
    out.size(ords.len());
    let mut last = 0;
    for ord in ords {
        out.number(u64::from(ord - last));
        last = ord;
    }
}

fn read_ords(input: &mut Reader<'_>) -> Result<Vec<u32>, Malformed> {
    let count = input.count()?;
    let mut ords = Vec::with_capacity(count);
    let mut last = 0u32;
    for _ in 0..count {
        last = last.checked_add(input.u32()?).ok_or(input.malformed())?;
        ords.push(last);
    }
    Ok(ords)
}
