//! An expression with its sets written out for one principal, and how it judges one ticket.

use std::collections::BTreeSet;

use super::{Expr, Row, World};

/// An expression bound to a principal: its sets are now values, so that it can be held against one row after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Every ticket.
    All,
    /// No ticket.
    Nothing,
    /// Tickets with one of the values in the field.
    In(String, BTreeSet<String>),
    /// Tickets without the field.
    Unset(String),
    /// The other tickets.
    Not(Box<Rule>),
    /// Tickets of both.
    And(Box<Rule>, Box<Rule>),
    /// Tickets of either.
    Or(Box<Rule>, Box<Rule>),
}

impl Rule {
    /// `expr` as it stands for `principal`, under the default life gate unless it names `life` itself.
    pub fn bind(world: &World, expr: &Expr, principal: &str) -> Self {
        let rule = Self::of(world, expr, principal);
        if expr.names(world.schema(), "life") {
            rule
        } else {
            Self::And(Box::new(Self::default_gate()), Box::new(rule))
        }
    }

    /// Live and archived tickets.
    pub fn default_gate() -> Self {
        Self::In("life".to_owned(), BTreeSet::from(["live".to_owned(), "archived".to_owned()]))
    }

    fn of(world: &World, expr: &Expr, principal: &str) -> Self {
        let canonical = |field: &str| world.canonical_field(field);
        let inner = |expr: &Expr| Box::new(Self::of(world, expr, principal));
        match expr {
            Expr::All => Self::All,
            Expr::Nothing => Self::Nothing,
            Expr::IsMe(field) | Expr::HasMe(field) => {
                Self::In(canonical(field), BTreeSet::from([principal.to_owned()]))
            }
            Expr::In(field, set) => {
                let field = canonical(field);
                let values = world.resolve(set, principal, tree_of(&field));
                Self::In(field, values)
            }
            Expr::Unset(field) => Self::Unset(canonical(field)),
            Expr::Not(a) => Self::Not(inner(a)),
            Expr::And(a, b) => Self::And(inner(a), inner(b)),
            Expr::Or(a, b) => Self::Or(inner(a), inner(b)),
        }
    }

    /// Whether the ticket with this row is among those the rule means.
    pub fn covers(&self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::In(field, values) => row.keywords(field).any(|value| values.contains(value)),
            Self::Unset(field) => row.values(field).is_empty(),
            Self::Not(inner) => !inner.covers(row),
            Self::And(a, b) => a.covers(row) && b.covers(row),
            Self::Or(a, b) => a.covers(row) || b.covers(row),
        }
    }
}

/// The field whose parents `under()` follows for values of `field`: referred departments and teams are
/// departments and teams.
fn tree_of(field: &str) -> &str {
    match field {
        "ref_dept" => "department",
        "ref_team" => "team",
        other => other,
    }
}
