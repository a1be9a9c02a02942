//! Times of one operation, repeated.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How often something was measured, and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Repetitions.
    pub runs: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99% of them took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Sample {
    /// Sorts the times of at least one run.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        Self { runs: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }

    /// Repeats `run` as often as asked, or until `patience` is over if that comes first; at least five times. What it
    /// answers is dropped outside the clock.
    pub fn take<T>(repetitions: usize, patience: Duration, mut run: impl FnMut(usize) -> T) -> Self {
        let begin = Instant::now();
        let mut times = Vec::with_capacity(repetitions);
        for at in 0..repetitions {
            if at >= 5 && begin.elapsed() > patience {
                break;
            }
            let start = Instant::now();
            let answer = std::hint::black_box(run(at));
            times.push(start.elapsed());
            drop(answer);
        }
        Self::of(times)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, p50, p99, max } = self;
        write!(f, "p50 {:>9}  p99 {:>9}  max {:>9}  ({runs} runs)", shown(*p50), shown(*p99), shown(*max))
    }
}

/// A duration with three digits and a unit.
pub fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        ..1e-6 => (seconds * 1e9, "ns"),
        ..1e-3 => (seconds * 1e6, "us"),
        ..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}
