//! What does it cost to know which tickets somebody may see?
//!
//! - **Data:** the generated tenant, 100,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for more); scopes from one ticket to all.
//! - **Unit:** time of one evaluation, one look-up, one change followed.
//! - **Caches:** *cold* evaluates the rule on the posting lists and keeps nothing; *warm* finds the kept set; *followed*
//!   publishes the move of one ticket to another group while that scope alone is kept, with its order and one facet.
//! - **Run:** `cargo bench -p ticketscope-benches --bench scope_evaluation`

use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketscope_benches::{
    World, ask, grid, tickets,
    world::{applied, set_in_index, view},
};
use ticketscope_engine::query::{Query, Snapshot, Start, facets, list};
use ticketscope_model::fields;

fn scope_evaluation(criterion: &mut Criterion) {
    let world = World::new(tickets());
    let people = grid(&world.snapshot());

    let snapshot = world.snapshot();
    let mut cold = criterion.benchmark_group("scope_evaluation/cold");
    for person in &people {
        let scope = view(&snapshot, &person.id);
        cold.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
            bench.iter(|| snapshot.evaluate(&scope));
        });
    }
    cold.finish();

    let mut warm = criterion.benchmark_group("scope_evaluation/warm");
    for person in &people {
        let scope = view(&snapshot, &person.id);
        snapshot.visible(&scope);
        warm.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
            bench.iter(|| snapshot.visible(&scope));
        });
    }
    warm.finish();

    let mut followed = criterion.benchmark_group("scope_evaluation/followed");
    for person in &people {
        let mut current = Arc::new(alone(&snapshot));
        let scope = view(&current, &person.id);
        let everything = Query::everything();
        list(&current, &scope, &everything, &ask::page(Start::Rank(1))).expect("a page");
        facets(&current, &scope, &everything, &[fields::GROUP], 10).expect("facets");
        let ordinals = current.index().ordinals();
        let mut random = fastrand::Rng::with_seed(1);
        followed.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
            bench.iter_batched(
                || set_in_index(random.u32(..ordinals), fields::GROUP, &format!("group-{}", random.u32(1..=500))),
                |batch| {
                    let next = Arc::new(applied(&current, &batch));
                    std::mem::replace(&mut current, next)
                },
                BatchSize::SmallInput,
            );
        });
    }
    followed.finish();
}

/// The same tickets and people without cached scopes.
fn alone(snapshot: &Snapshot) -> Snapshot {
    let (schema, index) = (Arc::clone(snapshot.schema()), snapshot.index().clone());
    Snapshot::new(snapshot.opstamp(), schema, index, snapshot.directory().clone(), [0; 32])
}

criterion_group!(benches, scope_evaluation);
criterion_main!(benches);
