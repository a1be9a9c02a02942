use model::{FieldDef, FieldId, Value};
use ticketscope_model as model;

use crate::{
    builder::SetBuilder,
    codec::{Reader, SectionError, Writer},
    column::{Column, LEAF, Leaf},
    dictionary::Dictionary,
    many::ManyColumn,
    postings::{Postings, SectionTooLarge},
    range::ValueRange,
    set::TicketSet,
};

/// The new values of one field on some tickets: `(ordinal, values)`, ordinals strictly ascending, no values unset it.
pub type FieldSets = Vec<(u32, Vec<Value>)>;

/// One field of an index: value to tickets and ticket to values.
///
/// A keyword-like field has a dictionary, a posting list per value and a column of codes; a date or number field has a
/// column of order-preserving 64-bit integers.
#[derive(Debug, Clone)]
pub struct FieldIndex {
    has: TicketSet,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    One { dictionary: Dictionary, postings: Postings, column: Column },
    Many { dictionary: Dictionary, postings: Postings, column: ManyColumn },
    Numbers(Column),
}

/// The numbers of the kinds on disk.
const ONE: u32 = 1;
const MANY: u32 = 2;
const NUMBERS: u32 = 3;

impl FieldIndex {
    pub(crate) fn new(def: &FieldDef) -> Self {
        let kind = match (def.kind.is_keyword(), def.many) {
            (true, false) => {
                Kind::One { dictionary: Dictionary::new(), postings: Postings::new(), column: Column::new() }
            }
            (true, true) => {
                Kind::Many { dictionary: Dictionary::new(), postings: Postings::new(), column: ManyColumn::new() }
            }
            (false, _) => Kind::Numbers(Column::new()),
        };
        Self { has: TicketSet::empty(), kind }
    }

    /// The tickets that have any value.
    pub fn has(&self) -> &TicketSet {
        &self.has
    }

    fn dictionary(&self) -> Option<&Dictionary> {
        match &self.kind {
            Kind::One { dictionary, .. } | Kind::Many { dictionary, .. } => Some(dictionary),
            Kind::Numbers(_) => None,
        }
    }

    fn postings(&self) -> Option<&Postings> {
        match &self.kind {
            Kind::One { postings, .. } | Kind::Many { postings, .. } => Some(postings),
            Kind::Numbers(_) => None,
        }
    }

    /// How many codes were given out: one per value that any ticket ever had. 0 for dates and numbers.
    pub fn codes(&self) -> u32 {
        self.dictionary().map_or(0, Dictionary::len)
    }

    /// The value behind a code below [`Self::codes`].
    pub fn value_of(&self, code: u32) -> &str {
        self.dictionary().map_or("", |dictionary| dictionary.get(code))
    }

    /// The code of a value, exactly. Logarithmic.
    pub fn code_of(&self, value: &str) -> Option<u32> {
        self.dictionary().and_then(|dictionary| dictionary.find(value))
    }

    /// The codes of the values equal to `value` but for case and accents.
    pub fn codes_folded(&self, value: &str) -> Vec<u32> {
        let mut codes = Vec::new();
        if let Some(dictionary) = self.dictionary() {
            dictionary.find_folded(value, |code| codes.push(code));
        }
        codes
    }

    /// The tickets with the value of a code.
    pub fn tickets(&self, code: u32) -> TicketSet {
        self.postings().map_or_else(TicketSet::empty, |postings| postings.get(code))
    }

    /// How many tickets have the value of a code.
    pub fn tickets_len(&self, code: u32) -> u32 {
        self.postings().map_or(0, |postings| postings.len_of(code))
    }

    /// Visits the codes of one ticket, ascending.
    #[inline]
    pub fn for_each_code(&self, ord: u32, mut visit: impl FnMut(u32)) {
        match &self.kind {
            Kind::One { column, .. } => {
                if let Some(code) = column.get(ord) {
                    visit(code_of(code));
                }
            }
            Kind::Many { column, .. } => column.for_each(ord, visit),
            Kind::Numbers(_) => {}
        }
    }

    /// The order-preserving integer of one ticket's date (milliseconds) or number (see [`number_key`]), or the code of
    /// its only value.
    #[inline]
    pub fn number(&self, ord: u32) -> Option<i64> {
        match &self.kind {
            Kind::One { column, .. } | Kind::Numbers(column) => column.get(ord),
            Kind::Many { .. } => None,
        }
    }

    /// The tickets whose date or number lies in `range`. One pass over the leaves that meet it.
    pub fn in_range(&self, range: ValueRange) -> TicketSet {
        let mut builder = SetBuilder::new();
        if let Kind::Numbers(column) = &self.kind {
            column.range(range.low, range.high, |ord| builder.push(ord));
        }
        builder.finish()
    }

    /// How many of `tickets` have each value, by code: `counts` is as long as [`Self::codes`]. One pass over `tickets`.
    pub fn count_into(&self, tickets: &TicketSet, counts: &mut [u32]) {
        match &self.kind {
            Kind::One { column, .. } => count_codes(column, tickets, counts),
            Kind::Many { column, .. } => tickets.for_each(|ord| {
                column.for_each(ord, |code| {
                    if let Some(count) = counts.get_mut(code as usize) {
                        *count += 1;
                    }
                });
            }),
            Kind::Numbers(_) => {}
        }
    }

    /// Whether it is a date or number field.
    pub(crate) fn holds_numbers(&self) -> bool {
        matches!(self.kind, Kind::Numbers(_))
    }

    /// Makes a field of one value per ticket one of several, as a schema may redeclare it; codes stay.
    pub(crate) fn widen(&mut self, def: &FieldDef) {
        if let Kind::One { dictionary, postings, column } = &self.kind
            && def.many
        {
            let rows: Vec<_> =
                self.has.iter().map(|ord| (ord, column.get(ord).map(code_of).into_iter().collect())).collect();
            let mut wide = ManyColumn::new();
            wide.set_all(&rows);
            self.kind = Kind::Many { dictionary: dictionary.clone(), postings: postings.clone(), column: wide };
        }
    }

    /// Applies new values.
    pub(crate) fn apply(&mut self, sets: &[(u32, Vec<Value>)]) {
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        for (ord, values) in sets {
            match (self.has.contains(model::TicketOrd(*ord)), values.is_empty()) {
                (false, false) => gained.push(*ord),
                (true, true) => lost.push(*ord),
                _ => {}
            }
        }
        self.has = self.has.updated(&gained, &lost);
        match &mut self.kind {
            Kind::Numbers(column) => {
                let updates: Vec<_> = sets.iter().map(|(ord, values)| (*ord, values.first().map(number_of))).collect();
                column.set_all(&updates);
            }
            Kind::One { dictionary, postings, column } => {
                let codes = dictionary.intern(sets.iter().filter_map(|(_, values)| values.first()).map(text_of));
                let mut codes = codes.into_iter();
                let (mut changes, mut updates) = (Vec::new(), Vec::with_capacity(sets.len()));
                for (ord, values) in sets {
                    let old = column.get(*ord).map(code_of);
                    let new = values.first().and_then(|_| codes.next());
                    if old != new {
                        changes.extend(old.map(|code| (code, *ord, false)));
                        changes.extend(new.map(|code| (code, *ord, true)));
                        updates.push((*ord, new.map(i64::from)));
                    }
                }
                changes.sort_unstable();
                postings.apply(&changes);
                column.set_all(&updates);
            }
            Kind::Many { dictionary, postings, column } => {
                let codes = dictionary.intern(sets.iter().flat_map(|(_, values)| values).map(text_of));
                let mut codes = codes.as_slice();
                let (mut changes, mut updates) = (Vec::new(), Vec::with_capacity(sets.len()));
                for (ord, values) in sets {
                    let (here, later) = codes.split_at(values.len());
                    codes = later;
                    let mut new = here.to_vec();
                    new.sort_unstable();
                    new.dedup();
                    let mut old = Vec::new();
                    column.for_each(*ord, |code| old.push(code));
                    if old == new {
                        continue;
                    }
                    let lacking = |codes: &[u32], code: &u32| codes.binary_search(code).is_err();
                    changes.extend(old.iter().filter(|code| lacking(&new, code)).map(|code| (*code, *ord, false)));
                    changes.extend(new.iter().filter(|code| lacking(&old, code)).map(|code| (*code, *ord, true)));
                    updates.push((*ord, new));
                }
                changes.sort_unstable();
                postings.apply(&changes);
                column.set_all(&updates);
            }
        }
    }

    /// Restores a keyword field written as codes: the dictionary in order, then `(ordinal, code)` ascending, one per
    /// ticket unless the field holds several.
    pub(crate) fn restore(&mut self, values: &[String], mut rows: Vec<(u32, u32)>) {
        let same_block = |a: &(u32, u32), b: &(u32, u32)| a.0 >> 16 == b.0 >> 16;
        let same_ticket = |a: &(u32, u32), b: &(u32, u32)| a.0 == b.0;
        self.has = sorted_set(rows.chunk_by(same_ticket).map(|rows| rows[0].0));
        match &mut self.kind {
            Kind::Numbers(_) => return,
            Kind::One { dictionary, column, .. } => {
                dictionary.append(values.iter().map(String::as_str));
                // Column updates are several times as large as rows: made a block at a time.
                for block in rows.chunk_by(same_block) {
                    column.set_all(&block.iter().map(|(ord, code)| (*ord, Some(i64::from(*code)))).collect::<Vec<_>>());
                }
            }
            Kind::Many { dictionary, column, .. } => {
                dictionary.append(values.iter().map(String::as_str));
                for block in rows.chunk_by(same_block) {
                    let lists = block.chunk_by(same_ticket);
                    let lists = lists.map(|rows| (rows[0].0, rows.iter().map(|(_, code)| *code).collect()));
                    column.set_all(&lists.collect::<Vec<_>>());
                }
            }
        }
        rows.sort_unstable_by_key(|(ord, code)| (*code, *ord));
        if let Kind::One { postings, .. } | Kind::Many { postings, .. } = &mut self.kind {
            postings.apply(&rows.into_iter().map(|(ord, code)| (code, ord, true)).collect::<Vec<_>>());
        }
    }

    /// Restores a date or number field: `(ordinal, number)` ascending.
    pub(crate) fn restore_numbers(&mut self, rows: &[(u32, i64)]) {
        self.has = sorted_set(rows.iter().map(|(ord, _)| *ord));
        if let Kind::Numbers(column) = &mut self.kind {
            column.set_all(&rows.iter().map(|(ord, number)| (*ord, Some(*number))).collect::<Vec<_>>());
        }
    }

    /// Heap bytes of dictionary, posting lists and column.
    pub(crate) fn heap_bytes(&self) -> [usize; 3] {
        match &self.kind {
            Kind::One { dictionary, postings, column } => {
                [dictionary.heap_bytes(), postings.heap_bytes() + self.has.heap_bytes(), column.heap_bytes()]
            }
            Kind::Many { dictionary, postings, column } => {
                [dictionary.heap_bytes(), postings.heap_bytes() + self.has.heap_bytes(), column.heap_bytes()]
            }
            Kind::Numbers(column) => [0, self.has.heap_bytes(), column.heap_bytes()],
        }
    }

    /// The field's two sections: head (dictionary and column) and posting lists, the last of which is `has`.
    pub(crate) fn write(&self) -> Result<(Vec<u8>, Vec<u8>), SectionTooLarge> {
        let mut out = Writer::default();
        let has = Postings::only(&self.has);
        match &self.kind {
            Kind::One { dictionary, column, .. } => {
                out.u32(ONE);
                dictionary.write(&mut out);
                out.align();
                column.write(&mut out);
            }
            Kind::Many { dictionary, column, .. } => {
                out.u32(MANY);
                dictionary.write(&mut out);
                out.align();
                column.write(&mut out);
            }
            Kind::Numbers(column) => {
                out.u32(NUMBERS);
                column.write(&mut out);
            }
        }
        out.align();
        out.bytes(&has.write()?);
        let postings = self.postings().map_or_else(|| Postings::new().write(), Postings::write)?;
        Ok((out.out, postings))
    }

    pub(crate) fn read(
        def: &FieldDef,
        (head_id, head): (u32, bytes::Bytes),
        (postings_id, postings): (u32, &bytes::Bytes),
    ) -> Result<Self, SectionError> {
        let mut input = Reader::new(head_id, head);
        let postings = Postings::read(postings_id, postings)?;
        let kind = match (input.u32()?, def.kind.is_keyword(), def.many) {
            // A field written before it was redeclared to hold several.
            (ONE, true, _) => Kind::One {
                dictionary: Dictionary::read(&mut input)?,
                postings,
                column: aligned(&mut input, Column::read)?,
            },
            (MANY, true, true) => Kind::Many {
                dictionary: Dictionary::read(&mut input)?,
                postings,
                column: aligned(&mut input, ManyColumn::read)?,
            },
            (NUMBERS, false, _) => Kind::Numbers(Column::read(&mut input)?),
            _ => return Err(input.damaged("the field is of another kind than the schema says")),
        };
        input.align()?;
        let rest = input.rest();
        let has = Postings::read(head_id, &rest)?.get(0);
        let field = Self { has, kind };
        if field.postings().is_some_and(|postings| postings.len() > field.codes()) {
            return Err(SectionError { section: postings_id, offset: 0, what: "a posting list has no value" });
        }
        Ok(field)
    }
}

fn aligned<T>(input: &mut Reader, read: fn(&mut Reader) -> Result<T, SectionError>) -> Result<T, SectionError> {
    input.align()?;
    read(input)
}

fn sorted_set(ords: impl Iterator<Item = u32>) -> TicketSet {
    let mut builder = SetBuilder::new();
    ords.for_each(|ord| builder.push(ord));
    builder.finish()
}

fn count_codes(column: &Column, tickets: &TicketSet, counts: &mut [u32]) {
    // One bounds check a leaf rather than a walk from the root for each ticket.
    let (mut number, mut leaf): (usize, Option<&Leaf>) = (usize::MAX, None);
    tickets.for_each(|ord| {
        let at = ord as usize;
        if at / LEAF != number {
            number = at / LEAF;
            leaf = column.leaf(number);
        }
        if let Some(code) = leaf.and_then(|leaf| leaf.get(at % LEAF))
            && let Some(count) = counts.get_mut(code_of(code) as usize)
        {
            *count += 1;
        }
    });
}

fn text_of(value: &Value) -> &str {
    match value {
        Value::Keyword(text) => text,
        Value::Number(_) | Value::Date(_) => "",
    }
}

/// The integer by which a column holds and orders a value.
fn number_of(value: &Value) -> i64 {
    match value {
        Value::Date(moment) => moment.0,
        Value::Number(number) => number_key(*number),
        Value::Keyword(_) => 0,
    }
}

/// An integer that orders as the finite float does.
pub fn number_key(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The float behind a [`number_key`].
pub fn number_from_key(key: i64) -> f64 {
    f64::from_bits(if key < 0 { key ^ i64::MAX } else { key }.cast_unsigned())
}

#[inline]
fn code_of(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The sections of a field in a mapped snapshot: its number, shifted, and the part.
pub(crate) fn section_of(field: FieldId, part: u32) -> u32 {
    u32::from(field.0) << 8 | part
}
