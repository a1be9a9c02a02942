//! Hostile input: one function of bytes for each parser and decoder, and what must hold of it whatever the bytes are.
//!
//! A target of [`TARGETS`] reads an input as one part of ticketscope would and panics where a property does not hold: what
//! was read prints and reads back as the same; what was decoded encodes and decodes to the same; what was tampered with is
//! refused, or says what it said before; two evaluators agree; nothing hidden is in an answer. That nothing panics by
//! itself is the least of it.
//!
//! It is not a generator of sensible input (`ticketscope-testkit` is), and it measures no time: inputs that would take long
//! if anything were quadratic are in `tests/hostile.rs`.
//!
//! ```text
//! src/targets/         the targets, by what they read
//! corpus/TARGET/       inputs that lead into every branch, small; and those that a long run found to lead further
//! crashes/TARGET/      inputs that once broke a property: they are tried again for ever
//! dict/TARGET.dict     words of the language, for targets that have one
//! tests/               every committed input and some mutations of each, in seconds; hostile sizes; hostile HTTP
//! run TARGET|all SECONDS    libFuzzer on one target, or on each in turn, for so long
//! ```
//!
//! The short run is a part of `tests/run`; `TICKETSCOPE_SEED` and `TICKETSCOPE_ROUNDS` choose its mutations. The long one
//! needs a C++ compiler for libFuzzer, and no other Rust than the one that builds the workspace. Inputs that it finds
//! gather below `target/fuzz`; one that breaks a property is kept there, too, and belongs into `crashes` with the fix.

#![forbid(unsafe_code)]

mod choices;
mod desk;
pub mod loopback;
mod targets;

use targets::{backup, engine, expression, http, import, index, names, query, role, storage, text, vectors};

/// Reads an input, and panics where a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("query", query::query),
    ("cursor", query::cursor),
    ("expression_text", expression::text),
    ("expression_json", expression::json),
    ("role", role::role),
    ("vectors", vectors::vectors),
    ("import", import::import),
    ("index_sections", index::sections),
    ("index_records", index::records),
    ("database", storage::database),
    ("snapshot_file", storage::snapshot_file),
    ("backup", backup::backup),
    ("text_index", text::index),
    ("words", text::words),
    ("names", names::names),
    ("http_question", http::question),
    ("http_head", http::head),
    ("http_position", http::position),
    ("http_credential", http::credential),
    ("engine", engine::engine),
];
