//! Which facts were stated since the import began, so that the end of a full listing can remove the others.

use std::collections::BTreeSet;

use ticketscope_model::{Listing, TicketKey};

/// A fact of a kind that can be listed in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listable {
    Relation { principal: String, rel: String, value: String, level: Option<String> },
    Member { group: String, user: String },
    Group(String),
    Organization(String),
    Principal(String),
    Ticket(TicketKey),
}

impl Listable {
    fn belongs_to(&self, what: Listing) -> bool {
        match what {
            Listing::Memberships => matches!(self, Self::Relation { .. } | Self::Member { .. }),
            Listing::Groups => matches!(self, Self::Group(_)),
            Listing::Organizations => matches!(self, Self::Organization(_)),
            Listing::Principals => matches!(self, Self::Principal(_)),
            Listing::Tickets => matches!(self, Self::Ticket(_)),
        }
    }
}

/// The facts stated since the import began, whether or not they took effect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen(BTreeSet<Listable>);

impl Seen {
    pub(super) fn note(&mut self, fact: Listable) {
        self.0.insert(fact);
    }

    pub(super) fn holds(&self, fact: &Listable) -> bool {
        self.0.contains(fact)
    }

    pub(super) fn count(&self, what: Listing) -> u64 {
        self.0.iter().filter(|fact| fact.belongs_to(what)).map(|_| 1).sum()
    }
}
