mod budget;
mod follow;
mod principals;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use bitmap::{Index, ORDERED, Order, TicketSet, Touched};
use model::{FieldId, fields};
use parking_lot::{Mutex, MutexGuard};
use rayon::prelude::*;
use scope::{Scope, ScopeView, VERBS};
use text::{Form, Leaf, TextField};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;
use ticketscope_text as text;

use budget::Budget;
use follow::Step;
use principals::PrincipalScopes;

pub use budget::DEFAULT_SCOPE_BYTES;

/// Touched tickets times kept scopes from which following is split among threads.
const PARALLEL: usize = 1 << 16;

/// Leaves of text whose frequency in a scope is kept, at most; then all are forgotten.
const MAX_LEAVES: usize = 4096;

/// Fields with more values than this are counted anew for every facet.
const MAX_FACET_CODES: u32 = 65_536;

/// The evaluated scopes of one snapshot.
///
/// A set is found by the scope's *content*, the concrete values it was resolved to, so it depends on nothing but the
/// tickets: a membership, role, flag or tree change gives the principal another scope, and with it another set. Principals
/// with equal scopes share one. What is kept is bounded by a [`Budget`] of bytes; what leaves is evaluated anew when it is
/// asked for.
#[derive(Debug, Default)]
pub(crate) struct ScopeCache {
    sets: Mutex<Sets>,
    /// Shared by the snapshots of one directory.
    principals: Arc<Mutex<PrincipalScopes>>,
    clock: AtomicU64,
    budget: Budget,
    /// How often a scope had grown when the budget was last looked at.
    looked: AtomicU64,
}

/// The kept scopes by content.
type Sets = HashMap<Scope, Arc<CachedScope>>;

/// A scope's tickets, with what was asked about them so far.
#[derive(Debug)]
pub struct CachedScope {
    set: TicketSet,
    /// What the rule takes, in bytes.
    rule_bytes: usize,
    /// The fields on which it depends, ascending: changes of others move no ticket in or out.
    depends_on: Arc<[FieldId]>,
    /// Newest first, by [`ORDERED`].
    orders: [OnceLock<Order>; 2],
    facets: Mutex<Facets>,
    text: Mutex<TextNumbers>,
    used: AtomicU64,
    /// About how much all of it takes, by [`budget`]'s reckoning.
    bytes: AtomicUsize,
    /// Counts how often a scope of this tenant grew.
    grown: Arc<AtomicU64>,
}

/// Counts by code of the fields that were asked for.
type Facets = Vec<(FieldId, Arc<Vec<u32>>)>;

/// Statistics of the text of a scope's tickets, as of one state of the text.
#[derive(Debug, Default)]
struct TextNumbers {
    number: u64,
    found: HashMap<Leaf, u32>,
    lengths: HashMap<(TextField, Form), u64>,
}

impl CachedScope {
    fn new(scope: &Scope, set: TicketSet, grown: &Arc<AtomicU64>) -> Self {
        let mut depends_on = match scope.view() {
            ScopeView::Restricted(resolved) => resolved.fields(),
            ScopeView::Nothing | ScopeView::Unrestricted => BTreeSet::new(),
        };
        if scope.gate().is_some() {
            depends_on.insert(fields::LIFE);
        }
        Self::with(set, depends_on.into_iter().collect(), budget::of_rule(scope), grown)
    }

    fn with(set: TicketSet, depends_on: Arc<[FieldId]>, rule_bytes: usize, grown: &Arc<AtomicU64>) -> Self {
        let bytes = rule_bytes + budget::of_set(&set);
        Self {
            set,
            rule_bytes,
            depends_on,
            orders: [OnceLock::new(), OnceLock::new()],
            facets: Mutex::default(),
            text: Mutex::default(),
            used: AtomicU64::new(0),
            bytes: AtomicUsize::new(bytes),
            grown: Arc::clone(grown),
        }
    }

    fn grow(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.grown.fetch_add(1, Relaxed);
    }

    /// The tickets.
    pub fn set(&self) -> &TicketSet {
        &self.set
    }

    /// The tickets newest first by one of [`ORDERED`], made at first use.
    pub(crate) fn order<'a>(&'a self, index: &'a Index, field: FieldId) -> Option<&'a Order> {
        let at = ORDERED.iter().position(|ordered| *ordered == field)?;
        if self.set.len() == index.universe().len() {
            return index.order(field);
        }
        Some(self.orders[at].get_or_init(|| {
            self.grow(budget::of_order(self.set.len()));
            index.sort_newest_first(field, &self.set)
        }))
    }

    /// The order if somebody has asked for it before.
    pub(crate) fn ready_order(&self, field: FieldId) -> Option<&Order> {
        let at = ORDERED.iter().position(|ordered| *ordered == field)?;
        self.orders[at].get()
    }

    /// How many of the tickets have each value of `field`, by code.
    pub(crate) fn facet(&self, index: &Index, field: FieldId) -> Arc<Vec<u32>> {
        if let Some((_, counts)) = self.facets.lock().iter().find(|(kept, _)| *kept == field) {
            return Arc::clone(counts);
        }
        let counts = Arc::new(count(index, field, &self.set));
        if index.field(field).is_some_and(|field| field.codes() <= MAX_FACET_CODES) {
            let mut facets = self.facets.lock();
            if facets.iter().all(|(kept, _)| *kept != field) {
                facets.push((field, Arc::clone(&counts)));
                self.grow(budget::of_facet(counts.len()));
            }
        }
        counts
    }

    /// In how many of the tickets a leaf is found, in the state of the text that `number` names.
    pub(crate) fn text_found<E>(
        &self,
        number: u64,
        leaf: &Leaf,
        count: impl FnOnce() -> Result<u32, E>,
    ) -> Result<u32, E> {
        if let Some(found) = self.text_numbers(number).found.get(leaf) {
            return Ok(*found);
        }
        let found = count()?;
        let mut numbers = self.text_numbers(number);
        if numbers.found.len() >= MAX_LEAVES {
            self.bytes.fetch_sub(budget::of_leaves(numbers.found.len()), Relaxed);
            numbers.found.clear();
        }
        if numbers.found.insert(leaf.clone(), found).is_none() {
            self.grow(budget::of_leaves(1));
        }
        Ok(found)
    }

    /// How long the texts of the tickets are in all, in the state of the text that `number` names.
    pub(crate) fn text_length<E>(
        &self,
        number: u64,
        field: (TextField, Form),
        sum: impl FnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        if let Some(length) = self.text_numbers(number).lengths.get(&field) {
            return Ok(*length);
        }
        let length = sum()?;
        self.text_numbers(number).lengths.insert(field, length);
        Ok(length)
    }

    /// What is kept about one state of the text; what belongs to another is forgotten.
    fn text_numbers(&self, number: u64) -> MutexGuard<'_, TextNumbers> {
        let mut numbers = self.text.lock();
        if numbers.number != number {
            self.bytes.fetch_sub(budget::of_leaves(numbers.found.len()), Relaxed);
            *numbers = TextNumbers { number, ..TextNumbers::default() };
        }
        numbers
    }
}

/// How many of `tickets` have each value of `field`, by code. Counts the smaller of the tickets and the others.
pub(crate) fn count(index: &Index, field: FieldId, tickets: &TicketSet) -> Vec<u32> {
    let Some(field) = index.field(field) else { return Vec::new() };
    let mut counts = vec![0; field.codes() as usize];
    let others = index.universe().len() - tickets.len();
    if others < tickets.len() / 2 && field.codes() <= MAX_FACET_CODES {
        let mut missing = vec![0; counts.len()];
        field.count_into(&index.universe().minus(tickets), &mut missing);
        for ((code, count), missing) in (0..).zip(&mut counts).zip(missing) {
            *count = field.tickets_len(code) - missing;
        }
        return counts;
    }
    field.count_into(tickets, &mut counts);
    counts
}

impl ScopeCache {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { budget: Budget::new(budget_bytes), ..Self::default() }
    }

    pub(crate) fn scope_of<E>(
        &self,
        principal: &str,
        verb: &str,
        resolve: impl FnOnce() -> Result<Scope, E>,
    ) -> Result<Scope, E> {
        if let Some(scope) = self.principals.lock().get(principal, verb) {
            return Ok(scope);
        }
        let scope = resolve()?;
        if !VERBS.contains(&verb) {
            return Ok(scope);
        }
        // One copy of what many principals have in common.
        let shared = self.sets.lock().get_key_value(&scope).map(|(kept, _)| kept.clone());
        let bytes = if shared.is_some() { 0 } else { budget::of_rule(&scope) };
        let scope = shared.unwrap_or(scope);
        self.principals.lock().insert(principal, verb, &scope, bytes, self.budget.principals());
        Ok(scope)
    }

    pub(crate) fn visible(&self, scope: &Scope, evaluate: impl FnOnce() -> TicketSet) -> Arc<CachedScope> {
        let now = self.clock.fetch_add(1, Relaxed);
        let found = self.sets.lock().get(scope).map(Arc::clone);
        let cached = found.unwrap_or_else(|| {
            // Evaluated outside the lock: two requests may do it at once, and both get the same set.
            let made = Arc::new(CachedScope::new(scope, evaluate(), self.budget.grown()));
            self.budget.grown().fetch_add(1, Relaxed);
            Arc::clone(self.sets.lock().entry(scope.clone()).or_insert(made))
        });
        cached.used.store(now, Relaxed);
        let grown = self.budget.grown().load(Relaxed);
        if self.looked.swap(grown, Relaxed) != grown {
            self.budget.keep(&mut self.sets.lock());
        }
        cached
    }

    /// The cache of the snapshot after a batch.
    pub(crate) fn follow(&self, before: &Index, after: &Index, touched: &Touched, new_directory: bool) -> Self {
        // Copied under the lock and followed outside it, so that readers do not wait.
        let mut sets = self.sets.lock().clone();
        if !touched.ords.is_empty() && !sets.is_empty() {
            let step = Step::new(before, after, touched, sets.values().map(|kept| &*kept.depends_on));
            if touched.ords.len() * sets.len() < PARALLEL {
                for (scope, kept) in &mut sets {
                    *kept = kept.follow(scope, &step);
                }
            } else {
                sets.par_iter_mut().for_each(|(scope, kept)| *kept = kept.follow(scope, &step));
            }
        }
        self.budget.keep(&mut sets);
        Self {
            sets: Mutex::new(sets),
            principals: if new_directory { Arc::default() } else { Arc::clone(&self.principals) },
            clock: AtomicU64::new(self.clock.load(Relaxed)),
            budget: self.budget.clone(),
            looked: AtomicU64::new(self.looked.load(Relaxed)),
        }
    }

    /// The same scopes for a snapshot in which only the text differs.
    pub(crate) fn share(&self) -> Self {
        Self {
            sets: Mutex::new(self.sets.lock().clone()),
            principals: Arc::clone(&self.principals),
            clock: AtomicU64::new(self.clock.load(Relaxed)),
            budget: self.budget.clone(),
            looked: AtomicU64::new(self.looked.load(Relaxed)),
        }
    }

    /// How many scopes are kept, and about how many bytes they take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let sets = self.sets.lock();
        (sets.len(), budget::total(&sets))
    }
}

#[cfg(test)]
mod tests;
