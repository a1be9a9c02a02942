//! What it is expected to cost to rank hits by their words, in microseconds on the machine of the measurements in README.
//!
//! Fitted to what every plan took for 23 questions of 8 people at 100,000, 1,000,000 and 10,000,000 generated tickets and at
//! 204,560 real ones, each after plans that read far more, so that little of the lists was left in the processor's caches.

use crate::{plan::ListPlan, tiers::Work};

/// What the plans are expected to cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RankCost {
    /// Of scoring every hit.
    pub(crate) seek: f64,
    /// Of reading the posting lists in order, where that is possible.
    pub(crate) prune: Option<f64>,
    /// Of going down the impact layers.
    pub(crate) layers: f64,
    /// Of going by key through the tickets of one score after the other, where there are few scores.
    pub(crate) key_order: Option<f64>,
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

/// To begin with one list of one segment: to look hits up in it, to go down its layers, to read it in order, and to go
/// through a short one.
const LIST: f64 = 0.3;
const LIST_LAYERED: f64 = 0.65;
const LIST_READ: f64 = 4.0;
const LIST_SHORT: f64 = 0.05;
/// To begin with one list by key.
const LIST_BY_KEY: f64 = 2.0;

/// To look one hit up in one list; and more, if it stands in another cache line than the one before, of so many postings; and
/// more, if it stands in another page and is in no cache.
const SEEK: f64 = 0.017;
const LINE: f64 = 0.02;
const PER_LINE: f64 = 16.0;
const PAGE: f64 = 4.0;
const PER_PAGE: f64 = 1024.0;
/// What is far is in no cache the more often, the more tickets there are; half of it where there are so many.
const CACHED: f64 = 31e6;

/// To gather the hits of one leaf, for each ticket of the scope or posting, whichever are fewer, if they are a list; where
/// both are lists of about one length, for each of both.
const GATHER: f64 = 0.013;
const STEP: f64 = 0.0018;
const ALIKE: f64 = 8.0;
/// Fewer tickets than this in each block, or in the only one, are a list.
const LIST_LEN: f64 = 4096.0;
const BLOCK: f64 = 65_536.0;

/// For each posting of a short list, and for each hit in it that is kept, which of the first so many for each row of the page
/// most are.
const POSTING: f64 = 0.009;
const OFFER: f64 = 0.02;
const KEPT: f64 = 5.0;

/// To read one posting in order. Pruning reads on average so many microseconds worth of postings for each hit it keeps, over
/// the share of postings that are hits, and so many times more of what is in no cache.
const READ: f64 = 0.006;
const SKIP: f64 = 4.0;
const SKIP_FAR: f64 = 40.0;
/// The same of several lists, and what each posting costs that is no hit: few are skipped, for what one lacks another may have.
const READ_MANY: f64 = 0.007;
const NO_HIT: f64 = 0.0024;

/// To look up one document of a layer; where the scope is neither a short list nor dense, its blocks are searched.
const LOOK: f64 = 0.004;
const LOOK_SPARSE: f64 = 0.018;
const DENSE: f64 = 16.0;
/// For each layer of a segment. The first has so many documents, each other one twice as many.
const LAYER: f64 = 0.12;
const FIRST: f64 = 16.0;
/// Documents that are looked up for each row of the page, over the share of postings that are hits: the best layers of a
/// scope are not always those of the whole.
const DEPTH: f64 = 2.4;
/// To score a candidate by several lists, and more of each list that is in no cache.
const SCORE: f64 = 0.067;
const SCORE_FAR: f64 = 0.75;
/// Of one list that many candidates are scored for each row of the page.
const SCORED: f64 = 2.0;
/// Of several lists that many candidates are scored for the square root of the hits.
const CANDIDATES: f64 = 12.0;

/// To intersect two lists, for each of their postings, or two that are dense, for each block; and to score a ticket that has
/// both, for each list.
const PAIR: f64 = 0.0011;
const PAIR_BLOCK: f64 = 40.0;
const SCORE_PAIR: f64 = 0.018;
/// Tickets that have two words, over those that would if words knew nothing of each other.
const TOGETHER: f64 = 3.0;

/// To test a ticket in the order of keys, or to compare it, and for each ticket of two sets that are intersected for that.
const TEST: f64 = 0.03;
const INTERSECT: f64 = 0.001;
/// To compare a hit by its score and its key.
const COMPARE: f64 = 0.02;
/// To make the set of hits, for each posting, of which no more are looked at than so many times the scope; and at most for each
/// block of tickets, where both are large.
const MAKE: f64 = 0.001;
const GALLOP: f64 = 10.0;
const MAKE_BLOCK: f64 = 2.0;
/// Documents of layers that are looked up for each ticket of a scope that is no short list.
const LOOKED_UP: f64 = 6.0;

/// What the costs depend on.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// Segments of the text.
    pub(crate) segments: f64,
    /// Rows up to the end of the page.
    pub(crate) keep: f64,
    /// Ordinals of tickets.
    pub(crate) all: f64,
    /// Tickets of the scope.
    pub(crate) scope: f64,
    /// Of them those that match.
    pub(crate) hits: f64,
    /// Postings of each list.
    pub(crate) lists: Vec<f64>,
}

impl Sizes {
    fn count(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let count = self.lists.len() as f64;
        count
    }

    fn postings(&self) -> f64 {
        self.lists.iter().sum()
    }

    /// The share of postings that are hits.
    fn share(&self) -> f64 {
        (self.hits.max(1.0) / self.postings().max(1.0)).min(1.0)
    }

    /// The share of what is far that is in no cache.
    fn is_far(&self) -> f64 {
        self.all / (self.all + CACHED)
    }

    fn is_list(&self, tickets: f64) -> bool {
        tickets <= LIST_LEN || tickets * BLOCK < LIST_LEN * self.all
    }

    /// Of going through the lists, which are short.
    pub(crate) fn short(&self) -> f64 {
        let kept = self.hits.min(self.keep * KEPT);
        self.segments * LIST_SHORT + self.postings() * POSTING + kept * OFFER
    }

    /// Of looking up every hit in every list.
    pub(crate) fn seek(&self) -> f64 {
        let far = self.is_far();
        let looked_up = self.lists.iter().map(|postings| {
            let gap = postings / self.hits.max(1.0);
            SEEK + LINE * (gap / PER_LINE).min(1.0) + far * PAGE * (gap / PER_PAGE).min(1.0)
        });
        self.segments * self.count() * LIST + self.hits * looked_up.sum::<f64>()
    }

    /// Of gathering the hits of one leaf, which the other plans do without.
    pub(crate) fn gather(&self) -> f64 {
        let (scope, postings) = (self.scope, self.postings());
        let (few, many) = (scope.min(postings), scope.max(postings));
        // One that is kept as one list is looked up in the blocks of the other.
        let are_alike = many < few * ALIKE && (few <= LIST_LEN) == (many <= LIST_LEN);
        match (self.is_list(few), self.is_list(many)) {
            (false, _) => 0.0,
            (true, true) if are_alike => (few * GATHER).min((few + many) * STEP),
            (true, _) => few * GATHER,
        }
    }

    /// Of reading the lists in order.
    pub(crate) fn prune(&self) -> f64 {
        let (postings, share) = (self.postings(), self.share());
        let read = if self.lists.len() > 1 {
            postings * (READ_MANY + NO_HIT * (1.0 - share))
        } else {
            (postings * READ).min(SKIP * (1.0 + SKIP_FAR * self.is_far()) / share)
        };
        self.segments * self.count() * LIST_READ + read
    }

    /// Of going down the layers, where each two of several `fields` are intersected.
    pub(crate) fn layers(&self, fields: Option<&[f64]>) -> f64 {
        let looked_up = (DEPTH * self.keep / self.share()).min(self.postings());
        let is_sparse = self.scope > LIST_LEN && self.scope * DENSE < self.all;
        let look = if is_sparse { LOOK_SPARSE } else { LOOK };
        let (segments, count, far) = (self.segments, self.count(), self.is_far());
        let scored = match fields {
            Some(fields) => self.pairs(fields),
            None if self.lists.len() > 1 => {
                self.hits.min(CANDIDATES * self.hits.sqrt()) * (SCORE + count * far * SCORE_FAR)
            }
            None => {
                let each = (1.0 + looked_up / (segments.max(1.0) * FIRST)).log2();
                segments * each * LAYER + self.hits.min(self.keep * SCORED) * far * SCORE_FAR
            }
        };
        segments * count * LIST_LAYERED + looked_up * look + scored
    }

    fn pairs(&self, fields: &[f64]) -> f64 {
        let (mut intersected, mut both) = (0.0, 0.0);
        for (at, a) in fields.iter().enumerate() {
            for b in &fields[at + 1..] {
                let lists = self.is_list(a.min(*b));
                intersected += if lists { (a + b) * PAIR } else { (self.all / BLOCK).ceil() * PAIR_BLOCK };
                both += (a * b / self.all.max(1.0) * TOGETHER).min(a.min(*b));
            }
        }
        intersected + (both * self.share()).min(self.hits) * self.count() * SCORE_PAIR
    }

    /// Of the plans where the hits have a few scores: nothing is out of reach then, and all are compared by key.
    pub(crate) fn of_tiers(&self, work: &Work) -> RankCost {
        let postings = self.postings();
        let mut making = postings.min(GALLOP * self.scope) * MAKE;
        if postings.min(self.scope) > LIST_LEN {
            making = making.min((self.all / BLOCK).ceil() * MAKE_BLOCK);
        }
        let looked_up = if self.scope > LIST_LEN { postings.min(LOOKED_UP * self.scope) } else { postings };
        let compared = self.hits * COMPARE;
        RankCost {
            seek: self.seek() + making + compared,
            prune: None,
            layers: self.segments * self.count() * LIST_LAYERED + looked_up * LOOK + compared,
            key_order: Some(LIST_BY_KEY * self.count() + work.intersected * INTERSECT + work.tested * TEST),
        }
    }
}

#[cfg(test)]
mod tests;
