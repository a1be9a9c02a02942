//! The vocabulary that every other crate speaks: ticket keys and ordinals, fields and their kinds, values, text parts
//! and changes.
//!
//! Nothing here stores, decides or reads anything: there is no index, no policy, no file and no clock. The one piece
//! of knowledge it owns is the tenant [`Schema`]: which fields and relations exist, under which names and aliases.
//!
//! A name that is neither built in nor declared is an error wherever it is used; a value that nobody has ever seen is
//! not (it matches nothing).

#![forbid(unsafe_code)]

mod change;
mod field;
mod fold;
mod ids;
mod key;
mod nearest;
mod relation;
mod schema;
mod span;
mod text;
mod ticket;
mod time;
mod value;

pub use change::{
    Change, Complete, ExprSource, Fact, FieldDecl, FieldPatch, GroupFlags, Listing, Member, PrincipalFact, RelFact,
    RoleFact, SchemaDecl, TenantRelFact, TicketPatch, ValueFact,
};
pub use field::{FieldDef, FieldId, FieldKind};
pub use fold::{FOLD_VERSION, fold};
pub use ids::{Opstamp, TicketOrd};
pub use key::{KeyError, MAX_KEY_BYTES, TicketKey};
pub use nearest::nearest;
pub use relation::RelationSide;
pub use schema::{DeclareError, FIRST_CUSTOM_FIELD, LANGUAGES, MAX_FIELDS, Schema, fields};
pub use span::Span;
pub use text::{TextClass, TextPart};
pub use ticket::TicketFields;
pub use time::{Timestamp, TimestampError};
pub use value::{MAX_VALUE_BYTES, RawValue, Value, ValueError};
