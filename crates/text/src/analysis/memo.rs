//! Stems that have been found before.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Languages;

/// How many words are remembered, over all sets of languages.
const MAX_WORDS: usize = 65_536;

/// The stems of a word.
pub(super) type Stems = Box<[Box<str>]>;

/// Words with their stems.
type Known = HashMap<Box<str>, Stems, RandomState>;

/// The stems of words by set of languages. Forgets everything when it is full: frequent words are soon back.
#[derive(Debug, Default)]
pub(super) struct Memo {
    by_languages: Vec<(Languages, Known)>,
    words: usize,
}

impl Memo {
    /// The stems of `word`, found by `find` if they are not remembered.
    pub(super) fn stems(&mut self, languages: Languages, word: &str, find: impl FnOnce() -> Stems) -> &[Box<str>] {
        if self.words >= MAX_WORDS {
            *self = Self::default();
        }
        let at = self.by_languages.iter().position(|(these, _)| *these == languages).unwrap_or_else(|| {
            self.by_languages.push((languages, Known::default()));
            self.by_languages.len() - 1
        });
        let words = &mut self.by_languages[at].1;
        if !words.contains_key(word) {
            words.insert(word.into(), find());
            self.words += 1;
        }
        &words[word]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Language;

    #[test]
    fn what_is_remembered_depends_on_word_and_languages_and_is_bounded() {
        let mut memo = Memo::default();
        let stem = |text: &str| -> Stems { [text.into()].into() };
        let french = Languages::from(Language::French);
        for (languages, word, found, told) in [
            (Languages::default(), "a", "1", "1"),
            (Languages::default(), "a", "2", "1"),
            (french, "a", "3", "3"),
            (Languages::default(), "b", "4", "4"),
        ] {
            assert_eq!(*memo.stems(languages, word, || stem(found))[0], *told);
        }
        for number in memo.words..MAX_WORDS {
            memo.stems(french, &number.to_string(), || stem("5"));
        }
        assert_eq!(memo.words, MAX_WORDS);
        assert_eq!(*memo.stems(french, "a", || stem("6"))[0], *"6");
        assert_eq!(memo.words, 1);
    }
}
