//! Readers on threads of their own, in the middle of revocations of every kind.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use fastrand::Rng;
use ticketscope_engine::{Engine, Options, Tenant};
use ticketscope_model::{Timestamp, fields};
use ticketscope_query::{Page, Start, facets, list_keys};
use ticketscope_testkit::oracle::Asker;

use super::{
    OnFailure,
    reading::{Seen, read, read_viewers},
    ways::{BEING_REVOKED, GRANTED, Kind, REVOKED, STEPS, WATCHERS, Way, shared, watcher, way},
};
use crate::{
    answers::{PATIENCE, parse_as},
    http::id,
    world::directory,
};

const WRITERS: usize = 2;
/// One in so many reads asks who sees the tickets, too.
const ASKS_WHO: u32 = 8;

/// What happened.
#[derive(Debug, Default)]
struct Tally {
    revocations: AtomicU64,
    reads: AtomicU64,
    /// Revocations that a read was in the middle of.
    races: AtomicU64,
    /// Reads of which it is certain that they began after an acknowledgement and ended before the next grant.
    certain: AtomicU64,
}

/// A tenant with the ways of its writers.
struct Contested {
    tenant: Arc<Tenant>,
    ways: Vec<Vec<Way>>,
    /// The way that each writer is busy with.
    current: [AtomicUsize; WRITERS],
}

impl Contested {
    fn new(engine: &Engine, name: &str) -> Self {
        let tenant = engine.create_tenant(&id(name)).unwrap();
        let mut setup = shared(WRITERS * Kind::ALL.len());
        let ways = (0..WRITERS).map(|writer| {
            let kinds = Kind::ALL.into_iter().enumerate();
            kinds.map(|(at, kind)| way(kind, writer * Kind::ALL.len() + at, &mut setup)).collect()
        });
        let ways: Vec<Vec<Way>> = ways.collect();
        let ack = tenant.submit(setup).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
        // From now on these are kept current ticket by ticket.
        (0..WATCHERS).for_each(|number| watch(&tenant, number));
        Self { tenant, ways, current: Default::default() }
    }

    /// Reads one way and holds what it shows against what may be shown at the moment.
    fn look(&self, way: &Way, rng: &mut Rng, tally: &Tally) -> Seen {
        let cursor = way.cursor.lock().clone();
        let before = way.phase.load(SeqCst);
        let view = self.tenant.view().unwrap();
        let taken = way.phase.load(SeqCst);
        let mut seen = read(&view, way, cursor.as_deref());
        if rng.u32(..ASKS_WHO) == 0 {
            read_viewers(&view, way, &mut seen);
        }
        let after = way.phase.load(SeqCst);
        tally.reads.fetch_add(1, SeqCst);
        let began = (before..=after).rev().find(|phase| phase % STEPS == BEING_REVOKED);
        if let Some(began) = began
            && way.raced.fetch_max(began, SeqCst) < began
        {
            tally.races.fetch_add(1, SeqCst);
        }
        let shown = seen.shown(way);
        if !way.kind.is_of_a_part() {
            let is_one_answer = seen.fields.iter().all(|(_, shown)| *shown == seen.fields[0].1);
            assert!(is_one_answer, "{:?}: one snapshot gives two answers: {:?}", way.kind, seen.fields);
            let words: Vec<_> = seen.words.iter().filter(|(_, shown)| *shown).collect();
            assert!(seen.fields[0].1 || words.is_empty(), "{:?}: words of what is not seen: {words:?}", way.kind);
        }
        if before == taken {
            if taken % STEPS == REVOKED {
                tally.certain.fetch_add(1, SeqCst);
                assert!(shown.is_empty(), "{:?} was revoked, and is shown by {shown:?}", way.kind);
            }
            if taken % STEPS == GRANTED {
                assert_eq!(seen.missing(), Vec::<&str>::new(), "{:?} is granted", way.kind);
            }
        }
        seen
    }

    fn write(&self, writer: usize, races: u64, tally: &Tally) {
        let mut rng = Rng::with_seed(writer as u64);
        for at in 0.. {
            if tally.races.load(SeqCst) >= races {
                return;
            }
            let at = at % Kind::ALL.len();
            let way = &self.ways[writer][at];
            self.current[writer].store(at, SeqCst);
            // On few cores a reader would hardly ever be in the middle of a read by chance.
            while way.readers.load(SeqCst) == 0 && tally.races.load(SeqCst) < races {
                thread::yield_now();
            }
            for step in [&way.revoke, &way.grant] {
                way.phase.fetch_add(1, SeqCst);
                let ack = self.tenant.submit(step.clone()).unwrap_or_else(|error| panic!("{:?}: {error:?}", way.kind));
                way.phase.fetch_add(1, SeqCst);
                assert!(self.tenant.snapshot().opstamp() >= ack.opstamp);
                if let Some(cursor) = self.look(way, &mut rng, tally).cursor {
                    *way.cursor.lock() = Some(cursor);
                }
            }
            watch(&self.tenant, rng.usize(..WATCHERS));
            tally.revocations.fetch_add(1, SeqCst);
        }
    }
}

/// What is kept of somebody's scope, its set, order and counts, is what would be worked out anew.
fn watch(tenant: &Tenant, number: usize) {
    let (snapshot, who) = (tenant.snapshot(), watcher(number));
    let scope = snapshot.scope(&who, "view").unwrap();
    let kept = snapshot.visible(&scope);
    let anew = snapshot.evaluate(&scope);
    assert_eq!(*kept.set(), anew, "{who}: a stale set");
    let query = parse_as(&snapshot, Timestamp(0), &Asker::Principal(who.clone()), "");
    let page = Page { start: Start::First, limit: 1000, asker: who.clone(), now: Timestamp(0) };
    let listed = list_keys(&snapshot, &scope, &query, &page).unwrap();
    assert_eq!((listed.total, listed.keys.len()), (anew.len(), anew.len() as usize), "{who}: a stale order");
    let (total, found) = facets(&snapshot, &scope, &query, &[fields::TAGS, fields::LIFE], usize::MAX).unwrap();
    for facet in &found {
        let sum: u32 = facet.rows.iter().map(|row| row.count).sum();
        assert_eq!((sum, total), (anew.len(), anew.len()), "{who}: stale counts of {:?}", facet.field);
    }
}

/// How many revocations must be raced by a read; `TICKETSCOPE_REVOCATIONS` for another number.
fn wanted() -> u64 {
    match env::var("TICKETSCOPE_REVOCATIONS") {
        Ok(text) => text.parse().expect("TICKETSCOPE_REVOCATIONS is a number"),
        Err(_) => 3_000,
    }
}

#[test]
fn what_was_revoked_is_in_no_answer_to_a_question_that_begins_after_the_acknowledgement() {
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    // The other one keeps no scope but the last one asked for, so that every question puts one out.
    let (tight_dir, tight) = (directory(), Options { scope_bytes: 0, ..Options::default() });
    let tight = Engine::open_with(tight_dir.path(), tight).unwrap();
    let tenants = [Contested::new(&engine, "left"), Contested::new(&tight, "right")];
    let (tally, races) = (Tally::default(), wanted());
    thread::scope(|scope| {
        for (contested, salt) in tenants.iter().zip([100, 200]) {
            let tally = &tally;
            let end = move || tally.races.store(races, SeqCst);
            for writer in 0..WRITERS {
                scope.spawn(move || {
                    let _ends = OnFailure(end);
                    contested.write(writer, races, tally);
                });
            }
            // A reader for each writer, on the way that it is busy with.
            for writer in 0..WRITERS {
                scope.spawn(move || {
                    let _ends = OnFailure(end);
                    let mut rng = Rng::with_seed(salt + writer as u64);
                    while tally.races.load(SeqCst) < races {
                        let at = contested.current[writer].load(SeqCst);
                        let way = &contested.ways[writer][at];
                        way.readers.fetch_add(1, SeqCst);
                        contested.look(way, &mut rng, tally);
                        way.readers.fetch_sub(1, SeqCst);
                    }
                });
            }
        }
    });
    println!("{tally:?}");
    assert!(tally.races.load(SeqCst) >= races && tally.certain.load(SeqCst) > 0, "{tally:?}");
}
