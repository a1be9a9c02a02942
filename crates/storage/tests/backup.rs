//! Backups: what is copied, what is refused, and what a look at a directory leaves alone.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use fastrand::Rng;
use ticketscope_model::{Opstamp, Timestamp};
use ticketscope_storage::{
    Backup, BackupError, BackupWriter, Batch, DataDir, Inspection, Interrupt, OpenError, ReadError, RestoreError, Row,
    Store, Table, TenantId,
};
use xxhash_rust::xxh3::xxh3_128;

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Random batches, of which the log of the first is cut.
fn fill(store: &Store, rng: &mut Rng, batches: u64) {
    for number in 0..batches {
        let row = |rng: &mut Rng| Row {
            table: Table::ALL[rng.usize(..Table::ALL.len())],
            key: (0..rng.usize(1..4)).map(|_| rng.u8(..4)).collect(),
            value: (rng.u32(..4) > 0).then(|| (0..rng.usize(..2000)).map(|_| rng.u8(..3)).collect()),
        };
        let rows = (0..rng.usize(..20)).map(|_| row(rng)).collect();
        store.commit(&Batch { log: vec![(store.applied().next(), vec![7; rng.usize(..600)])], rows }).unwrap();
        if number == batches / 2 {
            store.cut_log(Opstamp(number / 2)).unwrap();
        }
    }
}

type Rows = Vec<(Option<Table>, Vec<u8>, Vec<u8>)>;

fn rows(store: &Store) -> Rows {
    let mut rows = Rows::new();
    for table in Table::ALL {
        let scanned = store.scan::<ReadError>(table, |key, value| {
            rows.push((Some(table), key.to_vec(), value.to_vec()));
            Ok(())
        });
        scanned.unwrap();
    }
    let read = store.log_after::<ReadError>(store.log_start(), |opstamp, body| {
        rows.push((None, opstamp.0.to_be_bytes().to_vec(), body.to_vec()));
        Ok(())
    });
    read.unwrap();
    rows
}

fn back_up(store: &Store, to: &Path) {
    let mut writer = BackupWriter::begin(to).unwrap();
    writer.add(&id("acme"), store).unwrap();
    writer.finish(Timestamp(0)).unwrap();
}

#[test]
fn what_was_committed_later_is_not_in_a_backup_and_what_was_before_is_in_the_same_order() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path().join("data")).unwrap();
        let store = data.create(&id("acme")).unwrap();
        let batches = rng.u64(..30);
        fill(&store, &mut rng, batches);
        let (expected, applied, start) = (rows(&store), store.applied(), store.log_start());
        let to = dir.path().join("backup");
        let mut writer = BackupWriter::begin(&to).unwrap();
        writer.add(&id("acme"), &store).unwrap();
        // Between the reading and the end of the backup.
        fill(&store, &mut rng, 3);
        assert!(!to.exists(), "it has its name when it is whole");
        let manifest = writer.finish(Timestamp(seed.cast_signed())).unwrap();
        assert_eq!(manifest, *Backup::open(&to).unwrap().manifest());

        let backup = Backup::open(&to).unwrap();
        let restoring = data.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy")).unwrap();
        assert!(matches!(data.open_tenant(&id("copy")), Err(OpenError::AlreadyOpen(_))));
        assert_eq!(data.tenants().unwrap(), [id("acme")], "it has its name when it is proved");
        let copy = restoring.open().unwrap();
        assert_eq!((rows(&copy), copy.applied(), copy.log_start()), (expected, applied, start), "seed {seed}");
        assert_ne!(copy.uuid(), store.uuid());
        assert!(copy.verify().unwrap().is_intact());
        drop(copy);
        restoring.finish().unwrap();
        let copy = data.open_tenant(&id("copy")).unwrap();
        fill(&copy, &mut rng, 3);
        assert_eq!(copy.applied(), Opstamp(applied.0 + 3));
    }
}

#[test]
fn neither_a_backup_nor_a_restoring_that_is_given_up_leaves_anything() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    let store = data.create(&id("acme")).unwrap();
    fill(&store, &mut Rng::with_seed(1), 5);
    let to = dir.path().join("backup");
    let mut writer = BackupWriter::begin(&to).unwrap();
    writer.add(&id("acme"), &store).unwrap();
    assert!(matches!(writer.add(&id("acme"), &store), Err(BackupError::Twice(_))));
    assert!(matches!(BackupWriter::begin(&to), Err(BackupError::Exists(path)) if path.ends_with("backup.partial")));
    drop(writer);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the data directory");
    back_up(&store, &to);
    assert!(matches!(BackupWriter::begin(&to), Err(BackupError::Exists(_))));
    let backup = Backup::open(&to).unwrap();
    let restoring = data.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy")).unwrap();
    let again = data.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy"));
    assert!(matches!(again, Err(RestoreError::Exists(_))));
    drop(restoring);
    assert_eq!(fs::read_dir(dir.path().join("data/tenants")).unwrap().count(), 1);
    assert!(data.create(&id("copy")).is_ok(), "the name is free again");
    // What a crash leaves of a restoring goes with the next opening.
    drop(store);
    drop(data);
    fs::create_dir(dir.path().join("data/tenants/.create-lost")).unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    assert!(!dir.path().join("data/tenants/.create-lost").exists());
    drop(data);
}

#[test]
fn what_is_interrupted_says_so_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    let [store, other] = ["acme", "other"].map(|name| data.create(&id(name)).unwrap());
    fill(&store, &mut Rng::with_seed(1), 5);
    let (to, interrupt) = (dir.path().join("backup"), Interrupt::default());
    let mut writer = BackupWriter::begin(&to).unwrap().ended_by(&interrupt);
    writer.add(&id("acme"), &store).unwrap();
    interrupt.set();
    assert!(matches!(writer.add(&id("other"), &other), Err(BackupError::Interrupted)));
    assert!(matches!(writer.finish(Timestamp(0)), Err(BackupError::Interrupted)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the data directory");
    back_up(&store, &to);
    let backup = Backup::open(&to).unwrap();
    data.interrupt().set();
    let restored = data.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy"));
    assert!(matches!(restored, Err(RestoreError::Interrupted)), "{restored:?}");
    assert_eq!(fs::read_dir(dir.path().join("data/tenants")).unwrap().count(), 2);
    assert!(data.create(&id("copy")).is_ok(), "the name is free again, and all else goes on");
}

#[test]
fn rows_of_a_newer_version_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    let store = data.create(&id("acme")).unwrap();
    let to = dir.path().join("backup");
    back_up(&store, &to);
    // The version stands behind eight bytes of magic; checksums as a newer program would have written them.
    let mut bytes = fs::read(to.join("acme.rows")).unwrap();
    bytes[8] = 2;
    fs::write(to.join("acme.rows"), &bytes).unwrap();
    let text = fs::read_to_string(to.join("BACKUP")).unwrap();
    let backup = Backup::open(&to).unwrap();
    let old = backup.find(&id("acme")).unwrap().xxh3.clone();
    let text = text.replace(&old, &format!("{:032x}", xxh3_128(&bytes)));
    let sealed = &text[..text.rfind("xxh3 ").unwrap()];
    fs::write(to.join("BACKUP"), format!("{sealed}xxh3 {:032x}\n", xxh3_128(sealed.as_bytes()))).unwrap();
    let backup = Backup::open(&to).unwrap();
    let error = data.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy")).unwrap_err();
    assert!(matches!(error, RestoreError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn slices_of_any_size_read_every_row_once() {
    for seed in 0..30 {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let store = DataDir::open(dir.path()).unwrap().create(&id("acme")).unwrap();
        fill(&store, &mut rng, 20);
        let (budget, verified) = (rng.u64(1..5000), store.verify().unwrap());
        let reader = store.reader().unwrap();
        let (mut found, mut log_rows) = (0, 0);
        for table in Table::ALL {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let slice = reader.check_rows(table, after.as_deref(), budget).unwrap();
                found += slice.rows;
                match slice.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        let mut after = None;
        loop {
            let slice = reader.check_log(after, budget).unwrap();
            log_rows += slice.rows;
            match slice.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!((found, log_rows), (verified.rows, verified.log_rows), "seed {seed}, budget {budget}");
        // Rows of the log that were cut since are passed over.
        assert_eq!(reader.check_log(Some(Opstamp(1)), u64::MAX).unwrap().rows, verified.log_rows);
    }
}

#[test]
fn an_inspection_finds_what_an_opening_finds_and_leaves_no_trace() {
    for is_clean in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        let store = DataDir::open(&root).unwrap().create(&id("acme")).unwrap();
        fill(&store, &mut Rng::with_seed(3), 10);
        let expected = rows(&store);
        if is_clean {
            store.mark_clean().unwrap();
        } else {
            // As a process leaves it that ends without closing: redb's file says that it was open.
            let file = root.join("tenants/acme/state.redb");
            let bytes = fs::read(&file).unwrap();
            drop(store);
            fs::write(&file, bytes).unwrap();
        }
        let state = || fs::read(root.join("tenants/acme/state.redb")).unwrap();
        let before = state();
        let inspection = Inspection::new(&root);
        if is_clean {
            assert!(inspection.is_err(), "somebody has it open");
            continue;
        }
        let inspection = inspection.unwrap();
        assert!(DataDir::open(&root).is_err(), "nobody opens it meanwhile");
        let tenant = inspection.open(&id("acme")).unwrap();
        assert!(!tenant.was_clean());
        assert_eq!(rows(tenant.store()), expected);
        let verified = tenant.verify().unwrap();
        assert!(verified.is_intact() && verified.rows + verified.log_rows == expected.len() as u64, "{verified:?}");
        fill(tenant.store(), &mut Rng::with_seed(4), 3);
        drop(tenant);
        assert_eq!(state(), before);
        assert_eq!(inspection.tenants().unwrap(), [id("acme")]);
        drop(inspection);
        assert_eq!(rows(&DataDir::open(&root).unwrap().open_tenant(&id("acme")).unwrap()), expected);
    }
}
