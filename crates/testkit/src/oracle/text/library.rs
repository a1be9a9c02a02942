//! Every ticket's text as words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ticketscope_model::{TextClass, TicketKey};
use ticketscope_text::analysis::{Analyzer, Language, Languages, words};

use crate::oracle::World;

/// The text of every ticket of a world, cut into words and stems. Made once, it serves every asker.
#[derive(Debug)]
pub struct Library {
    languages: Languages,
    ids: HashMap<String, u32>,
    tickets: BTreeMap<TicketKey, Vec<Part>>,
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

impl Library {
    /// The text of `world`, in the languages that its schema declares.
    ///
    /// # Panics
    /// If the world has more than 2^32 different words.
    pub fn of(world: &World) -> Self {
        let languages = world.schema().languages().filter_map(Language::parse).collect();
        let mut library = Self { languages, ids: HashMap::new(), tickets: BTreeMap::new() };
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
            library.tickets.insert(key.clone(), parts);
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

    /// The parts of a ticket.
    pub(super) fn parts(&self, key: &TicketKey) -> &[Part] {
        self.tickets.get(key).map_or(&[], Vec::as_slice)
    }

    /// What stands for `word`: nothing if no text holds it.
    pub(super) fn exactly(&self, word: &str) -> BTreeSet<u32> {
        self.ids.get(word).copied().into_iter().collect()
    }

    /// What stands for the words that begin with `prefix`.
    pub(super) fn beginning(&self, prefix: &str) -> BTreeSet<u32> {
        self.ids.iter().filter(|(word, _)| word.starts_with(prefix)).map(|(_, id)| *id).collect()
    }
}
