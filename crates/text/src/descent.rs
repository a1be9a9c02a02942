//! Ranking by impact layers: a threshold algorithm (Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware",
//! 2001) over sets.
//!
//! Every hit of a segment stands in some layer of some leaf of each clause. So whoever was not met in the layers that were
//! looked at scores at most the sum, over the clauses, of what their next layers can add. Once the page is full and its last
//! score is above that for every segment, nobody else belongs on it.

use std::sync::Arc;

use bitmap::TicketSet;
use model::TicketOrd;
use rustc_hash::FxHashSet;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    error::TextError,
    layers::Layers,
    rank::{Best, Ranked, Ranking, SLACK, Scorer, Top, WeighedLeaf, Weight, leaves, offer_all, score_without_text},
    segment::Segment,
    view::TextView,
};

/// Documents of a class up to this many are looked up in the hits one by one; more are intersected with them.
const LOOKED_UP: u32 = 1024;

/// And up to so many for each hit, where few hits need a search.
const LOOKED_UP_PER_HIT: u32 = 8;

/// The layers of one leaf, as far as they were not looked at.
struct Stairs<'a> {
    weight: &'a Weight,
    steps: Steps,
    /// The highest score from each step on; one more than there are steps, the last one 0.
    bounds: Vec<f32>,
    next: usize,
}

enum Steps {
    Impacts(Arc<Layers>),
    /// All documents score the same.
    One(TicketSet),
}

impl<'a> Stairs<'a> {
    /// Nothing where a ticket may have two documents.
    fn new(segment: &Segment, leaf: &'a WeighedLeaf) -> Result<Option<Self>, TextError> {
        let (steps, mut bounds) = match &leaf.weight {
            Weight::Constant(score) => (Steps::One(segment.find(leaf.leaf())?.tickets.clone()), vec![*score, 0.0]),
            Weight::Counted(weight) => {
                let Some(layers) = segment.layers(leaf.leaf())? else { return Ok(None) };
                let peaks = layers.as_slice().iter().map(|layer| layer.peak(weight));
                let bounds = peaks.chain([0.0]).collect();
                (Steps::Impacts(layers), bounds)
            }
        };
        // By another mean length a later layer may reach higher than an earlier one.
        for at in (1..bounds.len()).rev() {
            bounds[at - 1] = f32::max(bounds[at - 1], bounds[at]);
        }
        Ok(Some(Self { weight: &leaf.weight, steps, bounds, next: 0 }))
    }

    fn bound(&self) -> f32 {
        self.bounds[self.next]
    }

    fn is_done(&self) -> bool {
        self.next + 1 == self.bounds.len()
    }

    /// Calls `visit` with the documents of the next step, the highest score of them, and whether all of them have it.
    fn step(&mut self, mut visit: impl FnMut(&TicketSet, f32, bool)) {
        let at = self.next;
        self.next += 1;
        match (&self.steps, self.weight) {
            (Steps::One(tickets), Weight::Constant(score)) => visit(tickets, *score, true),
            (Steps::Impacts(layers), Weight::Counted(weight)) => {
                for class in &layers.as_slice()[at].classes {
                    visit(&class.tickets, class.impact.score(weight), class.impact.is_exact());
                }
            }
            (Steps::One(tickets), Weight::Counted(_)) => visit(tickets, f32::MAX, false),
            (Steps::Impacts(layers), Weight::Constant(score)) => {
                for class in &layers.as_slice()[at].classes {
                    visit(&class.tickets, *score, true);
                }
            }
        }
    }
}

/// Whether tickets are hits, asked for many. A short list of hits is searched, so what is not in it is mostly told from the
/// last bits of its ordinal.
struct Lookup<'a> {
    hits: &'a TicketSet,
    /// Which last 16 bits the hits have, where there are few of them.
    lows: Option<Box<[u64; 1024]>>,
}

/// Sets above this size are not searched but looked up.
const SEARCHED: u32 = 4096;

impl<'a> Lookup<'a> {
    fn new(hits: &'a TicketSet) -> Self {
        let lows = (hits.len() <= SEARCHED).then(|| {
            let mut lows = Box::new([0; 1024]);
            hits.for_each(|ord| lows[Self::word(ord)] |= Self::bit(ord));
            lows
        });
        Self { hits, lows }
    }

    /// Whether so many documents are better looked up than intersected with the hits.
    fn takes(&self, documents: u32) -> bool {
        let per_hit = self.lows.as_ref().map_or(0, |_| self.hits.len() * LOOKED_UP_PER_HIT);
        documents <= LOOKED_UP.max(per_hit)
    }

    fn word(ord: u32) -> usize {
        (ord as usize >> 6) & 1023
    }

    fn bit(ord: u32) -> u64 {
        1 << (ord & 63)
    }

    fn is_hit(&self, ord: u32) -> bool {
        self.lows.as_ref().is_none_or(|lows| lows[Self::word(ord)] & Self::bit(ord) != 0)
            && self.hits.contains(TicketOrd(ord))
    }
}

/// One segment on the way down: by clause, by alternative and field, the leaves.
struct Descent<'a> {
    segment: &'a Segment,
    clauses: Vec<Vec<Vec<Stairs<'a>>>>,
    /// Made when something must be scored; cloned for each layer, for postings are read in one direction.
    scorer: Option<Scorer<'a>>,
    met: FxHashSet<u32>,
    /// Whether every hit was met that stands in more than one field: then what a field can add is all that a hit can score
    /// that was not.
    is_alone: bool,
}

/// Fields of an only clause up to which [`RankPlan::Layers`](crate::RankPlan::Layers) intersects each with each other.
pub const PAIRED: usize = 4;

impl<'a> Descent<'a> {
    fn new(segment: &'a Segment, ranked: &Ranked<'a>) -> Result<Option<Self>, TextError> {
        let mut clauses = Vec::with_capacity(ranked.clauses.len());
        for clause in ranked.clauses {
            let mut fields = Vec::new();
            for best in clause.iter().flat_map(|alternative| &alternative.fields) {
                let mut stairs = Vec::with_capacity(best.leaves.len());
                for leaf in &best.leaves {
                    match Stairs::new(segment, leaf)? {
                        Some(leaf) => stairs.push(leaf),
                        None => return Ok(None),
                    }
                }
                fields.push(stairs);
            }
            clauses.push(fields);
        }
        Ok(Some(Self { segment, clauses, scorer: None, met: FxHashSet::default(), is_alone: false }))
    }

    /// What a hit can score that was not met; nothing if all of them were.
    fn bound(&self) -> Option<f32> {
        let is_done = |clause: &Vec<Vec<Stairs<'_>>>| clause.iter().flatten().all(Stairs::is_done);
        if self.clauses.iter().any(is_done) {
            return None;
        }
        let bounds = self.field_bounds();
        Some(if self.is_alone { bounds.fold(0.0, f32::max) } else { bounds.sum() })
    }

    /// Scores the hits that stand in several fields of an only clause. The best of an OR are among them as a rule, and the
    /// rest score what one word scores, so that the page is soon out of their reach.
    fn meet_several(&mut self, ranked: &Ranked<'a>, top: &mut Top<'_>) -> Result<u32, TextError> {
        let [clause] = ranked.clauses else { return Ok(0) };
        let fields: Vec<&Best> = clause.iter().flat_map(|alternative| &alternative.fields).collect();
        if fields.len() < 2 || fields.len() > PAIRED {
            return Ok(0);
        }
        let mut sets = Vec::with_capacity(fields.len());
        for best in fields {
            let found = best.leaves.iter().map(|leaf| self.segment.find(leaf.leaf()));
            let found = found.collect::<Result<Vec<_>, _>>()?;
            sets.push(TicketSet::union(found.iter().map(|found| &found.tickets)));
        }
        let pairs = sets.iter().enumerate().flat_map(|(at, a)| sets[at + 1..].iter().map(move |b| a.and(b)));
        let several = TicketSet::union(&pairs.collect::<Vec<_>>()).and(ranked.hits);
        let several = if self.segment.reader().has_deletes() { several.and(self.segment.live()) } else { several };
        let mut scorer = Scorer::new(self.segment, ranked.clauses, several.len())?;
        let mut offered = 0;
        several.for_each(|ord| {
            if self.met.insert(ord) {
                offered += 1;
                top.offer(scorer.score(ord), ord);
            }
        });
        self.is_alone = true;
        Ok(offered)
    }

    /// What each field can add to a hit that was not met: the better leaf counts.
    fn field_bounds(&self) -> impl Iterator<Item = f32> {
        self.clauses.iter().flatten().map(|leaves| leaves.iter().map(Stairs::bound).fold(0.0, f32::max))
    }

    /// Whether the score of a hit is that of the one leaf there is.
    fn is_single(&self) -> bool {
        self.clauses.iter().flatten().flatten().count() == 1
    }

    /// Looks at the hits in the layer that can add most. Answers how many there are.
    fn step(&mut self, ranked: &Ranked<'a>, lookup: &Lookup<'_>, top: &mut Top<'_>) -> Result<u32, TextError> {
        let is_single = self.is_single();
        let bounds: Vec<f32> = self.field_bounds().collect();
        let open = self.clauses.iter_mut().flatten().enumerate().flat_map(|(field, leaves)| {
            let mut bounds: Vec<f32> = leaves.iter().map(Stairs::bound).collect();
            bounds.sort_unstable_by(|a, b| b.total_cmp(a));
            let second = bounds.get(1).copied().unwrap_or_default();
            leaves.iter_mut().filter(|stairs| !stairs.is_done()).map(move |stairs| (stairs, second, field))
        });
        let steepest = open.max_by(|(a, ..), (b, ..)| a.bound().total_cmp(&b.bound()));
        let Some((steepest, sibling, own)) = steepest else { return Ok(0) };
        let live = self.segment.reader().has_deletes().then(|| self.segment.live());
        let is_hit = |ord: u32| lookup.is_hit(ord) && live.is_none_or(|live| live.contains(TicketOrd(ord)));
        let met = &self.met;
        let (mut offered, mut unscored) = (0, Vec::new());
        // What the other fields can add to a ticket that none of them has shown yet; in its own field the better leaf counts.
        // A sum of its own: less its own bound, that of all of them would be off by the rounding of the largest.
        let is_other = |field: usize| field != own && !self.is_alone;
        let others: f32 = bounds.iter().enumerate().filter(|(field, _)| is_other(*field)).map(|(_, bound)| bound).sum();
        steepest.step(|tickets, score, is_exact| {
            // A class that cannot reach the page is passed over.
            let highest = others + score.max(sibling);
            let is_low = |least: f32| if is_single && is_exact { score < least } else { highest < least * SLACK };
            if top.least().is_some_and(is_low) {
                return;
            }
            let mut visit = |ord: u32| {
                if met.is_empty() || !met.contains(&ord) {
                    offered += 1;
                    if is_single && is_exact {
                        top.offer(score, ord);
                    } else {
                        unscored.push(ord);
                    }
                }
            };
            if lookup.takes(tickets.len()) {
                tickets.iter().filter(|ord| is_hit(*ord)).for_each(&mut visit);
            } else {
                let here = tickets.and(ranked.hits);
                let here = live.map_or_else(|| here.clone(), |live| here.and(live));
                here.for_each(&mut visit);
            }
        });
        if unscored.is_empty() {
            return Ok(offered);
        }
        unscored.sort_unstable();
        let scorer = match &mut self.scorer {
            Some(scorer) => scorer,
            // The lists that led here were decoded.
            none => none.insert(Scorer::new(self.segment, ranked.clauses, u32::MAX)?),
        };
        let mut scorer = scorer.clone();
        if !is_single {
            self.met.extend(&unscored);
        }
        for ord in unscored {
            top.offer(scorer.score(ord), ord);
        }
        Ok(offered)
    }
}

impl TextView {
    pub(crate) fn descend(&self, ranked: &Ranked<'_>) -> Result<Ranking, TextError> {
        let mut top = Top::new(ranked);
        let mut offered = 0;
        // Those who are named by their key score beside all words, and may have no text.
        let named = ranked.clauses.iter().flatten().filter_map(|alternative| alternative.named);
        let named: Vec<u32> =
            named.map(|(ord, _)| ord).filter(|ord| ranked.hits.contains(*ord)).map(|ord| ord.0).collect();
        let named = TicketSet::from_unsorted(named);
        let mut descents = Vec::with_capacity(self.segments().len());
        for segment in self.segments() {
            offered += offer_all(segment, &named, &mut top)?;
            if let Some(mut descent) = Descent::new(segment, ranked)? {
                descent.met.extend(named.iter());
                offered += descent.meet_several(ranked, &mut top)?;
                descents.push(descent);
            } else {
                let mut standing = Vec::new();
                for leaf in ranked.clauses.iter().take(1).flat_map(leaves) {
                    standing.push(segment.find(leaf.leaf())?.tickets.and(ranked.hits));
                }
                offered += offer_all(segment, &TicketSet::union(&standing).minus(&named), &mut top)?;
            }
        }
        named.minus(self.tickets()).for_each(|ord| top.offer(score_without_text(ranked.clauses, ord), ord));
        let lookup = Lookup::new(ranked.hits);
        loop {
            let bounds = descents.iter_mut().filter_map(|descent| Some((descent.bound()?, descent)));
            let Some((bound, descent)) = bounds.max_by(|(a, _), (b, _)| a.total_cmp(b)) else { break };
            // Ties are to be looked at, hence the slack above the bound.
            if top.least().is_some_and(|least| least * SLACK > bound) {
                break;
            }
            offered += descent.step(ranked, &lookup, &mut top)?;
        }
        Ok(top.finish(offered.into()))
    }
}
