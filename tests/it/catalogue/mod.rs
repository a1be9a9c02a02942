//! The catalogue of published leaks: one module for each design of a test against them, each with one test of its name.
//!
//! `tests/leaks.md` maps every published leak to what catches it here. T0, the comparison of two whole worlds, is
//! [`crate::two_worlds`].

mod completeness;
mod desk;
mod t01_get_by_id;
mod t02_numbers;
mod t03_hidden_values;
mod t04_suggestions;
mod t05_scores;
mod t06_snippets;
mod t07_other_ways;
mod t08_shared_work;
mod t09_stale_grants;
mod t10_errors;
mod t11_canaries;
mod t13_exports;
mod t14_hidden_parts;
mod t15_confusion;
mod t16_shadow;
mod t17_nothing_missing;
