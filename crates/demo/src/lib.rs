//! A made-up help desk to try things out on: the same seed gives the same desk, of any number of tickets.
//!
//! The Ferrowick Group sells shop equipment, ships it and rents out the software that goes with it. Its service desk has
//! 24 groups in 6 departments and 3 brands, some 120 agents in roles of every kind, and customers in 41 organizations
//! who write in [nine languages](WRITTEN). [`HelpDesk`] gives all of it as changes, as an importer would.
//!
//! This crate is **not** a load for measurements (`testkit` has one, whose distribution is documented) and knows nothing
//! of engines, files or clocks: it gives values. Its text is made from the phrases in `data/`, all of them written for
//! it; every person, company, product and address in it is invented.
//!
//! ```
//! use ticketscope_demo::{BRUNO, ERIN, HelpDesk, SANDPIPER, cast};
//! use ticketscope_model::Timestamp;
//!
//! let desk = HelpDesk::new(7, 1_000, Timestamp::parse("2026-09-01")?);
//! let directory = desk.setup();
//! let tickets: usize = desk.batches(250).map(|batch| batch.len()).sum();
//! assert_eq!(tickets, 1_000);
//!
//! // Bruno and Erin share their groups, but only he reads notes: he alone finds this word.
//! assert!(cast().iter().any(|member| member.id == BRUNO) && cast().iter().any(|member| member.id == ERIN));
//! assert_eq!(SANDPIPER.word, "sandpiper");
//! # assert!(!directory.is_empty());
//! # Ok::<(), ticketscope_model::TimestampError>(())
//! ```
//!
//! # Invariants
//!
//! - Two desks of the same seed and moment that differ in their number of tickets have the same directory and the same
//!   tickets, as far as both go: a ticket depends on its number, never on how many there are.
//! - Nothing of it depends on the machine: all drawing is in integers.
//! - One change is one whole ticket, text included. Applying a desk again states the same once more.

#![forbid(unsafe_code)]

mod calendar;
mod cast;
mod data;
mod desk;
mod directory;
mod draw;
mod fields;
mod language;
mod mentions;
mod people;
mod phrases;
mod records;
mod sections;
mod status;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod ticket;
mod writer;

pub use cast::{
    ANA, BRUNO, CHLOE, CastMember, DMITRI, ERIN, FARID, GOSIA, HUGO, INES, JONAS, KIRA, LUISA, MAREK, NORA, OSKAR,
    PRIYA, cast,
};
pub use desk::HelpDesk;
pub use language::{LANGUAGES, WRITTEN};
pub use story::{CORMORANT, NIGHTJAR, PELICAN, SANDPIPER, STORIES, Story};
