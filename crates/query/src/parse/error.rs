//! What can be wrong with a query.

use std::sync::Arc;

use thiserror::Error;
use ticketscope_model::{KeyError, Span};

/// Why a query is refused, and where. It depends on the text, the schema and the limits alone, never on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct QueryError {
    /// The part of the text that is wrong.
    pub span: Span,
    /// What is wrong with it.
    pub kind: QueryErrorKind,
}

/// What is wrong with a query. Texts that the asker wrote are cut to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryErrorKind {
    /// More bytes than [`crate::parse::Limits::bytes`].
    #[error("the query has {bytes} bytes and may have at most {max}: ask for less at once")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More clauses than [`crate::parse::Limits::clauses`].
    #[error("a query may have at most {max} clauses: repeat a key for alternatives, they count as one clause")]
    TooManyClauses {
        /// The limit.
        max: usize,
    },
    /// More words than [`crate::parse::Limits::words`].
    #[error("a query may have at most {max} words: leave some out")]
    TooManyWords {
        /// The limit.
        max: usize,
    },
    /// More values than [`crate::parse::Limits::values`].
    #[error("a query may have at most {max} values: split it into several queries")]
    TooManyValues {
        /// The limit.
        max: usize,
    },
    /// Neither a field nor a keyword.
    #[error(
        "unknown field `{key}`{}",
        near.as_ref().map_or_else(
            || "; to search for it as text, put it in quotes".to_owned(),
            |near| format!(", did you mean `{near}`? To search for it as text, put it in quotes"),
        )
    )]
    UnknownKey {
        /// What was written.
        key: Arc<str>,
        /// The nearest known name.
        near: Option<Arc<str>>,
    },
    /// Nothing after the operator.
    #[error("`{key}` has no value: write it right after the operator, without a blank, or `none` for no value")]
    MissingValue {
        /// The key.
        key: Arc<str>,
    },
    /// A blank before the operator.
    #[error("a blank stands between `{key}` and its operator: write them together, or quote what is text")]
    BlankBeforeOperator {
        /// The key.
        key: Arc<str>,
    },
    /// A quote that is never closed.
    #[error("this quote is never closed: add a `\"` at the end, or write `\\\"` inside quotes")]
    OpenQuote,
    /// A quote in the middle of an unquoted value.
    #[error("a quote inside a value: put the whole value in quotes and write `\\\"` for a quote in it")]
    QuoteInValue,
    /// A character right after the closing quote of a value.
    #[error("the value ends at its closing quote: put a blank after it")]
    TextAfterQuote,
    /// `created:>2026-01-01`.
    #[error("`:` is followed by another operator: write `{key}{operator}` without `:`, or quote the value")]
    TwoOperators {
        /// The key.
        key: Arc<str>,
        /// The second operator.
        operator: &'static str,
    },
    /// A comparison on something without an order.
    #[error("`{key}` has no order to compare by: use `:`; these can be compared: {}", comparable.join(", "))]
    NotComparable {
        /// The key.
        key: Arc<str>,
        /// Names of fields that can be compared, at most [`SHOWN_FIELDS`].
        comparable: Vec<Arc<str>>,
    },
    /// A comparison with `none`, `me` or `*`.
    #[error("nothing is smaller or larger than `{word}`: write `{key}:{word}`")]
    NotAPoint {
        /// The key.
        key: Arc<str>,
        /// What it was compared with.
        word: Arc<str>,
    },
    /// No date.
    #[error(
        "`{text}` is no date for `{key}`: write 2026-01-31, 2026-01-31T09:30:00Z, or after `<` or `>` an age like 4hours"
    )]
    NotADate {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
    },
    /// A date or an age too far away.
    #[error("`{text}` lies outside the years -9999 to 9999: write a date nearer to today")]
    DateOutOfRange {
        /// What was written.
        text: Arc<str>,
    },
    /// `created:4hours`.
    #[error(
        "`{text}` is an age, and no ticket is exactly as old: write `{key}>{text}` for later, `{key}<{text}` for earlier"
    )]
    AgeWithoutDirection {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
    },
    /// `created>A/B`.
    #[error("`{text}` is a range of time and cannot be compared with: write `{key}:{text}`")]
    RangeCompared {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
    },
    /// No number.
    #[error("`{text}` is no number, and `{key}` holds numbers")]
    NotANumber {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
    },
    /// No flag.
    #[error("`{text}` is neither true nor false: write `{key}:true` or `{key}:false`")]
    NotAFlag {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
    },
    /// A value without a place in its field's order.
    #[error("`{text}` has no place in the order of `{key}`: {}", order.join(" < "))]
    NoRank {
        /// The key.
        key: Arc<str>,
        /// What was written.
        text: Arc<str>,
        /// The field's values, lowest first.
        order: &'static [&'static str],
    },
    /// `tags:pho*`.
    #[error("values of `{key}` match whole, without `*`: write the whole value, or quote it if the `*` belongs to it")]
    WholeValue {
        /// The key.
        key: Arc<str>,
    },
    /// `fieldvalue:none`, `id:*` and the like.
    #[error("`{key}` takes a value, not `{word}`")]
    NoKeyword {
        /// The key.
        key: Arc<str>,
        /// `none` or `*`.
        word: &'static str,
    },
    /// A `*` elsewhere than at the end of a word.
    #[error("`*` can only stand at the end of a word: write `word*`, or quote it as text")]
    Wildcard,
    /// A prefix with fewer letters than [`crate::parse::MIN_PREFIX_CHARS`].
    #[error("a prefix needs at least {min} letters before its `*`")]
    ShortPrefix {
        /// The limit.
        min: usize,
    },
    /// `--word`.
    #[error("`--` is no operator: write one `-` to exclude, or quote it as text")]
    TwoDashes,
    /// `(status:open`.
    #[error("queries have no parentheses: everything written must hold, and a repeated key means either value")]
    Grouping,
    /// `type:user`.
    #[error("only tickets are searched here, not `type:{kind}`: for tickets of this type write `ticket_type:{kind}`")]
    ResultType {
        /// What was asked for.
        kind: Arc<str>,
    },
    /// `me` where nobody asks.
    #[error("`me` is the asking principal, and this query has none: write an id")]
    NobodyAsks,
    /// `order_by:` or `sort:` twice.
    #[error("`{key}` is written twice: keep one")]
    Repeated {
        /// The key.
        key: Arc<str>,
    },
    /// `-order_by:`, `-sort:` or `-type:ticket`.
    #[error("`{key}` cannot be excluded: remove the `-`")]
    Negated {
        /// The key.
        key: Arc<str>,
    },
    /// A field that a list cannot be ordered by.
    #[error("lists cannot be ordered by `{key}`: take a field with one value, like created_at or priority")]
    NotSortable {
        /// The field.
        key: Arc<str>,
    },
    /// No direction.
    #[error("`{text}` is no direction: write asc or desc")]
    Direction {
        /// What was written.
        text: Arc<str>,
    },
    /// Words without a letter or a digit, and nothing else.
    #[error("nothing to search for: no word here holds a letter or a digit")]
    NoWords,
    /// `sort:asc` with `order_by:relevance`.
    #[error("relevance has one direction, best first: leave out `sort:asc`")]
    WorstFirst,
    /// No ticket key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The most field names that an error lists.
pub const SHOWN_FIELDS: usize = 16;

/// `text` as an error shows it: at most 64 characters, none of them a control character.
pub(super) fn shown(text: &str) -> Arc<str> {
    text.chars().take(64).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
}

impl QueryErrorKind {
    pub(super) fn at(self, span: Span) -> QueryError {
        QueryError { span, kind: self }
    }
}
