//! How much is tried: little in every run of the tests, everything in a long one.

use std::{
    env,
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    str::FromStr,
};

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

/// One part of a long run, of which the others are run beside it or later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    part: u64,
    of: u64,
}

impl Share {
    /// The one in the environment, `1/4` to `4/4` for quarters; otherwise the whole.
    pub(crate) fn of(name: &str) -> Self {
        let Ok(text) = env::var(name) else { return Self { part: 1, of: 1 } };
        let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        let valid = numbers.filter(|(part, of)| (1..=*of).contains(part));
        let (part, of) = valid.unwrap_or_else(|| panic!("{name}={text}: it is no part, as 1/4 is one of four"));
        Self { part, of }
    }

    /// Whether `what` is in it. Each thing is in one part of so many, whatever else there is to be tried.
    pub(crate) fn has(self, what: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        hasher.finish() % self.of == self.part - 1
    }
}

/// Says by name what is not tested here, and why.
#[expect(clippy::print_stderr, reason = "a test that is skipped must not look like one that passed")]
pub(crate) fn skipped(what: &str, why: &str) {
    eprintln!("SKIPPED: {what}: {why}");
}

#[test]
fn each_thing_is_in_one_of_so_many_parts() {
    for thing in 0..100 {
        let parts = (1..=4).filter(|part| Share { part: *part, of: 4 }.has(&thing)).count();
        assert_eq!(parts, 1, "{thing}");
        assert!(Share { part: 1, of: 1 }.has(&thing));
    }
}
