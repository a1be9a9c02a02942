use std::borrow::Cow;

use model::fold;
use text::analysis::query_words;
use ticketscope_model as model;
use ticketscope_text as text;

/// What was typed.
pub(super) struct Beginning<'a> {
    typed: &'a str,
    folded: String,
}

impl<'a> Beginning<'a> {
    pub(super) fn new(typed: &'a str) -> Self {
        let typed = typed.trim();
        Self { typed, folded: fold(typed) }
    }

    /// Whether `text` begins so, from its beginning on or from that of a run of letters and digits in it.
    pub(super) fn is_of(&self, text: &str) -> bool {
        let folded = if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(fold(text)) };
        let wanted = self.folded.as_bytes();
        let mut inside = false;
        folded.char_indices().any(|(at, c)| {
            let starts = at == 0 || (!inside && c.is_alphanumeric());
            inside = c.is_alphanumeric();
            // Both are folded but for the case of ASCII letters.
            starts && folded.as_bytes()[at..].get(..wanted.len()).is_some_and(|has| has.eq_ignore_ascii_case(wanted))
        })
    }

    /// Whether `text` is what was typed.
    pub(super) fn is_whole(&self, text: &str) -> bool {
        fold(text) == self.folded
    }

    /// The surface with which a word has to begin: the last word typed.
    pub(super) fn last_word(&self) -> Option<String> {
        query_words(self.typed).pop().map(|word| word.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_text_is_no_beginning_of_it() {
        let typed = Beginning::new(" Zo\u{e9}@Ex.test ");
        assert!(typed.is_whole("zoe@ex.test") && typed.is_whole("ZO\u{c9}@ex.test"));
        assert!(!typed.is_whole("zoe@ex.tes") && !typed.is_whole("zoe@ex.test2") && !typed.is_whole(""));
    }

    #[test]
    fn a_text_begins_from_any_of_its_words_on_whatever_the_case_and_accents() {
        for (typed, text, begins) in [
            ("", "x", true),
            ("  ", "x", true),
            ("b", "Billing", true),
            ("bILL ", "Billing", true),
            ("ill", "Billing", false),
            ("te", "Billing team", true),
            ("billing t", "Billing team", true),
            ("g te", "Billing team", false),
            ("ex", "anna@ex.test", true),
            ("@ex", "anna@ex.test", false),
            ("@", "@anna", true),
            ("2", "tier-2", true),
            ("\u{c9}t", "un \u{e9}t\u{e9}", true),
            ("ete", "\u{c9}t\u{e9}", true),
            ("\u{e9}te", "ete", true),
            ("stras", "STRA\u{df}E", true),
            ("\u{6f22}", "\u{6f22}\u{5b57}", true),
            ("\u{6f22}", "kanji", false),
            ("longer", "long", false),
        ] {
            assert_eq!(Beginning::new(typed).is_of(text), begins, "{typed:?} of {text:?}");
        }
    }

    #[test]
    fn the_last_word_typed_is_the_one_to_go_on_with() {
        let last = |typed| Beginning::new(typed).last_word();
        assert_eq!(last("  "), None);
        assert_eq!(last("-"), None);
        assert_eq!(last("Caf\u{e9}").as_deref(), Some("cafe"));
        assert_eq!(last("printer on-fi ").as_deref(), Some("fi"));
    }
}
