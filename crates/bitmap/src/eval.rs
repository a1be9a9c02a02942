use std::collections::BTreeSet;

use model::FieldId;
use ticketscope_model as model;

use crate::{
    blockwise::is_dense, builder::SetBuilder, field::FieldIndex, index::Index, range::ValueRange, set::TicketSet,
};

/// A set of tickets as a formula over an index: what scopes and filters are lowered to.
#[derive(Debug, Clone, PartialEq)]
pub enum SetExpr {
    /// Every ticket.
    All,
    /// No ticket.
    None,
    /// Those of these tickets that there are; of a set made from this index or an older one.
    Set(TicketSet),
    /// Tickets that have one of these codes of a field; no codes, no tickets.
    Terms(FieldId, Vec<u32>),
    /// Tickets that have any value of a field.
    Has(FieldId),
    /// Tickets whose date or number of a field lies in a range.
    Range(FieldId, ValueRange),
    /// Tickets that are not in a set.
    Not(Box<SetExpr>),
    /// Tickets in each of several sets; of none, every ticket.
    And(Vec<SetExpr>),
    /// Tickets in any of several sets; of none, no ticket.
    Or(Vec<SetExpr>),
}

/// How many tickets a formula yields: `min <= expected <= max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cardinality {
    /// At least.
    pub min: u32,
    /// Probably.
    pub expected: u32,
    /// At most.
    pub max: u32,
}

impl Cardinality {
    fn exact(len: u32) -> Self {
        Self { min: len, expected: len, max: len }
    }
}

impl Index {
    /// The tickets of a formula.
    pub fn eval(&self, expr: &SetExpr) -> TicketSet {
        self.eval_within(expr, self.universe())
    }

    /// The tickets of a formula that are in `within`, a subset of the universe. Costs shrink with `within`: it is carried
    /// down, conjuncts are taken smallest first, and an empty one ends the work.
    pub fn eval_within(&self, expr: &SetExpr, within: &TicketSet) -> TicketSet {
        if within.is_empty() {
            return TicketSet::empty();
        }
        let everywhere = within.len() == self.universe().len();
        let cut = |set: &TicketSet| if everywhere { set.clone() } else { set.and(within) };
        match expr {
            SetExpr::All => within.clone(),
            SetExpr::None => TicketSet::empty(),
            SetExpr::Set(set) => set.and(within),
            SetExpr::Has(field) => self.field(*field).map_or_else(TicketSet::empty, |field| cut(field.has())),
            SetExpr::Terms(field, codes) => self.field(*field).map_or_else(TicketSet::empty, |field| {
                let sets: Vec<TicketSet> = codes
                    .iter()
                    .map(|code| field.tickets(*code))
                    .map(|set| if everywhere { set } else { set.and(within) })
                    .collect();
                TicketSet::union(&sets)
            }),
            SetExpr::Range(field, range) => {
                self.field(*field).map_or_else(TicketSet::empty, |field| self.eval_range(field, *range, within))
            }
            SetExpr::Not(inner) => within.minus(&self.eval_within(inner, within)),
            SetExpr::And(parts) => {
                let mut order: Vec<&SetExpr> = parts.iter().collect();
                order.sort_by_cached_key(|part| self.estimate(part).expected);
                order.into_iter().fold(within.clone(), |set, part| self.eval_within(part, &set))
            }
            SetExpr::Or(parts) => {
                let sets: Vec<TicketSet> = parts.iter().map(|part| self.eval_within(part, within)).collect();
                TicketSet::union(&sets)
            }
        }
    }

    fn eval_range(&self, field: &FieldIndex, range: ValueRange, within: &TicketSet) -> TicketSet {
        if !field.holds_numbers() {
            return TicketSet::empty();
        }
        // A pass over few tickets beats a pass over the column.
        if within.len() < self.ordinals() / 16 {
            let mut builder = SetBuilder::new();
            field.for_each_in_range(range, within, |ord| builder.push(ord));
            return builder.finish();
        }
        field.in_range(range).and(within)
    }

    /// How many tickets of a formula are in `within`, without making the set where two stored ones suffice.
    pub fn count_within(&self, expr: &SetExpr, within: &TicketSet) -> u32 {
        match expr {
            SetExpr::All => within.len(),
            SetExpr::None => 0,
            SetExpr::Set(set) => set.and_len(within),
            SetExpr::Has(field) => self.field(*field).map_or(0, |field| field.has().and_len(within)),
            SetExpr::Terms(field, codes) => match (self.field(*field), codes.as_slice()) {
                (None, _) | (_, []) => 0,
                (Some(field), [code]) => field.tickets(*code).and_len(within),
                (Some(field), codes) if field.holds_one_code() => {
                    let distinct: BTreeSet<u32> = codes.iter().copied().collect();
                    distinct.into_iter().map(|code| field.tickets(code).and_len(within)).sum()
                }
                (Some(_), _) => self.eval_within(expr, within).len(),
            },
            SetExpr::Not(inner) => within.len() - self.count_within(inner, within),
            SetExpr::And(_) | SetExpr::Or(_) | SetExpr::Range(..) if self.counts_blockwise(expr, within) => {
                self.count_blockwise(expr, within)
            }
            SetExpr::And(parts) => {
                let mut order: Vec<&SetExpr> = parts.iter().collect();
                order.sort_by_cached_key(|part| self.estimate(part).expected);
                match order.split_last() {
                    None => within.len(),
                    Some((last, first)) => {
                        let narrowed = first.iter().fold(within.clone(), |set, part| self.eval_within(part, &set));
                        self.count_within(last, &narrowed)
                    }
                }
            }
            SetExpr::Range(field, range) if within.len() < self.ordinals() / 16 => {
                let mut count = 0;
                if let Some(field) = self.field(*field).filter(|field| field.holds_numbers()) {
                    field.for_each_in_range(*range, within, |_| count += 1);
                }
                count
            }
            SetExpr::Range(..) | SetExpr::Or(_) => self.eval_within(expr, within).len(),
        }
    }

    /// Whether [`Self::count_within`] passes the words of blocks for a formula of several parts: many tickets, of which a set
    /// would take longer to make than to count.
    pub fn counts_blockwise(&self, expr: &SetExpr, within: &TicketSet) -> bool {
        is_dense(within) && self.estimate(expr).expected > within.len() / 64
    }

    /// What a formula may yield, from stored lengths alone.
    pub fn estimate(&self, expr: &SetExpr) -> Cardinality {
        let all = self.universe().len();
        match expr {
            SetExpr::All => Cardinality::exact(all),
            SetExpr::None => Cardinality::exact(0),
            SetExpr::Set(set) => {
                // Every member that is no ticket any more is one of the erased.
                let (max, erased) = (set.len().min(all), self.ordinals() - all);
                let min = set.len().saturating_sub(erased).min(max);
                Cardinality { min, expected: max, max }
            }
            SetExpr::Has(field) => Cardinality::exact(self.field(*field).map_or(0, |field| field.has().len())),
            SetExpr::Terms(field, codes) => {
                let lens = codes.iter().map(|code| self.field(*field).map_or(0, |field| field.tickets_len(*code)));
                let (sum, max) =
                    lens.fold((0u32, 0), |(sum, max), len| (sum.saturating_add(len).min(all), len.max(max)));
                Cardinality { min: max, expected: sum, max: sum }
            }
            SetExpr::Range(field, _) => {
                // Without a histogram, a third is as good a guess as any.
                let max = self.field(*field).map_or(0, |field| field.has().len());
                Cardinality { min: 0, expected: max / 3, max }
            }
            SetExpr::Not(inner) => {
                let inner = self.estimate(inner);
                Cardinality { min: all - inner.max, expected: all - inner.expected, max: all - inner.min }
            }
            SetExpr::And(parts) => {
                parts.iter().map(|part| self.estimate(part)).fold(Cardinality::exact(all), |a, b| {
                    let product = u64::from(a.expected) * u64::from(b.expected) / u64::from(all.max(1));
                    let min = u64::from(a.min) + u64::from(b.min);
                    let min = u32::try_from(min.saturating_sub(u64::from(all))).unwrap_or(all);
                    let max = a.max.min(b.max);
                    Cardinality { min, expected: u32::try_from(product).unwrap_or(max).clamp(min, max), max }
                })
            }
            SetExpr::Or(parts) => parts.iter().map(|part| self.estimate(part)).fold(Cardinality::exact(0), |a, b| {
                let max = a.max.saturating_add(b.max).min(all);
                let min = a.min.max(b.min);
                Cardinality { min, expected: a.expected.saturating_add(b.expected).clamp(min, max), max }
            }),
        }
    }
}
