//! Tickets as answers show them.

use std::{fmt, ops::Deref};

use bitmap::number_from_key;
use model::{FieldId, FieldKind, TicketKey, TicketOrd, Timestamp};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::Snapshot;

/// One ticket of a list. Its words are borrowed from the snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// Its ordinal, for whoever reads more of the ticket; no answer shows it.
    pub ord: TicketOrd,
    /// Its key.
    pub key: TicketKey,
    /// How well it matches the words, in a list by relevance.
    pub score: Option<f32>,
    /// Its values, by field, fields ascending.
    pub fields: Vec<(FieldId, Values<'a>)>,
}

/// The values of one field of a ticket, at least one, ascending.
#[derive(Clone, PartialEq)]
pub enum Values<'a> {
    /// Of nearly every field: it takes no room of its own.
    One(FieldValue<'a>),
    /// Of a field that holds several.
    Several(Box<[FieldValue<'a>]>),
}

/// A value as answers show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    /// Of a keyword, principal or tree field.
    Keyword(&'a str),
    /// Of a number field.
    Number(f64),
    /// Of a date field.
    Date(Timestamp),
    /// Of a flag field.
    Flag(bool),
}

/// As a list, whichever way they are held.
impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Deref for Values<'a> {
    type Target = [FieldValue<'a>];

    fn deref(&self) -> &[FieldValue<'a>] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl<'a, 'v> IntoIterator for &'v Values<'a> {
    type Item = &'v FieldValue<'a>;
    type IntoIter = std::slice::Iter<'v, FieldValue<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A ticket of the index as answers show it.
pub fn hit(snapshot: &Snapshot, ord: u32) -> Hit<'_> {
    let mut row = Hit::new(snapshot, ord, None);
    fill(snapshot, std::slice::from_mut(&mut row));
    row
}

/// Tickets with their scores, as answers show them.
pub(crate) fn rows<'a>(snapshot: &'a Snapshot, tickets: &[(u32, Option<f32>)]) -> Vec<Hit<'a>> {
    let mut rows: Vec<Hit<'a>> = tickets.iter().map(|(ord, score)| Hit::new(snapshot, *ord, *score)).collect();
    fill(snapshot, &mut rows);
    rows
}

impl Hit<'_> {
    fn new(snapshot: &Snapshot, ord: u32, score: Option<f32>) -> Self {
        let (index, ord) = (snapshot.index(), TicketOrd(ord));
        Self { ord, key: index.key(ord), score, fields: Vec::with_capacity(index.fields().count()) }
    }
}

/// Reads field by field: what the tickets of a page need of one column is independent of each other, so that the
/// processor waits for all of it at once. For 20 fields of 50 tickets, waiting is most of the time.
fn fill<'a>(snapshot: &'a Snapshot, rows: &mut [Hit<'a>]) {
    let mut found: Vec<(usize, i64)> = Vec::with_capacity(rows.len());
    let mut several: Vec<FieldValue<'a>> = Vec::new();
    for (id, column) in snapshot.index().fields() {
        let Some(def) = snapshot.schema().by_id(id) else { continue };
        let shown = |code: u32| {
            let text = column.value_of(code);
            if def.kind == FieldKind::Flag { FieldValue::Flag(text == "true") } else { FieldValue::Keyword(text) }
        };
        if !column.holds_one_number() {
            for row in &mut *rows {
                column.for_each_code(row.ord.0, |code| several.push(shown(code)));
                several.sort_unstable_by(|a, b| match (a, b) {
                    (FieldValue::Keyword(a), FieldValue::Keyword(b)) => a.cmp(b),
                    _ => std::cmp::Ordering::Equal,
                });
                match several.as_slice() {
                    [] => {}
                    [only] => row.fields.push((id, Values::One(*only))),
                    all => row.fields.push((id, Values::Several(all.into()))),
                }
                several.clear();
            }
            continue;
        }
        found.clear();
        found.extend(
            rows.iter().enumerate().filter_map(|(at, row)| column.number(row.ord.0).map(|number| (at, number))),
        );
        for (at, number) in &found {
            let value = match def.kind {
                FieldKind::Date => FieldValue::Date(Timestamp(*number)),
                FieldKind::Number => FieldValue::Number(number_from_key(*number)),
                _ => shown(u32::try_from(*number).unwrap_or(u32::MAX)),
            };
            rows[*at].fields.push((id, Values::One(value)));
        }
    }
}
