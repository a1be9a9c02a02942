//! Impact layers: the documents of a leaf in one segment by how much the leaf can score there, best layer first.
//!
//! A page of ten needs the ten best documents of a scope, and most of them stand in the first layers: looking there for
//! tickets of the scope finds them without reading the postings of the rest. The idea is that of impact-ordered posting
//! lists (Anh, de Kretser and Moffat, "Vector-space ranking with effective early termination", 2001).
//!
//! Documents in which the leaf stands equally often in an equally long text score the same, whatever the statistics: they
//! make a *class*. A layer is a few classes in a row, so that the highest score in it is known exactly for statistics
//! that are only chosen when somebody asks, and a class needs no scoring document by document.

use bitmap::{SetBuilder, TicketSet};
use tantivy::query::Bm25Weight;
use ticketscope_bitmap as bitmap;

use crate::impacts::Impacts;

/// Documents of the first layer, or a few more; each further one has at least [`GROWTH`] times as many.
const FIRST: u32 = 16;
const GROWTH: u32 = 2;

/// Counts from here on share a class: no text is the better for saying a word more often. Their class is scored by the
/// document.
const MOST: u32 = 63;
const LENGTHS: usize = 256;

/// How often a leaf stands in a text, and how long the text is, as the index quantises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Impact {
    pub(crate) count: u32,
    pub(crate) length: u8,
}

impl Impact {
    pub(crate) fn score(self, weight: &Bm25Weight) -> f32 {
        weight.score(self.length, self.count)
    }

    /// Whether it is that of every document of its class, rather than the most that one has.
    pub(crate) fn is_exact(self) -> bool {
        self.count < MOST
    }
}

/// The documents of one impact.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) impact: Impact,
    pub(crate) tickets: TicketSet,
}

/// Classes of about the same impact, the best first by the statistics of the segment.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) classes: Vec<Class>,
    /// The impacts than which no other in the layer is both more frequent and in a text no longer: one of them has the
    /// highest score, for a score grows with the count and falls with the length.
    peaks: Vec<Impact>,
}

impl Layer {
    /// The highest score of a document in it.
    pub(crate) fn peak(&self, weight: &Bm25Weight) -> f32 {
        self.peaks.iter().map(|peak| peak.score(weight)).fold(0.0, f32::max)
    }
}

/// The layers of a leaf.
#[derive(Debug)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    /// Layers of impacts. `mean` is the length by which they are put in order; another one makes the layers less selective
    /// and the answer no less exact. Linear.
    pub(crate) fn build(impacts: &Impacts, mean: f32) -> Self {
        let mut sizes = vec![0_u32; (MOST as usize + 1) * LENGTHS];
        let mut most = 0;
        let mut found: Vec<(u32, u16)> = Vec::with_capacity(impacts.len());
        impacts.for_each(|ord, Impact { count, length }| {
            let class = count.min(MOST) as usize * LENGTHS + usize::from(length);
            sizes[class] += 1;
            most = most.max(count);
            found.push((ord, narrow(class)));
        });
        let impact = |class: usize| {
            let count = u32::from(narrow(class / LENGTHS));
            Impact { count: if count == MOST { most } else { count }, length: class.to_le_bytes()[0] }
        };
        let order = Bm25Weight::for_one_term_without_explain(1, 2, mean);
        let mut present: Vec<(f32, usize)> = (0..sizes.len())
            .filter(|class| sizes[*class] > 0)
            .map(|class| (impact(class).score(&order), class))
            .collect();
        present.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));

        // The tickets of one class after the other: each class knows where its next one goes.
        let mut places = vec![0_u32; sizes.len()];
        let mut next = 0;
        for (_, class) in &present {
            places[*class] = next;
            next += sizes[*class];
        }
        let mut tickets = vec![0_u32; found.len()];
        for (ord, class) in found {
            let place = &mut places[usize::from(class)];
            tickets[*place as usize] = ord;
            *place += 1;
        }
        let (mut layers, mut rest) = (Vec::new(), tickets.as_slice());
        let (mut layer, mut size, mut target) = (Layer::default(), 0, FIRST);
        for (_, class) in present {
            if size >= target {
                layers.push(std::mem::take(&mut layer));
                (size, target) = (0, target.saturating_mul(GROWTH));
            }
            let (own, others) = rest.split_at(sizes[class] as usize);
            rest = others;
            size += sizes[class];
            add_peak(&mut layer.peaks, impact(class));
            layer.classes.push(Class { impact: impact(class), tickets: set_of(own) });
        }
        if size > 0 {
            layers.push(layer);
        }
        Self(layers)
    }

    /// Best first.
    pub(crate) fn as_slice(&self) -> &[Layer] {
        &self.0
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let class = |class: &Class| class.tickets.heap_bytes() + size_of::<Class>();
        let layer =
            |layer: &Layer| layer.classes.iter().map(class).sum::<usize>() + layer.peaks.len() * size_of::<Impact>();
        self.0.iter().map(layer).sum()
    }
}

fn set_of(ascending: &[u32]) -> TicketSet {
    let mut set = SetBuilder::new();
    for ord in ascending {
        set.push(*ord);
    }
    set.finish()
}

fn add_peak(peaks: &mut Vec<Impact>, new: Impact) {
    let covers = |a: &Impact, b: &Impact| a.count >= b.count && a.length <= b.length;
    if peaks.iter().all(|peak| !covers(peak, &new)) {
        peaks.retain(|peak| !covers(&new, peak));
        peaks.push(new);
    }
}

/// A number of a class or a count: there are (MOST + 1) * LENGTHS classes.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
fn narrow(number: usize) -> u16 {
    number as u16
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;
    use ticketscope_model::TicketOrd;

    use super::*;

    /// Layers of documents with their tickets and counts.
    fn layers_of(found: &[(u32, u32, u32)], length: impl Fn(u32) -> u8, mean: f32) -> Layers {
        let impact = |(doc, ord, count): &(u32, u32, u32)| (*ord, Impact { count: *count, length: length(*doc) });
        Layers::build(&Impacts::build(&found.iter().map(impact).collect::<Vec<_>>()), mean)
    }

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
            let layers = layers_of(&found, length, 1.0 + rng.f32() * 100.0);
            let classes =
                || layers.as_slice().iter().flat_map(|layer| layer.classes.iter().map(move |class| (layer, class)));
            let in_layers: u32 = classes().map(|(_, class)| class.tickets.len()).sum();
            assert_eq!(in_layers as usize, found.len(), "seed {seed}");
            // By any statistics, not only by those that put them in order.
            let weight = Bm25Weight::for_one_term_without_explain(3, 10, 1.0 + rng.f32() * 100.0);
            for (doc, ord, count) in &found {
                let score = weight.score(length(*doc), *count);
                let mut own = classes().filter(|(_, class)| class.tickets.contains(TicketOrd(*ord)));
                let (layer, class) = own.next().unwrap_or_else(|| panic!("seed {seed}: {ord} is in no class"));
                assert!(score <= layer.peak(&weight), "seed {seed}: {ord} scores {score}");
                assert!(score <= class.impact.score(&weight), "seed {seed}: {ord} scores {score}");
                if class.impact.is_exact() {
                    assert_eq!(class.impact, Impact { count: *count, length: length(*doc) }, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn layers_grow_and_hold_whole_classes() {
        let found: Vec<(u32, u32, u32)> = (0..100_000).map(|doc| (doc, doc, 1 + doc % 7)).collect();
        let layers = layers_of(&found, |doc| (doc % 5).to_le_bytes()[0], 3.0);
        // Seven counts and five lengths make 35 classes of 2857 documents each.
        let classes: usize = layers.as_slice().iter().map(|layer| layer.classes.len()).sum();
        assert_eq!(classes, 35);
        assert_eq!(layers.as_slice()[0].classes.len(), 1);
        assert!(layers.as_slice().len() < 35);
        let small: Vec<(u32, u32, u32)> = (0..10).map(|doc| (doc, doc, 1 + doc)).collect();
        assert_eq!(layers_of(&small, |_| 1, 3.0).as_slice().len(), 1);
        assert_eq!(layers_of(&[], |_| 1, 3.0).as_slice().len(), 0);
    }

    #[test]
    fn the_documents_of_the_first_layers_score_most() {
        let rng = &mut Rng::with_seed(1);
        let found: Vec<(u32, u32, u32)> = (0..50_000).map(|doc| (doc, doc, 1 + rng.u32(..20))).collect();
        let lengths: BTreeSet<u8> = (5..45).collect();
        let lengths: Vec<u8> = found.iter().map(|_| *lengths.iter().nth(rng.usize(..40)).unwrap()).collect();
        let length = |doc: u32| lengths[doc as usize];
        let layers = layers_of(&found, length, 60.0);
        let weight = Bm25Weight::for_one_term_without_explain(1, 2, 60.0);
        let mut least = f32::MAX;
        for layer in layers.as_slice() {
            let docs = layer.classes.iter().flat_map(|class| class.tickets.iter());
            let scores = docs.map(|doc| weight.score(length(doc), found[doc as usize].2));
            let (low, high) = scores.fold((f32::MAX, 0.0_f32), |(low, high), score| (low.min(score), high.max(score)));
            assert!(high <= least);
            assert!((layer.peak(&weight) - high).abs() < f32::EPSILON);
            least = low;
        }
        assert!(layers.as_slice().len() > 3);
    }
}
