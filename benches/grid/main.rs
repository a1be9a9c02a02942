//! Does a restricted search cost more than an unrestricted one, and what does it cost elsewhere?
//!
//! - **Question:** eleven kinds of query in eight sizes of scope: the ten best by relevance (with and without an exact
//!   total), the newest 50, an exact count, exact counts of all groups; ours beside tantivy (unrestricted, and with three
//!   filters), PostgreSQL (WHERE and row-level security) and SQLite FTS5.
//! - **Data:** generated tickets whose words and fields are as skewed as real ones (`fitted.rs`), or a file in the plain
//!   ticket format. The same tickets with the same words on every side, and where a side has segments the same history:
//!   commits while they arrive, then a quarter changed, with deletes and merges.
//! - **Unit:** microseconds; medians, with the spread in the JSON.
//! - **Caches:** warm, and for ours also cold; see [`results::STATE`].
//! - **Run:** `cargo bench -p ticketscope-benches --bench grid -- [--tickets N] [--lines FILE] [--sides ours,tantivy,postgres,sqlite]
//!   [--place DIR] [--json FILE] [--svg FILE] [--quick]`
//!
//! All answers are compared before anything is timed (`check.rs` says how), and a difference ends the bench. A side whose
//! program is missing is left out by name. `cargo test --benches` compares the sides on a
//! few tickets and writes nothing.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "shares, times and places in a picture"
)]

mod bits;
mod census;
mod check;
mod cluster;
mod cold;
mod data;
mod figure;
mod fitted;
mod group_counts;
mod lines;
mod machine;
mod options;
mod ours;
mod plot;
mod postgres_side;
mod question;
mod reach;
mod results;
mod run;
mod shelf;
mod side;
mod sqlite_side;
mod summary;
mod table;
mod tantivy_side;
mod ticket;
mod timing;
mod words;

use anyhow::{Context, Result};

use crate::{options::Options, results::STATE, summary::Summary};

fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    if options.is_check {
        let results = run::measure(&options)?;
        let (json, svg) = (results.json(&Summary::of(&results)), figure::draw(&results)?);
        anyhow::ensure!(json["cells"].as_array().map(Vec::len) == Some(results.cells.len()), "the JSON has every cell");
        anyhow::ensure!(svg.matches("<polyline").count() == results.sides.len(), "the picture has every side");
        println!("{} sides answer {} cells alike", results.sides.len(), results.cells.len());
        return Ok(());
    }
    for folder in [&options.json, &options.svg].into_iter().filter_map(|file| file.parent()) {
        // Now rather than after an hour.
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    println!("Does a restricted search cost more than an unrestricted one?");
    println!("data: {}\nunit: microseconds, medians\nstate: {STATE}", options.data.name());
    let results = run::measure(&options)?;
    table::print(&results);
    let summary = Summary::of(&results);
    summary.print();
    let json = serde_json::to_string_pretty(&results.json(&summary))?;
    std::fs::write(&options.json, json).with_context(|| format!("write {}", options.json.display()))?;
    std::fs::write(&options.svg, figure::draw(&results)?)
        .with_context(|| format!("write {}", options.svg.display()))?;
    println!("\nwritten: {} and {}", options.json.display(), options.svg.display());
    Ok(())
}
