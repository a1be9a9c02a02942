//! The naive truth of full-text search: every text that the asker may read is read, word after word.
//!
//! It shares with the engine how a text is cut into words and stems ([`ticketscope_text::analysis`]) and nothing else: no
//! index, no statistics that are kept, no plan.

mod asked;
mod library;
mod score;

use std::{collections::BTreeSet, rc::Rc};

use ticketscope_model::TicketKey;

pub use library::Library;

pub(super) use asked::Asked;
use asked::{Alternative, Body, Clause, Leaf, Look};
use score::Statistics;

use super::{Answers, Query};

/// A ticket of a ranked list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked<'w> {
    /// The ticket.
    pub key: &'w TicketKey,
    /// How well it matches.
    pub score: f32,
}

/// What one asker may read.
#[derive(Debug)]
pub(super) struct Reading {
    library: Rc<Library>,
    private: BTreeSet<TicketKey>,
    side: BTreeSet<TicketKey>,
}

impl<'w> Answers<'w> {
    /// The same answers with words looked up in `library`, which is of the same world. Without one, each asker has a
    /// library made for itself.
    #[must_use]
    pub fn with_library(mut self, library: Rc<Library>) -> Self {
        self.reading = self.reading_of(library).into();
        self
    }

    /// Whether a query asks for words and holds none, so that it has no answer. Its words are punctuation; beside others,
    /// such words are ignored.
    pub fn is_wordless(&self, query: &Query) -> bool {
        self.words_asked(query).wordless
    }

    /// The visible tickets that match with their scores, the greatest score first, then the smallest key.
    ///
    /// Without words that tickets shall have, all scores are 0. Whatever they depend on is taken from visible tickets and from text that the asker may read.
    pub fn ranked(&self, query: &Query) -> Vec<Ranked<'w>> {
        let hits: BTreeSet<_> = self.matching(query).map(|(key, _)| key).collect();
        let mut scores = vec![0.0_f32; self.visible().count()];
        for clause in self.words_asked(query).clauses.iter().filter(|clause| !clause.negated) {
            add(&mut scores, &self.scores(clause));
        }
        let hits = self.visible().zip(scores).filter(|(key, _)| hits.contains(key));
        let mut ranked: Vec<_> = hits.map(|(key, score)| Ranked { key, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(b.key)));
        ranked
    }

    /// The terms of `query` that ask for words.
    pub(super) fn words_asked(&self, query: &Query) -> Asked {
        if query.terms.iter().all(|term| matches!(term, super::Term::Field { .. })) {
            return Asked::default();
        }
        Asked::of(query, &self.reading().library)
    }

    /// Whether a visible ticket has the words that are asked for, and none that are unwanted.
    pub(super) fn has_words(&self, asked: &Asked, key: &TicketKey) -> bool {
        let matches = |clause: &Clause| clause.alternatives.iter().any(|alternative| self.has(alternative, key));
        !asked.wordless && asked.clauses.iter().all(|clause| matches(clause) != clause.negated)
    }

    fn has(&self, alternative: &Alternative, key: &TicketKey) -> bool {
        let finds = |look: &Look| look.leaves.iter().any(|leaf| self.occurrences(look, leaf, key) > 0);
        alternative.named.as_ref() == Some(key) || alternative.looks.iter().any(finds)
    }

    /// How often a leaf is found in what the asker may read of a ticket.
    fn occurrences(&self, look: &Look, leaf: &Leaf, key: &TicketKey) -> usize {
        if self.may_read(look.body, key) { look.count(leaf, self.reading().library.parts(key)) } else { 0 }
    }

    /// How many words a body of text has as far as the asker may read it, as it is remembered.
    fn length(&self, body: Body, stems: bool, key: &TicketKey) -> u64 {
        let parts = self.reading().library.parts(key).iter();
        let words = parts.filter(|part| self.may_read(body, key) && body.holds(part));
        score::remembered(words.map(|part| if stems { part.stems.len() } else { part.surfaces.len() }).sum())
    }

    fn may_read(&self, body: Body, key: &TicketKey) -> bool {
        match body {
            Body::Public | Body::Subject => true,
            Body::Private | Body::Custom => self.reading().private.contains(key),
            Body::Side => self.reading().side.contains(key),
        }
    }

    /// What each visible ticket scores for a clause: for each alternative, and in it for each body of text, the best leaf.
    fn scores(&self, clause: &Clause) -> Vec<f32> {
        let mut sum = vec![0.0; self.visible().count()];
        for Alternative { named, looks } in &clause.alternatives {
            let mut scores = vec![0.0; sum.len()];
            for look in looks {
                let mut best = vec![0.0_f32; sum.len()];
                for leaf in &look.leaves {
                    let found = self.leaf_scores(look, leaf);
                    best.iter_mut().zip(found).for_each(|(best, score)| *best = best.max(score));
                }
                add(&mut scores, &best);
            }
            let tickets = scores.len();
            for (_, score) in self.visible().zip(&mut scores).filter(|(key, _)| named.as_ref() == Some(*key)) {
                *score += score::named(tickets);
            }
            add(&mut sum, &scores);
        }
        sum
    }

    fn leaf_scores(&self, look: &Look, leaf: &Leaf) -> Vec<f32> {
        let counts: Vec<_> = self.visible().map(|key| self.occurrences(look, leaf, key)).collect();
        let lengths: Vec<_> = self.visible().map(|key| self.length(look.body, leaf.is_stem(), key)).collect();
        let tickets = counts.len();
        let found = counts.iter().filter(|count| **count > 0).count();
        let statistics = Statistics { tickets, found, length: lengths.iter().sum() };
        let score = |(count, length): (&usize, &u64)| match leaf {
            _ if *count == 0 => 0.0,
            Leaf::Stem(_) | Leaf::Phrase(_) => score::bm25(statistics, *length, *count),
            Leaf::Prefix(_) => score::rarity(found, tickets),
            Leaf::Any => 0.0,
        };
        counts.iter().zip(&lengths).map(score).collect()
    }

    fn reading(&self) -> &Reading {
        self.reading.get_or_init(|| self.reading_of(Rc::new(Library::of(self.world()))))
    }

    fn reading_of(&self, library: Rc<Library>) -> Reading {
        Reading { library, private: self.covered("view_private"), side: self.covered("view_side") }
    }
}

fn add(sums: &mut [f32], scores: &[f32]) {
    sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
}
