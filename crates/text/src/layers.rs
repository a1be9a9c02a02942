//! Impact layers: the documents of a leaf in one segment by how much the leaf can score there, best layer first.
//!
//! A page of ten needs the ten best documents of a scope, and most of them stand in the first layers: intersecting the
//! scope with one layer after the other finds them without reading the postings of the rest. The idea is that of
//! impact-ordered posting lists (Anh, de Kretser and Moffat, "Vector-space ranking with effective early termination",
//! 2001), with sets for lists, so that a scope's tickets in a layer are found word-parallel.
//!
//! Documents in which the leaf stands equally often in an equally long text score the same, whatever the statistics: they
//! make a *class*. A layer is a union of classes, so that the highest score in it is known exactly for statistics that are
//! only chosen when somebody asks, and a layer of one class needs no scoring at all.

use bitmap::{SetBuilder, TicketSet};
use tantivy::query::Bm25Weight;
use ticketscope_bitmap as bitmap;

/// Documents of the first layer, or a few more; each further one has at least [`GROWTH`] times as many.
const FIRST: u32 = 256;
const GROWTH: u32 = 3;

/// Counts from here on share a class: no text is the better for saying a word more often.
const MOST: u32 = 63;
const LENGTHS: usize = 256;

/// How often a leaf stands in a text, and how long the text is, as the index quantises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Impact {
    pub(crate) count: u32,
    pub(crate) length: u8,
}

/// A stretch of the documents.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) tickets: TicketSet,
    /// The impacts than which no other in the layer is both more frequent and in a text no longer: one of them has the
    /// highest score, for a score grows with the count and falls with the length.
    peaks: Vec<Impact>,
    is_uniform: bool,
}

impl Layer {
    /// The highest score of a document in it.
    pub(crate) fn peak(&self, weight: &Bm25Weight) -> f32 {
        self.peaks.iter().map(|peak| weight.score(peak.length, peak.count)).fold(0.0, f32::max)
    }

    /// The impact that every document in it has, if it is one class.
    pub(crate) fn uniform(&self) -> Option<Impact> {
        self.peaks.first().copied().filter(|_| self.is_uniform)
    }
}

/// The layers of a leaf.
#[derive(Debug)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    /// Layers of documents with their tickets and counts, which come in ascending order of both; `length` is that of a
    /// document. `mean` is the length by which impacts are put in order; another one makes the layers less selective and
    /// the answer no less exact. Linear.
    pub(crate) fn build(found: &[(u32, u32, u32)], length: impl Fn(u32) -> u8, mean: f32) -> Self {
        let mut sizes = vec![0_u32; (MOST as usize + 1) * LENGTHS];
        let mut most = 0;
        let class = |doc: u32, count: u32| count.min(MOST) as usize * LENGTHS + usize::from(length(doc));
        let classes: Vec<u16> = found
            .iter()
            .map(|(doc, _, count)| {
                let class = class(*doc, *count);
                sizes[class] += 1;
                most = most.max(*count);
                narrow(class)
            })
            .collect();
        let impact = |class: usize| {
            let count = narrow(class / LENGTHS);
            let count = if u32::from(count) == MOST { most } else { count.into() };
            Impact { count, length: class.to_le_bytes()[0] }
        };
        let order = Bm25Weight::for_one_term_without_explain(1, 2, mean);
        let score = |class: &usize| order.score(impact(*class).length, impact(*class).count);
        let mut present: Vec<usize> = (0..sizes.len()).filter(|class| sizes[*class] > 0).collect();
        present.sort_by(|a, b| score(b).total_cmp(&score(a)));

        let mut layer_of = vec![0_u16; sizes.len()];
        let mut layers: Vec<(Vec<Impact>, bool)> = Vec::new();
        let (mut size, mut target) = (0, FIRST);
        for class in present {
            // A class that is a layer's worth by itself is one.
            if layers.is_empty() || size >= target || sizes[class] >= target {
                target = if layers.is_empty() { FIRST } else { target.saturating_mul(GROWTH) };
                layers.push((Vec::new(), true));
                size = 0;
            }
            let number = layers.len() - 1;
            let (peaks, is_uniform) = &mut layers[number];
            *is_uniform = peaks.is_empty() && class / LENGTHS < MOST as usize;
            add_peak(peaks, impact(class));
            layer_of[class] = narrow(number);
            size += sizes[class];
        }
        let mut sets: Vec<SetBuilder> = layers.iter().map(|_| SetBuilder::new()).collect();
        for ((_, ord, _), class) in found.iter().zip(classes) {
            sets[usize::from(layer_of[usize::from(class)])].push(*ord);
        }
        let layers = layers.into_iter().zip(sets);
        Self(
            layers
                .map(|((peaks, is_uniform), set)| Layer { tickets: set.finish(), peaks, is_uniform })
                .collect(),
        )
    }

    /// Best first.
    pub(crate) fn as_slice(&self) -> &[Layer] {
        &self.0
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.iter().map(|layer| layer.tickets.heap_bytes() + 64).sum()
    }
}

fn add_peak(peaks: &mut Vec<Impact>, new: Impact) {
    let covers = |a: &Impact, b: &Impact| a.count >= b.count && a.length <= b.length;
    if peaks.iter().all(|peak| !covers(peak, &new)) {
        peaks.retain(|peak| !covers(&new, peak));
        peaks.push(new);
    }
}

/// A number of a class, a count or a layer: there are fewer than 65536 of each.
#[expect(clippy::cast_possible_truncation, reason = "there are (MOST + 1) * LENGTHS classes")]
fn narrow(number: usize) -> u16 {
    number as u16
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;
    use ticketscope_model::TicketOrd;

    use super::*;

    /// Documents of random impacts; those of one ordinal in `spread`.
    fn documents(rng: &mut Rng) -> (Vec<(u32, u32, u32)>, Vec<u8>) {
        let (count, spread) = (rng.usize(..6000), rng.u32(1..200));
        let (most, longest) = (rng.u32(1..90), rng.u8(1..60));
        let found = (0..count).map(|doc| {
            let often = if rng.u32(..4) == 0 { rng.u32(1..=most) } else { 1 };
            let doc = u32::try_from(doc).unwrap();
            (doc, doc * spread + rng.u32(..spread), often)
        });
        let found: Vec<_> = found.collect();
        let lengths = found.iter().map(|_| rng.u8(..longest)).collect();
        (found, lengths)
    }

    #[test]
    fn every_document_is_in_one_layer_and_none_scores_more_than_its_peak() {
        for seed in 0..200 {
            let rng = &mut Rng::with_seed(seed);
            let (found, lengths) = documents(rng);
            let length = |doc: u32| lengths[doc as usize];
            let layers = Layers::build(&found, length, 1.0 + rng.f32() * 100.0);
            let in_layers: u32 = layers.as_slice().iter().map(|layer| layer.tickets.len()).sum();
            assert_eq!(in_layers as usize, found.len(), "seed {seed}");
            // By any statistics, not only by those that put them in order.
            let weight = Bm25Weight::for_one_term_without_explain(3, 10, 1.0 + rng.f32() * 100.0);
            for (doc, ord, count) in &found {
                let score = weight.score(length(*doc), *count);
                let mut own = layers.as_slice().iter().filter(|layer| layer.tickets.contains(TicketOrd(*ord)));
                let layer = own.next().unwrap_or_else(|| panic!("seed {seed}: {ord} is in no layer"));
                assert!(score <= layer.peak(&weight), "seed {seed}: {ord} scores {score}");
                if let Some(impact) = layer.uniform() {
                    assert_eq!((impact.count, impact.length), (*count, length(*doc)), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn layers_grow_and_a_large_class_is_one_of_its_own() {
        let found: Vec<(u32, u32, u32)> = (0..100_000).map(|doc| (doc, doc, 1 + doc % 7)).collect();
        let layers = Layers::build(&found, |doc| (doc % 5).to_le_bytes()[0], 3.0);
        // Seven counts and five lengths make 35 classes, each of them larger than the first layer.
        assert!(layers.as_slice().iter().take(3).all(|layer| layer.uniform().is_some()));
        assert!(layers.as_slice().len() < 12, "{}", layers.as_slice().len());
        let small: Vec<(u32, u32, u32)> = (0..100).map(|doc| (doc, doc, 1 + doc)).collect();
        assert_eq!(Layers::build(&small, |_| 1, 3.0).as_slice().len(), 1);
        assert_eq!(Layers::build(&[], |_| 1, 3.0).as_slice().len(), 0);
    }

    #[test]
    fn the_documents_of_the_first_layers_score_most() {
        let rng = &mut Rng::with_seed(1);
        let found: Vec<(u32, u32, u32)> = (0..50_000).map(|doc| (doc, doc, 1 + rng.u32(..20))).collect();
        let lengths: BTreeSet<u8> = (5..45).collect();
        let lengths: Vec<u8> = found.iter().map(|_| *lengths.iter().nth(rng.usize(..40)).unwrap()).collect();
        let length = |doc: u32| lengths[doc as usize];
        let layers = Layers::build(&found, length, 60.0);
        let weight = Bm25Weight::for_one_term_without_explain(1, 2, 60.0);
        let mut least = f32::MAX;
        for layer in layers.as_slice() {
            let scores = layer.tickets.iter().map(|doc| weight.score(length(doc), found[doc as usize].2));
            let (low, high) = scores.fold((f32::MAX, 0.0_f32), |(low, high), score| (low.min(score), high.max(score)));
            assert!(high <= least);
            assert!((layer.peak(&weight) - high).abs() < f32::EPSILON);
            least = low;
        }
        assert!(layers.as_slice().len() > 3);
    }
}
