//! What a query means for one ticket.

use ticketscope_model::{FieldDef, FieldKind, Timestamp, Value, fold};

use super::{Answers, Op, Operand, Query, Row, Term, Test, calendar, order::rank};

impl Answers<'_> {
    /// Whether a visible ticket passes the tests on fields. Terms of different keys must all hold. Of the terms of one key that are
    /// neither negated nor comparisons one must hold; every other term must hold by itself, so that comparisons of
    /// one key make a range.
    pub(super) fn matches(&self, query: &Query, row: &Row) -> bool {
        query.terms.iter().all(|term| match term {
            Term::Id { .. } | Term::Words { .. } => true,
            Term::Field { negated: true, key, test } => !self.passes(row, key, test),
            Term::Field { negated: false, key, test: test @ Test::Compare(..) } => self.passes(row, key, test),
            Term::Field { negated: false, key, test: _ } => {
                self.alternatives(query, key).any(|test| self.passes(row, key, test))
            }
        })
    }

    /// The tests of a key of which one must hold.
    fn alternatives<'q>(&self, query: &'q Query, key: &str) -> impl Iterator<Item = &'q Test> {
        let field = self.world().canonical_field(key);
        query.terms.iter().filter_map(move |term| match term {
            Term::Field { negated: false, key, test }
                if !matches!(test, Test::Compare(..)) && self.world().canonical_field(key) == field =>
            {
                Some(test)
            }
            _ => None,
        })
    }

    fn passes(&self, row: &Row, key: &str, test: &Test) -> bool {
        let Some(field) = self.world().schema().field(key) else { return false };
        let values = row.values(&field.name);
        match test {
            Test::None => values.is_empty(),
            Test::Any => !values.is_empty(),
            Test::Me => self.me().is_some_and(|me| row.keywords(&field.name).any(|value| value == me)),
            Test::Is { value, quoted: _ } => match field.kind {
                FieldKind::Date => values.iter().any(|held| during(held, value)),
                FieldKind::Number => values.iter().any(|held| number(held).is_some_and(|n| value.parse() == Ok(n))),
                _ => self.holds_keyword(row, field, value),
            },
            Test::Compare(op, operand) => values.iter().any(|held| self.compares(field, held, *op, operand)),
        }
    }

    /// Exactly, if any visible ticket holds exactly this value; else without regard to case and accents, and people
    /// also by name and e-mail address. Tickets that the asker does not see have no say.
    fn holds_keyword(&self, row: &Row, field: &FieldDef, value: &str) -> bool {
        let alike = |text: &str| fold(text) == fold(value);
        if self.is_held_exactly(&field.name, value) {
            row.keywords(&field.name).any(|held| held == value)
        } else if field.kind == FieldKind::Principal {
            row.keywords(&field.name).any(|held| alike(held) || self.goes_by(held, &alike))
        } else {
            row.keywords(&field.name).any(alike)
        }
    }

    /// Whether the person of that id has a name or an e-mail address that passes `test`.
    fn goes_by(&self, id: &str, test: &dyn Fn(&str) -> bool) -> bool {
        let person = self.world().principals().find(|person| *person.id == *id);
        person.is_some_and(|person| [&person.name, &person.email].into_iter().flatten().any(|text| test(text)))
    }

    fn compares(&self, field: &FieldDef, held: &Value, op: Op, operand: &Operand) -> bool {
        match (held, operand) {
            (Value::Date(held), Operand::Ago(amount, unit)) => {
                op.holds(held, &calendar::ago(self.now(), *amount, *unit))
            }
            (Value::Date(held), Operand::Literal(text)) => match (Timestamp::parse(text), op) {
                // At most a day is until the day is over. The other comparisons take the day's first moment.
                (Ok(first), Op::AtMost) if is_day(text) => *held < calendar::next_day(first),
                (Ok(moment), _) => op.holds(held, &moment),
                (Err(_), _) => false,
            },
            (Value::Number(held), Operand::Literal(text)) => {
                text.parse().is_ok_and(|number: f64| op.holds(held, &number))
            }
            (Value::Keyword(held), Operand::Literal(text)) => match (rank(field, held), rank(field, text)) {
                (Some(held), Some(other)) => op.holds(&held, &other),
                _ => false,
            },
            (Value::Number(_) | Value::Keyword(_), Operand::Ago(..)) => false,
        }
    }
}

impl Op {
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::Greater => a > b,
            Self::AtLeast => a >= b,
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Keyword(_) | Value::Date(_) => None,
    }
}

/// Whether a date text is a bare date.
fn is_day(text: &str) -> bool {
    text.len() == "2026-01-31".len()
}

/// Whether a date equals what is written: a bare date is its whole day in UTC, a time to the second that second, a
/// time with a fraction that millisecond.
fn during(held: &Value, text: &str) -> bool {
    let (Value::Date(held), Ok(first)) = (held, Timestamp::parse(text)) else { return false };
    let until = if is_day(text) {
        calendar::next_day(first)
    } else if text.contains('.') {
        Timestamp(first.0 + 1)
    } else {
        Timestamp(first.0 + 1000)
    };
    first <= *held && *held < until
}
