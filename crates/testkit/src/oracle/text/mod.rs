//! The naive truth of full-text search: every text that the asker may read is read, word after word.
//!
//! It shares with the engine how a text is cut into words and stems ([`ticketscope_text::analysis`]) and nothing else: no
//! index, no statistics that are kept, no plan.

mod asked;
mod library;
mod score;

use std::{ops::Deref, rc::Rc};

use ticketscope_model::TicketKey;

pub use library::Library;

use super::{Answers, Query, Term};
use asked::{Alternative, Asked, Body, Clause, Leaf, Look};
use score::Statistics;

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
pub(super) struct Reading<'w> {
    library: Shelf<'w>,
    /// Of each visible ticket, by key.
    tickets: Vec<Readable>,
}

/// Where a library comes from.
#[derive(Debug)]
enum Shelf<'w> {
    Own(Rc<Library>),
    Lent(&'w Library),
}

/// What may be read of one ticket beside its public text.
#[derive(Debug)]
struct Readable {
    /// The place of the ticket in the library.
    place: usize,
    private: bool,
    side: bool,
}

/// What words find, for each visible ticket by key.
#[derive(Debug)]
pub(super) struct Found {
    /// Whether it has what is asked for.
    pub(super) matches: Vec<bool>,
    /// What it scores.
    pub(super) scores: Vec<f32>,
}

impl<'w> Answers<'w> {
    /// The same answers with words looked up in `library`, which is of the same world. Without one, each asker has a
    /// library made for itself.
    #[must_use]
    pub fn with_library(self, library: Rc<Library>) -> Self {
        self.reading_from(Shelf::Own(library))
    }

    /// [`Answers::with_library`] for askers in several threads.
    #[must_use]
    pub fn with_lent_library(self, library: &'w Library) -> Self {
        self.reading_from(Shelf::Lent(library))
    }

    fn reading_from(mut self, library: Shelf<'w>) -> Self {
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
    /// Without words that tickets shall have, all scores are 0. Whatever they depend on is taken from visible tickets and
    /// from text that the asker may read.
    pub fn ranked(&self, query: &Query) -> Vec<Ranked<'w>> {
        let found = self.found(query);
        let hits = self.matching_at(query);
        let mut ranked: Vec<_> = hits.map(|(at, key, _)| Ranked { key, score: found.scores[at] }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(b.key)));
        ranked
    }

    /// The terms of `query` that ask for words.
    fn words_asked(&self, query: &Query) -> Asked {
        if query.terms.iter().all(|term| matches!(term, Term::Field { .. })) {
            return Asked::default();
        }
        Asked::of(query, &self.reading().library)
    }

    /// What the words of a query find: all that are asked for must be there, and none that are unwanted.
    pub(super) fn find(&self, query: &Query) -> Found {
        let asked = self.words_asked(query);
        let tickets = self.visible().count();
        let mut found = Found { matches: vec![!asked.wordless; tickets], scores: vec![0.0; tickets] };
        for clause in &asked.clauses {
            let here = self.find_clause(clause, tickets);
            for (matches, has) in found.matches.iter_mut().zip(here.matches) {
                *matches &= has != clause.negated;
            }
            if !clause.negated {
                add(&mut found.scores, &here.scores);
            }
        }
        found
    }

    /// A clause is found where any alternative is. It scores for each alternative, and in it for each body of text, the
    /// best leaf.
    fn find_clause(&self, clause: &Clause, tickets: usize) -> Found {
        let mut found = Found { matches: vec![false; tickets], scores: vec![0.0; tickets] };
        for Alternative { named, looks } in &clause.alternatives {
            let mut scores = vec![0.0; tickets];
            for look in looks {
                let mut best = vec![0.0_f32; tickets];
                for leaf in &look.leaves {
                    let counts = self.counts(look, leaf);
                    found.matches.iter_mut().zip(&counts).for_each(|(matches, count)| *matches |= *count > 0);
                    let weights = self.weights(look.body, leaf, &counts);
                    best.iter_mut().zip(weights).for_each(|(best, weight)| *best = best.max(weight));
                }
                add(&mut scores, &best);
            }
            for (at, _) in self.visible().enumerate().filter(|(_, key)| named.as_ref() == Some(*key)) {
                found.matches[at] = true;
                scores[at] += score::named(tickets);
            }
            add(&mut found.scores, &scores);
        }
        found
    }

    /// How often a leaf is found in what the asker may read of each ticket.
    fn counts(&self, look: &Look, leaf: &Leaf) -> Vec<usize> {
        let reading = self.reading();
        let count = |ticket: &Readable| {
            if ticket.shows(look.body) { look.count(leaf, reading.library.parts(ticket.place)) } else { 0 }
        };
        reading.tickets.iter().map(count).collect()
    }

    /// How many words a body of text of each ticket has as far as the asker may read it, as it is remembered.
    fn lengths(&self, body: Body, stems: bool) -> Vec<u64> {
        let reading = self.reading();
        let length = |ticket: &Readable| {
            let parts = reading.library.parts(ticket.place).iter();
            let words = parts.filter(|part| ticket.shows(body) && body.holds(part));
            score::remembered(words.map(|part| if stems { part.stems.len() } else { part.surfaces.len() }).sum())
        };
        reading.tickets.iter().map(length).collect()
    }

    /// What a leaf that is found so often in a body of text of each ticket scores there.
    fn weights(&self, body: Body, leaf: &Leaf, counts: &[usize]) -> Vec<f32> {
        let tickets = counts.len();
        let found = counts.iter().filter(|count| **count > 0).count();
        if found == 0 {
            return vec![0.0; tickets];
        }
        let lengths = self.lengths(body, leaf.is_stem());
        let statistics = Statistics { tickets, found, length: lengths.iter().sum() };
        let score = |(count, length): (&usize, &u64)| match leaf {
            _ if *count == 0 => 0.0,
            Leaf::Stem(_) | Leaf::Phrase(_) => score::bm25(statistics, *length, *count),
            Leaf::Prefix(_) => score::rarity(found, tickets),
            Leaf::Any => 0.0,
        };
        counts.iter().zip(&lengths).map(score).collect()
    }

    fn reading(&self) -> &Reading<'w> {
        self.reading.get_or_init(|| self.reading_of(Shelf::Own(Rc::new(Library::of(self.world())))))
    }

    fn reading_of(&self, library: Shelf<'w>) -> Reading<'w> {
        let (private, side) = (self.covered("view_private"), self.covered("view_side"));
        let readable = |key: &TicketKey| {
            let (private, side) = (private.contains(key), side.contains(key));
            Readable { place: library.place(key), private, side }
        };
        let tickets = self.visible().map(readable).collect();
        Reading { library, tickets }
    }
}

impl Readable {
    fn shows(&self, body: Body) -> bool {
        match body {
            Body::Public | Body::Subject => true,
            Body::Private | Body::Custom => self.private,
            Body::Side => self.side,
        }
    }
}

impl Deref for Shelf<'_> {
    type Target = Library;

    fn deref(&self) -> &Library {
        match self {
            Self::Own(library) => library,
            Self::Lent(library) => library,
        }
    }
}

fn add(sums: &mut [f32], scores: &[f32]) {
    sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
}
