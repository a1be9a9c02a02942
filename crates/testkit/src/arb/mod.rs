//! Small, nasty random input, the same for the same seed: few values, so that everything collides, and most of them
//! awkward.
//!
//! A [`Scene`] fixes what a tenant is about: its custom fields, the values that occur, its people and ticket ids. From
//! it come the lines that set the tenant up, histories of changes, expressions, queries and orders.

mod expr;
mod fact;
mod history;
mod query;
mod scene;
mod shrink;
mod text;
mod words;
mod worlds;

pub use history::{History, shuffled_with_repeats};
pub use scene::Scene;
pub use shrink::smallest;
pub use worlds::Worlds;

use fastrand::Rng;

/// One of a list, which must not be empty.
fn pick<'a, T>(rng: &mut Rng, list: &'a [T]) -> &'a T {
    &list[rng.usize(..list.len())]
}

/// One of a list of words.
fn word(rng: &mut Rng, list: &[&'static str]) -> &'static str {
    list[rng.usize(..list.len())]
}

/// `true` in `percent` of a hundred cases.
fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}
