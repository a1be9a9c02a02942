//! How much the kept scopes may take, and what leaves when it is too much.
//!
//! Sizes are reckoned in constant time from lengths, as if nothing were shared between scopes, so that they are about right
//! for scattered sets and too high for those that share blocks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use scope::{Resolved, Scope, ScopeView};
use ticketscope_bitmap::TicketSet;
use ticketscope_scope as scope;

use super::Sets;

/// Bytes that the kept scopes of one tenant take at most, unless somebody says otherwise.
pub const DEFAULT_SCOPE_BYTES: usize = 256 << 20;

/// What a kept scope takes beside everything whose size is reckoned.
const FIXED: usize = 512;

/// What a value of a rule takes beside its letters.
const VALUE: usize = 32;

/// What a kept number about a leaf of text takes.
const LEAF: usize = 96;

/// A bound on what is kept: scopes leave, those asked for longest ago first, until the others take less. The one asked for
/// last stays in any case, and what is being asked about may grow until the next question, so that the bound is exceeded by
/// that one scope at most.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    bytes: usize,
    grown: Arc<AtomicU64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_SCOPE_BYTES)
    }
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, grown: Arc::default() }
    }

    /// How often a scope that counts against it grew.
    pub(super) fn grown(&self) -> &Arc<AtomicU64> {
        &self.grown
    }

    /// What the scopes of principals may take beside: they are small, and many.
    pub(super) fn principals(&self) -> usize {
        self.bytes / 8
    }

    /// Lets scopes go that are too much. Once it must, it makes room for an eighth, lest it sort them at every question.
    pub(super) fn keep(&self, sets: &mut Sets) {
        let mut total = total(sets);
        if total <= self.bytes {
            return;
        }
        let mut by_use: Vec<(u64, Scope)> =
            sets.iter().map(|(scope, kept)| (kept.used.load(Relaxed), scope.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        by_use.pop();
        let enough = self.bytes - self.bytes / 8;
        for (_, scope) in by_use {
            if total <= enough {
                return;
            }
            if let Some(gone) = sets.remove(&scope) {
                total = total.saturating_sub(gone.bytes());
            }
        }
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

pub(super) fn of_leaves(leaves: usize) -> usize {
    leaves * LEAF
}
