use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use model::{Listing, TicketKey};
use roaring::RoaringTreemap;
use ticketscope_model as model;

use crate::facts::FactKey;

/// What one import has stated so far, so that a full listing can be closed: see [`crate::Tenant::submit_import`].
#[derive(Debug, Default)]
pub struct ImportSession {
    facts: BTreeSet<FactKey>,
    ints: RoaringTreemap,
    texts: HashSet<Arc<str>>,
}

impl ImportSession {
    /// An import that has stated nothing.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn note_ticket(&mut self, key: &TicketKey) {
        match key {
            TicketKey::Int(number) => {
                self.ints.insert(number.cast_unsigned());
            }
            TicketKey::Text(text) => {
                self.texts.insert(Arc::clone(text));
            }
        }
    }

    pub(crate) fn note(&mut self, key: FactKey) {
        self.facts.insert(key);
    }

    pub(crate) fn has_ticket(&self, key: &TicketKey) -> bool {
        match key {
            TicketKey::Int(number) => self.ints.contains(number.cast_unsigned()),
            TicketKey::Text(text) => self.texts.contains(text),
        }
    }

    pub(crate) fn has(&self, key: &FactKey) -> bool {
        self.facts.contains(key)
    }

    pub(crate) fn count(&self, what: Listing) -> u64 {
        if what == Listing::Tickets {
            return self.ints.len() + self.texts.len() as u64;
        }
        self.facts.iter().filter(|key| belongs(key, what)).count() as u64
    }
}

/// Whether a fact is of a kind that a listing covers.
pub(crate) fn belongs(key: &FactKey, what: Listing) -> bool {
    match what {
        Listing::Memberships => matches!(key, FactKey::Rel(..) | FactKey::Member(..)),
        Listing::Groups => matches!(key, FactKey::Value(field, _) if &**field == "group"),
        Listing::Organizations => matches!(key, FactKey::Value(field, _) if &**field == "organization"),
        Listing::Principals => matches!(key, FactKey::Principal(_)),
        Listing::Tickets => false,
    }
}
