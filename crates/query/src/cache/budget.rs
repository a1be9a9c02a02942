//! How much the kept scopes may take, and what leaves when it is too much.
//!
//! Sizes are reckoned in constant time from lengths, as if nothing were shared between scopes, so that they are about right
//! for scattered sets and too high for those that share blocks.

use std::sync::{
    Arc,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use scope::{Resolved, Scope, ScopeView};
use ticketscope_bitmap::TicketSet;
use ticketscope_scope as scope;
use ticketscope_text::Leaf;

use super::Sets;

/// Bytes that the kept scopes of one tenant take at most, unless somebody says otherwise.
pub const DEFAULT_SCOPE_BYTES: usize = 256 << 20;

/// Scopes of one tenant that are kept at most, however little they take: a batch is followed by each of them.
pub const MAX_SCOPES: usize = 16_384;

/// What a kept scope takes beside everything whose size is reckoned.
const FIXED: usize = 512;

/// What a value of a rule takes beside its letters.
const VALUE: usize = 32;

/// What a kept number about a leaf of text takes beside the leaf's letters.
const LEAF: usize = 96;

/// How many bytes the scopes of one tenant ever grew by. Who forgets some takes nothing off.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth(Arc<AtomicU64>);

impl Growth {
    /// After they were added to what the scope takes: whoever reads the sum sees that too.
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Release);
    }

    pub(super) fn total(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// A bound on what is kept, in bytes and in number: scopes leave, those asked for longest ago first, until the others take
/// less. The one asked for last stays in any case, and what is being asked about may grow until the next question, so that
/// the bound of bytes is exceeded by that one scope at most.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    bytes: usize,
    growth: Growth,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_SCOPE_BYTES)
    }
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, growth: Growth::default() }
    }

    /// That of the scopes that count against it.
    pub(super) fn growth(&self) -> &Growth {
        &self.growth
    }

    /// What the scopes of principals may take beside: they are small, and many.
    pub(super) fn principals(&self) -> usize {
        self.bytes / 8
    }

    /// Lets scopes go that are too much. Answers up to which [`Growth::total`] those left cannot take too much, unless there
    /// are more of them.
    pub(super) fn keep(&self, sets: &mut Sets) -> u64 {
        // Before the sizes: what grows meanwhile is counted twice rather than not at all.
        let grown = self.growth.total();
        let mut total = total(sets);
        if total > self.bytes || sets.len() > MAX_SCOPES {
            total = self.make_room(sets, total);
        }
        grown.saturating_add(self.bytes.saturating_sub(total) as u64)
    }

    /// Lets scopes go until an eighth is free, lest they be sorted at every question. Answers what the others take.
    fn make_room(&self, sets: &mut Sets, mut total: usize) -> usize {
        let mut by_use: Vec<(u64, Scope)> =
            sets.iter().map(|(scope, kept)| (kept.used.load(Relaxed), scope.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        by_use.pop();
        let (bytes, scopes) = (self.bytes - self.bytes / 8, MAX_SCOPES - MAX_SCOPES / 8);
        for (_, scope) in by_use {
            if total <= bytes && sets.len() <= scopes {
                break;
            }
            if let Some(gone) = sets.remove(&scope) {
                total = total.saturating_sub(gone.bytes());
            }
        }
        total
    }
}

/// What all kept scopes take.
pub(super) fn total(sets: &Sets) -> usize {
    sets.values().map(|kept| kept.bytes()).sum()
}

pub(super) fn of_rule(scope: &Scope) -> usize {
    FIXED
        + match scope.view() {
            ScopeView::Nothing | ScopeView::Unrestricted => 0,
            ScopeView::Restricted(rule) => of_resolved(rule),
        }
}

fn of_resolved(rule: &Resolved) -> usize {
    let own = size_of::<Resolved>();
    own + match rule {
        Resolved::In { values, .. } => values.iter().map(|value| value.len() + VALUE).sum(),
        Resolved::Unset(_) => 0,
        Resolved::Not(inner) => of_resolved(inner),
        Resolved::All(operands) | Resolved::Any(operands) => operands.iter().map(of_resolved).sum(),
    }
}

pub(super) fn of_set(set: &TicketSet) -> usize {
    set.heap_bound()
}

pub(super) fn of_order(len: u32) -> usize {
    // Blocks are between half and three quarters full, and each has a head.
    len as usize * 4 + len as usize / 8
}

pub(super) fn of_leaf(leaf: &Leaf) -> usize {
    LEAF + leaf.heap_bytes()
}
