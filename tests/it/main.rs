//! Tests of the whole: one binary, a module per question.

mod compare;
mod crash;
mod tidy;
mod answers;
mod oracle;
mod world;
mod changes;
mod corner_cases;
mod desk;
mod recovery;
mod tenants;
mod large;
mod plans;
mod laws;
mod planted;
