//! How a text becomes words and stems; the same for what is indexed and for what is asked.
//!
//! A *word* is a maximal run of letters and digits, with the combining marks inside it. Its *surface* is the word without
//! the differences of case and accents. Chinese, Japanese and Korean characters do not join such runs: each is a word of
//! its own, and each two neighbours are a further word, their *bigram*, at the position of the first. A *stem* is what the
//! inflected forms of a word have in common in one [`Language`].
//!
//! Everything here is a pure function of its arguments; the one state is the memory of an [`Analyzer`] or a `Lexicon` for
//! the words it has already seen, which nothing can observe but a clock.

mod analyzer;
mod cjk;
mod language;
mod lexicon;
mod memo;
mod query_words;
mod words;

#[cfg(test)]
mod tests;

pub use analyzer::Analyzer;
pub use language::{Language, Languages};
pub(crate) use lexicon::{LexemeId, Lexicon, WordId};
pub use query_words::{QueryWord, query_words};
pub use words::{MAX_WORD_BYTES, Word, words};
