//! A disk with little room, a writer that panics, and a disk that fails under one of several tenants.

use std::{
    fs,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tempfile::TempDir;
use ticketscope_model::{Change, Fact, Opstamp, TextClass, TicketKey, Timestamp};
use ticketscope_query::{
    self as query, Access,
    parse::{Context, parse},
};
use ticketscope_storage::{
    Backup, Condition, Space, TenantId,
    disk::{Disk, SystemDisk},
};
use ticketscope_testkit::{
    plain,
    simdisk::{Calls, Fault, Reason, SimDisk},
};

use crate::{
    CheckpointError, Closed, Engine, Full, Options, Stats, SubmitError, Tenant, TenantError, TextStats,
    room::Outside,
    trouble::{Trouble, chain},
};

/// Bytes that are kept free; the disk is larger than twenty times this.
const RESERVE: u64 = 1000;
const DISK: u64 = 100 * RESERVE;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// More steps than a pass over so little takes.
const STEPS: usize = 40;

/// How long the text is waited for between two looks at how it fares.
const LOOK: Duration = Duration::from_millis(20);

/// A disk and a clock as a test wants them.
#[derive(Debug)]
struct World {
    available: AtomicU64,
    /// What the threads in the background find.
    available_behind: AtomicU64,
    /// Milliseconds since the beginning.
    now: AtomicU64,
    panics: AtomicBool,
    /// The same of the thread that writes mapped snapshots.
    snapshot_panics: AtomicBool,
}

struct Bench {
    _dir: Option<TempDir>,
    world: Arc<World>,
    engine: Engine,
}

impl Bench {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        Self { _dir: Some(dir), ..Self::on(Arc::new(SystemDisk), &path, options) }
    }

    /// On a disk that nobody else has.
    fn on(disk: Arc<dyn Disk>, path: &Path, options: Options) -> Self {
        let below = disk;
        let world = Arc::new(World {
            available: AtomicU64::new(DISK),
            available_behind: AtomicU64::new(DISK),
            now: AtomicU64::new(0),
            panics: AtomicBool::new(false),
            snapshot_panics: AtomicBool::new(false),
        });
        let (disk, clock, start) = (Arc::clone(&world), Arc::clone(&world), Instant::now());
        let outside = Outside {
            // Each look at the clock is later than a look at the disk is good for.
            now: Box::new(move || start + Duration::from_millis(clock.now.fetch_add(100, Relaxed))),
            space: Box::new(move || {
                assert!(!disk.panics.swap(false, Relaxed), "as the test wants it");
                let thread = thread::current();
                let is_snapshot = thread.name() == Some("snapshot");
                assert!(!(is_snapshot && disk.snapshot_panics.swap(false, Relaxed)), "as the test wants it");
                let is_behind = is_snapshot || thread.name() == Some("text");
                let available = if is_behind { &disk.available_behind } else { &disk.available };
                Ok(Space { total: DISK, available: available.load(Relaxed) })
            }),
        };
        let options = Options { reserve_bytes: RESERVE, ..options };
        let engine = Engine::open_in(below, path, options, outside).unwrap();
        Self { _dir: None, world, engine }
    }

    fn tenant(&self, name: &str) -> Arc<Tenant> {
        self.engine.tenant_or_create(&id(name)).unwrap()
    }

    fn has_room(&self, bytes: u64) {
        self.world.available.store(bytes, Relaxed);
        self.world.available_behind.store(bytes, Relaxed);
    }
}

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn ticket(number: i64) -> Change {
    plain::ticket(number, "open")
}

fn text(number: i64, body: &str) -> Change {
    plain::text(number, "s", TextClass::Subject, body)
}

fn principal(id: &str) -> Change {
    Change::state(Fact::Principal(plain::principal(id, None)))
}

fn has(tenant: &Tenant, number: i64) -> bool {
    tenant.snapshot().index().find(&TicketKey::Int(number)).is_some()
}

/// In how many tickets a word is found.
fn found(tenant: &Tenant, word: &str) -> u32 {
    let snapshot = tenant.snapshot();
    let query = parse(word, &Context::new(snapshot.schema(), Timestamp(0))).unwrap();
    query::count(&snapshot, Access::admin(), &query).unwrap()
}

#[test]
fn below_the_reserve_batches_are_refused_but_for_those_that_take_away_and_questions_go_on() {
    let bench = Bench::new();
    let tenant = bench.tenant("acme");
    tenant.submit(vec![ticket(1), principal("ann"), principal("bob")]).unwrap();
    bench.has_room(RESERVE - 1);
    let refused = tenant.submit(vec![ticket(2)]).unwrap_err();
    let full = Full::Reserve { available: RESERVE - 1, kept: RESERVE };
    assert!(matches!(refused, SubmitError::Full(found) if found == full), "{refused:?}");
    assert_eq!((tenant.full(), tenant.stats().unwrap().full), (Some(full), Some(full)));
    assert_eq!(bench.engine.ailing().full, 1);
    assert!(has(&tenant, 1) && !has(&tenant, 2));
    assert_eq!(tenant.closed(), None);
    // A mixture is not one that takes away.
    let mixed = vec![Change::state(Fact::Del(TicketKey::Int(1))), ticket(2)];
    assert!(matches!(tenant.submit(mixed), Err(SubmitError::Full(_))));
    bench.has_room(RESERVE / 4);
    let Change { fact, .. } = principal("ann");
    tenant.submit(vec![Change::state(Fact::Del(TicketKey::Int(1))), Change::remove(fact)]).unwrap();
    let snapshot = tenant.snapshot();
    assert!(!has(&tenant, 1) && snapshot.access("ann").is_err() && snapshot.access("bob").is_ok());
    bench.has_room(RESERVE / 4 - 1);
    let Change { fact, .. } = principal("bob");
    assert!(matches!(tenant.submit(vec![Change::remove(fact)]), Err(SubmitError::Full(_))));
    bench.has_room(RESERVE);
    tenant.submit(vec![ticket(2)]).unwrap();
    assert!(has(&tenant, 2));
    assert_eq!((tenant.full(), bench.engine.ailing().full), (None, 0));
}

#[test]
fn below_the_reserve_no_tenant_is_made_and_one_can_be_deleted() {
    let bench = Bench::new();
    drop(bench.tenant("old"));
    bench.has_room(0);
    let refused = bench.engine.create_tenant(&id("new")).unwrap_err();
    assert!(matches!(refused, TenantError::Full(_)), "{refused:?}");
    assert!(matches!(bench.engine.tenant_or_create(&id("new")), Err(TenantError::Full(_))));
    assert!(!bench.engine.has_tenant(&id("new")));
    bench.engine.delete_tenant(&id("old")).unwrap();
    bench.has_room(RESERVE);
    bench.engine.create_tenant(&id("new")).unwrap();
}

#[test]
fn a_mapped_snapshot_without_room_is_given_up_and_written_for_the_same_log_when_there_is_room() {
    let bench = Bench::with(Options { checkpoint_log_bytes: 2000, ..Options::default() });
    let tenant = bench.tenant("acme");
    bench.world.available_behind.store(RESERVE / 2 - 1, Relaxed);
    // So much log that a snapshot is begun behind it, which finds no room.
    tenant.submit((0..1000).map(ticket).collect()).unwrap();
    let until = Instant::now() + PATIENCE;
    let stats_when = |is_so: fn(&Stats) -> bool| loop {
        let stats = tenant.stats().unwrap();
        if is_so(&stats) {
            return stats;
        }
        assert!(Instant::now() < until, "{stats:?}");
        thread::yield_now();
    };
    let stats = stats_when(|stats| stats.checkpoint_failure.is_some());
    assert_eq!(stats.snapshot.0, 0);
    bench.has_room(RESERVE / 2 - 1);
    let refused = tenant.checkpoint().unwrap_err();
    assert!(matches!(refused, CheckpointError::Full(Full::Reserve { .. })), "{refused:?}");
    bench.has_room(DISK);
    bench.world.now.fetch_add(10_000, Relaxed);
    // This one alone is not enough for a snapshot.
    tenant.submit(vec![ticket(1000)]).unwrap();
    stats_when(|stats| stats.snapshot.0 > 0 && stats.checkpoint_failure.is_none());
}

#[test]
fn after_a_mapped_snapshot_that_panicked_others_are_written() {
    let bench = Bench::with(Options { checkpoint_log_bytes: 2000, ..Options::default() });
    let tenant = bench.tenant("acme");
    bench.world.snapshot_panics.store(true, Relaxed);
    tenant.submit((0..1000).map(ticket).collect()).unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let stats = tenant.stats().unwrap();
        if let Some(failure) = stats.checkpoint_failure {
            assert!(failure.contains("panicked"), "{failure}");
            break;
        }
        assert!(Instant::now() < until, "nobody tells of it");
        thread::yield_now();
    }
    for number in 1.. {
        tenant.submit((1000 * number..1000 * (number + 1)).map(ticket).collect()).unwrap();
        let stats = tenant.stats().unwrap();
        if stats.snapshot.0 > 0 {
            break;
        }
        assert!(Instant::now() < until, "{stats:?}");
    }
    assert_eq!(tenant.closed(), None);
}

#[test]
fn when_a_mapped_snapshot_panics_the_one_in_use_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { checkpoint_log_bytes: 2000, ..Options::default() };
    let bench = Bench::on(Arc::new(SystemDisk), dir.path(), options);
    bench.tenant("acme").submit(vec![ticket(1)]).unwrap();
    bench.engine.close().unwrap();
    let tenant = bench.tenant("acme");
    assert!(tenant.recovery().snapshot.is_some());
    let mut paths = fs::read_dir(dir.path().join("tenants/acme")).unwrap().map(|entry| entry.unwrap().path());
    let snapshot = paths.find(|path| path.extension().is_some_and(|it| it == "tsnap")).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&snapshot).unwrap();
    // Its last byte, which nobody asks for.
    file.write_all_at(&[0], file.metadata().unwrap().len() - 1).unwrap();
    bench.world.snapshot_panics.store(true, Relaxed);
    tenant.submit((2..1000).map(ticket).collect()).unwrap();
    let until = Instant::now() + PATIENCE;
    while tenant.closed() != Some(Closed::Interrupted) {
        assert!(Instant::now() < until, "{:?}", tenant.stats());
        thread::yield_now();
    }
    drop(tenant);
    let tenant = bench.tenant("acme");
    assert_eq!((tenant.recovery().snapshot, tenant.snapshot().index().universe().len()), (None, 999));
}

#[test]
fn text_without_room_waits_masked_and_words_are_found_as_before_until_there_is_room() {
    let bench = Bench::new();
    let tenant = bench.tenant("acme");
    let ack = tenant.submit(vec![ticket(1), text(1, "otter"), ticket(2), text(2, "otter")]).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    bench.world.available_behind.store(RESERVE / 2 - 1, Relaxed);
    let ack = tenant.submit(vec![text(2, "badger"), ticket(3), text(3, "otter")]).unwrap();
    assert!(!tenant.wait_for_text(ack.opstamp, Duration::from_millis(300)), "there is no room");
    let stats = tenant.stats().unwrap().text;
    assert!(stats.ready && stats.failure.is_some() && stats.pending == 2 && stats.put_aside.is_none(), "{stats:?}");
    assert_eq!(found(&tenant, "otter"), 1, "what was altered is masked, and what is new waits");
    assert_eq!(found(&tenant, "badger"), 0);
    bench.has_room(DISK);
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    assert_eq!((found(&tenant, "otter"), found(&tenant, "badger")), (2, 1));
    let stats = tenant.stats().unwrap().text;
    assert!(stats.failure.is_none() && stats.pending == 0 && stats.put_aside.is_none(), "{stats:?}");
}

#[test]
fn while_text_waits_for_room_everything_else_is_read_again() {
    let options = Options { scrub_interval: Duration::ZERO, ..Options::default() };
    let bench = Bench::with(options);
    let tenant = bench.tenant("acme");
    let ack = tenant.submit(vec![ticket(1), text(1, "otter")]).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    let files = tenant.scrub().text_files;
    bench.world.available_behind.store(RESERVE / 2 - 1, Relaxed);
    tenant.submit(vec![ticket(2), text(2, "otter")]).unwrap();
    text_when(&tenant, |stats| stats.failure.is_some());
    for _ in 0..2 {
        let steps = (0..STEPS).find(|_| tenant.scrub_step().is_end);
        assert!(steps.is_some(), "{:?}", tenant.stats().unwrap().scrub);
        let last = tenant.stats().unwrap().scrub.last.unwrap();
        assert!(last.rows > 0 && last.log_rows > 0 && last.text_files == 0 && last.found.is_empty(), "{last:?}");
    }
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(tenant.verify_text(scratch.path()).unwrap().files, 0);
    bench.has_room(DISK);
    text_when(&tenant, |stats| stats.failure.is_none());
    assert!(tenant.scrub().text_files >= files);
}

#[test]
fn a_tenant_whose_text_waits_for_room_can_be_closed() {
    let bench = Bench::new();
    let tenant = bench.tenant("acme");
    bench.world.available_behind.store(0, Relaxed);
    tenant.submit(vec![ticket(1), text(1, "otter")]).unwrap();
    tenant.close().unwrap();
    bench.has_room(DISK);
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    assert_eq!(found(&tenant, "otter"), 1);
}

/// The text of a tenant, as soon as it is as `is_so` wants it while somebody waits for it.
fn text_when(tenant: &Tenant, is_so: impl Fn(&TextStats) -> bool) -> TextStats {
    let until = Instant::now() + PATIENCE;
    loop {
        let stats = tenant.stats().unwrap().text;
        if is_so(&stats) {
            return stats;
        }
        assert!(Instant::now() < until, "{stats:?}");
        tenant.wait_for_text(tenant.snapshot().opstamp(), LOOK);
    }
}

#[test]
fn text_that_met_a_full_disk_catches_up_in_the_process_once_there_is_room() {
    let disk = SimDisk::default();
    let bench = Bench::on(Arc::new(disk.clone()), Path::new("/data"), Options::default());
    let tenant = bench.tenant("acme");
    let ack = tenant.submit(vec![ticket(1), text(1, "otter")]).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    // The thread waits behind the reserve until there is something to write on a full disk.
    bench.world.available_behind.store(0, Relaxed);
    let ack = tenant.submit(vec![ticket(2), text(2, "otter")]).unwrap();
    let full =
        Fault { calls: Calls::Changes, at: disk.call_count(Calls::Changes), reason: Reason::Full, lasting: true };
    disk.fail(full);
    bench.world.available_behind.store(DISK, Relaxed);
    let says = |what: &'static str| {
        move |stats: &TextStats| stats.failure.as_deref().is_some_and(|failure| failure.contains(what))
    };
    let stats = text_when(&tenant, says("No space left"));
    assert_eq!((stats.pending, stats.put_aside), (1, None));
    assert_eq!((found(&tenant, "otter"), tenant.closed(), bench.engine.fatal()), (1, None, None));
    assert!(!disk.heal(), "the disk was full");
    bench.world.now.fetch_add(10_000, Relaxed);
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE), "nothing but room was missing");
    assert_eq!(found(&tenant, "otter"), 2);
    let stats = text_when(&tenant, |stats| stats.failure.is_none());
    assert_eq!((stats.pending, stats.put_aside), (0, None));
    assert_eq!(tenant.shared().store.condition(), Condition::Sound);
    tenant.submit(vec![ticket(3)]).unwrap();
}

#[test]
fn a_database_that_cannot_be_read_when_it_is_opened_again_is_one_tenants_trouble() {
    let mut reopened = 0;
    // Of a commit some writes find no room: after that of the header nobody knows what is in force, after others nothing is.
    for write in 0..6 {
        let disk = SimDisk::default();
        let bench = Bench::on(Arc::new(disk.clone()), Path::new("/data"), Options::default());
        let (tenant, other) = (bench.tenant("acme"), bench.tenant("other"));
        let ack = tenant.submit(vec![ticket(1)]).unwrap();
        assert!(tenant.wait_for_text(ack.opstamp, PATIENCE) && other.wait_for_text(Opstamp(0), PATIENCE));
        // Somebody reads, so that the database is not opened again at once.
        let view = tenant.view().unwrap();
        let at = disk.call_count(Calls::Changes) + write;
        disk.fail(Fault { calls: Calls::Changes, at, reason: Reason::Full, lasting: false });
        if !matches!(tenant.submit(vec![ticket(2)]), Err(SubmitError::Full(Full::Disk))) {
            continue;
        }
        assert_eq!(tenant.shared().store.condition(), Condition::Full);
        drop(view);
        let at = disk.call_count(Calls::Reads);
        disk.fail(Fault { calls: Calls::Reads, at, reason: Reason::Io, lasting: true });
        bench.world.now.fetch_add(10_000, Relaxed);
        assert!(tenant.submit(vec![ticket(2)]).is_err());
        assert!(matches!(tenant.closed(), Some(Closed::Damaged(_))), "{:?}", tenant.closed());
        assert_eq!(bench.engine.fatal(), None);
        disk.heal();
        other.submit(vec![ticket(1)]).unwrap();
        reopened += 1;
    }
    assert!(reopened > 0, "no write was refused for want of room alone");
}

#[test]
fn a_tenant_without_room_closes_and_is_whole_when_it_opens() {
    let bench = Bench::new();
    let tenant = bench.tenant("acme");
    tenant.submit(vec![ticket(1)]).unwrap();
    bench.has_room(0);
    drop(tenant);
    bench.engine.close().unwrap();
    let tenant = bench.tenant("acme");
    assert_eq!((tenant.recovery().snapshot, has(&tenant, 1)), (None, true));
    assert!(matches!(tenant.submit(vec![ticket(2)]), Err(SubmitError::Full(_))));
    bench.has_room(DISK);
    tenant.submit(vec![ticket(2)]).unwrap();
}

#[test]
fn of_a_writer_that_panics_nothing_is_in_force_and_the_next_question_opens_the_tenant_again() {
    let bench = Bench::new();
    let (tenant, other) = (bench.tenant("acme"), bench.tenant("other"));
    tenant.submit(vec![ticket(1)]).unwrap();
    // The first batch of a group is staged when the look at the disk for the second one panics.
    let both = thread::scope(|scope| {
        let writer = tenant.hold_writer();
        let submit = |number: i64| {
            let (tenant, world) = (&tenant, &bench.world);
            scope.spawn(move || {
                world.panics.store(false, Relaxed);
                catch_unwind(AssertUnwindSafe(|| tenant.submit(vec![ticket(number)])))
            })
        };
        let both = [submit(2), submit(3)];
        while tenant.waiting() < 2 {
            thread::yield_now();
        }
        bench.world.panics.store(true, Relaxed);
        drop(writer);
        both.map(|one| one.join().unwrap())
    });
    let mut panicked = 0;
    for outcome in both {
        match outcome {
            Ok(answer) => assert!(matches!(answer, Err(SubmitError::Closed(Closed::Interrupted))), "{answer:?}"),
            Err(_) => panicked += 1,
        }
    }
    assert_eq!(panicked, 1, "the thread that wrote");
    assert_eq!(tenant.closed(), Some(Closed::Interrupted));
    assert!(matches!(tenant.submit(vec![ticket(4)]), Err(SubmitError::Closed(Closed::Interrupted))));
    assert!(has(&tenant, 1) && !has(&tenant, 2) && !has(&tenant, 3), "the snapshot is that of before");
    other.submit(vec![ticket(1)]).unwrap();
    drop(tenant);
    let tenant = bench.tenant("acme");
    assert_eq!(tenant.closed(), None);
    assert!(has(&tenant, 1) && !has(&tenant, 2) && !has(&tenant, 3), "neither is on disk");
    tenant.submit(vec![ticket(2)]).unwrap();
}

#[test]
fn when_a_disk_fails_nothing_is_acknowledged_or_opened_again_and_listeners_are_told_once() {
    let bench = Bench::new();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let listen = || {
        let told = Arc::clone(&told);
        bench.engine.on_fatal(move |error| told.lock().push(error.cause.clone()));
    };
    let (tenant, other) = (bench.tenant("acme"), bench.tenant("other"));
    tenant.submit(vec![ticket(1)]).unwrap();
    listen();
    assert_eq!(bench.engine.fatal(), None);
    tenant.fail(Trouble::Fatal("a sync".to_owned()));
    other.fail(Trouble::Fatal("another sync".to_owned()));
    let error = bench.engine.fatal().unwrap();
    assert_eq!((error.tenant.as_str(), error.cause.as_str()), ("acme", "a sync"));
    listen();
    assert_eq!(*told.lock(), ["a sync", "a sync"], "each listener once, of the first");
    for tenant in [&tenant, &other] {
        let refused = tenant.submit(vec![ticket(2)]).unwrap_err();
        assert!(matches!(&refused, SubmitError::Closed(Closed::Failed(found)) if *found == error), "{refused:?}");
        assert!(!has(tenant, 2));
    }
    assert!(has(&tenant, 1), "what was acknowledged is answered");
    assert!(Arc::ptr_eq(&bench.tenant("acme"), &tenant), "not opened again");
    bench.engine.close().unwrap();
    // Nor is one that was open before, or a new one.
    for refused in [bench.engine.tenant(&id("acme")), bench.engine.create_tenant(&id("new"))] {
        assert!(matches!(&refused, Err(TenantError::Failed(found)) if *found == error), "{refused:?}");
    }
}

#[test]
fn a_damaged_tenant_is_not_answered_and_not_opened_again_until_it_is_made_anew() {
    let bench = Bench::new();
    let (tenant, other) = (bench.tenant("acme"), bench.tenant("other"));
    tenant.submit(vec![ticket(1)]).unwrap();
    tenant.fail(Trouble::Damaged("row 7".to_owned()));
    assert!(matches!(tenant.submit(vec![ticket(2)]), Err(SubmitError::Closed(Closed::Damaged(_)))));
    assert_eq!(bench.engine.ailing().damaged, 1);
    for _ in 0..2 {
        let error = bench.engine.tenant(&id("acme")).unwrap_err();
        assert!(matches!(&error, TenantError::Open { source, .. } if source.is_damage()), "{error:?}");
        assert_eq!(bench.engine.ailing().damaged, 1);
    }
    assert_eq!(bench.engine.fatal(), None);
    other.submit(vec![ticket(1)]).unwrap();
    assert!(bench.engine.delete_tenant(&id("acme")).is_err(), "somebody holds it");
    assert!(bench.engine.tenant(&id("acme")).is_err());
    drop(tenant);
    bench.engine.delete_tenant(&id("acme")).unwrap();
    assert_eq!(bench.engine.ailing().damaged, 0);
    bench.engine.create_tenant(&id("acme")).unwrap().submit(vec![ticket(3)]).unwrap();
}

/// What is done with a tenant, after what, and how it fails.
type Act<'a> = &'a dyn Fn(&Engine) -> Result<(), String>;

/// Has each call that changes a disk fail while something is done with a tenant that is not open. Answers how often that
/// then failed.
fn failures(before: Act<'_>, act: Act<'_>) -> u64 {
    let mut failures = 0;
    for call in 0.. {
        let disk = SimDisk::default();
        let bench = Bench::on(Arc::new(disk.clone()), Path::new("/data"), Options::default());
        before(&bench.engine).unwrap();
        bench.engine.close().unwrap();
        let at = disk.call_count(Calls::Changes) + call;
        disk.fail(Fault { calls: Calls::Changes, at, reason: Reason::Io, lasting: false });
        let done = act(&bench.engine);
        if disk.heal() {
            break;
        }
        let Err(error) = done else { continue };
        failures += 1;
        assert!(bench.engine.fatal().is_some(), "call {call}: {error}");
        // The disk is well again, but nobody knows what is on it.
        let again = bench.engine.tenant_or_create(&id("acme"));
        assert!(matches!(again, Err(TenantError::Failed(_))), "call {call}: {again:?} after {error}");
    }
    failures
}

#[test]
fn a_disk_that_fails_while_a_tenant_is_made_opened_restored_or_deleted_is_not_tried_again() {
    let with_words = |engine: &Engine| {
        let tenant = engine.create_tenant(&id("acme")).map_err(|error| chain(&error))?;
        tenant.submit(vec![ticket(1), text(1, "otter")]).map(drop).map_err(|error| chain(&error))
    };
    let nothing = |_: &Engine| Ok(());
    let made = failures(&nothing, &|engine| engine.create_tenant(&id("acme")).map(drop).map_err(|error| chain(&error)));
    let opened = failures(&with_words, &|engine| engine.tenant(&id("acme")).map(drop).map_err(|error| chain(&error)));
    let deleted = failures(&with_words, &|engine| engine.delete_tenant(&id("acme")).map_err(|error| chain(&error)));
    let dir = tempfile::tempdir().unwrap();
    let from = Engine::open(dir.path().join("data")).unwrap();
    with_words(&from).unwrap();
    from.back_up(&[id("acme")], &dir.path().join("backup"), Timestamp(0)).unwrap();
    let backup = Backup::open(&dir.path().join("backup")).unwrap();
    let backed_up = backup.find(&id("acme")).unwrap();
    let restored = failures(&nothing, &|engine| {
        engine.restore(&backup, backed_up, &id("acme")).map(drop).map_err(|error| chain(&error))
    });
    assert!(made > 5 && opened > 1 && deleted > 1 && restored > 10, "{made}, {opened}, {deleted}, {restored}");
}
