//! Which revisions of a ticket's facts were seen.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use model::{FieldId, TextPart, TicketKey, Value};
use ticketscope_model as model;

use crate::wire::{Malformed, Reader, Writer};

/// What a statement says, for ranking two with the same revision: of these the emptier holds, then the greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Something, in canonical form.
    Something(Vec<String>),
    /// That there is nothing.
    Emptiness,
    /// Nothing at all: a removal.
    Removal,
}

impl Weight {
    pub(crate) fn of_values(values: &[Value]) -> Self {
        if values.is_empty() {
            return Self::Emptiness;
        }
        let canonical = values.iter().map(|value| match value {
            Value::Keyword(text) => text.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Date(moment) => moment.to_string(),
        });
        Self::Something(canonical.collect())
    }

    pub(crate) fn of_part(part: Option<&TextPart>) -> Self {
        let optional = |text: &Option<Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
        part.map_or(Self::Removal, |part| {
            Self::Something(vec![
                part.class.to_string(),
                part.body.to_string(),
                optional(&part.lang),
                optional(&part.author),
                part.at.map_or_else(String::new, |at| at.to_string()),
            ])
        })
    }
}

/// Whether a statement with revision `new` takes effect on a fact whose highest revision was `old`. `weights` compares
/// what it says with what holds; it is asked only where the revisions are equal.
pub(crate) fn takes_effect(new: Option<i64>, old: Option<i64>, weights: impl FnOnce() -> Ordering) -> bool {
    match (new, old) {
        (Some(new), Some(old)) if new == old => weights() == Ordering::Greater,
        (Some(new), Some(old)) => new > old,
        (None, _) | (Some(_), None) => true,
    }
}

/// One fact about a ticket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Field(FieldId),
    Part(Arc<str>),
}

/// The revisions seen of one ticket's facts. Outlives the ticket, so that what was erased stays erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TicketRevs {
    /// Of its existence.
    pub(crate) exists: Option<i64>,
    /// Every fact has at least this revision: a replacement or an erasure removed it.
    pub(crate) floor: Option<i64>,
    pub(crate) cells: BTreeMap<Cell, i64>,
    /// Whether `life` was removed rather than stated, so that it is the default.
    pub(crate) life_is_default: bool,
}

impl TicketRevs {
    pub(crate) fn of(&self, cell: &Cell) -> Option<i64> {
        self.cells.get(cell).copied().max(self.floor)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exists.is_none() && self.floor.is_none() && self.cells.is_empty()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.option(self.exists, Writer::signed);
        out.option(self.floor, Writer::signed);
        out.byte(u8::from(self.life_is_default));
        out.size(self.cells.len());
        for (cell, rev) in &self.cells {
            match cell {
                Cell::Field(field) => {
                    out.byte(0);
                    out.number(u64::from(field.0));
                }
                Cell::Part(part) => {
                    out.byte(1);
                    out.text(part);
                }
            }
            out.signed(*rev);
        }
        out.0
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(row);
        let mut revs = Self {
            exists: input.option(Reader::signed)?,
            floor: input.option(Reader::signed)?,
            life_is_default: input.byte()? == 1,
            cells: BTreeMap::new(),
        };
        for _ in 0..input.count()? {
            let cell = match input.byte()? {
                0 => Cell::Field(FieldId(u16::try_from(input.number()?).or(Err(input.malformed()))?)),
                1 => Cell::Part(input.text()?.into()),
                _ => return Err(input.malformed()),
            };
            revs.cells.insert(cell, input.signed()?);
        }
        if input.is_empty() { Ok(revs) } else { Err(input.malformed()) }
    }

    /// The row's key: keys of tickets, not ordinals, for the row outlives the ticket.
    pub(crate) fn row_key(key: &TicketKey) -> Vec<u8> {
        let mut out = Writer::default();
        write_key(&mut out, key);
        out.0
    }
}

pub(crate) fn write_key(out: &mut Writer, key: &TicketKey) {
    match key {
        TicketKey::Int(number) => {
            out.byte(0);
            out.signed(*number);
        }
        TicketKey::Text(text) => out.text(text),
    }
}

pub(crate) fn read_key(input: &mut Reader<'_>) -> Result<TicketKey, Malformed> {
    // A text key is never empty, so a length of 0 says that an integer follows.
    let text = input.text()?;
    if text.is_empty() {
        return Ok(TicketKey::Int(input.signed()?));
    }
    TicketKey::parse(text).or(Err(input.malformed()))
}
