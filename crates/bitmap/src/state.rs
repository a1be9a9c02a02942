use model::{FieldId, TicketKey, TicketOrd};
use thiserror::Error;
use ticketscope_model as model;

use crate::{
    index::Index,
    varint::{put, put_signed},
};

/// Tickets whose rows share one record of the state: a single change rewrites one record, a bulk change few.
pub const TICKETS_PER_RECORD: u32 = 64;

/// Values whose strings share one record of the state.
pub const VALUES_PER_RECORD: u32 = 64;

const _: () = assert!(TICKETS_PER_RECORD == 64, "presence is a 64-bit mask");

/// A record of the state is not of the form it should have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("state record {record} is damaged: {what}")]
pub struct StateError {
    /// Which record.
    pub record: u32,
    /// What is wrong.
    pub what: &'static str,
}

impl Index {
    /// The record of tickets `number * 64` and the 63 after: everything about them but text.
    ///
    /// ```text
    /// live tickets u64 | their keys, each: 0 zigzag varint | length varint, bytes
    /// fields varint    | each: id varint, tickets u64, then per ticket
    ///                  |   one value: code varint | several: count varint, codes | number: zigzag varint
    /// ```
    pub fn ticket_record(&self, number: u32) -> Vec<u8> {
        let first = number * TICKETS_PER_RECORD;
        let mut out = Vec::with_capacity(4096);
        let live = self.universe().mask(first);
        out.extend_from_slice(&live.to_le_bytes());
        for ord in members(live, first) {
            match self.key(TicketOrd(ord)) {
                TicketKey::Int(number) => {
                    out.push(0);
                    put_signed(&mut out, number);
                }
                TicketKey::Text(text) => {
                    put(&mut out, text.len() as u64);
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        let present: Vec<_> = self.fields().map(|(id, field)| (id, field, field.has().mask(first))).collect();
        put(&mut out, present.iter().filter(|(.., mask)| *mask != 0).count() as u64);
        let mut codes = Vec::new();
        for (id, field, mask) in present.into_iter().filter(|(.., mask)| *mask != 0) {
            put(&mut out, u64::from(id.0));
            out.extend_from_slice(&mask.to_le_bytes());
            for ord in members(mask, first) {
                if field.holds_numbers() {
                    put_signed(&mut out, field.number(ord).unwrap_or(0));
                    continue;
                }
                codes.clear();
                field.for_each_code(ord, |code| codes.push(code));
                put(&mut out, codes.len() as u64);
                for code in &codes {
                    put(&mut out, u64::from(*code));
                }
            }
        }
        out
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

/// The ordinals of a record's tickets whose bit is set.
pub(crate) fn members(mask: u64, first: u32) -> impl Iterator<Item = u32> {
    (0..TICKETS_PER_RECORD).filter(move |at| mask >> at & 1 == 1).map(move |at| first + at)
}
