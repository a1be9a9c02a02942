//! What HTTP adds: a help desk served on loopback, asked by 1, 4, 16 and 64 clients that each wait for their answer before
//! they ask again, beside the same questions asked inside the process; a new connection for every question beside one that
//! is kept; and 1, 8 and 32 questions in one request beside as many requests.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example http -- [TICKETS]
//! ```
//!
//! Clients and server share the machine, so a row with more clients than cores tells how the server queues rather than how
//! it scales. A client is a blocking socket; a time is from the first byte sent (or, with a new connection, from its
//! beginning) to the last one read, and what is refused is counted apart. Everything is warm, and answers that are held
//! back for what their time could tell are held back here, too: several in one request as long as one after the other.
//! The last line is all of it as JSON.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::{
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::{Value, json};
use ticketscope_benches::{Client, Served, client::post, sample::shown};
use ticketscope_demo::{ANA, BRUNO, CHLOE, ERIN, FARID, GOSIA, HUGO, HelpDesk};
use ticketscope_engine::{
    Engine, Tenant,
    query::{
        FieldValue, Page, Snippets, Start, count, facets, list,
        parse::{Context, parse},
    },
    storage::TenantId,
};
use ticketscope_model::{Timestamp, fields};
use ticketscope_server::{Clock, Config, Limits};

/// The moment at which the desk is made and asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const SEED: u64 = 7;
/// Tickets that become durable together.
const BATCH: u32 = 5_000;
/// How long the words may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(30);
/// How long one row is measured.
const ROW: Duration = Duration::from_secs(2);
const CLIENTS: [usize; 4] = [1, 4, 16, 64];
/// Questions of one request.
const TOGETHER: [usize; 3] = [1, 8, 32];
/// Rows of a page.
const LIMIT: u32 = 20;

/// Who asks: nobody of them sees everything but the last.
const PEOPLE: [&str; 7] = [BRUNO, CHLOE, ERIN, FARID, GOSIA, HUGO, ANA];
const WORDS: [&str; 6] =
    ["invoice", "refund invoice", "\"does not\"", "deliver*", "reembolso", "invoice -refund status<solved"];
const FILTERS: [&str; 4] = ["status:open", "priority>=high status<solved", "tags:vip", "created>30days"];

/// A kind of question.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Words,
    Count,
    List,
    Facets,
    /// One of the others, each as often.
    Any,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Words, "search with words"),
    (Kind::Count, "count"),
    (Kind::List, "filtered list"),
    (Kind::Facets, "facets"),
    (Kind::Any, "all of them"),
];

/// A question, drawn.
#[derive(Debug)]
struct Asked {
    kind: Kind,
    principal: &'static str,
    query: &'static str,
}

impl Asked {
    fn draw(kind: Kind, rng: &mut Rng) -> Self {
        let kind = match kind {
            Kind::Any => [Kind::Words, Kind::Count, Kind::List, Kind::Facets][rng.usize(..4)],
            other => other,
        };
        let queries: &[&str] = if matches!(kind, Kind::Words) { &WORDS } else { &FILTERS };
        Self { kind, principal: PEOPLE[rng.usize(..PEOPLE.len())], query: queries[rng.usize(..queries.len())] }
    }

    /// The route, and the question as its parameters.
    fn wire(&self) -> (&'static str, Value) {
        match self.kind {
            Kind::Words | Kind::List | Kind::Any => ("search", json!({"query": self.query, "limit": LIMIT})),
            Kind::Count => ("count", json!({"query": self.query})),
            Kind::Facets => ("facets", json!({"query": self.query, "field": ["status", "group"]})),
        }
    }

    /// The request as bytes.
    fn request(&self, key: &str) -> Vec<u8> {
        let (route, params) = self.wire();
        post(key, self.principal, &format!("/v1/tenants/demo/{route}"), &params.to_string())
    }

    /// As one of several.
    fn part(&self) -> Value {
        let (route, mut params) = self.wire();
        params["ask"] = json!(route);
        params
    }

    /// Answers it as the server does, without HTTP and JSON.
    fn answer(&self, tenant: &Tenant) -> usize {
        let view = tenant.view().expect("the desk can be read");
        let snapshot = view.snapshot();
        let access = snapshot.access(self.principal).expect("everybody asked for is of the desk");
        let context = Context::new(snapshot.schema(), NOW).asked_by(self.principal);
        let query = parse(self.query, &context).expect("the queries are well written");
        match self.kind {
            Kind::Count => count(snapshot, &access, &query).expect("a count") as usize,
            Kind::Facets => {
                let (total, _) =
                    facets(snapshot, &access, &query, &[fields::STATUS, fields::GROUP], 10).expect("facets");
                total as usize
            }
            Kind::Words | Kind::List | Kind::Any => {
                let page = Page { start: Start::First, limit: LIMIT, asker: self.principal.to_owned(), now: NOW };
                let listing = list(snapshot, &access, &query, &page).expect("a list");
                let mut snippets = Snippets::new(snapshot, &access, &query);
                let shown = listing.hits.iter().map(|hit| {
                    let ord = snapshot.index().find(&hit.key).expect("a hit is of the index");
                    let parts = view.parts(ord).expect("the texts can be read");
                    let snippet = snippets.as_mut().and_then(|snippets| snippets.of(ord, &parts));
                    let values = hit.fields.iter().flat_map(|(_, values)| values);
                    let texts = values.filter(|value| matches!(value, FieldValue::Keyword(_))).count();
                    texts + snippet.map_or(0, |snippet| snippet.text.len())
                });
                shown.sum()
            }
        }
    }
}

fn main() {
    let tickets: u32 = match std::env::args().nth(1) {
        Some(text) => text.replace('_', "").parse().expect("how many tickets"),
        None => 50_000,
    };
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let engine = Arc::new(Engine::open(dir.path()).expect("a data directory"));
    let tenant = desk(&engine, tickets);
    // Nobody is refused: what waits is part of the measured time.
    let limits = Limits { queue_wait: Duration::from_secs(10), ..Limits::default() };
    let served = Served::start(&engine, |config| Config { clock: Clock::new(|| NOW), limits, ..config });
    println!("{:<18} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}", "", "", "p50", "p99", "p99.9", "per s", "refused");
    let (mut rows, mut wire) = (Vec::new(), Vec::new());
    for (kind, name) in KINDS {
        let inside = inside(&tenant, kind);
        rows.push(row(name, "in process", &inside));
        for clients in CLIENTS {
            let times = over_http(&served, kind, clients, Connections::Kept);
            rows.push(row(name, &format!("{clients} http"), &times));
            if clients == 1 {
                wire.push((name, inside.at(500), times.at(500)));
            }
        }
        rows.push(row(name, "1 http new", &over_http(&served, kind, 1, Connections::New)));
    }
    println!("\n{:<18} {:>12} {:>12} {:>12}   medians of one client", "the wire adds", "in process", "http", "added");
    for (name, inside, http) in &wire {
        let added = http.saturating_sub(*inside);
        println!("{name:<18} {:>12} {:>12} {:>12}", shown(*inside), shown(*http), shown(added));
    }
    println!(
        "\n{:<18} {:>10} {:>12} {:>12} {:>8}   medians of one client",
        "in one request", "questions", "together", "apart", "ratio"
    );
    let together: Vec<Value> = KINDS
        .iter()
        .flat_map(|(kind, name)| TOGETHER.map(|count| (*kind, *name, count)))
        .map(|(kind, name, count)| together(&served, kind, name, count))
        .collect();
    let wire: Vec<Value> = wire
        .iter()
        .map(|(name, inside, http)| json!({"kind": name, "in_process_us": us(*inside), "http_us": us(*http)}))
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}", json!({"tickets": tickets, "cores": cores, "rows": rows, "wire": wire, "together": together}));
    served.stop();
    drop(tenant);
    engine.close().expect("a checkpoint is written");
}

/// The demo desk, its words indexed.
fn desk(engine: &Engine, tickets: u32) -> Arc<Tenant> {
    let began = Instant::now();
    let tenant = engine.create_tenant(&TenantId::parse("demo").expect("a name")).expect("a tenant");
    let desk = HelpDesk::new(SEED, tickets, NOW);
    tenant.submit(desk.setup()).expect("a directory");
    for batch in desk.batches(BATCH) {
        tenant.submit(batch).expect("tickets");
    }
    let stored = began.elapsed();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "the words are indexed");
    let searchable = began.elapsed();
    println!("{tickets} tickets: durable after {}, searchable after {}", shown(stored), shown(searchable));
    tenant
}

/// Times of answered questions, and how many were refused, in so much time.
#[derive(Debug, Default)]
struct Times {
    answered: Vec<Duration>,
    refused: usize,
    took: Duration,
}

fn inside(tenant: &Tenant, kind: Kind) -> Times {
    let (mut rng, mut times) = (Rng::with_seed(SEED), Times::default());
    for _ in 0..PEOPLE.len() * WORDS.len() {
        std::hint::black_box(Asked::draw(kind, &mut rng).answer(tenant));
    }
    let began = Instant::now();
    while began.elapsed() < ROW {
        let asked = Asked::draw(kind, &mut rng);
        let start = Instant::now();
        std::hint::black_box(asked.answer(tenant));
        times.answered.push(start.elapsed());
    }
    times.took = began.elapsed();
    times
}

/// Whether a client keeps its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connections {
    Kept,
    /// A new one for every question.
    New,
}

fn over_http(served: &Served, kind: Kind, clients: usize, connections: Connections) -> Times {
    let ready = Barrier::new(clients);
    let client = |number: usize| {
        let mut rng = Rng::with_seed(SEED + number as u64);
        let connect = || Client::connect(served.address).expect("the server listens");
        let mut client = connect();
        let mut times = Times::default();
        ready.wait();
        let began = Instant::now();
        while began.elapsed() < ROW {
            let request = Asked::draw(kind, &mut rng).request(&served.key);
            let start = Instant::now();
            if connections == Connections::New {
                client = connect();
            }
            match client.ask(&request).expect("the server answers") {
                200 => times.answered.push(start.elapsed()),
                503 => times.refused += 1,
                status => panic!("{status}: {}", String::from_utf8_lossy(&request)),
            }
        }
        times.took = began.elapsed();
        times
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        let mut all = Times::default();
        for running in running {
            let times = running.join().expect("a client ends well");
            all.answered.extend(times.answered);
            all.refused += times.refused;
            all.took = all.took.max(times.took);
        }
        all
    })
}

/// Times of `count` questions of one principal in one request, and in as many.
fn together(served: &Served, kind: Kind, name: &str, count: usize) -> Value {
    let mut rng = Rng::with_seed(SEED);
    let mut client = Client::connect(served.address).expect("the server listens");
    let mut ask = |request: &[u8]| assert_eq!(client.ask(request).expect("the server answers"), 200);
    let (mut together, mut apart) = (Times::default(), Times::default());
    let began = Instant::now();
    while began.elapsed() < ROW {
        let principal = PEOPLE[rng.usize(..PEOPLE.len())];
        let questions: Vec<Asked> = (0..count).map(|_| Asked { principal, ..Asked::draw(kind, &mut rng) }).collect();
        let body = json!({"questions": questions.iter().map(Asked::part).collect::<Value>()}).to_string();
        let whole = post(&served.key, principal, "/v1/tenants/demo/multi", &body);
        let singles: Vec<Vec<u8>> = questions.iter().map(|asked| asked.request(&served.key)).collect();
        let start = Instant::now();
        ask(&whole);
        together.answered.push(start.elapsed());
        let start = Instant::now();
        for single in &singles {
            ask(single);
        }
        apart.answered.push(start.elapsed());
    }
    let (whole, singles) = (together.at(500), apart.at(500));
    let ratio = whole.as_secs_f64() / singles.as_secs_f64();
    println!("{name:<18} {count:>10} {:>12} {:>12} {ratio:>8.2}", shown(whole), shown(singles));
    json!({
        "kind": name,
        "questions": count,
        "together_us": [us(whole), us(together.at(990)), us(together.at(999))],
        "apart_us": [us(singles), us(apart.at(990)), us(apart.at(999))],
        "runs": together.answered.len(),
    })
}

impl Times {
    /// The time that so many of a thousand did not exceed; nothing of none.
    fn at(&self, per_mille: usize) -> Duration {
        let mut sorted = self.answered.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(place).copied().unwrap_or_default()
    }
}

/// Microseconds.
fn us(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

/// Prints a row; the same for programs.
fn row(name: &str, how: &str, times: &Times) -> Value {
    let [p50, p99, p999] = [500, 990, 999].map(|per_mille| times.at(per_mille));
    let rate = times.answered.len() as f64 / times.took.as_secs_f64();
    let texts = [p50, p99, p999].map(shown);
    let refused = times.refused;
    println!("{name:<18} {how:>10} {:>10} {:>10} {:>10} {rate:>10.0} {refused:>8}", texts[0], texts[1], texts[2]);
    json!({
        "kind": name, "how": how, "p50_us": us(p50), "p99_us": us(p99), "p999_us": us(p999),
        "per_second": rate.round(), "runs": times.answered.len(), "refused": refused,
    })
}
