//! The one thread of an engine that has its open tenants read again.

use std::{
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use storage::TenantId;
use ticketscope_storage as storage;

use crate::scrub::{self, Scrub, ScrubStep};

/// Time after its opening before a tenant is read again: whoever opened it has other things to read first.
const AFTER_OPENING: Duration = Duration::from_mins(1);

/// Takes the findings: tenant, and what is damaged.
type Tell = dyn Fn(&TenantId, &str) + Send + Sync;

/// Reads the open tenants again, one step of one of them after the other.
#[derive(Default)]
pub(crate) struct Scrubber {
    turns: Mutex<Turns>,
    wake: Condvar,
    tell: Mutex<Option<Arc<Tell>>>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber")
    }
}

#[derive(Debug, Default)]
struct Turns {
    tenants: Vec<Turn>,
    thread: Option<JoinHandle<()>>,
    must_end: bool,
}

/// When a tenant is next.
#[derive(Debug)]
struct Turn {
    id: TenantId,
    open: Weak<Open>,
    due: Instant,
    /// When its pass began.
    began: Instant,
}

/// What the thread needs of an open tenant. The tenant takes it back when it is closed, and waits for a step under way.
#[derive(Debug)]
pub(crate) struct Open(Mutex<Option<Arc<Scrub>>>);

impl Open {
    /// Lets the tenant go.
    pub(crate) fn take_back(&self) {
        *self.0.lock() = None;
    }
}

impl Scrubber {
    /// Who is told of damage.
    pub(crate) fn tell(&self, tell: Arc<Tell>) {
        *self.tell.lock() = Some(tell);
    }

    /// Has a tenant read again within every `interval` while it is open. Without a thread to be had nobody does.
    pub(crate) fn watch(self: &Arc<Self>, id: &TenantId, scrub: &Arc<Scrub>, interval: Duration) -> Arc<Open> {
        let open = Arc::new(Open(Mutex::new(Some(Arc::clone(scrub)))));
        let due = Instant::now() + AFTER_OPENING.min(interval / 2);
        let mut turns = self.turns.lock();
        turns.tenants.push(Turn { id: id.clone(), open: Arc::downgrade(&open), due, began: due });
        if turns.thread.is_none() && !turns.must_end {
            let scrubber = Arc::clone(self);
            let spawned = std::thread::Builder::new().name("scrub".to_owned()).spawn(move || scrubber.run(interval));
            turns.thread = spawned.ok();
        }
        drop(turns);
        self.wake.notify_all();
        open
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        let mut turns = self.turns.lock();
        turns.must_end = true;
        let thread = turns.thread.take();
        drop(turns);
        self.wake.notify_all();
        if let Some(thread) = thread {
            // A panic in it was told when it happened.
            drop(thread.join());
        }
    }

    fn run(&self, interval: Duration) {
        while let Some((id, open)) = self.next() {
            let step = {
                let scrub = open.0.lock();
                let Some(scrub) = scrub.as_ref() else { continue };
                let tell = self.tell.lock().clone();
                let step = scrub.step(&|what| {
                    if let Some(tell) = &tell {
                        tell(&id, what);
                    }
                });
                (step, scrub.total_bytes())
            };
            self.plan(&open, step, interval);
        }
    }

    /// Waits until a tenant is due.
    fn next(&self) -> Option<(TenantId, Arc<Open>)> {
        let mut turns = self.turns.lock();
        loop {
            if turns.must_end {
                return None;
            }
            turns.tenants.retain(|turn| turn.open.strong_count() > 0);
            let first = turns.tenants.iter().min_by_key(|turn| turn.due);
            match first {
                None => self.wake.wait(&mut turns),
                Some(turn) if turn.due > Instant::now() => {
                    let due = turn.due;
                    self.wake.wait_until(&mut turns, due);
                }
                Some(turn) => {
                    if let Some(open) = turn.open.upgrade() {
                        return Some((turn.id.clone(), open));
                    }
                }
            }
        }
    }

    /// Says when the tenant is next.
    fn plan(&self, open: &Arc<Open>, (step, total): (ScrubStep, u64), interval: Duration) {
        let mut turns = self.turns.lock();
        let now = Instant::now();
        if let Some(turn) = turns.tenants.iter_mut().find(|turn| std::ptr::eq(turn.open.as_ptr(), Arc::as_ptr(open))) {
            if step.is_end {
                turn.due = scrub::next_pass(turn.began, interval).max(now + scrub::SHORTEST_PAUSE);
                turn.began = turn.due;
            } else if step.is_closed {
                turn.due = now + interval / 2;
                turn.began = turn.due;
            } else {
                turn.due = now + scrub::pause(step.bytes, total, interval);
            }
        }
        // Whoever else is due waits as well: the disk is others' for most of the time.
        let earliest = now + scrub::SHORTEST_PAUSE;
        turns.tenants.iter_mut().for_each(|turn| turn.due = turn.due.max(earliest));
    }
}
