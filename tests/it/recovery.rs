//! What an opening begins with, what it falls back to, and what it refuses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use fastrand::Rng;
use redb::{ReadableTable, TableDefinition};
use tempfile::TempDir;
use ticketscope_engine::{
    Closed, Engine, RecoverError, Recovery, SubmitError, Tenant, TenantError, TenantOpenError, WriteError,
    storage::TenantId,
};
use ticketscope_model::{FieldKind, Opstamp, TextClass, TicketKey, Timestamp};
use ticketscope_storage::{DataDir, DataDirError, Place, ReadError};

use crate::{changes, compare};

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// A data directory with one tenant, opened and let go of at will.
struct Bench {
    dir: TempDir,
    open: Option<(Engine, Arc<Tenant>)>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&id()).unwrap();
        Self { dir, open: Some((engine, tenant)) }
    }

    fn tenant(&self) -> &Tenant {
        &self.open.as_ref().unwrap().1
    }

    fn submit(&self, number: i64) {
        let status = ["open", "solved", "pending"][usize::try_from(number).unwrap() % 3];
        let subject = changes::text(number % 7, "subject", TextClass::Subject, &format!("subject {number}"));
        self.tenant().submit(vec![changes::ticket(number % 7, &[("status", status)]), subject]).unwrap();
    }

    /// Lets go without closing.
    fn let_go(&mut self) {
        let (engine, tenant) = self.open.take().unwrap();
        drop(tenant);
        drop(engine);
    }

    fn close(&mut self) {
        let (engine, tenant) = self.open.take().unwrap();
        drop(tenant);
        engine.close().unwrap();
    }

    fn open(&mut self) -> &Recovery {
        let engine = Engine::open(self.dir.path()).unwrap();
        let tenant = engine.tenant(&id()).unwrap();
        self.open = Some((engine, tenant));
        compare::assert_is_rebuilt(self.tenant(), "after opening");
        self.tenant().recovery()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("tenants").join("acme")
    }

    /// Mapped snapshots, oldest first.
    fn snapshots(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut snapshots: Vec<_> = names.filter(|path| path.extension().is_some_and(|it| it == "tsnap")).collect();
        snapshots.sort();
        snapshots
    }
}

fn damage(rng: &mut Rng, path: &Path) {
    match rng.u32(..3) {
        0 => fs::remove_file(path).unwrap(),
        1 => {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..rng.usize(..bytes.len())]).unwrap();
        }
        _ => {
            let mut bytes = fs::read(path).unwrap();
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u32(..8);
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn after_a_clean_close_the_snapshot_is_mapped_and_nothing_replayed() {
    let mut bench = Bench::new();
    (0..10).for_each(|number| bench.submit(number));
    let (opstamp, before) = (bench.tenant().snapshot().opstamp(), compare::tickets(&bench.tenant().snapshot()));
    bench.close();
    let expected = Recovery { snapshot: Some(opstamp), ..Recovery::default() };
    assert_eq!(*bench.open(), expected);
    assert_eq!(compare::tickets(&bench.tenant().snapshot()), before);
    // Closing again writes nothing new, and the note still holds.
    bench.close();
    assert_eq!(*bench.open(), expected);
}

#[test]
fn after_an_unclean_end_the_log_is_replayed_onto_the_snapshot() {
    let mut bench = Bench::new();
    (0..5).for_each(|number| bench.submit(number));
    bench.tenant().checkpoint().unwrap();
    let snapshot = bench.tenant().snapshot().opstamp();
    (5..8).for_each(|number| bench.submit(number));
    let before = compare::tickets(&bench.tenant().snapshot());
    bench.let_go();
    assert_eq!(*bench.open(), Recovery { snapshot: Some(snapshot), replayed: 3, ..Recovery::default() });
    assert_eq!(compare::tickets(&bench.tenant().snapshot()), before);
}

#[test]
fn the_previous_snapshot_stands_in_and_the_log_reaches_back_to_it_whatever_happened_before() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let mut bench = Bench::new();
        // Opstamps of snapshots that are whole, oldest first; at most two are kept.
        let mut whole: Vec<Opstamp> = Vec::new();
        let mut number = 0;
        for step in 0..25 {
            let context = format!("seed {seed}, step {step}");
            let now = bench.tenant().snapshot().opstamp();
            match rng.u32(..10) {
                0..=3 => {
                    bench.submit(number);
                    number += 1;
                }
                4..=6 => {
                    bench.tenant().checkpoint().unwrap();
                    if whole.last() != Some(&now) {
                        whole.push(now);
                    }
                    whole = whole.split_off(whole.len().saturating_sub(2));
                }
                kind => {
                    let before = compare::tickets(&bench.tenant().snapshot());
                    bench.let_go();
                    let files = bench.snapshots();
                    if kind > 7 && files.len() == whole.len() {
                        for path in files.iter().rev().take(if kind == 8 { 1 } else { 2 }) {
                            damage(&mut rng, path);
                            whole.pop();
                        }
                    }
                    let recovery = bench.open().clone();
                    assert_eq!(recovery.snapshot, whole.last().copied(), "{context}: {recovery:?}");
                    let replayed = whole.last().map_or(0, |snapshot| now.0 - snapshot.0);
                    assert_eq!(recovery.replayed, replayed, "{context}: {recovery:?}");
                    assert_eq!(bench.tenant().snapshot().opstamp(), now, "{context}");
                    assert_eq!(compare::tickets(&bench.tenant().snapshot()), before, "{context}");
                }
            }
        }
    }
}

#[test]
fn the_log_is_cut_behind_the_snapshots_that_are_kept() {
    let mut bench = Bench::new();
    let mut snapshots = Vec::new();
    for number in 0..30 {
        bench.submit(number);
        if number % 5 == 4 {
            bench.tenant().checkpoint().unwrap();
            snapshots.push(bench.tenant().snapshot().opstamp());
        }
    }
    bench.let_go();
    let rows = compare::rows(bench.dir.path(), &id());
    assert_eq!(rows.log.keys().next().copied(), Some(snapshots[snapshots.len() - 2].0 + 1));
    assert_eq!(rows.log.keys().last().copied(), Some(rows.applied.0));
}

#[test]
fn a_field_that_became_many_valued_after_the_snapshot_comes_back() {
    for clean in [true, false] {
        let mut bench = Bench::new();
        let submit = |bench: &Bench, change| bench.tenant().submit(vec![change]).unwrap();
        submit(&bench, changes::ticket(1, &[("assignee", "anna")]));
        submit(&bench, changes::ticket(2, &[("assignee", "bob")]));
        bench.tenant().checkpoint().unwrap();
        submit(&bench, changes::ticket(1, &[("assignee", "")]));
        submit(&bench, changes::del(2));
        submit(&bench, changes::field("assignee", FieldKind::Principal, true));
        submit(&bench, changes::ticket(3, &[("assignee", "carl,anna")]));
        let before = compare::tickets(&bench.tenant().snapshot());
        if clean {
            bench.close();
        } else {
            bench.let_go();
        }
        bench.open();
        assert_eq!(compare::tickets(&bench.tenant().snapshot()), before, "clean {clean}");
    }
}

/// Changes the first row of a state table as an accident on the disk would that redb does not see.
fn damage_row(bench: &Bench, table: &str) -> (Vec<u8>, Vec<u8>) {
    let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
    let database = redb::Database::open(bench.path().join("state.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let (key, good) = {
        let table = transaction.open_table(definition).unwrap();
        let (key, value) = table.last().unwrap().unwrap();
        (key.value().to_vec(), value.value().to_vec())
    };
    let mut bad = good.clone();
    let at = bad.len() / 2;
    bad[at] ^= 1;
    transaction.open_table(definition).unwrap().insert(key.as_slice(), bad.as_slice()).unwrap();
    transaction.commit().unwrap();
    (key, good)
}

#[test]
fn a_tenant_with_a_damaged_row_is_not_answered_and_others_are() {
    for table in ["facts", "values", "tickets"] {
        let mut bench = Bench::new();
        bench.submit(1);
        let (engine, _) = bench.open.as_ref().unwrap();
        let other = TenantId::parse("other").unwrap();
        engine.create_tenant(&other).unwrap().submit(vec![changes::ticket(1, &[("status", "open")])]).unwrap();
        bench.let_go();
        damage_row(&bench, table);
        let engine = Engine::open(bench.dir.path()).unwrap();
        let error = engine.tenant(&id()).unwrap_err();
        let TenantError::Open { source, .. } = &error else { panic!("{table}: {error:?}") };
        let TenantOpenError::Recover(RecoverError::Read(ReadError::Damaged(damaged))) = &**source else {
            panic!("{table}: {error:?}")
        };
        assert!(matches!(&damaged.place, Place::Row { table: found, .. } if found.name() == table), "{damaged:?}");
        assert_eq!(engine.tenant(&other).unwrap().snapshot().index().universe().len(), 1);
        assert!(engine.tenant(&id()).is_err(), "damage does not go away by itself");
    }
}

#[test]
fn a_data_directory_is_for_one_process() {
    let load = |dir: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
        command.arg(dir).args(["1", "1000000"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let bench = Bench::new();
    let refused = load(bench.dir.path()).output().unwrap();
    assert!(!refused.status.success());
    let says = String::from_utf8(refused.stderr).unwrap();
    assert!(says.contains("Locked"), "{says}");
    bench.submit(1);

    let dir = tempfile::tempdir().unwrap();
    let mut holder = load(dir.path()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.as_mut().unwrap()), &mut line).unwrap();
    assert_eq!(line, "0\n");
    let refused = Engine::open(dir.path());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(matches!(refused, Err(DataDirError::Locked(_))), "{refused:?}");
    assert!(Engine::open(dir.path()).is_ok(), "a lock dies with its process");
}

/// What was damaged by [`damage_row`] is as it was.
fn mend_row(bench: &Bench, table: &str, key: &[u8], good: &[u8]) {
    let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
    let database = redb::Database::open(bench.path().join("state.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(definition).unwrap().insert(key, good).unwrap();
    transaction.commit().unwrap();
}

/// A tenant with a damaged text, and another one beside it.
fn with_a_damaged_text() -> (Bench, Arc<Tenant>, (Vec<u8>, Vec<u8>)) {
    let mut bench = Bench::new();
    bench.submit(1);
    bench.submit(2);
    bench.let_go();
    let row = damage_row(&bench, "texts");
    bench.open();
    let (engine, _) = bench.open.as_ref().unwrap();
    let other = engine.create_tenant(&TenantId::parse("other").unwrap()).unwrap();
    other.submit(vec![changes::ticket(1, &[("status", "open")])]).unwrap();
    (bench, other, row)
}

/// That a tenant is closed for damage, and the one beside it is not; and that it opens when it was mended.
fn assert_only_one_is_closed(mut bench: Bench, other: Arc<Tenant>, (key, good): &(Vec<u8>, Vec<u8>)) {
    let refused = bench.tenant().submit(vec![changes::ticket(4, &[("status", "open")])]);
    assert!(matches!(refused, Err(SubmitError::Closed(Closed::Damaged(_)))), "{refused:?}");
    let (engine, tenant) = bench.open.take().unwrap();
    for holder in [Some(tenant), None] {
        let error = engine.tenant(&id()).unwrap_err();
        let TenantError::Open { source, .. } = &error else { panic!("{error:?}") };
        assert!(matches!(&**source, TenantOpenError::Damaged(_)) && source.is_damage(), "{error:?}");
        drop(holder);
    }
    assert_eq!((engine.ailing().damaged, engine.fatal()), (1, None));
    other.submit(vec![changes::ticket(2, &[("status", "open")])]).unwrap();
    assert!(engine.tenant(other.id()).is_ok());
    assert_eq!(other.snapshot().index().ordinals(), 2);
    drop(other);
    engine.close().unwrap();
    drop(engine);
    mend_row(&bench, "texts", key, good);
    bench.open();
    bench.tenant().submit(vec![changes::text(2, "subject", TextClass::Subject, "more")]).unwrap();
}

#[test]
fn a_backup_of_all_leaves_out_the_damaged_tenant_which_is_closed_and_has_the_others() {
    let (bench, other, row) = with_a_damaged_text();
    let to = bench.dir.path().join("backup");
    let (engine, _) = bench.open.as_ref().unwrap();
    let (manifest, left_out) = engine.back_up_all(&to, Timestamp(0)).unwrap();
    assert_eq!(manifest.tenants.iter().map(|tenant| &tenant.tenant).collect::<Vec<_>>(), [other.id()]);
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(!to.join(format!("{}.rows", id())).exists(), "half of a tenant is left");
    assert_only_one_is_closed(bench, other, &row);
}

#[test]
fn damage_that_a_batch_meets_closes_its_tenant_and_no_other() {
    let (bench, other, row) = with_a_damaged_text();
    let before = compare::tickets(&bench.tenant().snapshot());
    // A change of the text must read the text, which is damaged.
    let change = changes::text(2, "subject", TextClass::Subject, "more");
    let failed = bench.tenant().submit(vec![changes::ticket(3, &[("status", "open")]), change]);
    match &failed {
        Err(SubmitError::Write(error)) => {
            assert!(matches!(&**error, WriteError::Read(ReadError::Damaged(_))), "{error:?}");
        }
        // The thread that indexes text read it first.
        Err(SubmitError::Closed(Closed::Damaged(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(compare::tickets(&bench.tenant().snapshot()), before, "nothing of the batch is in force");
    assert_only_one_is_closed(bench, other, &row);
}

#[test]
fn damage_that_a_question_meets_closes_its_tenant_and_no_other() {
    for how in 0..3 {
        let (bench, other, row) = with_a_damaged_text();
        let view = bench.tenant().view().unwrap();
        let ord = view.snapshot().index().find(&TicketKey::Int(2)).unwrap();
        let failed = match how {
            0 => view.parts(ord).map(|_| ()),
            1 => view.texts().and_then(|mut texts| texts.subject(ord)).map(|_| ()),
            _ => bench.tenant().text(&TicketKey::Int(2)).map(|_| ()),
        };
        assert!(matches!(failed, Err(RecoverError::Read(ReadError::Damaged(_)))), "{how}: {failed:?}");
        drop(view);
        assert_only_one_is_closed(bench, other, &row);
    }
}

#[test]
fn a_store_that_the_engine_closed_is_clean_for_everybody() {
    let mut bench = Bench::new();
    bench.submit(1);
    bench.close();
    let data = DataDir::open(bench.dir.path()).unwrap();
    let store = data.open_tenant(&id()).unwrap();
    let verified = store.verify().unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.applied, verified.snapshots), (Opstamp(2), 1));
}
