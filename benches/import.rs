//! How fast do tickets come in?
//!
//! - **Data:** 50,000 generated tickets as plain lines of scope-jsonl, without text and with (a subject and 12 to 60 words).
//! - **Unit:** tickets per second. *parse* turns lines into changes; *durable* parses on one thread and applies on another,
//!   into an empty tenant, until everything is acknowledged; *searchable* is that until every word can be found.
//! - **Caches:** the lines are in memory; the tenant is new for every run.
//! - **Run:** `cargo bench -p ticketscope-benches --bench import`; `--example import` tells processor time and memory of one
//!   import of any size.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ticketscope_benches::{World, world};

const TICKETS: u64 = 50_000;

fn import(criterion: &mut Criterion) {
    for (name, text) in [("without text", false), ("with text", true)] {
        let lines = world::lines(TICKETS, text);
        let mut group = criterion.benchmark_group(format!("import/{name}"));
        group.throughput(Throughput::Elements(TICKETS)).sample_size(10);
        group.bench_function("parse", |bench| {
            bench.iter(|| {
                let mut changes = 0;
                world::parse(lines.as_slice(), |parsed| changes += parsed.len());
                changes
            });
        });
        for (stage, is_searched) in [("durable", false), ("searchable", true)] {
            if is_searched && !text {
                continue;
            }
            group.bench_function(stage, |bench| {
                bench.iter_batched(
                    || tempfile::tempdir().expect("there is a place for temporary files"),
                    |dir| {
                        let world = World::empty(dir.path());
                        world.import_lines(lines.as_slice());
                        if is_searched {
                            world.wait_for_text();
                        }
                        (world, dir)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, import);
criterion_main!(benches);
