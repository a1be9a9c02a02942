//! What does a page of 50 tickets cost, wherever it begins?
//!
//! - **Data:** the generated tenant, 100,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for more); scopes from one ticket to all;
//!   newest first from the beginning, after a cursor, from rank 1,000 and from a deep rank (100,000, or near the end of a
//!   smaller scope), with filters, and in other orders.
//! - **Unit:** time of one page, its rows with all fields (or their keys alone), exact total and cursor included.
//! - **Caches:** scopes and their orders are warm.
//! - **Run:** `cargo bench -p ticketscope-benches --bench list`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketscope_benches::{World, ask, grid, tickets, world::view};
use ticketscope_engine::query::{Query, Start, list, list_keys};
use ticketscope_model::fields;

fn lists(criterion: &mut Criterion) {
    let world = World::new(tickets());
    let snapshot = world.snapshot();
    let people = grid(&snapshot);
    let deep = |tickets: u32| Start::Rank(tickets.saturating_sub(100).min(100_000));
    let everything = Query::everything();
    for name in ["first", "cursor", "rank 1,000", "deep rank"] {
        let mut group = criterion.benchmark_group(format!("list/keys alone, {name}"));
        for person in &people {
            let scope = view(&snapshot, &person.id);
            let start = match name {
                "first" => Start::First,
                "rank 1,000" => Start::Rank(1_000),
                "deep rank" => deep(person.tickets),
                _ => {
                    let first = list_keys(&snapshot, &scope, &everything, &ask::page(Start::First)).expect("a page");
                    first.next.map_or(Start::First, Start::After)
                }
            };
            let page = ask::page(start);
            group.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
                bench.iter(|| list_keys(&snapshot, &scope, &everything, &page).expect("a page"));
            });
        }
        group.finish();
    }
    let mut run = |name: &str, query: &Query, start: &dyn Fn(u32) -> Start| {
        let mut group = criterion.benchmark_group(format!("list/{name}"));
        for person in &people {
            let scope = view(&snapshot, &person.id);
            let mut page = ask::page(Start::Rank(1));
            let warmed = list(&snapshot, &scope, query, &page).expect("a page");
            page.start = match start(person.tickets) {
                // The cursor of a page that was just asked for; of a scope without a second page the first once more.
                Start::After(_) => warmed.next.map_or(Start::First, Start::After),
                other => other,
            };
            group.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
                bench.iter(|| list(&snapshot, &scope, query, &page).expect("a page"));
            });
        }
        group.finish();
    };
    run("first", &everything, &|_| Start::First);
    run("cursor", &everything, &|_| Start::After(String::new()));
    run("rank 1,000", &everything, &|_| Start::Rank(1_000));
    run("deep rank", &everything, &deep);
    for (name, query) in ask::filters() {
        run(name, &query, &|_| Start::First);
    }
    let open = ask::is(fields::STATUS, "open");
    run("status:open, cursor", &open, &|_| Start::After(String::new()));
    run("status:open, deep rank", &open, &|tickets| deep(tickets / 8));
    for (name, sort) in ask::orders() {
        run(name, &Query::everything().ordered(sort), &|_| Start::First);
    }
}

criterion_group!(benches, lists);
criterion_main!(benches);
