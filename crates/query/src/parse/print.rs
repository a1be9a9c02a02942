//! Queries back to text, for logs and cursors.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    ops::Bound,
    sync::Arc,
};

use ticketscope_model::{FieldId, Schema, Timestamp, fields};

use super::{
    Context, Limits, RELEVANCE,
    key::scope_name,
    lexer::{Operator, is_separator},
    parse,
};
use crate::ast::{
    Clause, Direction, Interval, Op, Pattern, Point, Query, SortKey, Test, ValuePattern, WordClause, WordPattern,
};

impl Query {
    /// The query as a text that [`crate::parse::parse`] reads as the same query, spans aside: clauses in their order,
    /// dates as full moments in UTC, so that ages and bare dates are frozen.
    ///
    /// A query that was built may hold what no text says. A word that is none prints as a phrase. A negated interval
    /// with two bounds prints as a group, a field that `schema` does not know as `--` and its number: neither parses.
    pub fn to_text(&self, schema: &Schema) -> String {
        Printer { query: self, schema }.to_string()
    }
}

struct Printer<'q> {
    query: &'q Query,
    schema: &'q Schema,
}

impl fmt::Display for Printer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms = Terms { out: f, first: true };
        for clause in &self.query.filter {
            self.clause(clause, &mut terms)?;
        }
        for word in &self.query.words {
            self.word(word, &mut terms)?;
        }
        if let Some(order) = self.query.order {
            let key = match order.by {
                SortKey::Field(id) => field_name(id, self.schema),
                SortKey::Key => "id".into(),
                SortKey::Relevance => RELEVANCE.into(),
            };
            write!(terms.next(false)?, "order_by:{key}")?;
            write!(terms.next(false)?, "sort:{}", direction_name(order.direction))?;
        }
        Ok(())
    }
}

/// Puts blanks between terms.
struct Terms<'f, 'a> {
    out: &'f mut fmt::Formatter<'a>,
    first: bool,
}

impl<'a> Terms<'_, 'a> {
    fn next(&mut self, negated: bool) -> Result<&mut fmt::Formatter<'a>, fmt::Error> {
        if !self.first {
            self.out.write_char(' ')?;
        }
        self.first = false;
        if negated {
            self.out.write_char('-')?;
        }
        Ok(self.out)
    }
}

impl Printer<'_> {
    fn clause(&self, clause: &Clause, terms: &mut Terms<'_, '_>) -> fmt::Result {
        let negated = clause.negated;
        match &clause.test {
            Test::Key(keys) => {
                for key in keys {
                    write!(terms.next(negated)?, "id:{}", value(&key.to_string(), false))?;
                }
            }
            Test::NumberOrWord(number) => write!(terms.next(negated)?, "{number}")?,
            Test::AnyCustomField(values) => {
                for pattern in values {
                    write!(terms.next(negated)?, "fieldvalue:{}", pattern_value(pattern, false))?;
                }
            }
            Test::Field { field, op: Op::OneOf(patterns) } => {
                let key = field_name(*field, self.schema);
                let is_principal = self.schema.by_id(*field).is_some_and(super::is_principal);
                for pattern in patterns {
                    let out = terms.next(negated)?;
                    match pattern {
                        Pattern::Value(pattern) => write!(out, "{key}:{}", pattern_value(pattern, is_principal))?,
                        Pattern::Number(number) => write!(out, "{key}:{number}")?,
                        Pattern::During { from, until } => {
                            write!(out, "{key}:{}", During { from: *from, until: *until })?;
                        }
                        Pattern::Me(_) => write!(out, "{key}:me")?,
                        Pattern::Unset => write!(out, "{key}:none")?,
                        Pattern::Any => write!(out, "{key}:*")?,
                    }
                }
            }
            Test::Field { field, op: Op::Within(interval) } => self.interval(negated, *field, *interval, terms)?,
        }
        Ok(())
    }

    fn interval(&self, negated: bool, field: FieldId, interval: Interval, terms: &mut Terms<'_, '_>) -> fmt::Result {
        let key = field_name(field, self.schema);
        if interval == Interval::ALL {
            return write!(terms.next(negated)?, "{key}:*");
        }
        if negated && interval.lo != Bound::Unbounded && interval.hi != Bound::Unbounded {
            // Two negated comparisons would be two tests, which is another meaning.
            terms.next(true)?.write_char('(')?;
            terms.first = true;
            self.interval(false, field, interval, terms)?;
            return terms.out.write_char(')');
        }
        let sides = [
            (interval.lo, Operator::GreaterOrEqual, Operator::Greater),
            (interval.hi, Operator::LessOrEqual, Operator::Less),
        ];
        for (bound, with, without) in sides {
            let (operator, point) = match bound {
                Bound::Included(point) => (with, point),
                Bound::Excluded(point) => (without, point),
                Bound::Unbounded => continue,
            };
            let out = terms.next(negated)?;
            write!(out, "{key}{}", operator.text())?;
            match point {
                Point::Date(at) => write!(out, "{at}")?,
                Point::Number(number) => write!(out, "{number}")?,
                Point::Rank(rank) => {
                    let order = self.schema.by_id(field).map_or(&[][..], |field| field.order);
                    out.write_str(order.get(rank).copied().unwrap_or("#"))?;
                }
            }
        }
        Ok(())
    }

    fn word(&self, clause: &WordClause, terms: &mut Terms<'_, '_>) -> fmt::Result {
        let key = scope_name(clause.scope, self.schema);
        for pattern in &clause.any_of {
            let key = key.as_ref().map_or_else(String::new, |key| format!("{key}:"));
            let text = match pattern {
                WordPattern::Word(word) => Cow::Borrowed(&**word),
                WordPattern::Prefix(word) => format!("{word}*").into(),
                WordPattern::Phrase(words) => quoted(&words.join(" ")).into(),
                WordPattern::Any => "*".into(),
            };
            let out = terms.next(clause.negated)?;
            out.write_str(&key)?;
            if matches!(pattern, WordPattern::Word(_)) && !self.reads_as_word(&key, &text) {
                out.write_str(&quoted(&text))?;
            } else {
                out.write_str(&text)?;
            }
        }
        Ok(())
    }

    /// Whether the parser takes `text` for one word behind `key`.
    fn reads_as_word(&self, key: &str, text: &str) -> bool {
        // Nothing but a word is written with small letters alone.
        if key.is_empty() && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return true;
        }
        let unbounded = Limits { bytes: usize::MAX, clauses: 1, words: usize::MAX, values: 1 };
        let context = Context::new(self.schema, Timestamp(0)).within(unbounded);
        let words = parse(&format!("{key}{text}"), &context).map(|query| query.words);
        matches!(words.as_deref(), Ok([WordClause { negated: false, any_of, .. }]) if matches!(any_of[..], [WordPattern::Word(_)]))
    }
}

struct During {
    from: Timestamp,
    until: Timestamp,
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.from.0.rem_euclid(1000) == 0;
        match self.until.0.saturating_sub(self.from.0) {
            1000 if whole => write!(f, "{}", self.from),
            1 if !whole => write!(f, "{}", self.from),
            _ => write!(f, "{}/{}", self.from, self.until),
        }
    }
}

/// The name a field is written with. The ticket's own type is not called `type`, which also says what is searched.
pub(super) fn field_name(id: FieldId, schema: &Schema) -> Arc<str> {
    match schema.by_id(id) {
        Some(field) if field.id == fields::TYPE => "ticket_type".into(),
        Some(field) => Arc::clone(&field.name),
        None => format!("--{}", id.0).into(),
    }
}

pub(super) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    }
}

fn pattern_value(pattern: &ValuePattern, is_principal: bool) -> String {
    if pattern.quoted { quoted(&pattern.text) } else { value(&pattern.text, is_principal) }
}

/// `text` without quotes where that means the same.
fn value(text: &str, is_principal: bool) -> String {
    let keyword = text == "none" || (is_principal && text == "me");
    let plain = !text.is_empty()
        && !text.starts_with(['<', '>'])
        && !text.contains(|c: char| matches!(c, '"' | '*') || is_separator(c));
    if plain && !keyword { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}
