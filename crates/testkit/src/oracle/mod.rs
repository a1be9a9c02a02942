//! The slow truth: a tenant as plain rows, and every answer by looking at each of them.

mod answers;
mod calendar;
mod expr;
mod listing;
mod matching;
mod order;
pub mod presets;
mod pruned;
mod query;
mod refusal;
mod relations;
mod revision;
mod rule;
pub mod text;
mod ticket;
mod world;

pub use answers::{Answers, Asker, Facet, Listed, Page};
pub use expr::{Expr, Set};
pub use order::{Position, Sort, SortBy, SortValue};
pub use query::{Op, Operand, Query, Term, Test, Unit, WordPattern, WordScope, needs_quotes};
pub use refusal::Refusal;
pub use revision::{Canonical, Cell};
pub use rule::Rule;
pub use ticket::Row;
pub use world::World;
