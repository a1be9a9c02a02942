//! Does a restricted search cost more than an unrestricted one? The same words asked by people who see ever more tickets,
//! beside tantivy on the very same index files: unrestricted, and with the filter that a good engineer would write.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example search -- [TICKETS]
//! ```
//!
//! Data: the demo's help desk, 100,000 tickets unless said otherwise. Unit: microseconds, medians of warm runs of one
//! thread; `cold` is the first time that somebody asks a word in a new scope, with its posting list not yet decoded. Ours
//! gives an exact total with the ten best; tantivy's `TopDocs` gives no total. Both find as many tickets, which is checked
//! before anything is timed.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::time::{Duration, Instant};

use tantivy::{
    Index, Searcher, Term,
    collector::{Count, TopDocs},
    query::{BooleanQuery, ConstScoreQuery, Occur, Query as TantivyQuery, TermQuery, TermSetQuery},
    schema::{Field, IndexRecordOption},
};
use ticketscope_benches::Planned;
use ticketscope_demo::{ANA, BRUNO, CHLOE, GOSIA, HUGO, HelpDesk, INES, LUISA};
use ticketscope_engine::{
    Engine,
    query::{
        Access, Page, Query, Snapshot, Start, count, list_keys,
        parse::{Context, parse},
    },
    storage::TenantId,
};
use ticketscope_model::{Fact, Timestamp};

/// The moment at which the desk is made and asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const SEED: u64 = 7;
const BATCH: u32 = 5_000;
const PATIENCE: Duration = Duration::from_mins(30);
const RUNS: usize = 101;
const TOP: u32 = 10;

/// Who asks, from few tickets to all.
const PEOPLE: [&str; 7] = [HUGO, INES, CHLOE, BRUNO, GOSIA, LUISA, ANA];
/// Words of one stem each, in one language, so that tantivy can ask for them as they stand in the index.
const WORDS: [&[&str]; 5] = [&["order"], &["invoic"], &["4021"], &["order", "deliveri"], &["printer", "cabl"]];

fn median(mut ask: impl FnMut() -> usize) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(ask());
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[RUNS / 2]
}

/// All of these stems in the public text, as tantivy asks for them.
fn words(field: Field, stems: &[&str]) -> Box<dyn TantivyQuery> {
    let term = |stem: &&str| -> Box<dyn TantivyQuery> {
        Box::new(TermQuery::new(Term::from_field_text(field, stem), IndexRecordOption::WithFreqs))
    };
    match stems {
        [only] => term(only),
        several => Box::new(BooleanQuery::new(several.iter().map(|stem| (Occur::Must, term(stem))).collect())),
    }
}

/// The same inside the tickets of a scope.
fn filtered(row: Field, query: Box<dyn TantivyQuery>, rows: &[u32]) -> BooleanQuery {
    let terms = rows.iter().map(|ord| Term::from_field_u64(row, u64::from(*ord)));
    let filter = ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0);
    BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(filter))])
}

fn top(searcher: &Searcher, query: &dyn TantivyQuery) -> usize {
    searcher.search(query, &TopDocs::with_limit(TOP as usize).order_by_score()).expect("tantivy answers").len()
}

/// The ten best of ours: their keys, as tantivy gives the addresses of its own, and an exact total.
fn ours(snapshot: &Snapshot, access: &Access, query: &Query, asker: &str) -> usize {
    list_keys(snapshot, access, query, &page(asker)).expect("a list").keys.len()
}

fn page(asker: &str) -> Page {
    Page { start: Start::First, limit: TOP, asker: asker.to_owned(), now: NOW }
}

fn main() {
    let tickets: u32 = std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number of tickets"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = Engine::open(dir.path()).expect("an engine");
    let tenant = engine.create_tenant(&TenantId::parse("demo").expect("a name")).expect("a tenant");
    let desk = HelpDesk::new(SEED, tickets, NOW);
    let mut setup = desk.setup();
    for change in &mut setup {
        if let Fact::Schema(schema) = &mut change.fact {
            // One language: a word is one posting list, to both.
            schema.languages = vec!["en".into()];
        }
    }
    tenant.submit(setup).expect("the desk is taken");
    let began = Instant::now();
    for batch in desk.batches(BATCH) {
        tenant.submit(batch).expect("the desk is taken");
    }
    let stored = began.elapsed();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "the text is indexed");
    println!(
        "{tickets} tickets: durable after {:.1} s, searchable after {:.1} s\n",
        stored.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );

    let snapshot = tenant.snapshot();
    let index = Index::open_in_dir(dir.path().join("tenants/demo/text")).expect("the index of the tenant");
    let searcher = index.reader().expect("a reader").searcher();
    let (row, public) = (index.schema().get_field("row"), index.schema().get_field("public"));
    let (row, public) = (row.expect("a field"), public.expect("a field"));
    println!(
        "{:<18} {:<8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>12}",
        "words", "as", "sees", "finds", "cold", "ours", "tantivy", "with filter"
    );
    let (mut ratios, mut gains, mut regrets) = (Vec::new(), Vec::new(), Vec::new());
    for stems in WORDS {
        let unrestricted = words(public, stems);
        for principal in PEOPLE {
            let mut access = snapshot.access(principal).expect("one of the desk");
            // Public text alone, for that is what tantivy is asked for.
            access = Access::from(&access.view);
            let context = Context::new(snapshot.schema(), NOW).asked_by(principal);
            let query = parse(&stems.join(" "), &context).expect("words");
            let began = Instant::now();
            ours(&snapshot, &access, &query, principal);
            let cold = began.elapsed().as_secs_f64() * 1e6;
            let rows: Vec<u32> = snapshot.visible(&access.view).set().iter().collect();
            let found = count(&snapshot, &access, &query).expect("a count");
            let with_filter = filtered(row, words(public, stems), &rows);
            let same = searcher.search(&with_filter, &Count).expect("tantivy answers");
            assert_eq!(found as usize, same, "both find the same of {stems:?} for {principal}");
            let restricted = median(|| ours(&snapshot, &access, &query, principal));
            let plain = median(|| top(&searcher, &*unrestricted));
            let filter = median(|| top(&searcher, &with_filter));
            let planned = Planned::measure(&snapshot, &access, &query, &page(principal));
            regrets.push(planned.regret());
            ratios.push(restricted / plain);
            gains.push(filter / restricted);
            println!(
                "{:<18} {principal:<8} {:>8} {found:>8} {cold:>9.0} {restricted:>9.1} {plain:>9.1} {filter:>12.1}{planned}",
                stems.join(" "),
                rows.len()
            );
        }
    }
    let mean = |values: &[f64]| (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!("\nours over tantivy unrestricted: geometric mean {:.2}, worst {worst:.2}", mean(&ratios));
    let best = regrets.iter().filter(|regret| **regret <= 1.05).count();
    println!(
        "the planner's choice is within 5% of the fastest in {best} of {} cells, worst regret {:.2}",
        regrets.len(),
        regrets.iter().copied().fold(0.0, f64::max)
    );
    println!("tantivy with filter over ours: geometric mean {:.1}", mean(&gains));
}
