//! The thread that keeps a tenant's text indexed, as others see it: what it is asked to do, and what is known of how it fares.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use model::Opstamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use ticketscope_model as model;

use crate::room::RETRY;

/// Time without changes after which the writer's memory is let go.
const IDLE: Duration = Duration::from_secs(2);

/// How long a mapped snapshot waits for the text, so that it can cut the log.
const ADVANCE_PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks whether the thread still runs.
const ADVANCE_LOOK: Duration = Duration::from_millis(50);

/// What the thread is asked to do.
#[derive(Debug, Default)]
struct Orders {
    /// Text changed.
    work: bool,
    /// Somebody waits for it.
    hurry: bool,
    /// The log is to be cut: say how far the index is, also if no text changed.
    advance: bool,
    /// The next file of the index is to be checked, in this check of all. It stands until that was done: whoever waits longer
    /// than for one file does not have two checked.
    check: Option<FileCheck>,
    /// Whether and how to end.
    end: End,
}

/// How the thread is to end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not yet.
    #[default]
    No,
    /// When there is nothing left to do.
    Done,
    /// At once.
    Now,
}

/// The thread and how it is spoken to.
#[derive(Debug, Default)]
pub(crate) struct TextWorker {
    orders: Mutex<Orders>,
    wake: Condvar,
    thread: Mutex<Thread>,
    news: Mutex<News>,
    /// Notified when there are others.
    told: Condvar,
    /// How many checks of all files were begun.
    checks: AtomicU64,
    /// Held by whoever checks all files, at least for a file: two at once would both begin over and over.
    pub(crate) checking: Mutex<()>,
}

/// The thread. There is never a second one beside it: an index has one writer.
#[derive(Debug, Default)]
enum Thread {
    #[default]
    None,
    Running(JoinHandle<()>),
    /// Somebody waits for its end.
    Ending,
}

impl Thread {
    fn is_alive(&self) -> bool {
        match self {
            Self::None => false,
            Self::Running(thread) => !thread.is_finished(),
            Self::Ending => true,
        }
    }
}

/// How the index fares, for the stats.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The batch up to which the text is durable.
    pub(crate) position: Opstamp,
    /// Why the last index was put aside.
    pub(crate) put_aside: Option<String>,
    /// Why text is not indexed any more.
    pub(crate) failure: Option<String>,
    /// Whether that is a lack of room, which passes.
    waits_for_room: bool,
    /// What became of the file that was to be checked, and in which check of all files.
    checked: Option<(FileCheck, Checked)>,
}

impl News {
    /// Whether nothing but another change of text makes the thread try again.
    pub(crate) fn has_given_up(&self) -> bool {
        self.failure.is_some() && !self.waits_for_room
    }

    /// Whether the thread waits for room, and does nothing else.
    fn waits_for_room(&self) -> bool {
        self.failure.is_some() && self.waits_for_room
    }

    pub(crate) fn fails(&mut self, why: String) {
        (self.failure, self.waits_for_room) = (Some(why), false);
    }

    pub(crate) fn lacks_room(&mut self, why: String) {
        (self.failure, self.waits_for_room) = (Some(why), true);
    }
}

/// A check of all files of the index. When a later one has had a file checked, this one begins with the first file again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCheck(u64);

/// What became of the check of one file of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is what was written, so many bytes.
    Whole(u64),
    /// The thread has not come to it.
    Waiting,
    /// It is not; the index is put aside and made anew.
    Damaged(String),
    /// Every file was checked, or there is no index, or it is not looked at before there is room for what it lacks.
    End,
}

/// What there is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Index,
    Advance,
    Check(FileCheck),
    Rest,
    Finish,
    End,
}

impl TextWorker {
    pub(crate) fn news(&self) -> News {
        self.news.lock().clone()
    }

    /// Changes what is known of how the index fares.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut News)) {
        tell(&mut self.news.lock());
        self.told.notify_all();
    }

    /// Says what became of the file that was to be checked.
    pub(crate) fn tell_checked(&self, check: FileCheck, checked: Checked) {
        self.tell(|news| {
            news.checked = Some((check, checked));
            let mut orders = self.orders.lock();
            orders.check = orders.check.filter(|wanted| *wanted != check);
        });
    }

    /// Starts the thread, which does `run`, unless it runs. One that is ending is started again by whoever ends it, if there is
    /// work.
    pub(crate) fn start(&self, run: impl FnOnce() + Send + 'static) {
        let mut thread = self.thread.lock();
        if thread.is_alive() {
            return;
        }
        *self.orders.lock() = Orders { work: true, ..Orders::default() };
        let failed = match std::thread::Builder::new().name("text".to_owned()).spawn(run) {
            Ok(running) => {
                *thread = Thread::Running(running);
                return;
            }
            Err(error) => error.to_string(),
        };
        // Whoever holds the news asks for the thread, never the other way round.
        drop(thread);
        self.news.lock().fails(failed);
    }

    /// Says that text changed.
    pub(crate) fn work(&self) {
        self.order(|orders| orders.work = true);
    }

    /// Says that somebody waits.
    pub(crate) fn hurry(&self) {
        self.order(|orders| orders.hurry = true);
    }

    /// Asks for the text up to `wanted` to be made durable, so that the log before it can be cut, and waits a while for it.
    /// Answers how far the text is durable.
    pub(crate) fn advance(&self, wanted: Opstamp) -> Opstamp {
        self.order(|orders| orders.advance = true);
        let until = Instant::now() + ADVANCE_PATIENCE;
        let mut is_running = self.is_running();
        let mut news = self.news.lock();
        while is_running && news.position < wanted && news.failure.is_none() && Instant::now() < until {
            self.told.wait_until(&mut news, until.min(Instant::now() + ADVANCE_LOOK));
            MutexGuard::unlocked(&mut news, || is_running = self.is_running());
        }
        news.position
    }

    /// Begins a check of all files. What is still told of those before is none of its.
    pub(crate) fn begin_check(&self) -> FileCheck {
        FileCheck(self.checks.fetch_add(1, Relaxed))
    }

    /// Has the next file checked, and waits a while for it.
    pub(crate) fn check_file(&self, check: FileCheck, patience: Duration) -> Checked {
        if !self.is_running() {
            return Checked::End;
        }
        let until = Instant::now() + patience;
        let mut news = self.news.lock();
        let mut is_ordered = false;
        loop {
            match news.checked.take() {
                Some((of, checked)) if of == check => return checked,
                _ if news.waits_for_room() => return Checked::End,
                _ if !std::mem::replace(&mut is_ordered, true) => self.order(|orders| orders.check = Some(check)),
                _ => {}
            }
            if self.told.wait_until(&mut news, until).timed_out() {
                return Checked::Waiting;
            }
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.thread.lock().is_alive()
    }

    /// Waits until everything is indexed and the thread has ended; answers whether text came in meanwhile, which found the
    /// thread ending.
    pub(crate) fn finish(&self) -> bool {
        self.end(End::Done);
        self.orders.lock().work
    }

    /// Waits until the thread has ended, which leaves undone what it has not begun.
    pub(crate) fn stop(&self) {
        self.end(End::Now);
    }

    fn end(&self, how: End) {
        // Taken out and joined without the lock: nobody may wait for it while the thread is waited for.
        let running = {
            let mut thread = self.thread.lock();
            match std::mem::take(&mut *thread) {
                Thread::Running(running) => {
                    *thread = Thread::Ending;
                    running
                }
                other => {
                    *thread = other;
                    return;
                }
            }
        };
        self.order(|orders| orders.end = how);
        if running.join().is_err() {
            self.news.lock().fails("the thread that indexes text panicked".to_owned());
        }
        *self.thread.lock() = Thread::None;
    }

    /// Waits until what found no room is worth another try; whether the thread is to go on.
    pub(crate) fn pause(&self) -> bool {
        let until = Instant::now() + RETRY;
        let mut orders = self.orders.lock();
        while orders.end == End::No && !std::mem::take(&mut orders.hurry) {
            if self.wake.wait_until(&mut orders, until).timed_out() {
                break;
            }
        }
        orders.end == End::No
    }

    pub(crate) fn must_stop(&self) -> bool {
        self.orders.lock().end == End::Now
    }

    fn order(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.orders.lock());
        self.wake.notify_all();
    }

    /// Waits for something to do: not before `pace` unless somebody waits.
    pub(crate) fn next(&self, pace: Instant, is_writing: bool) -> Next {
        let mut orders = self.orders.lock();
        loop {
            if orders.end == End::Now {
                return Next::End;
            }
            let now = Instant::now();
            if orders.work && (orders.hurry || orders.end == End::Done || now >= pace) {
                orders.work = false;
                orders.hurry = false;
                return Next::Index;
            }
            if orders.end == End::Done {
                return Next::Finish;
            }
            if orders.advance {
                orders.advance = false;
                return Next::Advance;
            }
            if let Some(check) = orders.check {
                return Next::Check(check);
            }
            if orders.work {
                self.wake.wait_until(&mut orders, pace);
            } else if is_writing {
                if self.wake.wait_until(&mut orders, now + IDLE).timed_out() {
                    return Next::Rest;
                }
            } else {
                self.wake.wait(&mut orders);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_mins(2);

    const AT_ONCE: Duration = Duration::ZERO;

    /// A worker whose thread says what it begins, nothing for anything but a check, and checks a file when it is told how that
    /// ends.
    fn worker() -> (Arc<TextWorker>, mpsc::Sender<Checked>, mpsc::Receiver<Option<FileCheck>>) {
        let worker = Arc::new(TextWorker::default());
        let (checked, next) = mpsc::channel();
        let (told, begun) = mpsc::channel();
        let thread = Arc::clone(&worker);
        worker.start(move || {
            loop {
                match thread.next(Instant::now(), false) {
                    Next::Check(check) => {
                        told.send(Some(check)).unwrap();
                        thread.tell_checked(check, next.recv().unwrap());
                    }
                    Next::End => return,
                    _ => told.send(None).unwrap(),
                }
            }
        });
        assert_eq!(begun.recv().unwrap(), None, "it begins with indexing");
        (worker, checked, begun)
    }

    #[test]
    fn what_is_told_of_an_earlier_check_is_no_answer_to_a_later_one() {
        let (worker, checked, begun) = worker();
        let first = worker.begin_check();
        assert_eq!(worker.check_file(first, AT_ONCE), Checked::Waiting);
        assert_eq!(begun.recv().unwrap(), Some(first));
        // The thread is at the end of the first check when the second one begins, and tells so afterwards.
        let second = worker.begin_check();
        assert_eq!(worker.check_file(second, AT_ONCE), Checked::Waiting);
        checked.send(Checked::End).unwrap();
        assert_eq!(begun.recv().unwrap(), Some(second));
        checked.send(Checked::Damaged("a file".to_owned())).unwrap();
        assert_eq!(worker.check_file(second, PATIENCE), Checked::Damaged("a file".to_owned()));
        worker.stop();
    }

    #[test]
    fn whoever_looks_twice_for_a_file_has_one_checked_and_misses_none() {
        let (worker, checked, begun) = worker();
        let check = worker.begin_check();
        for bytes in 1..20 {
            assert_eq!(worker.check_file(check, AT_ONCE), Checked::Waiting);
            assert_eq!(begun.recv().unwrap(), Some(check));
            // It is being checked.
            assert_eq!(worker.check_file(check, AT_ONCE), Checked::Waiting);
            checked.send(Checked::Whole(bytes)).unwrap();
            while worker.news().checked.is_none() {
                thread::yield_now();
            }
            assert_eq!(worker.check_file(check, PATIENCE), Checked::Whole(bytes));
            worker.work();
            assert_eq!(begun.recv().unwrap(), None, "another file was begun before it was asked for");
        }
        worker.stop();
    }

    #[test]
    fn without_the_thread_there_is_nothing_to_check() {
        let worker = TextWorker::default();
        assert_eq!(worker.check_file(worker.begin_check(), PATIENCE), Checked::End);
    }
}
