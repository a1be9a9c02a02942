/// A range of bytes in a text that a person wrote: a query or an expression. `start == end` is a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after the range.
    pub end: usize,
}

/// Characters of a text that [`Span::underline`] shows.
const SHOWN: usize = 80;

/// What stands for the rest of the text.
const CUT: &str = "...";

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Two lines for a terminal: `source`, and carets below the range. Control characters are shown as blanks, so
    /// the carets stay below what they mean. Of a text of more than 80 characters, 80 around the start of the range
    /// are shown, with `...` where it is cut, and the carets end with what is shown.
    pub fn underline(self, source: &str) -> String {
        let start = source.floor_char_boundary(self.start.min(source.len()));
        let end = source.floor_char_boundary(self.end.clamp(start, source.len()));
        let before = source.get(..start).unwrap_or_default().chars().count();
        let carets = source.get(start..end).unwrap_or_default().chars().count();
        let total = source.chars().count();
        let first = before.saturating_sub(SHOWN / 2).min(total.saturating_sub(SHOWN));
        let last = (first + SHOWN).min(total);
        let cut = |is_cut: bool| if is_cut { CUT } else { "" };
        let (head, tail) = (cut(first > 0), cut(last < total));
        let shown = source.chars().skip(first).take(SHOWN).map(|c| if c.is_control() { ' ' } else { c });
        let indent = head.len() + before - first;
        let carets = carets.min(last - before).max(1);
        format!("{head}{}{tail}\n{}{}", shown.collect::<String>(), " ".repeat(indent), "^".repeat(carets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_count_characters_not_bytes() {
        assert_eq!(
            Span::new(7, 12).underline("\u{e4}\u{f6}\u{fc}=b\u{e9}ta"),
            "\u{e4}\u{f6}\u{fc}=b\u{e9}ta\n    ^^^^"
        );
    }

    #[test]
    fn a_range_past_the_end_points_at_the_end() {
        assert_eq!(Span::new(9, 12).underline("abc"), "abc\n   ^");
    }

    #[test]
    fn a_text_of_80_characters_is_shown_whole() {
        let text = "\u{e4}".repeat(80);
        let carets = "^".repeat(80);
        assert_eq!(Span::new(0, text.len()).underline(&text), format!("{text}\n{carets}"));
        assert_eq!(Span::new(160, 160).underline(&text), format!("{text}\n{}^", " ".repeat(80)));
    }

    #[test]
    fn of_a_longer_text_80_characters_around_the_start_are_shown() {
        let (a, b) = ("a".repeat(60), "b".repeat(60));
        let text = format!("{a}{b}");
        let cases = [
            // At the start, the range longer than what is shown, and shorter.
            ((0, 120), format!("{a}{}...\n{}", &b[..20], "^".repeat(80))),
            ((0, 3), format!("{a}{}...\n^^^", &b[..20])),
            // The last start at which nothing is cut before it, and the first with a cut.
            ((40, 42), format!("{a}{}...\n{}^^", &b[..20], " ".repeat(40))),
            ((41, 42), format!("...{}{}...\n{}^", &a[1..], &b[..21], " ".repeat(43))),
            ((60, 120), format!("...{}{}...\n{}{}", &a[20..], &b[..40], " ".repeat(43), "^".repeat(40))),
            // The last start at which something is cut after it, and the first without.
            ((79, 80), format!("...{}{}...\n{}^", &a[39..], &b[..59], " ".repeat(43))),
            ((80, 120), format!("...{}{b}\n{}{}", &a[40..], " ".repeat(43), "^".repeat(40))),
            // At the end, and a point behind it.
            ((119, 120), format!("...{}{b}\n{}^", &a[40..], " ".repeat(82))),
            ((120, 120), format!("...{}{b}\n{}^", &a[40..], " ".repeat(83))),
        ];
        for ((start, end), expected) in cases {
            assert_eq!(Span::new(start, end).underline(&text), expected, "{start}..{end}");
        }
    }

    #[test]
    fn one_character_too_many_is_cut() {
        let text = "a".repeat(81);
        assert_eq!(Span::new(0, 81).underline(&text), format!("{}...\n{}", &text[..80], "^".repeat(80)));
        assert_eq!(Span::new(81, 81).underline(&text), format!("...{}\n{}^", &text[..80], " ".repeat(83)));
    }
}
