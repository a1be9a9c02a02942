//! Help desk exports to changes: reads bytes, yields [`ticketscope_model::Change`] values, and writes them back.
//!
//! It knows no tenant, no engine, no clock and opens no files. Whether a field or relation exists and what a value of
//! it means is for the reader of the changes to judge; here a line is only taken apart, strictly: what is misspelt,
//! mistyped, repeated or missing is a [`LineError`] of that line and never a default.
//!
//! The work has two steps, so that the second can run on many threads:
//!
//! 1. [`Chunks`] cuts a stream (plain or zstd) into [`Chunk`]s of whole lines and tells their [`Format`];
//! 2. [`Parser::lines`] turns one chunk into [`Line`]s, a pure function of the chunk.
//!
//! ```
//! use ticketscope_import::{Chunks, Parser};
//! use ticketscope_model::Schema;
//!
//! let export = r#"{"k":"member","group":"billing","user":7}"#;
//! let schema = Schema::builtin();
//! let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
//!
//! let mut chunks = Chunks::new(export.as_bytes())?;
//! if let Some(format) = chunks.detect()? {
//!     let parser = Parser::new(format, &many);
//!     for chunk in chunks {
//!         for line in parser.lines(&chunk?) {
//!             assert_eq!(line.number, 1);
//!             assert!(line.change.is_ok());
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod atom;
mod chunk;
mod error;
mod event;
mod format;
mod input;
mod json;
mod line;
mod names;
mod scope_jsonl;
mod ticket;
mod write;

pub use chunk::{Chunk, Chunks, MAX_LINE_BYTES};
pub use error::{DetectError, LineError, Problem, ReadError, WriteError};
pub use format::{Format, UnknownFormat};
pub use json::{MAX_DEPTH, MAX_ITEMS, MAX_KEYS, MAX_NUMBER_BYTES};
pub use line::{Line, Parser};
pub use write::write_change;

#[cfg(test)]
mod tests;
