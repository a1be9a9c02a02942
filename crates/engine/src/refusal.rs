use std::sync::Arc;

use model::{DeclareError, Listing, TicketKey, ValueError};
use scope::{NameError, RoleError};
use thiserror::Error;
use ticketscope_model as model;
use ticketscope_scope as scope;

/// Why a change is refused. A refused change alters nothing.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// No such field, built in or declared.
    #[error("unknown field `{name}`{}; declare it with a schema line first", hint(.nearest.as_deref()))]
    UnknownField {
        /// As it was written.
        name: Arc<str>,
        /// A field with a similar name.
        nearest: Option<Arc<str>>,
    },
    /// No such relation, or not on that side.
    #[error(transparent)]
    Relation(NameError),
    /// A value does not fit its field.
    #[error("field `{field}`: {error}")]
    Value {
        /// The field.
        field: Arc<str>,
        /// What is wrong.
        error: ValueError,
    },
    /// A field that follows from others cannot be stated.
    #[error("field `{0}` follows from the authors of the public text and cannot be stated")]
    Derived(Arc<str>),
    /// Text for a ticket that does not exist.
    #[error("ticket {0} does not exist; state the ticket before its text")]
    NoTicket(TicketKey),
    /// A schema line cannot be had.
    #[error(transparent)]
    Declare(DeclareError),
    /// A field that tickets hold would become many-valued.
    #[error("field `{0}` is held by tickets and can no longer become many-valued; declare it before importing tickets")]
    InUse(Arc<str>),
    /// A role cannot be had.
    #[error("role `{id}`: {error}")]
    Role {
        /// The role.
        id: Arc<str>,
        /// What is wrong.
        error: RoleError,
    },
    /// A principal's time zone is none.
    #[error("`{0}` is no time zone: write a name like Europe/Warsaw, or leave it out")]
    TimeZone(Arc<str>),
    /// A kind of line that states something once and for all.
    #[error("a {0} line cannot be gone")]
    NotRemovable(&'static str),
    /// The count at the end of a full listing is not that of the facts stated.
    #[error(
        "the listing of {what} counts {counted} facts, but {stated} were stated since the import began; nothing was removed"
    )]
    Incomplete {
        /// What was listed.
        what: &'static str,
        /// How many facts the listing says it has.
        counted: u64,
        /// How many were stated.
        stated: u64,
    },
    /// The tenant is full.
    #[error("the tenant has no room for more tickets: {0} ordinals were given out")]
    Full(u32),
}

impl Refusal {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "unknown_field",
            Self::Relation(_) => "unknown_relation",
            Self::Value { .. } => "bad_value",
            Self::Derived(_) => "derived_field",
            Self::NoTicket(_) => "no_such_ticket",
            Self::Declare(_) => "bad_declaration",
            Self::InUse(_) => "field_in_use",
            Self::Role { .. } => "bad_role",
            Self::TimeZone(_) => "bad_time_zone",
            Self::NotRemovable(_) => "not_removable",
            Self::Incomplete { .. } => "incomplete_listing",
            Self::Full(_) => "tenant_full",
        }
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

pub(crate) fn listing_name(what: Listing) -> &'static str {
    match what {
        Listing::Memberships => "memberships",
        Listing::Groups => "groups",
        Listing::Organizations => "organizations",
        Listing::Principals => "principals",
        Listing::Tickets => "tickets",
    }
}
