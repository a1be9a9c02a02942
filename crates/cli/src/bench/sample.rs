//! Times of one operation, repeated.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Times that each question is asked before it is timed.
const WARM: usize = 3;

/// Times that a question is timed at most, and at least.
const RUNS: usize = 200;
const FEWEST_RUNS: usize = 5;

/// How long one question is timed for each asker, about.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long something took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Half of the runs took no longer.
    pub(super) median: f64,
    /// 99 of 100 took no longer; of fewer runs, none did.
    pub(super) p99: f64,
    pub(super) runs: usize,
}

impl Sample {
    /// Of these times; nothing of none.
    pub(super) fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let at = |per_cent: usize| {
            let place = (times.len() * per_cent).div_ceil(100).saturating_sub(1);
            times.get(place).map(|time| time.as_secs_f64() * 1e6)
        };
        Some(Self { median: at(50)?, p99: at(99)?, runs: times.len() })
    }
}

/// Times `ask` of each of `askers`, in turn, so that what else the machine does meets them all.
pub(super) fn in_turn<A>(
    askers: &[A],
    ask: impl Fn(&A) -> Result<(), Failure>,
) -> Result<Vec<Option<Sample>>, Failure> {
    for asker in askers.iter().cycle().take(WARM * askers.len()) {
        ask(asker)?;
    }
    let mut times = vec![Vec::with_capacity(RUNS); askers.len()];
    let began = Instant::now();
    let patience = PATIENCE.saturating_mul(u32::try_from(askers.len()).unwrap_or(u32::MAX));
    for run in 0..RUNS {
        if run >= FEWEST_RUNS && began.elapsed() > patience {
            break;
        }
        for (asker, times) in askers.iter().zip(&mut times) {
            let start = Instant::now();
            ask(asker)?;
            times.push(start.elapsed());
        }
    }
    Ok(times.into_iter().map(Sample::of).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn sample(micros: impl IntoIterator<Item = u64>) -> Option<(f64, f64, usize)> {
        let sample = Sample::of(micros.into_iter().map(Duration::from_micros).collect())?;
        Some((sample.median.round(), sample.p99.round(), sample.runs))
    }

    #[test]
    fn half_and_99_of_100_are_counted_from_the_fastest() {
        assert_eq!(sample([]), None);
        assert_eq!(sample([7]), Some((7.0, 7.0, 1)));
        assert_eq!(sample([9, 1]), Some((1.0, 9.0, 2)));
        assert_eq!(sample((1..=100).rev()), Some((50.0, 99.0, 100)));
        assert_eq!(sample(1..=200), Some((100.0, 198.0, 200)));
    }

    #[test]
    fn all_are_asked_in_turn_and_as_often() {
        let asked = RefCell::new(Vec::new());
        let samples = in_turn(&["a", "b"], |asker| {
            asked.borrow_mut().push(*asker);
            Ok(())
        })
        .unwrap();
        let asked = asked.into_inner();
        assert!(asked.chunks(2).all(|turn| turn == ["a", "b"]), "{asked:?}");
        let runs: Vec<usize> = samples.into_iter().flatten().map(|sample| sample.runs).collect();
        assert_eq!(runs, [asked.len() / 2 - WARM; 2]);
        assert!(runs[0] >= FEWEST_RUNS);
    }
}
