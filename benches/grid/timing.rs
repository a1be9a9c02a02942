//! How long one cell of the grid takes on one side.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::side::Failure;

/// The longest that any side may take for one answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// How often a cell is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// At most so often.
    pub(crate) runs: usize,
    /// No further run begins after this time, but for the first three of short ones.
    pub(crate) patience: Duration,
}

/// Runs that a cell gets beyond its patience, unless they take longer than [`LONG`] together.
const LEAST_RUNS: usize = 3;
const LONG: Duration = Duration::from_secs(5);

/// Below this an answer is repeated within one measurement, as reading the clock costs a part of it.
const SHORT: Duration = Duration::from_micros(2);
const REPEATS: u32 = 50;

/// What a cell took, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Took {
    /// The sorted times of its runs; at least one.
    Times(Vec<f64>),
    /// It was given up after [`TIMEOUT`].
    TooLong,
}

impl Took {
    /// Runs `ask` within `budget`.
    ///
    /// # Errors
    /// [`Failure::Other`] of `ask`.
    pub(crate) fn measure<T>(budget: Budget, mut ask: impl FnMut() -> Result<T, Failure>) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut times = Vec::with_capacity(budget.runs);
        let mut repeats = 1;
        let is_enough = |runs: usize| {
            let spent = began.elapsed();
            let over = spent >= budget.patience && runs >= LEAST_RUNS;
            runs >= budget.runs || over || (runs > 0 && spent >= LONG)
        };
        while !is_enough(times.len()) {
            let start = Instant::now();
            for _ in 0..repeats {
                match ask() {
                    Ok(answer) => drop(std::hint::black_box(answer)),
                    Err(Failure::Timeout) => return Ok(Self::TooLong),
                    Err(Failure::Other(error)) => return Err(error),
                }
            }
            let took = start.elapsed();
            if repeats == 1 && took < SHORT {
                repeats = REPEATS;
                continue;
            }
            times.push(took.as_secs_f64() * 1e6 / f64::from(repeats));
        }
        Ok(Self::of(times))
    }

    /// Of single times, in microseconds; at least one.
    pub(crate) fn of(mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        Self::Times(times)
    }

    /// The time that so many hundredths of the runs did not exceed; the timeout if it was given up.
    pub(crate) fn at(&self, percent: usize) -> f64 {
        match self {
            Self::Times(times) => times[(times.len() * percent / 100).min(times.len() - 1)],
            Self::TooLong => TIMEOUT.as_secs_f64() * 1e6,
        }
    }

    /// The median, or the timeout as a lower bound of it.
    pub(crate) fn median(&self) -> f64 {
        self.at(50)
    }

    /// For machines to read.
    pub(crate) fn json(&self) -> Json {
        let digits = |micros: f64| (micros * 1e3).round() / 1e3;
        match self {
            Self::Times(times) => json!({
                "p50": digits(self.median()),
                "p10": digits(self.at(10)),
                "p90": digits(self.at(90)),
                "p99": digits(self.at(99)),
                "min": digits(times[0]),
                "runs": times.len(),
            }),
            Self::TooLong => json!({ "at_least": self.median(), "runs": 1 }),
        }
    }

    /// For people to read: microseconds with three digits.
    pub(crate) fn shown(&self) -> String {
        let micros = self.median();
        let digits = match micros {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        let bound = if *self == Self::TooLong { ">=" } else { "" };
        format!("{bound}{micros:.digits$}")
    }
}
