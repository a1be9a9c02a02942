//! A generated tenant in an engine, and the changes that are made to it.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tempfile::TempDir;
use ticketscope_bitmap::TicketBatch;
use ticketscope_engine::{
    Engine, ImportSession, Tenant,
    query::{Snapshot, TextChanges, scope::Scope},
    storage::TenantId,
};
use ticketscope_import::{Chunks, Parser};
use ticketscope_model::{
    Change, Fact, FieldId, FieldPatch, RawValue, RelFact, Schema, TicketKey, TicketOrd, TicketPatch, Value, fields,
};
use ticketscope_testkit::tenant::{self, Shape, write_line};

use crate::SEED;

/// Changes that an import submits at once.
pub const BATCH: usize = 20_000;

/// An engine with one generated tenant.
#[derive(Debug)]
pub struct World {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// Holds the tenant's files.
    pub engine: Engine,
    dir: Option<TempDir>,
}

/// Where the time of an import went.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportTimes {
    /// Making the changes.
    pub generate: Duration,
    /// From the first submitted change to the last acknowledgement, without making them.
    pub submit: Duration,
}

impl World {
    /// The tenant with so many tickets, without text, in a temporary directory.
    pub fn new(tickets: u64) -> Self {
        let dir = tempfile::tempdir().expect("there is a place for temporary files");
        let mut world = Self::empty(dir.path());
        world.dir = Some(dir);
        world.import(&made(tickets));
        world
    }

    /// A tenant without tickets in `dir`.
    pub fn empty(dir: &Path) -> Self {
        let engine = Engine::open(dir).expect("the directory is free");
        let tenant = engine.tenant_or_create(&id()).expect("the tenant is sound");
        Self { tenant, engine, dir: None }
    }

    /// Submits everything the generator makes, in batches of [`BATCH`].
    pub fn import(&self, made: &tenant::Tenant) -> ImportTimes {
        let session = Arc::new(Mutex::new(ImportSession::new()));
        let mut changes = made.changes();
        let mut times = ImportTimes::default();
        loop {
            let start = Instant::now();
            let batch: Vec<Change> = changes.by_ref().take(BATCH).collect();
            times.generate += start.elapsed();
            if batch.is_empty() {
                return times;
            }
            let start = Instant::now();
            self.submit_import(batch, &session);
            times.submit += start.elapsed();
        }
    }

    /// Imports lines of scope-jsonl: one thread parses, this one submits. Answers how long each batch took from then to its
    /// acknowledgement.
    pub fn import_lines(&self, lines: impl std::io::Read + Send) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut submit = |batch, session| {
            let start = Instant::now();
            self.submit_import(batch, session);
            times.push(start.elapsed());
        };
        let session = Arc::new(Mutex::new(ImportSession::new()));
        std::thread::scope(|threads| {
            let (send, receive) = mpsc::sync_channel::<Vec<Change>>(4);
            threads.spawn(move || {
                parse(lines, |changes| send.send(changes).expect("the importer listens to the end"));
            });
            let mut batch = Vec::with_capacity(BATCH);
            for changes in receive {
                batch.extend(changes);
                if batch.len() >= BATCH {
                    submit(std::mem::take(&mut batch), &session);
                }
            }
            if !batch.is_empty() {
                submit(batch, &session);
            }
        });
        times
    }

    /// Waits until the text of everything imported can be found.
    pub fn wait_for_text(&self) {
        let found = self.tenant.wait_for_text(self.snapshot().opstamp(), Duration::from_hours(1));
        assert!(found, "the text is indexed in time");
    }

    fn submit_import(&self, batch: Vec<Change>, session: &Arc<Mutex<ImportSession>>) {
        let ack = self.tenant.submit_import(batch, session).expect("the disk has room");
        assert!(ack.refused.is_empty(), "the generator makes what the engine takes: {:?}", ack.refused.first());
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.tenant.snapshot()
    }

    /// Evaluates and keeps the scopes of so many agents, with the orders and facets that a client asks for.
    pub fn warm_agents(&self, count: usize) {
        let snapshot = self.snapshot();
        for number in 0..count {
            // Spread over large and small groups.
            let scope = view(&snapshot, &format!("agent-{}", 1 + number * 2_000 / count.max(1)));
            let page = crate::ask::page(ticketscope_engine::query::Start::First);
            let everything = ticketscope_engine::query::Query::everything();
            ticketscope_engine::query::list(&snapshot, &scope, &everything, &page).expect("a page");
            ticketscope_engine::query::facets(&snapshot, &scope, &everything, &[fields::GROUP], 10).expect("facets");
        }
    }
}

/// The generator of a tenant without text.
pub fn made(tickets: u64) -> tenant::Tenant {
    tenant::Tenant::new(Shape { seed: SEED, tickets, text: false })
}

/// The tenant's name.
pub fn id() -> TenantId {
    TenantId::parse("generated").expect("a name")
}

/// The generated changes as lines of scope-jsonl.
pub fn lines(tickets: u64, text: bool) -> Vec<u8> {
    let made = tenant::Tenant::new(Shape { seed: SEED, tickets, text });
    let mut out = String::new();
    for change in made.changes() {
        write_line(&change, &mut out).expect("the generator makes lines");
    }
    out.into_bytes()
}

/// Parses lines chunk by chunk.
pub fn parse(lines: impl std::io::Read, mut each: impl FnMut(Vec<Change>)) {
    let schema = Schema::builtin();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let mut chunks = Chunks::new(lines).expect("lines can be read");
    let format = chunks.detect().expect("the lines are of a known form").expect("there are lines");
    let parser = Parser::new(format, &many);
    for chunk in chunks {
        let lines = parser.lines(&chunk.expect("lines can be read"));
        each(lines.into_iter().map(|line| line.change.expect("the generator writes good lines")).collect());
    }
}

/// What a principal may view.
pub fn view(snapshot: &Snapshot, principal: &str) -> Scope {
    snapshot.scope(principal, "view").expect("the generated tenant has this principal")
}

/// A change that sets one field of one ticket.
pub fn set(key: TicketKey, field: &'static str, value: &str) -> Change {
    Change::state(Fact::Ticket(TicketPatch {
        key,
        fields: vec![(field.into(), FieldPatch::Set(RawValue::Text(value.into())))],
        replace: false,
        text: vec![],
    }))
}

/// The same, as the index takes it.
pub fn set_in_index(ord: u32, field: FieldId, value: &str) -> TicketBatch {
    let sets = vec![(field, vec![(ord, vec![Value::Keyword(value.into())])])];
    TicketBatch { created: vec![], erased: vec![], sets }
}

/// A membership of an agent in a group.
pub fn membership(agent: &str, group: &str) -> RelFact {
    RelFact { principal: agent.into(), rel: "groups".into(), value: group.into(), level: None }
}

/// The snapshot after a batch that changes only tickets, as the engine publishes it: the part after the fsync, and the
/// change of the index before it.
pub fn applied(before: &Snapshot, batch: &TicketBatch) -> Snapshot {
    let mut index = before.index().clone();
    let touched = index.apply(before.schema(), batch);
    before.next(before.opstamp().next(), Arc::clone(before.schema()), index, None, &touched, &TextChanges::default())
}

/// Moves of so many tickets, spread evenly, into one group or back into their own.
#[derive(Debug)]
pub struct Move {
    into_one: Vec<Change>,
    back: Vec<Change>,
}

impl Move {
    /// Prepares the move of `count` tickets of a snapshot.
    pub fn of(snapshot: &Snapshot, count: u32) -> Self {
        let index = snapshot.index();
        let groups = index.field(fields::GROUP).expect("tickets have groups");
        let step = (index.universe().len() / count.max(1)).max(1) as usize;
        let (mut into_one, mut back) = (Vec::new(), Vec::new());
        let mut group = String::new();
        for ord in index.universe().iter().step_by(step).take(count as usize) {
            let key = index.key(TicketOrd(ord));
            group.clear();
            groups.for_each_code(ord, |code| group.push_str(groups.value_of(code)));
            into_one.push(set(key.clone(), "group", "group-42"));
            back.push(set(key, "group", &group));
        }
        Self { into_one, back }
    }

    /// Into one group.
    pub fn into_one(&self) -> Vec<Change> {
        self.into_one.clone()
    }

    /// Back to where they were.
    pub fn back(&self) -> Vec<Change> {
        self.back.clone()
    }
}
