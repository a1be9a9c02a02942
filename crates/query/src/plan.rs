use bitmap::{Index, ORDERED, TicketSet};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    CachedScope,
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
    /// By relevance: score every match, seeking in the posting lists. Cheap where matches are few.
    Seek,
    /// By relevance: read the posting lists in order, and leave out blocks whose best possible score is too low. Cheap
    /// where many of the tickets with the words match.
    Prune,
    /// By relevance: look at the matches among the tickets in which a word counts most, then among those in which it counts
    /// less, until no other can be on the page. Cheap wherever the page is short and the words are common.
    Layers,
}

/// Matches per walked ticket below which walking is dearer than a pass over the matches.
const DENSE: u32 = 64;

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
        return vec![ListPlan::Seek, ListPlan::Prune, ListPlan::Layers];
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

pub(crate) fn choose(
    index: &Index,
    visible: &CachedScope,
    hits: &TicketSet,
    sort: Sort,
    rank: u32,
    whole_scope: bool,
) -> ListPlan {
    let Some(field) = maintained(sort) else { return ListPlan::Select };
    let all = index.universe().len();
    let dense = hits.len() >= all / DENSE;
    if whole_scope
        && hits.len() > SMALL
        && (!dense || rank > 0 || visible.ready_order(field).is_some() || hits.len() == all)
    {
        return ListPlan::ScopeOrder;
    }
    // To a far rank a walk passes every ticket before it.
    if dense && rank < 1024 { ListPlan::Walk } else { ListPlan::Select }
}

#[expect(clippy::too_many_arguments, reason = "a plan meets everything it may use in this one place")]
pub(crate) fn execute(
    plan: ListPlan,
    index: &Index,
    visible: &CachedScope,
    hits: &TicketSet,
    sorter: &Sorter<'_>,
    sort: Sort,
    after: Option<&Cursor>,
    rank: u32,
    want: usize,
) -> Vec<u32> {
    let field = maintained(sort);
    let begin = |order: &bitmap::Order| {
        after.map_or(0, |cursor| {
            order.rank_of(|ord| match sorter.compare_to(ord, &cursor.value, &cursor.key) {
                // The place after the cursor: what equals it was on the page before.
                std::cmp::Ordering::Equal => std::cmp::Ordering::Less,
                other => other,
            })
        })
    };
    match (plan, field) {
        (ListPlan::ScopeOrder, Some(field)) => {
            let Some(order) = visible.order(index, field) else { return Vec::new() };
            order.iter_from(begin(order).saturating_add(rank)).take(want).collect()
        }
        (ListPlan::Walk, Some(field)) => {
            let Some(order) = index.order(field) else { return Vec::new() };
            let matching = order.iter_from(begin(order)).filter(|ord| hits.contains(model::TicketOrd(*ord)));
            matching.skip(rank as usize).take(want).collect()
        }
        _ => select(hits, sorter, after, rank, want),
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
