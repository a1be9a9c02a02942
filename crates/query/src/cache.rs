mod budget;
mod follow;
mod principals;

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use bitmap::{FieldIndex, Index, ORDERED, Order, SetExpr, TicketSet, Touched, ValueRange};
use foldhash::fast::RandomState;
use model::{FieldId, fields};
use parking_lot::{Mutex, MutexGuard};
use rayon::prelude::*;
use scope::{Scope, ScopeView, VERBS};
use text::{Form, Leaf, TextField};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;
use ticketscope_text as text;

use budget::{Budget, Growth};
use follow::Step;
use principals::PrincipalScopes;

use crate::value_counts::ValueCounts;

pub use budget::{DEFAULT_SCOPE_BYTES, MAX_SCOPES};

/// Touched tickets times kept scopes from which following is split among threads.
const PARALLEL: usize = 1 << 16;

/// Leaves of text whose frequency in a scope is kept, at most; then all are forgotten.
const MAX_LEAVES: usize = 4096;

/// Fields with more values than this are counted anew for every facet.
const MAX_FACET_CODES: u32 = 65_536;

/// Counts by single values of a field after which all its values are counted once and for all. A pass over a scope costs
/// what some dozen intersections do, so that who asks rarely does not pay for it, and who asks often pays at most twice.
const COUNTED_ALONE: u32 = 16;

/// Fields with more values than this are not counted by all of them for the sake of one: each has few tickets then.
const MAX_COUNTED_CODES: u32 = 4096;

/// Values for each ticket from which on their counters are made as they are met, not all at once.
const SPARSE: u32 = 16;

/// Intersections with fewer tickets than this on one side are not worth keeping anything for.
const MIN_COUNTED: u32 = 512;

/// The evaluated scopes of one snapshot.
///
/// A set is found by the scope's *content*, the concrete values it was resolved to, so it depends on nothing but the
/// tickets: a membership, role, flag or tree change gives the principal another scope, and with it another set. Principals
/// with equal scopes share one. What is kept is bounded by a [`Budget`]; what leaves is evaluated anew when it is asked for.
#[derive(Debug, Default)]
pub(crate) struct ScopeCache {
    sets: Mutex<Sets>,
    /// Shared by the snapshots of one directory.
    principals: Arc<Mutex<PrincipalScopes>>,
    clock: AtomicU64,
    budget: Budget,
    /// The growth up to which nothing can be too much, as the last look found. Changes under the lock of the sets.
    look_at: AtomicU64,
}

/// The kept scopes by content.
type Sets = HashMap<Scope, Arc<CachedScope>>;

/// Bytes that cached scopes take on the heap. Blocks that several share are counted in each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScopeBytes {
    /// How many scopes.
    pub scopes: usize,
    /// Their tickets.
    pub sets: usize,
    /// Their tickets newest first.
    pub orders: usize,
    /// How many of their tickets have each value of a field.
    pub counts: usize,
    /// All of it and the rest, by the reckoning that bounds it: what is shared is counted each time.
    pub reckoned: usize,
}

impl ScopeBytes {
    /// All of it.
    pub fn total(&self) -> usize {
        self.sets + self.orders + self.counts
    }
}

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
    /// Shared by scopes of the same tickets, one after the other.
    text: Arc<TextKept>,
    used: AtomicU64,
    /// About how much all of it but the text takes, by [`budget`]'s reckoning.
    bytes: AtomicUsize,
    /// That of all scopes of this tenant.
    growth: Growth,
}

/// Counts by value, kept current from batch to batch.
#[derive(Debug, Default, Clone)]
struct Facets {
    kept: HashMap<FieldId, Arc<ValueCounts>>,
    /// How often one value was counted alone, of fields whose counts are not kept.
    asked: HashMap<FieldId, u32>,
}

/// Statistics of the text of a scope's tickets.
#[derive(Debug, Default)]
struct TextKept {
    numbers: Mutex<TextNumbers>,
    /// About how much the leaves and their numbers take, by [`budget`]'s reckoning. Changes under the lock.
    bytes: AtomicUsize,
}

/// The same, as of one state of the text.
#[derive(Debug, Default)]
struct TextNumbers {
    number: u64,
    found: HashMap<Leaf, u32, RandomState>,
    lengths: HashMap<(TextField, Form), u64, RandomState>,
    /// The tickets of the scope without those that are masked, if there are such.
    readable: Option<TicketSet>,
}

impl CachedScope {
    fn new(scope: &Scope, set: TicketSet, growth: &Growth) -> Self {
        let mut depends_on = match scope.view() {
            ScopeView::Restricted(resolved) => resolved.fields(),
            ScopeView::Nothing | ScopeView::Unrestricted => BTreeSet::new(),
        };
        if scope.gate().is_some() {
            depends_on.insert(fields::LIFE);
        }
        Self::with(set, depends_on.into_iter().collect(), budget::of_rule(scope), growth)
    }

    fn with(set: TicketSet, depends_on: Arc<[FieldId]>, rule_bytes: usize, growth: &Growth) -> Self {
        let bytes = rule_bytes + budget::of_set(&set);
        Self {
            set,
            rule_bytes,
            depends_on,
            orders: [OnceLock::new(), OnceLock::new()],
            facets: Mutex::default(),
            text: Arc::default(),
            used: AtomicU64::new(0),
            bytes: AtomicUsize::new(bytes),
            growth: growth.clone(),
        }
    }

    fn grow(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.growth.add(bytes);
    }

    /// About how much all that is kept takes.
    fn bytes(&self) -> usize {
        self.bytes.load(Relaxed) + self.text.bytes.load(Relaxed)
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

    /// [`Self::order`] if it is there without making it: somebody asked for it before, or all tickets are visible.
    pub(crate) fn kept_order<'a>(&'a self, index: &'a Index, field: FieldId) -> Option<&'a Order> {
        let at = ORDERED.iter().position(|ordered| *ordered == field)?;
        if self.set.len() == index.universe().len() { index.order(field) } else { self.orders[at].get() }
    }

    /// How many of the tickets have each value of `field`.
    pub(crate) fn facet(&self, index: &Index, field: FieldId) -> Arc<ValueCounts> {
        if let Some(counts) = self.facets.lock().kept.get(&field) {
            return Arc::clone(counts);
        }
        let counts = Arc::new(count(index, field, &self.set));
        if index.field(field).is_some_and(|field| field.codes() <= MAX_FACET_CODES) {
            let mut facets = self.facets.lock();
            facets.asked.remove(&field);
            if facets.kept.insert(field, Arc::clone(&counts)).is_none() {
                self.grow(counts.heap_bytes());
            }
        }
        counts
    }

    /// How many of the tickets a formula holds for.
    pub(crate) fn count(&self, index: &Index, expr: &SetExpr) -> u32 {
        self.known_count(index, expr).unwrap_or_else(|| index.count_within(expr, &self.set))
    }

    /// [`Self::count`] where what is kept tells it.
    pub(crate) fn known_count(&self, index: &Index, expr: &SetExpr) -> Option<u32> {
        match expr {
            SetExpr::All => Some(self.set.len()),
            SetExpr::None => Some(0),
            SetExpr::Not(inner) => Some(self.set.len() - self.known_count(index, inner)?),
            SetExpr::Terms(field, codes) => self.count_values(index, *field, codes),
            SetExpr::Range(field, range) => self.count_range(index, *field, *range),
            SetExpr::Set(_) | SetExpr::Has(_) | SetExpr::And(_) | SetExpr::Or(_) => None,
        }
    }

    /// From the counts that are kept, or will be because the field is asked for again and again.
    fn count_values(&self, index: &Index, field: FieldId, codes: &[u32]) -> Option<u32> {
        let column = index.field(field)?;
        // The tickets of two values of a field that holds several may be the same.
        if codes.len() > 1 && !column.holds_one_code() {
            return None;
        }
        let kept = self.facets.lock().kept.get(&field).map(Arc::clone);
        let counts = match kept {
            Some(counts) => counts,
            None if self.is_worth_keeping(column, codes) && self.is_asked_again(field) => self.facet(index, field),
            None => return None,
        };
        let mut codes = codes.to_vec();
        codes.sort_unstable();
        codes.dedup();
        Some(codes.into_iter().map(|code| counts.get(code)).sum())
    }

    /// Whether any of the tickets has the value of a code.
    pub(crate) fn has_value(&self, column: &FieldIndex, field: FieldId, code: u32) -> bool {
        let kept = self.facets.lock().kept.get(&field).map(|counts| counts.get(code) > 0);
        kept.unwrap_or_else(|| column.tickets(code).intersects(&self.set))
    }

    fn is_worth_keeping(&self, column: &FieldIndex, codes: &[u32]) -> bool {
        let tickets = codes.iter().fold(0u32, |sum, code| sum.saturating_add(column.tickets_len(*code)));
        column.codes() <= MAX_COUNTED_CODES && tickets.min(self.set.len()) >= MIN_COUNTED
    }

    fn is_asked_again(&self, field: FieldId) -> bool {
        let mut facets = self.facets.lock();
        let asked = facets.asked.entry(field).or_default();
        *asked += 1;
        *asked > COUNTED_ALONE
    }

    /// From the order of the tickets by this date, if there is one.
    fn count_range(&self, index: &Index, field: FieldId, range: ValueRange) -> Option<u32> {
        let ranks = index.ranks_in(field, self.kept_order(index, field)?, range);
        Some(ranks.end - ranks.start)
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
            numbers.found.clear();
            self.text.bytes.store(numbers.readable.as_ref().map_or(0, TicketSet::heap_bytes), Relaxed);
        }
        if numbers.found.insert(leaf.clone(), found).is_none() {
            let bytes = budget::of_leaf(leaf);
            self.text.bytes.fetch_add(bytes, Relaxed);
            self.growth.add(bytes);
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

    /// The tickets of the scope without `masked`, those whose words must not be found in the state of the text that `number`
    /// names.
    pub(crate) fn text_readable(&self, number: u64, masked: &TicketSet) -> TicketSet {
        if masked.is_empty() {
            return self.set.clone();
        }
        if let Some(readable) = &self.text_numbers(number).readable {
            return readable.clone();
        }
        let readable = self.set.minus(masked);
        if self.text_numbers(number).readable.replace(readable.clone()).is_none() {
            let bytes = readable.heap_bytes();
            self.text.bytes.fetch_add(bytes, Relaxed);
            self.growth.add(bytes);
        }
        readable
    }

    /// What is kept about one state of the text; what belongs to another is forgotten.
    fn text_numbers(&self, number: u64) -> MutexGuard<'_, TextNumbers> {
        let mut numbers = self.text.numbers.lock();
        if numbers.number != number {
            *numbers = TextNumbers { number, ..TextNumbers::default() };
            self.text.bytes.store(0, Relaxed);
        }
        numbers
    }
}

/// How many of `tickets` have each value of `field`. Counts the smaller of the tickets and the others; at worst one pass
/// over the tickets, never over the values that none of them has.
pub(crate) fn count(index: &Index, field: FieldId, tickets: &TicketSet) -> ValueCounts {
    let Some(column) = index.field(field) else { return ValueCounts::default() };
    if tickets.len() < column.codes() / SPARSE {
        let mut counts = ValueCounts::default();
        tickets.for_each(|ord| column.for_each_code(ord, |code| counts.gain(code)));
        return counts;
    }
    let mut counts = vec![0; column.codes() as usize];
    let others = index.universe().len() - tickets.len();
    if others < tickets.len() / 2 && column.codes() <= MAX_FACET_CODES {
        column.count_into(&index.universe().minus(tickets), &mut counts);
        for (code, count) in (0..).zip(&mut counts) {
            *count = column.tickets_len(code) - *count;
        }
    } else {
        column.count_into(tickets, &mut counts);
    }
    ValueCounts::new(&counts)
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
        // Evaluated outside the lock: two requests may do it at once, and both get the same set.
        let cached =
            found.unwrap_or_else(|| self.add(scope, CachedScope::new(scope, evaluate(), self.budget.growth())));
        cached.used.store(now, Relaxed);
        self.look();
        cached
    }

    /// The kept scope: the one made, unless somebody else was faster.
    fn add(&self, scope: &Scope, made: CachedScope) -> Arc<CachedScope> {
        let mut sets = self.sets.lock();
        let kept = match sets.entry(scope.clone()) {
            Entry::Occupied(kept) => return Arc::clone(kept.get()),
            Entry::Vacant(place) => Arc::clone(place.insert(Arc::new(made))),
        };
        // Under the lock, so that a look either sees it or comes before it grew.
        self.budget.growth().add(kept.bytes());
        if sets.len() > MAX_SCOPES {
            self.look_at.store(0, Relaxed);
        }
        kept
    }

    /// Looks at what all scopes take, as soon as it can be too much: nearly every question has a scope keep something, and
    /// there are many to add up.
    fn look(&self) {
        let is_due = || self.budget.growth().total() > self.look_at.load(Relaxed);
        if is_due() {
            let mut sets = self.sets.lock();
            // Somebody else may have looked by now.
            if is_due() {
                self.look_at.store(self.budget.keep(&mut sets), Relaxed);
            }
        }
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
        let look_at = self.budget.keep(&mut sets);
        Self {
            sets: Mutex::new(sets),
            principals: if new_directory { Arc::default() } else { Arc::clone(&self.principals) },
            clock: AtomicU64::new(self.clock.load(Relaxed)),
            budget: self.budget.clone(),
            look_at: AtomicU64::new(look_at),
        }
    }

    /// The same scopes for a snapshot in which only the text differs.
    pub(crate) fn share(&self) -> Self {
        let sets = self.sets.lock();
        Self {
            sets: Mutex::new(sets.clone()),
            principals: Arc::clone(&self.principals),
            clock: AtomicU64::new(self.clock.load(Relaxed)),
            budget: self.budget.clone(),
            look_at: AtomicU64::new(self.look_at.load(Relaxed)),
        }
    }

    pub(crate) fn bytes(&self) -> ScopeBytes {
        // Copied, so that readers do not wait while bytes are counted.
        let kept: Vec<Arc<CachedScope>> = self.sets.lock().values().map(Arc::clone).collect();
        let mut bytes = ScopeBytes { scopes: kept.len(), ..ScopeBytes::default() };
        for scope in kept {
            bytes.reckoned += scope.bytes();
            bytes.sets += scope.set.heap_bytes();
            bytes.orders +=
                scope.orders.iter().filter_map(OnceLock::get).map(|order| order.part_bytes().heap).sum::<usize>();
            bytes.counts += scope.facets.lock().kept.values().map(|counts| counts.heap_bytes()).sum::<usize>();
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
