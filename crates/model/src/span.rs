/// A range of bytes in a text that a person wrote: a query or an expression. `start == end` is a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after the range.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Two lines for a terminal: `source`, and carets below the range. Control characters are shown as blanks, so
    /// the carets stay below what they mean.
    pub fn underline(self, source: &str) -> String {
        let blank = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let start = source.floor_char_boundary(self.start.min(source.len()));
        let end = source.floor_char_boundary(self.end.clamp(start, source.len()));
        let before = source.get(..start).unwrap_or_default().chars().count();
        let carets = source.get(start..end).unwrap_or_default().chars().count().max(1);
        format!("{}\n{}{}", blank(source), " ".repeat(before), "^".repeat(carets))
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
}
