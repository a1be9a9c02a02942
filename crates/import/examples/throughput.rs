//! How fast one core parses an export, plain or zstd, from standard input:
//! `cargo run --release -p ticketscope-import --example throughput < tickets.jsonl.zst`

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a report for people")]

use std::{error::Error, io, time::Instant};

use ticketscope_import::{Chunks, Parser};
use ticketscope_model::Schema;

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::builtin();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let mut chunks = Chunks::new(io::stdin().lock())?;
    let format = chunks.detect()?.ok_or("the input has no lines")?;
    let parser = Parser::new(format, &many);

    let begin = Instant::now();
    let (mut lines, mut errors, mut bytes, mut parse_seconds) = (0_u64, 0_u64, 0, 0.0);
    for chunk in chunks {
        let chunk = chunk?;
        let start = Instant::now();
        let parsed = parser.lines(&chunk);
        parse_seconds += start.elapsed().as_secs_f64();
        lines += parsed.len() as u64;
        bytes += chunk.len();
        for error in parsed.iter().filter_map(|line| line.change.as_ref().err()) {
            if errors < 10 {
                println!("{error} ({})", error.code());
            }
            errors += 1;
        }
    }
    let read_seconds = begin.elapsed().as_secs_f64() - parse_seconds;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{format}: {lines} lines, {errors} errors, {megabytes:.1} MB; parsed at {:.0} MB/s and {:.0} lines/s; \
         read and cut at {:.0} MB/s",
        megabytes / parse_seconds,
        lines as f64 / parse_seconds,
        megabytes / read_seconds
    );
    Ok(())
}
