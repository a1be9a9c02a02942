//! Writing phrases for one ticket.

use fastrand::Rng;

use crate::{
    mentions::{Mention, Mentions},
    phrases::{Phrases, Piece, SectionId},
};

/// Writes the phrases of one ticket: its numbers and `once` phrases stay the same, and no sentence comes twice.
#[derive(Debug)]
pub(crate) struct Writer<'t> {
    phrases: &'t Phrases,
    pub(crate) mentions: &'t Mentions<'t>,
    pub(crate) rng: Rng,
    /// For each section, the line that was drawn of it, if it is one of `once`.
    chosen: Vec<Option<usize>>,
    /// Sentences that the ticket has.
    said: Vec<(SectionId, usize)>,
    /// Whether the text names the order, and an amount.
    pub(crate) names_order: bool,
    pub(crate) names_amount: bool,
}

impl<'t> Writer<'t> {
    /// A ticket without text so far.
    pub(crate) fn new(phrases: &'t Phrases, mentions: &'t Mentions<'t>, rng: Rng) -> Self {
        let chosen = vec![None; phrases.len()];
        Self { phrases, mentions, rng, chosen, said: Vec::new(), names_order: false, names_amount: false }
    }

    /// Writes a sentence of the section that the ticket does not have yet. Answers whether there was one.
    pub(crate) fn sentence(&mut self, section: SectionId, out: &mut String) -> bool {
        let lines = self.phrases.list(section).lines.len();
        let first = self.rng.usize(..lines);
        let fresh = (0..lines).map(|step| (first + step) % lines).find(|line| !self.said.contains(&(section, *line)));
        if let Some(line) = fresh {
            self.this_sentence(section, line, out);
        }
        fresh.is_some()
    }

    /// Writes this sentence of the section.
    pub(crate) fn this_sentence(&mut self, section: SectionId, line: usize, out: &mut String) {
        self.said.push((section, line));
        self.line(section, line, out);
    }

    /// Writes any phrase of the section.
    pub(crate) fn phrase(&mut self, section: SectionId, out: &mut String) {
        let list = self.phrases.list(section);
        let line = match self.chosen[section.0] {
            Some(line) => line,
            None => self.rng.usize(..list.lines.len()),
        };
        if list.once {
            self.chosen[section.0] = Some(line);
        }
        self.line(section, line, out);
    }

    /// The phrase of a `once` section that the ticket uses, if its text has used it.
    pub(crate) fn chosen(&self, section: SectionId) -> Option<String> {
        let line = self.chosen[section.0]?;
        let words = self.phrases.list(section).lines[line].iter().map(|piece| match piece {
            Piece::Words(words) => *words,
            Piece::Mention(_) | Piece::Section(_) => "",
        });
        Some(words.collect())
    }

    fn line(&mut self, section: SectionId, line: usize, out: &mut String) {
        let phrases = self.phrases;
        for piece in &phrases.list(section).lines[line] {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Section(inner) => self.phrase(*inner, out),
                Piece::Mention(mention) => {
                    self.names_order |= *mention == Mention::Order;
                    self.names_amount |= *mention == Mention::Amount;
                    self.mentions.write(*mention, &mut self.rng, out);
                }
            }
        }
    }
}
