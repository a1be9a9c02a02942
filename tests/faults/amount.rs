//! How much is tried: little in every run of the tests, everything in a long one.

use std::{env, fmt::Debug, str::FromStr};

/// How many of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// So many, drawn at random.
    Some(usize),
    /// All there are.
    All,
}

/// A number in the environment.
pub(crate) fn number<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error:?}")))
}

/// A number or `all` in the environment.
pub(crate) fn amount(name: &str, default: usize) -> Amount {
    match env::var(name) {
        Ok(text) if text == "all" => Amount::All,
        _ => Amount::Some(number(name, default)),
    }
}

/// The seed of what is drawn.
pub(crate) fn seed() -> u64 {
    number("TICKETSCOPE_SEED", 0)
}

/// Says by name what is not tested here, and why.
#[expect(clippy::print_stderr, reason = "a test that is skipped must not look like one that passed")]
pub(crate) fn skipped(what: &str, why: &str) {
    eprintln!("SKIPPED: {what}: {why}");
}
