//! What HTTP adds: a help desk served on loopback, asked by 1, 4, 16 and 64 clients that each wait for their answer before
//! they ask again, beside the same questions asked inside the process.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example http -- [TICKETS]
//! ```
//!
//! Clients and server share the machine, so a row with more clients than cores tells how the server queues rather than how
//! it scales. A client is a blocking socket kept alive; a time is from the first byte sent to the last one read, and what
//! is refused is counted apart.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "it reports for people")]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use fastrand::Rng;
use ticketscope_benches::sample::shown;
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
use ticketscope_server::{Access, Budgets, Clock, Config, KeyClass, Keys, Limits, Server};

/// The moment at which the desk is made and asked.
const NOW: Timestamp = Timestamp(1_795_176_000_000);
const SEED: u64 = 7;
/// Tickets that become durable together.
const BATCH: u32 = 5_000;
/// How long the words may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(30);
/// How long one row is measured.
const ROW: Duration = Duration::from_secs(3);
const CLIENTS: [usize; 4] = [1, 4, 16, 64];
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

    /// The request as bytes.
    fn request(&self, key: &str) -> Vec<u8> {
        let (route, rest) = match self.kind {
            Kind::Words | Kind::List | Kind::Any => ("search", format!(",\"limit\":{LIMIT}")),
            Kind::Count => ("count", String::new()),
            Kind::Facets => ("facets", ",\"field\":[\"status\",\"group\"]".to_owned()),
        };
        let query = serde_json::Value::from(self.query);
        let body = format!("{{\"query\":{query}{rest}}}");
        format!(
            "POST /v1/tenants/demo/{route} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             x-ticketscope-as: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.principal,
            body.len(),
        )
        .into_bytes()
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
    let keys = Arc::new(Keys::in_memory().expect("random numbers"));
    let key = keys.create(KeyClass::Search, None).expect("a key").text;
    let config = Config {
        clock: Clock::new(|| NOW),
        // Nobody is refused: what waits is part of the measured time.
        limits: Limits { queue_wait: Duration::from_secs(10), ..Limits::default() },
        budgets: Budgets::UNLIMITED,
        ..Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), Access::Checked { keys, tokens: None })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::bind(Arc::clone(&engine), config)).expect("a free port");
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(server.run(async { drop(stopped.await) }));
    println!("{:<18} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}", "", "", "p50", "p99", "p99.9", "per s", "refused");
    for (kind, name) in KINDS {
        row(name, "in process", &inside(&tenant, kind));
        for clients in CLIENTS {
            row(name, &format!("{clients} http"), &over_http(address, &key, kind, clients));
        }
    }
    stop.send(()).expect("the server runs");
    runtime.block_on(serving).expect("the server ends");
    drop((runtime, tenant));
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

fn over_http(address: SocketAddr, key: &str, kind: Kind, clients: usize) -> Times {
    let ready = Barrier::new(clients);
    let client = |number: usize| {
        let mut rng = Rng::with_seed(SEED + number as u64);
        let mut client = Client::connect(address).expect("the server listens");
        let mut times = Times::default();
        ready.wait();
        let began = Instant::now();
        while began.elapsed() < ROW {
            let request = Asked::draw(kind, &mut rng).request(key);
            let start = Instant::now();
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

/// A connection that is kept alive.
struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), line: String::new(), body: Vec::new() })
    }

    /// Sends a request and reads the answer to its end; its status.
    fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        self.read_line()?;
        let status = self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
        let mut length = None;
        loop {
            self.read_line()?;
            if self.line.is_empty() {
                break;
            }
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        self.body.resize(length.ok_or_else(wrong)?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}

fn row(name: &str, how: &str, times: &Times) {
    let mut sorted = times.answered.clone();
    sorted.sort_unstable();
    let at = |per_mille: usize| {
        let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(place).map_or_else(|| "-".to_owned(), |time| shown(*time))
    };
    let rate = sorted.len() as f64 / times.took.as_secs_f64();
    let (p50, p99, p999, refused) = (at(500), at(990), at(999), times.refused);
    println!("{name:<18} {how:>10} {p50:>10} {p99:>10} {p999:>10} {rate:>10.0} {refused:>8}");
}
