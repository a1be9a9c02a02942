//! What do facets over 500 groups cost, for a scope alone and with a filter?
//!
//! - **Data:** the generated tenant, 100,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for more); scopes from one ticket to all;
//!   no filter, `status:open` (15% of the tickets), `channel:email` (45%), both.
//! - **Unit:** time of one answer: every group with its count, sorted, and the row of tickets without a group.
//! - **Caches:** scopes are warm. Without a filter *kept* reads counts that are kept with the scope, and *counted* makes
//!   them anew, as after a bulk change. With a filter nothing is kept.
//! - **Run:** `cargo bench -p ticketscope-benches --bench facet`

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketscope_benches::{World, ask, grid, tickets, world::view};
use ticketscope_engine::query::{Query, Snapshot, ast::Clause, facets};
use ticketscope_model::fields;

fn facet(criterion: &mut Criterion) {
    let world = World::new(tickets());
    let snapshot = world.snapshot();
    let people = grid(&snapshot);
    let questions = [
        ("kept", Query::everything()),
        ("status:open", ask::is(fields::STATUS, "open")),
        ("channel:email", ask::is(fields::CHANNEL, "email")),
        ("status:open channel:email", ask::is(fields::STATUS, "open").and(Clause::is(fields::CHANNEL, "email"))),
    ];
    for (name, query) in &questions {
        let mut group = criterion.benchmark_group(format!("facet/{name}"));
        for person in &people {
            let scope = view(&snapshot, &person.id);
            let answer = || facets(&snapshot, &scope, query, &[fields::GROUP], 500).expect("facets");
            answer();
            group.bench_function(BenchmarkId::from_parameter(person.label), |bench| bench.iter(answer));
        }
        group.finish();
    }

    let mut group = criterion.benchmark_group("facet/counted");
    for person in &people {
        let scope = view(&snapshot, &person.id);
        group.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
            bench.iter_batched(
                || {
                    let alone = without_facets(&snapshot);
                    alone.visible(&scope);
                    alone
                },
                |alone| {
                    facets(&alone, &scope, &Query::everything(), &[fields::GROUP], 500).expect("facets");
                    alone
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// The same tickets and people without cached scopes.
fn without_facets(snapshot: &Snapshot) -> Snapshot {
    let (schema, index) = (std::sync::Arc::clone(snapshot.schema()), snapshot.index().clone());
    Snapshot::new(snapshot.opstamp(), schema, index, snapshot.directory().clone(), [0; 32])
}

criterion_group!(benches, facet);
criterion_main!(benches);
