//! What takes for ever is a failure too, and says where it was.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

/// Longer than any opening of a small tenant on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// What is under way, by number.
#[derive(Debug, Default)]
struct Running {
    works: BTreeMap<u64, (Instant, String)>,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Watched {
    running: Mutex<Running>,
    over: Condvar,
}

/// Ends the test run if something that it watches does not come to an end.
#[derive(Debug)]
pub(crate) struct Watchdog {
    watched: Arc<Watched>,
    looks: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn new() -> Self {
        let watched = Arc::<Watched>::default();
        let looks = thread::spawn({
            let watched = Arc::clone(&watched);
            move || look(&watched)
        });
        Self { watched, looks: Some(looks) }
    }

    /// Does something of which `context` says what it is.
    pub(crate) fn watch<T>(&self, context: &str, work: impl FnOnce() -> T) -> T {
        let number = {
            let works = &mut self.watched.running.lock().works;
            let number = works.keys().last().map_or(0, |last| last + 1);
            works.insert(number, (Instant::now(), context.to_owned()));
            number
        };
        let done = work();
        self.watched.running.lock().works.remove(&number);
        done
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.running.lock().is_over = true;
        self.watched.over.notify_all();
        drop(self.looks.take().map(thread::JoinHandle::join));
    }
}

#[expect(clippy::print_stderr, reason = "nobody else is there to say it")]
fn look(watched: &Watched) {
    let mut running = watched.running.lock();
    while !running.is_over {
        if let Some((_, context)) = running.works.values().find(|(since, _)| since.elapsed() > PATIENCE) {
            eprintln!("FAILED: {context}: it does not come to an end");
            // A thread that hangs cannot be ended otherwise.
            std::process::exit(1);
        }
        watched.over.wait_for(&mut running, LOOK);
    }
}
