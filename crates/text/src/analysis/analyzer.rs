//! Stems of words, by language.

use std::{borrow::Cow, collections::HashMap, fmt};

use foldhash::fast::RandomState;
use frostem::Stemmer;
use ticketscope_model::fold;
use unicode_normalization::UnicodeNormalization;
use whatlang::Detector;

use super::{
    Language, Languages, MAX_WORD_BYTES,
    memo::{Memo, Stems},
    words::{Piece, Script, pieces},
};

/// How much of a text is looked at to detect its language, in bytes: more makes no answer surer.
const MAX_DETECTED_BYTES: usize = 2_048;

/// How many words of queries are remembered, of at most [`MAX_WORD_BYTES`] each; then all are forgotten.
const MAX_ASKED: usize = 8_192;

/// How a tenant's text is cut into stems.
///
/// It remembers a bounded number of words and their stems, which is why asking it takes `&mut self`; a clone remembers
/// nothing yet and costs next to nothing.
pub struct Analyzer {
    languages: Languages,
    detector: Detector,
    memo: Memo,
    /// What words of queries came to.
    asked: HashMap<Box<str>, Option<Vec<String>>, RandomState>,
}

impl Analyzer {
    /// An analyzer for a tenant that declares `languages`.
    pub fn new(languages: Languages) -> Self {
        let detector = Detector::with_allowlist(languages.iter().map(Language::detected).collect());
        Self { languages, detector, memo: Memo::default(), asked: HashMap::default() }
    }

    /// The tenant's languages.
    pub fn languages(&self) -> Languages {
        self.languages
    }

    /// The languages in which a part of a ticket is stemmed; they depend on that part alone.
    ///
    /// A declared language whose stemmer is known decides: it alone if it is one of the tenant's, else it and all of the
    /// tenant's, because a query is stemmed in the tenant's languages only. Otherwise it is the tenant's language that the
    /// text is reliably written in, or all of them where none is sure.
    pub fn languages_of(&self, lang: Option<&str>, body: &str) -> Languages {
        match lang.and_then(Language::parse) {
            Some(declared) if self.languages.contains(declared) => declared.into(),
            Some(declared) => self.languages.union(declared.into()),
            None if self.languages.len() <= 1 => self.languages,
            None => self.detected(body).map_or(self.languages, Languages::from),
        }
    }

    /// Calls `each` with the position of every word of `body`, ascending, and one after the other its distinct stems in
    /// `languages`, in ascending order of bytes; at least one.
    ///
    /// The stems of a word in a language are the stem of the word as written, without case and accents, and the stem of its
    /// surface; so words of one surface share a stem in every language. A word with a digit, a CJK character, a bigram and
    /// a word without languages are their own stem. Linear in the length of `body`.
    pub fn stems(&mut self, body: &str, languages: Languages, mut each: impl FnMut(u32, &str)) {
        pieces(body, |piece| self.each_stem(&piece, languages, |stem| each(piece.word.position, stem)));
    }

    /// The distinct stems of one word of a query in all of the tenant's languages, in ascending order of bytes.
    ///
    /// Empty if `word` has no letter or digit. None if it is several words to analysis (`foo-bar`, two CJK characters): it
    /// means the phrase of its [`query_words`](super::query_words()) then.
    pub fn query_stems(&mut self, word: &str) -> Option<Vec<String>> {
        if let Some(stems) = self.asked.get(word) {
            return stems.clone();
        }
        let stems = self.find_query_stems(word);
        if word.len() <= MAX_WORD_BYTES {
            if self.asked.len() >= MAX_ASKED {
                self.asked.clear();
            }
            self.asked.insert(word.into(), stems.clone());
        }
        stems
    }

    fn find_query_stems(&mut self, word: &str) -> Option<Vec<String>> {
        let mut words = 0;
        let mut stems = Vec::new();
        pieces(word, |piece| {
            words += 1;
            if words == 1 {
                self.each_stem(&piece, self.languages, |stem| stems.push(stem.to_owned()));
            }
        });
        (words <= 1).then_some(stems)
    }

    fn each_stem(&mut self, piece: &Piece<'_>, languages: Languages, mut each: impl FnMut(&str)) {
        let surface = piece.word.text;
        let Some(written) = stemmed_form(piece, languages) else { return each(surface) };
        let stems = self.memo.stems(languages, &written, || find_stems(&written, surface, languages));
        for stem in stems {
            each(stem);
        }
    }

    fn detected(&self, body: &str) -> Option<Language> {
        let beginning = &body[..body.floor_char_boundary(MAX_DETECTED_BYTES)];
        let detected = self.detector.detect(beginning).filter(whatlang::Info::is_reliable)?;
        self.languages.iter().find(|language| language.detected() == detected.lang())
    }
}

/// The form of a word as written that stemmers are given, without capitals; none if the word is its own stem.
pub(super) fn stemmed_form<'p>(piece: &'p Piece<'_>, languages: Languages) -> Option<Cow<'p, str>> {
    let surface = piece.word.text;
    if piece.script != Script::Letters || languages.is_empty() || surface.contains(char::is_numeric) {
        return None;
    }
    if piece.written.is_ascii() {
        return Some(surface.into());
    }
    let lower = piece.written.nfc().flat_map(char::to_lowercase).collect::<String>();
    // Something that long is no word of a language; its surface still has stems, which are found.
    Some(if lower.len() <= MAX_WORD_BYTES { lower.into() } else { surface.into() })
}

/// The distinct stems of a word, ascending. A stem that would be empty is the surface instead.
pub(super) fn find_stems(written: &str, surface: &str, languages: Languages) -> Stems {
    let mut stems: Vec<Box<str>> = Vec::with_capacity(2 * languages.len());
    for language in languages.iter() {
        let stemmer = Stemmer::new(language.algorithm());
        for form in [written, surface] {
            let stem = fold(&stemmer.stem(form));
            stems.push(if stem.is_empty() { surface.into() } else { stem.into() });
            if written == surface {
                break;
            }
        }
    }
    stems.sort_unstable();
    stems.dedup();
    stems.into()
}

impl Clone for Analyzer {
    fn clone(&self) -> Self {
        Self::new(self.languages)
    }
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").field("languages", &self.languages).finish_non_exhaustive()
    }
}
