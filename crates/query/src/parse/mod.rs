//! The query language: one bounded parser for what help desk people type, and the way back to text.
//!
//! ```text
//! query    := (["-"] term)*                                 all must hold
//! term     := key operator value | word | word"*" | phrase | integer
//! operator := ":" | "<" | ">" | "<=" | ">="                 no blank around it
//! value    := "none" | "me" | "*" | unquoted | quoted       repeating a key is OR
//! ```
//!
//! - Different keys are AND. `key:a key:b` is one clause with two alternatives, `-key:a -key:b` two clauses that both
//!   must hold. Comparisons on one key are AND, and so are a key's comparisons and its `:` values.
//! - A quoted value is literal and whole. Unquoted `none` means no value, `*` any value, and `me` the asking principal
//!   on fields that hold principals.
//! - Dates: see [`parse`]. Words, phrases and prefixes are kept as written, their punctuation included.
//! - `order_by:KEY` and `sort:asc|desc` order the list; `order_by:relevance`, best first, is the order of a query with words.
//! - There is no grouping. In words parentheses are punctuation; before a key they are an error.
//!
//! Nothing recurses: the parser is a loop over terms, and its time is linear in the text, plus one pass over the names
//! of the schema to correct an unknown one.

use std::{collections::HashMap, ops::Bound, sync::Arc};

use jiff::tz::TimeZone;
use ticketscope_model::{FIRST_CUSTOM_FIELD, FieldDef, FieldId, FieldKind, Schema, Span, TicketKey, Timestamp, fields};

mod check;
mod date;
mod error;
mod key;
mod lexer;
mod print;

#[cfg(test)]
mod tests;

pub use self::check::BuildError;
pub use self::error::{QueryError, QueryErrorKind, SHOWN_FIELDS};
use self::{
    error::shown,
    key::{Key, is_ordered, is_sortable, nearest},
    lexer::{Body, Lexer, Operator, Property, Term, Written, is_separator},
};
use crate::ast::{
    Clause, Direction, Interval, Op, Pattern, Point, Query, Sort, SortKey, Test, ValuePattern, WordClause, WordPattern,
    WordScope,
};

/// The fewest letters and digits before the `*` of a prefix.
pub const MIN_PREFIX_CHARS: usize = 2;

/// How large a query may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub bytes: usize,
    /// Clauses on fields, keys and text together, after repeated keys were merged.
    pub clauses: usize,
    /// Words: runs of letters and digits in words, phrases and prefixes.
    pub words: usize,
    /// Explicit values and ticket keys.
    pub values: usize,
}

impl Default for Limits {
    /// 2 KiB, 128 clauses, 64 words, 1,024 values.
    fn default() -> Self {
        Self { bytes: 2048, clauses: 128, words: 64, values: 1024 }
    }
}

/// What a query means depends on who asks, and when.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The names of the tenant.
    pub schema: &'a Schema,
    /// The moment from which ages count back.
    pub now: Timestamp,
    /// The zone of bare dates, of times without an offset, and of ages in days or longer.
    pub zone: TimeZone,
    /// The asking principal, if there is one.
    pub me: Option<&'a str>,
    /// How large the query may be.
    pub limits: Limits,
    /// The fields of the tenant's own that errors may name beside the built-in ones: those that the asker knows of.
    pub named: &'a [FieldId],
}

impl<'a> Context<'a> {
    /// Nobody asks, in UTC, within the default limits, and errors name no field but the built-in ones.
    pub fn new(schema: &'a Schema, now: Timestamp) -> Self {
        Self { schema, now, zone: TimeZone::UTC, me: None, limits: Limits::default(), named: &[] }
    }

    /// The same for the principal `me`.
    #[must_use]
    pub fn asked_by(mut self, me: &'a str) -> Self {
        self.me = Some(me);
        self
    }

    /// The same in another time zone.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The same, where errors may also name these fields: [`crate::fields()`] of the asker.
    #[must_use]
    pub fn naming(mut self, fields: &'a [FieldId]) -> Self {
        self.named = fields;
        self
    }

    /// Whether errors may name a field.
    fn names(&self, field: FieldId) -> bool {
        field.0 < FIRST_CUSTOM_FIELD || self.named.contains(&field)
    }

    /// The same within other limits.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Reads a query. The empty text asks for every visible ticket.
///
/// A date is one of
/// - `YYYY-MM-DD`: with `:` the whole day in [`Context::zone`]; `created<=2026-01-05` ends with that day, and the other
///   comparisons compare with its *first moment*, so `created>2026-01-05` and `created>=2026-01-05` begin on that day
///   and `created<2026-01-05` ends before it;
/// - a date and time of ISO 8601, in the context's zone unless it has an offset: with `:` the second, or the
///   millisecond if a fraction is written; comparisons compare with its first moment;
/// - two of those as `from/until`, only with `:`: from the first up to, and without, the second;
/// - an age like `4hours` or `1month` (minutes, hours, days, weeks, months, years), only with comparisons: that long
///   before [`Context::now`], so `created>4hours` means in the last four hours.
///
/// # Errors
/// The first thing that is wrong, reading from the left. A value that no ticket has is never an error.
pub fn parse(text: &str, context: &Context<'_>) -> Result<Query, QueryError> {
    let limits = context.limits;
    if text.len() > limits.bytes {
        let cut = text.floor_char_boundary(limits.bytes);
        let kind = QueryErrorKind::TooLong { bytes: text.len(), max: limits.bytes };
        return Err(kind.at(Span::new(cut, text.len())));
    }
    let mut lexer = Lexer::new(text);
    let mut parser = Parser::new(context);
    while let Some(term) = lexer.next_term()? {
        parser.term(term)?;
    }
    let dropped = parser.dropped;
    let query = parser.finish();
    match dropped {
        // Of a query that is nothing but punctuation every ticket is no answer.
        Some(span) if query == Query::default() => Err(QueryErrorKind::NoWords.at(span)),
        _ => Ok(query),
    }
}

/// Reads an order given beside the query: `KEY` or `KEY:asc` or `KEY:desc`; without a direction the largest come
/// first.
///
/// # Errors
/// The key is unknown or holds nothing to order by, or the direction is none.
pub fn parse_sort(schema: &Schema, text: &str) -> Result<Sort, QueryError> {
    let (key, direction) = match text.split_once(':') {
        Some((key, word)) => (key, direction(word, Span::new(key.len() + 1, text.len()))?),
        None => (text, Direction::Descending),
    };
    let context = Context::new(schema, Timestamp(0));
    Ok(Sort { by: sort_key(&context, key, Span::new(0, key.len()))?, direction })
}

fn direction(word: &str, span: Span) -> Result<Direction, QueryError> {
    match word.to_ascii_lowercase().as_str() {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(QueryErrorKind::Direction { text: shown(word) }.at(span)),
    }
}

/// What a list is ordered by for its words to decide; a custom field of that name goes first.
const RELEVANCE: &str = "relevance";

fn sort_key(context: &Context<'_>, name: &str, span: Span) -> Result<SortKey, QueryError> {
    match Key::find(context.schema, name) {
        Some(Key::Id) => Ok(SortKey::Key),
        Some(Key::Field(field)) if is_sortable(field) => Ok(SortKey::Field(field.id)),
        Some(_) => Err(QueryErrorKind::NotSortable { key: shown(name) }.at(span)),
        None if name.eq_ignore_ascii_case(RELEVANCE) => Ok(SortKey::Relevance),
        None => Err(unknown(context, name, span)),
    }
}

fn unknown(context: &Context<'_>, key: &str, span: Span) -> QueryError {
    QueryErrorKind::UnknownKey { key: shown(key), near: nearest(context, &key.to_ascii_lowercase()) }.at(span)
}

fn is_principal(field: &FieldDef) -> bool {
    field.kind == FieldKind::Principal
}

/// Where alternatives of a repeated key are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    OneOf(FieldId),
    Within(FieldId),
    Key,
    AnyCustomField,
    Words(WordScope),
}

struct Parser<'c> {
    context: &'c Context<'c>,
    query: Query,
    /// The place of each slot's clause in `query.filter` or `query.words`.
    slots: HashMap<Slot, usize>,
    words: usize,
    values: usize,
    order_by: Option<SortKey>,
    direction: Option<Direction>,
    /// The last free word, if it is a key.
    after_key: Option<Arc<str>>,
    /// The first word or phrase that held no letter or digit.
    dropped: Option<Span>,
}

impl<'c> Parser<'c> {
    fn new(context: &'c Context<'c>) -> Self {
        Self {
            context,
            query: Query::default(),
            slots: HashMap::new(),
            words: 0,
            values: 0,
            order_by: None,
            direction: None,
            after_key: None,
            dropped: None,
        }
    }

    fn finish(mut self) -> Query {
        if self.order_by.is_some() || self.direction.is_some() {
            // A direction alone is one of the default order of lists, by `updated_at`.
            let default = Sort::default();
            self.query.order = Some(Sort {
                by: self.order_by.unwrap_or(default.by),
                direction: self.direction.unwrap_or(default.direction),
            });
        }
        self.query
    }

    fn term(&mut self, term: Term<'_>) -> Result<(), QueryError> {
        let Term { negated, body, span } = term;
        match body {
            Body::Word(word) => self.free_word(negated, word, span),
            Body::Quoted(text) => self.free_phrase(negated, &text, span),
            Body::Property(property) => self.property(negated, property, span),
        }
    }

    fn is_exact_key(&self, word: &str) -> bool {
        word.bytes().all(|c| !c.is_ascii_uppercase()) && Key::find(self.context.schema, word).is_some()
    }

    fn free_word(&mut self, negated: bool, word: &str, span: Span) -> Result<(), QueryError> {
        if negated && word.starts_with('-') && has_text(word) {
            return Err(QueryErrorKind::TwoDashes.at(span));
        }
        if let Some(key) = self.after_key.as_ref().filter(|_| !negated && looks_cut_off(word)) {
            return Err(QueryErrorKind::BlankBeforeOperator { key: Arc::clone(key) }.at(span));
        }
        if let Some(inside) = word.strip_prefix('(') {
            let inside = inside.trim_start_matches(['(', '-']);
            let key = inside.find([':', '<', '>']).and_then(|end| inside.get(..end));
            if key.is_some_and(|key| self.is_exact_key(key)) {
                return Err(QueryErrorKind::Grouping.at(span));
            }
        }
        if let Ok(TicketKey::Int(number @ 0..)) = TicketKey::parse(word.strip_prefix('#').unwrap_or(word)) {
            self.count_words(1, span)?;
            self.count_value(span)?;
            return self.add(Clause { negated, test: Test::NumberOrWord(number), span });
        }
        if !has_text(word) {
            // Punctuation means nothing, but what would exclude everything is not to be taken for nothing.
            if negated && word.contains('*') {
                return Err(QueryErrorKind::Wildcard.at(span));
            }
            // `*` is any word, and any ticket will do.
            if !word.contains('*') {
                self.dropped.get_or_insert(span);
            }
            return Ok(());
        }
        let pattern = self.word_pattern(word, span)?;
        self.after_key = if self.is_exact_key(word) { Some(shown(word)) } else { None };
        self.add_words(negated, WordScope::Anywhere, pattern, span)
    }

    fn free_phrase(&mut self, negated: bool, text: &str, span: Span) -> Result<(), QueryError> {
        let Some(phrase) = self.phrase(text, span)? else {
            if !text.trim().is_empty() {
                self.dropped.get_or_insert(span);
            }
            return Ok(());
        };
        self.after_key = None;
        self.add_words(negated, WordScope::Anywhere, phrase, span)
    }

    /// An unquoted word that holds letters or digits.
    fn word_pattern(&mut self, word: &str, span: Span) -> Result<WordPattern, QueryError> {
        self.count_words(runs(word), span)?;
        let Some(prefix) = word.strip_suffix('*') else {
            return if word.contains('*') {
                Err(QueryErrorKind::Wildcard.at(span))
            } else {
                Ok(WordPattern::Word(word.into()))
            };
        };
        if prefix.contains('*') {
            return Err(QueryErrorKind::Wildcard.at(span));
        }
        if prefix.chars().filter(|c| c.is_alphanumeric()).count() < MIN_PREFIX_CHARS {
            return Err(QueryErrorKind::ShortPrefix { min: MIN_PREFIX_CHARS }.at(span));
        }
        Ok(WordPattern::Prefix(prefix.into()))
    }

    /// The words of a quoted text, or nothing if it holds none.
    fn phrase(&mut self, text: &str, span: Span) -> Result<Option<WordPattern>, QueryError> {
        self.count_words(runs(text), span)?;
        let words: Vec<Arc<str>> = text.split(is_separator).filter(|word| has_text(word)).map(Arc::from).collect();
        Ok(if words.is_empty() { None } else { Some(WordPattern::Phrase(words)) })
    }

    fn property(&mut self, negated: bool, property: Property<'_>, span: Span) -> Result<(), QueryError> {
        let schema = self.context.schema;
        let Some(key) = Key::find(schema, property.key) else {
            return self.stranger(negated, &property, span);
        };
        let Property { key: name, key_span, operator, value } = property;
        if !value.quoted {
            if value.text.is_empty() {
                return Err(QueryErrorKind::MissingValue { key: shown(name) }.at(span));
            }
            if operator == Operator::Is
                && let Some(second) = Operator::leading(&value.text).filter(|second| *second != Operator::Is)
            {
                let kind = QueryErrorKind::TwoOperators { key: shown(name), operator: second.text() };
                return Err(kind.at(Span::new(value.span.start, value.span.start + second.text().len())));
            }
        }
        let term = PropertyTerm { negated, name, key_span, operator, value, span };
        match key {
            Key::Field(field) if operator == Operator::Is => self.field_is(field, &term),
            Key::Field(field) if is_ordered(field) => self.field_compared(field, &term),
            _ if operator != Operator::Is => Err(not_comparable(self.context, name, key_span)),
            Key::Field(field) => self.field_is(field, &term),
            Key::Words(scope) => self.scoped_words(scope, term),
            Key::Id => self.ticket_key(term),
            Key::AnyCustomField => self.any_custom_field(term),
            Key::OrderBy => self.order_by(&term),
            Key::Sort => self.direction(&term),
        }
    }

    /// A property whose key is no name of the tenant. What is written like a name was meant as one; an address or a
    /// word with capitals was not.
    fn stranger(&mut self, negated: bool, property: &Property<'_>, span: Span) -> Result<(), QueryError> {
        let Property { key, key_span, operator, value } = property;
        let capitals = key.bytes().any(|c| c.is_ascii_uppercase());
        let address = *operator == Operator::Is && !value.quoted && value.text.starts_with("//");
        if !capitals && !address {
            return Err(unknown(self.context, key, *key_span));
        }
        if value.quoted {
            self.free_word(negated, key, *key_span)?;
            return self.free_phrase(negated, &value.text, value.span);
        }
        let word = format!("{key}{}{}", operator.text(), value.text);
        self.free_word(negated, &word, span)
    }

    fn field_is(&mut self, field: &FieldDef, term: &PropertyTerm<'_>) -> Result<(), QueryError> {
        if field.id == fields::TYPE && term.name.eq_ignore_ascii_case("type") && !term.value.quoted {
            match &*term.value.text {
                "ticket" if term.negated => {
                    return Err(QueryErrorKind::Negated { key: "type:ticket".into() }.at(term.span));
                }
                "ticket" => return Ok(()),
                kind @ ("user" | "organization" | "group" | "topic") => {
                    return Err(QueryErrorKind::ResultType { kind: kind.into() }.at(term.span));
                }
                _ => {}
            }
        }
        let pattern = self.pattern(field, term)?;
        self.count_value(term.value.span)?;
        let slot = Slot::OneOf(field.id);
        if !term.negated
            && let Some(Test::Field { op: Op::OneOf(patterns), .. }) = self.collected(slot)
        {
            patterns.push(pattern);
            return Ok(());
        }
        let test = Test::Field { field: field.id, op: Op::OneOf(vec![pattern]) };
        self.open(slot, Clause { negated: term.negated, test, span: term.span })
    }

    fn pattern(&self, field: &FieldDef, term: &PropertyTerm<'_>) -> Result<Pattern, QueryError> {
        let PropertyTerm { name, operator: _, value, .. } = term;
        let text = &*value.text;
        if !value.quoted {
            match text {
                "none" => return Ok(Pattern::Unset),
                "*" => return Ok(Pattern::Any),
                "me" if is_principal(field) => {
                    let me = self.context.me.ok_or_else(|| QueryErrorKind::NobodyAsks.at(value.span))?;
                    return Ok(Pattern::Me(me.into()));
                }
                _ if text.contains('*') => {
                    return Err(QueryErrorKind::WholeValue { key: shown(name) }.at(value.span));
                }
                _ => {}
            }
        }
        match field.kind {
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree | FieldKind::Text => {
                Ok(Pattern::Value(ValuePattern { text: text.into(), quoted: value.quoted }))
            }
            FieldKind::Flag => match text.to_ascii_lowercase().as_str() {
                flag @ ("true" | "false") => Ok(Pattern::Value(ValuePattern { text: flag.into(), quoted: false })),
                _ => Err(QueryErrorKind::NotAFlag { key: shown(name), text: shown(text) }.at(value.span)),
            },
            FieldKind::Number => number(term).map(Pattern::Number),
            FieldKind::Date => match self.date(term)? {
                date::Written::Day { from, until }
                | date::Written::Moment { from, until }
                | date::Written::Range { from, until } => Ok(Pattern::During { from, until }),
                date::Written::Ago(_) => {
                    let kind = QueryErrorKind::AgeWithoutDirection { key: shown(name), text: shown(text) };
                    Err(kind.at(value.span))
                }
            },
        }
    }

    fn date(&self, term: &PropertyTerm<'_>) -> Result<date::Written, QueryError> {
        let text = &*term.value.text;
        date::read(text, self.context.now, &self.context.zone).map_err(|fault| {
            let kind = match fault {
                date::Fault::Shape => QueryErrorKind::NotADate { key: shown(term.name), text: shown(text) },
                date::Fault::OutOfRange => QueryErrorKind::DateOutOfRange { text: shown(text) },
            };
            kind.at(term.value.span)
        })
    }

    fn field_compared(&mut self, field: &FieldDef, term: &PropertyTerm<'_>) -> Result<(), QueryError> {
        let PropertyTerm { negated, name, mut operator, ref value, span, .. } = *term;
        let written = &*value.text;
        if !value.quoted && matches!(written, "none" | "me" | "*") {
            return Err(QueryErrorKind::NotAPoint { key: shown(name), word: written.into() }.at(value.span));
        }
        let point = match field.kind {
            FieldKind::Date => match self.date(term)? {
                // At most a day is until the day is over.
                date::Written::Day { until, .. } if operator == Operator::LessOrEqual => {
                    operator = Operator::Less;
                    Point::Date(until)
                }
                date::Written::Day { from: at, .. }
                | date::Written::Moment { from: at, .. }
                | date::Written::Ago(at) => Point::Date(at),
                date::Written::Range { .. } => {
                    let kind = QueryErrorKind::RangeCompared { key: shown(name), text: shown(written) };
                    return Err(kind.at(value.span));
                }
            },
            FieldKind::Number => Point::Number(number(term)?),
            _ => Point::Rank(field.rank(&written.to_ascii_lowercase()).ok_or_else(|| {
                let kind = QueryErrorKind::NoRank { key: shown(name), text: shown(written), order: field.order };
                kind.at(value.span)
            })?),
        };
        let interval = match operator {
            Operator::Less => Interval { hi: Bound::Excluded(point), ..Interval::ALL },
            Operator::LessOrEqual => Interval { hi: Bound::Included(point), ..Interval::ALL },
            Operator::Greater => Interval { lo: Bound::Excluded(point), ..Interval::ALL },
            Operator::GreaterOrEqual | Operator::Is => Interval { lo: Bound::Included(point), ..Interval::ALL },
        };
        self.count_value(value.span)?;
        let slot = Slot::Within(field.id);
        if !negated && let Some(Test::Field { op: Op::Within(known), .. }) = self.collected(slot) {
            *known = known.and(interval);
            return Ok(());
        }
        let test = Test::Field { field: field.id, op: Op::Within(interval) };
        self.open(slot, Clause { negated, test, span })
    }

    fn scoped_words(&mut self, scope: WordScope, term: PropertyTerm<'_>) -> Result<(), QueryError> {
        let PropertyTerm { negated, name, value, span, .. } = term;
        let text = &*value.text;
        let (negated, pattern) = match text {
            "*" if !value.quoted => (negated, Some(WordPattern::Any)),
            "none" if !value.quoted => (!negated, Some(WordPattern::Any)),
            _ if value.quoted => (negated, self.phrase(text, value.span)?),
            _ if has_text(text) => (negated, Some(self.word_pattern(text, value.span)?)),
            _ => (negated, None),
        };
        match pattern {
            Some(pattern) => self.add_words(negated, scope, pattern, span),
            None => Err(QueryErrorKind::MissingValue { key: shown(name) }.at(span)),
        }
    }

    fn ticket_key(&mut self, term: PropertyTerm<'_>) -> Result<(), QueryError> {
        no_keyword(&term)?;
        let PropertyTerm { negated, value, span, .. } = term;
        let key = TicketKey::parse(&value.text).map_err(|error| QueryErrorKind::Key(error).at(value.span))?;
        self.count_value(value.span)?;
        if !negated && let Some(Test::Key(keys)) = self.collected(Slot::Key) {
            keys.push(key);
            return Ok(());
        }
        self.open(Slot::Key, Clause { negated, test: Test::Key(vec![key]), span })
    }

    fn any_custom_field(&mut self, term: PropertyTerm<'_>) -> Result<(), QueryError> {
        no_keyword(&term)?;
        let PropertyTerm { negated, value, span, .. } = term;
        let pattern = ValuePattern { text: (&*value.text).into(), quoted: value.quoted };
        self.count_value(value.span)?;
        if !negated && let Some(Test::AnyCustomField(patterns)) = self.collected(Slot::AnyCustomField) {
            patterns.push(pattern);
            return Ok(());
        }
        self.open(Slot::AnyCustomField, Clause { negated, test: Test::AnyCustomField(vec![pattern]), span })
    }

    fn order_by(&mut self, term: &PropertyTerm<'_>) -> Result<(), QueryError> {
        once(term, self.order_by.is_some())?;
        self.order_by = Some(sort_key(self.context, &term.value.text, term.value.span)?);
        self.best_first(term.value.span)
    }

    fn direction(&mut self, term: &PropertyTerm<'_>) -> Result<(), QueryError> {
        once(term, self.direction.is_some())?;
        self.direction = Some(direction(&term.value.text, term.value.span)?);
        self.best_first(term.value.span)
    }

    fn best_first(&self, span: Span) -> Result<(), QueryError> {
        let worst_first = self.order_by == Some(SortKey::Relevance) && self.direction == Some(Direction::Ascending);
        if worst_first { Err(QueryErrorKind::WorstFirst.at(span)) } else { Ok(()) }
    }

    /// The clause that collects the alternatives of a repeated key, if there is one yet.
    fn collected(&mut self, slot: Slot) -> Option<&mut Test> {
        let at = *self.slots.get(&slot)?;
        self.query.filter.get_mut(at).map(|clause| &mut clause.test)
    }

    /// Adds a clause that collects what is repeated, unless it is negated: excluding one value and excluding another
    /// are two tests.
    fn open(&mut self, slot: Slot, clause: Clause) -> Result<(), QueryError> {
        if !clause.negated {
            self.slots.insert(slot, self.query.filter.len());
        }
        self.add(clause)
    }

    fn add(&mut self, clause: Clause) -> Result<(), QueryError> {
        self.count_clause(clause.span)?;
        self.query.filter.push(clause);
        Ok(())
    }

    fn add_words(
        &mut self,
        negated: bool,
        scope: WordScope,
        pattern: WordPattern,
        span: Span,
    ) -> Result<(), QueryError> {
        let slot = Slot::Words(scope);
        let collects = !negated && scope != WordScope::Anywhere;
        if collects && let Some(clause) = self.slots.get(&slot).and_then(|at| self.query.words.get_mut(*at)) {
            clause.any_of.push(pattern);
            return Ok(());
        }
        self.count_clause(span)?;
        if collects {
            self.slots.insert(slot, self.query.words.len());
        }
        self.query.words.push(WordClause { negated, scope, any_of: vec![pattern], span });
        Ok(())
    }

    fn count_clause(&self, span: Span) -> Result<(), QueryError> {
        let max = self.context.limits.clauses;
        if self.query.filter.len() + self.query.words.len() >= max {
            return Err(QueryErrorKind::TooManyClauses { max }.at(span));
        }
        Ok(())
    }

    fn count_words(&mut self, more: usize, span: Span) -> Result<(), QueryError> {
        let max = self.context.limits.words;
        self.words += more;
        if self.words > max { Err(QueryErrorKind::TooManyWords { max }.at(span)) } else { Ok(()) }
    }

    fn count_value(&mut self, span: Span) -> Result<(), QueryError> {
        let max = self.context.limits.values;
        self.values += 1;
        if self.values > max { Err(QueryErrorKind::TooManyValues { max }.at(span)) } else { Ok(()) }
    }
}

/// A property whose key is known by the name it was written with.
struct PropertyTerm<'t> {
    negated: bool,
    name: &'t str,
    key_span: Span,
    operator: Operator,
    value: Written<'t>,
    span: Span,
}

fn number(term: &PropertyTerm<'_>) -> Result<f64, QueryError> {
    let text = &*term.value.text;
    let kind = || QueryErrorKind::NotANumber { key: shown(term.name), text: shown(text) };
    ValuePattern::literal(text).number().ok_or_else(|| kind().at(term.value.span))
}

fn once(term: &PropertyTerm<'_>, known: bool) -> Result<(), QueryError> {
    if term.negated {
        return Err(QueryErrorKind::Negated { key: shown(term.name) }.at(term.span));
    }
    if known { Err(QueryErrorKind::Repeated { key: shown(term.name) }.at(term.key_span)) } else { Ok(()) }
}

/// Keys that name no one field have neither a value nor none.
fn no_keyword(term: &PropertyTerm<'_>) -> Result<(), QueryError> {
    if term.value.quoted {
        return Ok(());
    }
    let key = shown(term.name);
    match &*term.value.text {
        "none" => Err(QueryErrorKind::NoKeyword { key, word: "none" }.at(term.value.span)),
        "*" => Err(QueryErrorKind::NoKeyword { key, word: "*" }.at(term.value.span)),
        text if text.contains('*') => Err(QueryErrorKind::WholeValue { key }.at(term.value.span)),
        _ => Ok(()),
    }
}

fn not_comparable(context: &Context<'_>, name: &str, span: Span) -> QueryError {
    let fields = context.schema.fields().iter().filter(|field| context.names(field.id));
    let comparable = fields.filter(|field| is_ordered(field)).take(SHOWN_FIELDS);
    let comparable = comparable.map(|field| Arc::clone(&field.name)).collect();
    QueryErrorKind::NotComparable { key: shown(name), comparable }.at(span)
}

/// Whether anything is left of `text` without its punctuation.
fn has_text(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Whether `word` is an operator, or begins with one and goes on like a value. `:)` does not.
fn looks_cut_off(word: &str) -> bool {
    let value = Operator::leading(word).and_then(|operator| word.get(operator.text().len()..));
    value.is_some_and(|value| value.chars().next().is_none_or(char::is_alphanumeric))
}

/// The number of runs of letters and digits, which are what analysis makes words of.
fn runs(text: &str) -> usize {
    let mut inside = false;
    let starts = text.chars().filter(|c| {
        let before = std::mem::replace(&mut inside, c.is_alphanumeric());
        inside && !before
    });
    starts.count()
}
