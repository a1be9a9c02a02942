//! The query language and the answers: a pure function of snapshot, scope and query.
//!
//! A [`Snapshot`] is everything one request reads. [`Snapshot::scope`] turns a principal into a [`scope::Scope`], without
//! which no question of a principal is answered; [`count`], [`list`] and [`facets`] answer a [`Query`] inside it. Each is a loop over sets: the scope
//! is a cached set, the filter is lowered to a formula over posting lists and evaluated inside it, and what is not shown
//! is not sorted. Nothing here waits, locks for long, reads a clock or touches a file.
//!
//! What it is not: it decides nothing about people ([`ticketscope_scope`] does) and holds no tickets
//! ([`ticketscope_bitmap`] does).
//!
//! The one rule that every line keeps: an answer depends on the visible tickets alone. Even *how* a value is matched,
//! exactly or folded, is decided by them.

#![forbid(unsafe_code)]

pub mod ast;
pub mod parse;

mod access;
mod answer;
mod cache;
mod cursor;
mod explain;
mod fields;
mod lower;
mod people;
mod plan;
mod rank_cost;
mod relevance;
mod rows;
#[cfg(test)]
mod scene;
mod snapshot;
mod snippet;
mod sort;
mod suggest;
mod text_state;
mod tiers;
mod touched;
mod value_counts;
mod words;

pub use access::Access;
pub use answer::{
    AnswerError, Facet, FacetRow, KeyListing, Listing, MAX_PAGE, Page, Start, count, cursor_clock, facets, list,
    list_keys, list_with, matching, plans,
};
pub use ast::Query;
pub use cache::{CachedScope, DEFAULT_SCOPE_BYTES, MAX_SCOPES, ScopeBytes};
pub use cursor::CursorError;
pub use explain::{ExplainedFilter, ExplainedLeaf, ExplainedPlan, ExplainedWord, Explanation, explain};
pub use fields::{fields, nearest_field};
pub use people::{Viewers, who, why};
pub use plan::ListPlan;
pub use rows::{FieldValue, Hit, Values, hit};
pub use snapshot::{Snapshot, index_of};
pub use snippet::{Snippet, Snippets};
pub use sort::SortValue;
pub use suggest::{MAX_PREFIX_BYTES, MAX_SUGGESTIONS, Suggestion, SuggestionKind, suggest};
pub use text_state::{TextChanges, TextState};
#[doc(no_inline)]
pub use ticketscope_scope as scope;
#[doc(no_inline)]
pub use ticketscope_text as text;
