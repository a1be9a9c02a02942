//! In which order tickets are listed.

use std::{cmp::Ordering, fmt};

use ticketscope_model::{FieldDef, TicketKey, Timestamp, Value};

use super::{Row, World};

/// What a list is ordered by. Tickets without a value come last whichever end comes first, and ties break by ticket
/// key, the smaller first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// By what tickets are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortBy {
    /// By the smallest value of a field.
    Field(String),
    /// By ticket key.
    Key,
}

/// What one ticket is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum SortValue<'w> {
    /// A value with a place in its field's natural order.
    Rank(usize),
    /// A string; where the field has a natural order these stand above it.
    Text(&'w str),
    /// A number.
    Number(f64),
    /// A date.
    Date(Timestamp),
    /// The ticket key itself.
    Key(&'w TicketKey),
}

/// The place of a ticket in an order: a page may begin after it even when the ticket is gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position<'w> {
    /// What it is ordered by; none if it has no such value.
    pub value: Option<SortValue<'w>>,
    /// The tie-breaker.
    pub key: &'w TicketKey,
}

impl Sort {
    /// By a field, by its name or an alias.
    pub fn by_field(field: &str, descending: bool) -> Self {
        Self { by: SortBy::Field(field.to_owned()), descending }
    }

    /// The place of a ticket with this key and row.
    pub fn position<'w>(&self, world: &World, key: &'w TicketKey, row: &'w Row) -> Position<'w> {
        let value = match &self.by {
            SortBy::Key => Some(SortValue::Key(key)),
            SortBy::Field(name) => world.schema().field(name).and_then(|field| smallest(field, row)),
        };
        Position { value, key }
    }

    /// Which of two places comes first.
    pub fn compare(&self, a: &Position<'_>, b: &Position<'_>) -> Ordering {
        let by_value = match (a.value, b.value) {
            (Some(a), Some(b)) => {
                let ascending = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                if self.descending { ascending.reverse() } else { ascending }
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_value.then_with(|| a.key.cmp(b.key))
    }
}

impl Default for Sort {
    /// Newest `updated_at` first.
    fn default() -> Self {
        Self::by_field("updated_at", true)
    }
}

impl fmt::Display for Sort {
    /// As the words of a query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match &self.by {
            SortBy::Field(field) => field,
            SortBy::Key => "id",
        };
        write!(f, "order_by:{by} sort:{}", if self.descending { "desc" } else { "asc" })
    }
}

/// The place of a value in the natural order of its field.
pub(super) fn rank(field: &FieldDef, value: &str) -> Option<usize> {
    field.order.iter().position(|known| *known == value)
}

fn smallest<'w>(field: &FieldDef, row: &'w Row) -> Option<SortValue<'w>> {
    let values = row.values(&field.name).iter().map(|value| match value {
        Value::Keyword(text) => rank(field, text).map_or(SortValue::Text(text), SortValue::Rank),
        Value::Number(number) => SortValue::Number(*number),
        Value::Date(moment) => SortValue::Date(*moment),
    });
    values.min_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal))
}
