//! Laws that hold for every text, and tables of what people expect.

mod cutting;
mod inflection;
mod laws;
mod queries;

use super::{Analyzer, Languages, words};

/// The surfaces of a text with their positions.
fn surfaces(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    words(text, |word| found.push((word.position, word.text.to_owned())));
    found
}

/// The stems of a text with the positions of their words.
fn stems(analyzer: &mut Analyzer, text: &str, languages: Languages) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    analyzer.stems(text, languages, |position, stem| found.push((position, stem.to_owned())));
    found
}

/// Up to `len` random characters, of the kinds that have gone wrong somewhere.
fn random_text(rng: &mut fastrand::Rng, len: usize) -> String {
    const NASTY: &str = "\u{df}\u{1e9e}\u{130}\u{131}\u{142}\u{141}\u{f8}\u{e6}\u{153}\u{fb01}\u{bd}\u{2122}\u{338f}\u{33a}\u{301}\u{308}\
        \u{200d}\u{ad}\u{feff}\u{fffd}\u{202e}\u{627}\u{644}\u{64b}\u{5d0}\u{5b0}\u{939}\u{93f}\u{e01}\u{e35}\u{3a3}\u{3c2}\u{345}\
        \u{4e00}\u{20000}\u{304b}\u{3099}\u{ff76}\u{ff9e}\u{ac00}\u{1100}\u{1161}\u{11a8}\u{3131}\u{30ff}\u{3220}\u{2f00}\u{f900}\
        \u{1f600}\u{1f1f5}\u{10ffff}\u{e0100}\u{1d400}\u{660}\u{2167}\u{fdfa}";
    const PLAIN: &str = "abcdeiosuyzABCXYZ019 ...-_'@";
    let (nasty, plain): (Vec<char>, Vec<char>) = (NASTY.chars().collect(), PLAIN.chars().collect());
    (0..rng.usize(0..=len))
        .map(|_| match rng.u8(0..8) {
            0 | 1 => nasty[rng.usize(0..nasty.len())],
            2 => rng.char(..),
            3 => rng.char('\u{c0}'..'\u{17f}'),
            _ => plain[rng.usize(0..plain.len())],
        })
        .collect()
}
