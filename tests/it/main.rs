//! Tests of the whole: one binary, a module per question.
mod tidy;
