use std::cmp::Ordering;

use bitmap::{FieldIndex, Index};
use model::{FieldDef, FieldId, Schema, TicketKey, TicketOrd};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::ast::{Direction, Sort, SortKey};

/// What a ticket is sorted by, as a cursor carries it from one snapshot to a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue {
    /// The ticket has no such value, or is sorted by its key alone.
    Nothing,
    /// A date (milliseconds) or a number (its order-preserving integer).
    Number(i64),
    /// A keyword, by its natural order if it has a place there, else by its bytes.
    Text(String),
}

/// Compares tickets by a sort: value, tickets without one last, then key ascending.
pub(crate) struct Sorter<'a> {
    index: &'a Index,
    column: Option<&'a FieldIndex>,
    def: Option<&'a FieldDef>,
    direction: Direction,
    by_key: bool,
}

/// A value as it is compared, borrowed from the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value<'a> {
    Number(i64),
    Ranked(usize),
    Text(&'a str),
}

impl<'a> Sorter<'a> {
    pub(crate) fn new(index: &'a Index, schema: &'a Schema, sort: Sort) -> Self {
        let (field, by_key) = match sort.by {
            SortKey::Field(field) => (Some(field), false),
            // A relevance that all tickets share leaves the key.
            SortKey::Key | SortKey::Relevance => (None, true),
        };
        Self {
            index,
            column: field.and_then(|field: FieldId| index.field(field)),
            def: field.and_then(|field| schema.by_id(field)),
            direction: if sort.by == SortKey::Relevance { Direction::Ascending } else { sort.direction },
            by_key,
        }
    }

    /// The value of a ticket; the smallest of several.
    #[inline]
    pub(crate) fn value(&self, ord: u32) -> Option<Value<'a>> {
        let (column, def) = (self.column?, self.def?);
        if !def.kind.is_keyword() {
            return column.number(ord).map(Value::Number);
        }
        let mut smallest = None;
        column.for_each_code(ord, |code| {
            let value = ranked(def, column.value_of(code));
            smallest = Some(smallest.map_or(value, |other: Value<'a>| other.min(value)));
        });
        smallest
    }

    fn compare_values(&self, a: Option<Value<'_>>, b: Option<Value<'_>>) -> Ordering {
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => match self.direction {
                Direction::Ascending => a.cmp(&b),
                Direction::Descending => b.cmp(&a),
            },
        }
    }

    /// Orders two tickets whose values were looked up before.
    pub(crate) fn compare_rows(&self, a: &(Option<Value<'_>>, u32), b: &(Option<Value<'_>>, u32)) -> Ordering {
        let keys = || self.index.compare_keys(TicketOrd(a.1), TicketOrd(b.1));
        if self.by_key {
            return if self.direction == Direction::Descending { keys().reverse() } else { keys() };
        }
        self.compare_values(a.0, b.0).then_with(keys)
    }

    /// Orders a ticket against a place in the list: the last ticket of the page before.
    pub(crate) fn compare_to(&self, ord: u32, value: &SortValue, key: &TicketKey) -> Ordering {
        let keys = self.index.compare_key_to(TicketOrd(ord), key);
        if self.by_key {
            return if self.direction == Direction::Descending { keys.reverse() } else { keys };
        }
        let place = match value {
            SortValue::Nothing => None,
            SortValue::Number(number) => Some(Value::Number(*number)),
            SortValue::Text(text) => Some(self.def.map_or(Value::Text(text), |def| ranked(def, text))),
        };
        self.compare_values(self.value(ord), place).then(keys)
    }

    /// What a cursor keeps of a ticket's place.
    pub(crate) fn place(&self, ord: u32) -> SortValue {
        match self.value(ord) {
            None => SortValue::Nothing,
            Some(Value::Number(number)) => SortValue::Number(number),
            Some(Value::Ranked(rank)) => SortValue::Text(
                self.def.and_then(|def| def.order.get(rank)).map_or_else(String::new, ToString::to_string),
            ),
            Some(Value::Text(text)) => SortValue::Text(text.to_owned()),
        }
    }
}

fn ranked<'a>(def: &FieldDef, text: &'a str) -> Value<'a> {
    def.rank(text).map_or(Value::Text(text), Value::Ranked)
}
