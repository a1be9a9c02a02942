use std::{collections::BTreeMap, sync::Arc};

use model::{FieldDef, FieldId, Schema, TicketKey, TicketOrd};
use ticketscope_model as model;

use crate::{
    field::FieldIndex,
    index::Index,
    keys::Keys,
    set::TicketSet,
    state::{CODES, Mask, NUMBERS, ONE_CODE, Record, StateError, TICKETS_PER_RECORD, VALUES_PER_RECORD, members},
    varint::{take, take_byte, take_bytes, take_mask, take_signed},
};

/// Rebuilds an index from the records of the state: first those of values, fields in any order, each in ascending order of
/// numbers; then those of tickets in the order of [`Record`].
#[derive(Debug, Clone, Default)]
pub struct Restore {
    values: BTreeMap<FieldId, Vec<String>>,
    last: Option<Record>,
    /// Which tickets live, by number of record.
    live: BTreeMap<u32, Mask>,
    keys: Vec<TicketKey>,
    codes: BTreeMap<FieldId, Vec<(u32, u32)>>,
    numbers: BTreeMap<FieldId, Vec<(u32, i64)>>,
}

/// What is wrong with a record that is being read.
type Damage = &'static str;

const CUT_OFF: Damage = "it is cut off";

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
        let before = values.len();
        if before as u64 != u64::from(number) * u64::from(VALUES_PER_RECORD) {
            return Err(damaged("values are missing before it"));
        }
        let mut input = record;
        while !input.is_empty() {
            if values.len() - before == VALUES_PER_RECORD as usize {
                return Err(damaged("it holds too many values"));
            }
            let text = take_bytes(&mut input).and_then(|bytes| std::str::from_utf8(bytes).ok());
            values.push(text.ok_or(damaged("a value is cut off or not UTF-8"))?.to_owned());
        }
        Ok(())
    }

    /// Takes a record of tickets; every record of values has been taken before.
    ///
    /// # Errors
    /// [`StateError`] if it is damaged or out of turn.
    pub fn tickets(&mut self, schema: &Schema, record: Record, bytes: &[u8]) -> Result<(), StateError> {
        self.take_tickets(schema, record, bytes).map_err(|what| StateError { record: record.number(), what })
    }

    fn take_tickets(&mut self, schema: &Schema, record: Record, bytes: &[u8]) -> Result<(), Damage> {
        let first = record.number().checked_mul(TICKETS_PER_RECORD).ok_or("there is no such record")?;
        if self.last >= Some(record) {
            return Err("it is out of turn");
        }
        self.last = Some(record);
        let mut input = bytes;
        match record {
            Record::Keys { number } => {
                let live: Mask = take_mask(&mut input).ok_or(CUT_OFF)?;
                let mut before = 0;
                for _ in members(&live, first) {
                    self.keys.push(take_key(&mut input, &mut before)?);
                }
                self.live.insert(number, live);
            }
            Record::Field { field, number } => {
                let def = schema.by_id(field).ok_or("the schema does not know its field")?;
                let form = take_byte(&mut input).ok_or(CUT_OFF)?;
                let has: Mask = take_mask(&mut input).ok_or(CUT_OFF)?;
                let live = self.live.get(&number);
                if !live.is_some_and(|live| has.iter().zip(live).all(|(has, live)| has & !live == 0)) {
                    return Err("a ticket that does not live has values");
                }
                self.take_values(def, form, members(&has, first), &mut input)?;
            }
        }
        if input.is_empty() { Ok(()) } else { Err("it goes on after its end") }
    }

    fn take_values(
        &mut self,
        def: &FieldDef,
        form: u8,
        ords: impl Iterator<Item = u32>,
        input: &mut &[u8],
    ) -> Result<(), Damage> {
        match (form, def.kind.is_keyword()) {
            (ONE_CODE, true) => {
                for ord in ords {
                    self.take_codes(def, ord, 1, input)?;
                }
            }
            (CODES, true) if def.many => {
                for ord in ords {
                    let count = take(input).ok_or(CUT_OFF)?;
                    self.take_codes(def, ord, count, input)?;
                }
            }
            (NUMBERS, false) => {
                let rows = self.numbers.entry(def.id).or_default();
                let mut before = 0;
                for ord in ords {
                    rows.push((ord, take_step(input, &mut before)?));
                }
            }
            _ => return Err("its form is not one of its field"),
        }
        Ok(())
    }

    fn take_codes(&mut self, def: &FieldDef, ord: u32, count: u64, input: &mut &[u8]) -> Result<(), Damage> {
        let known = self.values.get(&def.id).map_or(0, Vec::len) as u64;
        if count == 0 {
            return Err("a ticket that has values has none");
        }
        let rows = self.codes.entry(def.id).or_default();
        let mut next = 0;
        for _ in 0..count {
            let code = take(input).ok_or(CUT_OFF)?;
            if !(next..known).contains(&code) {
                return Err("a value is unknown or out of order");
            }
            next = code + 1;
            rows.push((ord, u32::try_from(code).or(Err("a value is unknown or out of order"))?));
        }
        Ok(())
    }

    /// The index, of which `ordinals` were given out.
    ///
    /// # Errors
    /// [`StateError`] if a ticket lies beyond that, two have one key, values belong to no field that has any, or a field has
    /// one twice.
    pub fn finish(mut self, schema: &Schema, ordinals: u32) -> Result<Index, StateError> {
        let live: Vec<u32> =
            self.live.iter().flat_map(|(number, mask)| members(mask, number * TICKETS_PER_RECORD)).collect();
        if let Some(last) = live.last().filter(|last| **last >= ordinals) {
            return Err(StateError {
                record: last / TICKETS_PER_RECORD,
                what: "a ticket has an ordinal never given out",
            });
        }
        let mut all = vec![TicketKey::Text("".into()); ordinals as usize];
        for (ord, key) in live.iter().zip(self.keys) {
            if let Some(slot) = all.get_mut(*ord as usize) {
                *slot = key;
            }
        }
        let mut keys = Keys::new();
        keys.append(&all);
        drop(all);
        let universe = TicketSet::from_sorted(&live);
        if let Some(ord) = keys.doubled(|ord| universe.contains(TicketOrd(ord))) {
            let record = ord / TICKETS_PER_RECORD;
            return Err(StateError { record, what: "a ticket has the key of another" });
        }
        let mut fields = BTreeMap::new();
        for (id, values) in &self.values {
            let def = schema.by_id(*id).filter(|def| def.kind.is_keyword());
            let def = def.ok_or(StateError { record: 0, what: "values belong to a field that has none" })?;
            let mut field = FieldIndex::new(def);
            field.restore(values, self.codes.remove(id).into_iter().flatten().collect());
            if let Some(code) = field.doubled() {
                let record = code / VALUES_PER_RECORD;
                return Err(StateError { record, what: "a value stands among those of its field twice" });
            }
            fields.insert(*id, Arc::new(field));
        }
        for (id, rows) in &self.numbers {
            let Some(def) = schema.by_id(*id) else {
                return Err(StateError { record: 0, what: "the schema does not know a field" });
            };
            let mut field = FieldIndex::new(def);
            field.restore_numbers(rows);
            fields.insert(*id, Arc::new(field));
        }
        Ok(Index::from_parts(universe, keys, fields.into_iter().collect()))
    }
}

fn take_key(input: &mut &[u8], before: &mut i64) -> Result<TicketKey, Damage> {
    if let Some((0, rest)) = input.split_first() {
        *input = rest;
        return Ok(TicketKey::Int(take_step(input, before)?));
    }
    let text = take_bytes(input).ok_or(CUT_OFF)?;
    let text = std::str::from_utf8(text).or(Err("a key is not UTF-8"))?;
    TicketKey::parse(text).or(Err("a key is no key"))
}

fn take_step(input: &mut &[u8], before: &mut i64) -> Result<i64, Damage> {
    *before = before.wrapping_add(take_signed(input).ok_or(CUT_OFF)?);
    Ok(*before)
}
