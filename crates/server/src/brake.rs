use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{Request, service::Service};
use parking_lot::Mutex;

/// Refusals in a row that a connection is not held back for.
const FREE: u32 = 3;

/// How long it is held back for the next one; twice as long for each one more.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long it is held back at most: short beside what a refused client is told to wait, for a proxy may send the requests
/// of others on the same connection.
const LONGEST: Duration = Duration::from_millis(100);

/// Holds back a connection on which one request after the other is refused: the refusal is sent at once, and the next
/// request is read later. A refusal is cheap, but not free: whoever is refused and asks again at once, however often, would
/// have the server do nothing but refuse.
#[derive(Debug, Default)]
pub(crate) struct Brake(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    refused: u32,
    until: Option<Instant>,
}

impl Brake {
    /// A request was refused because too much is asked.
    pub(crate) fn refused(&self, now: Instant) {
        let mut state = self.0.lock();
        state.refused = state.refused.saturating_add(1);
        if let Some(doublings) = state.refused.checked_sub(FREE + 1) {
            let pause = SHORTEST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(LONGEST);
            state.until = Some(now + pause);
        }
    }

    /// A request was answered otherwise.
    pub(crate) fn answered(&self) {
        *self.0.lock() = State::default();
    }

    /// Until when nothing is to be read, if so.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.lock().until.filter(|until| now < *until)
    }
}

/// A service that tells each request which brake its connection has.
#[derive(Debug)]
pub(crate) struct Braked<S> {
    pub(crate) inner: S,
    pub(crate) brake: Arc<Brake>,
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for Braked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.brake));
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_a_row_hold_a_connection_back_longer_and_longer_and_an_answer_lets_it_go() {
        let (brake, now) = (Brake::default(), Instant::now());
        let pause = |brake: &Brake| brake.until(now).map(|until| until - now);
        for _ in 0..2 {
            for _ in 0..FREE {
                brake.refused(now);
                assert_eq!(pause(&brake), None);
            }
            for millis in [10, 20, 40, 80, 100, 100] {
                brake.refused(now);
                assert_eq!(pause(&brake), Some(Duration::from_millis(millis)));
            }
            for _ in 0..100 {
                brake.refused(now);
            }
            assert_eq!(pause(&brake), Some(LONGEST));
            assert_eq!(brake.until(now + LONGEST), None);
            brake.answered();
            assert_eq!(pause(&brake), None);
        }
    }
}
