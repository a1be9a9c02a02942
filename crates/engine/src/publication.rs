//! The snapshot that readers get, and how it gives way to the next.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use model::Opstamp;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use query::{Snapshot, TextState};
use ticketscope_model as model;
use ticketscope_query as query;

/// The longest that anybody waits for a snapshot, however patient.
const LONGEST_PATIENCE: Duration = Duration::from_hours(24);

/// What is published: everything acknowledged, nothing half done.
pub(crate) struct Publication {
    newest: RwLock<Arc<Snapshot>>,
    /// Held by whoever makes the next snapshot from the newest one.
    publishing: Mutex<()>,
    /// What those who wait look at.
    news: Mutex<News>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct News {
    /// The position of the newest snapshot.
    position: Opstamp,
    /// How often there was something to look at.
    looks: u64,
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").field("opstamp", &self.newest.read().opstamp()).finish_non_exhaustive()
    }
}

impl Publication {
    pub(crate) fn new(first: Snapshot) -> Self {
        let news = Mutex::new(News { position: first.opstamp(), looks: 0 });
        Self { newest: RwLock::new(Arc::new(first)), publishing: Mutex::new(()), news, changed: Condvar::new() }
    }

    /// The newest snapshot. Never waits for the writer.
    pub(crate) fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.read())
    }

    /// Publishes what `next` makes of the newest snapshot.
    pub(crate) fn publish(&self, next: impl FnOnce(&Snapshot) -> Snapshot) {
        let publishing = self.publishing.lock();
        let before = self.newest();
        let snapshot = Arc::new(next(&before));
        let opstamp = snapshot.opstamp();
        let old = std::mem::replace(&mut *self.newest.write(), snapshot);
        drop(publishing);
        self.tell(opstamp);
        // Freed outside the locks: the last references may take a while to go.
        drop((before, old));
    }

    /// Has those who wait look again, for another reason than that something was published.
    pub(crate) fn look_again(&self) {
        self.tell(Opstamp::default());
    }

    fn tell(&self, opstamp: Opstamp) {
        let mut news = self.news.lock();
        news.position = news.position.max(opstamp);
        news.looks += 1;
        drop(news);
        self.changed.notify_all();
    }

    /// Publishes the same tickets with another state of the text.
    pub(crate) fn set_text(&self, next: impl FnOnce(&TextState) -> TextState) {
        self.publish(|before| before.with_text(next(before.text())));
    }

    /// The newest snapshot, once it shows `opstamp`; nothing if that takes longer than `patience`.
    pub(crate) fn at(&self, opstamp: Opstamp, patience: Duration) -> Option<Arc<Snapshot>> {
        self.wait(patience, |position| (position >= opstamp).then_some(()))?;
        Some(self.newest())
    }

    /// Looks now and whenever there is something to look at until `look`, which is told the position, has an answer; nothing
    /// if that takes longer than `patience`. What is published during a look, or after it, ends the waiting that follows it.
    pub(crate) fn wait<T>(&self, patience: Duration, mut look: impl FnMut(Opstamp) -> Option<T>) -> Option<T> {
        let until = Instant::now() + patience.min(LONGEST_PATIENCE);
        let mut news = self.news.lock();
        loop {
            let seen = *news;
            // Whoever looks may find out something that others are told of.
            let answer = MutexGuard::unlocked(&mut news, || look(seen.position));
            if answer.is_some() {
                return answer;
            }
            let is_late = *news != seen && Instant::now() < until;
            if !is_late && self.changed.wait_until(&mut news, until).timed_out() {
                return None;
            }
        }
    }
}
