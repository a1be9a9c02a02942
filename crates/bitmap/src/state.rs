use std::{collections::BTreeMap, sync::Arc};

use model::{FieldId, Schema, TicketKey};
use thiserror::Error;
use ticketscope_model as model;

use crate::{
    field::FieldIndex,
    index::Index,
    keys::Keys,
    set::{LIST_MAX, TicketSet},
};

/// Tickets whose rows share one record of the state: a single change rewrites one record, a bulk change few.
pub const TICKETS_PER_RECORD: u32 = 64;

/// Values whose strings share one record of the state.
pub const VALUES_PER_RECORD: u32 = 64;

const _: () = assert!(TICKETS_PER_RECORD == 64, "presence is a 64-bit mask");
const _: () = assert!(LIST_MAX > 0);

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
        let live = mask(self.universe(), first);
        out.extend_from_slice(&live.to_le_bytes());
        for ord in members(live, first) {
            match self.key(model::TicketOrd(ord)) {
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
        let present: Vec<_> = self.fields().map(|(id, field)| (id, field, mask(field.has(), first))).collect();
        put(&mut out, present.iter().filter(|(.., mask)| *mask != 0).count() as u64);
        for (id, field, mask) in present.into_iter().filter(|(.., mask)| *mask != 0) {
            put(&mut out, u64::from(id.0));
            out.extend_from_slice(&mask.to_le_bytes());
            for ord in members(mask, first) {
                if field.codes() == 0 {
                    put_signed(&mut out, field.number(ord).unwrap_or(0));
                    continue;
                }
                let mut codes = Vec::new();
                field.for_each_code(ord, |code| codes.push(code));
                put(&mut out, codes.len() as u64);
                codes.into_iter().for_each(|code| put(&mut out, u64::from(code)));
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

/// Rebuilds an index from the records of the state, fed in any order of fields and in ascending order of numbers.
#[derive(Debug, Default)]
pub struct Restore {
    values: BTreeMap<FieldId, Vec<String>>,
    live: Vec<u32>,
    keys: Vec<(u32, TicketKey)>,
    codes: BTreeMap<FieldId, Vec<(u32, Vec<u32>)>>,
    numbers: BTreeMap<FieldId, Vec<(u32, i64)>>,
}

impl Restore {
    /// A restoration that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a record of values.
    ///
    /// # Errors
    /// [`StateError`] if it is damaged or out of turn.
    pub fn values(&mut self, field: FieldId, number: u32, record: &[u8]) -> Result<(), StateError> {
        let damaged = |what| StateError { record: number, what };
        let values = self.values.entry(field).or_default();
        if values.len() != number as usize * VALUES_PER_RECORD as usize {
            return Err(damaged("values are missing before it"));
        }
        let mut input = record;
        while !input.is_empty() {
            let text = take_bytes(&mut input).and_then(|bytes| std::str::from_utf8(bytes).ok());
            values.push(text.ok_or(damaged("a value is cut off or not UTF-8"))?.to_owned());
        }
        Ok(())
    }

    /// Takes a record of tickets; every record of values has been taken before.
    ///
    /// # Errors
    /// [`StateError`] if it is damaged.
    pub fn tickets(&mut self, schema: &Schema, number: u32, record: &[u8]) -> Result<(), StateError> {
        let damaged = |what| StateError { record: number, what };
        let cut_off = damaged("it is cut off");
        let cut = || cut_off.clone();
        let first = number.checked_mul(TICKETS_PER_RECORD).ok_or_else(cut)?;
        let mut input = record;
        let live = take_mask(&mut input).ok_or_else(cut)?;
        for ord in members(live, first) {
            let key = match input.split_first() {
                Some((0, rest)) => {
                    input = rest;
                    TicketKey::Int(take_signed(&mut input).ok_or_else(cut)?)
                }
                _ => {
                    let text = take_bytes(&mut input).and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or_else(cut)?;
                    TicketKey::parse(text).or(Err(damaged("a key is no key")))?
                }
            };
            self.live.push(ord);
            self.keys.push((ord, key));
        }
        for _ in 0..take(&mut input).ok_or_else(cut)? {
            let id = take(&mut input).and_then(|id| u16::try_from(id).ok()).map(FieldId).ok_or_else(cut)?;
            let def = schema.by_id(id).ok_or(damaged("the schema does not know a field"))?;
            let mask = take_mask(&mut input).ok_or_else(cut)?;
            if mask & !live != 0 {
                return Err(damaged("a ticket that does not live has values"));
            }
            for ord in members(mask, first) {
                if !def.kind.is_keyword() {
                    self.numbers.entry(id).or_default().push((ord, take_signed(&mut input).ok_or_else(cut)?));
                    continue;
                }
                let known = self.values.get(&id).map_or(0, Vec::len) as u64;
                let mut codes = Vec::new();
                for _ in 0..take(&mut input).ok_or_else(cut)? {
                    let code = take(&mut input).filter(|code| *code < known).ok_or(damaged("a value is unknown"))?;
                    codes.push(u32::try_from(code).or(Err(damaged("a value is unknown")))?);
                }
                self.codes.entry(id).or_default().push((ord, codes));
            }
        }
        if input.is_empty() { Ok(()) } else { Err(damaged("it goes on after its end")) }
    }

    /// The index, of which `ordinals` were given out.
    ///
    /// # Errors
    /// [`StateError`] if a ticket lies beyond that.
    pub fn finish(self, schema: &Schema, ordinals: u32) -> Result<Index, StateError> {
        if let Some(last) = self.live.last().filter(|last| **last >= ordinals) {
            return Err(StateError { record: last / TICKETS_PER_RECORD, what: "a ticket has an ordinal never given out" });
        }
        let mut all = vec![TicketKey::Text("".into()); ordinals as usize];
        for (ord, key) in self.keys {
            if let Some(slot) = all.get_mut(ord as usize) {
                *slot = key;
            }
        }
        let mut keys = Keys::new();
        keys.append(&all);
        let mut fields = Vec::new();
        let mut ids: Vec<FieldId> = self.values.keys().chain(self.numbers.keys()).copied().collect();
        ids.sort_unstable();
        let (mut codes, mut numbers) = (self.codes, self.numbers);
        for id in ids {
            let Some(def) = schema.by_id(id) else { continue };
            let mut field = FieldIndex::new(def);
            if let Some(values) = self.values.get(&id) {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                field.restore(&values, codes.remove(&id).into_iter().flatten().collect());
            } else {
                field.restore_numbers(&numbers.remove(&id).into_iter().flatten().collect::<Vec<_>>());
            }
            fields.push((id, Arc::new(field)));
        }
        Ok(Index::from_parts(TicketSet::from_sorted(&self.live), keys, fields))
    }
}

fn mask(set: &TicketSet, first: u32) -> u64 {
    (0..TICKETS_PER_RECORD).fold(0, |mask, at| mask | u64::from(set.contains(model::TicketOrd(first + at))) << at)
}

fn members(mask: u64, first: u32) -> impl Iterator<Item = u32> {
    (0..TICKETS_PER_RECORD).filter(move |at| mask >> at & 1 == 1).map(move |at| first + at)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number << 1 ^ number >> 63).cast_unsigned());
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_signed(input: &mut &[u8]) -> Option<i64> {
    take(input).map(|number| (number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

fn take_mask(input: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(u64::from_le_bytes(*bytes))
}
