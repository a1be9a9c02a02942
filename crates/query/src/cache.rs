use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bitmap::{FieldIndex, Index, ORDERED, Order, SetExpr, TicketSet, Touched, ValueRange};
use model::{FieldId, TicketOrd, fields};
use parking_lot::Mutex;
use scope::{Scope, ScopeView, VERBS};
use text::{Form, Leaf, TextField};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;
use ticketscope_text as text;

use crate::{lower::lower_scope, touched::TicketValues, value_counts::ValueCounts};

/// Scopes kept at most; the least recently asked quarter leaves when there are more.
const MAX_SCOPES: usize = 4096;

/// A batch that touches more tickets than this is followed by set algebra over the touched tickets, not one by one.
const FOLLOW_EACH: usize = 1024;

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
/// tickets: a membership, role, flag or tree change gives the principal another scope, and with it another set.
#[derive(Debug, Default)]
pub(crate) struct ScopeCache {
    sets: Mutex<HashMap<Scope, Arc<CachedScope>>>,
    /// Shared by the snapshots of one directory.
    principals: Arc<Mutex<PrincipalScopes>>,
    clock: AtomicU64,
}

/// Scopes by verb and principal.
type PrincipalScopes = HashMap<Box<str>, HashMap<Box<str>, Scope>>;

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
    /// The fields on which it depends: changes of others move no ticket in or out.
    depends_on: Arc<BTreeSet<FieldId>>,
    /// Newest first, by [`ORDERED`].
    orders: [OnceLock<Order>; 2],
    facets: Mutex<Facets>,
    text: Mutex<TextNumbers>,
    used: AtomicU64,
}

/// Counts by value, kept current from batch to batch.
#[derive(Debug, Default, Clone)]
struct Facets {
    kept: HashMap<FieldId, Arc<ValueCounts>>,
    /// How often one value was counted alone, of fields whose counts are not kept.
    asked: HashMap<FieldId, u32>,
}

/// Statistics of the text of a scope's tickets, as of one state of the text.
#[derive(Debug, Default)]
struct TextNumbers {
    number: u64,
    found: HashMap<Leaf, u32>,
    lengths: HashMap<(TextField, Form), u64>,
}

impl TextNumbers {
    /// Forgets what belongs to another state of the text.
    fn at(&mut self, number: u64) -> &mut Self {
        if self.number != number {
            *self = Self { number, ..Self::default() };
        }
        self
    }
}

impl CachedScope {
    fn new(scope: &Scope, set: TicketSet) -> Self {
        let mut depends_on = match scope.view() {
            ScopeView::Restricted(resolved) => resolved.fields(),
            ScopeView::Nothing | ScopeView::Unrestricted => BTreeSet::new(),
        };
        if scope.gate().is_some() {
            depends_on.insert(fields::LIFE);
        }
        Self::with(set, Arc::new(depends_on))
    }

    fn with(set: TicketSet, depends_on: Arc<BTreeSet<FieldId>>) -> Self {
        Self {
            set,
            depends_on,
            orders: [OnceLock::new(), OnceLock::new()],
            facets: Mutex::default(),
            text: Mutex::default(),
            used: AtomicU64::new(0),
        }
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
        Some(self.orders[at].get_or_init(|| index.sort_newest_first(field, &self.set)))
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
            facets.kept.insert(field, Arc::clone(&counts));
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
        if let Some(found) = self.text.lock().at(number).found.get(leaf) {
            return Ok(*found);
        }
        let found = count()?;
        let mut numbers = self.text.lock();
        let kept = &mut numbers.at(number).found;
        if kept.len() >= MAX_LEAVES {
            kept.clear();
        }
        kept.insert(leaf.clone(), found);
        Ok(found)
    }

    /// How long the texts of the tickets are in all, in the state of the text that `number` names.
    pub(crate) fn text_length<E>(
        &self,
        number: u64,
        field: (TextField, Form),
        sum: impl FnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        if let Some(length) = self.text.lock().at(number).lengths.get(&field) {
            return Ok(*length);
        }
        let length = sum()?;
        self.text.lock().at(number).lengths.insert(field, length);
        Ok(length)
    }

    /// This scope after a batch; itself if the batch changes no ticket of it.
    fn follow(
        self: &Arc<Self>,
        scope: &Scope,
        before: &Index,
        after: &Index,
        touched: &Touched,
        tickets: &[TicketValues<'_>],
    ) -> Arc<Self> {
        if touched.ords.len() > FOLLOW_EACH {
            let ords = TicketSet::from_sorted(&touched.ords);
            let now = after.eval_within(&lower_scope(after, scope), &ords.and(after.universe()));
            return Arc::new(self.successor(self.set.minus(&ords).or(&now)));
        }
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        let (mut was_in, mut is_in) = (Vec::new(), Vec::new());
        let same_rule = touched.fields.iter().all(|field| !self.depends_on.contains(field));
        for (ord, ticket) in touched.ords.iter().copied().zip(tickets) {
            let was = self.set.contains(TicketOrd(ord));
            let existed = before.universe().contains(TicketOrd(ord));
            let exists = after.universe().contains(TicketOrd(ord));
            let is = if same_rule && existed && exists { was } else { exists && scope.matches(ticket) };
            match (was, is) {
                (false, true) => add.push(ord),
                (true, false) => remove.push(ord),
                _ => {}
            }
            if was {
                was_in.push(ord);
            }
            if is {
                is_in.push(ord);
            }
        }
        let same_set = add.is_empty() && remove.is_empty();
        // Copied, so that readers of the scope do not wait.
        let facets = self.facets.lock().clone();
        let moves = |field: &FieldId| touched.fields.binary_search(field).is_ok();
        // Shared only while no ticket of it differs: what readers of the older snapshot have it keep from now on, by its
        // index, must be right in the next one too.
        if same_set && is_in.is_empty() {
            return Arc::clone(self);
        }
        let mut next = self.successor(self.set.updated(&add, &remove));
        for (at, field) in ORDERED.into_iter().enumerate() {
            let Some(order) = self.orders[at].get() else { continue };
            let order = match (moves(&field), same_set) {
                (false, true) => order.clone(),
                (false, false) => after.follow(before, field, order, &mut remove.clone(), &mut add.clone()),
                (true, _) => after.follow(before, field, order, &mut was_in.clone(), &mut is_in.clone()),
            };
            next.orders[at] = OnceLock::from(order);
        }
        let mut followed = HashMap::with_capacity(facets.kept.len());
        for (field, counts) in &facets.kept {
            let counts = match (moves(field), same_set) {
                (false, true) => Arc::clone(counts),
                (false, false) => follow_facet(*field, counts, before, after, &remove, &add),
                (true, _) => follow_facet(*field, counts, before, after, &was_in, &is_in),
            };
            followed.insert(*field, counts);
        }
        next.facets = Mutex::new(Facets { kept: followed, asked: facets.asked });
        Arc::new(next)
    }

    /// The same scope with another set and nothing asked about it yet.
    fn successor(&self, set: TicketSet) -> Self {
        Self { used: AtomicU64::new(self.used.load(Relaxed)), ..Self::with(set, Arc::clone(&self.depends_on)) }
    }
}

fn follow_facet(
    field: FieldId,
    counts: &Arc<ValueCounts>,
    before: &Index,
    after: &Index,
    was_in: &[u32],
    is_in: &[u32],
) -> Arc<ValueCounts> {
    let mut next = Arc::clone(counts);
    let mut changes: Vec<(u32, bool)> = Vec::new();
    if let Some(field) = before.field(field) {
        for ord in was_in {
            field.for_each_code(*ord, |code| changes.push((code, false)));
        }
    }
    if let Some(field) = after.field(field) {
        for ord in is_in {
            field.for_each_code(*ord, |code| changes.push((code, true)));
        }
    }
    for (code, gained) in changes {
        let next = Arc::make_mut(&mut next);
        if gained { next.gain(code) } else { next.lose(code) }
    }
    next
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
    pub(crate) fn scope_of<E>(
        &self,
        principal: &str,
        verb: &str,
        resolve: impl FnOnce() -> Result<Scope, E>,
    ) -> Result<Scope, E> {
        if let Some(scope) = self.principals.lock().get(verb).and_then(|scopes| scopes.get(principal)) {
            return Ok(scope.clone());
        }
        let scope = resolve()?;
        if !VERBS.contains(&verb) {
            return Ok(scope);
        }
        self.principals.lock().entry(verb.into()).or_default().insert(principal.into(), scope.clone());
        Ok(scope)
    }

    pub(crate) fn visible(&self, scope: &Scope, evaluate: impl FnOnce() -> TicketSet) -> Arc<CachedScope> {
        let now = self.clock.fetch_add(1, Relaxed);
        if let Some(cached) = self.sets.lock().get(scope) {
            cached.used.store(now, Relaxed);
            return Arc::clone(cached);
        }
        // Evaluated outside the lock: two requests may do it at once, and both get the same set.
        let cached = Arc::new(CachedScope::new(scope, evaluate()));
        cached.used.store(now, Relaxed);
        let mut sets = self.sets.lock();
        if sets.len() >= MAX_SCOPES {
            let mut uses: Vec<u64> = sets.values().map(|cached| cached.used.load(Relaxed)).collect();
            uses.sort_unstable();
            let oldest = uses[uses.len() / 4];
            sets.retain(|_, cached| cached.used.load(Relaxed) > oldest);
        }
        Arc::clone(sets.entry(scope.clone()).or_insert(cached))
    }

    /// The cache of the snapshot after a batch.
    pub(crate) fn follow(&self, before: &Index, after: &Index, touched: &Touched, new_directory: bool) -> Self {
        // Copied under the lock and followed outside it, so that readers do not wait.
        let mut sets = self.sets.lock().clone();
        if !touched.ords.is_empty() {
            let one_by_one = touched.ords.len() <= FOLLOW_EACH;
            let fields = sets.values().flat_map(|cached| cached.depends_on.iter().copied()).collect();
            let tickets: Vec<TicketValues<'_>> = if one_by_one {
                touched.ords.iter().map(|ord| TicketValues::new(after, &fields, *ord)).collect()
            } else {
                Vec::new()
            };
            for (scope, cached) in &mut sets {
                let next = cached.follow(scope, before, after, touched, &tickets);
                *cached = next;
            }
        }
        Self {
            sets: Mutex::new(sets),
            principals: if new_directory { Arc::default() } else { Arc::clone(&self.principals) },
            clock: AtomicU64::new(self.clock.load(Relaxed)),
        }
    }

    /// The same scopes for a snapshot in which only the text differs.
    pub(crate) fn share(&self) -> Self {
        Self {
            sets: Mutex::new(self.sets.lock().clone()),
            principals: Arc::clone(&self.principals),
            clock: AtomicU64::new(self.clock.load(Relaxed)),
        }
    }

    pub(crate) fn bytes(&self) -> ScopeBytes {
        // Copied, so that readers do not wait while bytes are counted.
        let kept: Vec<Arc<CachedScope>> = self.sets.lock().values().map(Arc::clone).collect();
        let mut bytes = ScopeBytes { scopes: kept.len(), ..ScopeBytes::default() };
        for scope in kept {
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
