//! Policy: who sees which ticket, and why it cannot be otherwise.
//!
//! This crate is **not** a ticket store and holds no index: it never lists a ticket. It knows principals, roles and
//! relations, and turns them into a [`Scope`]; other crates find the tickets of that scope. Nothing here does I/O, reads
//! a clock or takes a lock.
//!
//! # From a role to a scope
//!
//! 1. A role states an expression for each verb, say `group in my.groups | assignee = me` for `view`. It is read once
//!    into an [`Expr`], in which every name is known to the tenant's schema ([`Expr::parse`], [`Expr::from_json`]).
//! 2. The [`Directory`] holds the facts that `my.` and `tenant.` speak of. [`Directory::scope_of`] puts them in: every
//!    set becomes its values, and what is left, a [`Resolved`] rule, asks only about the ticket.
//! 3. The result is a [`Scope`]: nothing, everything or a rule ([`ScopeView`]), behind a gate on `life`.
//!
//! ```
//! use std::sync::Arc;
//! use ticketscope_model::{PrincipalFact, RelFact, Schema};
//! use ticketscope_scope::{Directory, ScopeView};
//!
//! let mut directory = Directory::new(Arc::new(Schema::builtin()));
//! directory.set_principal(&PrincipalFact {
//!     id: "ana".into(), role: Some("generic.group".into()), active: true,
//!     name: None, email: None, locale: None, time_zone: None,
//! });
//! directory.set_rel(&RelFact { principal: "ana".into(), rel: "groups".into(), value: "billing".into(), level: None });
//!
//! let scope = directory.scope_of("ana", "view")?;
//! assert!(matches!(scope.view(), ScopeView::Restricted(_)));
//! assert!(scope.gate().is_some_and(|gate| gate.contains("live") && !gate.contains("deleted")));
//! assert!(directory.scope_of("ana", "redact")?.is_nothing(), "the role does not name this verb");
//! assert!(directory.scope_of("bob", "view").is_err(), "nobody is called bob");
//! # Ok::<(), ticketscope_scope::UnknownPrincipal>(())
//! ```
//!
//! # The language
//!
//! ```text
//! expr   := term { '|' term }          union
//! term   := factor { '&' factor }      intersection
//! factor := '!' factor | '(' expr ')' | atom
//! atom   := 'all' | 'none' | 'view'    view: the role's view expression, in its other verbs
//!         | field 'in' set             some value of the field is in the set
//!         | field '=' 'me' | field 'has' 'me'
//!         | 'no' field                 the ticket has no value of the field
//! set    := set1 { ('+' | '-') set1 }  union and difference, from the left
//! set1   := 'my.' rel [ '[' level ']' ] | 'tenant.' rel | '{' value, .. '}' | '(' set ')'
//!         | 'members(' set ')'         users who belong to any group of the set
//!         | 'under(' set ')'           the set and everything below it in the field's tree
//! ```
//!
//! A value is a name, an integer or quoted; bare `me` is the principal. The JSON form has a node for each operator:
//! `all`, `any`, `not`, `in`, `unset`, and for sets `my`, `tenant`, `const`, `union`, `diff`, `members`, `under`.
//! Both are bounded ([`MAX_BYTES`], [`MAX_DEPTH`], [`MAX_ATOMS`], [`MAX_VALUES`]).
//!
//! # Why it cannot be otherwise
//!
//! - **One way in.** A [`Scope`] has private contents. It is made by [`Directory::scope_of`], by
//!   [`Directory::preview`] for a role not yet in force, or by [`Scope::admin`], whose caller answers for it.
//! - **Deny by default.** A suspended principal, no role, an unknown role and a verb that the role does not name give
//!   the scope that sees nothing; an unknown principal is an error. None of them ever gives everything.
//! - **Everything is said, never left over.** "Everything" is a variant, not an empty list of conditions, and a rule
//!   that comes out as everything or nothing is folded away before anybody could misread an empty operand.
//! - **A typo never widens.** Unknown fields and relations are refused wherever they stand; where an empty set would
//!   show more tickets (below `!`, right of `-`), so are unknown levels and `{}` ([`Widening`]). A known relation that is
//!   empty for a principal is simply empty, under `!` too.
//! - **Life is gated.** A rule that does not name `life` is about live and archived tickets ([`DefaultGate`]).
//! - **Private text needs the ticket.** `view_private` and `view_side` hold at most where `view` does.
//! - **Two evaluators.** [`Directory::scope_of`] enumerates sets; [`Directory::point_check`] asks value by value. They
//!   share the parsed tree and nothing else, and must agree: on random data in the tests, on [`conformance`] vectors
//!   anywhere.
//!
//! [`explain`] says which part of a rule decided. [`presets`] are the roles of known help desks, as data.

#![forbid(unsafe_code)]

mod check;
pub mod conformance;
mod directory;
mod expr;
mod preset;
mod resolve;
mod resolved;
mod role;
mod scope;
#[cfg(test)]
mod tests;
mod value_set;
mod verb;
mod why;

pub use check::sees;
pub use directory::{Counts, Directory, UnknownPrincipal};
pub use expr::{
    Expr, ExprError, FieldRef, JsonError, JsonErrorKind, KNOWN_LEVELS, MAX_ATOMS, MAX_BYTES, MAX_DEPTH, MAX_VALUES,
    NameError, ParseError, ParseErrorKind, Set, Widening,
};
pub use preset::{Preset, Verified, preset, presets};
pub use resolved::Resolved;
pub use role::{Role, RoleError};
pub use scope::{DEFAULT_LIFE, DefaultGate, Scope, ScopeView};
pub use value_set::ValueSet;
pub use verb::{VERBS, VIEW, VIEW_PRIVATE, VIEW_SIDE};
pub use why::{Reason, Step, explain};
