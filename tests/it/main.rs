//! Tests of the whole: one binary, a module per question.

mod answers;
mod catalogue;
mod changes;
mod compare;
mod concurrency;
mod corner_cases;
mod crash;
mod desk;
mod format;
mod http;
mod large;
mod laws;
mod matrix;
mod oracle;
mod pairs;
mod plans;
mod planted;
mod recovery;
mod revocation;
mod tenants;
mod text;
mod text_state;
mod tidy;
mod two_worlds;
mod visibility;
mod world;
