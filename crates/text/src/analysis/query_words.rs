//! The words of a phrase as they are asked for.

use super::words::{Script, pieces};

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryWord {
    /// How far it stands behind the first word of the query, in positions; not every position has a word.
    pub offset: u32,
    /// The surface to be found there.
    pub text: String,
}

/// The surfaces that a text must hold at these distances to contain `text` as a phrase, in ascending order of offset;
/// none if `text` has no letter or digit.
///
/// A run of CJK characters is asked for by its bigrams, a single one by itself: fewer words that are rarer, with the
/// same meaning.
pub fn query_words(text: &str) -> Vec<QueryWord> {
    let mut asked: Vec<QueryWord> = Vec::new();
    let mut after_bigram = None;
    pieces(text, |piece| {
        let offset = piece.word.position;
        // A character that is half of a bigram says nothing that the bigram does not.
        match piece.script {
            Script::Bigram if asked.last().is_some_and(|last| last.offset == offset) => {
                asked.pop();
            }
            Script::Character if after_bigram == Some(offset) => return,
            _ => {}
        }
        if piece.script == Script::Bigram {
            after_bigram = Some(offset + 1);
        }
        asked.push(QueryWord { offset, text: piece.word.text.to_owned() });
    });
    asked
}
