use model::{FieldId, TicketKey, TicketOrd};
use thiserror::Error;
use ticketscope_model as model;

use crate::{
    column::LEAF,
    field::{FieldIndex, Kind},
    index::Index,
    varint::{put, put_signed},
};

/// Tickets whose values of one field share one record of the state, as they share a leaf of its column: a single change
/// rewrites one record of one field, a bulk change only records of the fields it changes.
pub const TICKETS_PER_RECORD: u32 = 1024;

/// Values whose strings share one record of the state.
pub const VALUES_PER_RECORD: u32 = 64;

const _: () = assert!(TICKETS_PER_RECORD as usize == LEAF, "what is copied together is written together");

/// Words of a mask of a record's tickets.
pub(crate) const MASK_WORDS: usize = TICKETS_PER_RECORD as usize / 64;

/// A bit for each ticket of a record.
pub(crate) type Mask = [u64; MASK_WORDS];

/// Form of a record of a field: one code for each ticket.
pub(crate) const ONE_CODE: u8 = 0;
/// Form: a list of codes for each ticket.
pub(crate) const CODES: u8 = 1;
/// Form: a number for each ticket.
pub(crate) const NUMBERS: u8 = 2;

/// Names a record of the state about the tickets `number * 1024` and the 1,023 after. Records are restored in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// Which of them live, and their keys.
    Keys {
        /// Which tickets.
        number: u32,
    },
    /// Their values of one field.
    Field {
        /// The field.
        field: FieldId,
        /// Which tickets.
        number: u32,
    },
}

impl Record {
    /// Which tickets it is about.
    pub fn number(self) -> u32 {
        match self {
            Self::Keys { number } | Self::Field { number, .. } => number,
        }
    }
}

/// A record of the state is not of the form it should have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("state record {record} is damaged: {what}")]
pub struct StateError {
    /// The number of the record among those of its field, of the keys, or of a field's values.
    pub record: u32,
    /// What is wrong.
    pub what: &'static str,
}

impl Index {
    /// Whether what a record says is read from the sections that [`Self::read`] was given: the rest was copied from them
    /// then, or when it was changed.
    pub fn is_mapped(&self, record: Record) -> bool {
        match record {
            Record::Keys { .. } => false,
            Record::Field { field, number } => self.field(field).is_some_and(|field| field.is_mapped(number as usize)),
        }
    }

    /// A record of tickets; nothing if there is nothing to say. Linear in the record.
    ///
    /// ```text
    /// keys   live tickets 1,024 bits | their keys, each: 0 step varint | length varint, bytes
    /// field  form u8 | tickets 1,024 bits | per ticket, by form
    ///        0  code varint, if each has one
    ///        1  count varint, codes varints
    ///        2  step varint
    /// ```
    ///
    /// A step is the zigzag difference, modulo 2^64, from the integer before it in the record, or from 0.
    pub fn ticket_record(&self, record: Record) -> Option<Vec<u8>> {
        let first = record.number().checked_mul(TICKETS_PER_RECORD)?;
        match record {
            Record::Keys { .. } => self.keys_record(first),
            Record::Field { field, .. } => field_record(self.field(field)?, first),
        }
    }

    fn keys_record(&self, first: u32) -> Option<Vec<u8>> {
        let live = self.universe().mask(first);
        let mut out = begun(&[], &live)?;
        let mut before = 0;
        for ord in members(&live, first) {
            match self.key(TicketOrd(ord)) {
                TicketKey::Int(number) => {
                    out.push(0);
                    put_step(&mut out, &mut before, number);
                }
                TicketKey::Text(text) => {
                    put(&mut out, text.len() as u64);
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        Some(out)
    }

    /// The record of the values with codes `number * 64` and the 63 after: each a length varint and its bytes.
    pub fn value_record(&self, field: FieldId, number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(field) = self.field(field) {
            let first = number * VALUES_PER_RECORD;
            for code in first..field.codes().min(first + VALUES_PER_RECORD) {
                let text = field.value_of(code);
                put(&mut out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
        }
        out
    }
}

fn field_record(field: &FieldIndex, first: u32) -> Option<Vec<u8>> {
    let has = field.has().mask(first);
    let mut out = begun(&[ONE_CODE], &has)?;
    let values = out.len();
    let form = match &field.kind {
        Kind::Numbers(column) => {
            let mut before = 0;
            for ord in members(&has, first) {
                put_step(&mut out, &mut before, column.get(ord).unwrap_or(0));
            }
            NUMBERS
        }
        Kind::One { .. } => {
            for ord in members(&has, first) {
                field.for_each_code(ord, |code| put(&mut out, u64::from(code)));
            }
            ONE_CODE
        }
        Kind::Many { column, .. } => {
            let (mut codes, mut one_each) = (Vec::new(), true);
            for ord in members(&has, first) {
                codes.clear();
                column.for_each(ord, |code| codes.push(code));
                one_each = one_each && codes.len() == 1;
                put(&mut out, codes.len() as u64);
                for code in &codes {
                    put(&mut out, u64::from(*code));
                }
            }
            if one_each {
                // As it stood before the field was declared to hold several values, so that nothing is rewritten then.
                out.truncate(values);
                for ord in members(&has, first) {
                    column.for_each(ord, |code| put(&mut out, u64::from(code)));
                }
                ONE_CODE
            } else {
                CODES
            }
        }
    };
    out[0] = form;
    Some(out)
}

/// A record with its form and mask; nothing if the mask has no bit.
fn begun(form: &[u8], mask: &Mask) -> Option<Vec<u8>> {
    if mask.iter().all(|word| *word == 0) {
        return None;
    }
    let mut out = Vec::with_capacity(4 * TICKETS_PER_RECORD as usize);
    out.extend_from_slice(form);
    for word in mask {
        out.extend_from_slice(&word.to_le_bytes());
    }
    Some(out)
}

fn put_step(out: &mut Vec<u8>, before: &mut i64, number: i64) {
    put_signed(out, number.wrapping_sub(*before));
    *before = number;
}

/// The ordinals of a record's tickets whose bit is set.
pub(crate) fn members(mask: &Mask, first: u32) -> impl Iterator<Item = u32> + use<> {
    (*mask).into_iter().zip(0..).flat_map(move |(mut word, at)| {
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            word &= word.wrapping_sub(1);
            (bit < 64).then(|| first + at * 64 + bit)
        })
    })
}
