use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use ticketscope_model::{Opstamp, TextClass, Timestamp};
use ticketscope_storage::{Backup, Interrupt, RestoreError};
use ticketscope_testkit::{gate::GatedDisk, plain};

use super::*;
use crate::TenantRestoreError;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long to wait for what must not come: one that is wrongly let through takes a fraction of it.
const NEVER: Duration = Duration::from_millis(300);

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

#[test]
fn while_one_tenant_is_opened_nobody_waits_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    for name in ["slow", "cold", "hot"] {
        engine.create_tenant(&id(name)).unwrap();
    }
    engine.close().unwrap();
    let hot = engine.tenant(&id("hot")).unwrap();
    let turn = engine.turn(&id("slow"));
    assert!(Arc::ptr_eq(&engine.tenant(&id("hot")).unwrap(), &hot));
    assert!(engine.tenant(&id("cold")).is_ok());
    assert!(engine.create_tenant(&id("new")).is_ok());
    engine.delete_tenant(&id("new")).unwrap();
    let (told, asked) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (engine, told) = (&engine, told.clone());
            scope.spawn(move || told.send(engine.tenant(&id("slow")).unwrap()).unwrap());
        }
        assert_eq!(asked.recv_timeout(NEVER).unwrap_err(), RecvTimeoutError::Timeout);
        // Nothing was opened in the meantime.
        assert!(!engine.open.lock().by_id.contains_key(&id("slow")));
        drop(turn);
        let both = [asked.recv().unwrap(), asked.recv().unwrap()];
        assert!(Arc::ptr_eq(&both[0], &both[1]), "two who ask at once get the same tenant");
    });
    assert!(engine.open.lock().busy.is_empty());
}

#[test]
fn closing_waits_for_a_tenant_that_is_being_opened_and_closes_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    for name in ["slow", "hot"] {
        engine.create_tenant(&id(name)).unwrap();
    }
    engine.close().unwrap();
    engine.tenant(&id("hot")).unwrap();
    let (told, closed) = mpsc::channel();
    thread::scope(|scope| {
        let turn = engine.turn(&id("slow"));
        let engine = &engine;
        scope.spawn(move || told.send(engine.close()).unwrap());
        assert_eq!(closed.recv_timeout(NEVER).unwrap_err(), RecvTimeoutError::Timeout);
        let store = engine.data.open_tenant(&id("slow")).unwrap();
        drop(engine.opened(&id("slow"), store).unwrap());
        drop(turn);
        closed.recv().unwrap().unwrap();
    });
    let open = engine.open.lock();
    assert!(open.by_id.is_empty(), "{:?} left open", open.by_id.keys());
}

#[test]
fn memory_is_told_also_while_caches_grow_between_two_looks_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let mut stats = engine.create_tenant(&id("acme")).unwrap().stats().unwrap();
    (stats.text.heap_bytes, stats.text.cache_bytes) = (10, 11);
    let of = |name| stats.memory().into_iter().find(|(part, _)| *part == name).unwrap().1.heap;
    assert_eq!((of("text: rows"), of("text: caches")), (0, 11));
}

#[test]
fn tenants_that_are_closed_for_others_are_opened_again_whoever_asks_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_open_tenants: 2, ..Options::default() };
    let engine = Engine::open_with(dir.path(), options).unwrap();
    let names: Vec<TenantId> = (0..6).map(|number| id(&format!("tenant-{number}"))).collect();
    for name in &names {
        engine.create_tenant(name).unwrap();
    }
    thread::scope(|scope| {
        for seed in 0..4 {
            let (engine, names) = (&engine, &names);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                for _ in 0..40 {
                    let name = &names[rng.usize(..names.len())];
                    let tenant = engine.tenant(name).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
                    assert_eq!((tenant.id(), tenant.closed()), (name, None));
                }
            });
        }
    });
    // What everybody has let go is closed as soon as another one is opened.
    drop(engine.create_tenant(&id("last")).unwrap());
    let open = engine.open.lock();
    assert!(open.busy.is_empty());
    assert_eq!(open.by_id.len(), 2, "{:?}", open.by_id.keys());
}

#[test]
fn while_a_tenant_is_restored_nobody_waits() {
    let (dir, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (to, copy) = (backups.path().join("backup"), id("copy"));
    // What is restored is held where its mapped snapshot is begun.
    let is_of_the_copy = |path: &Path| path.ends_with(".create-copy/snapshot.tmp");
    let disk = GatedDisk::new(Arc::new(SystemDisk), is_of_the_copy);
    let engine = Engine::open_on(Arc::new(disk.clone()), dir.path(), Options::default()).unwrap();
    let changes = |number| vec![plain::ticket(number, "open"), plain::text(number, "s", TextClass::Subject, "otter")];
    for name in ["acme", "cold"] {
        engine.create_tenant(&id(name)).unwrap().submit(changes(1)).unwrap();
    }
    engine.back_up(&[id("acme")], &to, Timestamp(0)).unwrap();
    engine.close().unwrap();
    let hot = engine.tenant(&id("acme")).unwrap();
    let (backup, gate) = (Backup::open(&to).unwrap(), disk.shut());
    thread::scope(|scope| {
        // Opened also if something below is not as it should be: the thread is waited for.
        let gate = gate;
        let restored = scope.spawn(|| engine.restore(&backup, backup.find(&id("acme")).unwrap(), &copy));
        assert!(gate.holds_somebody(PATIENCE));
        let open = engine.open.try_lock().expect("the lock is not held");
        assert!(open.busy.is_empty() && !open.by_id.contains_key(&copy), "{:?}", open.busy);
        drop(open);
        // The one that was backed up, one that is opened, a new one, and the one that is not there yet.
        let ack = hot.submit(changes(2)).unwrap();
        assert!(hot.wait_for_text(ack.opstamp, PATIENCE));
        hot.checkpoint().unwrap();
        assert_eq!(engine.tenant(&id("cold")).unwrap().submit(changes(2)).unwrap().refused, []);
        drop(engine.create_tenant(&id("new")).unwrap());
        engine.delete_tenant(&id("new")).unwrap();
        assert!(matches!(engine.tenant(&copy), Err(TenantError::NoSuchTenant(_))));
        let again = engine.restore(&backup, backup.find(&id("acme")).unwrap(), &copy);
        assert!(matches!(again, Err(TenantRestoreError::Restore(_))), "{again:?}");
        assert!(!restored.is_finished());
        drop(gate);
        assert_eq!(restored.join().unwrap().unwrap().tickets, 1);
    });
    assert_eq!(engine.tenant(&copy).unwrap().snapshot().index().universe().len(), 1);
}

#[test]
fn a_tenant_that_was_closed_under_those_who_use_it_opens_again_when_they_let_it_go() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit(vec![plain::ticket(1, "open")]).unwrap();
    let view = tenant.view().unwrap();
    tenant.shared().close(Closed::Interrupted);
    drop(tenant);
    let began = Instant::now();
    let refused = engine.tenant(&id("acme"));
    assert!(matches!(refused, Err(TenantError::Busy(_))), "{refused:?}");
    assert!(began.elapsed() >= REOPEN_PATIENCE);
    assert!(matches!(engine.delete_tenant(&id("acme")), Err(TenantError::InUse(_))));
    assert!(engine.open.lock().busy.is_empty() && engine.known_damage(&id("acme")).is_none());
    drop(view);
    let tenant = engine.tenant(&id("acme")).unwrap();
    assert_eq!((tenant.closed(), tenant.snapshot().index().universe().len()), (None, 1));
}

#[test]
fn whoever_waits_for_a_batch_or_for_words_is_told_that_the_tenant_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    let never = Opstamp(u64::MAX);
    let (told, waited) = mpsc::channel();
    thread::scope(|scope| {
        let (tenant, other) = (&tenant, told.clone());
        scope.spawn(move || told.send(tenant.snapshot_at(never, 2 * PATIENCE).is_some()).unwrap());
        scope.spawn(move || other.send(tenant.wait_for_text(never, 2 * PATIENCE)).unwrap());
        assert_eq!(waited.recv_timeout(NEVER).unwrap_err(), RecvTimeoutError::Timeout);
        tenant.shared().close(Closed::Interrupted);
        for _ in 0..2 {
            assert!(!waited.recv_timeout(PATIENCE).expect("it waits no longer"));
        }
    });
    // What is shown already is there whatever became of the tenant.
    assert!(tenant.snapshot_at(tenant.snapshot().opstamp(), Duration::ZERO).is_some());
}

#[test]
fn a_mapped_snapshot_of_a_tenant_that_is_closed_meanwhile_is_not_made_current() {
    let dir = tempfile::tempdir().unwrap();
    let disk = GatedDisk::new(Arc::new(SystemDisk), |path: &Path| path.ends_with("acme/snapshot.tmp"));
    let engine = Engine::open_on(Arc::new(disk.clone()), dir.path(), Options::default()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit(vec![plain::ticket(1, "open")]).unwrap();
    tenant.checkpoint().unwrap();
    tenant.submit(vec![plain::ticket(2, "open")]).unwrap();
    let snapshots = || {
        let names = std::fs::read_dir(dir.path().join("tenants/acme")).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|it| it == "tsnap")).count()
    };
    assert_eq!(snapshots(), 1);
    let gate = disk.shut();
    thread::scope(|scope| {
        let gate = gate;
        let written = scope.spawn(|| tenant.checkpoint());
        assert!(gate.holds_somebody(PATIENCE));
        tenant.shared().mistrust_mapped();
        assert_eq!(snapshots(), 0);
        drop(gate);
        let written = written.join().unwrap();
        assert!(matches!(written, Err(CheckpointError::Closed(Closed::Interrupted))), "{written:?}");
    });
    assert_eq!(snapshots(), 0, "the next opening goes by the rows");
}

/// A backup of a tenant with words, and an engine that has not restored it.
fn backed_up(disk: GatedDisk, dir: &Path) -> (Engine, Backup) {
    let engine = Engine::open_on(Arc::new(disk), dir.join("data"), Options::default()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit(vec![plain::ticket(1, "open"), plain::text(1, "s", TextClass::Subject, "otter")]).unwrap();
    engine.back_up(&[id("acme")], &dir.join("backup"), Timestamp(0)).unwrap();
    (engine, Backup::open(&dir.join("backup")).unwrap())
}

#[test]
fn a_restoring_that_is_interrupted_when_its_text_is_begun_is_not_proved_any_more() {
    for is_interrupted in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (interrupt, opened) = (Arc::new(OnceLock::<Interrupt>::new()), Arc::new(AtomicUsize::new(0)));
        let (sees, counts) = (Arc::clone(&interrupt), Arc::clone(&opened));
        // Nobody waits: the disk only says what is opened.
        let disk = GatedDisk::new(Arc::new(SystemDisk), move |path: &Path| {
            let is_of_the_copy = |name: &str| path.components().any(|part| part.as_os_str() == name);
            if is_of_the_copy(".create-copy") && is_of_the_copy("text") {
                sees.get().map(Interrupt::set);
            } else if path.ends_with(".create-copy/state.redb") {
                counts.fetch_add(1, Relaxed);
            }
            false
        });
        let (engine, backup) = backed_up(disk, dir.path());
        if is_interrupted {
            interrupt.set(engine.data().interrupt().clone()).unwrap();
        }
        let restored = engine.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy"));
        let opened = opened.load(Relaxed);
        if is_interrupted {
            let is_told = matches!(restored, Err(TenantRestoreError::Restore(RestoreError::Interrupted)));
            assert!(is_told && !engine.has_tenant(&id("copy")), "{restored:?}");
            assert_eq!(opened, 2, "copied to, and opened to be derived from");
        } else {
            assert_eq!((restored.unwrap().tickets, opened), (1, 3), "opened once more to be proved");
        }
    }
}

#[test]
fn the_text_of_a_tenant_is_waited_for_until_that_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let is_text = |path: &Path| path.components().any(|part| part.as_os_str() == "text");
    let disk = GatedDisk::new(Arc::new(SystemDisk), is_text);
    let engine = Engine::open_on(Arc::new(disk.clone()), dir.path(), Options::default()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    let gate = disk.shut();
    thread::scope(|scope| {
        let gate = gate;
        tenant.submit(vec![plain::ticket(1, "open"), plain::text(1, "s", TextClass::Subject, "otter")]).unwrap();
        assert!(gate.holds_somebody(PATIENCE));
        let waited = scope.spawn(|| engine.index_text(&tenant));
        engine.interrupt();
        let waited = waited.join().unwrap();
        assert!(matches!(waited, Err(TenantRestoreError::Restore(RestoreError::Interrupted))), "{waited:?}");
    });
}
