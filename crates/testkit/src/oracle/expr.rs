//! Scope expressions as trees, and how they are written.

use std::fmt;

use ticketscope_model::{RelationSide, Schema};

use super::Refusal;

/// Which tickets: a tree that prints in the text form of the scope language, with no more parentheses than it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Every ticket.
    All,
    /// No ticket.
    Nothing,
    /// Tickets with a value of the field in the set.
    In(String, Set),
    /// `field = me`.
    IsMe(String),
    /// `field has me`; means what `field = me` means.
    HasMe(String),
    /// Tickets without a value of the field.
    Unset(String),
    /// The other tickets.
    Not(Box<Expr>),
    /// Tickets of both.
    And(Box<Expr>, Box<Expr>),
    /// Tickets of either.
    Or(Box<Expr>, Box<Expr>),
}

/// Which values: a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// `{me}`: the principal's own id.
    Me,
    /// `my.rel` or `my.rel[level]`.
    My {
        /// The relation.
        rel: String,
        /// Only values held at this level, or at `full`.
        level: Option<String>,
    },
    /// `tenant.rel`.
    Tenant(String),
    /// Users who belong to any group of the set.
    Members(Box<Set>),
    /// The set and all descendants of its values.
    Under(Box<Set>),
    /// Values written out; at least one.
    Values(Vec<String>),
    /// Union.
    Plus(Box<Set>, Box<Set>),
    /// Difference.
    Minus(Box<Set>, Box<Set>),
}

impl Expr {
    /// Tickets with a value of `field` in `set`.
    pub fn is_in(field: &str, set: Set) -> Self {
        Self::In(field.to_owned(), set)
    }

    /// Tickets with one of these values.
    pub fn one_of(field: &str, values: &[&str]) -> Self {
        Self::is_in(field, Set::values(values))
    }

    /// Tickets on which the principal is the field's value, or one of them.
    pub fn is_me(field: &str) -> Self {
        Self::IsMe(field.to_owned())
    }

    /// Tickets without the field.
    pub fn unset(field: &str) -> Self {
        Self::Unset(field.to_owned())
    }

    /// The other tickets.
    #[must_use]
    pub fn complement(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Tickets of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// Tickets of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// Whether every field and relation exists and stands on its side.
    ///
    /// # Errors
    /// [`Refusal::UnknownField`] or [`Refusal::UnknownRelation`] of the first that does not.
    pub fn check(&self, schema: &Schema) -> Result<(), Refusal> {
        let known = |field: &String| match schema.field(field) {
            Some(_) => Ok(()),
            None => Err(Refusal::UnknownField(field.clone())),
        };
        match self {
            Self::All | Self::Nothing => Ok(()),
            Self::IsMe(field) | Self::HasMe(field) | Self::Unset(field) => known(field),
            Self::In(field, set) => known(field).and_then(|()| set.check(schema)),
            Self::Not(inner) => inner.check(schema),
            Self::And(a, b) | Self::Or(a, b) => a.check(schema).and_then(|()| b.check(schema)),
        }
    }

    /// Whether a field whose canonical name is `field` stands anywhere in the expression.
    pub fn names(&self, schema: &Schema, field: &str) -> bool {
        let is = |name: &String| schema.field(name).is_some_and(|def| &*def.name == field);
        match self {
            Self::All | Self::Nothing => false,
            Self::IsMe(name) | Self::HasMe(name) | Self::Unset(name) | Self::In(name, _) => is(name),
            Self::Not(inner) => inner.names(schema, field),
            Self::And(a, b) | Self::Or(a, b) => a.names(schema, field) || b.names(schema, field),
        }
    }

    /// How tightly it binds: `|`, `&`, everything else.
    fn binding(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            _ => 2,
        }
    }

    /// Writes itself where something that binds at least as tightly as `binding` is wanted.
    fn write(&self, f: &mut fmt::Formatter<'_>, binding: u8) -> fmt::Result {
        if self.binding() < binding {
            return write!(f, "({self})");
        }
        match self {
            Self::All => f.write_str("all"),
            Self::Nothing => f.write_str("none"),
            Self::In(field, set) => write!(f, "{field} in {set}"),
            Self::IsMe(field) => write!(f, "{field} = me"),
            Self::HasMe(field) => write!(f, "{field} has me"),
            Self::Unset(field) => write!(f, "no {field}"),
            Self::Not(inner) => {
                f.write_str("!")?;
                inner.write(f, 2)
            }
            Self::And(a, b) => {
                a.write(f, 1)?;
                f.write_str(" & ")?;
                b.write(f, 1)
            }
            Self::Or(a, b) => {
                a.write(f, 0)?;
                f.write_str(" | ")?;
                b.write(f, 0)
            }
        }
    }
}

impl Set {
    /// `my.rel`.
    pub fn my(rel: &str) -> Self {
        Self::My { rel: rel.to_owned(), level: None }
    }

    /// `my.rel[level]`.
    pub fn my_at(rel: &str, level: &str) -> Self {
        Self::My { rel: rel.to_owned(), level: Some(level.to_owned()) }
    }

    /// `tenant.rel`.
    pub fn tenant(rel: &str) -> Self {
        Self::Tenant(rel.to_owned())
    }

    /// These values.
    pub fn values(values: &[&str]) -> Self {
        Self::Values(values.iter().map(|value| (*value).to_owned()).collect())
    }

    /// The members of the groups of the set.
    #[must_use]
    pub fn members(self) -> Self {
        Self::Members(Box::new(self))
    }

    /// The set and all below it.
    #[must_use]
    pub fn under(self) -> Self {
        Self::Under(Box::new(self))
    }

    /// The union.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::Plus(Box::new(self), Box::new(other))
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self::Minus(Box::new(self), Box::new(other))
    }

    fn check(&self, schema: &Schema) -> Result<(), Refusal> {
        let known = |rel: &String, wanted: RelationSide| match schema.relation(rel) {
            Some((_, side)) if side == wanted || side == RelationSide::Both => Ok(()),
            _ => Err(Refusal::UnknownRelation(rel.clone())),
        };
        match self {
            Self::Me | Self::Values(_) => Ok(()),
            Self::My { rel, level: _ } => known(rel, RelationSide::My),
            Self::Tenant(rel) => known(rel, RelationSide::Tenant),
            Self::Members(inner) | Self::Under(inner) => inner.check(schema),
            Self::Plus(a, b) | Self::Minus(a, b) => a.check(schema).and_then(|()| b.check(schema)),
        }
    }

    /// Writes itself as the right side of a `+` or `-`, which binds to the left.
    fn write_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plus(..) | Self::Minus(..) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Me => f.write_str("{me}"),
            Self::My { rel, level: None } => write!(f, "my.{rel}"),
            Self::My { rel, level: Some(level) } => write!(f, "my.{rel}[{level}]"),
            Self::Tenant(rel) => write!(f, "tenant.{rel}"),
            Self::Members(inner) => write!(f, "members({inner})"),
            Self::Under(inner) => write!(f, "under({inner})"),
            Self::Values(values) => {
                f.write_str("{")?;
                for (at, value) in values.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    write_literal(f, value)?;
                }
                f.write_str("}")
            }
            Self::Plus(a, b) => {
                write!(f, "{a} + ")?;
                b.write_operand(f)
            }
            Self::Minus(a, b) => {
                write!(f, "{a} - ")?;
                b.write_operand(f)
            }
        }
    }
}

/// Names and integers are written as they are; everything else, and every word of the language, in quotes.
fn write_literal(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    const WORDS: [&str; 10] = ["me", "my", "tenant", "members", "under", "all", "none", "no", "in", "has"];
    let name = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !WORDS.contains(&value);
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let integer = digits && value.len() < 19 && (value == "0" || !value.starts_with('0'));
    if !value.is_empty() && (name || integer) { f.write_str(value) } else { write_quoted(f, value) }
}

/// Writes `text` in double quotes, with `"` and `\` escaped by a backslash.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_only_where_they_are_needed() {
        let group = || Expr::is_in("group", Set::my("groups"));
        for (expr, text) in [
            (
                Expr::is_in("group", Set::my("groups").plus(Set::tenant("public_groups"))).or(Expr::unset("group")),
                "group in my.groups + tenant.public_groups | no group",
            ),
            (group().or(Expr::All).and(Expr::is_me("assignee")), "(group in my.groups | all) & assignee = me"),
            (group().and(Expr::Nothing).or(Expr::All), "group in my.groups & none | all"),
            (group().complement().complement(), "!!group in my.groups"),
            (group().or(Expr::All).complement(), "!(group in my.groups | all)"),
            (Expr::is_in("cc", Set::Me.minus(Set::my("a").minus(Set::my("b")))), "cc in {me} - (my.a - my.b)"),
            (Expr::is_in("cc", Set::Me.minus(Set::my("a")).minus(Set::my("b"))), "cc in {me} - my.a - my.b"),
            (
                Expr::is_in("assignee", Set::my_at("led_groups", "full").under().members()),
                "assignee in members(under(my.led_groups[full]))",
            ),
            (Expr::HasMe("cc".into()), "cc has me"),
        ] {
            assert_eq!(expr.to_string(), text);
        }
    }

    #[test]
    fn literals_are_quoted_unless_they_are_names_or_integers() {
        let text = Expr::one_of("tags", &["vip", "12", "0", "012", "me", "a b", "q\"\\", "A", ""]).to_string();
        assert_eq!(text, r#"tags in {vip, 12, 0, "012", "me", "a b", "q\"\\", "A", ""}"#);
    }

    #[test]
    fn unknown_names_are_found_wherever_they_stand() {
        let schema = Schema::builtin();
        let field = Expr::All.and(Expr::unset("gruop").complement());
        assert_eq!(field.check(&schema), Err(Refusal::UnknownField("gruop".into())));
        let set = Expr::is_in("cc", Set::Me.minus(Set::my("gruops").members()));
        assert_eq!(set.check(&schema), Err(Refusal::UnknownRelation("gruops".into())));
        let side = Expr::is_in("group", Set::tenant("groups"));
        assert_eq!(side.check(&schema), Err(Refusal::UnknownRelation("groups".into())));
        assert_eq!(Expr::is_in("org", Set::my("shared_orgs")).check(&schema), Ok(()));
    }
}
