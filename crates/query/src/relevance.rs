//! Lists by relevance: the words' scores inside the asker's own scopes.

use std::cmp::Ordering;

use bitmap::{Index, TicketSet};
use model::TicketOrd;
use text::{PAIRED, RankPlan, Ranked, Ranking, ScoredClause, WeighedLeaf};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{
    AnswerError,
    answer::Found,
    cursor::Cursor,
    plan::ListPlan,
    rank_cost::{RankCost, Sizes},
    sort::SortValue,
    tiers::Tiers,
    words::Readable,
};

/// Hits with what they are scored by.
pub(crate) struct Scored<'a> {
    readable: &'a Readable<'a>,
    clauses: Vec<ScoredClause>,
    found: &'a Found<'a>,
    index: &'a Index,
    /// Where all hits are those of one leaf.
    only: Option<Only<'a>>,
    /// Where the hits have a few scores.
    tiers: Option<Tiers<'a>>,
}

/// The leaf that is all that is asked for.
#[derive(Debug, Clone, Copy)]
struct Only<'a> {
    /// In how many tickets the asker finds it.
    found: u32,
    /// In how many it stands.
    postings: u32,
    /// Where the asker may find it.
    readable: &'a TicketSet,
    /// Whether it scores by how often it stands.
    is_counted: bool,
}

impl<'a> Scored<'a> {
    pub(crate) fn new(readable: &'a Readable<'a>, found: &'a Found<'a>, index: &'a Index) -> Result<Self, AnswerError> {
        let asked = &found.clauses;
        let mut clauses = Vec::with_capacity(asked.len());
        for clause in asked {
            clauses.extend(readable.weigh(clause)?);
        }
        let (only, tiers) = match (found.is_one_clause, clauses.as_slice()) {
            (true, [clause]) => (only(readable, &clauses)?, Tiers::new(readable, index, clause)?),
            _ => (None, None),
        };
        Ok(Self { readable, clauses, found, index, only, tiers })
    }

    /// How many tickets match.
    pub(crate) fn total(&self) -> u32 {
        match (self.only, &self.tiers) {
            (Some(only), _) => only.found,
            // Their page is found without the others.
            (None, Some(_)) => self.found.total(self.index),
            (None, None) => self.found.hits(self.index).len(),
        }
    }

    /// What the plans are expected to cost.
    pub(crate) fn cost(&self, keep: usize) -> Result<RankCost, AnswerError> {
        let sizes = self.sizes(keep)?;
        let can_prune = text::rank_plans(&self.clauses).contains(&RankPlan::Prune);
        let prune = can_prune.then(|| sizes.prune());
        if let Some(tiers) = &self.tiers {
            return Ok(RankCost { prune, ..sizes.of_tiers(&tiers.work(sizes.keep)) });
        }
        let seek = match self.only {
            Some(only) if only.is_gone_through() => sizes.short(),
            Some(_) => sizes.gather() + sizes.seek(),
            None => sizes.seek(),
        };
        let fields = self.fields_of_only_clause()?;
        let paired = (2..=PAIRED).contains(&fields.len()).then_some(fields.as_slice());
        Ok(RankCost { seek, prune, layers: sizes.layers(paired), key_order: None })
    }

    fn sizes(&self, keep: usize) -> Result<Sizes, AnswerError> {
        let view = self.readable.view();
        let alternatives = self.clauses.iter().flatten();
        let leaves = alternatives.flat_map(|alternative| &alternative.fields).flat_map(|best| &best.leaves);
        let lists = leaves.map(|leaf| Ok(f64::from(view.find(leaf.leaf())?.len())));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (segments, keep) = (view.segment_count() as f64, keep as f64);
        Ok(Sizes {
            segments,
            keep,
            all: self.index.ordinals().into(),
            scope: self.found.visible.set().len().into(),
            hits: self.total().into(),
            lists: lists.collect::<Result<_, AnswerError>>()?,
        })
    }

    /// The postings of each field of the clause, if there is only one.
    fn fields_of_only_clause(&self) -> Result<Vec<f64>, AnswerError> {
        let [clause] = self.clauses.as_slice() else { return Ok(Vec::new()) };
        let fields = clause.iter().flat_map(|alternative| &alternative.fields);
        let postings = |leaf: &WeighedLeaf| Ok(f64::from(self.readable.view().find(leaf.leaf())?.len()));
        fields.map(|best| best.leaves.iter().map(postings).sum()).collect()
    }

    /// The plans that can rank these words.
    pub(crate) fn plans(&self) -> Vec<ListPlan> {
        let plan = |plan| match plan {
            RankPlan::Seek => ListPlan::Seek,
            RankPlan::Prune => ListPlan::Prune,
            RankPlan::Layers => ListPlan::Layers,
        };
        let by_lists = text::rank_plans(&self.clauses).into_iter().map(plan);
        by_lists.chain(self.tiers.is_some().then_some(ListPlan::KeyOrder)).collect()
    }

    /// The cheapest plan for a page that ends with rank `keep`.
    pub(crate) fn choose(&self, keep: usize) -> ListPlan {
        // A list that cannot be read says so when it is.
        let Ok(cost) = self.cost(keep) else { return ListPlan::Seek };
        let plans = self.plans().into_iter().filter_map(|plan| Some((cost.of(plan)?, plan)));
        plans.min_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(ListPlan::Seek, |(_, plan)| plan)
    }

    /// The best hits after `rank` others or after the cursor, `want` at most.
    pub(crate) fn best(
        &self,
        index: &Index,
        plan: ListPlan,
        after: Option<&Cursor>,
        rank: u32,
        want: usize,
    ) -> Result<Vec<(f32, u32)>, AnswerError> {
        let mut best = self.rank(index, plan, after, rank as usize + want)?.best;
        best.drain(..best.len().min(rank as usize));
        Ok(best)
    }

    /// The ranking itself, with what it took.
    pub(crate) fn rank(
        &self,
        index: &Index,
        plan: ListPlan,
        after: Option<&Cursor>,
        keep: usize,
    ) -> Result<Ranking, AnswerError> {
        if self.total() == 0 {
            return Ok(Ranking::default());
        }
        let after = after.map(|cursor| (score_of(&cursor.value), &cursor.key));
        if let (ListPlan::KeyOrder, Some(tiers)) = (plan, &self.tiers) {
            let best = tiers.page(after, keep);
            return Ok(Ranking { scored: best.len() as u64, offered: best.len() as u64, best });
        }
        let accept = |score: f32, ord: u32| {
            after.is_none_or(|(last, key)| match score.total_cmp(&last) {
                Ordering::Less => true,
                Ordering::Equal => index.compare_key_to(TicketOrd(ord), key).is_gt(),
                Ordering::Greater => false,
            })
        };
        let tie = |a: u32, b: u32| index.compare_keys(TicketOrd(a), TicketOrd(b));
        let plan = match plan {
            ListPlan::Prune => RankPlan::Prune,
            ListPlan::Layers => RankPlan::Layers,
            _ => RankPlan::Seek,
        };
        // A plan that cannot rank these words seeks.
        let by_lists = plan != RankPlan::Seek && text::rank_plans(&self.clauses).contains(&plan);
        let hits = match self.only {
            // Whoever is met in the lists of the one leaf has it.
            Some(only) if by_lists || only.is_gone_through() => only.readable,
            _ => self.found.hits(self.index),
        };
        let ranked =
            Ranked { hits, clauses: &self.clauses, keep: keep.min(self.total() as usize), accept: &accept, tie: &tie };
        Ok(self.readable.view().rank(plan, &ranked)?)
    }
}

impl Only<'_> {
    /// Whether seeking goes through its lists, so that its hits need not be gathered.
    fn is_gone_through(self) -> bool {
        self.is_counted && self.postings <= text::SHORT
    }
}

/// What is asked for, if that is one leaf.
fn only<'a>(readable: &'a Readable<'_>, clauses: &[ScoredClause]) -> Result<Option<Only<'a>>, AnswerError> {
    let Some(only) = text::only_leaf(clauses) else { return Ok(None) };
    Ok(Some(Only {
        found: only.statistics().found,
        postings: readable.view().find(only.leaf())?.len(),
        readable: readable.tickets(only.leaf().field),
        is_counted: only.constant_score().is_none(),
    }))
}

/// What a cursor keeps of a score. Scores are never negative, so their bits are in their order.
pub(crate) fn place(score: f32) -> SortValue {
    SortValue::Number(i64::from(score.to_bits()))
}

fn score_of(place: &SortValue) -> f32 {
    match place {
        SortValue::Number(bits) => u32::try_from(*bits).map_or(f32::INFINITY, f32::from_bits),
        SortValue::Nothing | SortValue::Text(_) => f32::INFINITY,
    }
}
