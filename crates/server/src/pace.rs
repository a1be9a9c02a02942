//! When answers are sent whose time could tell what is hidden.
//!
//! Whoever asks for a word, a value or a ticket and finds nothing must not tell from the time whether there is nothing or
//! whether it is hidden: reading the postings of a hidden word takes longer than learning that there are none. So such an
//! answer waits, from the arrival of its request, for the next of a few moments that lie far apart beside what the work can
//! differ by, each twice as late as the one before. The `took_us` it states is 0. The wait holds no thread and no place in a
//! queue.
//!
//! A part of a query that does not have to be found waits whatever the whole finds: what is excluded, one of several values
//! or words, a prefix. Suggestions always wait. What is sent at once are answers that found something for each part of
//! their query, and those to admins. Several answers in one request wait as long as they would one after the other: the first
//! moment is as many times later as there are such among them, so that no question asked thirty times over makes of a little
//! work more than a step. What this leaves open: an answer that comes just before or just after a moment is sent
//! at that one or the next, so that a load which stretches the work can still be read from many thousand answers.

use std::time::Duration;

use axum::http::request::Parts;
use tokio::time::{Instant, sleep_until};

/// When a request arrived, as an extension of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival(Instant);

impl Arrival {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Of the request, as the edge noted it.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get().copied().unwrap_or_else(Self::now)
    }

    /// Waits for the next moment at which an answer may be sent: `first` after the arrival, or a power of two times that.
    pub(crate) async fn wait(self, first: Duration) {
        if let Some(step) = step(first, self.0.elapsed()) {
            sleep_until(self.0 + step).await;
        }
    }
}

/// The least of `first` times the powers of two that is not less than `worked`; nothing if nothing is held back.
fn step(first: Duration, worked: Duration) -> Option<Duration> {
    if first.is_zero() {
        return None;
    }
    let mut step = first;
    while step < worked {
        step = step.checked_mul(2)?;
    }
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(2);

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_step_is_reached_by_all_work_up_to_it_and_by_none_beyond() {
        for (worked, expected) in [(0, 2), (1, 2), (2_000, 2), (2_001, 4), (4_000, 4), (4_001, 8), (8_001, 16)] {
            assert_eq!(step(FIRST, micros(worked)), Some(Duration::from_millis(expected)), "{worked}");
        }
        assert_eq!(step(Duration::ZERO, micros(5)), None);
        assert_eq!(step(FIRST, Duration::MAX), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_moment_depends_on_the_arrival_and_not_on_the_work() {
        for (worked, expected) in [(0, 2), (1, 2), (2, 2), (3, 4), (5, 8)] {
            let began = Instant::now();
            let arrival = Arrival::now();
            tokio::time::advance(Duration::from_millis(worked)).await;
            arrival.wait(FIRST).await;
            assert_eq!(began.elapsed(), Duration::from_millis(expected), "{worked}");
        }
    }
}
