//! Field to value to tickets, and ticket to values: the bitmaps and columns of one tenant.
//!
//! An [`Index`] is an immutable value. For every keyword-like field it holds a dictionary, a posting list per value (a
//! [`TicketSet`]: a short sorted list, or roaring bitmaps in blocks of 65,536 tickets) and a column of codes; for every
//! date and number a column of integers; and two newest-first [`Order`]s. Cloning it costs little and applying a
//! [`TicketBatch`] copies only the blocks, leaves and groups that the batch touches, so that readers keep the index they
//! began with while the writer makes the next.
//!
//! It never sees an agent: what somebody may see arrives as a [`SetExpr`] like any other set. It opens no file: its
//! [`Index::write`] hands out sections of bytes, and [`Index::read`] works on such sections in place.
//!
//! ```
//! use ticketscope_bitmap::{Index, SetExpr, TicketBatch};
//! use ticketscope_model::{Schema, TicketKey, Value, fields};
//!
//! let schema = Schema::builtin();
//! let mut index = Index::new();
//! index.apply(&schema, &TicketBatch {
//!     created: vec![TicketKey::Int(9001), TicketKey::Int(9002)],
//!     erased: vec![],
//!     sets: vec![(fields::GROUP, vec![(0, vec![Value::Keyword("billing".into())])])],
//! });
//! let billing = index.field(fields::GROUP).and_then(|group| group.code_of("billing"));
//! let expr = SetExpr::Terms(fields::GROUP, billing.into_iter().collect());
//! assert_eq!(index.eval(&expr).iter().collect::<Vec<_>>(), [0]);
//! assert_eq!(index.eval(&SetExpr::Not(Box::new(expr))).iter().collect::<Vec<_>>(), [1]);
//! ```

#![forbid(unsafe_code)]

mod algebra;
mod block;
mod blocks;
mod blockwise;
mod builder;
mod codec;
mod column;
mod dictionary;
mod differences;
mod eval;
mod field;
mod folded;
mod index;
mod keys;
mod many;
mod members;
mod order;
mod ords;
mod part_bytes;
mod postings;
mod range;
mod readers;
mod restore;
mod runs;
mod sections;
mod set;
mod spine;
mod state;
mod stored;
mod strings;
mod tester;
#[cfg(test)]
mod tests;
mod varint;

pub use builder::SetBuilder;
pub use codec::SectionError;
pub use differences::differences;
pub use eval::{Cardinality, SetExpr};
pub use field::{FieldIndex, FieldSets, number_from_key, number_key};
pub use index::{Index, IndexBytes, ORDERED, TicketBatch, TicketRef, Touched};
pub use members::Members;
pub use order::Order;
pub use part_bytes::PartBytes;
pub use postings::SectionTooLarge;
pub use range::ValueRange;
pub use restore::Restore;
pub use set::TicketSet;
pub use state::{Record, StateError, TICKETS_PER_RECORD, VALUES_PER_RECORD};
pub use tester::Tester;
