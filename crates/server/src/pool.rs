use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use ticketscope_engine::storage::TenantId;
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};

use crate::{code::Code, failure::Failure};

/// The part of the longest wait that a wait may be likely to take: what is likely is not certain.
const LIKELY: u32 = 2;

/// How much of what is usual one piece of work makes up.
const SHARE_OF_ONE: f64 = 1.0 / 16.0;

/// Runs blocking work on a bounded number of threads, with a bounded queue before them.
///
/// Each tenant has a lane of its own in the queue, and the lanes take turns: whoever asks for much waits behind itself, and
/// keeps nobody else waiting for more than a turn. What is not likely to have its turn in time is refused at once, so that
/// those who get an answer get it early, and a refusal costs nothing but itself.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    patience: Duration,
}

/// Whose work it is: a tenant's, or nobody's.
type Lane = Option<TenantId>;

#[derive(Debug)]
struct Shared {
    threads: u32,
    /// Threads that one lane has at most.
    of_lane: u32,
    queue: usize,
    state: Mutex<State>,
    /// Told when nothing runs any more.
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    running: u32,
    waiting: usize,
    lanes: HashMap<Lane, LaneState>,
    /// Lanes in which somebody waits, in the order of their turns.
    turns: VecDeque<Lane>,
    /// Seconds that a piece of work usually takes.
    usual: f64,
    /// Names the next one that waits.
    number: u64,
}

#[derive(Debug, Default)]
struct LaneState {
    running: u32,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    called: oneshot::Sender<Place>,
}

/// The right to run. Dropped, it goes to the next who waits.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    lane: Lane,
    began: Option<Instant>,
}

/// A place in the queue, left when it is dropped.
struct Queued<'p> {
    shared: &'p Shared,
    lane: &'p Lane,
    number: u64,
}

impl Pool {
    /// At most `threads` at once and `queue` waiting, each for at most `patience`.
    pub(crate) fn new(threads: u32, queue: u32, patience: Duration) -> Self {
        Self::with_lanes(threads, threads, queue, patience)
    }

    /// The same, with at most `of_lane` of the threads for one tenant.
    pub(crate) fn with_lanes(threads: u32, of_lane: u32, queue: u32, patience: Duration) -> Self {
        let (state, idle) = (Mutex::default(), Notify::new());
        let shared = Shared { threads, of_lane, queue: queue as usize, state, idle };
        Self { shared: Arc::new(shared), patience }
    }

    /// Runs `work` of a tenant to its end, even if nobody waits for the answer any more.
    ///
    /// # Errors
    /// Busy if the queue is full or the wait in it too long; internal if the work panics.
    pub(crate) async fn run<T, F>(&self, tenant: Option<&TenantId>, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        let busy = || Failure::of(Code::Busy);
        let mut place = self.place(tenant.cloned()).await.ok_or_else(busy)?;
        let done = tokio::task::spawn_blocking(move || {
            place.began = Some(Instant::now());
            let answer = work();
            drop(place);
            answer
        });
        match done.await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => {
                Err(Failure::of(Code::Internal).caused_by(panic_text(&*error.into_panic())))
            }
            Err(_) => Err(busy()),
        }
    }

    async fn place(&self, lane: Lane) -> Option<Place> {
        let shared = &self.shared;
        let (called, call) = oneshot::channel();
        let number = {
            let mut state = shared.state.lock();
            let own = state.lanes.entry(lane.clone()).or_default();
            let has_thread = own.running < shared.of_lane && own.waiting.is_empty();
            if has_thread && state.running < shared.threads {
                return Some(state.enter(shared, lane));
            }
            if state.wait(&lane, shared.threads) > self.patience / LIKELY {
                state.forget(&lane);
                return None;
            }
            let number = state.queue(&lane, called);
            // What is dropped here refuses somebody, maybe this one.
            drop((state.waiting > shared.queue).then(|| state.shed()));
            number
        };
        let _queued = Queued { shared, lane: &lane, number };
        timeout(self.patience, call).await.ok()?.ok()
    }

    /// Waits until nothing runs. New work may still be admitted; whoever drains has closed the door before.
    pub(crate) async fn drain(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.state.lock().running == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl State {
    fn enter(&mut self, shared: &Arc<Shared>, lane: Lane) -> Place {
        self.running += 1;
        self.lanes.entry(lane.clone()).or_default().running += 1;
        Place { shared: Arc::clone(shared), lane, began: None }
    }

    /// How long whoever comes now is likely to wait: for all in the own lane, and for as many in each other one.
    fn wait(&self, lane: &Lane, threads: u32) -> Duration {
        let own = self.lanes.get(lane).map_or(0, |own| own.waiting.len()) + 1;
        let before: usize =
            self.turns.iter().filter_map(|lane| self.lanes.get(lane)).map(|it| it.waiting.len().min(own)).sum();
        let turns = u32::try_from(before / threads.max(1) as usize).unwrap_or(u32::MAX);
        Duration::try_from_secs_f64(self.usual * f64::from(turns)).unwrap_or(Duration::MAX)
    }

    fn queue(&mut self, lane: &Lane, called: oneshot::Sender<Place>) -> u64 {
        self.number += 1;
        self.waiting += 1;
        let own = self.lanes.entry(lane.clone()).or_default();
        if own.waiting.is_empty() {
            self.turns.push_back(lane.clone());
        }
        own.waiting.push_back(Waiter { number: self.number, called });
        self.number
    }

    /// Takes out whoever came last in the longest lane.
    fn shed(&mut self) -> Option<Waiter> {
        let longest =
            self.turns.iter().max_by_key(|lane| self.lanes.get(lane).map_or(0, |it| it.waiting.len()))?.clone();
        let shed = self.lanes.get_mut(&longest)?.waiting.pop_back();
        self.waiting -= usize::from(shed.is_some());
        self.settle(&longest);
        shed
    }

    /// Takes out the next who may run.
    fn next(&mut self, of_lane: u32) -> Option<(Lane, Waiter)> {
        for _ in 0..self.turns.len() {
            let lane = self.turns.pop_front()?;
            self.turns.push_back(lane.clone());
            let Some(own) = self.lanes.get_mut(&lane).filter(|own| own.running < of_lane) else { continue };
            let Some(waiter) = own.waiting.pop_front() else { continue };
            self.waiting -= 1;
            self.settle(&lane);
            return Some((lane, waiter));
        }
        None
    }

    /// Forgets a lane's turns if nobody waits in it, and the lane if nothing runs either.
    fn settle(&mut self, lane: &Lane) {
        if self.lanes.get(lane).is_some_and(|own| own.waiting.is_empty()) {
            self.turns.retain(|turn| turn != lane);
        }
        self.forget(lane);
    }

    fn forget(&mut self, lane: &Lane) {
        if self.lanes.get(lane).is_some_and(|own| own.running == 0 && own.waiting.is_empty()) {
            self.lanes.remove(lane);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(began) = self.began {
            state.usual += (began.elapsed().as_secs_f64() - state.usual) * SHARE_OF_ONE;
        }
        state.running -= 1;
        if let Some(own) = state.lanes.get_mut(&self.lane) {
            own.running -= 1;
        }
        state.forget(&self.lane);
        let called = state.next(self.shared.of_lane).map(|(lane, waiter)| (state.enter(&self.shared, lane), waiter));
        if state.running == 0 {
            self.shared.idle.notify_waiters();
        }
        drop(state);
        // The place of whoever has gone in this very moment comes back here.
        if let Some((place, waiter)) = called {
            drop(waiter.called.send(place));
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(own) = state.lanes.get_mut(self.lane) {
            let before = own.waiting.len();
            own.waiting.retain(|waiter| waiter.number != self.number);
            let left = before - own.waiting.len();
            state.waiting -= left;
        }
        state.settle(self.lane);
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

    use tokio::task::JoinHandle;

    use super::*;

    const PATIENT: Duration = Duration::from_mins(1);

    fn id(tenant: &str) -> TenantId {
        TenantId::parse(tenant).unwrap()
    }

    /// Work that says that it began and waits to be let go.
    struct Held {
        release: mpsc::Sender<()>,
        running: JoinHandle<Result<(), Failure>>,
    }

    impl Held {
        async fn new(pool: &Arc<Pool>, tenant: Option<&str>) -> Self {
            let (release, released) = mpsc::channel::<()>();
            let (started, has_started) = oneshot::channel();
            let (pool, tenant) = (Arc::clone(pool), tenant.map(id));
            let running = tokio::spawn(async move {
                let work = move || {
                    started.send(()).unwrap();
                    released.recv().ok();
                    Ok(())
                };
                pool.run(tenant.as_ref(), work).await
            });
            has_started.await.unwrap();
            Self { release, running }
        }

        async fn let_go(self) {
            drop(self.release);
            self.running.await.unwrap().unwrap();
        }
    }

    /// Queues work of a tenant that notes its name.
    async fn queue(pool: &Arc<Pool>, order: &Arc<Mutex<String>>, name: char) -> JoinHandle<Result<(), Failure>> {
        let before = pool.shared.state.lock().number;
        let (there, order) = (Arc::clone(pool), Arc::clone(order));
        let queued = tokio::spawn(async move {
            let note = move || {
                order.lock().push(name);
                Ok(())
            };
            there.run(Some(&id(&name.to_string())), note).await
        });
        while pool.shared.state.lock().number == before {
            tokio::task::yield_now().await;
        }
        queued
    }

    fn assert_is_empty(pool: &Pool) {
        let state = pool.shared.state.lock();
        assert_eq!((state.running, state.waiting, state.lanes.len(), state.turns.len()), (0, 0, 0, 0));
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_and_what_runs_is_finished() {
        let pool = Arc::new(Pool::new(1, 0, PATIENT));
        let held = Held::new(&pool, None).await;
        let refused = pool.run(None, || Ok(())).await;
        assert_eq!(refused.unwrap_err().code, Code::Busy);
        held.let_go().await;
        pool.drain().await;
        assert!(pool.run(None, || Ok(())).await.is_ok());
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn who_waits_too_long_in_the_queue_is_refused() {
        let pool = Arc::new(Pool::new(1, 1, Duration::from_millis(20)));
        let held = Held::new(&pool, None).await;
        assert_eq!(pool.run(None, || Ok(())).await.unwrap_err().code, Code::Busy);
        held.let_go().await;
        assert!(pool.run(None, || Ok(())).await.is_ok());
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_failure_and_frees_its_place() {
        let pool = Pool::new(1, 0, Duration::from_secs(1));
        let failure = pool.run(None, || -> Result<(), Failure> { panic!("lost") }).await.unwrap_err();
        assert_eq!((failure.code, failure.cause.as_deref()), (Code::Internal, Some("lost")));
        assert!(pool.run(None, || Ok(())).await.is_ok());
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn lanes_take_turns_however_many_wait_in_one() {
        let pool = Arc::new(Pool::new(1, 10, PATIENT));
        let order = Arc::new(Mutex::new(String::new()));
        let held = Held::new(&pool, None).await;
        let mut all = Vec::new();
        for name in "aaaabbc".chars() {
            all.push(queue(&pool, &order, name).await);
        }
        held.let_go().await;
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock(), "abcabaa");
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_the_last_of_the_longest_lane() {
        let pool = Arc::new(Pool::new(1, 3, PATIENT));
        let order = Arc::new(Mutex::new(String::new()));
        let held = Held::new(&pool, None).await;
        let mut noisy = Vec::new();
        for _ in 0..3 {
            noisy.push(queue(&pool, &order, 'a').await);
        }
        let more = queue(&pool, &order, 'a').await.await.unwrap();
        assert_eq!(more.unwrap_err().code, Code::Busy, "its own lane is the longest");
        let quiet = queue(&pool, &order, 'b').await;
        let shed = noisy.pop().unwrap().await.unwrap();
        assert_eq!(shed.unwrap_err().code, Code::Busy, "it makes room for another tenant");
        held.let_go().await;
        for one in noisy.into_iter().chain([quiet]) {
            one.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock(), "aba");
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn one_lane_has_no_more_threads_than_its_share_and_leaves_the_others_to_the_others() {
        let pool = Arc::new(Pool::with_lanes(2, 1, 10, PATIENT));
        let order = Arc::new(Mutex::new(String::new()));
        let slow = Held::new(&pool, Some("a")).await;
        let waiting = queue(&pool, &order, 'a').await;
        for _ in 0..3 {
            pool.run(Some(&id("b")), || Ok(())).await.unwrap();
        }
        assert_eq!(*order.lock(), "", "a thread is free, but not for this one");
        slow.let_go().await;
        waiting.await.unwrap().unwrap();
        pool.drain().await;
        assert_is_empty(&pool);
    }

    #[tokio::test]
    async fn what_would_wait_too_long_is_refused_at_once() {
        let pool = Arc::new(Pool::new(1, 100, PATIENT));
        let order = Arc::new(Mutex::new(String::new()));
        let held = Held::new(&pool, None).await;
        pool.shared.state.lock().usual = 11.0;
        // One runs, and whoever is the third in the queue would wait for two more.
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(queue(&pool, &order, 'a').await);
        }
        let refused = pool.run(Some(&id("a")), || Ok(())).await;
        assert_eq!(refused.unwrap_err().code, Code::Busy);
        // In a lane of its own it is behind one.
        let quiet = queue(&pool, &order, 'b').await;
        held.let_go().await;
        for one in all.into_iter().chain([quiet]) {
            one.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock(), "abaa");
        assert!(pool.shared.state.lock().usual < 10.5, "it learns how long things take");
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_queue_and_loses_no_place() {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let pool = Arc::new(Pool::with_lanes(2, 1, 8, PATIENT));
            let order = Arc::new(Mutex::new(String::new()));
            let held = [Held::new(&pool, Some("x")).await, Held::new(&pool, Some("y")).await];
            let mut all = Vec::new();
            for _ in 0..8 {
                all.push(queue(&pool, &order, ['a', 'b', 'c'][rng.usize(..3)]).await);
            }
            for one in &all {
                if rng.bool() {
                    one.abort();
                }
            }
            for one in held {
                one.let_go().await;
            }
            let mut done = 0;
            for one in all {
                done += usize::from(one.await.is_ok_and(|done| done.is_ok()));
            }
            pool.drain().await;
            assert!(order.lock().len() >= done, "seed {seed}");
            assert_is_empty(&pool);
        }
    }
}
