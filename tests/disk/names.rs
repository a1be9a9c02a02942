//! Names that a process makes and does not live to make durable: the next process must, before anything is acknowledged.

use ticketscope_testkit::simdisk::{Choice, SimDisk};

use crate::story::{Mark, Plot, batches, id, open, submit};

/// Whether a tenant with a number of batches is what it should be.
fn compare(disk: &SimDisk, plot: &Plot, expected: u64) -> Result<(), String> {
    let engine = open(disk)?;
    let tenant = engine.tenant(&id()).map_err(|error| format!("{error:?}"))?;
    if batches(&tenant) != expected {
        return Err(format!("{} batches instead of {expected}", batches(&tenant)));
    }
    plot.after(expected).compare_published(&tenant.snapshot())
}

#[test]
fn a_tenant_whose_maker_was_killed_keeps_what_is_acknowledged_to_it_afterwards() {
    let plot = Plot::new(1, 1);
    let disk = SimDisk::default();
    let engine = open(&disk).unwrap();
    let (made, tenant) = Mark::of(&disk, || engine.create_tenant(&id()));
    drop((tenant.unwrap(), engine));
    let mut replay = disk.replay();
    for place in 0..=made.acknowledged {
        let killed = replay.advance_to(place).kill();
        let engine = open(&killed).unwrap();
        let tenant = engine.tenant_or_create(&id()).unwrap();
        submit(&tenant, &plot.load, 0).unwrap();
        drop((tenant, engine));
        let mut replay = killed.replay();
        let end = replay.operations().len();
        let moment = replay.advance_to(end);
        for choice in [Choice::None, Choice::All].into_iter().chain((0..4).map(Choice::Random)) {
            let found = compare(&moment.crash(choice), &plot, 1);
            assert_eq!(found, Ok(()), "killed after {place} operations, then {choice:?}");
        }
    }
}

#[test]
fn a_crash_while_a_tenant_is_deleted_leaves_all_of_it_or_nothing() {
    let plot = Plot::new(2, 1);
    let disk = SimDisk::default();
    let engine = open(&disk).unwrap();
    submit(&engine.create_tenant(&id()).unwrap(), &plot.load, 0).unwrap();
    engine.close().unwrap();
    let (gone, deleted) = Mark::of(&disk, || engine.delete_tenant(&id()));
    deleted.unwrap();
    drop(engine);
    let mut replay = disk.replay();
    let (mut left, mut removed) = (0, 0);
    for place in gone.begun..=gone.acknowledged {
        let moment = replay.advance_to(place).clone();
        let one_by_one = (0..moment.pending_count()).map(Choice::Without);
        for choice in [Choice::None, Choice::All].into_iter().chain(one_by_one).chain((0..8).map(Choice::Random)) {
            let after = moment.crash(choice);
            if open(&after).unwrap().has_tenant(&id()) {
                assert!(place < gone.acknowledged, "it is back");
                assert_eq!(compare(&after, &plot, 1), Ok(()), "after {place} operations, {choice:?}");
                left += 1;
            } else {
                assert!(open(&after).unwrap().create_tenant(&id()).is_ok(), "after {place} operations, {choice:?}");
                removed += 1;
            }
        }
    }
    assert!(left > 0 && removed > 0, "{left} {removed}");
}
