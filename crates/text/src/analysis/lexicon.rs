//! Words by number, for whoever indexes many texts: a run of letters that was seen before is looked up once and neither
//! folded nor stemmed again.

use std::{collections::HashMap, fmt, sync::Arc};

use foldhash::fast::RandomState;

use super::{
    Analyzer, Languages,
    analyzer::{find_stems, stemmed_form},
    words::{Class, Piece, Runs, Script, pieces_of},
};

/// The number of a word or a stem, from 0.
pub(crate) type WordId = u32;

/// The number of a [`Lexeme`], from 0.
pub(crate) type LexemeId = u32;

/// About what an entry takes on the heap beside its text, in bytes.
const ENTRY_BYTES: usize = 96;

/// What a word of a text is indexed as.
#[derive(Debug, Clone, Copy)]
struct Lexeme {
    surface: WordId,
    /// Where its stems begin in the list of all.
    stems: u32,
    stem_count: u32,
}

/// Lexemes of words as they are written.
type Written = HashMap<Box<str>, LexemeId, RandomState>;

/// Every word and stem that was found so far. It answers what an [`Analyzer`] answers.
pub(crate) struct Lexicon {
    analyzer: Analyzer,
    words: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, WordId, RandomState>,
    lexemes: Vec<Lexeme>,
    stems: Vec<WordId>,
    by_languages: Vec<(Languages, Written)>,
    /// Lexemes whose words and stems stand behind a prefix.
    prefixed: HashMap<(Box<str>, LexemeId), LexemeId, RandomState>,
    bytes: usize,
}

impl fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lexicon").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

impl Lexicon {
    pub(crate) fn new(languages: Languages) -> Self {
        Self {
            analyzer: Analyzer::new(languages),
            words: Vec::new(),
            ids: HashMap::default(),
            lexemes: Vec::new(),
            stems: Vec::new(),
            by_languages: Vec::new(),
            prefixed: HashMap::default(),
            bytes: 0,
        }
    }

    /// Forgets every word.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.analyzer.languages());
    }

    /// About how many bytes it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes
    }

    /// How many words and stems there are: their numbers lie below.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn word(&self, word: WordId) -> &str {
        &self.words[word as usize]
    }

    pub(crate) fn surface(&self, lexeme: LexemeId) -> WordId {
        self.lexemes[lexeme as usize].surface
    }

    /// Distinct; at least one.
    pub(crate) fn stems(&self, lexeme: LexemeId) -> &[WordId] {
        let Lexeme { stems, stem_count, .. } = self.lexemes[lexeme as usize];
        &self.stems[stems as usize..][..stem_count as usize]
    }

    /// Calls `each` with position and lexeme of every word of `body`, positions ascending: the surfaces are those of
    /// [`super::words()`], and the stems those of [`Analyzer::stems`] in the languages that [`Analyzer::languages_of`] tells.
    pub(crate) fn tokens(&mut self, lang: Option<&str>, body: &str, mut each: impl FnMut(u32, LexemeId)) {
        let languages = self.analyzer.languages_of(lang, body);
        let at = self.languages(languages);
        let mut position = 0;
        let mut surface = String::new();
        for (class, span) in Runs::new(body) {
            let known = match class {
                Class::Letter => self.by_languages[at].1.get(&body[span.clone()]).copied(),
                _ => None,
            };
            if let Some(lexeme) = known {
                each(position, lexeme);
                position += 1;
                continue;
            }
            pieces_of(body, class, span, &mut position, &mut surface, &mut |piece| {
                let lexeme = self.lexeme(&piece, at);
                each(piece.word.position, lexeme);
            });
        }
    }

    /// `lexeme` with `prefix` before its word and its stems.
    pub(crate) fn with_prefix(&mut self, prefix: &str, lexeme: LexemeId) -> LexemeId {
        if let Some(known) = self.prefixed.get(&(Box::from(prefix), lexeme)) {
            return *known;
        }
        let surface = self.word_id(&format!("{prefix}{}", self.word(self.surface(lexeme))));
        let stems: Vec<String> =
            self.stems(lexeme).iter().map(|stem| format!("{prefix}{}", self.word(*stem))).collect();
        let new = self.add(surface, stems.iter().map(String::as_str));
        self.prefixed.insert((prefix.into(), lexeme), new);
        self.bytes += prefix.len() + ENTRY_BYTES;
        new
    }

    /// The place of the words that are stemmed in `languages`.
    fn languages(&mut self, languages: Languages) -> usize {
        self.by_languages.iter().position(|(these, _)| *these == languages).unwrap_or_else(|| {
            self.by_languages.push((languages, Written::default()));
            self.by_languages.len() - 1
        })
    }

    /// The lexeme of a piece of a text in the languages at a place.
    fn lexeme(&mut self, piece: &Piece<'_>, at: usize) -> LexemeId {
        // What is not written with letters is its own stem in every language.
        let at = if piece.script == Script::Letters { at } else { self.languages(Languages::EMPTY) };
        let (languages, written) = &self.by_languages[at];
        if let Some(known) = written.get(piece.written) {
            return *known;
        }
        let surface = piece.word.text;
        let stems = match stemmed_form(piece, *languages) {
            Some(form) => find_stems(&form, surface, *languages),
            None => [surface.into()].into(),
        };
        let surface = self.word_id(surface);
        let new = self.add(surface, stems.iter().map(AsRef::as_ref));
        self.by_languages[at].1.insert(piece.written.into(), new);
        self.bytes += piece.written.len() + ENTRY_BYTES;
        new
    }

    fn add<'s>(&mut self, surface: WordId, stems: impl Iterator<Item = &'s str>) -> LexemeId {
        let begin = self.stems.len();
        for stem in stems {
            let stem = self.word_id(stem);
            self.stems.push(stem);
        }
        let stem_count = number(self.stems.len() - begin);
        self.lexemes.push(Lexeme { surface, stems: number(begin), stem_count });
        number(self.lexemes.len() - 1)
    }

    fn word_id(&mut self, word: &str) -> WordId {
        if let Some(known) = self.ids.get(word) {
            return *known;
        }
        let (word, id) = (Arc::<str>::from(word), number(self.words.len()));
        self.bytes += word.len() + ENTRY_BYTES;
        self.words.push(Arc::clone(&word));
        self.ids.insert(word, id);
        id
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a lexicon is forgotten long before it has so many words")]
fn number(at: usize) -> u32 {
    at as u32
}
