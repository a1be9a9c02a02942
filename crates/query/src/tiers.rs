//! Lists by relevance where words only tell which tickets match: the beginning of a word scores the same wherever it stands.
//!
//! A ticket then has one of a few scores, by the fields in which it has a match. The tickets of one score are a tier, listed
//! by key: the page is cut from the highest tiers, and nothing of the others is looked at.

use std::sync::Arc;

use bitmap::{Index, TicketSet};
use model::{TicketKey, TicketOrd};
use text::ScoredClause;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{AnswerError, words::Readable};

/// Tickets that are tested in the order of keys in the time in which one of a tier is compared and kept.
const TESTS_PER_MATCH: u64 = 2;

/// The tiers of a clause.
pub(crate) struct Tiers<'a> {
    index: &'a Index,
    fields: Vec<Field<'a>>,
    /// No two score the same.
    highest_first: Vec<Tier>,
}

/// Where a word may stand.
struct Field<'a> {
    score: f32,
    /// The tickets in which it does.
    standing: Arc<TicketSet>,
    /// The tickets in which the asker may find it.
    readable: &'a TicketSet,
    /// In how many tickets the asker finds it.
    found: u32,
}

impl Field<'_> {
    fn matches(&self, ord: TicketOrd) -> bool {
        self.standing.contains(ord) && self.readable.contains(ord)
    }
}

/// The tickets with a match in some of the fields and in no other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tier {
    score: f32,
    /// A bit for each of those fields.
    fields: u32,
}

impl Tier {
    fn has(self, field: usize) -> bool {
        self.fields >> field & 1 == 1
    }
}

/// What a page is expected to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    /// Tickets of sets that are intersected.
    pub(crate) intersected: f64,
    /// Tickets that are tested or compared.
    pub(crate) tested: f64,
}

impl<'a> Tiers<'a> {
    /// The tiers of a clause that finds all that is asked for; nothing if its words score by how often they stand, or in too
    /// many places.
    pub(crate) fn new(
        readable: &'a Readable<'a>,
        index: &'a Index,
        clause: &ScoredClause,
    ) -> Result<Option<Self>, AnswerError> {
        let [alternative] = clause.as_slice() else { return Ok(None) };
        if alternative.named.is_some() || alternative.fields.len() > text::PAIRED {
            return Ok(None);
        }
        let mut fields = Vec::with_capacity(alternative.fields.len());
        for best in &alternative.fields {
            let [leaf] = best.leaves.as_slice() else { return Ok(None) };
            let Some(score) = leaf.constant_score() else { return Ok(None) };
            let standing = readable.view().find(leaf.leaf())?;
            let (readable, found) = (readable.tickets(leaf.leaf().field), leaf.statistics().found);
            fields.push(Field { score, standing, readable, found });
        }
        let tiers = tiers(&fields);
        let is_told_apart = tiers.windows(2).all(|pair| pair[0].score > pair[1].score);
        Ok(is_told_apart.then_some(Self { index, fields, highest_first: tiers }))
    }

    /// The first `keep` tickets, those after a score and a key if there are any, with their scores.
    pub(crate) fn page(&self, after: Option<(f32, &TicketKey)>, keep: usize) -> Vec<(f32, u32)> {
        let mut page = Vec::new();
        for tier in &self.highest_first {
            if page.len() == keep {
                break;
            }
            let after = match after {
                Some((last, _)) if tier.score > last => continue,
                Some((last, key)) => (tier.score.total_cmp(&last).is_eq()).then_some(key),
                None => None,
            };
            let ords = self.first(*tier, after, keep - page.len());
            page.extend(ords.into_iter().map(|ord| (tier.score, ord)));
        }
        page
    }

    /// What a first page of `keep` tickets is expected to take.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn work(&self, keep: f64) -> Work {
        let all = f64::from(self.index.universe().len().max(1));
        let (mut want, mut work) = (keep, Work { intersected: 0.0, tested: 0.0 });
        for tier in &self.highest_first {
            if want <= 0.0 {
                break;
            }
            let of = || self.fields.iter().enumerate().filter(|(at, _)| tier.has(*at)).map(|(_, field)| field);
            let least = of().map(|field| f64::from(field.found)).fold(all, f64::min);
            let (standing, expected) = if of().count() > 1 {
                work.intersected += of().map(|field| f64::from(field.standing.len())).sum::<f64>();
                let expected = of().map(|field| f64::from(field.found) / all).product::<f64>() * all * TOGETHER;
                (expected.min(least), expected.min(least))
            } else {
                (of().map(|field| f64::from(field.standing.len())).sum(), least)
            };
            let walked = want.min(expected) * all / expected.max(1.0);
            work.tested += walked.min(standing * TESTS_PER_MATCH as f64);
            want -= expected;
        }
        work
    }

    fn matches(&self, tier: Tier, ord: TicketOrd) -> bool {
        self.fields.iter().enumerate().all(|(at, field)| field.matches(ord) == tier.has(at))
    }

    /// The first tickets of a tier, by key.
    fn first(&self, tier: Tier, after: Option<&TicketKey>, want: usize) -> Vec<u32> {
        let mut standing: Vec<&TicketSet> = Vec::with_capacity(self.fields.len());
        standing
            .extend(self.fields.iter().enumerate().filter(|(at, _)| tier.has(*at)).map(|(_, field)| &*field.standing));
        standing.sort_unstable_by_key(|set| set.len());
        let both;
        let candidates = match standing.as_slice() {
            [] => return Vec::new(),
            [only] => *only,
            [first, second, rest @ ..] => {
                both = rest.iter().fold(first.and(second), |both, set| both.and(set));
                &both
            }
        };
        let patience = u64::from(candidates.len()) * TESTS_PER_MATCH;
        let walked = self.walk(|ord| candidates.contains(ord) && self.matches(tier, ord), after, want, patience);
        walked.unwrap_or_else(|| self.select(candidates, tier, after, want))
    }

    /// The first tickets that match, by key, unless more than `patience` must be tested.
    fn walk(
        &self,
        matches: impl Fn(TicketOrd) -> bool,
        after: Option<&TicketKey>,
        want: usize,
        patience: u64,
    ) -> Option<Vec<u32>> {
        let (mut first, mut tests) = (Vec::new(), 0);
        for ord in self.index.ords_by_key(after) {
            if first.len() == want {
                return Some(first);
            }
            tests += 1;
            if tests > patience {
                return None;
            }
            if matches(ord) {
                first.push(ord.0);
            }
        }
        Some(first)
    }

    /// The first of the candidates that are in a tier, by key.
    fn select(&self, candidates: &TicketSet, tier: Tier, after: Option<&TicketKey>, want: usize) -> Vec<u32> {
        let compare = |a: &u32, b: &u32| self.index.compare_keys(TicketOrd(*a), TicketOrd(*b));
        let is_later = |ord: u32| after.is_none_or(|after| self.index.compare_key_to(TicketOrd(ord), after).is_gt());
        let mut first: Vec<u32> = Vec::new();
        let mut last = None;
        candidates.for_each(|ord| {
            let is_out = last.is_some_and(|last| compare(&ord, &last).is_gt());
            if is_out || !self.matches(tier, TicketOrd(ord)) || !is_later(ord) {
                return;
            }
            first.push(ord);
            if first.len() == want.saturating_mul(2) {
                first.select_nth_unstable_by(want - 1, compare);
                first.truncate(want);
                last = first.last().copied();
            }
        });
        first.sort_unstable_by(compare);
        first.truncate(want);
        first
    }
}

/// Tickets that have two matches, over those that would if fields knew nothing of each other.
const TOGETHER: f64 = 3.0;

/// Every set of fields in which there can be a match, highest score first.
fn tiers(fields: &[Field<'_>]) -> Vec<Tier> {
    let score = |tier: u32| {
        let of = |(at, field): (usize, &Field<'_>)| if tier >> at & 1 == 1 { field.score } else { 0.0 };
        // In the order in which any other plan adds them up, so that rounding is the same.
        fields.iter().enumerate().map(of).fold(0.0, |sum, score| sum + score)
    };
    let mut tiers: Vec<Tier> = (1..1 << fields.len()).map(|fields| Tier { score: score(fields), fields }).collect();
    tiers.sort_by(|a, b| b.score.total_cmp(&a.score));
    tiers
}
