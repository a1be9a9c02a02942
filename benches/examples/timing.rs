//! Whether the time of an answer tells what is hidden: three questions about something hidden and something that does not
//! exist, asked over HTTP on loopback in pairs, each pair in random order.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example timing -- [PAIRS]
//! ```
//!
//! For each question it prints the means and standard deviations of both times and the effect size between them, Cohen's d.
//! It exits with 1 if an effect is 0.06 or larger.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::{
    fmt::Write as _,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use ticketscope_benches::{Client, Served, client::get};
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Timestamp};
use ticketscope_server::{Clock, Config};

/// The moment at which everything is asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const SEED: u64 = 7;
/// Pairs of a question unless a number is given.
const PAIRS: usize = 10_000;
/// Pairs before those that are measured.
const WARM: usize = 500;
/// The effect from which on a question fails.
const LARGEST_EFFECT: f64 = 0.06;
/// Tickets that ann sees, and as many that she does not see.
const TICKETS: u32 = 5_000;
/// How long the words may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(5);

/// A question about something hidden, and one about nothing.
struct Probe {
    name: &'static str,
    hidden: &'static str,
    absent: &'static str,
    /// Of both answers.
    status: u16,
}

const PROBES: [Probe; 3] = [
    Probe { name: "a hidden ticket, an absent one", hidden: "tickets/7501", absent: "tickets/9999901", status: 404 },
    Probe {
        name: "a word of hidden tickets, of none",
        hidden: "search?query=unspeakable",
        absent: "search?query=unimagined",
        status: 200,
    },
    Probe {
        name: "a hidden suggestion, none",
        hidden: "suggest?prefix=unspeak",
        absent: "suggest?prefix=unimagi",
        status: 200,
    },
];

fn main() -> ExitCode {
    let pairs = match std::env::args().nth(1) {
        Some(text) => text.replace('_', "").parse().expect("how many pairs"),
        None => PAIRS,
    };
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let engine = Arc::new(Engine::open(dir.path()).expect("a data directory"));
    desk(&engine);
    let served = Served::start(&engine, |config| Config { clock: Clock::new(|| NOW), ..config });
    let mut rng = Rng::with_seed(SEED);
    let mut client = Client::connect(served.address).expect("the server listens");
    let mut passed = true;
    println!("{:<36} {:>11} {:>9} {:>11} {:>9} {:>8}", "", "hidden us", "sd", "absent us", "sd", "d");
    for probe in PROBES {
        let requests =
            [probe.hidden, probe.absent].map(|path| get(&served.key, "ann", &format!("/v1/tenants/acme/{path}")));
        drop(measure(&mut client, &requests, probe.status, WARM, &mut rng));
        let [hidden, absent] =
            measure(&mut client, &requests, probe.status, pairs, &mut rng).map(|times| Spread::of(&times));
        let effect = hidden.effect(&absent);
        let verdict = if effect.abs() < LARGEST_EFFECT { "" } else { "  TOO LARGE" };
        passed &= verdict.is_empty();
        println!(
            "{:<36} {:>11.1} {:>9.1} {:>11.1} {:>9.1} {effect:>8.4}{verdict}",
            probe.name, hidden.mean, hidden.deviation, absent.mean, absent.deviation
        );
    }
    drop(client);
    served.stop();
    engine.close().expect("a checkpoint is written");
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A help desk of which ann sees one half, and of the other half each ticket says what hers never say.
fn desk(engine: &Engine) {
    let tenant = engine.create_tenant(&TenantId::parse("acme").expect("a name")).expect("a tenant");
    let mut lines = [
        r#"{"k":"role","id":"agent","view":"group in my.groups"}"#,
        r#"{"k":"principal","id":"ann","role":"agent","active":true}"#,
        r#"{"k":"rel","principal":"ann","rel":"groups","value":"hers"}"#,
    ]
    .join("\n");
    for id in 0..2 * TICKETS {
        let (group, word) = if id < TICKETS { ("hers", "speakable") } else { ("theirs", "unspeakable") };
        write!(
            lines,
            "\n{{\"k\":\"ticket\",\"id\":{id},\"group\":\"{group}\",\"status\":\"open\"}}\n\
             {{\"k\":\"text\",\"ticket\":{id},\"part\":\"s\",\"class\":\"subject\",\"body\":\"ticket {word} {id}\"}}"
        )
        .expect("a text takes everything");
    }
    let parser = Parser::new(Format::ScopeJsonl, &|_| false);
    let mut changes: Vec<Change> = Vec::new();
    for chunk in Chunks::new(lines.as_bytes()).expect("lines") {
        let read = parser.lines(&chunk.expect("a chunk")).into_iter();
        changes.extend(read.map(|line| line.change.expect("a change")));
    }
    tenant.submit(changes).expect("tickets");
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "the words are indexed");
}

/// Times of both requests in microseconds, asked in turn, who goes first by chance.
fn measure(client: &mut Client, requests: &[Vec<u8>; 2], expected: u16, pairs: usize, rng: &mut Rng) -> [Vec<f64>; 2] {
    let mut times = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
    for _ in 0..pairs {
        let first = rng.usize(..2);
        for which in [first, 1 - first] {
            // Not in step with the timers of the server.
            std::thread::sleep(Duration::from_micros(rng.u64(..300)));
            let began = Instant::now();
            let status = client.ask(&requests[which]).expect("the server answers");
            times[which].push(began.elapsed().as_secs_f64() * 1e6);
            assert_eq!(status, expected, "{}", String::from_utf8_lossy(&requests[which]));
        }
    }
    times
}

/// Mean and standard deviation.
struct Spread {
    mean: f64,
    deviation: f64,
}

impl Spread {
    fn of(times: &[f64]) -> Self {
        let count = times.len().max(2) as f64;
        let mean = times.iter().sum::<f64>() / count;
        let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (count - 1.0)).sqrt() }
    }

    /// Cohen's d: the distance of the means in pooled standard deviations.
    fn effect(&self, other: &Self) -> f64 {
        let pooled = f64::midpoint(self.deviation.powi(2), other.deviation.powi(2)).sqrt();
        (self.mean - other.mean) / pooled
    }
}
