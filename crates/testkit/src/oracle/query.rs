//! Queries as trees, and how they are written.

use std::fmt;

use super::expr::write_quoted;

/// What is asked: terms written one after the other. Without terms it asks for every visible ticket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// The terms, in the order of writing.
    pub terms: Vec<Term>,
}

/// One term of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A bare number: the ticket with this id.
    Id {
        /// Whether a `-` stands before it.
        negated: bool,
        /// The id, not negative.
        id: i64,
    },
    /// `key:value`, `key<value` and the like.
    Field {
        /// Whether a `-` stands before it.
        negated: bool,
        /// The field, by its name or an alias.
        key: String,
        /// What is asked of its values.
        test: Test,
    },
}

/// What is asked of the values of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `key:value`.
    Is {
        /// The value.
        value: String,
        /// Whether it is written in quotes. It must be where [`needs_quotes`] says so.
        quoted: bool,
    },
    /// `key:none`: there is none.
    None,
    /// `key:*`: there is one.
    Any,
    /// `key:me`: the asking principal is one.
    Me,
    /// `key<value` and the like.
    Compare(Op, Operand),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A word of an ordered field, a number, or a date, as it is written.
    Literal(String),
    /// `4hours`: this long ago.
    Ago(u32, Unit),
}

/// A unit of time in a relative date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 60 seconds.
    Minutes,
    /// 60 minutes.
    Hours,
    /// 24 hours.
    Days,
    /// 7 days.
    Weeks,
    /// Calendar months in UTC; a day that the month does not have becomes its last one.
    Months,
    /// 12 months.
    Years,
}

/// Whether a value means something else, or several things, without quotes.
pub fn needs_quotes(value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    value.is_empty() || matches!(value, "none" | "me") || !value.chars().all(plain)
}

impl Query {
    /// The query of these terms.
    pub fn of(terms: Vec<Term>) -> Self {
        Self { terms }
    }
}

impl Term {
    /// `key:value`, in quotes if need be.
    pub fn is(key: &str, value: &str) -> Self {
        Self::field(key, Test::Is { value: value.to_owned(), quoted: needs_quotes(value) })
    }

    /// A test on a field.
    pub fn field(key: &str, test: Test) -> Self {
        Self::Field { negated: false, key: key.to_owned(), test }
    }

    /// A comparison of a field with a word, a number or a date.
    pub fn compare(key: &str, op: Op, with: &str) -> Self {
        Self::field(key, Test::Compare(op, Operand::Literal(with.to_owned())))
    }

    /// A comparison of a date field with the moment this long ago.
    pub fn ago(key: &str, op: Op, amount: u32, unit: Unit) -> Self {
        Self::field(key, Test::Compare(op, Operand::Ago(amount, unit)))
    }

    /// The opposite term.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Id { negated, id } => Self::Id { negated: !negated, id },
            Self::Field { negated, key, test } => Self::Field { negated: !negated, key, test },
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            f.write_str(if at > 0 { " " } else { "" })?;
            term.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = |negated: &bool| if *negated { "-" } else { "" };
        match self {
            Self::Id { negated, id } => write!(f, "{}{id}", minus(negated)),
            Self::Field { negated, key, test } => write!(f, "{}{key}{test}", minus(negated)),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is { value, quoted: true } => {
                f.write_str(":")?;
                write_quoted(f, value)
            }
            Self::Is { value, quoted: false } => write!(f, ":{value}"),
            Self::None => f.write_str(":none"),
            Self::Any => f.write_str(":*"),
            Self::Me => f.write_str(":me"),
            Self::Compare(op, operand) => write!(f, "{op}{operand}"),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Ago(amount, unit) => write!(f, "{amount}{unit}"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::Years => "years",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_prints_as_help_desk_people_write_it() {
        let query = Query::of(vec![
            Term::compare("status", Op::Less, "solved"),
            Term::is("group", "Tier 2"),
            Term::field("assignee", Test::Me),
            Term::ago("created", Op::Greater, 2, Unit::Weeks),
            Term::is("tags", "spam").negate(),
            Term::field("cc", Test::None).negate(),
            Term::field("custom_field_12", Test::Any),
            Term::Id { negated: false, id: 42 },
        ]);
        assert_eq!(
            query.to_string(),
            r#"status<solved group:"Tier 2" assignee:me created>2weeks -tags:spam -cc:none custom_field_12:* 42"#
        );
        assert_eq!(Query::default().to_string(), "");
    }

    #[test]
    fn values_that_would_mean_something_else_are_quoted() {
        for (value, text) in [
            ("me", r#"tags:"me""#),
            ("none", r#"tags:"none""#),
            ("*", r#"tags:"*""#),
            ("a:b,c", r#"tags:"a:b,c""#),
            ("say \"hi\" \\", r#"tags:"say \"hi\" \\""#),
            ("Caf\u{e9}", "tags:Caf\u{e9}"),
            ("None", "tags:None"),
        ] {
            assert_eq!(Term::is("tags", value).to_string(), text);
        }
    }
}
