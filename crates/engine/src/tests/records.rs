//! Batches that reach over many records of the state, against a map of rows that indexes nothing: whatever a crash leaves
//! and wherever replaying begins, the tenant is what the rows say.

use std::{collections::BTreeMap, fs, path::Path};

use fastrand::Rng;
use storage::TenantId;
use ticketscope_bitmap::{Index, TICKETS_PER_RECORD};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketOrd, TicketPatch, Timestamp, fields};
use ticketscope_storage as storage;

use crate::{Engine, Options, Tenant};

/// Tickets of a batch: of many records, so that each is made, found and written by several threads.
const MANY: i64 = 20 * TICKETS_PER_RECORD as i64;

/// What a ticket holds: group, tags, update.
type Row = (Option<String>, Vec<String>, Option<i64>);

type Rows = BTreeMap<i64, Row>;

fn id() -> TenantId {
    TenantId::parse("records").unwrap()
}

fn patch(key: i64, group: Option<&str>, tags: &[String], updated: Option<i64>) -> Change {
    let text = |text: &str| RawValue::Text(text.into());
    let tags = tags.iter().map(|tag| text(tag)).collect();
    let mut set = vec![("tags".into(), FieldPatch::Set(RawValue::List(tags)))];
    set.push(("group".into(), FieldPatch::Set(group.map_or(RawValue::Null, text))));
    let updated = updated.map_or(RawValue::Null, |at| text(&Timestamp(at).to_string()));
    set.push(("updated_at".into(), FieldPatch::Set(updated)));
    Change::state(Fact::Ticket(TicketPatch { key: TicketKey::Int(key), fields: set, replace: false, text: vec![] }))
}

fn move_to(key: i64, group: &str) -> Change {
    let fields = vec![("group".into(), FieldPatch::Set(RawValue::Text(group.into())))];
    Change::state(Fact::Ticket(TicketPatch { key: TicketKey::Int(key), fields, replace: false, text: vec![] }))
}

/// A batch, and the rows after it.
fn batch(rng: &mut Rng, rows: &mut Rows) -> Vec<Change> {
    let last = rows.keys().next_back().copied().unwrap_or(0);
    let some = |rng: &mut Rng, rows: &Rows| -> Vec<i64> {
        let one_in = [2, 40, 4_000][rng.usize(..3)];
        rows.keys().copied().filter(|_| rng.u32(..one_in) == 0).collect()
    };
    match rng.u8(..6) {
        0 | 1 if rows.len() < 3 * usize::try_from(MANY).unwrap() => {
            let count = if rows.is_empty() { MANY } else { rng.i64(1..MANY) };
            let made = (last + 1..=last + count).map(|key| {
                let group = (rng.u8(..8) > 0).then(|| format!("g{}", rng.u8(..40)));
                let mut tags: Vec<String> = (0..rng.u8(..3)).map(|_| format!("t{}", rng.u8(..9))).collect();
                tags.sort();
                tags.dedup();
                (key, (group, tags, rng.bool().then(|| rng.i64(0..1 << 40))))
            });
            let made: Rows = made.collect();
            rows.extend(made.clone());
            made.iter().map(|(key, (group, tags, at))| patch(*key, group.as_deref(), tags, *at)).collect()
        }
        2 => {
            let gone = some(rng, rows);
            rows.retain(|key, _| gone.binary_search(key).is_err());
            gone.into_iter().map(|key| Change::state(Fact::Del(TicketKey::Int(key)))).collect()
        }
        3 => {
            // Each twice, the second holds; in an order of their own.
            let (mut moved, group) = (some(rng, rows), format!("g{}", rng.u8(..60)));
            rng.shuffle(&mut moved);
            for key in &moved {
                rows.get_mut(key).unwrap().0 = Some(group.clone());
            }
            moved
                .iter()
                .map(|key| move_to(*key, "elsewhere"))
                .chain(moved.iter().map(|key| move_to(*key, &group)))
                .collect()
        }
        _ => {
            let moved = some(rng, rows);
            let changes = moved.into_iter().map(|key| {
                let group = format!("g{}", rng.u8(..60));
                let change = move_to(key, &group);
                rows.get_mut(&key).unwrap().0 = Some(group);
                change
            });
            changes.collect()
        }
    }
}

/// What an index holds, row by row.
fn rows_of(index: &Index) -> Rows {
    let codes = |field, ord| {
        let mut values = Vec::new();
        if let Some(field) = index.field(field) {
            field.for_each_code(ord, |code| values.push(field.value_of(code).to_owned()));
        }
        values.sort();
        values
    };
    let row = |ord: u32| {
        let TicketKey::Int(key) = index.key(TicketOrd(ord)) else { panic!("all keys are numbers") };
        assert_eq!(codes(fields::LIFE, ord), ["live"]);
        let updated = index.field(fields::UPDATED_AT).and_then(|field| field.number(ord));
        (key, (codes(fields::GROUP, ord).pop(), codes(fields::TAGS, ord), updated))
    };
    index.universe().iter().map(row).collect()
}

fn assert_is(tenant: &Tenant, rows: &Rows, at: &str) {
    assert!(rows_of(tenant.snapshot().index()) == *rows, "{at}: the published index says something else");
    assert!(rows_of(&tenant.rebuilt_index().unwrap()) == *rows, "{at}: the state says something else");
}

/// Damages the newest snapshots of the tenant, so that it goes back to the one before or to the state.
#[expect(clippy::disallowed_methods, reason = "a test may damage files")]
fn damage_snapshots(dir: &Path, count: usize) {
    let files = fs::read_dir(dir.join("tenants").join("records")).unwrap().map(|entry| entry.unwrap().path());
    let mut snapshots: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "tsnap")).collect();
    snapshots.sort();
    for path in snapshots.iter().rev().take(count) {
        fs::write(path, b"not a snapshot").unwrap();
    }
}

#[test]
fn batches_over_many_records_survive_crashes_and_replay_from_any_snapshot() {
    let mut from = [0; 3];
    for seed in 0..3 {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        // A snapshot every few batches.
        let options = Options { checkpoint_log_bytes: 200_000, ..Options::default() };
        let mut rows = Rows::new();
        for round in 0..8 {
            let at = format!("seed {seed}, round {round}");
            let engine = Engine::open_with(dir.path(), options).unwrap();
            let tenant = engine.tenant_or_create(&id()).unwrap();
            let recovery = tenant.recovery();
            from[usize::from(recovery.snapshot.is_some()) + usize::from(recovery.replayed > 0)] += 1;
            assert_is(&tenant, &rows, &at);
            for _ in 0..rng.usize(1..4) {
                tenant.submit(batch(&mut rng, &mut rows)).unwrap();
            }
            assert_is(&tenant, &rows, &at);
            if rng.bool() {
                engine.close().unwrap();
            }
            drop((tenant, engine));
            damage_snapshots(dir.path(), [0, 0, 1, 2][rng.usize(..4)]);
        }
    }
    assert!(from.iter().all(|count| *count > 0), "from the state, a snapshot, and a snapshot and the log: {from:?}");
}
