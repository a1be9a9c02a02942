//! A mapped snapshot that rots while it is in use: what comes of batches then.

use std::{
    fs,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use fastrand::Rng;
use tempfile::TempDir;
use ticketscope_bitmap::Index;
use ticketscope_engine::{Closed, Engine, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketOrd, TicketPatch};

use crate::{
    changes::at_rev,
    compare::rows,
    world::{copy_tree, directory, seeds},
};

/// Tickets of the tenant: several records of 1,024, whose keys are in no order.
const TICKETS: usize = 3300;

/// Damaged tenants for each seed.
const ROUNDS: usize = 60;

/// In the order of their codes, which is that of first appearance, and of their names.
const STATUSES: [&str; 4] = ["new", "open", "pending", "solved"];

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// The keys that the tenant ever had, in the order in which they came.
static KEYS: LazyLock<Vec<TicketKey>> = LazyLock::new(|| {
    let number = |at: usize| i64::try_from(at).unwrap() * 7;
    let key = |at| if at % 3 == 0 { TicketKey::Text(format!("T-{at}").into()) } else { TicketKey::Int(number(at)) };
    let mut keys: Vec<_> = (0..TICKETS).map(key).collect();
    Rng::with_seed(17).shuffle(&mut keys);
    keys
});

fn patch(key: &TicketKey, replace: bool, fields: Vec<(&str, FieldPatch)>) -> Change {
    let fields = fields.into_iter().map(|(name, patch)| (name.into(), patch)).collect();
    Change::state(Fact::Ticket(TicketPatch { key: key.clone(), fields, replace, text: Vec::new() }))
}

fn set(text: &str) -> FieldPatch {
    FieldPatch::Set(RawValue::Text(text.into()))
}

fn list(tags: &[usize]) -> RawValue {
    RawValue::List(tags.iter().map(|tag| RawValue::Text(format!("tag {tag}").into())).collect())
}

/// What the ticket at `at` of [`KEYS`] was stated to have.
fn fields(at: usize) -> Vec<(&'static str, FieldPatch)> {
    vec![
        ("status", set(STATUSES[at % 4])),
        ("group", set(&format!("group {}", at % 90))),
        ("requester", set(&format!("person {}", at * 31 % 700))),
        ("tags", FieldPatch::Set(list(&[at % 70, at * 3 % 70][..at % 3]))),
        ("created_at", set(&format!("2026-01-{:02}T00:00:{:02}Z", at % 28 + 1, at % 60))),
    ]
}

/// The revision at which a ticket was stated: revisions that are seen again rest on what the ticket has.
fn stated(at: usize, change: Change) -> Change {
    if at.is_multiple_of(5) { at_rev(1, change) } else { change }
}

/// A tenant that was closed with a mapped snapshot. Some of its tickets were erased, and some of these came back.
fn tenant_of_several_records() -> TempDir {
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&id()).unwrap();
    let of = |(at, key)| stated(at, patch(key, false, fields(at)));
    tenant.submit(KEYS.iter().enumerate().map(of).collect()).unwrap();
    let erased = || KEYS.iter().enumerate().filter(|(at, _)| at % 20 == 7);
    tenant.submit(erased().map(|(_, key)| Change::state(Fact::Del(key.clone()))).collect()).unwrap();
    tenant.submit(erased().step_by(2).map(|(at, key)| patch(key, false, fields(at))).collect()).unwrap();
    drop(tenant);
    engine.close().unwrap();
    dir
}

/// Opens the tenant; answers its mapped snapshot, which is in use.
fn open(dir: &Path) -> (Engine, Arc<Tenant>, PathBuf) {
    let engine = Engine::open(dir).unwrap();
    let tenant = engine.tenant(&id()).unwrap();
    assert!(tenant.recovery().snapshot.is_some());
    let paths = fs::read_dir(dir.join("tenants/acme")).unwrap().map(|entry| entry.unwrap().path());
    let snapshot = paths.filter(|path| path.extension().is_some_and(|it| it == "tsnap")).max().unwrap();
    (engine, tenant, snapshot)
}

/// Makes something else of `len` bytes of a file from `at` on, in place, as a disk would.
fn rot(path: &Path, at: usize, len: usize, becomes: impl FnMut(u8) -> u8) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at as u64).unwrap();
    let bytes: Vec<u8> = bytes.into_iter().map(becomes).collect();
    file.write_all_at(&bytes, at as u64).unwrap();
}

fn size(path: &Path) -> usize {
    usize::try_from(fs::metadata(path).unwrap().len()).unwrap()
}

/// What leads astray altogether may end in a panic, which closes the tenant too.
fn submit(tenant: &Tenant, batch: Vec<Change>) -> Result<(), SubmitError> {
    let submitted = catch_unwind(AssertUnwindSafe(|| tenant.submit(batch)));
    submitted.unwrap_or(Err(SubmitError::Closed(Closed::Interrupted))).map(|_| ())
}

/// Some bytes of a file: one, some sectors, or all.
fn part_of(path: &Path, rng: &mut Rng) -> (usize, usize) {
    let size = size(path);
    let at = rng.usize(..size);
    match rng.u8(..6) {
        0 | 1 => (at, 1),
        2..=4 => (at / 512 * 512, (rng.usize(1..20) * 512).min(size - at / 512 * 512)),
        _ => (0, size),
    }
}

/// A change of which something comes, or nothing: of a ticket that there is, was or never was.
fn change(rng: &mut Rng) -> Change {
    let at = rng.usize(..TICKETS);
    let key = &KEYS[at];
    let never = TicketKey::Int(rng.i64(0..1 << 20) * 7 + 1);
    match rng.u8(..12) {
        0 | 1 => Change::state(Fact::Del(key.clone())),
        2 => Change::state(Fact::Del(never)),
        3 => patch(&never, false, fields(rng.usize(..TICKETS))),
        // It says so already, unless the ticket was erased.
        4 => stated(at, patch(key, false, fields(at))),
        5 => patch(key, false, vec![fields(at).swap_remove(rng.usize(..5))]),
        6 => patch(key, false, vec![("tags", FieldPatch::Add(list(&[][..])))]),
        7 => patch(key, false, vec![("tags", FieldPatch::Remove(list(&[rng.usize(..70), rng.usize(..140)])))]),
        // Of two statements of one revision one holds, by what they say.
        8 => at_rev(1, patch(key, false, fields(rng.usize(..TICKETS)))),
        9 => at_rev(1, patch(key, true, vec![("status", set("open"))])),
        10 => patch(key, true, vec![("group", set("private"))]),
        _ => patch(key, false, vec![("group", set(&format!("group {}", rng.usize(..180))))]),
    }
}

#[test]
fn what_rots_in_a_snapshot_in_use_decides_no_batch() {
    let whole = tenant_of_several_records();
    let before = rows(whole.path(), &id()).state;
    for seed in seeds(2) {
        let mut rng = Rng::with_seed(seed);
        let (mut refused, mut taken) = (0, 0);
        for round in 0..ROUNDS {
            let batch: Vec<Change> = (0..rng.usize(1..4)).map(|_| change(&mut rng)).collect();
            let healthy = directory();
            copy_tree(whole.path(), healthy.path());
            let (engine, tenant, _) = open(healthy.path());
            tenant.submit(batch.clone()).unwrap();
            drop((tenant, engine));
            let after = rows(healthy.path(), &id()).state;

            let rotten = directory();
            copy_tree(whole.path(), rotten.path());
            let (engine, tenant, snapshot) = open(rotten.path());
            let (at, len) = part_of(&snapshot, &mut rng);
            let is_noise = rng.bool();
            rot(&snapshot, at, len, |byte| if is_noise { byte ^ rng.u8(1..) } else { 2 });
            let submitted = submit(&tenant, batch.clone());
            let context = format!("seed {seed}, round {round}: {len} bytes at {at}, {batch:?}: {submitted:?}");
            assert_eq!(submitted.is_ok(), tenant.closed().is_none(), "{context}");
            drop((tenant, engine));
            let found = rows(rotten.path(), &id()).state;
            if submitted.is_ok() {
                taken += 1;
                assert!(found == after, "{context}: the rows are not those of a whole snapshot");
                continue;
            }
            refused += 1;
            assert!(matches!(submitted, Err(SubmitError::Closed(Closed::Interrupted))), "{context}");
            assert!(found == before, "{context}: rows were written");
            let engine = Engine::open(rotten.path()).unwrap();
            let tenant = engine.tenant(&id()).unwrap();
            assert_eq!(tenant.recovery().snapshot, None, "{context}");
            tenant.submit(batch).unwrap();
            drop((tenant, engine));
            assert!(rows(rotten.path(), &id()).state == after, "{context}: not as if nothing had rotted");
        }
        assert!(refused > 5 && taken > 5, "seed {seed}: {refused} batches refused, {taken} taken");
    }
}

/// All that a batch finds its tickets and values by.
fn found_by(index: &Index) -> Vec<String> {
    let mut found = vec![format!("{:?} of {}", index.universe().iter().collect::<Vec<_>>(), index.ordinals())];
    found.extend((0..index.ordinals()).map(|ord| format!("{ord}: {}", index.key(TicketOrd(ord)))));
    found.extend(KEYS.iter().map(|key| format!("{key}: {:?}", index.find(key))));
    found.extend((0..3 * 7).map(|number| format!("{number}: {:?}", index.find(&TicketKey::Int(number)))));
    for (id, field) in index.fields() {
        found.push(format!("{id:?}: {:?}", field.has().iter().collect::<Vec<_>>()));
        let values = (0..field.codes()).map(|code| field.value_of(code));
        found.extend(values.map(|value| format!("{id:?} {value}: {:?}", field.code_of(value))));
        found.push(format!("{:?}", field.code_of("nobody")));
    }
    found
}

#[test]
fn what_tickets_and_values_are_found_by_is_not_read_from_the_file_any_more() {
    let dir = tenant_of_several_records();
    let (engine, tenant, snapshot) = open(dir.path());
    let held = found_by(tenant.snapshot().index());
    drop((tenant, engine));
    for seed in seeds(4) {
        let copy = directory();
        copy_tree(dir.path(), copy.path());
        let (_engine, tenant, in_use) = open(copy.path());
        assert_eq!(in_use.file_name(), snapshot.file_name());
        let mut rng = Rng::with_seed(seed);
        // Nothing of it was looked at before.
        rot(&in_use, 0, size(&in_use), |byte| byte ^ rng.u8(1..));
        assert!(found_by(tenant.snapshot().index()) == held, "seed {seed}");
        tenant.submit(vec![Change::state(Fact::Del(TicketKey::Int(1)))]).expect("there is no such ticket");
        let refused = submit(&tenant, vec![patch(&KEYS[0], false, fields(0))]);
        assert!(matches!(refused, Err(SubmitError::Closed(Closed::Interrupted))), "seed {seed}: {refused:?}");
    }
}

#[test]
fn what_a_rotten_file_says_already_is_compared_before_it_is_taken_for_so() {
    let whole = tenant_of_several_records();
    let before = rows(whole.path(), &id()).state;
    let status = |at: usize, status| patch(&KEYS[at], false, vec![("status", set(status))]);
    // The status that the file comes to give every ticket, and a change of which nothing comes if it is believed.
    let mut cases = Vec::new();
    for (code, said) in STATUSES.into_iter().enumerate() {
        let others = (0..TICKETS).filter(|at| at % 4 != code && at % 5 > 0 && at % 20 != 7);
        cases.extend(others.step_by(400).map(|at| (code, status(at, said))));
    }
    // Of two statements of one revision the greater holds: `open` after `new`, and not after `solved`.
    cases.extend((0..TICKETS).step_by(20).step_by(40).map(|at| (3, at_rev(1, status(at, "open")))));
    for (code, change) in cases {
        let copy = directory();
        copy_tree(whole.path(), copy.path());
        let (engine, tenant, snapshot) = open(copy.path());
        // In a leaf of few codes a byte is one more than the code of its ticket.
        rot(&snapshot, 0, size(&snapshot), |_| u8::try_from(code + 1).unwrap());
        let refused = submit(&tenant, vec![change.clone()]);
        assert!(matches!(refused, Err(SubmitError::Closed(Closed::Interrupted))), "{change:?}: {refused:?}");
        drop((tenant, engine));
        assert!(rows(copy.path(), &id()).state == before, "{change:?}: rows were written");
        let engine = Engine::open(copy.path()).unwrap();
        engine.tenant(&id()).unwrap().submit(vec![change.clone()]).unwrap();
        drop(engine);
        assert!(rows(copy.path(), &id()).state != before, "{change:?}: something comes of it");
    }
}
