//! What do suggestions cost, whoever asks and whatever they typed?
//!
//! - **Data:** the demo's help desk with its text, 50,000 tickets (`TICKETSCOPE_BENCH_TICKETS` for another number);
//!   principals from few visible tickets to all; beginnings of one letter, of a few, of a person, and of nothing.
//! - **Unit:** time of one answer: the ten best of words, values, tags and people, with exact counts.
//! - **Caches:** scopes and their counts by value are warm. Nothing of the words is kept.
//! - **Run:** `cargo bench -p ticketscope-benches --bench suggest`

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketscope_demo::{ANA, BRUNO, CHLOE, GOSIA, HUGO, HelpDesk, INES, LUISA};
use ticketscope_engine::{Engine, query::suggest, storage::TenantId};
use ticketscope_model::Timestamp;

/// The moment at which the desk is made.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const BATCH: u32 = 5_000;
const PATIENCE: Duration = Duration::from_mins(30);
/// From few visible tickets to all.
const PEOPLE: [&str; 7] = [HUGO, INES, CHLOE, BRUNO, GOSIA, LUISA, ANA];
const BEGINNINGS: [&str; 5] = ["r", "re", "refu", "an", "zzz"];
const LIMIT: usize = 10;

fn suggestions(criterion: &mut Criterion) {
    let tickets = match std::env::var("TICKETSCOPE_BENCH_TICKETS") {
        Ok(text) => text.parse().expect("TICKETSCOPE_BENCH_TICKETS is a number of tickets"),
        Err(_) => 50_000,
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = Engine::open(dir.path()).expect("an engine");
    let tenant = engine.create_tenant(&TenantId::parse("demo").expect("a name")).expect("a tenant");
    let desk = HelpDesk::new(ticketscope_benches::SEED, tickets, NOW);
    tenant.submit(desk.setup()).expect("the desk is taken");
    for batch in desk.batches(BATCH) {
        tenant.submit(batch).expect("the desk is taken");
    }
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "the text is indexed");
    let snapshot = tenant.snapshot();
    for beginning in BEGINNINGS {
        let mut group = criterion.benchmark_group(format!("suggest/{beginning}"));
        group.sample_size(20);
        for principal in PEOPLE {
            let access = snapshot.access(principal).expect("one of the desk");
            let answer = || suggest(&snapshot, &access, beginning, None, LIMIT).expect("suggestions");
            answer();
            let sees = snapshot.visible(&access.view).set().len();
            group.bench_function(BenchmarkId::from_parameter(format!("{principal}, {sees} tickets")), |bench| {
                bench.iter(answer);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, suggestions);
criterion_main!(benches);
