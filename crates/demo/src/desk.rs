use std::{ops::Range, sync::Arc};

use ticketscope_model::{Change, Timestamp};

use crate::{
    directory,
    fields::FieldNames,
    language::WRITTEN,
    people::People,
    ticket::{self, Dice},
};

/// A help desk: its directory and so many tickets.
#[derive(Debug)]
pub struct HelpDesk {
    pub(crate) seed: u64,
    tickets: u32,
    pub(crate) now: Timestamp,
    pub(crate) people: People,
    pub(crate) dice: Dice,
    pub(crate) fields: FieldNames,
    pub(crate) languages: Vec<Arc<str>>,
    /// The author of unwanted mail.
    pub(crate) stranger: Arc<str>,
}

impl HelpDesk {
    /// The desk of `seed` with so many tickets, made over the two years before `now`. The first are the
    /// [stories](crate::STORIES): fewer tickets than those leave some of them out.
    pub fn new(seed: u64, tickets: u32, now: Timestamp) -> Self {
        Self {
            seed,
            tickets,
            now,
            people: People::new(seed),
            dice: Dice::new(),
            fields: FieldNames::new(),
            languages: WRITTEN.iter().map(|tag| (*tag).into()).collect(),
            stranger: "unknown sender".into(),
        }
    }

    /// How many tickets it has.
    pub fn len(&self) -> u32 {
        self.tickets
    }

    /// Whether it has no tickets.
    pub fn is_empty(&self) -> bool {
        self.tickets == 0
    }

    /// Everything but the tickets, in the order in which it is to be applied: custom fields, custom roles, departments,
    /// groups, organizations and brands, then principals with their relations and memberships.
    pub fn setup(&self) -> Vec<Change> {
        directory::changes(&self.people)
    }

    /// The tickets with these numbers, as far as the desk has them: one change each, which replaces the whole ticket.
    ///
    /// # Complexity
    /// Linear in their number, wherever the range begins.
    pub fn tickets(&self, numbers: Range<u32>) -> Vec<Change> {
        let end = numbers.end.min(self.tickets);
        (numbers.start.min(end)..end).map(|number| ticket::change(self, number)).collect()
    }

    /// All tickets in batches of `size`; the last one may be smaller.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn batches(&self, size: u32) -> impl Iterator<Item = Vec<Change>> {
        let step = usize::try_from(size).unwrap_or(usize::MAX);
        (0..self.tickets).step_by(step).map(move |first| self.tickets(first..first.saturating_add(size)))
    }
}
