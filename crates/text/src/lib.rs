//! Full text: what the words of a query find, and how well, inside sets of tickets that others chose.
//!
//! A [`TextIndex`] is a tantivy index with one document for each ticket that has text; a [`TextView`] is one commit of it.
//! The index knows a ticket's ordinal and its words by class and nothing else: moving a ticket between groups or people
//! touches no text. Answers are [`ticketscope_bitmap::TicketSet`]s of ordinals, and rankings by statistics that the caller takes inside
//! a scope. Users' text never reaches tantivy's query parser: a query arrives here as [`Leaf`]s.
//!
//! What it is not: it knows no people, no scopes and no query language, and it decides nothing about who may read what.
//! This is the only crate that names a type of tantivy.

#![forbid(unsafe_code)]

pub mod analysis;

mod beginning;
mod cache;
mod check;
mod descent;
mod directory;
mod document;
mod error;
mod fields;
mod impacts;
mod index;
mod inverter;
mod layers;
mod leaf;
mod note;
mod rank;
mod segment;
mod sought;
mod view;

#[cfg(test)]
mod tests;

pub use descent::PAIRED;
pub use document::{Part, custom_word};
pub use error::{TextDefect, TextError};
pub use fields::{Form, TextField};
pub use index::{TakeText, TextIndex, Texts};
pub use leaf::{Leaf, Pattern, Section};
pub use note::{TextIdentity, TextMark};
pub use rank::{
    Alternative, Best, RankPlan, Ranked, Ranking, SHORT, ScoredClause, Statistics, WeighedLeaf, key_score, only_leaf,
    rank_plans,
};
pub use view::{FoundWord, TextView};
