//! Cutting a text into words.

use std::ops::Range;

use ticketscope_model::fold;

use super::cjk;

/// The longest surface of a word, in bytes. What is longer is cut at the last character boundary up to here, in texts and
/// in queries alike, so that it is still found by its beginning, and by itself.
pub const MAX_WORD_BYTES: usize = 128;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its place among the words, from 0. A bigram stands at the place of its first character.
    pub position: u32,
    /// The surface: folded, not empty, letters and digits only, at most [`MAX_WORD_BYTES`] long.
    pub text: &'a str,
    /// Where the word as written stands in the text, in bytes.
    pub span: Range<usize>,
}

/// A word, and what its stems are made of.
pub(super) struct Piece<'a> {
    pub(super) word: Word<'a>,
    /// The word as written: case and accents matter to stemmers.
    pub(super) written: &'a str,
    pub(super) script: Script,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// With letters and digits that make up the word together.
    Letters,
    /// As one character of Chinese, Japanese or Korean.
    Character,
    /// As two of them.
    Bigram,
}

/// Calls `each` with the surface words of `body` in ascending order of position, a character before its bigram.
///
/// Linear in the length of `body`. Two texts that differ in case, accents or Unicode normalization have equal words.
pub fn words(body: &str, mut each: impl FnMut(Word<'_>)) {
    pieces(body, |piece| each(piece.word));
}

/// Calls `each` with every word of `body`, in the order of [`words`].
pub(super) fn pieces(body: &str, mut each: impl FnMut(Piece<'_>)) {
    let mut surface = String::new();
    let mut position = 0;
    for (class, span) in Runs::new(body) {
        pieces_of(body, class, span, &mut position, &mut surface, &mut each);
    }
}

/// Calls `each` with the words of one run of `body`, the first of which stands at `position`, and moves that behind them.
/// `surface` is room to fold in.
pub(super) fn pieces_of(
    body: &str,
    class: Class,
    span: Range<usize>,
    position: &mut u32,
    surface: &mut String,
    each: &mut impl FnMut(Piece<'_>),
) {
    let written = &body[span.clone()];
    if class == Class::Cjk {
        return emit_characters(written, |at| span.start + at.start..span.start + at.end, position, each);
    }
    surface.clear();
    if written.is_ascii() {
        surface.push_str(written);
        surface.make_ascii_lowercase();
    } else {
        surface.push_str(&fold(written));
    }
    let mut folded = Runs::new(surface);
    if folded.next().is_some_and(|(class, whole)| class == Class::Letter && whole.len() == surface.len()) {
        return emit_word(surface, written, span, position, each);
    }
    // Folding a compatibility character can yield several words: a half is `1` and `2` around a slash.
    for (class, piece) in Runs::new(surface) {
        let piece = &surface[piece];
        if class == Class::Cjk {
            emit_characters(piece, |_| span.clone(), position, each);
        } else {
            emit_word(piece, piece, span.clone(), position, each);
        }
    }
}

fn emit_word(surface: &str, written: &str, span: Range<usize>, position: &mut u32, each: &mut impl FnMut(Piece<'_>)) {
    let text = &surface[..surface.floor_char_boundary(MAX_WORD_BYTES)];
    each(Piece { word: Word { position: *position, text, span }, written, script: Script::Letters });
    *position += 1;
}

/// Emits the characters of a run and the bigrams between them; `spans` says where a piece of the run stands in the text.
fn emit_characters(
    run: &str,
    spans: impl Fn(Range<usize>) -> Range<usize>,
    position: &mut u32,
    each: &mut impl FnMut(Piece<'_>),
) {
    // The last two characters; `second` is where the second begins.
    let mut pair = String::new();
    let mut second = 0;
    let mut first_span = 0..0;
    let mut from = 0;
    let mut form = String::new();
    let mut emit = |position: u32, text: &str, span: Range<usize>, script: Script| {
        each(Piece { word: Word { position, text, span }, written: text, script });
    };
    while from < run.len() {
        let written = from..from + cjk::first_len(&run[from..]);
        from = written.end;
        form.clear();
        cjk::normal(&run[written.clone()], &mut form);
        for letter in form.chars() {
            let is_first = pair.is_empty();
            pair.drain(..second);
            second = pair.len();
            pair.push(letter);
            if !is_first {
                emit(*position - 1, &pair, spans(first_span.start..written.end), Script::Bigram);
            }
            emit(*position, &pair[second..], spans(written.clone()), Script::Character);
            first_span = written.clone();
            *position += 1;
        }
    }
}

/// What a character is to the cutting of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Stands between words.
    Gap,
    /// Belongs to the letter before, if there is one.
    Mark,
    Letter,
    Cjk,
}

impl Class {
    fn of(c: char) -> Self {
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() { Self::Letter } else { Self::Gap }
        } else if cjk::is_mark(c) {
            Self::Mark
        } else if !c.is_alphanumeric() {
            Self::Gap
        } else if cjk::is_cjk(c) {
            Self::Cjk
        } else {
            Self::Letter
        }
    }
}

/// The runs of letters and the runs of CJK characters of a text, each with its marks.
pub(super) struct Runs<'a> {
    text: &'a str,
    from: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, from: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = (Class, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        // Most runs are of ASCII letters between ASCII gaps.
        let bytes = self.text.as_bytes().get(self.from..).unwrap_or_default();
        let gap = bytes.iter().take_while(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()).count();
        let letters = bytes[gap..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        self.from += gap;
        if letters > 0 && bytes.get(gap + letters).is_none_or(u8::is_ascii) {
            let start = self.from;
            self.from += letters;
            return Some((Class::Letter, start..self.from));
        }
        let mut run: Option<(Class, usize)> = None;
        for (at, c) in self.text[self.from..].char_indices() {
            let (class, at) = (Class::of(c), self.from + at);
            match run {
                None if matches!(class, Class::Letter | Class::Cjk) => run = Some((class, at)),
                Some((begun, start)) if class != begun && class != Class::Mark => {
                    self.from = at;
                    return Some((begun, start..at));
                }
                _ => {}
            }
        }
        self.from = self.text.len();
        run.map(|(class, start)| (class, start..self.from))
    }
}
