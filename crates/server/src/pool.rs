use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use crate::{code::Code, failure::Failure};

/// Runs blocking work on a bounded number of threads, with a bounded queue before them.
#[derive(Debug)]
pub(crate) struct Pool {
    running: Arc<Semaphore>,
    /// Running and waiting together.
    admitted: Arc<Semaphore>,
    threads: u32,
    patience: Duration,
}

impl Pool {
    /// At most `threads` at once, at most `queue` waiting, each for at most `patience`.
    pub(crate) fn new(threads: u32, queue: u32, patience: Duration) -> Self {
        let permits = |count: u32| Arc::new(Semaphore::new(count as usize));
        Self { running: permits(threads), admitted: permits(threads.saturating_add(queue)), threads, patience }
    }

    /// Runs `work` to its end, even if nobody waits for the answer any more.
    ///
    /// # Errors
    /// Busy if the queue is full or the wait in it too long; internal if the work panics.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        let busy = || Failure::of(Code::Busy);
        let Ok(admitted) = Arc::clone(&self.admitted).try_acquire_owned() else { return Err(busy()) };
        let Ok(Ok(running)) = timeout(self.patience, Arc::clone(&self.running).acquire_owned()).await else {
            return Err(busy());
        };
        let done = tokio::task::spawn_blocking(move || {
            let _held = (admitted, running);
            work()
        });
        match done.await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => {
                Err(Failure::of(Code::Internal).caused_by(panic_text(&*error.into_panic())))
            }
            Err(_) => Err(busy()),
        }
    }

    /// Waits until nothing runs. New work may still be admitted; whoever drains has closed the door before.
    pub(crate) async fn drain(&self) {
        // The semaphore is never closed, so that this waits and cannot fail.
        drop(self.running.acquire_many(self.threads).await);
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_and_what_runs_is_finished() {
        let pool = Arc::new(Pool::new(1, 0, Duration::from_mins(1)));
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(move || {
                    started.send(()).unwrap();
                    Ok(released.recv().is_err())
                })
                .await
            }
        });
        has_started.await.unwrap();
        let refused = pool.run(|| Ok(())).await;
        assert_eq!(refused.unwrap_err().code, Code::Busy);
        drop(release);
        assert!(running.await.unwrap().unwrap());
        pool.drain().await;
        assert!(pool.run(|| Ok(())).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_in_the_queue_is_refused() {
        let pool = Arc::new(Pool::new(1, 1, Duration::from_millis(500)));
        let held = Arc::clone(&pool.running).acquire_owned().await.unwrap();
        assert_eq!(pool.run(|| Ok(())).await.unwrap_err().code, Code::Busy);
        drop(held);
        assert!(pool.run(|| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_failure_and_frees_its_place() {
        let pool = Pool::new(1, 0, Duration::from_secs(1));
        let failure = pool.run(|| -> Result<(), Failure> { panic!("lost") }).await.unwrap_err();
        assert_eq!((failure.code, failure.cause.as_deref()), (Code::Internal, Some("lost")));
        assert!(pool.run(|| Ok(())).await.is_ok());
    }
}
