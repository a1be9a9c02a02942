//! How long until a change is in force?
//!
//! - **Data:** the generated tenant, 100,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for more), with 0 and 200 scopes of agents
//!   kept current, each with its newest-first order and its facet of groups.
//!   One batch is a change of one ticket, of 1,000, a move of half of the tickets, a membership, or a flag of a group: the last
//!   changes what thousands of tickets are to those who see active groups, and no ticket.
//! - **Unit:** time of one batch. *apply and publish* is the change of the index and the next snapshot, without log and
//!   state: what comes on top of the fsync. *submit* is the whole, durable and visible.
//! - **Caches:** 0 or 200 scopes are warm, as the name says. The disk is that of the directory for temporary files.
//! - **Run:** `cargo bench -p ticketscope-benches --bench change`

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ticketscope_benches::{
    World, tickets,
    world::{Move, applied, membership, set, set_in_index, view},
};
use ticketscope_bitmap::{TicketBatch, Touched};
use ticketscope_engine::query::TextChanges;
use ticketscope_model::{
    Change, ExprSource, Fact, FieldId, GroupFlags, PrincipalFact, RoleFact, TicketOrd, Value, ValueFact, fields,
};

fn changes(criterion: &mut Criterion) {
    let world = World::new(tickets());
    for warm in [0, 200] {
        world.warm_agents(warm);
        publish(criterion, &world, warm);
        submit(criterion, &world, warm);
    }
}

fn publish(criterion: &mut Criterion, world: &World, warm: usize) {
    let mut group = criterion.benchmark_group(format!("change/apply and publish/{warm} warm scopes"));
    let ordinals = world.snapshot().index().ordinals();
    let mut random = fastrand::Rng::with_seed(1);
    let mut field = |name: &str, field: FieldId, values: &[&str]| {
        let mut current = world.snapshot();
        group.bench_function(name, |bench| {
            bench.iter_batched(
                || set_in_index(random.u32(..ordinals), field, values[random.usize(..values.len())]),
                |batch| {
                    let next = Arc::new(applied(&current, &batch));
                    std::mem::replace(&mut current, next)
                },
                BatchSize::SmallInput,
            );
        });
    };
    field("one status", fields::STATUS, &["open", "pending", "solved"]);
    field("one group", fields::GROUP, &["group-1", "group-2", "group-77", "group-300"]);

    let mut current = world.snapshot();
    let mut many = || {
        let value = Value::Keyword(["group-1", "group-2", "group-77", "group-300"][random.usize(..4)].into());
        let mut ords: Vec<u32> = (0..1_000).map(|_| random.u32(..ordinals)).collect();
        ords.sort_unstable();
        ords.dedup();
        let sets = vec![(fields::GROUP, ords.into_iter().map(|ord| (ord, vec![value.clone()])).collect())];
        TicketBatch { created: vec![], erased: vec![], sets }
    };
    group.bench_function("1,000 groups", |bench| {
        bench.iter_batched(
            &mut many,
            |batch| {
                let next = Arc::new(applied(&current, &batch));
                std::mem::replace(&mut current, next)
            },
            BatchSize::SmallInput,
        );
    });

    let mut current = world.snapshot();
    let mut directory = current.directory().clone();
    let mut next = |change: &dyn Fn(&mut ticketscope_scope::Directory)| {
        change(&mut directory);
        let (stamp, schema, index) = (current.opstamp().next(), Arc::clone(current.schema()), current.index().clone());
        let next =
            current.next(stamp, schema, index, Some(directory.clone()), &Touched::default(), &TextChanges::default());
        std::mem::replace(&mut current, Arc::new(next))
    };
    let mut agents = (1..=2_000).cycle();
    group.bench_function("one membership", |bench| {
        bench.iter_batched(
            || membership(&format!("agent-{}", agents.next().unwrap_or(1)), "group-20"),
            |fact| next(&|directory| directory.set_rel(&fact)),
            BatchSize::SmallInput,
        );
    });
    let mut public = false;
    group.bench_function("one group's flag", |bench| {
        bench.iter_batched(
            || {
                public = !public;
                group_flags(Some(public), None)
            },
            |fact| next(&|directory| directory.set_value(&fact)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn submit(criterion: &mut Criterion, world: &World, warm: usize) {
    let mut group = criterion.benchmark_group(format!("change/submit/{warm} warm scopes"));
    group.sample_size(20);
    let snapshot = world.snapshot();
    let ordinals = snapshot.index().ordinals();
    let mut random = fastrand::Rng::with_seed(2);
    let mut status = |count: usize| -> Vec<Change> {
        let value = ["open", "pending", "solved", "hold"][random.usize(..4)];
        (0..count).map(|_| set(snapshot.index().key(TicketOrd(random.u32(..ordinals))), "status", value)).collect()
    };
    let send = |changes: Vec<Change>| world.tenant.submit(changes).expect("the disk has room");
    group.bench_function("one status", |bench| bench.iter_batched(|| status(1), send, BatchSize::PerIteration));
    group.bench_function("1,000 statuses", |bench| bench.iter_batched(|| status(1_000), send, BatchSize::PerIteration));
    let mut agents = (1..=2_000).cycle();
    let mut member = || {
        let fact = membership(&format!("agent-{}", agents.next().unwrap_or(1)), "group-21");
        vec![Change::state(Fact::Rel(fact))]
    };
    group.bench_function("one membership", |bench| bench.iter_batched(&mut member, send, BatchSize::PerIteration));
    let mut public = false;
    let mut flag = || {
        public = !public;
        vec![Change::state(Fact::Value(group_flags(Some(public), None)))]
    };
    group.bench_function("one group's flag", |bench| bench.iter_batched(&mut flag, send, BatchSize::PerIteration));
    let mut active = true;
    let seen = || {
        let snapshot = world.snapshot();
        snapshot.visible(&view(&snapshot, WATCHER)).set().len()
    };
    send(watcher());
    let before = seen();
    let mut turn = || {
        active = !active;
        vec![Change::state(Fact::Value(group_flags(None, Some(active))))]
    };
    send(turn());
    assert!(before - seen() > 1_000, "thousands of tickets disappear with the group");
    group.bench_function("a large group deactivated or activated, and the first count after it", |bench| {
        bench.iter_batched(
            &mut turn,
            |changes| {
                send(changes);
                seen()
            },
            BatchSize::PerIteration,
        );
    });

    group.sample_size(10);
    let moves = Move::of(&snapshot, snapshot.index().universe().len() / 2);
    group.bench_function("half of the tickets into one group and back, both moves", |bench| {
        // The scopes are warm again before each move: a bulk change drops what was kept beside their sets.
        bench.iter_custom(|runs| {
            let mut spent = Duration::ZERO;
            for _ in 0..runs {
                for changes in [moves.into_one(), moves.back()] {
                    world.warm_agents(warm);
                    let start = Instant::now();
                    send(changes);
                    spent += start.elapsed();
                }
            }
            spent
        });
    });
    group.finish();
}

/// Who sees the tickets of active groups.
const WATCHER: &str = "watcher";

/// The watcher, a role for it, and that `group-1`, the largest of all, is active as the others are.
fn watcher() -> Vec<Change> {
    let verbs = vec![("view".into(), ExprSource::Text("group in tenant.active_groups".into()))];
    let role = RoleFact { id: "active_groups".into(), verbs };
    let principal = PrincipalFact {
        id: WATCHER.into(),
        role: Some("active_groups".into()),
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    };
    let facts = [Fact::Role(role), Fact::Principal(principal), Fact::Value(group_flags(None, Some(true)))];
    facts.into_iter().map(Change::state).collect()
}

fn group_flags(public: Option<bool>, active: Option<bool>) -> ValueFact {
    let flags = GroupFlags { public, active, ..GroupFlags::default() };
    ValueFact { field: "group".into(), id: "group-1".into(), parent: None, flags }
}

criterion_group!(benches, changes);
criterion_main!(benches);
