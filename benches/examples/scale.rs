//! A whole tenant at its real size, once: import, memory, disk, closing, opening, and then every question and change
//! that has a number to reach, each repeated a thousand times unless that takes longer than a few seconds.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example scale -- TICKETS [lines] [PLACE]
//! cargo run --release -p ticketscope-benches --example scale -- opened PLACE
//! cargo run --release -p ticketscope-benches --example scale -- questions PLACE
//! ```
//!
//! `lines` first writes the tickets as scope-jsonl with text to a file and imports that, as a second tenant. `PLACE` is a
//! directory for the files, which stay; a temporary one without it. What comes after the import is measured in a process
//! of its own, so that its memory is that of a tenant which was opened; `opened` measures only that, on files that an
//! earlier run left, and `questions` of that only the questions, which change nothing. The last line of each process is what it found as JSON.
//!
//! Caches: scopes are warm unless a row says cold; files were just written, so that the system has them in memory.

#![expect(clippy::cast_precision_loss, reason = "it reports for people")]

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value as Json, json};
use ticketscope_benches::{
    Sample, World, ask, grid,
    sample::shown,
    world::{self, Move, applied, made, membership, set, set_in_index, view},
};
use ticketscope_bitmap::{PartBytes, SetExpr, Touched};
use ticketscope_engine::{
    Stats,
    query::{Query, Snapshot, Start, TextChanges, count, facets, list, list_keys},
};
use ticketscope_model::{Change, Fact, TicketOrd, fields};

/// Repetitions of one question.
const RUNS: usize = 1_000;
/// How long one row may take.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().expect("how many tickets, `opened` or `questions`");
    let mut rest: Vec<String> = arguments.collect();
    let mut report = Report::default();
    if first == "questions" {
        let world = open(&mut report, &Path::new(rest.first().expect("where the files are")).join("data"));
        questions(&mut report, &world.snapshot());
        memory_by_part(&mut report, &world);
    } else if first == "opened" {
        opened(&mut report, Path::new(rest.first().expect("where the files are")));
    } else {
        let tickets = first.replace('_', "").parse().expect("how many tickets");
        let with_lines = rest.first().is_some_and(|word| word == "lines");
        if with_lines {
            rest.remove(0);
        }
        let temporary = tempfile::tempdir().expect("there is a place for temporary files");
        let place = rest.first().map_or_else(|| temporary.path().to_path_buf(), PathBuf::from);
        report.head(tickets);
        if with_lines {
            import_lines(&mut report, tickets, &place.join("lines"));
        }
        fs::create_dir_all(&place).expect("a directory");
        import(&mut report, tickets, &place.join("data"));
        println!("{}", Json::Object(std::mem::take(&mut report.rows)));
        let program = std::env::current_exe().expect("this program");
        let status = Command::new(program).arg("opened").arg(&place).status().expect("this program runs again");
        assert!(status.success(), "the second process failed: {status}");
        return;
    }
    println!("{}", Json::Object(report.rows));
}

/// What is measured on a tenant that was imported and closed before.
fn opened(report: &mut Report, place: &Path) {
    let world = open(report, &place.join("data"));
    bulk_moves(report, &world, 0);
    questions(report, &world.snapshot());
    changes(report, &world);
    bulk_moves(report, &world, 200);
    memory_by_part(report, &world);
    report.memory("after all of it");
    world.engine.close().expect("a checkpoint is written");
}

fn memory_by_part(report: &mut Report, world: &World) {
    report.title("memory by part");
    let stats = world.tenant.stats().expect("the disk can be measured");
    report.parts(&stats, world.snapshot().index().universe().len().into());
}

fn import(report: &mut Report, tickets: u64, dir: &Path) {
    report.title("import as changes, without text");
    let made = made(tickets);
    let (world, busy) = (World::empty(dir), processor_time());
    let times = world.import(&made);
    report.time("generate", times.generate);
    report.time("import", times.submit);
    report.time("generate and import, processor", processor_time().saturating_sub(busy));
    report.number("import, tickets per second", rate(tickets, times.submit), "/s");
    report.memory("after the import");
    let stats = world.tenant.stats().expect("the disk can be measured");
    report.parts(&stats, tickets);
    let snapshot = world.snapshot();
    for (field, of) in &stats.index.fields {
        let name = snapshot.schema().by_id(*field).map_or("", |def| &def.name);
        report.per_ticket(&format!("heap: field {name}"), of.iter().map(|part| part.heap).sum(), tickets);
    }
    drop(snapshot);
    let start = Instant::now();
    world.engine.close().expect("a checkpoint is written");
    report.time("close, with checkpoint", start.elapsed());
    let stats = world.tenant.stats().expect("the disk can be measured");
    report.per_ticket("disk: log and state", bytes(stats.disk.database_bytes), tickets);
    report.per_ticket("disk: mapped snapshots", bytes(stats.disk.snapshot_bytes), tickets);
}

fn import_lines(report: &mut Report, tickets: u64, dir: &Path) {
    report.title("import of scope-jsonl lines, with text");
    fs::create_dir_all(dir).expect("a directory");
    let file = dir.join("tickets.jsonl");
    let lines = world::lines(tickets, true);
    report.number("lines, MB", lines.len() as f64 / 1e6, "MB");
    fs::write(&file, &lines).expect("room for the file");
    drop(lines);
    let (start, busy) = (Instant::now(), processor_time());
    let world = World::empty(&dir.join("data"));
    world.import_lines(BufReader::new(fs::File::open(&file).expect("the file just written")));
    report.time("parse and import", start.elapsed());
    report.time("parse and import, processor", processor_time().saturating_sub(busy));
    report.number("parse and import, tickets per second", rate(tickets, start.elapsed()), "/s");
    let start = Instant::now();
    world.engine.close().expect("a checkpoint is written");
    report.time("close, with checkpoint", start.elapsed());
    let stats = world.tenant.stats().expect("the disk can be measured");
    report.per_ticket("disk: log, state and text", bytes(stats.disk.database_bytes), tickets);
    report.per_ticket("disk: mapped snapshots", bytes(stats.disk.snapshot_bytes), tickets);
    report.memory("after the import");
    drop(world);
    fs::remove_dir_all(dir).expect("what was just made");
}

/// Opens the tenant and asks the first questions.
fn open(report: &mut Report, dir: &Path) -> World {
    report.title("open after a clean close");
    let start = Instant::now();
    let world = World::empty(dir);
    let opened = start.elapsed();
    let snapshot = world.snapshot();
    let everything = Query::everything();
    let first_count = count(&snapshot, view(&snapshot, "groups-20"), &everything).expect("a count");
    let counted = start.elapsed();
    let page = list(&snapshot, view(&snapshot, "groups-20"), &everything, &ask::page(Start::First)).expect("a page");
    let listed = start.elapsed();
    assert_eq!(first_count, page.total, "counts and lists agree");
    report.time("opened", opened);
    report.time("to the first count of 20 groups", counted);
    report.time("to the first list of 20 groups", listed);
    report.text("recovery", &format!("{:?}", world.tenant.recovery()));
    report.memory("after opening");
    world
}

fn questions(report: &mut Report, snapshot: &Snapshot) {
    let everything = Query::everything();
    let people = grid(snapshot);
    for person in &people {
        report.title(&format!("scope of {} tickets: {} ({})", person.tickets, person.label, person.id));
        let scope = view(snapshot, &person.id);
        report.sample("cold evaluation", person.label, || Sample::take(200, PATIENCE, |_| snapshot.evaluate(&scope)));
        snapshot.visible(&scope);
        report.sample("warm lookup", person.label, || Sample::take(RUNS, PATIENCE, |_| snapshot.visible(&scope)));
        report.sample("count, cached cardinality", person.label, || {
            Sample::take(RUNS, PATIENCE, |_| count(snapshot, &scope, &everything))
        });
        // The first counts by a field are made from the index, later ones read what the scope keeps.
        let (index, visible) = (snapshot.index(), snapshot.visible(&scope));
        for (name, field, value) in ask::VALUES {
            let column = index.field(field).expect("tickets have this field");
            let code = column.code_of(value).expect("tickets have this value");
            let formula = SetExpr::Terms(field, vec![code]);
            report.sample(&format!("count not kept, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| index.count_within(&formula, visible.set()))
            });
            report.sample(&format!("count by intersection, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| column.tickets(code).and_len(visible.set()))
            });
        }
        for (name, query) in ask::filters() {
            report.sample(&format!("count, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| count(snapshot, &scope, &query))
            });
        }
        let ask = |query: &Query, start: &Start| {
            list(snapshot, &scope, query, &ask::page(start.clone())).expect("the page is of this query")
        };
        ask(&everything, &Start::Rank(1));
        let cursor = after(snapshot, &person.id, &everything);
        let deep = person.tickets.saturating_sub(100).min(100_000);
        let starts = [
            ("first", Start::First),
            ("cursor", cursor),
            ("rank 1,000", Start::Rank(1_000)),
            ("deep rank", Start::Rank(deep)),
        ];
        for (name, start) in &starts {
            report.sample(&format!("list, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| ask(&everything, start))
            });
        }
        for (name, start) in &starts {
            report.sample(&format!("list keys, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| {
                    list_keys(snapshot, &scope, &everything, &ask::page(start.clone())).expect("a page")
                })
            });
        }
        for (name, query) in ask::filters() {
            report.sample(&format!("list, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| ask(&query, &Start::First))
            });
        }
        let query = ask::is(fields::STATUS, "open");
        let cursor = after(snapshot, &person.id, &query);
        for (name, start) in [("cursor", cursor), ("deep rank", Start::Rank(deep / 8))] {
            report.sample(&format!("list, status:open, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| ask(&query, &start))
            });
        }
        for (name, sort) in ask::orders() {
            let query = Query::everything().ordered(sort);
            report.sample(&format!("list, {name}"), person.label, || {
                Sample::take(50, PATIENCE, |_| ask(&query, &Start::First))
            });
        }
        let facet = |query: &Query| facets(snapshot, &scope, query, &[fields::GROUP], 500).expect("facets");
        facet(&everything);
        report.sample("facet of 500 groups", person.label, || Sample::take(RUNS, PATIENCE, |_| facet(&everything)));
        for (name, query) in
            [("status:open", ask::is(fields::STATUS, "open")), ("channel:email", ask::is(fields::CHANNEL, "email"))]
        {
            report.sample(&format!("facet of 500 groups, {name}"), person.label, || {
                Sample::take(RUNS, PATIENCE, |_| facet(&query))
            });
        }
    }
}

/// After the first page, if there is more.
fn after(snapshot: &Snapshot, principal: &str, query: &Query) -> Start {
    let first = list(snapshot, view(snapshot, principal), query, &ask::page(Start::First)).expect("a page");
    first.next.map_or(Start::First, Start::After)
}

fn changes(report: &mut Report, world: &World) {
    world.warm_agents(200);
    report.title(&format!("one change, {} warm scopes", world.snapshot().cached_scopes().scopes));
    let mut snapshot = world.snapshot();
    let ordinals = snapshot.index().ordinals();
    let mut random = fastrand::Rng::with_seed(1);
    let mut step = |name: &str, field, values: &[&str]| {
        let batches: Vec<_> =
            (0..RUNS).map(|at| set_in_index(random.u32(..ordinals), field, values[at % values.len()])).collect();
        report.sample(name, "apply and publish", || {
            Sample::take(RUNS, PATIENCE, |at| {
                let next = Arc::new(applied(&snapshot, &batches[at]));
                std::mem::replace(&mut snapshot, next)
            })
        });
        let batches: Vec<_> =
            (0..RUNS).map(|at| set_in_index(random.u32(..ordinals), field, values[at % values.len()])).collect();
        report.sample(name, "publish alone", || {
            let mut times = Vec::new();
            for batch in &batches {
                let mut index = snapshot.index().clone();
                let touched = index.apply(snapshot.schema(), batch);
                let start = Instant::now();
                let next = snapshot.next(
                    snapshot.opstamp().next(),
                    Arc::clone(snapshot.schema()),
                    index,
                    None,
                    &touched,
                    &TextChanges::default(),
                );
                times.push(start.elapsed());
                snapshot = Arc::new(next);
            }
            Sample::of(times)
        });
    };
    step("status of a ticket", fields::STATUS, &["open", "pending", "solved"]);
    step("group of a ticket", fields::GROUP, &["group-1", "group-2", "group-300", "group-77"]);
    drop(snapshot);

    let snapshot = world.snapshot();
    let mut directory = snapshot.directory().clone();
    let facts: Vec<_> = (0..RUNS).map(|at| membership(&format!("agent-{}", at % 2_000 + 1), "group-20")).collect();
    let touched = Touched::default();
    let mut current = Arc::clone(&snapshot);
    report.sample("membership of an agent", "apply and publish", || {
        Sample::take(RUNS, PATIENCE, |at| {
            directory.set_rel(&facts[at]);
            let (stamp, schema) = (current.opstamp().next(), Arc::clone(current.schema()));
            let next = current.next(
                stamp,
                schema,
                current.index().clone(),
                Some(directory.clone()),
                &touched,
                &TextChanges::default(),
            );
            std::mem::replace(&mut current, Arc::new(next))
        })
    });
    drop((current, snapshot));

    let snapshot = world.snapshot();
    let key = |at: usize| {
        let ord = u32::try_from(at * 7_919).expect("few runs") % ordinals;
        snapshot.index().key(TicketOrd(ord))
    };
    let submit = |changes: Vec<Change>| world.tenant.submit(changes).expect("the disk has room");
    report.sample("status of a ticket", "submit, with fsync", || {
        Sample::take(RUNS, PATIENCE, |at| submit(vec![set(key(at), "status", ["open", "hold"][at % 2])]))
    });
    report.sample("membership of an agent", "submit, with fsync", || {
        Sample::take(RUNS, PATIENCE, |at| submit(vec![Change::state(Fact::Rel(facts[at].clone()))]))
    });
    report.sample("1,000 tickets' status", "submit, with fsync", || {
        Sample::take(100, PATIENCE, |at| {
            submit((0..1_000).map(|ticket| set(key(at * 1_000 + ticket), "status", ["open", "new"][at % 2])).collect())
        })
    });
}

fn bulk_moves(report: &mut Report, world: &World, warm: usize) {
    report.title(&format!("bulk moves, {warm} warm scopes"));
    world.warm_agents(warm);
    let count = (world.snapshot().index().universe().len() / 2).min(500_000);
    let moves = Move::of(&world.snapshot(), count);
    for (name, changes) in [("into one group", moves.into_one()), ("back into 500 groups", moves.back())] {
        let (start, busy) = (Instant::now(), processor_time());
        world.tenant.submit(changes).expect("the disk has room");
        let row = format!("{count} moves {name}, {warm} warm scopes");
        report.time(&row, start.elapsed());
        report.time(&format!("{row}, processor"), processor_time().saturating_sub(busy));
    }
}

/// Prints rows as they come and keeps them for the JSON line.
#[derive(Default)]
struct Report {
    rows: Map<String, Json>,
    section: String,
}

impl Report {
    fn head(&mut self, tickets: u64) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let compiler = Command::new("rustc").arg("--version").output().map(|out| out.stdout).unwrap_or_default();
        self.title("what and where");
        self.text("tickets", &tickets.to_string());
        self.text("cores", &cores.to_string());
        self.text("load", load.trim());
        self.text("compiler", String::from_utf8_lossy(&compiler).trim());
    }

    fn title(&mut self, title: &str) {
        println!("\n== {title}");
        title.clone_into(&mut self.section);
    }

    fn row(&mut self, name: &str, text: &str, value: Json) {
        println!("{name:<48} {text}");
        let section = self.rows.entry(self.section.clone()).or_insert_with(|| json!({}));
        section[name] = value;
    }

    fn text(&mut self, name: &str, text: &str) {
        self.row(name, text, json!(text));
    }

    fn number(&mut self, name: &str, value: f64, unit: &str) {
        self.row(name, &format!("{value:>9.1} {unit}"), json!(value));
    }

    fn time(&mut self, name: &str, time: Duration) {
        self.row(name, &format!("{:>9}", shown(time)), json!(time.as_secs_f64()));
    }

    fn sample(&mut self, name: &str, variant: &str, measure: impl FnOnce() -> Sample) {
        let sample = measure();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let value = json!({
            "runs": sample.runs, "p50_us": micros(sample.p50), "p99_us": micros(sample.p99), "max_us": micros(sample.max)
        });
        self.row(&format!("{name} [{variant}]"), &sample.to_string(), value);
    }

    fn per_ticket(&mut self, name: &str, bytes: usize, tickets: u64) {
        let each = bytes as f64 / tickets as f64;
        self.row(name, &format!("{:>9.1} MB {each:>9.2} bytes per ticket", bytes as f64 / 1e6), json!(each));
    }

    fn parts(&mut self, stats: &Stats, tickets: u64) {
        for (part, bytes) in stats.memory() {
            self.per_ticket(&format!("heap: {part}"), bytes.heap, tickets);
            if bytes.mapped > 0 {
                self.per_ticket(&format!("mapped: {part}"), bytes.mapped, tickets);
            }
        }
        let all: PartBytes = stats.memory().into_iter().map(|(_, bytes)| bytes).sum();
        self.per_ticket("heap: all", all.heap, tickets);
        self.per_ticket("mapped: all", all.mapped, tickets);
    }

    fn memory(&mut self, when: &str) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for what in ["VmRSS", "RssAnon", "RssFile", "VmHWM"] {
            let line = status.lines().find(|line| line.starts_with(what));
            let kilobytes: f64 = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(f64::NAN);
            self.row(&format!("{what} {when}"), &format!("{:>9.1} MB", kilobytes / 1024.0), json!(kilobytes * 1024.0));
        }
    }
}

/// What all threads of this process have used so far, in steps of 10 ms: steadier than a clock on a machine that others
/// use too.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold blanks; user and system time are the 12th and 13th word after it.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn rate(tickets: u64, time: Duration) -> f64 {
    tickets as f64 / time.as_secs_f64()
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).expect("the disk fits the address space")
}
