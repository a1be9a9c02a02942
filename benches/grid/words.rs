//! The words of a ticket, cut by the analysis of ours: every side indexes these very ones.

use ticketscope_engine::query::text::analysis::{self, Analyzer, Language};

use crate::ticket::Ticket;

/// Words with their positions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    text: String,
    /// For each word its position, and where it ends in `text`.
    places: Vec<(u32, usize)>,
}

/// The two lists of words of a ticket's public text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Analysed {
    /// Stems: what plain words are looked up by.
    pub(crate) stems: Words,
    /// Folded words as written: what phrases and prefixes are looked up by.
    pub(crate) surfaces: Words,
}

impl Words {
    /// The words with their positions, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let mut begin = 0;
        self.places.iter().map(move |(position, end)| {
            let word = &self.text[begin..*end];
            begin = *end;
            (*position, word)
        })
    }

    fn push(&mut self, position: u32, word: &str) {
        self.text.push_str(word);
        self.places.push((position, self.text.len()));
    }

    /// Where the next part begins: one position stays free, so that no phrase reaches from part to part.
    fn next_part(&self) -> u32 {
        self.places.last().map_or(0, |(position, _)| position + 2)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }
}

/// Cuts texts as a tenant does that declares no language, which is English.
#[derive(Debug)]
pub(crate) struct Cutter {
    analyzer: Analyzer,
    words: Analysed,
}

impl Cutter {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self { analyzer: Analyzer::new(Language::parse("en").into_iter().collect()), words: Analysed::default() }
    }

    /// The words of a ticket.
    pub(crate) fn cut(&mut self, ticket: &Ticket) -> &Analysed {
        let Self { analyzer, words: Analysed { stems, surfaces } } = self;
        stems.clear();
        surfaces.clear();
        for (_, body) in &ticket.text {
            let begin = surfaces.next_part();
            let languages = analyzer.languages_of(None, body);
            analyzer.stems(body, languages, |position, stem| stems.push(begin + position, stem));
            analysis::words(body, |word| surfaces.push(begin + word.position, word.text));
        }
        &self.words
    }

    /// The one stem of a word, if it has just one.
    pub(crate) fn stem(&mut self, word: &str) -> Option<String> {
        match self.analyzer.query_stems(word)?.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}
