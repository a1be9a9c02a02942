//! A server that is asked for more than it can do: how much it still answers, how early, and how it refuses the rest.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example overload -- [SECONDS] [TICKETS]
//! ```
//!
//! The server is a process of its own, kept on the last core of the machine with `taskset`; clients are kept on the first
//! one, so that neither takes the other's time. First the peak is looked for: clients that each wait for their answer before
//! they ask again, more and more of them. Then requests are sent at fixed times on many connections, whatever becomes of the
//! ones before: at parts of the peak and at the peak, which shows how many good answers such clients get at best (an answer
//! costs more where each comes on another connection), and at twice and at ten times the peak. A request that finds all
//! connections busy is sent late, and its time counts from when it should have been sent; one that would be a second late is
//! not sent. *Good* answers are those with `200`, counted over the time until the last one; beside their number stands that
//! for each second that the server had of its core, since others may use the machine.
//!
//! Then a quiet tenant is asked now and then, alone and beside a noisy one that is asked for twice the peak. The last line is
//! all of it as JSON.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use parking_lot::Mutex;
use serde_json::{Value, json};
use ticketscope_benches::{Client, Served, client::post, sample::shown};
use ticketscope_demo::{ANA, BRUNO, CHLOE, ERIN, FARID, GOSIA, HUGO, HelpDesk};
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_model::Timestamp;
use ticketscope_server::{Clock, Config};

/// The moment at which the desks are made and asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const SEED: u64 = 7;
/// How long the words may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(30);
/// Clients that look for the peak.
const CLOSED: [usize; 4] = [2, 4, 8, 16];
/// Connections that requests are sent on at fixed times.
const CONNECTIONS: usize = 448;
/// How late a request may be sent.
const LATEST: Duration = Duration::from_secs(1);
/// Time between two questions to the quiet tenant.
const QUIET: Duration = Duration::from_millis(5);
/// Requests that are drawn before anything is measured.
const DRAWN: usize = 4096;
/// Ticks of the processor's clock in a second, as `/proc` counts them.
const TICKS: f64 = 100.0;

const PEOPLE: [&str; 7] = [BRUNO, CHLOE, ERIN, FARID, GOSIA, HUGO, ANA];
const WORDS: [&str; 4] = ["invoice", "refund invoice", "\"does not\"", "reembolso"];
const FILTERS: [&str; 4] = ["status:open", "priority>=high status<solved", "tags:vip", "created>30days"];

/// What the server process is told instead of seconds.
const SERVE: &str = "serve";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        let given = arguments.get(at).map(|text| text.replace('_', "").parse().expect("a number"));
        given.unwrap_or(default)
    };
    if arguments.first().is_some_and(|first| first == SERVE) {
        return serve(u32::try_from(number(1, 0)).expect("a number of tickets"));
    }
    let (span, tickets) = (Duration::from_secs(number(0, 10)), number(1, 20_000));
    let process = Process::start(tickets);
    let requests = |tenant: &str| draw(&process.key, tenant);
    let (noisy, quiet) = (requests("noisy"), requests("quiet"));
    let rss = process.rss();
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}  cpu",
        "", "sent/s", "good/s", "refused", "good p50", "p99", "refuse p99"
    );
    let mut rows = Vec::new();
    let (mut peak, mut peak_of_core): (f64, f64) = (0.0, 0.0);
    // The first round warms everything up.
    closed(&process, &noisy, 4, span);
    for clients in CLOSED {
        let phase = closed(&process, &noisy, clients, span);
        rows.push(phase.row(&format!("{clients} clients")));
        if phase.goodput() > peak {
            (peak, peak_of_core) = (phase.goodput(), phase.goodput_of_core());
        }
    }
    println!("peak: {peak:.0} good answers a second");
    let mut sustained: f64 = 0.0;
    for (name, times) in
        [("half the peak", 0.5), ("0.6 of it", 0.6), ("0.7", 0.7), ("0.8", 0.8), ("0.9", 0.9), ("once", 1.0)]
    {
        let phase = open(&process, &noisy, peak * times, span);
        rows.push(phase.row(name));
        sustained = sustained.max(phase.goodput());
    }
    println!("peak at fixed times: {sustained:.0} good answers a second");
    let mut kept = Vec::new();
    for (name, times) in [("twice", 2.0), ("ten times", 10.0)] {
        let phase = open(&process, &noisy, peak * times, span);
        rows.push(phase.row(name));
        let of_sustained = phase.goodput() / sustained;
        let (of_peak, of_core) = (phase.goodput() / peak, phase.goodput_of_core() / peak_of_core);
        let back = process.recovers(&quiet);
        println!(
            "{:>24} {of_sustained:.3} of the peak at fixed times, {of_peak:.3} of the peak, {of_core:.3} by core; normal after {}",
            "",
            shown(back)
        );
        kept.push(json!({
            "offered": times, "goodput_over_peak_at_fixed_times": of_sustained, "goodput_over_peak": of_peak,
            "goodput_over_peak_by_core": of_core, "normal_after_us": us(back),
        }));
    }
    let alone = now_and_then(&process, &quiet, span);
    let loud = AtomicBool::new(true);
    let beside = thread::scope(|scope| {
        let loudest = scope.spawn(|| {
            while loud.load(Relaxed) {
                open(&process, &noisy, peak * 2.0, Duration::from_secs(1));
            }
        });
        let beside = now_and_then(&process, &quiet, span);
        loud.store(false, Relaxed);
        loudest.join().expect("the noise ends");
        beside
    });
    rows.push(alone.row("quiet, alone"));
    rows.push(beside.row("quiet, beside noise"));
    let (after, most) = (process.rss(), process.most_rss());
    println!("resident: {} MiB before, {} after, {} at most", rss >> 20, after >> 20, most >> 20);
    let memory = json!({"before": rss, "after": after, "most": most});
    println!(
        "{}",
        json!({"tickets": tickets, "peak": peak, "peak_at_fixed_times": sustained, "kept": kept, "rows": rows, "resident": memory})
    );
}

/// The server: says where it listens and its key, and ends with its input.
fn serve(tickets: u32) {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let engine = Arc::new(Engine::open(dir.path()).expect("a data directory"));
    for name in ["noisy", "quiet"] {
        let tenant = engine.create_tenant(&TenantId::parse(name).expect("a name")).expect("a tenant");
        let desk = HelpDesk::new(SEED, tickets, NOW);
        tenant.submit(desk.setup()).expect("a directory");
        for batch in desk.batches(5_000) {
            tenant.submit(batch).expect("tickets");
        }
        assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "the words are indexed");
    }
    let served = Served::start(&engine, |config| Config { clock: Clock::new(|| NOW), ..config });
    println!("{} {}", served.address, served.key);
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the input ends");
    served.stop();
    engine.close().expect("a checkpoint is written");
}

/// The process of the server.
struct Process {
    child: Child,
    address: SocketAddr,
    key: String,
}

impl Process {
    fn start(tickets: u64) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let own = std::env::current_exe().expect("this program");
        let mut child = Command::new("taskset")
            .args(["-c", &(cores - 1).to_string()])
            .arg(own)
            .args([SERVE, &tickets.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is installed");
        let this = std::process::id().to_string();
        let pinned = Command::new("taskset").args(["-a", "-cp", "0", &this]).stdout(Stdio::null()).status();
        assert!(pinned.expect("taskset is installed").success());
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the server says where it is");
        let (address, key) = line.trim().split_once(' ').expect("an address and a key");
        Self { child, address: address.parse().expect("an address"), key: key.to_owned() }
    }

    fn client(&self) -> Client {
        Client::connect(self.address).expect("the server listens")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the system tells");
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().expect("kilobytes") << 10
    }

    fn rss(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn most_rss(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// How long it takes until questions that come one by one are answered well, each within ten milliseconds, ten times on
    /// end.
    fn recovers(&self, requests: &[Vec<u8>]) -> Duration {
        let began = Instant::now();
        let (mut client, mut well, mut at) = (self.client(), 0, 0);
        while well < 10 {
            let start = Instant::now();
            let is_good = client.ask(&requests[at % requests.len()]).is_ok_and(|status| status == 200);
            well = if is_good && start.elapsed() < Duration::from_millis(10) { well + 1 } else { 0 };
            at += 1;
            assert!(began.elapsed() < Duration::from_mins(1), "the server does not recover");
        }
        began.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// Time that a process has had of its core so far, in seconds.
fn cpu(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program, which may hold anything, ends with the last bracket.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / TICKS
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn draw(key: &str, tenant: &str) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(SEED);
    let request = |rng: &mut Rng| {
        let filter = FILTERS[rng.usize(..FILTERS.len())];
        let (route, params) = match rng.u32(..4) {
            0 => ("search", json!({"query": WORDS[rng.usize(..WORDS.len())], "limit": 20})),
            1 => ("count", json!({"query": filter})),
            2 => ("search", json!({"query": filter, "limit": 20})),
            _ => ("facets", json!({"query": filter, "field": ["status", "group"]})),
        };
        let principal = PEOPLE[rng.usize(..PEOPLE.len())];
        post(key, principal, &format!("/v1/tenants/{tenant}/{route}"), &params.to_string())
    };
    (0..DRAWN).map(|_| request(&mut rng)).collect()
}

/// What became of the requests of one phase.
#[derive(Debug, Default)]
struct Phase {
    good: Vec<Duration>,
    refused: Vec<Duration>,
    /// Connections that broke.
    broken: usize,
    /// Not sent, because all connections were busy for too long.
    unsent: u64,
    took: Duration,
    /// Parts of a core that the server and the clients had.
    cpu: [f64; 2],
}

impl Phase {
    fn add(&mut self, other: Self) {
        self.good.extend(other.good);
        self.refused.extend(other.refused);
        self.broken += other.broken;
    }

    /// Asks once. The time of a good answer counts from `since`, that of a refusal from when it was sent.
    fn ask(&mut self, client: &mut Client, process: &Process, request: &[u8], since: Instant) {
        let sent = Instant::now();
        match client.ask(request) {
            Ok(200) => self.good.push(since.elapsed()),
            Ok(429 | 503) => self.refused.push(sent.elapsed()),
            Ok(status) => panic!("{status}: {}", String::from_utf8_lossy(request)),
            Err(_) => {
                self.broken += 1;
                *client = process.client();
            }
        }
    }

    fn goodput(&self) -> f64 {
        self.good.len() as f64 / self.took.as_secs_f64()
    }

    /// Good answers for each second of a core that the server had: what tells on a machine that others use, too.
    fn goodput_of_core(&self) -> f64 {
        self.goodput() / self.cpu[0]
    }

    fn row(&self, name: &str) -> Value {
        let at = |times: &[Duration], part: f64| {
            let mut times = times.to_vec();
            times.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
            let place = (times.len() as f64 * part) as usize;
            times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let (p50, p99, refuse) = (at(&self.good, 0.5), at(&self.good, 0.99), at(&self.refused, 0.99));
        let sent = (self.good.len() + self.refused.len() + self.broken) as f64 / self.took.as_secs_f64();
        println!(
            "{name:<24} {sent:>9.0} {:>9.0} {:>9} {:>10} {:>10} {:>10}  server {:.2}, clients {:.2}; {} unsent, {} broken",
            self.goodput(),
            self.refused.len(),
            shown(p50),
            shown(p99),
            shown(refuse),
            self.cpu[0],
            self.cpu[1],
            self.unsent,
            self.broken,
        );
        json!({
            "name": name, "sent_per_s": sent, "good_per_s": self.goodput(), "refused": self.refused.len(),
            "good_p50_us": us(p50), "good_p99_us": us(p99),
            "refuse_p99_us": us(refuse), "unsent": self.unsent, "broken": self.broken, "cpu": self.cpu,
        })
    }
}

/// Runs `work` on so many threads and puts together what each says.
fn together(process: &Process, threads: usize, work: impl Fn(usize) -> Phase + Sync) -> Phase {
    let (whole, ready) = (Mutex::new(Phase::default()), Barrier::new(threads + 1));
    let mut began = Instant::now();
    let processes = [process.child.id(), std::process::id()];
    let before = processes.map(cpu);
    thread::scope(|scope| {
        for number in 0..threads {
            let (whole, ready, work) = (&whole, &ready, &work);
            scope.spawn(move || {
                ready.wait();
                let part = work(number);
                whole.lock().add(part);
            });
        }
        ready.wait();
        began = Instant::now();
    });
    let mut whole = whole.into_inner();
    whole.took = began.elapsed();
    let after = processes.map(cpu);
    whole.cpu = [0, 1].map(|at| (after[at] - before[at]) / whole.took.as_secs_f64());
    whole
}

/// Clients that wait for their answer before they ask again.
fn closed(process: &Process, requests: &[Vec<u8>], clients: usize, span: Duration) -> Phase {
    together(process, clients, |number| {
        let (mut rng, mut client, mut phase) = (Rng::with_seed(number as u64), process.client(), Phase::default());
        let began = Instant::now();
        while began.elapsed() < span {
            phase.ask(&mut client, process, &requests[rng.usize(..requests.len())], Instant::now());
        }
        phase
    })
}

/// Requests at fixed times.
fn open(process: &Process, requests: &[Vec<u8>], per_second: f64, span: Duration) -> Phase {
    let (next, unsent) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now() + Duration::from_millis(200);
    let mut phase = together(process, CONNECTIONS, |_| {
        let (mut client, mut phase) = (process.client(), Phase::default());
        loop {
            let number = next.fetch_add(1, Relaxed);
            let due = Duration::from_secs_f64(number as f64 / per_second);
            if due >= span {
                return phase;
            }
            let due_at = began + due;
            let now = Instant::now();
            if now > due_at + LATEST {
                unsent.fetch_add(1, Relaxed);
                continue;
            }
            thread::sleep(due_at.saturating_duration_since(now));
            let request = &requests[usize::try_from(number).unwrap_or_default() % requests.len()];
            phase.ask(&mut client, process, request, due_at);
        }
    });
    phase.unsent = unsent.into_inner();
    // What was sent late was answered after the span.
    let (whole, took) = (phase.took, began.elapsed().max(span));
    phase.cpu = phase.cpu.map(|part| part * whole.as_secs_f64() / took.as_secs_f64());
    phase.took = took;
    phase
}

/// One client that asks now and then.
fn now_and_then(process: &Process, requests: &[Vec<u8>], span: Duration) -> Phase {
    together(process, 1, |_| {
        let (mut rng, mut client, mut phase) = (Rng::with_seed(SEED), process.client(), Phase::default());
        let began = Instant::now();
        while began.elapsed() < span {
            phase.ask(&mut client, process, &requests[rng.usize(..requests.len())], Instant::now());
            thread::sleep(QUIET);
        }
        phase
    })
}
