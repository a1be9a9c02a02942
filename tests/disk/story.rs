//! A load on a simulated disk, and when each of its batches was acknowledged.

use std::{
    env, iter,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use fastrand::Rng;
use parking_lot::Mutex;
use ticketscope_engine::{Ack, Engine, ImportSession, Options, SubmitError, Tenant, storage::TenantId};
use ticketscope_testkit::{oracle::World, simdisk::SimDisk};
use ticketscope_tests::stream::Load;

use crate::expected::Expected;

/// Where the data directory is on a simulated disk.
pub(crate) const ROOT: &str = "/data";

/// Longer than any text of a test takes to be indexed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Opens a data directory in which snapshots are written only when somebody says so.
pub(crate) fn open(disk: &SimDisk) -> Result<Engine, String> {
    open_with(disk, u64::MAX)
}

/// Opens a data directory in which snapshots are also written in the background, after so many bytes of log.
fn open_with(disk: &SimDisk, checkpoint_log_bytes: u64) -> Result<Engine, String> {
    let options = Options { checkpoint_log_bytes, ..Options::default() };
    Engine::open_on(Arc::new(disk.clone()), ROOT, options).map_err(|error| format!("no data directory: {error:?}"))
}

/// Submits a batch as an import of its own.
pub(crate) fn submit(tenant: &Tenant, load: &Load, number: u64) -> Result<Ack, SubmitError> {
    tenant.submit_import(load.batch(number).history.changes, &Arc::new(Mutex::new(ImportSession::new())))
}

/// The number of batches that a tenant shows. The first position is that of the empty tenant.
pub(crate) fn batches(tenant: &Tenant) -> u64 {
    tenant.snapshot().opstamp().0 - 1
}

/// A load and what it leads to.
pub(crate) struct Plot {
    pub(crate) load: Rc<Load>,
    /// After no batch, after the first, ...
    pub(crate) expected: Vec<Expected>,
}

impl Plot {
    pub(crate) fn new(seed: u64, batches: u64) -> Self {
        let load = Rc::new(Load::small(seed));
        let (mut world, mut rng) = (World::new(), Rng::with_seed(seed));
        let mut expected = vec![Expected::of(&load, &world, &mut rng)];
        for number in 0..batches {
            load.batch(number).apply_to(&mut world);
            expected.push(Expected::of(&load, &world, &mut rng));
        }
        Self { load, expected }
    }

    pub(crate) fn after(&self, batches: u64) -> &Expected {
        &self.expected[usize::try_from(batches).unwrap()]
    }
}

/// Between how many operations of a disk a step was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) begun: usize,
    pub(crate) acknowledged: usize,
}

impl Mark {
    /// Takes a step.
    pub(crate) fn of<T>(disk: &SimDisk, step: impl FnOnce() -> T) -> (Self, T) {
        let begun = disk.operation_count();
        let answer = step();
        (Self { begun, acknowledged: disk.operation_count() }, answer)
    }
}

/// A story that was told to its end.
pub(crate) struct Story {
    pub(crate) disk: SimDisk,
    /// When the tenant was made.
    pub(crate) made: Mark,
    /// When each batch was written.
    pub(crate) marks: Vec<Mark>,
}

/// What is done between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// The text is waited for.
    Text,
    /// A mapped snapshot is written, and the log is cut.
    Checkpoint,
    /// The engine is closed in order and opened again.
    Close,
    /// The engine is let go and opened again.
    LetGo,
}

/// How often a story takes each step: some never, so that there are stories of every kind.
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let mut steps = vec![Step::Nothing];
        for step in [Step::Nothing, Step::Text, Step::Checkpoint, Step::Close, Step::LetGo] {
            let weight = [0, 1, 3, 5][rng.usize(..4)];
            // Opening takes many operations.
            let weight = if matches!(step, Step::Close | Step::LetGo) { weight / 2 } else { weight };
            steps.extend(iter::repeat_n(step, weight));
        }
        Self(steps)
    }

    pub(crate) fn next(&self, rng: &mut Rng) -> Step {
        self.0[rng.usize(..self.0.len())]
    }
}

impl Story {
    /// Tells a story of some batches.
    pub(crate) fn tell(plot: &Plot, rng: &mut Rng, batches: u64) -> Self {
        let (disk, steps) = (SimDisk::default(), Steps::draw(rng));
        let log_bytes = [u64::MAX, u64::MAX, 1, 2_000][rng.usize(..4)];
        let mut engine = open_with(&disk, log_bytes).unwrap();
        let (made, tenant) = Mark::of(&disk, || engine.create_tenant(&id()));
        let mut tenant = tenant.unwrap();
        let mut marks = Vec::new();
        for number in 0..batches {
            let (mark, ack) = Mark::of(&disk, || submit(&tenant, &plot.load, number));
            ack.unwrap();
            marks.push(mark);
            match steps.next(rng) {
                Step::Nothing => {}
                Step::Text => assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE)),
                Step::Checkpoint => tenant.checkpoint().unwrap(),
                step @ (Step::Close | Step::LetGo) => {
                    drop(tenant);
                    if step == Step::Close {
                        engine.close().unwrap();
                    }
                    drop(engine);
                    engine = open_with(&disk, log_bytes).unwrap();
                    tenant = engine.tenant(&id()).unwrap();
                }
            }
        }
        drop((tenant, engine));
        Self { disk, made, marks }
    }

    /// How many batches there may be after the first `count` operations.
    pub(crate) fn bounds(&self, count: usize) -> RangeInclusive<u64> {
        let acknowledged = self.marks.iter().filter(|mark| mark.acknowledged <= count).count();
        let begun = self.marks.iter().filter(|mark| mark.begun < count).count();
        acknowledged as u64..=begun as u64
    }
}

/// Runs `play` with one seed after the other on every processor until `total` is reached by what it answers. The first
/// failure ends the test, with the seed in front.
pub(crate) fn play(total: u64, play: impl Fn(u64) -> Result<u64, String> + Sync) -> u64 {
    let (first, done) = (number("TICKETSCOPE_SEED", 1), AtomicU64::new(0));
    let next = AtomicU64::new(first);
    let failure = Mutex::new(None);
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while done.load(Relaxed) < total && failure.lock().is_none() {
                    let seed = next.fetch_add(1, Relaxed);
                    let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
                    match played.unwrap_or_else(|_| Err("it panicked, see above".to_owned())) {
                        Ok(count) => drop(done.fetch_add(count, Relaxed)),
                        Err(why) => {
                            failure.lock().get_or_insert(format!("TICKETSCOPE_SEED={seed}: {why}"));
                        }
                    }
                }
            });
        }
    });
    if let Some(why) = failure.into_inner() {
        panic!("{why}");
    }
    done.into_inner()
}
