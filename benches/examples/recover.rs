//! How long a tenant takes to come back after its process died: until the first exact count, and until words are found.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example recover -- TICKETS [PLACE]
//! ```
//!
//! - **Data:** the lines of the `import` example, a subject and 12 to 60 words a ticket, imported; then a mapped snapshot is
//!   written, and after it 20,000 tickets change their status and 2,000 get one more text. Then the process is killed.
//! - **Rows:** what it left; the same without its mapped snapshots; without its text index; without both; and after a clean
//!   close. Each is opened by a new process on a copy of its own in `PLACE`, a temporary directory if none is given.
//! - **Unit:** seconds of the clock from the beginning of the opening. Counts are compared with what was written.
//! - **Caches:** the files were just copied, so that the system has them in memory.

#![expect(clippy::cast_precision_loss, reason = "it reports for people")]

use std::{
    fs,
    io::{BufRead, BufReader, Write, stdin, stdout},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use ticketscope_benches::{World, ask, world};
use ticketscope_engine::query::{
    Access, count,
    parse::{Context, parse},
};
use ticketscope_model::{Change, Fact, TextClass, TextPart, TicketKey, TicketOrd, fields};

/// Tickets that change after the mapped snapshot, in batches of [`BATCH`].
const CHANGED: u32 = 20_000;
/// Those of them that get a text.
const SAID: u32 = 2_000;
const BATCH: usize = 1_000;
/// A status and a word that no generated ticket has.
const STATUS: &str = "recovered";
const WORD: &str = "zyzzyva";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().expect("how many tickets");
    let place = arguments.next().map(PathBuf::from);
    match (first.as_str(), place) {
        ("open", Some(dir)) => open(&dir, arguments),
        ("close", Some(dir)) => World::empty(&dir).engine.close().expect("a checkpoint is written"),
        ("fill", Some(dir)) => fill(&dir, arguments.next().expect("how many tickets").parse().expect("a number")),
        (tickets, place) => measure(&tickets.replace('_', ""), place),
    }
}

fn program(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(name).arg(dir);
    command
}

/// Fills a tenant in a process of its own, kills it, and opens what it left in several states.
fn measure(tickets: &str, place: Option<PathBuf>) {
    let temporary = tempfile::tempdir().expect("there is a place for temporary files");
    let place = place.unwrap_or_else(|| temporary.path().to_path_buf());
    let (data, copy) = (place.join("data"), place.join("copy"));
    let mut victim = program("fill", &data)
        .arg(tickets)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs again");
    let mut line = String::new();
    let said = victim.stdout.take().expect("it is piped");
    BufReader::new(said).read_line(&mut line).expect("it says when it is ready");
    victim.kill().expect("it waits");
    victim.wait().expect("it is dead");
    let expected: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(expected.len(), 2, "it was ready");

    println!("{tickets} tickets, {:.0} MB of files", bytes(&data) as f64 / 1e6);
    println!("{:<40} {:>10} {:>10} {:>9}", "after", "count", "words", "replayed");
    let run = |what: &str, prepare: &dyn Fn(&Path)| {
        copy_tree(&data, &copy);
        prepare(&copy);
        let status = program("open", &copy).arg(what).args(&expected).status().expect("this program runs again");
        assert!(status.success(), "{what}: {status}");
        fs::remove_dir_all(&copy).expect("the copy is ours");
    };
    let without_snapshots = |dir: &Path| {
        for entry in fs::read_dir(tenant(dir)).expect("the tenant").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "tsnap") {
                fs::remove_file(entry.path()).expect("the copy is ours");
            }
        }
    };
    let without_text = |dir: &Path| fs::remove_dir_all(tenant(dir).join("text")).expect("the copy is ours");
    let closed = |dir: &Path| {
        let status = program("close", dir).status().expect("this program runs again");
        assert!(status.success(), "{status}");
    };
    run("a kill", &|_| {});
    run("a kill, mapped snapshots gone", &without_snapshots);
    run("a kill, text index gone", &without_text);
    run("a kill, both gone", &|dir| {
        without_snapshots(dir);
        without_text(dir);
    });
    run("a clean close", &closed);
}

fn tenant(dir: &Path) -> PathBuf {
    dir.join("tenants").join(world::id().as_str())
}

/// Imports tickets, writes a mapped snapshot, goes on, says so, and waits to be killed.
fn fill(dir: &Path, tickets: u64) {
    let world = World::empty(dir);
    world.import_lines(world::lines(tickets, true).as_slice());
    world.wait_for_text();
    world.tenant.checkpoint().expect("room for a mapped snapshot");
    let snapshot = world.snapshot();
    let changed: Vec<TicketKey> = snapshot
        .index()
        .universe()
        .iter()
        .take(CHANGED as usize)
        .map(|ord| snapshot.index().key(TicketOrd(ord)))
        .collect();
    for keys in changed.chunks(BATCH) {
        let moves = keys.iter().map(|key| world::set(key.clone(), "status", STATUS)).collect();
        world.tenant.submit(moves).expect("room for a batch");
    }
    let said: Vec<Change> = changed.iter().take(SAID as usize).map(|key| say(key.clone())).collect();
    for changes in said.chunks(BATCH) {
        world.tenant.submit(changes.to_vec()).expect("room for a batch");
    }
    world.wait_for_text();
    println!("{} {}", changed_count(&world), said_count(&world));
    stdout().flush().expect("somebody listens");
    stdin().read_line(&mut String::new()).expect("somebody is there");
}

fn say(ticket: TicketKey) -> Change {
    let part = TextPart {
        part: "late".into(),
        class: TextClass::Public,
        lang: None,
        body: format!("one more {WORD}").into(),
        author: None,
        at: None,
    };
    Change::state(Fact::Text { ticket, part })
}

/// How many tickets have the new status, of those that a query is about.
fn changed_count(world: &World) -> u32 {
    count(&world.snapshot(), Access::admin(), &ask::is(fields::STATUS, STATUS)).expect("a count")
}

/// In how many the word is found.
fn said_count(world: &World) -> u32 {
    let snapshot = world.snapshot();
    let query = parse(WORD, &Context::new(snapshot.schema(), ask::NOW)).expect("a word");
    count(&snapshot, Access::admin(), &query).expect("a count")
}

/// Opens a data directory, asks, says how long that took, and ends without closing anything.
fn open(dir: &Path, mut arguments: impl Iterator<Item = String>) {
    let what = arguments.next().expect("what happened before");
    let mut expected = arguments.map(|count| count.parse().expect("how many tickets"));
    let start = Instant::now();
    let world = World::empty(dir);
    let changed = changed_count(&world);
    let counted = start.elapsed();
    world.wait_for_text();
    let said = said_count(&world);
    let searched = start.elapsed();
    assert_eq!((Some(changed), Some(said)), (expected.next(), expected.next()), "everything acknowledged is there");
    let replayed = world.tenant.recovery().replayed;
    println!("{what:<40} {:>8.3} s {:>8.3} s {replayed:>9}", counted.as_secs_f64(), searched.as_secs_f64());
    std::process::exit(0);
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("room for a copy");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("room for a copy");
        }
    }
}

fn bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    let size =
        |path: PathBuf| if path.is_dir() { bytes(&path) } else { fs::metadata(path).map_or(0, |meta| meta.len()) };
    entries.map(|entry| size(entry.path())).sum()
}
