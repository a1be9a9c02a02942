//! What does an exact count inside a scope cost, and how much slower is it to look at each ticket?
//!
//! - **Data:** the generated tenant, 100,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for more); scopes from one ticket to all;
//!   no filter, one by status, group, assignee or requester, two, and ranges.
//! - **Unit:** time of one count.
//! - **Caches:** scopes are warm, and keep counts by the values of fields that were asked for often: *not kept* counts by
//!   the index alone, as the first questions do. *scan* is the other side, in the same run: it walks the scope's tickets and compares
//!   the status of each, by its code in the column.
//! - **Run:** `cargo bench -p ticketscope-benches --bench count`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketscope_benches::{World, ask, grid, tickets, world::view};
use ticketscope_bitmap::SetExpr;
use ticketscope_engine::query::{Query, count};
use ticketscope_model::fields;

fn counts(criterion: &mut Criterion) {
    let world = World::new(tickets());
    let snapshot = world.snapshot();
    let people = grid(&snapshot);
    let mut questions = vec![("cached cardinality", Query::everything())];
    questions.extend(ask::filters());
    for (name, query) in &questions {
        let mut group = criterion.benchmark_group(format!("count/{name}"));
        for person in &people {
            let scope = view(&snapshot, &person.id);
            snapshot.visible(&scope);
            group.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
                bench.iter(|| count(&snapshot, &scope, query));
            });
        }
        group.finish();
    }

    let index = snapshot.index();
    for (name, field, value) in ask::VALUES {
        let code = index.field(field).and_then(|column| column.code_of(value));
        let formula = SetExpr::Terms(field, code.into_iter().collect());
        let mut group = criterion.benchmark_group(format!("count/not kept, {name}"));
        for person in &people {
            let visible = snapshot.visible(&view(&snapshot, &person.id));
            let counted = count(&snapshot, view(&snapshot, &person.id), &ask::is(field, value));
            assert_eq!(counted, Ok(index.count_within(&formula, visible.set())), "both count the same");
            group.bench_function(BenchmarkId::from_parameter(person.label), |bench| {
                bench.iter(|| index.count_within(&formula, visible.set()));
            });
        }
        group.finish();
    }

    let column = index.field(fields::STATUS).expect("tickets have a status");
    let open = column.code_of("open").map(i64::from);
    let mut group = criterion.benchmark_group("count/status:open by a scan");
    for person in &people {
        let visible = snapshot.visible(&view(&snapshot, &person.id));
        let scan = || {
            let mut found = 0;
            visible.set().for_each(|ord| found += u32::from(column.number(ord) == open));
            found
        };
        let exact = count(&snapshot, view(&snapshot, &person.id), &ask::is(fields::STATUS, "open"));
        assert_eq!(exact, Ok(scan()), "both sides count the same");
        group.bench_function(BenchmarkId::from_parameter(person.label), |bench| bench.iter(scan));
    }
    group.finish();
}

criterion_group!(benches, counts);
criterion_main!(benches);
