//! Keeping scopes current: what a batch changes of each, found out from the touched tickets alone.
//!
//! Few tickets are judged one by one by the scope's rule, as they were and as they are, so that a scope that they are not
//! in costs neither a look into its set nor any work that grows with the tenant. Many are judged by set algebra. Orders and
//! facets follow tickets that leave and enter, up to a number of tickets from which making them anew at the next question
//! is cheaper.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
};

use bitmap::{Index, ORDERED, TicketSet, Touched};
use model::{FieldId, TicketOrd};
use parking_lot::Mutex;
use scope::Scope;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;

use super::{CachedScope, budget};
use crate::{lower::lower_scope, touched::TicketValues, value_counts::ValueCounts};

/// A batch that touches more tickets than this is judged by set algebra, not one by one.
pub(super) const JUDGE_EACH: usize = 64;

/// A batch that touches more tickets than this leaves no order and no facet: they are made anew when they are asked for.
pub(super) const FOLLOW_KEPT: usize = 16_384;

/// A batch, as kept scopes follow it.
#[derive(Debug)]
pub(super) struct Step<'a> {
    before: &'a Index,
    after: &'a Index,
    touched: &'a Touched,
    touched_set: TicketSet,
    /// Whether tickets were made or erased.
    changes_universe: bool,
    /// The touched tickets, as they were and as they are, if they are judged one by one.
    judged: Option<Vec<[Option<TicketValues<'a>>; 2]>>,
}

/// The touched tickets that were in a scope, and those that are.
#[derive(Debug)]
struct Sides {
    was_in: TicketSet,
    is_in: TicketSet,
}

impl<'a> Step<'a> {
    /// The step between two indexes for scopes that each depend on one of `depends_on`.
    pub(super) fn new<'f>(
        before: &'a Index,
        after: &'a Index,
        touched: &'a Touched,
        depends_on: impl Iterator<Item = &'f [FieldId]>,
    ) -> Self {
        let judged = (touched.ords.len() <= JUDGE_EACH).then(|| {
            // Most scopes depend on the same fields as another.
            let mut distinct: Vec<&[FieldId]> = Vec::new();
            depends_on.for_each(|fields| {
                if !distinct.contains(&fields) {
                    distinct.push(fields);
                }
            });
            let depended: BTreeSet<FieldId> = distinct.into_iter().flatten().copied().collect();
            let read = |index: &'a Index, ord: u32| {
                index.universe().contains(TicketOrd(ord)).then(|| TicketValues::new(index, &depended, ord))
            };
            touched.ords.iter().map(|ord| [read(before, *ord), read(after, *ord)]).collect()
        });
        Self {
            before,
            after,
            touched,
            touched_set: TicketSet::from_sorted(&touched.ords),
            changes_universe: touched.changes_universe(),
            judged,
        }
    }

    fn changes_any(&self, fields: &[FieldId]) -> bool {
        fields.iter().any(|field| self.changes(*field))
    }

    fn changes(&self, field: FieldId) -> bool {
        self.touched.fields.binary_search(&field).is_ok()
    }

    /// Which of the touched tickets are in a scope. Few are judged by its rule, so that a scope that holds none of them costs
    /// no look into its set: in a large tenant that is memory which nobody has touched lately.
    fn sides(&self, scope: &Scope, kept: &CachedScope) -> Sides {
        let by_rule = self.changes_universe || self.changes_any(&kept.depends_on);
        let Some(judged) = &self.judged else {
            let was_in = kept.set.and(&self.touched_set);
            if !by_rule {
                return Sides { is_in: was_in.clone(), was_in };
            }
            let here = self.touched_set.and(self.after.universe());
            return Sides { was_in, is_in: self.after.eval_within(&lower_scope(self.after, scope), &here) };
        };
        let was_in = self.in_scope(judged, 0, scope);
        // What no rule looks at moves no ticket.
        let is_in = if by_rule { self.in_scope(judged, 1, scope) } else { was_in.clone() };
        Sides { was_in, is_in }
    }

    fn in_scope(&self, judged: &[[Option<TicketValues<'a>>; 2]], side: usize, scope: &Scope) -> TicketSet {
        let tickets = self.touched.ords.iter().zip(judged);
        let seen = tickets.filter(|(_, sides)| sides[side].as_ref().is_some_and(|ticket| scope.matches(ticket)));
        let seen: Vec<u32> = seen.map(|(ord, _)| *ord).collect();
        if seen.is_empty() { TicketSet::empty() } else { TicketSet::from_sorted(&seen) }
    }
}

impl CachedScope {
    /// This scope after a batch; itself if the batch touches no ticket of it.
    ///
    /// A scope in which a ticket was touched is not shared, even if nothing changes that it keeps: what readers of the older
    /// snapshot have it keep from now on, by its index, would be wrong in the next one.
    pub(super) fn follow(self: &Arc<Self>, scope: &Scope, step: &Step<'_>) -> Arc<Self> {
        let Sides { was_in, is_in } = step.sides(scope, self);
        if was_in.is_empty() && is_in.is_empty() {
            return Arc::clone(self);
        }
        let (leaving, entering) = if was_in == is_in {
            (TicketSet::empty(), TicketSet::empty())
        } else {
            (was_in.minus(&is_in), is_in.minus(&was_in))
        };
        let same_set = leaving.is_empty() && entering.is_empty();
        let set = match (same_set, &step.judged) {
            (true, _) => self.set.clone(),
            (false, Some(_)) => self.set.updated(&ords(&entering), &ords(&leaving)),
            (false, None) => self.set.minus(&leaving).or(&entering),
        };
        let mut next = self.successor(set);
        if same_set {
            next.text = Arc::clone(&self.text);
        }
        if step.touched.ords.len() > FOLLOW_KEPT {
            return Arc::new(next);
        }
        // Of a field that changed, all that was shown of a ticket may be other; of one that did not, only tickets that come
        // and go count.
        let moved = Sides { was_in: leaving, is_in: entering };
        let all = Sides { was_in, is_in };
        for (at, field) in ORDERED.into_iter().enumerate() {
            let Some(order) = self.orders[at].get() else { continue };
            let order = match (step.changes(field), same_set) {
                (false, true) => order.clone(),
                (false, false) => moved.follow_order(step, field, order),
                (true, _) => all.follow_order(step, field, order),
            };
            next.orders[at] = OnceLock::from(order);
        }
        // Copied, so that readers of the scope do not wait.
        let mut facets = self.facets.lock().clone();
        for (field, counts) in &mut facets.kept {
            match (step.changes(*field), same_set) {
                (false, true) => {}
                (false, false) => moved.follow_facet(step, *field, counts),
                (true, _) => all.follow_facet(step, *field, counts),
            }
        }
        let ordered = next.orders.iter().filter_map(OnceLock::get).map(|order| budget::of_order(order.len()));
        let counted = facets.kept.values().map(|counts| counts.heap_bytes());
        next.bytes.fetch_add(ordered.chain(counted).sum(), Relaxed);
        next.facets = Mutex::new(facets);
        Arc::new(next)
    }

    /// The same scope with another set and nothing asked about it yet.
    fn successor(&self, set: TicketSet) -> Self {
        let next = Self::with(set, Arc::clone(&self.depends_on), self.rule_bytes, &self.growth);
        next.used.store(self.used.load(Relaxed), Relaxed);
        next
    }
}

impl Sides {
    fn follow_order(&self, step: &Step<'_>, field: FieldId, order: &bitmap::Order) -> bitmap::Order {
        step.after.follow(step.before, field, order, &mut ords(&self.was_in), &mut ords(&self.is_in))
    }

    fn follow_facet(&self, step: &Step<'_>, field: FieldId, counts: &mut Arc<ValueCounts>) {
        let counted = Arc::make_mut(counts);
        if let Some(field) = step.after.field(field) {
            self.is_in.for_each(|ord| field.for_each_code(ord, |code| counted.gain(code)));
        }
        if let Some(field) = step.before.field(field) {
            self.was_in.for_each(|ord| field.for_each_code(ord, |code| counted.lose(code)));
        }
    }
}

fn ords(tickets: &TicketSet) -> Vec<u32> {
    tickets.iter().collect()
}
