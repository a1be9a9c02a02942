use std::{error::Error, fmt};

use ticketscope_model::{DeclareError, Listing, TicketKey, ValueError};

/// Why a change is refused. A refused change leaves the world as it was.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No such field, built in or declared.
    UnknownField(String),
    /// No such relation on that side, built in or declared.
    UnknownRelation(String),
    /// A value does not fit its field.
    Value {
        /// The field.
        field: String,
        /// What is wrong.
        error: ValueError,
    },
    /// `commenter` follows from the text and cannot be stated.
    Derived(String),
    /// Text for a ticket that does not exist.
    NoTicket(TicketKey),
    /// A schema line cannot be had.
    Declare(DeclareError),
    /// A field that tickets already hold becomes many-valued.
    InUse(String),
    /// A role's id belongs to the presets.
    ReservedRole(String),
    /// The oracle parses nothing, and nobody taught it this expression.
    Untaught(String),
    /// The kind of fact has no removal.
    NotRemovable,
    /// A full listing stated another number of facts than it counts.
    Incomplete {
        /// What was listed.
        what: Listing,
        /// How many facts the listing says it has.
        counted: u64,
        /// How many were stated.
        stated: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField(name) => write!(f, "no field `{name}`"),
            Self::UnknownRelation(name) => write!(f, "no relation `{name}`"),
            Self::Value { field, error } => write!(f, "field `{field}`: {error}"),
            Self::Derived(field) => write!(f, "field `{field}` follows from the text and cannot be stated"),
            Self::NoTicket(key) => write!(f, "text for ticket {key}, which does not exist"),
            Self::Declare(error) => error.fmt(f),
            Self::InUse(field) => write!(f, "field `{field}` is held by tickets and cannot become many-valued"),
            Self::ReservedRole(id) => write!(f, "role `{id}` has the name of a preset"),
            Self::Untaught(text) => write!(f, "the oracle was not taught the expression `{text}`"),
            Self::NotRemovable => f.write_str("a line of this kind cannot be gone"),
            Self::Incomplete { what, counted, stated } => {
                write!(f, "the listing of {what:?} counts {counted} facts, {stated} were stated")
            }
        }
    }
}

impl Error for Refusal {}
