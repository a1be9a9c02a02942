//! A query as typed values: what [`crate::parse`] makes of a text, and what a program may build without one.
//!
//! All clauses and all words must hold (AND). Nothing nests: alternatives live inside one clause, so a query has a
//! bounded size and every function over it is a loop.

use std::{ops::Bound, sync::Arc};

use ticketscope_model::{FieldId, Span, TicketKey, Timestamp, fields};

/// What a person or a program asks. The default asks for every visible ticket in the default order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Tests on fields and ticket keys; all must hold.
    pub filter: Vec<Clause>,
    /// Tests on text; all must hold. Kept here because they are answered from another index.
    pub words: Vec<WordClause>,
    /// The order asked for, or nothing for the default one.
    pub order: Option<Sort>,
}

/// One test on a ticket, or its negation.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// Whether the tickets that do *not* pass are wanted. A ticket without the field passes a negated test.
    pub negated: bool,
    /// The test.
    pub test: Test,
    /// Where it was written; of a clause merged from several places the first. Empty if it was built.
    pub span: Span,
}

/// What a clause looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A field that is not of kind text.
    Field {
        /// Which one.
        field: FieldId,
        /// What must hold of its values.
        op: Op,
    },
    /// The ticket's key is one of these.
    Key(Vec<TicketKey>),
    /// A bare integer: the ticket with this key, or any ticket whose text holds the number as a word.
    NumberOrWord(i64),
    /// Any custom field has one of these values.
    AnyCustomField(Vec<ValuePattern>),
}

/// What must hold of a field's values.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// At least one of these patterns matches (repeating a key is OR). Never empty.
    OneOf(Vec<Pattern>),
    /// A value lies in the interval (several comparisons on one key are AND). Only for dates, numbers and keyword
    /// fields with a natural order.
    Within(Interval),
}

/// One alternative of [`Op::OneOf`].
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// The field has this value; for keyword, principal, tree and flag fields (`true` or `false`).
    Value(ValuePattern),
    /// A number field has this finite value.
    Number(f64),
    /// A date field lies in `from <= date < until`: the whole day of a bare date, the second or millisecond of a
    /// full one.
    During {
        /// The first moment inside.
        from: Timestamp,
        /// The first moment after it.
        until: Timestamp,
    },
    /// The asking principal, by exact id and never folded. Only for principal fields.
    Me(Arc<str>),
    /// The field has no value: unquoted `none`.
    Unset,
    /// The field has a value: `*`.
    Any,
}

/// A value as it was written. It is matched whole: exactly first, then folded for case and accents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValuePattern {
    /// The value, without quotes and escapes.
    pub text: Arc<str>,
    /// Whether it was quoted, and so meant literally.
    pub quoted: bool,
}

/// The values between two bounds, which are of one kind. An interval whose lower bound lies above its upper bound
/// holds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub lo: Bound<Point>,
    /// The upper bound.
    pub hi: Bound<Point>,
}

/// Something that values of an ordered field are compared with.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Point {
    /// Of a date field.
    Date(Timestamp),
    /// Of a number field; finite.
    Number(f64),
    /// Of a keyword field with a natural order: the place in [`ticketscope_model::FieldDef::order`].
    Rank(usize),
}

/// One test on text, or its negation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordClause {
    /// Whether the tickets that do *not* match are wanted.
    pub negated: bool,
    /// Which text is looked at.
    pub scope: WordScope,
    /// At least one of these must match. Free words have one alternative; a repeated `subject:` adds one.
    pub any_of: Vec<WordPattern>,
    /// Where it was written; of a clause merged from several places the first. Empty if it was built.
    pub span: Span,
}

/// The part of a ticket's text that a word is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordScope {
    /// Every class that the asker may read.
    Anywhere,
    /// `subject:`
    Subject,
    /// `description:`, which help desks read as the description and the comments.
    Description,
    /// `comment:`, the public comments.
    Comment,
    /// `note:`, the private ones.
    Note,
    /// `attachment_name:`
    AttachmentName,
    /// A custom field of kind text.
    Field(FieldId),
}

/// One alternative of a [`WordClause`]. The strings are what was written between separators, punctuation included:
/// analysis belongs to the text index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WordPattern {
    /// `word`, by its stems or its folded surface.
    Word(Arc<str>),
    /// `"two words"`: these, in this order, by their surface. Never empty; a quoted single word is a phrase of one.
    Phrase(Vec<Arc<str>>),
    /// `word*`, without the `*`.
    Prefix(Arc<str>),
    /// `subject:*`: any text at all.
    Any,
}

/// The order of a list. Ties break by ticket key, and tickets without a value come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort {
    /// By what.
    pub by: SortKey,
    /// Which end first.
    pub direction: Direction,
}

/// What a list may be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// The one value of a field: dates and numbers by size, keywords by their natural order if they have one, else by
    /// their bytes.
    Field(FieldId),
    /// The ticket key.
    Key,
    /// How well the words of the query match; always best first.
    Relevance,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// Whether each part of the query stands on every ticket that it finds: nothing is excluded, nothing may be missing,
    /// no part is one of several values, words or prefixes. Then an answer that found something read of no value or word
    /// that the asker does not see somewhere.
    pub fn is_plain(&self) -> bool {
        let is_one = |test: &Test| match test {
            Test::Field { op: Op::OneOf(patterns), .. } => {
                matches!(patterns.as_slice(), [only] if !matches!(only, Pattern::Unset))
            }
            Test::Field { op: Op::Within(_), .. } => true,
            Test::Key(keys) => keys.len() == 1,
            Test::NumberOrWord(_) | Test::AnyCustomField(_) => false,
        };
        self.filter.iter().all(|clause| !clause.negated && is_one(&clause.test))
            && self.words.iter().all(|clause| {
                let is_word = |pattern: &WordPattern| matches!(pattern, WordPattern::Word(_) | WordPattern::Phrase(_));
                !clause.negated && matches!(clause.any_of.as_slice(), [only] if is_word(only))
            })
    }

    /// A query for every visible ticket.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The order of its list: as asked for, else by relevance if it has words to find, else newest first.
    pub fn sort(&self) -> Sort {
        self.order
            .unwrap_or_else(|| if crate::words::has_scored_words(self) { Sort::RELEVANCE } else { Sort::default() })
    }

    /// Whether it is answered from the words of tickets too, not from their fields alone.
    pub fn asks_for_words(&self) -> bool {
        !self.words.is_empty() || crate::words::numbers(self).next().is_some()
    }

    /// This query and `clause`.
    #[must_use]
    pub fn and(mut self, clause: Clause) -> Self {
        self.filter.push(clause);
        self
    }

    /// This query and `word`.
    #[must_use]
    pub fn and_word(mut self, word: WordClause) -> Self {
        self.words.push(word);
        self
    }

    /// This query in another order.
    #[must_use]
    pub fn ordered(mut self, order: Sort) -> Self {
        self.order = Some(order);
        self
    }

    /// This query without its spans, so that `==` compares meanings and not places in a text.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        for clause in &mut self.filter {
            clause.span = Span::default();
        }
        for word in &mut self.words {
            word.span = Span::default();
        }
        self
    }
}

impl Clause {
    /// The tickets that pass `test`.
    pub fn new(test: Test) -> Self {
        Self { negated: false, test, span: Span::default() }
    }

    /// The tickets whose `field` matches at least one of `patterns`.
    pub fn one_of(field: FieldId, patterns: Vec<Pattern>) -> Self {
        Self::new(Test::Field { field, op: Op::OneOf(patterns) })
    }

    /// The tickets whose `field` has the literal value `text`.
    pub fn is(field: FieldId, text: &str) -> Self {
        Self::one_of(field, vec![Pattern::Value(ValuePattern::literal(text))])
    }

    /// The tickets whose `field` has no value.
    pub fn unset(field: FieldId) -> Self {
        Self::one_of(field, vec![Pattern::Unset])
    }

    /// The tickets whose `field` has a value.
    pub fn any(field: FieldId) -> Self {
        Self::one_of(field, vec![Pattern::Any])
    }

    /// The tickets whose `field` has a value in `interval`.
    pub fn within(field: FieldId, interval: Interval) -> Self {
        Self::new(Test::Field { field, op: Op::Within(interval) })
    }

    /// The tickets with these keys.
    pub fn keys(keys: Vec<TicketKey>) -> Self {
        Self::new(Test::Key(keys))
    }

    /// The opposite clause.
    #[must_use]
    pub fn negate(mut self) -> Self {
        self.negated = !self.negated;
        self
    }
}

impl ValuePattern {
    /// A value that is meant literally.
    pub fn literal(text: &str) -> Self {
        Self { text: text.into(), quoted: true }
    }

    /// The finite number that the value reads as, if any: what it means to a number field.
    pub fn number(&self) -> Option<f64> {
        self.text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number + 0.0)
    }
}

impl Interval {
    /// Every value.
    pub const ALL: Self = Self { lo: Bound::Unbounded, hi: Bound::Unbounded };

    /// The values that lie in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { lo: tighter(self.lo, other.lo, PartialOrd::gt), hi: tighter(self.hi, other.hi, PartialOrd::lt) }
    }

    /// Whether `point` lies inside. A point of another kind than the bounds does not.
    pub fn contains(&self, point: Point) -> bool {
        let same = |bound: &Point| std::mem::discriminant(bound) == std::mem::discriminant(&point);
        let above = match &self.lo {
            Bound::Included(lo) => same(lo) && *lo <= point,
            Bound::Excluded(lo) => same(lo) && *lo < point,
            Bound::Unbounded => true,
        };
        let below = match &self.hi {
            Bound::Included(hi) => same(hi) && point <= *hi,
            Bound::Excluded(hi) => same(hi) && point < *hi,
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// The one of two bounds that leaves less; `inner` says whether its first point lies further inside.
fn tighter(a: Bound<Point>, b: Bound<Point>, inner: fn(&Point, &Point) -> bool) -> Bound<Point> {
    match (a, b) {
        (Bound::Unbounded, other) | (other, Bound::Unbounded) => other,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => {
            if inner(&x, &y) || (x == y && matches!(a, Bound::Excluded(_))) { a } else { b }
        }
    }
}

impl WordClause {
    /// The tickets whose text in `scope` matches `pattern`.
    pub fn new(scope: WordScope, pattern: WordPattern) -> Self {
        Self { negated: false, scope, any_of: vec![pattern], span: Span::default() }
    }

    /// The opposite clause.
    #[must_use]
    pub fn negate(mut self) -> Self {
        self.negated = !self.negated;
        self
    }
}

impl Sort {
    /// The best matches first.
    pub const RELEVANCE: Self = Self { by: SortKey::Relevance, direction: Direction::Descending };
}

impl Default for Sort {
    /// The order of a list that asks for none: newest `updated_at` first.
    fn default() -> Self {
        Self { by: SortKey::Field(fields::UPDATED_AT), direction: Direction::Descending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Vec<Bound<Point>> {
        let points = (1..4).map(Point::Rank);
        let closed = points.clone().map(Bound::Included);
        closed.chain(points.map(Bound::Excluded)).chain([Bound::Unbounded]).collect()
    }

    #[test]
    fn an_interval_holds_what_its_bounds_say() {
        let inside =
            |lo, hi| (0..5).filter(|rank| Interval { lo, hi }.contains(Point::Rank(*rank))).collect::<Vec<_>>();
        let [one, three] = [Point::Rank(1), Point::Rank(3)];
        assert_eq!(inside(Bound::Included(one), Bound::Included(three)), [1, 2, 3]);
        assert_eq!(inside(Bound::Excluded(one), Bound::Excluded(three)), [2]);
        assert_eq!(inside(Bound::Unbounded, Bound::Excluded(three)), [0, 1, 2]);
        assert_eq!(inside(Bound::Excluded(three), Bound::Unbounded), [4]);
        assert_eq!(inside(Bound::Included(three), Bound::Included(one)), [0; 0]);
        assert!(!Interval { lo: Bound::Included(one), hi: Bound::Unbounded }.contains(Point::Number(2.0)));
    }

    #[test]
    fn the_intersection_holds_what_both_hold() {
        let intervals: Vec<Interval> =
            bounds().into_iter().flat_map(|lo| bounds().into_iter().map(move |hi| Interval { lo, hi })).collect();
        for a in &intervals {
            for b in &intervals {
                for rank in 0..5 {
                    let point = Point::Rank(rank);
                    let both = a.contains(point) && b.contains(point);
                    assert_eq!(a.and(*b).contains(point), both, "{a:?} and {b:?} at {rank}");
                }
            }
        }
    }
}
