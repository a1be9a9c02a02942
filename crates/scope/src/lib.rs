//! Policy: who sees which ticket, and why it cannot be otherwise.
mod check;
pub mod conformance;
mod directory;
mod expr;
mod preset;
mod resolve;
mod resolved;
mod role;
mod scope;
mod value_set;
mod verb;
mod why;

pub use check::sees;
pub use directory::{Counts, Directory, UnknownPrincipal};
pub use expr::{
    Expr, ExprError, FieldRef, JsonError, JsonErrorKind, KNOWN_LEVELS, MAX_ATOMS, MAX_BYTES, MAX_DEPTH, NameError,
    ParseError, ParseErrorKind, Set, Widening,
};
pub use preset::{Preset, Verified, preset, presets};
pub use resolved::Resolved;
pub use role::{Role, RoleError};
pub use scope::{DEFAULT_LIFE, DefaultGate, Scope, ScopeView};
pub use value_set::ValueSet;
pub use verb::{VERBS, VIEW, VIEW_PRIVATE, VIEW_SIDE};
pub use why::{Reason, Step, explain};
