//! Whether a query that a program built could have been written.

use std::ops::Bound;

use thiserror::Error;
use ticketscope_model::{FieldDef, FieldId, FieldKind, Schema};

use super::{
    Limits,
    key::{is_ordered, is_sortable},
    runs,
};
use crate::ast::{Interval, Op, Pattern, Point, Query, SortKey, Test, WordPattern, WordScope};

/// Why a query that was built means nothing. Parsed queries never have these faults.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A field that the schema does not have.
    #[error("the schema has no field number {}: take its number from this tenant's schema", .0.0)]
    UnknownField(FieldId),
    /// A pattern, a bound, a scope or an order that the field's kind does not have.
    #[error("{what} does not fit field {}: use what its kind takes", .field.0)]
    Misfit {
        /// The field.
        field: FieldId,
        /// What does not fit it.
        what: &'static str,
    },
    /// A list of alternatives without one.
    #[error("{what} is empty: give at least one, or leave the clause out")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// More than a limit allows.
    #[error("{what}: {count} are given and at most {max} allowed")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
}

impl Query {
    /// Checks that the query fits `schema` and stays within `limits` ([`Limits::bytes`] aside, which bounds texts).
    /// Linear in the query.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, schema: &Schema, limits: &Limits) -> Result<(), BuildError> {
        let (mut values, mut words) = (0, 0);
        for clause in &self.filter {
            let count = match &clause.test {
                Test::Field { field, op } => check_op(known(*field, schema)?, op)?,
                Test::Key(keys) => keys.len(),
                Test::AnyCustomField(patterns) => patterns.len(),
                Test::NumberOrWord(_) => {
                    words += 1;
                    1
                }
            };
            if count == 0 {
                return Err(BuildError::Empty { what: "a list of values" });
            }
            values += count;
        }
        for clause in &self.words {
            if let WordScope::Field(id) = clause.scope
                && known(id, schema)?.kind != FieldKind::Text
            {
                return Err(BuildError::Misfit { field: id, what: "a word" });
            }
            if clause.any_of.is_empty() {
                return Err(BuildError::Empty { what: "a list of words" });
            }
            for pattern in &clause.any_of {
                words += match pattern {
                    WordPattern::Any => continue,
                    WordPattern::Word(word) | WordPattern::Prefix(word) => runs(word),
                    WordPattern::Phrase(phrase) if phrase.is_empty() => {
                        return Err(BuildError::Empty { what: "a phrase" });
                    }
                    WordPattern::Phrase(phrase) => phrase.iter().map(|word| runs(word)).sum(),
                };
            }
        }
        if let Some(SortKey::Field(id)) = self.order.map(|order| order.by)
            && !is_sortable(known(id, schema)?)
        {
            return Err(BuildError::Misfit { field: id, what: "an order" });
        }
        at_most("clauses", self.filter.len() + self.words.len(), limits.clauses)?;
        at_most("words", words, limits.words)?;
        at_most("values", values, limits.values)
    }
}

fn known(id: FieldId, schema: &Schema) -> Result<&FieldDef, BuildError> {
    schema.by_id(id).ok_or(BuildError::UnknownField(id))
}

fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), BuildError> {
    if count > max { Err(BuildError::TooMany { what, count, max }) } else { Ok(()) }
}

/// The number of values in `op`, if it fits `field`.
fn check_op(field: &FieldDef, op: &Op) -> Result<usize, BuildError> {
    let (fits, what, count) = match op {
        Op::OneOf(patterns) => (patterns.iter().all(|pattern| fits(field, pattern)), "a pattern", patterns.len()),
        Op::Within(Interval { lo, hi }) => {
            let fits = is_ordered(field) && [lo, hi].into_iter().all(|bound| bounds(field, bound));
            (fits, "an interval", 1)
        }
    };
    if fits && field.kind != FieldKind::Text { Ok(count) } else { Err(BuildError::Misfit { field: field.id, what }) }
}

fn fits(field: &FieldDef, pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Value(value) => match field.kind {
            FieldKind::Flag => matches!(&*value.text, "true" | "false"),
            kind => kind.is_keyword(),
        },
        Pattern::Number(number) => field.kind == FieldKind::Number && number.is_finite(),
        Pattern::During { .. } => field.kind == FieldKind::Date,
        Pattern::Me(_) => field.kind == FieldKind::Principal,
        Pattern::Unset | Pattern::Any => true,
    }
}

fn bounds(field: &FieldDef, bound: &Bound<Point>) -> bool {
    let (Bound::Included(point) | Bound::Excluded(point)) = bound else { return true };
    match point {
        Point::Date(_) => field.kind == FieldKind::Date,
        Point::Number(number) => field.kind == FieldKind::Number && number.is_finite(),
        Point::Rank(rank) => *rank < field.order.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ticketscope_model::{Timestamp, fields};

    use super::*;
    use crate::ast::{Clause, Direction, Sort, ValuePattern, WordClause};

    fn checked(query: &Query) -> Result<(), BuildError> {
        query.check(&Schema::builtin(), &Limits::default())
    }

    #[test]
    fn what_does_not_fit_its_field_is_refused() {
        let day = Pattern::During { from: Timestamp(0), until: Timestamp(1) };
        let me = Pattern::Me("ana".into());
        let value = Pattern::Value(ValuePattern::literal("x"));
        for (id, pattern, fits) in [
            (fields::TAGS, value.clone(), true),
            (fields::CREATED_AT, value.clone(), false),
            (fields::HAS_ATTACHMENT, value.clone(), false),
            (fields::HAS_ATTACHMENT, Pattern::Value(ValuePattern::literal("true")), true),
            (fields::SUBJECT, value, false),
            (fields::SUBJECT, Pattern::Any, false),
            (fields::CREATED_AT, day.clone(), true),
            (fields::STATUS, day, false),
            (fields::ASSIGNEE, me.clone(), true),
            (fields::GROUP, me, false),
            (fields::GROUP, Pattern::Unset, true),
            (fields::STATUS, Pattern::Number(1.0), false),
        ] {
            let query = Query::everything().and(Clause::one_of(id, vec![pattern.clone()]));
            assert_eq!(checked(&query).is_ok(), fits, "{id:?} {pattern:?}");
        }
        for (id, point, fits) in [
            (fields::STATUS, Point::Rank(5), true),
            (fields::STATUS, Point::Rank(6), false),
            (fields::TAGS, Point::Rank(0), false),
            (fields::CREATED_AT, Point::Date(Timestamp(0)), true),
            (fields::CREATED_AT, Point::Number(0.0), false),
        ] {
            for interval in [
                Interval { lo: Bound::Included(point), ..Interval::ALL },
                Interval { hi: Bound::Excluded(point), ..Interval::ALL },
            ] {
                let query = Query::everything().and(Clause::within(id, interval));
                assert_eq!(checked(&query).is_ok(), fits, "{id:?} {interval:?}");
            }
        }
    }

    #[test]
    fn the_empty_the_unknown_and_the_unsortable_are_refused() {
        let unknown = FieldId(300);
        assert_eq!(checked(&Query::everything().and(Clause::any(unknown))), Err(BuildError::UnknownField(unknown)));
        for empty in [
            Query::everything().and(Clause::one_of(fields::TAGS, vec![])),
            Query::everything().and(Clause::keys(vec![])),
            Query::everything().and_word(WordClause::new(WordScope::Note, WordPattern::Phrase(vec![]))),
        ] {
            assert!(matches!(checked(&empty), Err(BuildError::Empty { .. })), "{empty:?}");
        }
        let by = |id| Query::everything().ordered(Sort { by: SortKey::Field(id), direction: Direction::Ascending });
        assert_eq!(checked(&by(fields::STATUS)), Ok(()));
        assert!(matches!(checked(&by(fields::TAGS)), Err(BuildError::Misfit { .. })));
        let scoped = WordClause::new(WordScope::Field(fields::TAGS), WordPattern::Word("x".into()));
        assert!(matches!(checked(&Query::everything().and_word(scoped)), Err(BuildError::Misfit { .. })));
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let keys = |count: i64| Query::everything().and(Clause::keys((0..count).map(Into::into).collect()));
        assert_eq!(checked(&keys(1024)), Ok(()));
        assert_eq!(checked(&keys(1025)), Err(BuildError::TooMany { what: "values", count: 1025, max: 1024 }));
        let clauses = |count| Query { filter: vec![Clause::any(fields::TAGS); count], ..Query::everything() };
        assert_eq!(checked(&clauses(128)), Ok(()));
        assert_eq!(checked(&clauses(129)), Err(BuildError::TooMany { what: "clauses", count: 129, max: 128 }));
        let phrase = |count| {
            let words: Vec<Arc<str>> = vec!["a".into(); count];
            Query::everything().and_word(WordClause::new(WordScope::Anywhere, WordPattern::Phrase(words)))
        };
        assert_eq!(checked(&phrase(64)), Ok(()));
        assert_eq!(checked(&phrase(65)), Err(BuildError::TooMany { what: "words", count: 65, max: 64 }));
    }
}
