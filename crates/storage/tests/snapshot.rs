//! Mapped snapshots: written, found again, rejected when damaged, replaced.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::PathBuf};

use tempfile::TempDir;
use ticketscope_model::Opstamp;
use ticketscope_storage::{Batch, DataDir, SnapshotDefect, SnapshotError, Store, TenantId, TenantUuid};

struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> (Self, Store) {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        let store = DataDir::open(bench.dir.path()).unwrap().create_as(&id(), TenantUuid([1; 16])).unwrap();
        (bench, store)
    }

    fn open(&self) -> Store {
        DataDir::open(self.dir.path()).unwrap().open_tenant(&id()).unwrap()
    }

    fn tenant_dir(&self) -> PathBuf {
        self.dir.path().join("tenants/acme")
    }

    /// Snapshot files, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.tenant_dir()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "tsnap")).collect();
        files.sort();
        files
    }
}

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn step(store: &Store) -> Opstamp {
    let next = store.applied().next();
    store.commit(&Batch { log: vec![(next, Vec::new())], rows: Vec::new() }).unwrap();
    next
}

fn content(opstamp: Opstamp) -> Vec<(u32, Vec<u8>)> {
    let filler = u8::try_from(opstamp.0).unwrap();
    vec![(1, vec![filler; 100]), (7, Vec::new()), (2, vec![!filler; 64]), (3, vec![filler, 1, 2])]
}

fn write(store: &Store) -> Opstamp {
    let opstamp = step(store);
    let mut writer = store.begin_snapshot(opstamp).unwrap();
    for (section, bytes) in content(opstamp) {
        writer.section_in_pieces(section, bytes.chunks(30)).unwrap();
    }
    writer.finish().unwrap();
    opstamp
}

/// The opstamp of the snapshot found, whose content must be right, and how many newer ones were rejected.
fn found(store: &Store) -> (Option<u64>, usize) {
    let choice = store.open_snapshot().unwrap();
    let opstamp = choice.snapshot.map(|snapshot| {
        let sections: Vec<(u32, Vec<u8>)> =
            snapshot.ids().map(|section| (section, snapshot.section(section).unwrap().to_vec())).collect();
        assert_eq!(sections, content(snapshot.opstamp()));
        assert_eq!(snapshot.section(99), None);
        assert!(snapshot.ids().all(|section| snapshot.section(section).unwrap().as_ptr().addr() % 64 == 0));
        snapshot.opstamp().0
    });
    (opstamp, choice.rejected.len())
}

#[test]
fn the_newest_is_found_and_two_are_kept() {
    let (bench, store) = Bench::new();
    assert_eq!(found(&store), (None, 0));
    for round in 1..=4 {
        let opstamp = write(&store);
        assert_eq!(found(&store), (Some(opstamp.0), 0));
        assert_eq!(bench.files().len(), round.min(2));
    }
    drop(store);
    assert_eq!(found(&bench.open()), (Some(4), 0));
}

#[test]
fn a_map_outlives_its_file_and_the_store() {
    let (bench, store) = Bench::new();
    write(&store);
    let section = store.open_snapshot().unwrap().snapshot.unwrap().section(1).unwrap();
    write(&store);
    write(&store);
    drop(store);
    drop(bench);
    assert_eq!(section, vec![1; 100]);
}

#[test]
fn an_unfinished_one_leaves_nothing_and_blocks_only_another() {
    let (bench, store) = Bench::new();
    write(&store);
    let mut writer = store.begin_snapshot(Opstamp(1)).unwrap();
    writer.section(1, b"half").unwrap();
    assert!(matches!(writer.section(1, b"twice"), Err(SnapshotError::DuplicateSection(1))));
    assert!(matches!(store.begin_snapshot(Opstamp(1)), Err(SnapshotError::Busy)));
    drop(writer);
    assert_eq!(found(&store), (Some(1), 0));
    let mut names: Vec<_> = fs::read_dir(bench.tenant_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(matches!(store.begin_snapshot(Opstamp(2)), Err(SnapshotError::AheadOfLog { .. })));
    write(&store);
    assert_eq!(found(&store), (Some(2), 0));
}

#[test]
fn any_flipped_bit_rejects_it_and_the_previous_one_is_used() {
    let (bench, store) = Bench::new();
    write(&store);
    write(&store);
    let current = bench.files().pop().unwrap();
    let good = fs::read(&current).unwrap();
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&current, flipped).unwrap();
        assert_eq!(found(&store), (Some(1), 1), "bit {bit}");
    }
    fs::write(&current, good).unwrap();
    assert_eq!(found(&store), (Some(2), 0));
}

#[test]
fn any_other_length_rejects_it_and_without_a_previous_one_there_is_none() {
    let (bench, store) = Bench::new();
    write(&store);
    let current = bench.files().pop().unwrap();
    let good = fs::read(&current).unwrap();
    for len in [0, 1, 63, 64, good.len() / 2, good.len() - 1] {
        fs::write(&current, &good[..len]).unwrap();
        assert_eq!(found(&store), (None, 1), "{len}");
    }
    fs::write(&current, [&good[..], &[0]].concat()).unwrap();
    assert_eq!(found(&store), (None, 1));
    fs::remove_file(&current).unwrap();
    let choice = store.open_snapshot().unwrap();
    assert!(matches!(choice.rejected[0].defect, SnapshotDefect::File(_)));
    assert!(!store.verify().unwrap().is_intact());
    fs::write(&current, good).unwrap();
    assert!(store.verify().unwrap().is_intact());
}

#[test]
fn whole_files_of_another_time_or_tenant_are_rejected() {
    let (bench, store) = Bench::new();
    write(&store);
    write(&store);
    let [previous, current] = <[PathBuf; 2]>::try_from(bench.files()).unwrap();
    fs::copy(&previous, &current).unwrap();
    assert!(matches!(store.open_snapshot().unwrap().rejected[0].defect, SnapshotDefect::Replaced));

    let other_dir = tempfile::tempdir().unwrap();
    let other = DataDir::open(other_dir.path()).unwrap().create_as(&id(), TenantUuid([2; 16])).unwrap();
    write(&other);
    let foreign = other_dir.path().join("tenants/acme").join(previous.file_name().unwrap());
    fs::copy(&foreign, &current).unwrap();
    let choice = store.open_snapshot().unwrap();
    assert!(matches!(choice.rejected[0].defect, SnapshotDefect::Uuid { .. }), "{:?}", choice.rejected);
    assert_eq!(choice.snapshot.unwrap().opstamp(), Opstamp(1));
}

#[test]
fn a_newer_version_is_rejected_with_a_message_that_says_so() {
    let (bench, store) = Bench::new();
    write(&store);
    let current = bench.files().pop().unwrap();
    let mut bytes = fs::read(&current).unwrap();
    bytes[8] = 2;
    fs::write(&current, bytes).unwrap();
    let message = store.open_snapshot().unwrap().rejected[0].defect.to_string();
    assert!(message.contains("newer version (format 2, this program knows 1)"), "{message}");
}

#[test]
fn a_damaged_one_does_not_push_a_good_one_out() {
    let (bench, store) = Bench::new();
    write(&store);
    write(&store);
    fs::write(bench.files().pop().unwrap(), b"damaged").unwrap();
    assert_eq!(found(&store), (Some(1), 1));
    write(&store);
    assert_eq!(found(&store), (Some(3), 0));
    fs::write(bench.files().pop().unwrap(), b"damaged").unwrap();
    assert_eq!(found(&store), (Some(1), 1));
}

#[test]
fn files_that_no_row_names_are_removed_at_open_and_others_left_alone() {
    let (bench, store) = Bench::new();
    write(&store);
    drop(store);
    let kept = bench.files();
    let dir = bench.tenant_dir();
    for stray in ["snapshot.tmp", "snapshot-00000000000000000009.tsnap", "state.redb.tmp"] {
        fs::write(dir.join(stray), b"half").unwrap();
    }
    fs::write(dir.join("notes.txt"), b"mine").unwrap();
    let store = bench.open();
    assert_eq!(bench.files(), kept);
    assert!(!dir.join("snapshot.tmp").exists() && !dir.join("state.redb.tmp").exists());
    assert!(dir.join("notes.txt").exists());
    assert_eq!(found(&store), (Some(1), 0));
    let usage = store.disk_usage().unwrap();
    assert!(usage.database_bytes > 0 && usage.snapshot_bytes >= fs::metadata(&kept[0]).unwrap().len());
}
