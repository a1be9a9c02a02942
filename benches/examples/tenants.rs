//! What thousands of tenants cost one server, of which few are asked at a time.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example tenants -- [TENANTS] [TICKETS OF EACH]
//! ```
//!
//! Data: 2,000 tenants of 50 tickets of the demo's help desk each, unless said otherwise, with words and the demo's whole
//! directory of more than a thousand people. They are made by one process and served by another, which begins with all of
//! them closed: what it holds is its own. Unit: as each row says; resident memory and threads are those of the whole
//! process, clients included. `cold` is the first question to a tenant, over HTTP on one connection, which opens it; the
//! files are in the memory of the system. `hot` is a question to an open one, alone and while another client opens cold ones
//! all the time. Rows of touched tenants show the bound: the engine keeps so many open and closes the one asked for longest
//! ago. The last line is all of it as JSON.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use ticketscope_benches::{Client, Sample, Served, client::post, sample::shown};
use ticketscope_demo::{BRUNO, HelpDesk};
use ticketscope_engine::{Engine, Options, storage::TenantId};
use ticketscope_model::Timestamp;
use ticketscope_server::{Clock, Config, Limits};

/// The moment at which the desks are made and asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const TENANTS: u32 = 2_000;
const TICKETS: u32 = 50;
/// The first argument of the process that serves.
const SERVE: &str = "serve";
/// Questions to a tenant that is open.
const HOT: usize = 2_000;
/// How long the words of a tenant may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(5);

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [first, dir, tenants] = &args[..]
        && first == SERVE
    {
        serve(Path::new(dir), number(tenants));
        return;
    }
    let tenants = args.first().map_or(TENANTS, |text| number(text));
    let tickets = args.get(1).map_or(TICKETS, |text| number(text));
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let began = Instant::now();
    make(dir.path(), tenants, tickets);
    println!("{tenants} tenants of {tickets} tickets made in {}", shown(began.elapsed()));
    let own = env::current_exe().expect("the program has a path");
    let served = Command::new(own).arg(SERVE).arg(dir.path()).arg(tenants.to_string()).status();
    assert!(served.expect("the program can be run again").success(), "the server fails");
}

fn number(text: &str) -> u32 {
    text.replace('_', "").parse().expect("a number")
}

fn name(number: u32) -> String {
    format!("tenant-{number:05}")
}

fn id(number: u32) -> TenantId {
    TenantId::parse(&name(number)).expect("a name")
}

fn make(dir: &Path, tenants: u32, tickets: u32) {
    let engine = Engine::open(dir).expect("a data directory");
    for at in 0..tenants {
        let tenant = engine.create_tenant(&id(at)).expect("a tenant");
        let desk = HelpDesk::new(u64::from(at), tickets, NOW);
        let changes = [desk.setup(), desk.tickets(0..tickets)].concat();
        let ack = tenant.submit(changes).expect("the disk has room");
        assert!(tenant.wait_for_text(ack.opstamp, PATIENCE), "the words are indexed");
    }
    engine.close().expect("checkpoints are written");
}

/// Rows as they come, kept for the JSON line.
#[derive(Default)]
struct Report(Map<String, Value>);

impl Report {
    fn memory(&mut self, when: &str) {
        let (resident, threads) = (status("VmRSS"), status("Threads"));
        println!("{when:<44} {:>9.1} MiB resident, {threads} threads", resident as f64 / 1024.0);
        self.0.insert(when.to_owned(), json!({"resident_kib": resident, "threads": threads}));
    }

    fn times(&mut self, what: &str, times: Vec<Duration>) {
        let sample = Sample::of(times);
        println!("{what:<44} {sample}");
        let us = |time: Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
        let Sample { runs, p50, p99, max } = sample;
        self.0.insert(what.to_owned(), json!({"p50_us": us(p50), "p99_us": us(p99), "max_us": us(max), "runs": runs}));
    }
}

/// A number that the system tells of this process.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("the system tells of its processes");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.expect("a number")
}

fn serve(dir: &Path, tenants: u32) {
    let mut report = Report::default();
    report.memory("before anything");
    let began = Instant::now();
    let engine = Arc::new(Engine::open(dir).expect("the data directory"));
    let limits = Limits { queue_wait: Duration::from_secs(10), ..Limits::default() };
    let served = Served::start(&engine, |config| Config { clock: Clock::new(|| NOW), limits, ..config });
    println!("{:<44} {}", "ready to serve after", shown(began.elapsed()));
    report.0.insert("ready_us".to_owned(), json!(began.elapsed().as_micros()));
    report.memory("all cold");
    let bound = u32::try_from(Options::default().max_open_tenants).expect("few");
    println!("{:<44} {bound}", "tenants kept open at most");
    let mut client = Client::connect(served.address).expect("the server listens");
    let ask = |client: &mut Client, at: u32| {
        let path = format!("/v1/tenants/{}/count", name(at));
        let request = post(&served.key, BRUNO, &path, "{\"query\":\"status:open\"}");
        let start = Instant::now();
        let status = client.ask(&request).expect("the server answers");
        let took = start.elapsed();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(client.body()));
        took
    };
    // As many as may be open at once, then all the others, each of which closes another one.
    let mut next = 0;
    for until in [1, 10, 100, bound, bound * 2, tenants].into_iter().map(|until| until.min(tenants)) {
        if until <= next {
            continue;
        }
        let times = (next..until).map(|at| ask(&mut client, at)).collect();
        report.times(&format!("cold, tenants {} to {until}", next + 1), times);
        report.memory(&format!("{until} tenants touched"));
        next = until;
    }
    let last = tenants - 1;
    report.times("hot", (0..HOT).map(|_| ask(&mut client, last)).collect());
    let ends = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let mut client = Client::connect(served.address).expect("the server listens");
            let mut opened = 0;
            for at in (0..last).cycle() {
                if ends.load(Ordering::Relaxed) {
                    return opened;
                }
                ask(&mut client, at);
                opened += 1;
            }
            opened
        });
        let times = (0..HOT).map(|_| ask(&mut client, last)).collect();
        ends.store(true, Ordering::Relaxed);
        let opened = opening.join().expect("the other client ends well");
        println!("{:<44} {opened}", "opened beside the next row");
        times
    });
    report.times("hot, while others are opened", times);
    println!("{}", json!({"tenants": tenants, "kept_open": bound, "rows": report.0}));
    drop(client);
    served.stop();
    engine.close().expect("checkpoints are written");
}
