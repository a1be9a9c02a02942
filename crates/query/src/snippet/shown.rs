//! A text as snippets show it, on one line.

/// The characters of `body` with their places in bytes, ascending; runs of white space and control characters become one
/// blank, and none at either end.
pub(super) fn shown(body: &str) -> impl Iterator<Item = (usize, char)> {
    let mut begun = false;
    let mut blank = None;
    body.char_indices()
        .flat_map(move |(at, c)| {
            if c.is_whitespace() || c.is_control() {
                if begun {
                    blank.get_or_insert(at);
                }
                return [None, None];
            }
            begun = true;
            [blank.take().map(|at| (at, ' ')), Some((at, c))]
        })
        .flatten()
}

/// Turns places in a text into places in what is shown of it.
pub(super) struct Ruler<I: Iterator> {
    shown: std::iter::Peekable<I>,
    passed: usize,
}

/// A ruler for `body`.
pub(super) fn ruler(body: &str) -> Ruler<impl Iterator<Item = (usize, char)>> {
    Ruler { shown: shown(body).peekable(), passed: 0 }
}

impl<I: Iterator<Item = (usize, char)>> Ruler<I> {
    /// How many characters are shown before the byte `at`, which is not before the one asked for last.
    pub(super) fn at(&mut self, at: usize) -> usize {
        while self.shown.next_if(|(start, _)| *start < at).is_some() {
            self.passed += 1;
        }
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_control_characters_are_one_blank_and_none_at_the_ends() {
        for (body, line) in [
            ("", ""),
            (" \r\n\u{0}", ""),
            ("a", "a"),
            ("\n a\t\u{7}\u{a0}b\u{2028}c  ", "a b c"),
            ("\u{e9}\u{1b}[0m", "\u{e9} [0m"),
        ] {
            assert_eq!(shown(body).map(|(_, c)| c).collect::<String>(), line, "{body:?}");
        }
    }

    #[test]
    fn a_ruler_counts_what_is_shown_before_each_character() {
        let body = "  \u{e9}t\n\n\u{e9} x";
        let mut ruler = ruler(body);
        for (at, c) in body.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let before = shown(body).take_while(|(start, _)| *start < at).count();
            assert_eq!(ruler.at(at), before, "{c} at {at}");
            assert_eq!(ruler.at(at), before, "asked twice");
        }
    }
}
