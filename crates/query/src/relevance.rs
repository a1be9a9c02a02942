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
    sort::SortValue,
    tiers::{Tiers, Work},
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

/// What the plans are expected to cost, in microseconds on the machine of the measurements in README.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RankCost {
    /// Of scoring every hit.
    seek: f64,
    /// Of reading the posting lists in order, where that is possible.
    prune: Option<f64>,
    /// Of going down the impact layers.
    layers: f64,
    /// Of going by key through the tickets of one score after the other, where there are few scores.
    key_order: Option<f64>,
}

impl RankCost {
    /// Of a plan, if it can rank these words.
    pub(crate) fn of(&self, plan: ListPlan) -> Option<f64> {
        match plan {
            ListPlan::Seek => Some(self.seek),
            ListPlan::Prune => self.prune,
            ListPlan::Layers => Some(self.layers),
            ListPlan::KeyOrder => self.key_order,
            ListPlan::Walk | ListPlan::ScopeOrder | ListPlan::Select => None,
        }
    }
}

/// Microseconds to begin with one list of one segment: to look hits up in it, to go down its layers, to read it in order, and
/// to go through a short one.
const LIST: f64 = 0.2;
const LIST_LAYERED: f64 = 0.4;
const LIST_READ: f64 = 1.25;
const LIST_SHORT: f64 = 0.05;
/// Microseconds to begin with one list by key.
const LIST_BY_KEY: f64 = 2.0;
/// Microseconds to meet and to keep one hit, and to look it up in one list, while most hits are far from each other.
const HIT: f64 = 0.03;
const SEEK: f64 = 0.026;
/// And to look one up in a list of more postings than caches hold.
const SEEK_FAR: f64 = 0.1;
const LONG: f64 = 100_000.0;
/// As long as there is one hit for so many tickets at most, they are.
const SPARSE: f64 = 200.0;
/// The same for each further hit.
const HIT_DENSE: f64 = 0.003;
const SEEK_DENSE: f64 = 0.006;
/// Microseconds to gather the hits of one leaf, for each ticket of the scope or posting, whichever are fewer; and where a short
/// list is searched in blocks.
const GATHER: f64 = 0.004;
const GATHER_SEARCHED: f64 = 0.03;
/// Microseconds to read one posting in order.
const READ: f64 = 0.013;
/// Microseconds for each posting of a short list, and for each hit in it that is kept, which of the first so many for each row
/// of the page most are.
const POSTING: f64 = 0.012;
const OFFER: f64 = 0.02;
const KEPT: f64 = 5.0;
/// Pruning reads on average so many microseconds worth of postings for each hit it keeps, over the share of postings that
/// are hits.
const SKIP: f64 = 6.0;
/// Microseconds to look up one document of a layer; where the scope is neither a short list nor dense, its blocks are searched.
const LOOK: f64 = 0.002;
const LOOK_SPARSE: f64 = 0.012;
const DENSE: f64 = 16.0;
/// Microseconds for each layer of a segment. The first has so many documents, each other one twice as many.
const LAYER: f64 = 0.6;
const FIRST: f64 = 16.0;
/// Documents that are looked up for each row of the page, over the share of postings that are hits: the best layers of a
/// scope are not always those of the whole.
const DEPTH: f64 = 4.0;
/// Microseconds to score a candidate by several lists.
const SCORE: f64 = 0.06;
/// Of several lists that many candidates are scored for the square root of the hits.
const CANDIDATES: f64 = 12.0;

/// Microseconds to test a ticket in the order of keys, or to compare it.
const TEST: f64 = 0.03;

/// Microseconds to compare a hit by its score and its key.
const COMPARE: f64 = 0.02;
/// Microseconds to make the set of hits, for each posting, of which no more are looked at than so many times the scope; and
/// at most for each block of tickets, where both are large.
const MAKE: f64 = 0.003;
const GALLOP: f64 = 10.0;
const MAKE_BLOCK: f64 = 2.0;
const BLOCK: f64 = 65_536.0;
const LARGE: f64 = 4096.0;

/// Microseconds to intersect two sets, for each of their tickets; of two lists those that have both are gathered.
const INTERSECT: f64 = 0.001;
const PAIR: f64 = 0.0045;
/// Microseconds to score one that has both, for each list.
const SCORE_PAIR: f64 = 0.005;
/// Tickets that have two words, over those that would if words knew nothing of each other.
const TOGETHER: f64 = 3.0;

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
        let hits = f64::from(self.total());
        let leaves = || {
            let alternatives = self.clauses.iter().flatten();
            alternatives.flat_map(|alternative| &alternative.fields).flat_map(|best| &best.leaves)
        };
        let (mut postings, mut lists, mut long) = (0.0, 0.0, 0.0);
        for leaf in leaves() {
            let stands = f64::from(self.readable.view().find(leaf.leaf())?.len());
            postings += stands;
            lists += 1.0;
            long += if stands > LONG { 1.0 } else { 0.0 };
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (segments, keep) = (self.readable.view().segment_count() as f64, keep as f64);
        let all = f64::from(self.index.ordinals());
        let scope = f64::from(self.found.visible.set().len());
        let seek = match self.only {
            Some(only) if only.is_gone_through() => {
                segments * LIST_SHORT + postings * POSTING + hits.min(keep * KEPT) * OFFER
            }
            only => {
                // By the other plans the hits of one leaf are not gathered; of tiers see below.
                let gathered = only.filter(|_| self.tiers.is_none()).map_or(0.0, |_| {
                    let is_searched = scope <= LARGE && postings > LARGE;
                    scope.min(postings) * if is_searched { GATHER_SEARCHED } else { GATHER }
                });
                let (few, more) = (hits.min(all / SPARSE), (hits - all / SPARSE).max(0.0));
                let looked_up = few * (HIT + lists * SEEK) + more * (HIT_DENSE + lists * SEEK_DENSE);
                gathered + segments * lists * LIST + looked_up + hits * long * SEEK_FAR
            }
        };
        let can_prune = text::rank_plans(&self.clauses).contains(&RankPlan::Prune);
        let share = (hits.max(1.0) / postings.max(1.0)).min(1.0);
        let read = postings * READ;
        // Of several lists few are skipped, for what one lacks another may have.
        let prune =
            can_prune.then(|| segments * lists * LIST_READ + if lists > 1.0 { read } else { read.min(SKIP / share) });
        let looked_up = (DEPTH * keep / share).min(postings);
        let is_sparse = scope > LARGE && scope * DENSE < all;
        let look = if is_sparse { LOOK_SPARSE } else { LOOK };
        let layers = match self.fields_of_only_clause()?.as_slice() {
            sizes @ [_, _, ..] if sizes.len() <= PAIRED => {
                let tickets = f64::from(self.readable.view().tickets().len()).max(1.0);
                let pairs =
                    || sizes.iter().enumerate().flat_map(|(at, a)| sizes[at + 1..].iter().map(move |b| (*a, *b)));
                let intersected: f64 = pairs().map(|(a, b)| a + b).sum();
                let both: f64 = pairs().map(|(a, b)| (a * b / tickets * TOGETHER).min(a.min(b))).sum();
                let several = (both * share).min(hits);
                intersected * PAIR + several * lists * SCORE_PAIR
            }
            _ if lists > 1.0 => hits.min(CANDIDATES * hits.sqrt()) * SCORE,
            _ => segments * (1.0 + looked_up / (segments.max(1.0) * FIRST)).log2() * LAYER,
        };
        let layers = segments * lists * LIST_LAYERED + looked_up * look + layers;
        let Some(tiers) = &self.tiers else { return Ok(RankCost { seek, prune, layers, key_order: None }) };
        // Where so many score the same, nothing is out of reach, and all are compared by key.
        let mut making = postings.min(GALLOP * scope) * MAKE;
        if postings.min(scope) > LARGE {
            making = making.min((all / BLOCK).ceil() * MAKE_BLOCK);
        }
        let seek = seek + making + hits * COMPARE;
        let layers = segments * lists * LIST_LAYERED + postings * LOOK + hits * COMPARE;
        let Work { intersected, tested } = tiers.work(keep);
        let key_order = LIST_BY_KEY * lists + intersected * INTERSECT + tested * TEST;
        Ok(RankCost { seek, prune, layers, key_order: Some(key_order) })
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
