use std::sync::Arc;

use thiserror::Error;

use super::{Expr, Set};

/// The levels that help desks give to a relation; `full` implies the others.
pub const KNOWN_LEVELS: [&str; 6] = ["read", "create", "change", "overview", "write", "full"];

/// A set that is empty by mistake stands where emptiness shows more tickets, not fewer: below an odd number of `!` and
/// right sides of `-`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Widening {
    /// A level that no product has, so nobody holds it.
    #[error(
        "unknown level `{level}` below `!` or after `-` would show more than meant; known levels: {}",
        KNOWN_LEVELS.join(", ")
    )]
    Level {
        /// The level.
        level: Arc<str>,
    },
    /// The set without values.
    #[error("an empty set below `!` or after `-` widens to everything; write `all` if that is meant")]
    Empty,
}

/// Whether the level may stand here.
pub(super) fn level(level: &Arc<str>, widens: bool) -> Result<(), Widening> {
    if widens && !KNOWN_LEVELS.contains(&&**level) {
        return Err(Widening::Level { level: Arc::clone(level) });
    }
    Ok(())
}

/// Whether a constant set of `len` values may stand here.
pub(super) fn constant(len: usize, widens: bool) -> Result<(), Widening> {
    if widens && len == 0 { Err(Widening::Empty) } else { Ok(()) }
}

/// Whether a whole expression, already read elsewhere, may stand here.
pub(super) fn expr(expr: &Expr, widens: bool) -> Result<(), Widening> {
    match expr {
        Expr::All | Expr::None | Expr::Unset(_) => Ok(()),
        Expr::In { set: values, .. } => set(values, widens),
        Expr::Not(inner) => self::expr(inner, !widens),
        Expr::And(operands) | Expr::Or(operands) => operands.iter().try_for_each(|operand| self::expr(operand, widens)),
    }
}

fn set(values: &Set, widens: bool) -> Result<(), Widening> {
    match values {
        Set::Me | Set::Tenant { .. } | Set::My { level: None, .. } => Ok(()),
        Set::My { level: Some(name), .. } => level(name, widens),
        Set::Const(values) => constant(values.len(), widens),
        Set::Members(inner) | Set::Under { set: inner, .. } => set(inner, widens),
        Set::Union(terms) => terms.iter().try_for_each(|term| set(term, widens)),
        Set::Diff(left, right) => {
            set(left, widens)?;
            set(right, !widens)
        }
    }
}
