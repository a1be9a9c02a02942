//! The revocation barrier: what was taken away is in no answer to a question that begins after the acknowledgement.

use std::thread;

mod http;
mod interleavings;
mod races;
mod reading;
mod ways;

/// Ends a race when one of its threads fails: the others would wait for it for ever.
struct OnFailure<F: Fn()>(F);

impl<F: Fn()> Drop for OnFailure<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}
