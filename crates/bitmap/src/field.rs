use model::{FieldDef, Value};
use ticketscope_model as model;

use crate::{
    block::{BitBuffer, WORDS},
    blocks::Numbered,
    builder::SetBuilder,
    column::{Column, LEAF},
    dictionary::Dictionary,
    many::ManyColumn,
    part_bytes::PartBytes,
    postings::Postings,
    range::ValueRange,
    readers::add_counts,
    set::{Repr, TicketSet},
};

/// The new values of one field on some tickets: `(ordinal, values)`, ordinals strictly ascending, no values unset it.
pub type FieldSets = Vec<(u32, Vec<Value>)>;

/// One field of an index: value to tickets and ticket to values.
///
/// A keyword-like field has a dictionary, a posting list per value and a column of codes; a date or number field has a
/// column of order-preserving 64-bit integers.
#[derive(Debug, Clone)]
pub struct FieldIndex {
    pub(crate) has: TicketSet,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    One { dictionary: Dictionary, postings: Postings, column: Column },
    Many { dictionary: Dictionary, postings: Postings, column: ManyColumn },
    Numbers(Column),
}

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

    pub(crate) fn dictionary(&self) -> Option<&Dictionary> {
        match &self.kind {
            Kind::One { dictionary, .. } | Kind::Many { dictionary, .. } => Some(dictionary),
            Kind::Numbers(_) => None,
        }
    }

    pub(crate) fn postings(&self) -> Option<&Postings> {
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

    /// The codes of the values equal to `value` but for case and accents. Logarithmic, and linear in these.
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

    /// Visits those of `tickets` whose date or number lies in `range`, ascending. One pass over `tickets`, which looks at no
    /// value where the bounds of a leaf tell.
    pub(crate) fn for_each_in_range(&self, range: ValueRange, tickets: &TicketSet, mut visit: impl FnMut(u32)) {
        let Kind::Numbers(column) = &self.kind else { return };
        tickets.slices(|ords| {
            for_each_leaf(ords, |leaf, here| {
                let Some(leaf) = column.leaf(leaf) else { return };
                match leaf.all_or_none_in(range) {
                    Some(false) => {}
                    Some(true) => here.iter().for_each(|ord| visit(*ord)),
                    None => here
                        .iter()
                        .filter(|ord| leaf.get(**ord as usize % LEAF).is_some_and(|number| range.contains(number)))
                        .for_each(|ord| visit(*ord)),
                }
            });
        });
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

    /// Whether what the 1,024 tickets of a leaf have is read from a mapped file.
    pub(crate) fn is_mapped(&self, leaf: usize) -> bool {
        match &self.kind {
            Kind::One { column, .. } | Kind::Numbers(column) => column.is_mapped(leaf),
            Kind::Many { column, .. } => column.is_mapped(leaf),
        }
    }

    /// A code that has the value of another; nothing if there is none. Linear in the dictionary.
    pub(crate) fn doubled(&self) -> Option<u32> {
        self.dictionary().and_then(Dictionary::doubled)
    }

    /// Whether every ticket has at most one code, so that posting lists have no ticket in common.
    pub fn holds_one_code(&self) -> bool {
        matches!(self.kind, Kind::One { .. })
    }

    /// Whether [`Self::number`] tells all that a ticket has: not of a field that holds several values.
    pub fn holds_one_number(&self) -> bool {
        !matches!(self.kind, Kind::Many { .. })
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
                let (mut invert, mut set) = (|| postings.apply(&changes), || column.set_all(&updates));
                if updates.len() < PARALLEL_SETS {
                    invert();
                    set();
                } else {
                    rayon::join(invert, set);
                }
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
                let (mut invert, mut set) = (|| postings.apply(&changes), || column.set_all(&updates));
                if updates.len() < PARALLEL_SETS {
                    invert();
                    set();
                } else {
                    rayon::join(invert, set);
                }
            }
        }
    }

    /// Bytes of dictionary, posting lists and column.
    pub(crate) fn part_bytes(&self) -> [PartBytes; 3] {
        match &self.kind {
            Kind::One { dictionary, postings, column } => {
                [dictionary.part_bytes(), postings.part_bytes() + self.has.part_bytes(), column.part_bytes()]
            }
            Kind::Many { dictionary, postings, column } => {
                [dictionary.part_bytes(), postings.part_bytes() + self.has.part_bytes(), column.part_bytes()]
            }
            Kind::Numbers(column) => [PartBytes::default(), self.has.part_bytes(), column.part_bytes()],
        }
    }
}

/// New values from which posting lists and column are changed beside each other.
const PARALLEL_SETS: usize = 1 << 13;

/// Tickets in a counting pass from which it is split among threads.
const PARALLEL: u32 = 1 << 18;

fn count_codes(column: &Column, tickets: &TicketSet, counts: &mut [u32]) {
    let Repr::Blocks(blocks) = &tickets.0 else {
        tickets.slices(|ords| count_slice(column, ords, counts));
        return;
    };
    let list: Vec<&Numbered> = blocks.iter().collect();
    let count = |blocks: &[&Numbered], counts: &mut [u32]| {
        let mut buffer = BitBuffer::default();
        for (number, block) in blocks {
            if block.is_dense() {
                let mut words = [0; WORDS];
                block.add_to(&mut words, &mut buffer);
                column.count_words(*number, &words, counts);
            } else {
                block.slices_of(*number, |ords| count_slice(column, ords, counts));
            }
        }
    };
    if tickets.len() < PARALLEL || counts.len() > tickets.len() as usize / 4 {
        return count(&list, counts);
    }
    add_counts(&list, counts, count);
}

fn count_slice(column: &Column, ords: &[u32], counts: &mut [u32]) {
    for_each_leaf(ords, |leaf, here| {
        if let Some(leaf) = column.leaf(leaf) {
            leaf.count_codes(here, counts);
        }
    });
}

/// Cuts sorted ordinals where the leaves of a column end.
fn for_each_leaf(ords: &[u32], mut visit: impl FnMut(usize, &[u32])) {
    let mut rest = ords;
    while let [first, ..] = rest {
        let leaf = *first as usize / LEAF;
        let is_here = |ord: &u32| *ord as usize / LEAF == leaf;
        // Looked for from the front: few of a small set are in one leaf, and all of a slice of a large one.
        let end = if rest.last().is_some_and(is_here) {
            rest.len()
        } else {
            rest.iter().position(|ord| !is_here(ord)).unwrap_or(rest.len())
        };
        let (here, later) = rest.split_at(end);
        visit(leaf, here);
        rest = later;
    }
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
