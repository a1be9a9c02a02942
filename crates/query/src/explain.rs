//! How a list was found: what was expected of each part of the query, what it came to, and what each plan cost.

use std::time::Instant;

use ticketscope_text::Leaf;

use crate::{
    Access, AnswerError, ListPlan, Page, Snapshot, Start,
    answer::{Found, find},
    ast::{Query, Sort, SortKey},
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
    /// Microseconds it took now, warm, from the query that was understood to the page and its total. What the plans before
    /// it found was forgotten.
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
    let access = access.into();
    let found = find(snapshot, &access, query)?;
    let index = snapshot.index();
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
    let asked = Asked { snapshot, access: &access, query, page };
    let (chosen, plans) = match (query.sort().by, &found.readable) {
        (SortKey::Relevance, Some(readable)) => asked.rankings(&Scored::new(readable, &found, index)?)?,
        _ => asked.cuts(&found)?,
    };
    Ok(Explanation { visible: visible.len(), filters, words, total: found.total(index), chosen, plans })
}

/// A first page, to be found by one plan after the other: each from a [`Found`] of its own, so that it makes whatever it needs
/// and nothing that another one made.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    access: &'a Access,
    query: &'a Query,
    page: &'a Page,
}

impl Asked<'_> {
    fn rank(&self) -> u32 {
        if let Start::Rank(rank) = self.page.start { rank } else { 0 }
    }

    fn want(&self) -> usize {
        self.page.limit as usize + 1
    }

    /// The plan that is chosen, and every plan by relevance.
    fn rankings(&self, scored: &Scored<'_>) -> Result<(ListPlan, Vec<ExplainedPlan>), AnswerError> {
        let (index, keep) = (self.snapshot.index(), self.rank() as usize + self.want());
        let cost = scored.cost(keep)?;
        let mut plans = Vec::new();
        for plan in scored.plans() {
            let found = find(self.snapshot, self.access, self.query)?;
            let Some(readable) = &found.readable else { continue };
            let scored = Scored::new(readable, &found, index)?;
            let began = Instant::now();
            let ranking = scored.rank(index, plan, None, keep)?;
            let took = micros(began);
            let (scored, offered) = (Some(ranking.scored), Some(ranking.offered));
            plans.push(ExplainedPlan { plan, estimate: cost.of(plan), took, scored, offered });
        }
        Ok((scored.choose(keep), plans))
    }

    /// The plan that is chosen, and every plan by another order.
    fn cuts(&self, found: &Found<'_>) -> Result<(ListPlan, Vec<ExplainedPlan>), AnswerError> {
        let (index, sort) = (self.snapshot.index(), self.query.sort());
        let chosen = {
            let sorter = Sorter::new(index, self.snapshot.schema(), sort);
            self.cut(found, &sorter, sort).choose()
        };
        let mut plans = Vec::new();
        for plan in possible(self.query) {
            let found = find(self.snapshot, self.access, self.query)?;
            let sorter = Sorter::new(index, self.snapshot.schema(), sort);
            let began = Instant::now();
            self.cut(&found, &sorter, sort).execute(plan);
            found.total_or_hits(index);
            let took = micros(began);
            plans.push(ExplainedPlan { plan, estimate: None, took, scored: None, offered: None });
        }
        Ok((chosen, plans))
    }

    fn cut<'a>(&self, found: &'a Found<'a>, sorter: &'a Sorter<'a>, sort: Sort) -> PageCut<'a>
    where
        Self: 'a,
    {
        let index = self.snapshot.index();
        PageCut { index, found, sorter, sort, after: None, rank: self.rank(), want: self.want() }
    }
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}
