//! A real history, change by change: how fast is it taken in while 200 scopes are kept, and are they right?
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example replay -- EVENTS TICKETS [CHANGES]
//! ```
//!
//! - **Question:** events a second, durable and visible; how long a batch takes, the slowest, and bulk storms by themselves.
//! - **Data:** `EVENTS` is a file of the events format, from nothing on; `TICKETS` a file of plain tickets, what the events
//!   lead to. Both plain or zstd. A batch is `CHANGES` events, 1,000 if it is not given; the events of a minute that has
//!   more than [`STORM`] are one batch, for that is what a bulk update sends.
//! - **Unit:** *submit* is time on the clock from handing a batch over to its acknowledgement, fsync and all. *Processor*
//!   is what the submitting thread computed meanwhile: resolving, applying, encoding, publishing, without waiting for the
//!   disk.
//! - **Caches:** 200 scopes of one to twenty groups each are kept current from the first event on. After each batch some of
//!   them are asked for a page and a facet, off the clock, as agents would.
//!
//! At the end every kept scope is compared with itself made from scratch and with a count over the lines of `TICKETS`; the
//! program fails where they differ.

#![expect(clippy::cast_precision_loss, reason = "it reports for people")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use ticketscope_benches::{Sample, World, ask, sample::shown, world::view};
use ticketscope_engine::query::{Query, Snapshot, Start, facets, list};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{
    Change, ExprSource, Fact, FieldPatch, PrincipalFact, RawValue, RoleFact, Schema, TicketPatch, fields,
};

/// Events of one minute from which they are one batch.
const STORM: usize = 5_000;
/// Events of a batch, unless said otherwise.
const CHANGES: usize = 1_000;
/// Agents whose scopes are kept.
const AGENTS: usize = 200;
/// Agents who ask after each batch.
const ASKING: usize = 4;
/// Batches after which a scope is compared with itself made from scratch.
const CHECKED: usize = 200;
const ROLE: &str = "replay_agent";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let events = arguments.next().expect("a file of events");
    let tickets = arguments.next().expect("a file of tickets");
    let changes = arguments.next().map_or(CHANGES, |word| word.parse().expect("how many events make a batch"));

    let groups = tickets_by_group(Path::new(&tickets));
    println!("{} tickets in {} groups", groups.values().sum::<u32>(), groups.len());
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let world = World::empty(dir.path());
    let agents = agents(&world, &groups);
    let mut replay = Replay::new(&world, agents.keys().cloned().collect());
    each_minute(Path::new(&events), |minute, changes_of_it| replay.minute(minute, changes_of_it, changes));
    replay.flush();
    replay.report();
    check(&world.snapshot(), &agents, &groups);
    world.engine.close().expect("a checkpoint is written");
}

/// How many of the tickets are in each group.
fn tickets_by_group(file: &Path) -> BTreeMap<String, u32> {
    let mut groups = BTreeMap::new();
    each_change(file, |change, _| {
        let group = patch(&change).fields.iter().find(|(name, _)| &**name == "group");
        if let Some((_, FieldPatch::Set(RawValue::Text(group)))) = group {
            *groups.entry(group.to_string()).or_default() += 1;
        }
    });
    groups
}

fn patch(change: &Change) -> &TicketPatch {
    match &change.fact {
        Fact::Ticket(patch) => patch,
        other => panic!("a line states {other:?} instead of a ticket"),
    }
}

/// Visits every change of a file, with the bytes of its line.
fn each_change(file: &Path, mut visit: impl FnMut(Change, &[u8])) {
    let schema = Schema::builtin();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let mut chunks = Chunks::new(File::open(file).expect("the file opens")).expect("the file can be read");
    let format: Format = chunks.detect().expect("the lines are of a known form").expect("there are lines");
    let parser = Parser::new(format, &many);
    for chunk in chunks {
        let chunk = chunk.expect("the file can be read");
        for line in parser.lines(&chunk) {
            let bytes = chunk.bytes_of(&line).unwrap_or_default().to_vec();
            visit(line.change.expect("the line is sound"), &bytes);
        }
    }
}

/// Visits the events of each minute, in order. `at` is the first key of an event.
fn each_minute(file: &Path, mut visit: impl FnMut(&str, Vec<Change>)) {
    let (mut minute, mut gathered) = (String::new(), Vec::new());
    each_change(file, |change, line| {
        let at = std::str::from_utf8(line).ok().and_then(|line| line.split('"').nth(3)).unwrap_or_default();
        let now = at.get(.."2026-01-05T20:03".len()).expect("an event says when it was");
        if now != minute {
            visit(&minute, std::mem::take(&mut gathered));
            now.clone_into(&mut minute);
        }
        gathered.push(change);
    });
    visit(&minute, gathered);
}

/// Makes agents of random groups; answers the groups of each.
fn agents(world: &World, groups: &BTreeMap<String, u32>) -> BTreeMap<String, BTreeSet<String>> {
    let all: Vec<&String> = groups.keys().collect();
    let mut rng = Rng::with_seed(ticketscope_benches::SEED);
    let view = ("view".into(), ExprSource::Text("group in my.groups".into()));
    let mut changes = vec![Change::state(Fact::Role(RoleFact { id: ROLE.into(), verbs: vec![view] }))];
    let mut agents = BTreeMap::new();
    for number in 0..AGENTS {
        let id = format!("agent-{number}");
        let mine: BTreeSet<String> =
            (0..rng.usize(1..=20)).filter_map(|_| rng.choice(&all)).map(|group| (*group).clone()).collect();
        changes.push(Change::state(Fact::Principal(PrincipalFact {
            id: id.as_str().into(),
            role: Some(ROLE.into()),
            active: true,
            name: None,
            email: None,
            locale: None,
            time_zone: None,
        })));
        let related =
            mine.iter().map(|group| Change::state(Fact::Rel(ticketscope_benches::world::membership(&id, group))));
        changes.extend(related);
        agents.insert(id, mine);
    }
    world.tenant.submit(changes).expect("the disk has room");
    agents
}

struct Replay<'a> {
    world: &'a World,
    agents: Vec<String>,
    pending: Vec<Change>,
    events: usize,
    busy: Duration,
    submits: Vec<Duration>,
    processor: Vec<Duration>,
    slowest: (Duration, usize, String),
    storms: Vec<(String, usize, Duration, Duration)>,
}

impl<'a> Replay<'a> {
    fn new(world: &'a World, agents: Vec<String>) -> Self {
        let replay = Self {
            world,
            agents,
            pending: Vec::new(),
            events: 0,
            busy: Duration::ZERO,
            submits: Vec::new(),
            processor: Vec::new(),
            slowest: (Duration::ZERO, 0, String::new()),
            storms: Vec::new(),
        };
        (0..AGENTS).for_each(|at| replay.ask(at));
        replay
    }

    fn minute(&mut self, minute: &str, changes: Vec<Change>, batch: usize) {
        if changes.len() > STORM {
            self.flush();
            let count = changes.len();
            let (time, processor) = self.submit(changes, minute);
            self.storms.push((minute.to_owned(), count, time, processor));
            return;
        }
        self.pending.extend(changes);
        if self.pending.len() >= batch {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let changes = std::mem::take(&mut self.pending);
            self.submit(changes, "events of several minutes");
        }
    }

    fn submit(&mut self, changes: Vec<Change>, what: &str) -> (Duration, Duration) {
        let count = changes.len();
        let (start, before) = (Instant::now(), thread_time());
        self.world.tenant.submit(changes).expect("the history holds nothing that is refused");
        let (time, processor) = (start.elapsed(), thread_time().saturating_sub(before));
        if time > self.slowest.0 {
            self.slowest = (time, count, what.to_owned());
        }
        self.events += count;
        self.busy += time;
        self.submits.push(time);
        self.processor.push(processor);
        let number = self.submits.len();
        (0..ASKING).for_each(|step| self.ask(number * ASKING + step));
        if number.is_multiple_of(CHECKED) {
            is_as_from_scratch(&self.world.snapshot(), &self.agents[number / CHECKED % self.agents.len()]);
        }
        (time, processor)
    }

    /// One agent looks at the newest tickets and at how many there are of each status.
    fn ask(&self, at: usize) {
        let snapshot = self.world.snapshot();
        let scope = view(&snapshot, &self.agents[at % self.agents.len()]);
        list(&snapshot, &scope, &Query::everything(), &ask::page(Start::First)).expect("a page");
        facets(&snapshot, &scope, &Query::everything(), &[fields::STATUS], 10).expect("facets");
    }

    fn report(&self) {
        let kept = self.world.snapshot().cached_scopes();
        let rate = self.events as f64 / self.busy.as_secs_f64();
        println!("{} events in {} batches: {rate:.0} events/s", self.events, self.submits.len());
        println!("submit    {}", Sample::of(self.submits.clone()));
        println!("processor {}", Sample::of(self.processor.clone()));
        let (time, count, what) = &self.slowest;
        println!("slowest   {} ({count} events, {what})", shown(*time));
        for (minute, count, time, processor) in &self.storms {
            println!("storm     {minute}: {count} events, submit {}, processor {}", shown(*time), shown(*processor));
        }
        println!("{} scopes kept, about {:.1} MB", kept.scopes, kept.reckoned as f64 / 1e6);
    }
}

/// What this thread has computed so far. Zero where the system does not say.
fn thread_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn is_as_from_scratch(snapshot: &Snapshot, agent: &str) {
    let scope = view(snapshot, agent);
    assert_eq!(*snapshot.visible(&scope).set(), snapshot.evaluate(&scope), "the scope of {agent}");
}

/// Compares what the events led to with the tickets.
fn check(snapshot: &Arc<Snapshot>, agents: &BTreeMap<String, BTreeSet<String>>, groups: &BTreeMap<String, u32>) {
    for (agent, mine) in agents {
        is_as_from_scratch(snapshot, agent);
        let expected: u32 = mine.iter().map(|group| groups[group]).sum();
        assert_eq!(snapshot.visible(&view(snapshot, agent)).set().len(), expected, "tickets of {agent}");
    }
    let field = snapshot.index().field(fields::GROUP).expect("tickets have groups");
    let mut found: HashMap<&str, u32> = HashMap::new();
    for ord in snapshot.index().universe() {
        field.for_each_code(ord, |code| *found.entry(field.value_of(code)).or_default() += 1);
    }
    assert!(groups.iter().all(|(group, count)| found.get(group.as_str()) == Some(count)), "groups hold their tickets");
    println!("{} scopes and {} groups are as they should be", agents.len(), groups.len());
}
