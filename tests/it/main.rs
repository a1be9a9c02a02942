//! Tests of the whole: one binary, a module per question.

mod compare;
mod crash;
mod tidy;
