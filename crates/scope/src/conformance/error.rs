use thiserror::Error;
use ticketscope_model::{DeclareError, KeyError, ValueError};

use crate::{ExprError, NameError};

/// Why a file of vectors is refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum VectorError {
    /// No JSON.
    #[error("the file is no JSON: {0}")]
    Syntax(String),
    /// Something is missing or has another type.
    #[error("{place}: expected {expected}")]
    Shape {
        /// Where.
        place: String,
        /// What must stand there.
        expected: &'static str,
    },
    /// A name that cannot be declared.
    #[error("{place}")]
    Declare {
        /// Where.
        place: String,
        /// Why not.
        source: DeclareError,
    },
    /// A relation that cannot stand there.
    #[error("{place}")]
    Relation {
        /// Where.
        place: String,
        /// Why not.
        source: NameError,
    },
    /// A ticket id.
    #[error("{place}")]
    Key {
        /// Where.
        place: String,
        /// Why not.
        source: KeyError,
    },
    /// A value of a ticket.
    #[error("{place}")]
    Value {
        /// Where.
        place: String,
        /// Why not.
        source: ValueError,
    },
    /// A rule.
    #[error("presets.{preset}")]
    Expr {
        /// The rule.
        preset: String,
        /// What is wrong with it.
        source: ExprError,
    },
    /// Two tickets or two agents with one id.
    #[error("{place}: the id stands there twice")]
    Twice {
        /// Where.
        place: String,
    },
    /// An expectation about a rule, an agent or a ticket that is not in the file.
    #[error("{place} is not in the file")]
    Unknown {
        /// What.
        place: String,
    },
    /// Nothing would be checked: no expectation at all, or none for a rule.
    #[error("{place}: no expectations, so nothing would be checked")]
    NothingExpected {
        /// Where.
        place: String,
    },
}
