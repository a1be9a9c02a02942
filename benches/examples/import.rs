//! One import of generated lines with text, from a file into an empty tenant: how long until everything is durable, and
//! until it is searchable, and what it takes of the processor.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example import -- TICKETS [PLACE]
//! ```
//!
//! - **Data:** the lines of the `scale` example: a subject and 12 to 60 words a ticket. They are written to
//!   `PLACE/tickets.jsonl` first, unless they are there, and stay; a temporary directory without `PLACE`.
//! - **Unit:** seconds of the clock and of the processor, user and system; both begin when the file is opened.
//! - **Caches:** the file is likely in memory; the tenant is new and is removed afterwards.

#![expect(clippy::cast_precision_loss, reason = "it reports for people")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ticketscope_benches::{Sample, World, world};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let tickets: u64 = arguments.next().expect("how many tickets").replace('_', "").parse().expect("how many tickets");
    let temporary = tempfile::tempdir().expect("there is a place for temporary files");
    let place = arguments.next().map_or_else(|| temporary.path().to_path_buf(), PathBuf::from);
    let file = place.join("tickets.jsonl");
    if !file.exists() {
        fs::create_dir_all(&place).expect("a directory");
        fs::write(&file, world::lines(tickets, true)).expect("room for the file");
    }
    let data = tempfile::tempdir_in(&place).expect("a directory");
    import(tickets, &file, data.path());
}

fn import(tickets: u64, file: &Path, data: &Path) {
    let bytes = fs::metadata(file).expect("the file").len();
    println!("{tickets} tickets, {:.1} MB of lines", bytes as f64 / 1e6);
    let (start, before) = (Instant::now(), processor_time());
    let world = World::empty(data);
    let mut batches = world.import_lines(File::open(file).expect("the file"));
    report("durable", tickets, start.elapsed(), before);
    let late = batches.split_off(batches.len() / 2);
    for (half, batches) in [("first", batches), ("second", late)].into_iter().filter(|(_, batches)| !batches.is_empty())
    {
        println!("batches of the {half} half: {}", Sample::of(batches));
    }
    world.wait_for_text();
    report("searchable", tickets, start.elapsed(), before);
    world.engine.close().expect("a checkpoint is written");
    report("closed", tickets, start.elapsed(), before);
    println!("most memory: {} MB", most_memory() / 1_000);
}

fn report(what: &str, tickets: u64, time: Duration, before: [Duration; 2]) {
    let seconds = time.as_secs_f64();
    let now = processor_time();
    let [user, system] = [0, 1].map(|at| now[at].saturating_sub(before[at]).as_secs_f64());
    println!(
        "{what:<12} {seconds:>7.2} s   processor {:>7.2} s ({user:.2} user, {system:.2} system)   {:>7.0} tickets/s",
        user + system,
        tickets as f64 / seconds
    );
}

/// User and system time of this process.
fn processor_time() -> [Duration; 2] {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold blanks; user and system time are the 12th and 13th word after it.
    let words: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    [0, 1].map(|at| Duration::from_millis(words.get(at).copied().unwrap_or_default() * 10))
}

/// The most memory that was resident at once, in kB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}
