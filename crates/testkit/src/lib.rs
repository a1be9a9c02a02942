//! The slow truth and the generators; development only.
//!
//! [`oracle`] answers the questions of ticketscope by looking at every ticket, one after the other, with nothing but the
//! rules as they are written. It indexes nothing and shares with the engine only the vocabulary of `ticketscope-model` and
//! how a text is cut into words: expressions and queries are trees of its own, which print as the public text languages, so
//! that the engine reads them with its own parsers. [`arb`] makes small, nasty random tenants, histories, expressions and
//! queries from a seed; [`tenant`] makes one large, plausible tenant for measurements; [`simdisk`] is a disk that forgets what
//! was not made durable, [`gate`] one on which somebody waits, and [`limited`] a process for which the system's own is full;
//! [`plain`] has facts with nothing in them.
//!
//! It is not a reference implementation to build on: it is slow on purpose, parses nothing and stores nothing.

#![forbid(unsafe_code)]

pub mod arb;
pub mod gate;
pub mod limited;
pub mod oracle;
pub mod plain;
pub mod simdisk;
pub mod tenant;
