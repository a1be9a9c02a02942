//! Whether a tenant survives `kill -9`: a process under load is killed at random moments, and what is left must be
//! exactly the batches up to some position, at least all that were acknowledged.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::Duration,
};

use fastrand::Rng;
use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, storage::TenantId};
use ticketscope_testkit::oracle::World;
use ticketscope_tests::stream::Load;

use crate::compare;

const DEFAULT_KILLS: u64 = 25;
const PATIENCE: Duration = Duration::from_mins(1);

/// How much log there is between mapped snapshots: after each batch, so that kills land in them, or some batches, so
/// that there is something to replay.
const CHECKPOINT_BYTES: [u64; 2] = [1, 24 << 10];

fn kills() -> u64 {
    match env::var("TICKETSCOPE_KILLS") {
        Ok(text) => text.parse().expect("TICKETSCOPE_KILLS is a number"),
        Err(_) => DEFAULT_KILLS,
    }
}

fn id() -> TenantId {
    TenantId::parse("load").unwrap()
}

/// A process under load, and what it says.
struct Victim {
    process: Child,
    said: Receiver<u64>,
}

impl Victim {
    fn start(dir: &Path, seed: u64, checkpoint_bytes: u64) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_load"))
            .arg(dir)
            .arg(seed.to_string())
            .arg(checkpoint_bytes.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = process.stdout.take().unwrap();
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                // A line that the kill cut off cannot be: lines are shorter than what a pipe takes at once.
                let Ok(number) = line.unwrap().parse() else { return };
                if say.send(number).is_err() {
                    return;
                }
            }
        });
        Self { process, said }
    }

    /// Lets the process run until it has said `lines` lines, and then for at most `more`; kills it. Answers everything
    /// that it said.
    fn kill_after(mut self, lines: usize, more: Duration) -> Vec<u64> {
        let mut said = Vec::new();
        while said.len() < lines {
            said.push(self.said.recv_timeout(PATIENCE).expect("the process goes on until it is killed"));
        }
        match self.said.recv_timeout(more) {
            Ok(number) => said.push(number),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the process ended by itself after {said:?}"),
        }
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        said.extend(self.said.iter());
        said
    }
}

/// How often kills landed where.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    recoveries_that_replayed: u64,
    while_opening: u64,
    with_a_batch_in_flight: u64,
    while_writing_a_snapshot: u64,
    while_checking_pages: u64,
    batches: u64,
    tickets: usize,
}

/// A tenant that is never killed, and the oracle.
struct Reference {
    engine: Engine,
    world: World,
    done: u64,
}

impl Reference {
    fn follow(&mut self, load: &Load, upto: u64) {
        let tenant = self.engine.tenant_or_create(&id()).unwrap();
        while self.done < upto {
            let batch = load.batch(self.done);
            batch.apply_to(&mut self.world);
            let session = Arc::new(Mutex::new(ImportSession::new()));
            tenant.submit_import(batch.history.changes, &session).unwrap();
            self.done += 1;
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "where the kills landed is what a long run is for")]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let mut tally = Tally::default();
    for seed in 0.. {
        if tally.kills >= kills() {
            break;
        }
        // A new tenant now and then, so that the first batches are killed too.
        kill_one_tenant(seed, (tally.kills + (kills() / 4).max(10)).min(kills()), &mut tally);
    }
    println!("{tally:?}");
}

fn kill_one_tenant(seed: u64, until: u64, tally: &mut Tally) {
    let mut rng = Rng::with_seed(seed);
    let load = Load::new(seed);
    let askers: Vec<_> = load.scene().askers().collect();
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut reference = Reference { engine: Engine::open(elsewhere.path()).unwrap(), world: World::new(), done: 0 };
    let mut acknowledged = 0;
    while tally.kills < until {
        let context = format!("seed {seed}, kill {}", tally.kills);
        // First under load, then perhaps again and again while what the kill before left is being opened.
        let mut lines = rng.usize(1..60);
        loop {
            let more = Duration::from_micros(rng.u64(..if lines == 0 { 40_000 } else { 4_000 }));
            let bytes = CHECKPOINT_BYTES[rng.usize(..2)];
            let said = Victim::start(dir.path(), seed, bytes).kill_after(lines, more);
            tally.kills += 1;
            match said.first() {
                None => tally.while_opening += 1,
                Some(opened) => {
                    let found = acknowledged..=acknowledged + 1;
                    assert!(found.contains(opened), "{context}: opened at {opened}, acknowledged {acknowledged}");
                    assert!(said.is_sorted(), "{context}: {said:?}");
                    acknowledged = said[said.len() - 1];
                }
            }
            let left = |name: &str| dir.path().join("tenants").join("load").join(name).exists();
            tally.while_writing_a_snapshot += u64::from(left("snapshot.tmp"));
            tally.while_checking_pages += u64::from(left("CHECK"));
            if rng.bool() || tally.kills >= until {
                break;
            }
            lines = 0;
        }
        let engine = Engine::open(dir.path()).unwrap();
        if !engine.has_tenant(&id()) {
            assert_eq!(acknowledged, 0, "{context}: the tenant is gone");
            continue;
        }
        let tenant = engine.tenant(&id()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let recovered = tenant.snapshot().opstamp().0 - 1;
        let found = acknowledged..=acknowledged + 1;
        assert!(found.contains(&recovered), "{context}: recovered {recovered}, acknowledged {acknowledged}");
        assert!(tenant.recovery().rejected.is_empty(), "{context}: {:?}", tenant.recovery());
        tally.recoveries_that_replayed += u64::from(tenant.recovery().replayed > 0);
        tally.with_a_batch_in_flight += recovered - acknowledged;
        tally.batches += recovered - reference.done;
        acknowledged = recovered;
        reference.follow(&load, recovered);
        compare::assert_same(&tenant, &reference.engine.tenant(&id()).unwrap(), &askers, &context);
        compare::assert_is_world(&tenant, &reference.world, &askers, &context);
        compare::assert_is_rebuilt(&tenant, &context);
        tally.tickets = tally.tickets.max(reference.world.tickets().count());
        drop((tenant, engine));
    }
    drop(reference.engine);
    let (survivor, mut spared) = (compare::rows(dir.path(), &id()), compare::rows(elsewhere.path(), &id()));
    // The survivor's log was cut behind its snapshots.
    spared.log.retain(|opstamp, _| survivor.log.contains_key(opstamp));
    assert_eq!(survivor.applied, spared.applied, "seed {seed}");
    assert_eq!(survivor.log, spared.log, "seed {seed}");
    for (place, row) in &spared.state {
        assert_eq!(survivor.state.get(place), Some(row), "seed {seed}: {place:?}");
    }
    assert_eq!(survivor.state.len(), spared.state.len(), "seed {seed}");
}
