//! Many threads at once: no reader sees half a batch, and writers do not get in each other's way.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use fastrand::Rng;
use parking_lot::Mutex;
use tempfile::TempDir;
use ticketscope_engine::{Engine, ImportSession, MAX_WAITING, Refusal, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{Opstamp, TicketKey, Timestamp, Value};
use ticketscope_query::parse::{Context, parse};

use crate::{changes, compare};

fn tenant() -> (TempDir, Engine, Arc<Tenant>) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("acme").unwrap()).unwrap();
    (dir, engine, tenant)
}

#[test]
fn no_reader_sees_half_a_batch_and_positions_only_grow() {
    const PAIRS: i64 = 60;
    const BATCHES: usize = 400;
    let (_dir, _engine, tenant) = tenant();
    let in_group = |pair: i64, group: &str| [0, 1].map(|half| changes::ticket(pair * 2 + half, &[("group", group)]));
    let mut setup = vec![
        changes::role("agent", &[("view", "group in my.groups")]),
        changes::principal("anna", "agent"),
        changes::rel("anna", "groups", "a"),
        changes::principal("bob", "agent"),
        changes::rel("bob", "groups", "b"),
    ];
    setup.extend((0..PAIRS).flat_map(|pair| in_group(pair, "a")));
    let start = tenant.submit(setup).unwrap().opstamp;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..3u64 {
            let (tenant, done) = (&tenant, &done);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(reader);
                let mut last = Opstamp(0);
                let mut rounds = 0;
                while !done.load(SeqCst) || rounds == 0 {
                    rounds += 1;
                    let snapshot = tenant.snapshot();
                    assert!(snapshot.opstamp() >= last.max(start), "reader {reader} goes back");
                    last = snapshot.opstamp();
                    let (anna, bob) =
                        (compare::visible(&snapshot, "anna", "view"), compare::visible(&snapshot, "bob", "view"));
                    assert_eq!(anna.len() + bob.len(), 2 * usize::try_from(PAIRS).unwrap(), "each in one group");
                    for keys in [&anna, &bob] {
                        for pair in keys.chunks(2) {
                            let [TicketKey::Int(left), TicketKey::Int(right)] = pair else { panic!("{pair:?}") };
                            assert_eq!((left % 2, left + 1), (0, *right), "half a pair");
                        }
                    }
                    let group = ["a", "b"][rng.usize(..2)];
                    let context = Context::new(snapshot.schema(), Timestamp(0));
                    let query = parse(&format!("group:{group}"), &context).unwrap();
                    let whose = if group == "a" { ("anna", anna.len()) } else { ("bob", bob.len()) };
                    let scope = snapshot.scope(whose.0, "view").unwrap();
                    let count = ticketscope_query::count(&snapshot, &scope, &query).unwrap();
                    assert_eq!(count as usize, whose.1, "one snapshot gives one answer");
                }
            });
        }
        let mut rng = Rng::with_seed(99);
        for _ in 0..BATCHES {
            let pair = rng.i64(0..PAIRS);
            tenant.submit(in_group(pair, ["a", "b"][rng.usize(..2)]).to_vec()).unwrap();
        }
        done.store(true, SeqCst);
    });
}

#[test]
fn writers_at_the_same_time_are_each_answered_for_their_own_batch() {
    const WRITERS: i64 = 8;
    const BATCHES: i64 = 150;
    let (_dir, _engine, tenant) = tenant();
    let begin = tenant.snapshot().opstamp();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let tenant = &tenant;
            scope.spawn(move || {
                let mut last = Opstamp(0);
                for batch in 0..BATCHES {
                    let key = writer * 1_000 + batch;
                    let mut changes =
                        vec![changes::ticket(key, &[("status", "open"), ("group", &format!("w{writer}"))])];
                    if batch % 3 == 2 {
                        changes.push(changes::ticket(key, &[("gruop", "1")]));
                        let refused = tenant.submit(changes);
                        let Err(SubmitError::Refused(refused)) = refused else { panic!("{refused:?}") };
                        assert!(matches!(&refused[..], [(1, Refusal::UnknownField { .. })]), "{refused:?}");
                        assert!(tenant.snapshot().index().find(&TicketKey::Int(key)).is_none());
                    } else {
                        let ack = tenant.submit(changes).unwrap();
                        assert!(ack.opstamp > last, "a later batch has a later position");
                        last = ack.opstamp;
                        assert!(tenant.snapshot().index().find(&TicketKey::Int(key)).is_some(), "read what you wrote");
                    }
                }
            });
        }
    });
    let tickets = compare::tickets(&tenant.snapshot());
    let taken = WRITERS * BATCHES * 2 / 3;
    assert_eq!(tickets.len(), usize::try_from(taken).unwrap());
    assert_eq!(tenant.snapshot().opstamp().0 - begin.0, taken.unsigned_abs(), "one position for each batch");
    for (key, fields) in &tickets {
        let TicketKey::Int(key) = key else { panic!("{key}") };
        assert_eq!(fields["group"], [Value::Keyword(format!("w{}", key / 1_000).into())]);
    }
    compare::assert_is_rebuilt(&tenant, "after all");
}

#[test]
fn more_waiting_batches_than_allowed_are_refused_and_the_others_take_effect() {
    /// Batches that may leave the queue with the one that is held up.
    const MORE: usize = 64;
    const SURELY_REFUSED: usize = 10;
    let (_dir, _engine, tenant) = tenant();
    // The writer waits for this lock in the middle of a batch.
    let session = Arc::new(Mutex::new(ImportSession::new()));
    let held = session.lock();
    let (say, said) = channel();
    let batches = MAX_WAITING + MORE + SURELY_REFUSED;
    thread::scope(|scope| {
        for number in 0..batches {
            let (tenant, say, session) = (&tenant, say.clone(), &session);
            scope.spawn(move || {
                let change = vec![changes::ticket(i64::try_from(number).unwrap(), &[("status", "open")])];
                say.send((number, tenant.submit_import(change, session))).unwrap();
            });
        }
        let mut answers = Vec::new();
        for _ in 0..SURELY_REFUSED {
            answers.push(said.recv_timeout(Duration::from_mins(1)).unwrap());
        }
        for (number, answer) in &answers {
            assert!(matches!(answer, Err(SubmitError::Busy)), "{number}: {answer:?}");
        }
        drop(held);
        answers.extend((SURELY_REFUSED..batches).map(|_| said.recv().unwrap()));
        let snapshot = tenant.snapshot();
        for (number, answer) in answers {
            let found = snapshot.index().find(&TicketKey::Int(i64::try_from(number).unwrap())).is_some();
            match answer {
                Ok(_) => assert!(found, "{number} was acknowledged"),
                Err(SubmitError::Busy) => assert!(!found, "{number} was refused"),
                Err(other) => panic!("{number}: {other}"),
            }
        }
        assert!(snapshot.index().universe().len() as usize >= MAX_WAITING);
    });
    tenant.submit(vec![changes::ticket(-1, &[("status", "open")])]).unwrap();
}

#[test]
fn a_snapshot_is_waited_for_but_not_for_ever() {
    let (_dir, _engine, tenant) = tenant();
    let now = tenant.snapshot().opstamp();
    assert_eq!(tenant.snapshot_at(now, Duration::ZERO).unwrap().opstamp(), now);
    assert!(tenant.snapshot_at(now.next(), Duration::ZERO).is_none());
    assert!(tenant.snapshot_at(now.next(), Duration::from_millis(5)).is_none());
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            begun.wait();
            tenant.snapshot_at(now.next(), Duration::from_mins(1))
        });
        begun.wait();
        let ack = tenant.submit(vec![changes::ticket(1, &[("status", "open")])]).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().opstamp(), ack.opstamp);
    });
}
