//! The query language and the answers: a pure function of snapshot, scope and query.
