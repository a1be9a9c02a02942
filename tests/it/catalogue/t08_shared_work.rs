//! T8: what is worked out once for several askers is shared by equal scopes alone, and never when it is stale.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use fastrand::Rng;
use ticketscope_engine::{Engine, Options};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, Timestamp};
use ticketscope_query::{count, parse};

use crate::{
    changes::{principal, rel, role, ticket},
    compare,
    http::id,
    world::{directory, seeds},
};

/// Pieces of ids that a key made by joining texts would confuse.
const PIECES: [&str; 16] =
    ["a", "b", "|", ",", ":", "#", "\0", "|a", "a,b", "a:b", " ", "\"", "\\", "}", "my.groups", "\u{1f}"];

fn odd_id(rng: &mut Rng) -> String {
    (0..rng.usize(1..4)).map(|_| PIECES[rng.usize(..PIECES.len())]).collect()
}

/// Random people with sets of odd groups, of several roles that differ in one sign, in two tenants of the same ids.
fn distinct_scopes(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let groups: BTreeSet<String> = (0..12).map(|_| odd_id(&mut rng)).collect();
    let groups: Vec<String> = groups.into_iter().collect();
    let rules = [
        "group in my.groups",
        "!(group in my.groups)",
        "group in my.groups & !(no group)",
        "group in my.groups | assignee = me",
    ];
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    for tenant in ["left", "right"] {
        let mut changes: Vec<Change> =
            rules.iter().enumerate().map(|(at, rule)| role(&format!("r{at}"), &[("view", rule)])).collect();
        let ticket_of = |number: usize| {
            // A group may hold a comma, which a value of the helper may not.
            let mut change = ticket(i64::try_from(number).unwrap(), &[]);
            if let Fact::Ticket(patch) = &mut change.fact {
                let text = RawValue::Text(groups[number % groups.len()].as_str().into());
                patch.fields = vec![("group".into(), FieldPatch::Set(text))];
            }
            change
        };
        changes.extend((0..groups.len() * 2).map(ticket_of));
        let mut people = Vec::new();
        for _ in 0..30 {
            let who = format!("{}{}", odd_id(&mut rng), people.len());
            let (at, mine) = (rng.usize(..rules.len()), rng.u32(..1 << groups.len().min(12)));
            changes.push(principal(&who, &format!("r{at}")));
            let mine: Vec<&String> =
                groups.iter().enumerate().filter(|(bit, _)| mine & 1 << bit != 0).map(|(_, group)| group).collect();
            changes.extend(mine.iter().map(|group| rel(&who, "groups", group)));
            people.push((who, at, mine));
        }
        let tenant = engine.create_tenant(&id(tenant)).unwrap();
        tenant.submit(changes).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let snapshot = tenant.snapshot();
        let mut distinct = BTreeSet::new();
        for (who, at, mine) in &people {
            let keys = compare::visible(&snapshot, who, "view");
            let expected: Vec<_> = (0..groups.len() * 2)
                .filter(|number| mine.contains(&&groups[number % groups.len()]) != (*at == 1))
                .map(|number| TicketKey::Int(i64::try_from(number).unwrap()))
                .collect();
            assert_eq!(keys, expected, "seed {seed}: {who:?} with {mine:?} by {}", rules[*at]);
            let scope = snapshot.scope(who, "view").unwrap();
            // The last rule holds the id of its owner; the third may come out as the first.
            distinct.insert((if *at == 3 { who.clone() } else { String::new() }, *at, mine.clone()));
            let query = parse::parse("", &parse::Context::new(snapshot.schema(), Timestamp(0))).unwrap();
            assert_eq!(count(&snapshot, &scope, &query).unwrap() as usize, expected.len(), "seed {seed}: {who:?}");
        }
        let kept = snapshot.cached_scopes().scopes;
        assert!(kept <= distinct.len(), "seed {seed}: {kept} sets of {} scopes", distinct.len());
        // Equal scopes are equal in what they let through, whoever asks.
        for (one, _, _) in &people {
            for (other, _, _) in &people {
                if snapshot.scope(one, "view") == snapshot.scope(other, "view") {
                    let sets = [one, other].map(|who| compare::visible(&snapshot, who, "view"));
                    assert_eq!(sets[0], sets[1], "seed {seed}: {one:?} and {other:?} share a scope");
                }
            }
        }
    }
}

/// More scopes than are kept, asked by several threads, while tickets move: none of them is ever another's or stale.
fn eviction() {
    const PEOPLE: i64 = 4_500;
    const READS: usize = 60_000;
    /// Room for about half of them.
    const SCOPE_BYTES: usize = 3 << 19;
    /// The sets that are kept are counted once in so many reads.
    const SAMPLE: i64 = 64;
    let dir = directory();
    let options = Options { scope_bytes: SCOPE_BYTES, ..Options::default() };
    let engine = Engine::open_with(dir.path(), options).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    let mut changes = vec![role("agent", &[("view", "group in my.groups")])];
    for number in 0..PEOPLE {
        let (who, group) = (format!("p{number}"), format!("g{number}"));
        changes.extend([principal(&who, "agent"), rel(&who, "groups", &group), ticket(number, &[("group", &group)])]);
    }
    tenant.submit(changes).unwrap();
    let (moved, reads, evictions) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..3 {
            let (tenant, reads, evictions, done) = (&tenant, &reads, &evictions, &done);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                while !done.load(SeqCst) {
                    let snapshot = tenant.snapshot();
                    // Everybody, from anybody on: more than are kept, so that each round puts some out.
                    let first = rng.i64(0..PEOPLE);
                    let mut kept_before = 0;
                    for step in 0..PEOPLE {
                        let who = (first + step) % PEOPLE;
                        let kept = snapshot.scope(&format!("p{who}"), "view").unwrap();
                        let set = snapshot.visible(&kept);
                        assert_eq!(*set.set(), snapshot.evaluate(&kept), "p{who}");
                        if step % SAMPLE == 0 {
                            let now = snapshot.cached_scopes().scopes;
                            if now < kept_before {
                                evictions.fetch_add(1, SeqCst);
                            }
                            kept_before = now;
                        }
                        if reads.fetch_add(1, SeqCst) >= READS {
                            done.store(true, SeqCst);
                        }
                    }
                }
            });
        }
        let mut rng = Rng::with_seed(99);
        while !done.load(SeqCst) {
            let (one, other) = (rng.i64(0..PEOPLE), rng.i64(0..PEOPLE));
            tenant.submit(vec![ticket(one, &[("group", &format!("g{other}"))])]).unwrap();
            moved.fetch_add(1, SeqCst);
            let snapshot = tenant.snapshot();
            let seen = compare::visible(&snapshot, &format!("p{other}"), "view");
            assert!(seen.contains(&TicketKey::Int(one)), "p{other} sees {one}");
            if one != other {
                let seen = compare::visible(&snapshot, &format!("p{one}"), "view");
                assert!(!seen.contains(&TicketKey::Int(one)), "p{one} still sees {one}");
            }
        }
    });
    let (moved, evictions) = (moved.into_inner(), evictions.into_inner());
    assert!(moved > 0 && evictions > 0, "{moved} moves, {evictions} evictions seen");
}

#[test]
fn t08_distinct_scopes_never_share_a_set_and_no_set_is_stale_when_others_are_put_out() {
    seeds(30).for_each(distinct_scopes);
    eviction();
}
