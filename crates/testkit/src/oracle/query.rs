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
    /// A bare number: the ticket with this id, or with this word.
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
    /// `word`, `"two words"`, `subject:word` and the like.
    Words {
        /// Whether a `-` stands before it.
        negated: bool,
        /// Where.
        scope: WordScope,
        /// What.
        pattern: WordPattern,
    },
}

/// The text in which words are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordScope {
    /// Everything that the asker may read.
    Anywhere,
    /// `subject:`
    Subject,
    /// `description:`: the description and the public comments.
    Description,
    /// `comment:`: the public comments.
    Comment,
    /// `note:`: the private text.
    Note,
    /// A custom field of kind text, by its name.
    Field(String),
}

/// Which words are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordPattern {
    /// One word in any of its inflected forms, without quotes, blanks, `:`, `*`, `<` and `>`. Not a number, unless it is
    /// looked for in one place.
    Word(String),
    /// Words in a row, as they are written but for case and accents.
    Phrase(String),
    /// The beginning of a word: at least two letters or digits.
    Prefix(String),
    /// Any word; not [`WordScope::Anywhere`].
    Any,
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

    /// Whether it asks for words that tickets shall have: then, unless another order is asked for, they are ranked.
    pub fn is_ranked(&self) -> bool {
        self.terms
            .iter()
            .any(|term| matches!(term, Term::Id { negated: false, .. } | Term::Words { negated: false, .. }))
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

    /// Words in all that the asker may read.
    pub fn words(pattern: WordPattern) -> Self {
        Self::words_in(WordScope::Anywhere, pattern)
    }

    /// Words in a part of the text.
    pub fn words_in(scope: WordScope, pattern: WordPattern) -> Self {
        Self::Words { negated: false, scope, pattern }
    }

    /// The opposite term.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Id { negated, id } => Self::Id { negated: !negated, id },
            Self::Field { negated, key, test } => Self::Field { negated: !negated, key, test },
            Self::Words { negated, scope, pattern } => Self::Words { negated: !negated, scope, pattern },
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
            Self::Words { negated, scope, pattern } => write!(f, "{}{scope}{pattern}", minus(negated)),
        }
    }
}

impl fmt::Display for WordScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => Ok(()),
            Self::Subject => f.write_str("subject:"),
            Self::Description => f.write_str("description:"),
            Self::Comment => f.write_str("comment:"),
            Self::Note => f.write_str("note:"),
            Self::Field(name) => write!(f, "{name}:"),
        }
    }
}

impl fmt::Display for WordPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Phrase(text) => write_quoted(f, text),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Any => f.write_str("*"),
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
            Term::words(WordPattern::Word("refunds".to_owned())),
            Term::words(WordPattern::Phrase("say \"hi\"".to_owned())).negate(),
            Term::words_in(WordScope::Subject, WordPattern::Prefix("pho".to_owned())),
            Term::words_in(WordScope::Field("diagnosis".to_owned()), WordPattern::Any),
        ]);
        assert_eq!(
            query.to_string(),
            r#"status<solved group:"Tier 2" assignee:me created>2weeks -tags:spam -cc:none custom_field_12:* 42 refunds "#
                .to_owned()
                + r#"-"say \"hi\"" subject:pho* diagnosis:*"#
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
