use std::fmt;

use redb::TableDefinition;

use crate::envelope::Kind;

/// One of the tables of current state. What its keys and values mean is the engine's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Records of tickets.
    Tickets,
    /// One row for each ticket that has text.
    Texts,
    /// Revisions seen.
    Revs,
    /// Values of fields.
    Values,
    /// Everything else that was stated.
    Facts,
}

/// Key and value of a state row.
pub(crate) type StateTable = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Log rows by opstamp.
pub(crate) const LOG: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("log");

/// Meta rows by [`crate::meta::MetaRow::name`].
pub(crate) const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");

impl Table {
    /// Every table, in the order of its number on disk.
    pub const ALL: [Self; 5] = [Self::Tickets, Self::Texts, Self::Revs, Self::Values, Self::Facts];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Texts => "texts",
            Self::Revs => "revs",
            Self::Values => "values",
            Self::Facts => "facts",
        }
    }

    pub(crate) fn definition(self) -> StateTable {
        TableDefinition::new(self.name())
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Tickets => Kind::Tickets,
            Self::Texts => Kind::Texts,
            Self::Revs => Kind::Revs,
            Self::Values => Kind::Values,
            Self::Facts => Kind::Facts,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
