//! The best documents by relevance, exactly, in three ways that give the same bytes.
//!
//! A score is a sum over the query's clauses in their order; of a clause over its alternatives; of an alternative over the
//! fields it looks at; and in one field the best of the stems of a word. Each leaf is weighed by BM25 (Robertson et al.,
//! "Okapi at TREC-3", 1994; k1 = 1.2, b = 0.75) with statistics that the caller took inside a scope.

use std::{cmp::Ordering, sync::Arc};

use bitmap::TicketSet;
use model::TicketOrd;
use tantivy::{
    Term,
    query::{Bm25StatisticsProvider, Bm25Weight, BooleanQuery, EnableScoring, Occur, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    error::TextError,
    impacts::Impacts,
    leaf::{Leaf, Pattern},
    segment::{Found, Reading, Segment},
    sought::Sought,
    view::TextView,
};

/// Numbers of a scope that a leaf is weighed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Tickets in the scope.
    pub tickets: u32,
    /// Tickets in the scope in which the leaf stands; at most `tickets`.
    pub found: u32,
    /// Quantised lengths of the leaf's field, summed over the scope.
    pub length: u64,
}

/// A leaf and its weight.
#[derive(Debug, Clone)]
pub struct WeighedLeaf {
    leaf: Leaf,
    pub(crate) weight: Weight,
    statistics: Statistics,
}

#[derive(Clone)]
pub(crate) enum Weight {
    /// By how often the leaf stands in how long a text.
    Counted(Bm25Weight),
    /// The same for every ticket.
    Constant(f32),
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counted(weight) => write!(f, "Counted(at most {})", weight.max_score()),
            Self::Constant(score) => write!(f, "Constant({score})"),
        }
    }
}

/// Inverse document frequency, as BM25 has it.
#[expect(clippy::cast_precision_loss, reason = "the formula's own arithmetic")]
fn idf(found: u32, tickets: u32) -> f32 {
    (1.0 + ((tickets - found) as f32 + 0.5) / (found as f32 + 0.5)).ln()
}

/// What a ticket scores for being named by its key: as much as an endless repetition of a word that no other ticket has.
pub fn key_score(tickets: u32) -> f32 {
    idf(1, tickets.max(1)) * 2.2
}

impl WeighedLeaf {
    /// Weighs a leaf that stands in at least one ticket of the scope; one that stands in none scores nothing anywhere.
    #[expect(clippy::cast_precision_loss, reason = "the formula's own arithmetic")]
    pub fn new(leaf: Leaf, statistics: Statistics) -> Option<Self> {
        let Statistics { tickets, found, length } = statistics;
        if found == 0 || found > tickets {
            return None;
        }
        let weight = match leaf.pattern {
            Pattern::Prefix(_) => Weight::Constant(idf(found, tickets)),
            Pattern::Any(_) => Weight::Constant(0.0),
            Pattern::Term(..) | Pattern::Phrase { .. } => {
                let mean = length as f32 / tickets as f32;
                Weight::Counted(Bm25Weight::for_one_term_without_explain(found.into(), tickets.into(), mean))
            }
        };
        Some(Self { leaf, weight, statistics })
    }

    /// The leaf.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// What it was weighed by.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// What it scores wherever it stands, if that is the same everywhere.
    pub fn constant_score(&self) -> Option<f32> {
        match &self.weight {
            Weight::Counted(_) => None,
            Weight::Constant(score) => Some(*score),
        }
    }

    fn max_score(&self) -> f32 {
        match &self.weight {
            Weight::Counted(weight) => weight.max_score(),
            Weight::Constant(score) => *score,
        }
    }
}

/// The leaves of one word in one field: the best of them counts.
#[derive(Debug, Clone)]
pub struct Best {
    /// In which tickets the field may be read; nothing if that is in every hit.
    pub readable: Option<TicketSet>,
    /// One for each stem.
    pub leaves: Vec<WeighedLeaf>,
}

/// One alternative of a clause: a sum over fields.
#[derive(Debug, Clone, Default)]
pub struct Alternative {
    /// By field.
    pub fields: Vec<Best>,
    /// The ticket that the alternative names by its key, and what that scores.
    pub named: Option<(TicketOrd, f32)>,
}

/// A clause that must match: a sum over its alternatives.
pub type ScoredClause = Vec<Alternative>;

/// How the best documents are found. Every way gives the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankPlan {
    /// Score every ticket that matches, looking it up in the posting lists: in decoded ones, unless the tickets are few.
    Seek,
    /// Read the posting lists in order and leave out the blocks whose best possible score is too low.
    Prune,
    /// Look at the hits among the documents in which a word counts most, then at those in which it counts less, until no
    /// other can reach the page.
    Layers,
}

/// A ranked page, and what it took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// Score and ordinal, best first.
    pub best: Vec<(f32, u32)>,
    /// Documents that were scored exactly.
    pub scored: u64,
    /// Documents that the posting lists offered; of [`RankPlan::Seek`] the ones that match.
    pub offered: u64,
}

/// What is ranked.
pub struct Ranked<'a> {
    /// The tickets that match and may be shown. All of them have text in the view unless they are named by key. Where there is
    /// an [`only_leaf`], others in which it does not stand may be among them.
    pub hits: &'a TicketSet,
    /// What they are weighed by, in the query's order.
    pub clauses: &'a [ScoredClause],
    /// How many to keep.
    pub keep: usize,
    /// Whether a ticket with this score belongs to the page or a later one.
    pub accept: &'a dyn Fn(f32, u32) -> bool,
    /// Which of two tickets of equal score comes first.
    pub tie: &'a dyn Fn(u32, u32) -> Ordering,
}

impl std::fmt::Debug for Ranked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranked").field("hits", &self.hits.len()).field("keep", &self.keep).finish_non_exhaustive()
    }
}

/// Pages up to this long are kept sorted as they grow; longer ones are cut whenever twice as many are there, and sorted at
/// the end.
const SORTED: usize = 1024;

/// Lists up to this long are gone through by [`RankPlan::Seek`], whatever is looked for in them, where a single leaf is asked
/// for: the hits need not be gathered then.
pub const SHORT: u32 = 256;

/// And longer ones where there are so many hits for each posting.
const HITS_PER_POSTING: u32 = 16;

/// Rounding of sums in another order than ours, generously: a bound is only ever lowered by this factor.
pub(crate) const SLACK: f32 = 1.0 - 1e-4;

/// The best so far.
pub(crate) struct Top<'a> {
    pub(crate) ranked: &'a Ranked<'a>,
    best: Vec<(f32, u32)>,
    /// Of a long page: the last one that was kept when it was cut last.
    last: Option<(f32, u32)>,
    scored: u64,
}

impl<'a> Top<'a> {
    pub(crate) fn new(ranked: &'a Ranked<'a>) -> Self {
        let room = ranked.keep.min(ranked.hits.len() as usize).min(SORTED);
        Self { ranked, best: Vec::with_capacity(room), last: None, scored: 0 }
    }

    fn compare(&self, a: (f32, u32), b: (f32, u32)) -> Ordering {
        b.0.total_cmp(&a.0).then_with(|| (self.ranked.tie)(a.1, b.1))
    }

    pub(crate) fn offer(&mut self, score: f32, ord: u32) {
        self.scored += 1;
        // Most are worse than the page, and need no further look.
        if self.least().is_some_and(|least| score < least) {
            return;
        }
        if self.ranked.keep == 0 || !(self.ranked.accept)(score, ord) {
            return;
        }
        let row = (score, ord);
        if self.ranked.keep > SORTED {
            if self.last.is_none_or(|last| self.compare(row, last).is_lt()) {
                self.best.push(row);
            }
            if self.best.len() == self.ranked.keep.saturating_mul(2) {
                self.cut();
            }
            return;
        }
        let full = self.best.len() == self.ranked.keep;
        if full && self.best.last().is_some_and(|last| self.compare(row, *last).is_gt()) {
            return;
        }
        let at = self.best.partition_point(|other| self.compare(*other, row).is_lt());
        self.best.insert(at, row);
        self.best.truncate(self.ranked.keep);
    }

    /// The score that a ticket must at least have to be kept, once the page is full.
    pub(crate) fn least(&self) -> Option<f32> {
        if self.ranked.keep > SORTED {
            return self.last.map(|(score, _)| score);
        }
        let full = self.best.len() == self.ranked.keep;
        self.best.last().filter(|_| full).map(|(score, _)| *score)
    }

    /// Keeps the page of a longer list that is in no order.
    fn cut(&mut self) {
        let mut best = std::mem::take(&mut self.best);
        let (_, last, _) = best.select_nth_unstable_by(self.ranked.keep - 1, |a, b| self.compare(*a, *b));
        self.last = Some(*last);
        best.truncate(self.ranked.keep);
        self.best = best;
    }

    pub(crate) fn finish(mut self, offered: u64) -> Ranking {
        if self.ranked.keep > SORTED {
            let mut best = std::mem::take(&mut self.best);
            best.sort_unstable_by(|a, b| self.compare(*a, *b));
            best.truncate(self.ranked.keep);
            self.best = best;
        }
        Ranking { best: self.best, scored: self.scored, offered }
    }
}

/// Scores the tickets of one segment, asked for in ascending order.
#[derive(Clone)]
pub(crate) struct Scorer<'a> {
    clauses: Vec<Vec<AlternativeScorer<'a>>>,
}

#[derive(Clone)]
struct AlternativeScorer<'a> {
    fields: Vec<FieldScorer<'a>>,
    named: Option<(TicketOrd, f32)>,
}

#[derive(Clone)]
struct FieldScorer<'a> {
    /// Where the field may be read, unless that is in every hit.
    readable: Option<&'a TicketSet>,
    leaves: Vec<LeafScorer<'a>>,
}

impl FieldScorer<'_> {
    #[inline]
    fn score(&mut self, ord: u32) -> f32 {
        let score = self.leaves.iter_mut().filter_map(|leaf| leaf.score(ord)).fold(0.0, f32::max);
        if score > 0.0 && self.readable.is_none_or(|readable| readable.contains(TicketOrd(ord))) { score } else { 0.0 }
    }
}

#[derive(Clone)]
enum LeafScorer<'a> {
    Counted { impacts: Arc<Impacts>, place: usize, weight: &'a Bm25Weight },
    Sought { postings: Box<Sought<'a>>, weight: &'a Bm25Weight },
    Constant { found: Arc<Found>, score: f32 },
}

impl<'a> LeafScorer<'a> {
    fn new(segment: &'a Segment, weighed: &'a WeighedLeaf, tickets: u32) -> Result<Self, TextError> {
        Ok(match &weighed.weight {
            Weight::Counted(weight) => match segment.impacts_of(&weighed.leaf, tickets)? {
                Reading::Whole(impacts) => Self::Counted { impacts, place: 0, weight },
                Reading::Sought(postings) => Self::Sought { postings, weight },
            },
            Weight::Constant(score) => Self::Constant { found: segment.find(&weighed.leaf)?, score: *score },
        })
    }

    /// What it scores in a ticket; nothing where it does not stand.
    #[inline]
    fn score(&mut self, ord: u32) -> Option<f32> {
        match self {
            Self::Counted { impacts, place, weight } => impacts.of(ord, place).map(|impact| impact.score(weight)),
            Self::Sought { postings, weight } => postings.of(ord).map(|impact| impact.score(weight)),
            Self::Constant { found, score } => found.tickets.contains(TicketOrd(ord)).then_some(*score),
        }
    }
}

impl<'a> Scorer<'a> {
    /// For about so many tickets.
    pub(crate) fn new(segment: &'a Segment, clauses: &'a [ScoredClause], tickets: u32) -> Result<Self, TextError> {
        let field = |best: &'a Best| -> Result<FieldScorer<'a>, TextError> {
            let leaves = best.leaves.iter().map(|leaf| LeafScorer::new(segment, leaf, tickets));
            Ok(FieldScorer { readable: best.readable.as_ref(), leaves: leaves.collect::<Result<_, _>>()? })
        };
        let alternative = |alternative: &'a Alternative| -> Result<AlternativeScorer<'a>, TextError> {
            let fields = alternative.fields.iter().map(field).collect::<Result<_, _>>()?;
            Ok(AlternativeScorer { fields, named: alternative.named })
        };
        let clause = |clause: &'a ScoredClause| clause.iter().map(alternative).collect::<Result<Vec<_>, TextError>>();
        Ok(Self { clauses: clauses.iter().map(clause).collect::<Result<_, _>>()? })
    }

    #[inline]
    pub(crate) fn score(&mut self, ord: u32) -> f32 {
        let mut total = 0.0;
        for clause in &mut self.clauses {
            let mut clause_score = 0.0;
            for AlternativeScorer { fields, named } in clause {
                let score = fields.iter_mut().fold(0.0, |sum, field| sum + field.score(ord));
                clause_score += score + named_score(*named, ord);
            }
            total += clause_score;
        }
        total
    }
}

fn named_score(named: Option<(TicketOrd, f32)>, ord: u32) -> f32 {
    named.filter(|(named, _)| named.0 == ord).map_or(0.0, |(_, score)| score)
}

/// The score of a ticket without text: what it is named by.
pub(crate) fn score_without_text(clauses: &[ScoredClause], ord: u32) -> f32 {
    let clause = |clause: &ScoredClause| {
        clause.iter().fold(0.0, |sum, alternative| sum + (0.0 + named_score(alternative.named, ord)))
    };
    clauses.iter().fold(0.0, |sum, each| sum + clause(each))
}

/// The clauses by whose posting lists alone every hit can be found, if there are any.
fn drivers(clauses: &[ScoredClause]) -> impl Iterator<Item = &ScoredClause> {
    clauses.iter().filter(|clause| {
        clause.iter().all(|alternative| {
            alternative.named.is_none()
                && alternative.fields.iter().flat_map(|best| &best.leaves).all(|leaf| leaf.leaf.is_posting_list())
        })
    })
}

/// Every plan that can rank these clauses.
pub fn rank_plans(clauses: &[ScoredClause]) -> Vec<RankPlan> {
    let mut plans = Vec::with_capacity(3);
    plans.push(RankPlan::Seek);
    if drivers(clauses).next().is_some() {
        plans.push(RankPlan::Prune);
    }
    // Without anything to score by no layer leads to the hits.
    if !clauses.is_empty() {
        plans.push(RankPlan::Layers);
    }
    plans
}

impl TextView {
    /// The best of the hits.
    ///
    /// # Errors
    /// [`TextError`] if the index cannot be read.
    pub fn rank(&self, plan: RankPlan, ranked: &Ranked<'_>) -> Result<Ranking, TextError> {
        match plan {
            RankPlan::Prune if drivers(ranked.clauses).next().is_some() => self.prune(ranked),
            RankPlan::Layers if !ranked.clauses.is_empty() => self.descend(ranked),
            RankPlan::Prune | RankPlan::Layers | RankPlan::Seek => self.seek(ranked),
        }
    }

    fn seek(&self, ranked: &Ranked<'_>) -> Result<Ranking, TextError> {
        if let Some(only) = only_leaf(ranked.clauses) {
            return self.seek_one(only, ranked);
        }
        let mut top = Top::new(ranked);
        let mut without_text = ranked.hits.len();
        for segment in self.segments() {
            without_text -= offer_all(segment, ranked.hits, &mut top)?;
        }
        if without_text > 0 {
            ranked.hits.minus(self.tickets()).for_each(|ord| top.offer(score_without_text(ranked.clauses, ord), ord));
        }
        Ok(top.finish(ranked.hits.len().into()))
    }

    /// Scores every hit in which the one leaf of the query stands.
    fn seek_one(&self, only: &WeighedLeaf, ranked: &Ranked<'_>) -> Result<Ranking, TextError> {
        let mut top = Top::new(ranked);
        let mut offered = 0;
        // A list also holds deleted tickets, so that one that is short without them may be longer.
        let short = SHORT.max(ranked.hits.len() / HITS_PER_POSTING) as usize;
        for segment in self.segments() {
            let mut leaf = LeafScorer::new(segment, only, ranked.hits.len())?;
            let live = segment.reader().has_deletes().then(|| segment.live());
            match &leaf {
                LeafScorer::Counted { impacts, weight, .. } if impacts.len() <= short => {
                    let is_hit = |ord| ranked.hits.contains(ord) && live.is_none_or(|live| live.contains(ord));
                    impacts.for_each(|ord, impact| {
                        if is_hit(TicketOrd(ord)) {
                            offered += 1;
                            top.offer(impact.score(weight), ord);
                        }
                    });
                }
                _ => ranked.hits.and(segment.live()).for_each(|ord| {
                    if let Some(score) = leaf.score(ord) {
                        offered += 1;
                        top.offer(score, ord);
                    }
                }),
            }
        }
        Ok(top.finish(offered))
    }

    fn prune(&self, ranked: &Ranked<'_>) -> Result<Ranking, TextError> {
        let Some(searcher) = self.searcher() else { return self.seek(ranked) };
        let mut top = Top::new(ranked);
        let mut offered = 0;
        let driving: Vec<&WeighedLeaf> = drivers(ranked.clauses).flat_map(leaves).collect();
        // What the clauses that do not drive can add.
        let all: f32 = ranked.clauses.iter().map(highest).sum();
        let driven: f32 = drivers(ranked.clauses).map(highest).sum();
        let rest = (all - driven).max(0.0) / SLACK;
        for segment in self.segments() {
            // Not many more are scored than are kept.
            let mut scorer = Scorer::new(segment, ranked.clauses, u32::try_from(ranked.keep).unwrap_or(u32::MAX))?;
            let statistics = ScopeStatistics::new(segment, &driving);
            let query = union(segment, &driving);
            let scoring = EnableScoring::enabled_from_statistics_provider(&statistics, searcher);
            let weight = query.weight(scoring)?;
            let spread = spread(segment, &driving)?;
            let bound = |top: &Top<'_>| match top.least() {
                // Ties must be offered, hence the slack below the bound itself.
                Some(least) if least > rest => (least - rest) / spread * SLACK,
                // A score of 0 can be on the page too.
                Some(_) | None => f32::MIN,
            };
            weight.for_each_pruning(bound(&top), segment.reader(), &mut |doc, _| {
                offered += 1;
                let ord = segment.ticket(doc);
                if ranked.hits.contains(TicketOrd(ord)) && segment.is_live(doc) {
                    top.offer(scorer.score(ord), ord);
                }
                bound(&top)
            })?;
        }
        Ok(top.finish(offered))
    }
}

/// Scores every one of `tickets` whose text is in a segment.
pub(crate) fn offer_all(segment: &Segment, tickets: &TicketSet, top: &mut Top<'_>) -> Result<u32, TextError> {
    let here = tickets.and(segment.live());
    if !here.is_empty() {
        let mut scorer = Scorer::new(segment, top.ranked.clauses, here.len())?;
        here.for_each(|ord| top.offer(scorer.score(ord), ord));
    }
    Ok(here.len())
}

/// The leaf of clauses that come down to one, and name no ticket by its key.
pub fn only_leaf(clauses: &[ScoredClause]) -> Option<&WeighedLeaf> {
    let [clause] = clauses else { return None };
    if clause.iter().any(|alternative| alternative.named.is_some()) {
        return None;
    }
    let mut leaves = leaves(clause);
    leaves.next().filter(|_| leaves.next().is_none())
}

pub(crate) fn leaves(clause: &ScoredClause) -> impl Iterator<Item = &WeighedLeaf> {
    clause.iter().flat_map(|alternative| &alternative.fields).flat_map(|best| &best.leaves)
}

/// The highest score of a clause.
fn highest(clause: &ScoredClause) -> f32 {
    let named = |alternative: &Alternative| alternative.named.map_or(0.0, |(_, score)| score);
    leaves(clause).map(WeighedLeaf::max_score).sum::<f32>() + clause.iter().map(named).sum::<f32>()
}

fn union(segment: &Segment, leaves: &[&WeighedLeaf]) -> Box<dyn Query> {
    let mut terms: Vec<Term> = leaves.iter().filter_map(|leaf| term(segment, &leaf.leaf)).collect();
    terms.sort_unstable();
    let mut clauses: Vec<Box<dyn Query>> = Vec::with_capacity(terms.len());
    for term in terms {
        // A word asked for twice counts twice.
        clauses.push(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)));
    }
    match <[Box<dyn Query>; 1]>::try_from(clauses) {
        Ok([only]) => only,
        Err(clauses) => Box::new(BooleanQuery::new(clauses.into_iter().map(|term| (Occur::Should, term)).collect())),
    }
}

fn term(segment: &Segment, leaf: &Leaf) -> Option<Term> {
    match &leaf.pattern {
        Pattern::Term(form, word) => Some(segment.term(leaf.field, *form, word)),
        Pattern::Phrase { .. } | Pattern::Prefix(_) | Pattern::Any(_) => None,
    }
}

/// By how much a block's maximum can be too low. It was chosen by the mean length of the segment; a score by another mean
/// differs from it by at most the ratio of the two.
#[expect(clippy::cast_precision_loss, reason = "the formula's own arithmetic")]
fn spread(segment: &Segment, leaves: &[&WeighedLeaf]) -> Result<f32, TextError> {
    let mut spread = 1.0_f32;
    for weighed in leaves {
        let Leaf { field, pattern, .. } = &weighed.leaf;
        let there = segment.mean_length(*field, pattern.form())?;
        let here = weighed.statistics.length as f32 / weighed.statistics.tickets as f32;
        let ratio = (there / here).max(here / there);
        // A field that is empty here or there bounds nothing.
        spread = spread.max(if ratio.is_finite() { ratio } else { f32::MAX });
    }
    Ok(spread)
}

/// Statistics of a scope in the form in which tantivy asks for them.
struct ScopeStatistics {
    tickets: u32,
    terms: Vec<(Term, Field, Statistics)>,
}

impl ScopeStatistics {
    fn new(segment: &Segment, leaves: &[&WeighedLeaf]) -> Self {
        let terms = leaves.iter().filter_map(|leaf| {
            let term = term(segment, &leaf.leaf)?;
            Some((term.clone(), term.field(), leaf.statistics))
        });
        Self { tickets: leaves.first().map_or(0, |leaf| leaf.statistics.tickets), terms: terms.collect() }
    }
}

impl Bm25StatisticsProvider for ScopeStatistics {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Ok(self.terms.iter().find(|(_, of, _)| *of == field).map_or(0, |(_, _, statistics)| statistics.length))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.tickets.into())
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        Ok(self.terms.iter().find(|(of, _, _)| of == term).map_or(0, |(_, _, statistics)| statistics.found.into()))
    }
}

#[cfg(test)]
mod tests;
