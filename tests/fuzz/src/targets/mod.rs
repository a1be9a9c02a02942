//! The targets, by what they read.

pub(crate) mod backup;
pub(crate) mod engine;
pub(crate) mod expression;
pub(crate) mod http;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod names;
pub(crate) mod query;
pub(crate) mod role;
pub(crate) mod storage;
pub(crate) mod text;
pub(crate) mod vectors;
