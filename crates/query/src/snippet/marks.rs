//! Where the clauses of a query stand in a text.

use std::ops::Range;

use model::TextPart;
use text::analysis::{Analyzer, QueryWord, Word, query_words, words};
use ticketscope_model as model;
use ticketscope_text as text;

use super::shown::ruler;
use crate::ast::WordPattern;

/// What one word or phrase of a query is recognised by.
#[derive(Debug)]
pub(super) enum Sought {
    /// A word with one of these stems.
    Stems(Vec<String>),
    /// These surfaces at these distances, the first at 0; the last may be the beginning of a word.
    Surfaces { words: Vec<QueryWord>, open: bool },
}

impl Sought {
    /// None if there is nothing to mark: no letter or digit, or any text at all.
    pub(super) fn new(analyzer: &mut Analyzer, pattern: &WordPattern) -> Option<Self> {
        let surfaces = |text: &str, open| {
            let words = query_words(text);
            (!words.is_empty()).then_some(Self::Surfaces { words, open })
        };
        match pattern {
            WordPattern::Word(word) => match analyzer.query_stems(word) {
                Some(stems) => (!stems.is_empty()).then_some(Self::Stems(stems)),
                None => surfaces(word, false),
            },
            WordPattern::Phrase(words) => surfaces(&words.join(" "), false),
            WordPattern::Prefix(word) => surfaces(word, true),
            WordPattern::Any => None,
        }
    }
}

/// A place where a clause stands: a word or a whole phrase, in characters of the shown text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) clause: usize,
}

/// Looks for one alternative of a clause, word by word.
pub(super) struct Seeker<'a> {
    clause: usize,
    sought: &'a Sought,
    begun: Vec<Begun>,
}

/// A phrase of which at least one word was found and at least one is missing.
struct Begun {
    /// The position of its first word.
    position: u32,
    found: usize,
    place: Range<usize>,
}

impl<'a> Seeker<'a> {
    pub(super) fn new(clause: usize, sought: &'a Sought) -> Self {
        Self { clause, sought, begun: Vec::new() }
    }

    /// Reads the next word, which is shown at `place`.
    fn read(&mut self, word: &Word<'_>, place: &Range<usize>, mut mark: impl FnMut(Mark)) {
        let Sought::Surfaces { words, open } = self.sought else { return };
        let is = |at: usize| {
            let is_open = *open && at + 1 == words.len();
            words
                .get(at)
                .is_some_and(|asked| if is_open { word.text.starts_with(&asked.text) } else { word.text == asked.text })
        };
        let mut found = |place: &Range<usize>| mark(Mark { start: place.start, end: place.end, clause: self.clause });
        self.begun.retain_mut(|begun| {
            let Some(asked) = words.get(begun.found) else { return false };
            let due = begun.position + asked.offset;
            // What does not match may still do so as the bigram at the same position.
            if due != word.position || !is(begun.found) {
                return due >= word.position;
            }
            begun.found += 1;
            begun.place.end = begun.place.end.max(place.end);
            if begun.found == words.len() {
                found(&begun.place);
            }
            begun.found < words.len()
        });
        if is(0) {
            match words.len() {
                1 => found(place),
                _ => self.begun.push(Begun { position: word.position, found: 1, place: place.clone() }),
            }
        }
    }
}

/// Every mark of `seekers` in a part, ascending. Linear in the text, but for the sorting.
pub(super) fn find(analyzer: &mut Analyzer, part: &TextPart, mut seekers: Vec<Seeker<'_>>) -> Vec<Mark> {
    let mut marks = Vec::new();
    if seekers.is_empty() {
        return marks;
    }
    let mut stemmed = stemmed(analyzer, part, &seekers).into_iter().peekable();
    let mut ruler = ruler(&part.body);
    words(&part.body, |word| {
        let start = ruler.at(word.span.start);
        let written = part.body.get(word.span.clone()).map_or(0, |written| written.chars().count());
        let place = start..start + written;
        // A bigram is never a stem that was asked for; the character at its position comes first.
        while let Some((_, clause)) = stemmed.next_if(|(position, _)| *position == word.position) {
            marks.push(Mark { start: place.start, end: place.end, clause });
        }
        for seeker in &mut seekers {
            seeker.read(&word, &place, |mark| marks.push(mark));
        }
    });
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// The positions of words with a stem that is sought, ascending, with the clause that seeks it.
fn stemmed(analyzer: &mut Analyzer, part: &TextPart, seekers: &[Seeker<'_>]) -> Vec<(u32, usize)> {
    let sought: Vec<(&str, usize)> = seekers
        .iter()
        .filter_map(|seeker| match seeker.sought {
            Sought::Stems(stems) => Some(stems.iter().map(|stem| (stem.as_str(), seeker.clause))),
            Sought::Surfaces { .. } => None,
        })
        .flatten()
        .collect();
    let mut found = Vec::new();
    if sought.is_empty() {
        return found;
    }
    let languages = analyzer.languages_of(part.lang.as_deref(), &part.body);
    analyzer.stems(&part.body, languages, |position, stem| {
        let clauses = sought.iter().filter(|(asked, _)| *asked == stem).map(|(_, clause)| *clause);
        found.extend(clauses.map(|clause| (position, clause)));
    });
    found
}
