use std::sync::Arc;

use bitmap::TicketSet;
use text::TextView;
use ticketscope_bitmap as bitmap;
use ticketscope_text as text;

/// How far the text of a snapshot is: what is indexed, and what is not yet.
#[derive(Debug, Clone)]
pub struct TextState {
    view: Indexed,
    /// Tickets whose text changed and that nobody indexes yet.
    waiting: Behind,
    /// Tickets whose changed text is being indexed.
    taken: Behind,
    /// Tickets whose indexed words must not be found.
    masked: TicketSet,
    number: u64,
}

#[derive(Debug, Clone)]
enum Indexed {
    /// There is no text index.
    Nowhere,
    /// There is one, and it is being opened or made anew.
    Opening,
    Here(Arc<TextView>),
}

/// Tickets whose indexed text is behind.
#[derive(Debug, Clone)]
struct Behind {
    changed: TicketSet,
    /// Those of which something became less public, other or gone: until they are indexed anew, none of their words count.
    masked: TicketSet,
}

impl Behind {
    fn nothing() -> Self {
        Self { changed: TicketSet::empty(), masked: TicketSet::empty() }
    }

    fn or(&self, other: &Self) -> Self {
        Self { changed: self.changed.or(&other.changed), masked: self.masked.or(&other.masked) }
    }
}

/// What a batch did to texts; ordinals ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextChanges {
    /// Tickets whose text changed.
    pub changed: Vec<u32>,
    /// Those of them whose indexed words must not be found until they are indexed anew: a part became less public, was
    /// altered or is gone.
    pub masked: Vec<u32>,
}

impl TextState {
    /// Of a snapshot without a text index: words cannot be asked for.
    pub fn nowhere() -> Self {
        Self::of(Indexed::Nowhere)
    }

    /// Of a snapshot whose text index is being opened.
    pub fn opening() -> Self {
        Self::of(Indexed::Opening)
    }

    /// The state in which the index is being opened once more or made anew. What a scope knew of the old one is not used
    /// for the new one.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { number: self.number + 1, ..Self::opening() }
    }

    fn of(view: Indexed) -> Self {
        Self { view, waiting: Behind::nothing(), taken: Behind::nothing(), masked: TicketSet::empty(), number: 0 }
    }

    /// The state after a batch.
    #[must_use]
    pub fn after(&self, changes: &TextChanges) -> Self {
        if changes.changed.is_empty() {
            return self.clone();
        }
        let mut next = self.clone();
        next.waiting.changed = self.waiting.changed.updated(&changes.changed, &[]);
        if !changes.masked.is_empty() {
            next.waiting.masked = self.waiting.masked.updated(&changes.masked, &[]);
            next.renumber();
        }
        next
    }

    /// The state in which what waited is being indexed, and the tickets to index.
    #[must_use]
    pub fn take(&self) -> (Self, TicketSet) {
        let taken = self.taken.or(&self.waiting);
        let tickets = taken.changed.clone();
        (Self { taken, waiting: Behind::nothing(), ..self.clone() }, tickets)
    }

    /// The state in which what was taken is indexed, in `view`.
    #[must_use]
    pub fn indexed(&self, view: Arc<TextView>) -> Self {
        let mut next = Self { view: Indexed::Here(view), taken: Behind::nothing(), ..self.clone() };
        next.renumber();
        next
    }

    /// The state in which `view`, which holds the same text in other files, is read.
    #[must_use]
    pub fn merged(&self, view: Arc<TextView>) -> Self {
        match &self.view {
            Indexed::Here(before) if before.position() == view.position() => {
                Self { view: Indexed::Here(view), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    fn renumber(&mut self) {
        self.masked = self.waiting.masked.or(&self.taken.masked);
        self.number += 1;
    }

    /// The indexed text, if the index is open.
    pub fn view(&self) -> Option<&Arc<TextView>> {
        match &self.view {
            Indexed::Here(view) => Some(view),
            Indexed::Nowhere | Indexed::Opening => None,
        }
    }

    /// Whether there is a text index, open or not.
    pub fn is_somewhere(&self) -> bool {
        !matches!(self.view, Indexed::Nowhere)
    }

    /// Tickets whose indexed words must not be found.
    pub fn masked(&self) -> &TicketSet {
        &self.masked
    }

    /// How many tickets have a text that is not indexed yet.
    pub fn pending(&self) -> u32 {
        self.waiting.changed.or(&self.taken.changed).len()
    }

    /// Whether everything acknowledged up to this snapshot can be found.
    pub fn is_current(&self) -> bool {
        self.view().is_some() && self.waiting.changed.is_empty() && self.taken.changed.is_empty()
    }

    /// Tells apart states of one tenant in which words may find different tickets.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}
