//! The store alone: commits, cuts of the log, snapshots, compaction and checks of every page, with a crash at every
//! operation.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use fastrand::Rng;
use ticketscope_model::Opstamp;
use ticketscope_storage::{Batch, DataDir, ReadError, Row, Store, Table};
use ticketscope_testkit::simdisk::{Choice, SimDisk};

use crate::story::{Mark, ROOT, id, number};

const STEPS: u64 = 24;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(disk: &SimDisk, context: &str) -> (DataDir, Store) {
    let data = DataDir::open_on(Arc::new(disk.clone()), ROOT).unwrap().with_cache_bytes(1 << 20);
    let store = data.open_tenant(&id()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    (data, store)
}

/// The rows that a commit changes, which follow from its number.
fn changes(seed: u64, commit: u64) -> Vec<Row> {
    let mut rng = Rng::with_seed(seed ^ commit << 32);
    let change = |_| {
        let key = vec![rng.u8(..20)];
        let value = (rng.u32(..4) > 0).then(|| vec![rng.u8(..); rng.usize(..3000)]);
        Row { table: Table::Tickets, key, value }
    };
    (0..8).map(change).collect()
}

fn commit(store: &Store, seed: u64) {
    let next = store.applied().next();
    store.commit(&Batch { log: vec![(next, vec![7; 20])], rows: changes(seed, next.0) }).unwrap();
}

/// What there is after a number of commits.
fn expected(seed: u64, commits: u64) -> Rows {
    let mut rows = Rows::new();
    for Row { key, value, .. } in (1..=commits).flat_map(|commit| changes(seed, commit)) {
        match value {
            Some(value) => drop(rows.insert(key, value)),
            None => drop(rows.remove(&key)),
        }
    }
    rows
}

fn found(store: &Store) -> Rows {
    let mut rows = Rows::new();
    let scan = store.scan::<ReadError>(Table::Tickets, |key, value| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    });
    scan.unwrap();
    store.log_after::<ReadError>(store.log_start(), |_, _| Ok(())).unwrap();
    rows
}

/// Opens what a crash left; answers how many commits there are.
fn look(disk: &SimDisk, seed: u64, known: RangeInclusive<u64>, context: &str) -> u64 {
    let (_data, store) = open(disk, context);
    let commits = store.applied().0;
    assert!(known.contains(&commits), "{context}: {commits} commits instead of {known:?}");
    assert_eq!(found(&store), expected(seed, commits), "{context}");
    let choice = store.open_snapshot().unwrap();
    assert!(choice.rejected.is_empty(), "{context}: {:?}", choice.rejected);
    commit(&store, seed);
    commits + 1
}

#[test]
fn at_every_operation_a_crash_leaves_the_rows_of_whole_commits() {
    let mut looked = 0;
    let first = number("TICKETSCOPE_SEED", 1);
    for seed in first..first + number("TICKETSCOPE_ROUNDS", 3) {
        let mut rng = Rng::with_seed(seed);
        let disk = SimDisk::default();
        let data = DataDir::open_on(Arc::new(disk.clone()), ROOT).unwrap().with_cache_bytes(1 << 20);
        drop(data.create(&id()).unwrap());
        drop(data);
        let made = disk.operation_count();
        let (mut data, mut store) = open(&disk, "without a crash");
        let mut marks = Vec::new();
        for _ in 0..STEPS {
            match rng.u32(..10) {
                0..=3 => marks.push(Mark::of(&disk, || commit(&store, seed)).0),
                4 => store.cut_log(Opstamp(rng.u64(..=store.applied().0))).unwrap(),
                5 | 6 => {
                    let mut snapshot = store.begin_snapshot(store.applied()).unwrap();
                    snapshot.section(1, &vec![rng.u8(..); rng.usize(..10_000)]).unwrap();
                    snapshot.finish().unwrap();
                }
                7 => store.compact().unwrap(),
                8 => assert!(store.verify().unwrap().is_intact()),
                _ => {
                    if rng.bool() {
                        store.mark_clean().unwrap();
                    }
                    drop((store, data));
                    (data, store) = open(&disk, "without a crash");
                }
            }
        }
        drop((store, data));

        let mut replay = disk.replay();
        for place in made..=replay.operations().len() {
            let moment = replay.advance_to(place).clone();
            let acknowledged = marks.iter().filter(|mark| mark.acknowledged <= place).count() as u64;
            let begun = marks.iter().filter(|mark| mark.begun < place).count() as u64;
            let mut ends = vec![
                (moment.crash(Choice::None), "none".to_owned()),
                (moment.crash(Choice::All), "all".to_owned()),
                (moment.kill(), "kill".to_owned()),
            ];
            for choice in [Choice::Random(rng.u64(..)), Choice::Without(rng.usize(..=moment.pending_count()))] {
                ends.push((moment.crash(choice), format!("{choice:?}")));
            }
            for (end, how) in ends {
                let context = format!("TICKETSCOPE_SEED={seed}, {how} after {place} operations");
                let commits = look(&end, seed, acknowledged..=begun, &context);
                // What was acknowledged after it must outlive the next one.
                let mut replay = end.replay();
                let count = replay.operations().len();
                let next = replay.advance_to(count).crash(Choice::None);
                look(&next, seed, commits..=commits, &format!("{context}, then none"));
                looked += 2;
            }
        }
    }
    assert!(looked > 1_000, "only {looked} disks were looked at");
}
