//! The characters of Chinese, Japanese and Korean, which write words without blanks between them.

use unicode_normalization::{
    UnicodeNormalization,
    char::{compose, is_combining_mark},
};

/// The blocks of these scripts and of the signs that only they use. Not every character in them is a letter.
const BLOCKS: [(char, char); 16] = [
    ('\u{1100}', '\u{11ff}'),   // Hangul Jamo
    ('\u{2e80}', '\u{2fdf}'),   // radicals
    ('\u{3005}', '\u{3007}'),   // ideographic iteration mark, closing mark, zero
    ('\u{3021}', '\u{3029}'),   // Hangzhou numerals
    ('\u{3031}', '\u{3035}'),   // kana repeat marks
    ('\u{3038}', '\u{303c}'),   // Hangzhou numerals, iteration mark
    ('\u{3041}', '\u{318f}'),   // Hiragana, Katakana, Bopomofo, Hangul Compatibility Jamo
    ('\u{31a0}', '\u{31ff}'),   // Bopomofo Extended, strokes, Katakana Phonetic Extensions
    ('\u{3400}', '\u{4dbf}'),   // ideographs, extension A
    ('\u{4e00}', '\u{9fff}'),   // ideographs
    ('\u{a960}', '\u{a97f}'),   // Hangul Jamo Extended-A
    ('\u{ac00}', '\u{d7ff}'),   // Hangul syllables, Jamo Extended-B
    ('\u{f900}', '\u{faff}'),   // compatibility ideographs
    ('\u{ff66}', '\u{ffdc}'),   // half width Katakana and Hangul
    ('\u{1aff0}', '\u{1b16f}'), // Kana Extended and Supplement
    ('\u{20000}', '\u{3ffff}'), // ideographs, further extensions
];

/// Whether a letter stands for itself rather than for a piece of a longer word.
pub(super) fn is_cjk(letter: char) -> bool {
    letter >= '\u{1100}' && BLOCKS.iter().any(|(first, last)| (*first..=*last).contains(&letter))
}

/// How many bytes of `run`, which begins with a letter of these scripts, make up its first character: marks, voicing signs
/// and the Jamo of one syllable belong to the letter before.
pub(super) fn first_len(run: &str) -> usize {
    let mut letters = run.chars();
    let Some(first) = letters.next() else { return 0 };
    let mut whole = canonical(first);
    let mut len = first.len_utf8();
    for next in letters {
        let joined = whole.and_then(|whole| compose(whole, canonical(next)?));
        if joined.is_none() && !is_mark(next) {
            break;
        }
        whole = joined.or(whole);
        len += next.len_utf8();
    }
    len
}

/// Whether a character only changes the one before: a combining mark, or a half width voicing sign.
pub(super) fn is_mark(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{ff9e}' | '\u{ff9f}')
}

/// One character in its normal form: composed, of normal width, without the marks that do not compose with it.
pub(super) fn normal(character: &str, into: &mut String) {
    into.extend(character.nfkc().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase));
}

/// The one letter that `letter` is in compatibility form; none if it is several.
fn canonical(letter: char) -> Option<char> {
    let mut form = std::iter::once(letter).nfkc();
    let only = form.next()?;
    form.next().is_none().then_some(only)
}
