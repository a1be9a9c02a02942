use std::cmp::Ordering;

use bitmap::{Index, ORDERED, Order, TicketSet};
use model::TicketOrd;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    answer::Found,
    ast::{Direction, Query, Sort, SortKey},
    cursor::Cursor,
    sort::Sorter,
    words::has_scored_words,
};

/// How a page of a list is found. All plans give the same page; they differ in cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListPlan {
    /// Walk all tickets newest first and take those that match. Cheap where matches are dense.
    Walk,
    /// Read the scope's own order. Costs what the page costs, once the order is made.
    ScopeOrder,
    /// One pass over the matches that keeps the first few. Cheap where matches are few.
    Select,
    /// By relevance: score every match, looking it up in the posting lists. Cheap where matches are few.
    Seek,
    /// By relevance: read the posting lists in order, and leave out blocks whose best possible score is too low. Cheap
    /// where many of the tickets with the words match.
    Prune,
    /// By relevance: look at the matches among the tickets in which a word counts most, then among those in which it counts
    /// less, until no other can be on the page. Cheap wherever the page is short and the words are common.
    Layers,
    /// By relevance: go by key through the tickets of one score after the other. For the beginning of a word, which scores the
    /// same wherever it stands; cheap where the page is short and many match. Other words are sought.
    KeyOrder,
}

/// Tickets per ticket of a scope from which on the scope is worth an order of its own.
const DENSE: u32 = 64;

/// Tickets that are tested in the time in which a selection looks at one match: it compares dates and keys, and sorts.
const TESTS_PER_MATCH: u64 = 4;

/// Scopes up to this large are not worth an order of their own: a pass over them is as quick.
const SMALL: u32 = 256;

/// Rows that a selection gathers before it cuts, at least.
const SMALLEST_BUFFER: usize = 512;

/// The field whose maintained order the sort is.
fn maintained(sort: Sort) -> Option<model::FieldId> {
    match sort {
        Sort { by: SortKey::Field(field), direction: Direction::Descending } if ORDERED.contains(&field) => Some(field),
        _ => None,
    }
}

pub(crate) fn possible(query: &Query) -> Vec<ListPlan> {
    let sort = query.sort();
    if sort.by == SortKey::Relevance && has_scored_words(query) {
        return vec![ListPlan::Seek, ListPlan::Prune, ListPlan::Layers, ListPlan::KeyOrder];
    }
    let mut plans = vec![ListPlan::Select];
    if maintained(sort).is_some() {
        plans.push(ListPlan::Walk);
        if query.filter.is_empty() && query.words.is_empty() {
            plans.push(ListPlan::ScopeOrder);
        }
    }
    plans
}

/// One page of a list that is not by relevance.
pub(crate) struct PageCut<'a> {
    pub(crate) index: &'a Index,
    pub(crate) found: &'a Found<'a>,
    pub(crate) sorter: &'a Sorter<'a>,
    pub(crate) sort: Sort,
    pub(crate) after: Option<&'a Cursor>,
    pub(crate) rank: u32,
    pub(crate) want: usize,
}

impl PageCut<'_> {
    /// The page by the plan that is expected to be the cheapest, or by the next best where the first takes longer than
    /// any of it could be worth.
    pub(crate) fn execute_best(&self) -> (ListPlan, Vec<u32>) {
        match self.choose() {
            ListPlan::Walk => match self.walk(u64::from(self.found.total_or_hits(self.index)) * TESTS_PER_MATCH) {
                Some(page) => (ListPlan::Walk, page),
                None => (ListPlan::Select, self.execute(ListPlan::Select)),
            },
            plan => (plan, self.execute(plan)),
        }
    }

    pub(crate) fn choose(&self) -> ListPlan {
        let Some(field) = maintained(self.sort) else { return ListPlan::Select };
        let (total, all) = (self.found.total_or_hits(self.index), self.index.universe().len());
        if self.found.is_whole_scope()
            && total > SMALL
            && (total < all / DENSE || self.rank > 0 || self.kept_order(field).is_some())
        {
            return ListPlan::ScopeOrder;
        }
        let walked = self.kept_order(field).map_or(all, Order::len);
        let rows = u64::from(self.rank) + self.want as u64;
        let tests = rows * u64::from(walked) / u64::from(total.max(1));
        if tests <= u64::from(total) * TESTS_PER_MATCH { ListPlan::Walk } else { ListPlan::Select }
    }

    pub(crate) fn execute(&self, plan: ListPlan) -> Vec<u32> {
        let by_order =
            match (plan, maintained(self.sort)) {
                (ListPlan::ScopeOrder, Some(field)) => self.found.visible.order(self.index, field).map(|order| {
                    order.iter_from(self.begin(order).saturating_add(self.rank)).take(self.want).collect()
                }),
                (ListPlan::Walk, Some(_)) => self.walk(u64::MAX),
                _ => None,
            };
        by_order.unwrap_or_else(|| select(self.found.hits(self.index), self.sorter, self.after, self.rank, self.want))
    }

    /// The order of the scope's own tickets, if it is there already.
    fn kept_order(&self, field: model::FieldId) -> Option<&Order> {
        self.found.visible.kept_order(self.index, field)
    }

    /// The rank after the cursor in an order of some of the tickets.
    fn begin(&self, order: &Order) -> u32 {
        self.after.map_or(0, |cursor| {
            order.rank_of(|ord| match self.sorter.compare_to(ord, &cursor.value, &cursor.key) {
                // The place after the cursor: what equals it was on the page before.
                Ordering::Equal => Ordering::Less,
                other => other,
            })
        })
    }

    /// Walks the tickets newest first, those of the scope alone where they are in order already, and takes those that
    /// match. Nothing if that takes more than `patience` tests.
    fn walk(&self, patience: u64) -> Option<Vec<u32>> {
        let field = maintained(self.sort)?;
        let kept = self.kept_order(field);
        let order = match kept {
            Some(order) => order,
            None => self.index.order(field)?,
        };
        let visible = self.found.visible.set();
        let tester = self.index.tester(&self.found.filter);
        let matches = |ord: u32| {
            let ord = TicketOrd(ord);
            match self.found.known_hits() {
                Some(hits) => hits.contains(ord),
                None => (kept.is_some() || visible.contains(ord)) && tester.passes(ord),
            }
        };
        let (mut skip, mut tests) = (self.rank, 0);
        let mut page = Vec::with_capacity(self.want);
        for ord in order.iter_from(self.begin(order)) {
            if page.len() == self.want {
                break;
            }
            tests += 1;
            if tests > patience {
                return None;
            }
            if !matches(ord) {
                continue;
            }
            if skip > 0 { skip -= 1 } else { page.push(ord) }
        }
        Some(page)
    }
}

/// One pass that keeps the first `rank + want` tickets after the cursor, and never more than twice as many.
fn select(hits: &TicketSet, sorter: &Sorter<'_>, after: Option<&Cursor>, rank: u32, want: usize) -> Vec<u32> {
    let keep = (rank as usize).saturating_add(want).min(hits.len() as usize);
    if keep == 0 {
        return Vec::new();
    }
    let full = keep.max(SMALLEST_BUFFER) * 2;
    let mut rows = Vec::new();
    // Of a row that was cut off once, and of what comes after it, nothing is kept.
    let mut last = None;
    hits.for_each(|ord| {
        let row = (sorter.value(ord), ord);
        let later = after.is_none_or(|cursor| sorter.compare_to(ord, &cursor.value, &cursor.key).is_gt());
        if !later || last.as_ref().is_some_and(|last| sorter.compare_rows(&row, last).is_ge()) {
            return;
        }
        rows.push(row);
        if rows.len() == full {
            rows.select_nth_unstable_by(keep - 1, |a, b| sorter.compare_rows(a, b));
            rows.truncate(keep);
            last = rows.last().copied();
        }
    });
    rows.sort_unstable_by(|a, b| sorter.compare_rows(a, b));
    rows.into_iter().take(keep).skip(rank as usize).map(|(_, ord)| ord).collect()
}

#[cfg(test)]
mod tests;
