//! Every ticket's text as words.

use std::collections::HashMap;

use ticketscope_model::{TextClass, TicketKey};
use ticketscope_text::analysis::{Analyzer, Language, Languages, words};

use crate::oracle::World;

/// The text of every ticket of a world, cut into words and stems. Made once, it serves every asker.
#[derive(Debug)]
pub struct Library {
    languages: Languages,
    ids: HashMap<String, u32>,
    /// By ascending key.
    tickets: Vec<(TicketKey, Vec<Part>)>,
}

/// One part of a ticket's text.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) class: TextClass,
    /// Ascending by position.
    pub(super) surfaces: Vec<Token>,
    /// Ascending by position.
    pub(super) stems: Vec<Token>,
}

/// A word at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) position: u32,
    /// Stands for the word: comparing numbers is faster than comparing strings, and that is all that is asked of words.
    pub(super) word: u32,
}

impl Part {
    /// The words at a position.
    pub(super) fn at(&self, position: u32) -> &[Token] {
        let before = self.surfaces.partition_point(|token| token.position < position);
        let until = self.surfaces.partition_point(|token| token.position <= position);
        &self.surfaces[before..until]
    }
}

/// Some of the words of a library.
#[derive(Debug)]
pub(super) enum Words {
    /// One word, or none.
    One(Option<u32>),
    /// For each word of the library whether it is one of them.
    Many(Vec<bool>),
}

impl Words {
    pub(super) fn contains(&self, word: u32) -> bool {
        match self {
            Self::One(one) => *one == Some(word),
            Self::Many(are) => are[word as usize],
        }
    }
}

impl Library {
    /// The text of `world`, in the languages that its schema declares.
    ///
    /// # Panics
    /// If the world has more than 2^32 different words.
    pub fn of(world: &World) -> Self {
        let languages = world.schema().languages().filter_map(Language::parse).collect();
        let mut library = Self { languages, ids: HashMap::new(), tickets: Vec::new() };
        let mut analyzer = Analyzer::new(languages);
        for (key, row) in world.tickets() {
            let mut parts = Vec::new();
            for (id, part) in &row.parts {
                let (mut surfaces, mut stems) = (Vec::new(), Vec::new());
                words(&part.body, |word| surfaces.push(library.token(word.position, word.text)));
                let spoken = analyzer.languages_of(part.lang.as_deref(), &part.body);
                analyzer.stems(&part.body, spoken, |position, stem| stems.push(library.token(position, stem)));
                parts.push(Part { id: id.clone(), class: part.class, surfaces, stems });
            }
            library.tickets.push((key.clone(), parts));
        }
        library
    }

    /// The languages of the tenant.
    pub(super) fn languages(&self) -> Languages {
        self.languages
    }

    fn token(&mut self, position: u32, word: &str) -> Token {
        if let Some(known) = self.ids.get(word) {
            return Token { position, word: *known };
        }
        let id = u32::try_from(self.ids.len()).expect("a world of fewer than 2^32 different words");
        self.ids.insert(word.to_owned(), id);
        Token { position, word: id }
    }

    /// The place of a ticket.
    ///
    /// # Panics
    /// If the library is of a world without this ticket.
    pub(super) fn place(&self, key: &TicketKey) -> usize {
        let place = self.tickets.binary_search_by(|(other, _)| other.cmp(key));
        place.expect("a library of the world that is asked")
    }

    /// The parts of the ticket at a place.
    pub(super) fn parts(&self, place: usize) -> &[Part] {
        &self.tickets[place].1
    }

    /// `word`, if a text holds it.
    pub(super) fn exactly(&self, word: &str) -> Words {
        Words::One(self.ids.get(word).copied())
    }

    /// The words that begin with `prefix`.
    pub(super) fn beginning(&self, prefix: &str) -> Words {
        let mut begin = vec![false; self.ids.len()];
        for (_, id) in self.ids.iter().filter(|(word, _)| word.starts_with(prefix)) {
            begin[*id as usize] = true;
        }
        Words::Many(begin)
    }

    /// The surfaces that stand in texts with the number of tickets in which each stands, the most frequent first, then the
    /// smallest.
    pub fn surfaces(&self) -> Vec<(&str, usize)> {
        let mut counts = vec![0; self.ids.len()];
        // For each word the place, counted from 1, of the last ticket that it was counted for.
        let mut last = vec![0; self.ids.len()];
        for (place, (_, parts)) in self.tickets.iter().enumerate() {
            for token in parts.iter().flat_map(|part| &part.surfaces) {
                let word = token.word as usize;
                if last[word] != place + 1 {
                    last[word] = place + 1;
                    counts[word] += 1;
                }
            }
        }
        let counted = self.ids.iter().map(|(word, id)| (word.as_str(), counts[*id as usize]));
        let mut surfaces: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
        surfaces.sort_by(|(a, many), (b, others)| others.cmp(many).then_with(|| a.cmp(b)));
        surfaces
    }
}
