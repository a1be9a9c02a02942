//! What reading everything again finds, and what becomes of it.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use redb::{ReadableTable, TableDefinition};
use tempfile::TempDir;
use ticketscope_engine::{CheckpointError, Closed, Engine, Options, Scrubbed, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{TextClass, TicketKey};

use crate::{
    changes::{text, ticket},
    compare::{assert_is_rebuilt, tickets},
    world::directory,
};

const PATIENCE: Duration = Duration::from_mins(1);

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

struct Bench {
    dir: TempDir,
    engine: Engine,
    tenant: Arc<Tenant>,
}

impl Bench {
    /// A tenant that was closed with a mapped snapshot and a text index, and is open again.
    fn new() -> Self {
        let dir = directory();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&id()).unwrap();
        for key in 1..40 {
            let words = text(key, "subject", TextClass::Subject, &format!("walrus number {key}"));
            tenant.submit(vec![ticket(key, &[("status", "open")]), words]).unwrap();
        }
        drop(tenant);
        engine.close().unwrap();
        drop(engine);
        Self::open(dir)
    }

    fn open(dir: TempDir) -> Self {
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.tenant(&id()).unwrap();
        let bench = Self { dir, engine, tenant };
        bench.wait_for_words();
        bench
    }

    fn wait_for_words(&self) {
        assert!(self.tenant.wait_for_text(self.tenant.snapshot().opstamp(), PATIENCE));
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("tenants/acme")
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        files(&self.path(), "tsnap")
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    found.sort();
    found
}

/// Turns a bit in the middle of a file, in place, as a disk would.
fn rot(path: &Path) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let at = fs::metadata(path).unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn a_whole_tenant_is_read_to_its_end_and_nothing_is_found() {
    let bench = Bench::new();
    let found = bench.tenant.scrub();
    assert_eq!(found.found, Vec::<String>::new());
    let verified = bench.tenant.verify_files().unwrap();
    assert_eq!((found.rows, found.log_rows), (verified.rows, verified.log_rows));
    assert_eq!(found.snapshots, 1);
    assert!(found.text_files > 3, "{found:?}");
    let stats = bench.tenant.stats().unwrap();
    assert!(found.bytes > stats.disk.snapshot_bytes + stats.disk.text_bytes / 2, "{found:?} of {:?}", stats.disk);
    assert_eq!((stats.scrub.passes, stats.scrub.last), (2, Some(found)));
    assert_eq!(stats.scrub.current, Scrubbed::default());
    // Nobody was disturbed.
    bench.tenant.submit(vec![ticket(1, &[("status", "solved")])]).unwrap();
}

#[test]
fn every_step_is_small_and_commits_go_on_between_two() {
    let bench = Bench::new();
    let body = "x".repeat(100_000);
    for key in 100..160 {
        let words = (0..400).map(|word| format!("{body:.5}{}", key * 1000 + word)).collect::<Vec<_>>().join(" ");
        let part = text(key, "c", TextClass::Public, &words);
        bench.tenant.submit(vec![ticket(key, &[("status", "new")]), part]).unwrap();
    }
    let (mut steps, mut rows) = (0, 0);
    loop {
        let before = bench.tenant.stats().unwrap().scrub.current.rows;
        let step = bench.tenant.scrub_step();
        steps += 1;
        assert!(!step.is_closed);
        bench.tenant.submit(vec![ticket(1, &[("status", &format!("s{steps}"))])]).unwrap();
        bench.tenant.checkpoint().unwrap();
        if step.is_end {
            break;
        }
        rows = rows.max(bench.tenant.stats().unwrap().scrub.current.rows - before);
    }
    let last = bench.tenant.stats().unwrap().scrub.last.unwrap();
    assert_eq!(last.found, Vec::<String>::new());
    assert!(steps > 8 && rows < last.rows, "{steps} steps, of which the largest read {rows} of {}", last.rows);
}

/// Changes the last row of a table as redb does not see it.
fn rot_row(dir: &Path, table: &str) {
    let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
    let database = redb::Database::open(dir.join("state.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let (key, mut value) = {
        let table = transaction.open_table(definition).unwrap();
        let (key, value) = table.last().unwrap().unwrap();
        (key.value().to_vec(), value.value().to_vec())
    };
    *value.last_mut().unwrap() ^= 1;
    transaction.open_table(definition).unwrap().insert(key.as_slice(), value.as_slice()).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_damaged_row_closes_the_tenant_and_says_where() {
    for table in ["texts", "tickets", "values"] {
        let bench = Bench::new();
        let Bench { dir, engine, tenant } = bench;
        drop(tenant);
        engine.close().unwrap();
        drop(engine);
        rot_row(&dir.path().join("tenants/acme"), table);
        // The mapped snapshot and the text index stand, so that the opening does not read the row.
        let bench = Bench::open(dir);
        assert!(bench.tenant.closed().is_none());
        let found = bench.tenant.scrub();
        assert!(found.found[0].contains(&format!("of table `{table}` cannot be trusted")), "{found:?}");
        assert!(bench.tenant.closed().is_some());
        let refused = bench.tenant.submit(vec![ticket(1, &[("status", "solved")])]);
        assert!(matches!(refused, Err(SubmitError::Closed(_))), "{refused:?}");
        assert!(bench.tenant.scrub_step().is_closed);
        assert_eq!(bench.tenant.stats().unwrap().scrub.passes, 0, "{table}");
    }
}

#[test]
fn a_damaged_log_row_closes_the_tenant() {
    let bench = Bench::new();
    bench.tenant.submit(vec![ticket(1, &[("status", "solved")])]).unwrap();
    bench.tenant.checkpoint().unwrap();
    for status in ["a", "b", "c"] {
        bench.tenant.submit(vec![ticket(1, &[("status", status)])]).unwrap();
    }
    bench.tenant.close().unwrap();
    let Bench { dir, engine, tenant } = bench;
    drop((tenant, engine));
    let log: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
    let database = redb::Database::open(dir.path().join("tenants/acme/state.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let first = transaction.open_table(log).unwrap().first().unwrap().unwrap().0.value();
    transaction.open_table(log).unwrap().remove(first + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let bench = Bench::open(dir);
    let found = bench.tenant.scrub();
    assert!(found.found[0].contains(&format!("log row {} cannot be trusted: it is missing", first + 1)), "{found:?}");
    assert!(bench.tenant.closed().is_some());
}

#[test]
fn a_damaged_snapshot_that_is_not_in_use_is_written_anew() {
    let bench = Bench::new();
    bench.tenant.submit(vec![ticket(1, &[("status", "solved")])]).unwrap();
    bench.tenant.checkpoint().unwrap();
    let newest = bench.snapshots().pop().unwrap();
    rot(&newest);
    let held = tickets(&bench.tenant.snapshot());
    while !bench.tenant.scrub_step().is_end {}
    let last = bench.tenant.stats().unwrap().scrub.last.unwrap();
    assert!(last.found[0].contains("checksum") && last.found.len() == 1, "{last:?}");
    assert!(bench.tenant.closed().is_none());
    assert_eq!(bench.tenant.scrub().found, Vec::<String>::new(), "the one that was written anew is whole");
    let opstamp = bench.tenant.snapshot().opstamp();
    bench.tenant.close().unwrap();
    let Bench { dir, engine, tenant } = bench;
    drop((tenant, engine));
    let bench = Bench::open(dir);
    assert_eq!(bench.tenant.recovery().snapshot, Some(opstamp), "{:?}", bench.tenant.recovery());
    assert_eq!(tickets(&bench.tenant.snapshot()), held);
}

#[test]
fn a_damaged_snapshot_in_use_closes_the_tenant_and_the_next_opening_starts_from_the_rows() {
    for by_checkpoint in [false, true] {
        let bench = Bench::new();
        let in_use = bench.tenant.recovery().snapshot;
        assert!(in_use.is_some());
        let held = tickets(&bench.tenant.snapshot());
        rot(&bench.snapshots()[0]);
        if by_checkpoint {
            // What is written of an index that is partly the damaged file would have right checksums.
            bench.tenant.submit(vec![ticket(1, &[("status", "open")]), ticket(99, &[])]).unwrap();
            let error = bench.tenant.checkpoint().unwrap_err();
            assert!(matches!(error, CheckpointError::Mapped(_)), "{error:?}");
        } else {
            let found = bench.tenant.scrub();
            assert!(found.found[0].contains("checksum"), "{found:?}");
        }
        assert_eq!(bench.tenant.closed(), Some(Closed::Interrupted));
        assert_eq!(bench.snapshots(), Vec::<PathBuf>::new(), "none is used by the next opening");
        let Bench { dir, engine, tenant } = bench;
        drop(tenant);
        let tenant = engine.tenant(&id()).expect("it opens again in the same process");
        let bench = Bench { dir, engine, tenant };
        bench.wait_for_words();
        assert_eq!(bench.tenant.recovery().snapshot, None);
        assert_is_rebuilt(&bench.tenant, "after damage");
        let mut now = tickets(&bench.tenant.snapshot());
        now.remove(&TicketKey::Int(99));
        assert_eq!(now, held);
        assert_eq!(bench.tenant.scrub().found, Vec::<String>::new());
    }
}

#[test]
fn a_snapshot_in_use_that_was_cut_short_is_found_by_reading_and_not_by_a_signal() {
    let bench = Bench::new();
    let held = tickets(&bench.tenant.snapshot());
    let file = fs::OpenOptions::new().write(true).open(&bench.snapshots()[0]).unwrap();
    file.set_len(0).unwrap();
    let found = bench.tenant.scrub();
    assert!(found.found[0].contains("the mapped snapshot in use"), "{found:?}");
    assert_eq!(bench.tenant.closed(), Some(Closed::Interrupted));
    let Bench { dir: _dir, engine, tenant } = bench;
    drop(tenant);
    assert_eq!(tickets(&engine.tenant(&id()).unwrap().snapshot()), held);
}

#[test]
fn a_text_file_in_use_that_was_cut_short_is_found_by_reading_and_not_by_a_signal() {
    let bench = Bench::new();
    let path = files(&bench.path().join("text"), "term").pop().unwrap();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
    while !bench.tenant.scrub_step().is_end {}
    bench.wait_for_words();
    let stats = bench.tenant.stats().unwrap();
    assert_eq!(stats.scrub.last.unwrap().found.len(), 1);
    assert!(stats.text.put_aside.is_some() && stats.text.ready && stats.text.tickets == 39, "{:?}", stats.text);
}

#[test]
fn a_damaged_text_index_is_put_aside_and_made_anew() {
    let mut kinds = 0;
    for extension in ["idx", "pos", "term", "fast", "store"] {
        let bench = Bench::new();
        let Some(file) = files(&bench.path().join("text"), extension).pop() else { continue };
        kinds += 1;
        rot(&file);
        while !bench.tenant.scrub_step().is_end {}
        let last = bench.tenant.stats().unwrap().scrub.last.unwrap();
        assert!(last.found.len() == 1 && !last.found[0].is_empty(), "{extension}: {last:?}");
        bench.wait_for_words();
        let stats = bench.tenant.stats().unwrap().text;
        assert!(stats.put_aside.is_some() && stats.ready && stats.tickets == 39, "{extension}: {stats:?}");
        assert!(bench.tenant.closed().is_none());
        assert_eq!(bench.tenant.scrub().found, Vec::<String>::new(), "{extension}");
        let scratch = directory();
        let verified = bench.tenant.verify_text(scratch.path()).unwrap();
        assert_eq!((verified.differences, verified.tickets), (Vec::new(), 39), "{extension}");
        assert!(verified.words > 39 && verified.files > 3, "{extension}");
    }
    assert!(kinds >= 3, "only {kinds} kinds of files");
}

#[test]
fn the_background_reads_every_open_tenant_and_tells_of_damage() {
    let bench = Bench::new();
    bench.tenant.submit(vec![ticket(1, &[("status", "solved")])]).unwrap();
    bench.tenant.checkpoint().unwrap();
    let newest = bench.snapshots().pop().unwrap();
    bench.tenant.close().unwrap();
    let Bench { dir, engine, tenant } = bench;
    drop((tenant, engine));
    let options = Options { scrub_interval: Duration::from_millis(200), ..Options::default() };
    let engine = Engine::open_with(dir.path(), options).unwrap();
    let (told, findings) = std::sync::mpsc::channel();
    engine.tell_damage(move |id, what| drop(told.send((id.clone(), what.to_owned()))));
    let tenant = engine.tenant(&id()).unwrap();
    let previous = files(&dir.path().join("tenants/acme"), "tsnap").into_iter().find(|path| *path != newest).unwrap();
    rot(&previous);
    let (found_in, what) = findings.recv_timeout(PATIENCE).unwrap();
    assert_eq!(found_in, id());
    assert!(what.contains(previous.to_str().unwrap()), "{what}");
    // A tenant that is closed and opened again is read again, and closing waits for nothing long.
    drop(tenant);
    engine.close().unwrap();
    let tenant = engine.tenant(&id()).unwrap();
    drop(tenant);
    drop(engine);
    assert!(Engine::open(dir.path()).is_ok());
}
