//! Calls of a disk that fail, each in turn, once and from then on: nothing acknowledged is lost, nothing else is there,
//! and when the disk is well again the tenant goes on.

use std::{
    env,
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use parking_lot::Mutex;
use ticketscope_engine::{Engine, SubmitError, Tenant};
use ticketscope_testkit::simdisk::{Calls, Choice, Fault, Reason, SimDisk};

use crate::story::{PATIENCE, Plot, Step, Steps, batches, id, open, play, submit};

/// Faults that are tried unless `TICKETSCOPE_DISK_FAULTS` says otherwise: `all` is every call of one story in every way.
const DEFAULT_FAULTS: u64 = 500;

/// Faults of each story, unless it is all.
const FAULTS_OF_A_STORY: u64 = 50;

const BATCHES: u64 = 6;

/// How often a test looks whether the thread that indexes text has given up.
const LOOK: Duration = Duration::from_millis(20);

const WAYS: [(Calls, Reason, bool); 6] = [
    (Calls::Changes, Reason::Io, false),
    (Calls::Changes, Reason::Io, true),
    (Calls::Changes, Reason::Full, false),
    (Calls::Changes, Reason::Full, true),
    (Calls::Reads, Reason::Io, false),
    (Calls::Reads, Reason::Io, true),
];

#[derive(Debug, Default)]
struct Tally {
    came: u64,
    refused_batches: u64,
    failed_openings: u64,
    failed_checkpoints: u64,
    uncertain_batches_that_stayed: u64,
}

/// A tenant on a disk that may fail, and what is known of it.
struct Patient<'p> {
    plot: &'p Plot,
    rng: Rng,
    steps: Steps,
    disk: SimDisk,
    open: Option<(Engine, Arc<Tenant>)>,
    /// Which calls of the disk fail, if any do.
    failing: Option<Calls>,
    /// How many batches there may be.
    known: RangeInclusive<u64>,
    tally: Tally,
}

#[test]
#[expect(clippy::print_stdout, reason = "what was tried is what a long run is for")]
fn whatever_call_fails_nothing_acknowledged_is_lost_and_the_tenant_goes_on_afterwards() {
    let began = Instant::now();
    let asked = env::var("TICKETSCOPE_DISK_FAULTS").ok();
    let all = asked.as_deref() == Some("all");
    let total = asked.filter(|_| !all).map_or(DEFAULT_FAULTS, |text| text.parse().expect("a number or `all`"));
    let sum = Mutex::new(Tally::default());
    let tried = play(if all { 1 } else { total }, |seed| {
        let plot = Plot::new(seed, BATCHES + 2);
        let well = Patient::new(&plot, seed, None);
        let (_, calls) = well.live().map_err(|error| format!("without a fault: {error}"))?;
        let mut rng = Rng::with_seed(seed);
        let count = |which: Calls| if which == Calls::Changes { calls.0 } else { calls.1 };
        let faults: Vec<Fault> = if all {
            let fault = |(calls, reason, lasting), at| Fault { calls, at, reason, lasting };
            WAYS.into_iter().flat_map(|way| (0..count(way.0)).map(move |at| fault(way, at))).collect()
        } else {
            let draw = |_| {
                let (calls, reason, lasting) = WAYS[rng.usize(..WAYS.len())];
                Fault { calls, at: rng.u64(..count(calls)), reason, lasting }
            };
            (0..FAULTS_OF_A_STORY).map(draw).collect()
        };
        for fault in &faults {
            let patient = Patient::new(&plot, seed, Some(*fault));
            let (tally, _) = patient.live().map_err(|error| format!("{fault:?}: {error}"))?;
            sum.lock().add(&tally);
        }
        Ok(faults.len() as u64)
    });
    let sum = sum.into_inner();
    println!("{tried} faults in {:?}: {sum:?}", began.elapsed());
    let is_varied = sum.refused_batches > 0 && sum.failed_openings > 0 && sum.failed_checkpoints > 0;
    assert!(is_varied || tried < DEFAULT_FAULTS, "{sum:?}");
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.came += other.came;
        self.refused_batches += other.refused_batches;
        self.failed_openings += other.failed_openings;
        self.failed_checkpoints += other.failed_checkpoints;
        self.uncertain_batches_that_stayed += other.uncertain_batches_that_stayed;
    }
}

impl<'p> Patient<'p> {
    fn new(plot: &'p Plot, seed: u64, fault: Option<Fault>) -> Self {
        let disk = SimDisk::default();
        if let Some(fault) = fault {
            disk.fail(fault);
        }
        let mut rng = Rng::with_seed(seed);
        let steps = Steps::draw(&mut rng);
        let failing = fault.map(|fault| fault.calls);
        Self { plot, rng, steps, disk, open: None, failing, known: 0..=0, tally: Tally::default() }
    }

    /// Batch after batch, until the disk does nothing any more; then on a disk that is well. Answers the calls until then,
    /// changes and reads.
    fn live(mut self) -> Result<(Tally, (u64, u64)), String> {
        for _ in 0..BATCHES {
            // Once more after a failure: a fault that comes once does not come again.
            if !(self.is_open()? || self.is_open()?) || !(self.write()? || self.is_open()? && self.write()?) {
                break;
            }
            self.step()?;
            self.assert_a_read_is_never_fatal()?;
        }
        self.assert_a_read_is_never_fatal()?;
        self.compare_published()?;
        self.open = None;
        let calls = (self.disk.call_count(Calls::Changes), self.disk.call_count(Calls::Reads));
        self.tally.came += u64::from(!self.disk.heal());

        let mut replay = self.disk.replay();
        let end = replay.operations().len();
        let moment = replay.advance_to(end).clone();
        let random = [Choice::Random(self.rng.u64(..)), Choice::Random(self.rng.u64(..))];
        for choice in [Choice::None, Choice::All].into_iter().chain(random) {
            self.recover(&moment.crash(choice)).map_err(|error| format!("after {choice:?}: {error}"))?;
        }
        self.recover(&self.disk.clone()).map_err(|error| format!("when the disk is well: {error}"))?;
        Ok((self.tally, calls))
    }

    /// Opens the tenant unless it is open.
    fn is_open(&mut self) -> Result<bool, String> {
        if self.open.as_ref().is_some_and(|(_, tenant)| takes_batches(tenant)) {
            return Ok(true);
        }
        self.open = None;
        let opened = open(&self.disk).and_then(|engine| {
            let tenant = engine.tenant_or_create(&id()).map_err(|error| format!("{error:?}"))?;
            Ok((engine, tenant))
        });
        let Ok((engine, tenant)) = opened else {
            self.tally.failed_openings += 1;
            return Ok(false);
        };
        let found = batches(&tenant);
        if !self.known.contains(&found) {
            return Err(format!("there are {found} batches instead of {:?}", self.known));
        }
        self.tally.uncertain_batches_that_stayed += u64::from(found > *self.known.start());
        // Whoever was told of them will not be told otherwise.
        self.known = found..=found;
        self.open = Some((engine, tenant));
        self.compare_published()?;
        // What is shown is durable, although the calls that should have made it so may have failed.
        let mut replay = self.disk.replay();
        let now = replay.operations().len();
        let left = replay.advance_to(now).crash(Choice::None);
        let engine = open(&left)?;
        let tenant = engine.tenant(&id()).map_err(|error| format!("shown, and gone after a power cut: {error:?}"))?;
        if batches(&tenant) != found {
            return Err(format!("{found} batches are shown, and {} after a power cut", batches(&tenant)));
        }
        Ok(true)
    }

    /// Writes the next batch; answers whether it was acknowledged.
    fn write(&mut self) -> Result<bool, String> {
        let Some((_, tenant)) = &self.open else { return Ok(false) };
        let now = batches(tenant);
        let written = submit(tenant, &self.plot.load, now);
        let is_written = written.is_ok();
        self.known = match written {
            Ok(_) => now + 1..=now + 1,
            // This one is certain.
            Err(SubmitError::Full(_)) => now..=now,
            Err(_) => now..=now + 1,
        };
        self.tally.refused_batches += u64::from(!is_written);
        self.compare_published()?;
        Ok(is_written)
    }

    /// What cannot be read is one tenant's, or a derived file that can be made anew: no reason to end the process.
    fn assert_a_read_is_never_fatal(&self) -> Result<(), String> {
        let fatal = self.open.as_ref().and_then(|(engine, _)| engine.fatal());
        match (self.failing, fatal) {
            (Some(Calls::Reads), Some(fatal)) => Err(format!("a read that failed is fatal: {fatal}")),
            _ => Ok(()),
        }
    }

    /// What is published is what was acknowledged, also while the disk fails.
    fn compare_published(&self) -> Result<(), String> {
        let Some((_, tenant)) = &self.open else { return Ok(()) };
        let found = batches(tenant);
        if found != *self.known.start() {
            return Err(format!("{found} batches are shown instead of {}", self.known.start()));
        }
        self.plot.after(found).compare_published(&tenant.snapshot())
    }

    fn step(&mut self) -> Result<(), String> {
        let Some((engine, tenant)) = &self.open else { return Ok(()) };
        match self.steps.next(&mut self.rng) {
            Step::Nothing => {}
            Step::Text => drop(wait_for_text(tenant)?),
            Step::Checkpoint => self.tally.failed_checkpoints += u64::from(tenant.checkpoint().is_err()),
            Step::Close => {
                self.tally.failed_checkpoints += u64::from(engine.close().is_err());
                self.open = None;
            }
            Step::LetGo => self.open = None,
        }
        Ok(())
    }

    /// Opens what is left, compares it, and goes on with it.
    fn recover(&mut self, disk: &SimDisk) -> Result<(), String> {
        let engine = open(disk)?;
        let tenant = engine.tenant_or_create(&id()).map_err(|error| format!("not opened: {error:?}"))?;
        let found = batches(&tenant);
        if !self.known.contains(&found) {
            return Err(format!("there are {found} batches instead of {:?}", self.known));
        }
        let expected = self.plot.after(found);
        expected.compare(&tenant, &mut self.rng)?;
        expected.compare_words(&tenant)?;
        let text = tenant.stats().map_err(|error| error.to_string())?.text;
        let rejected = &tenant.recovery().rejected;
        if !rejected.is_empty() || text.put_aside.is_some() {
            return Err(format!("what is derived was not usable: {rejected:?} {:?}", text.put_aside));
        }
        submit(&tenant, &self.plot.load, found).map_err(|error| format!("the next batch is refused: {error:?}"))?;
        let expected = self.plot.after(found + 1);
        expected.compare(&tenant, &mut self.rng)?;
        drop(tenant);
        engine.close().map_err(|error| format!("not closed: {error:?}"))?;
        drop(engine);
        let engine = open(disk)?;
        let tenant = engine.tenant(&id()).map_err(|error| format!("not opened again: {error:?}"))?;
        expected.compare(&tenant, &mut self.rng)?;
        expected.compare_words(&tenant)
    }
}

/// Whether a tenant takes batches as things are. Another process opens one that does not.
fn takes_batches(tenant: &Tenant) -> bool {
    tenant.closed().is_none() && tenant.full().is_none()
}

/// Waits until all text can be found, or until that is given up; answers which.
fn wait_for_text(tenant: &Tenant) -> Result<bool, String> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if tenant.wait_for_text(tenant.snapshot().opstamp(), LOOK) {
            return Ok(true);
        }
        let has_failed = tenant.stats().map_or(true, |stats| stats.text.failure.is_some());
        if has_failed || !takes_batches(tenant) {
            return Ok(false);
        }
    }
    Err("the text is neither indexed nor given up".to_owned())
}
