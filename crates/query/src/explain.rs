//! How a list was found: what was expected of each part of the query, what it came to, and what each plan cost.

use std::time::Instant;

use ticketscope_text::Leaf;

use crate::{
    Access, AnswerError, ListPlan, Page, Snapshot, Start,
    answer::find,
    ast::{Query, SortKey},
    lower::lower_clause,
    plan::{PageCut, possible},
    relevance::Scored,
    sort::Sorter,
};

/// Sizes of the parts of a query. For admins alone: estimates and postings are of the whole tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Visible tickets.
    pub visible: u32,
    /// The field clauses, in order.
    pub filters: Vec<ExplainedFilter>,
    /// The word clauses, in order, bare numbers last.
    pub words: Vec<ExplainedWord>,
    /// Matches.
    pub total: u32,
    /// The plan that is chosen.
    pub chosen: ListPlan,
    /// Every plan that could answer.
    pub plans: Vec<ExplainedPlan>,
}

/// One field clause.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedFilter {
    /// The clause as text.
    pub clause: String,
    /// Tickets of the tenant that pass, as the planner bounds it: at least, at most.
    pub estimate: (u32, u32),
    /// Visible tickets that pass.
    pub visible: u32,
}

/// One word clause.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedWord {
    /// Whether it is excluded.
    pub negated: bool,
    /// Its leaves.
    pub leaves: Vec<ExplainedLeaf>,
}

/// One posting list or phrase.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedLeaf {
    /// Field and pattern.
    pub leaf: Leaf,
    /// Tickets of the tenant that hold it.
    pub postings: u32,
    /// Tickets in which the asker may find it.
    pub readable: u32,
}

/// One plan.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedPlan {
    /// Which.
    pub plan: ListPlan,
    /// Microseconds it was expected to take, for plans by relevance.
    pub estimate: Option<f64>,
    /// Microseconds it took now, warm.
    pub took: f64,
    /// Documents scored exactly, for plans by relevance.
    pub scored: Option<u64>,
    /// Documents looked at, for plans by relevance.
    pub offered: Option<u64>,
}

/// Explains the first page of a list, running it by every plan.
///
/// # Errors
/// [`AnswerError`] as of [`crate::list`].
pub fn explain(
    snapshot: &Snapshot,
    access: impl Into<Access>,
    query: &Query,
    page: &Page,
) -> Result<Explanation, AnswerError> {
    let found = find(snapshot, &access.into(), query)?;
    let index = snapshot.index();
    let hits = found.hits(index);
    let visible = found.visible.set();
    let filters = query
        .filter
        .iter()
        .map(|clause| {
            let formula = lower_clause(snapshot, clause, &found.visible);
            let alone = Query { filter: vec![clause.clone()], ..Query::default() };
            let estimate = index.estimate(&formula);
            ExplainedFilter {
                clause: alone.to_text(snapshot.schema()),
                estimate: (estimate.min, estimate.max),
                visible: index.count_within(&formula, visible),
            }
        })
        .collect();
    let mut words = Vec::with_capacity(found.clauses.len());
    if let Some(readable) = &found.readable {
        for clause in &found.clauses {
            let leaves = clause.leaves().map(|leaf| {
                let postings = readable.view().find(leaf)?.len();
                Ok(ExplainedLeaf { leaf: leaf.clone(), postings, readable: readable.find(leaf)?.len() })
            });
            let leaves = leaves.collect::<Result<Vec<_>, AnswerError>>()?;
            words.push(ExplainedWord { negated: clause.is_negated(), leaves });
        }
    }
    let sort = query.sort();
    let want = page.limit as usize + 1;
    let rank = if let Start::Rank(rank) = page.start { rank } else { 0 };
    let mut plans = Vec::new();
    let chosen;
    if let (SortKey::Relevance, Some(readable)) = (sort.by, &found.readable) {
        let scored = Scored::new(readable, &found, index)?;
        let cost = scored.cost(rank as usize + want)?;
        chosen = scored.choose(rank as usize + want);
        for plan in scored.plans() {
            let estimate = cost.of(plan);
            let began = Instant::now();
            let ranking = scored.rank(index, plan, None, rank as usize + want)?;
            let took = micros(began);
            let (scored, offered) = (Some(ranking.scored), Some(ranking.offered));
            plans.push(ExplainedPlan { plan, estimate, took, scored, offered });
        }
    } else {
        let sorter = Sorter::new(index, snapshot.schema(), sort);
        let cut = PageCut { index, found: &found, sorter: &sorter, sort, after: None, rank, want };
        chosen = cut.choose();
        for plan in possible(query) {
            let began = Instant::now();
            cut.execute(plan);
            let took = micros(began);
            plans.push(ExplainedPlan { plan, estimate: None, took, scored: None, offered: None });
        }
    }
    Ok(Explanation { visible: visible.len(), filters, words, total: hits.len(), chosen, plans })
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}
