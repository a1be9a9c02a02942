//! Words and their positions in one string, which a tokenizer plays back: how words come to the library's own writer.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Stands before a word at the position of the one before it. No word holds control characters.
const SAME: char = '\u{1}';
/// Stands before a word at the next position.
const NEXT: char = '\u{2}';
/// Stands before a word that leaves one position free, so that no phrase reaches over the gap.
const GAP: char = '\u{3}';

/// Words with positions, as one string.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    /// The position of the last word, if there is one.
    last: Option<u32>,
}

impl Words {
    /// Where the next part begins: behind a gap, unless it is the first.
    pub(crate) fn next_part(&self) -> u32 {
        self.last.map_or(0, |last| last + 2)
    }

    /// Adds a word at `position`, which is not before the last one added and at most two behind it.
    pub(crate) fn push(&mut self, position: u32, word: &str) {
        let mark = match self.last {
            None if position == 0 => NEXT,
            Some(last) if position == last => SAME,
            Some(last) if position == last + 1 => NEXT,
            _ => GAP,
        };
        self.text.push(mark);
        self.text.push_str(word);
        self.last = Some(position);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// Plays [`Words`] back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay {
    token: Token,
}

/// The words of one text that are still to come.
pub(crate) struct Playing<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for Replay {
    type TokenStream<'a> = Playing<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Playing<'a> {
        self.token.reset();
        Playing { rest: text, token: &mut self.token }
    }
}

impl TokenStream for Playing<'_> {
    fn advance(&mut self) -> bool {
        let Some(mark) = self.rest.chars().next() else { return false };
        let step = match mark {
            SAME => 0,
            NEXT => 1,
            _ => 2,
        };
        let words = &self.rest[mark.len_utf8()..];
        let end = words.find([SAME, NEXT, GAP]).unwrap_or(words.len());
        // A fresh token stands before position 0.
        self.token.position = self.token.position.wrapping_add(step);
        self.token.text.clear();
        self.token.text.push_str(&words[..end]);
        self.rest = &words[end..];
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[test]
fn words_come_back_with_their_positions() {
    let mut words = Words::default();
    assert_eq!(words.next_part(), 0);
    words.push(0, "a");
    words.push(0, "b");
    words.push(1, "c");
    assert_eq!(words.next_part(), 3);
    words.push(3, "\u{6f22}");
    let mut replay = Replay::default();
    let text = words.into_text();
    let mut found = Vec::new();
    replay.token_stream(&text).process(&mut |token| found.push((token.position, token.text.clone())));
    assert_eq!(found, [(0, "a"), (0, "b"), (1, "c"), (3, "\u{6f22}")].map(|(at, word)| (at, word.to_owned())));
}
