//! A whole tenant: changes, questions, checkpoints and restarts, against the oracle that indexes nothing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fastrand::Rng;
use parking_lot::Mutex;
use tempfile::TempDir;
use ticketscope_engine::{Engine, ImportSession, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{Change, TicketKey, TicketOrd};
use ticketscope_query::{Access, Page, Start, list, parse};
use ticketscope_testkit::{
    arb::Scene,
    oracle::{self, Asker, SortBy, Term, Test, World},
};

use crate::{choices::Choices, desk::directory};

/// Operations of an input at most.
const MAX_OPERATIONS: usize = 24;

/// Longer than any text takes to be indexed.
const PATIENCE: Duration = Duration::from_mins(1);

fn id() -> TenantId {
    TenantId::parse("twin").expect("the name is right")
}

/// A tenant beside the world that it should be.
struct Twin {
    world: World,
    dir: TempDir,
    open: Option<(Engine, Arc<Tenant>)>,
}

impl Twin {
    fn new() -> Self {
        let dir = directory();
        let engine = Engine::open(dir.path()).expect("the directory is ours");
        let tenant = engine.create_tenant(&id()).expect("there is no tenant yet");
        Self { world: World::new(), dir, open: Some((engine, tenant)) }
    }

    fn tenant(&self) -> &Tenant {
        &self.open.as_ref().expect("it is open").1
    }

    fn reopen(&mut self, in_order: bool) {
        let (engine, tenant) = self.open.take().expect("it is open");
        drop(tenant);
        if in_order {
            engine.close().expect("it is closed in order");
        }
        drop(engine);
        let engine = Engine::open(self.dir.path()).expect("it is opened again");
        let tenant = engine.tenant(&id()).expect("it is opened again");
        self.open = Some((engine, tenant));
    }

    /// Both take the batch, or both refuse the same changes and take nothing.
    fn submit(&mut self, batch: &[Change]) {
        let mut next = self.world.clone();
        next.begin_import();
        let expected = refused(batch, &mut next);
        match self.tenant().submit(batch.to_vec()) {
            Ok(_) => {
                assert!(expected.is_empty(), "the engine takes what the oracle refuses: {batch:#?}");
                self.world = next;
            }
            Err(SubmitError::Refused(found)) => {
                let found: Vec<usize> = found.into_iter().map(|(at, _)| at).collect();
                assert_eq!(found, expected, "{batch:#?}");
            }
            Err(error) => panic!("{error}: {batch:#?}"),
        }
    }

    /// Both skip the same changes.
    fn import(&mut self, batch: &[Change]) {
        self.world.begin_import();
        let expected = refused(batch, &mut self.world);
        let session = Arc::new(Mutex::new(ImportSession::new()));
        let ack = self.tenant().submit_import(batch.to_vec(), &session).expect("an import skips what it refuses");
        let found: Vec<usize> = ack.refused.into_iter().map(|(at, _)| at).collect();
        assert_eq!(found, expected, "{batch:#?}");
    }

    /// What everybody sees, and what they are told about a random query.
    fn compare(&self, scene: &Scene, rng: &mut Rng) {
        // A bare number may be a word.
        let opstamp = self.tenant().snapshot().opstamp();
        assert!(self.tenant().wait_for_text(opstamp, PATIENCE), "the text is indexed");
        let snapshot = self.tenant().snapshot();
        let askers = scene.askers().map(|id| Asker::Principal(id.to_owned())).chain([Asker::Admin]);
        for asker in askers {
            let answers = self.world.answers(asker.clone(), scene.now);
            let access = match &asker {
                Asker::Admin => Some(Access::admin()),
                Asker::Principal(id) => snapshot.access(id).ok(),
            };
            let (query, sort) = (scene.query(rng), scene.sort(rng));
            let (Some(access), true) = (access, is_possible(&self.world, &asker, &query, &sort)) else { continue };
            if let Asker::Principal(id) = &asker {
                let scope = snapshot.scope(id, "view").expect("who has an access is known");
                let kept = snapshot.visible(&scope);
                let index = snapshot.index();
                let found: BTreeSet<TicketKey> = kept.set().iter().map(|ord| index.key(TicketOrd(ord))).collect();
                assert_eq!(found, answers.visible().cloned().collect(), "what {id:?} sees");
                assert_eq!(*kept.set(), snapshot.evaluate(&scope), "the kept set of {id:?}");
            }
            let context = parse::Context::new(snapshot.schema(), scene.now);
            let name = if let Asker::Principal(id) = &asker { id.clone() } else { String::new() };
            let context = if asker == Asker::Admin { context } else { context.asked_by(&name) };
            let text = format!("{query} {sort}");
            let parsed = parse::parse(&text, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
            let page = Page { start: Start::First, limit: 1000, asker: name.clone(), now: scene.now };
            let listed = list(&snapshot, &access, &parsed, &page).expect("a query without words is answered");
            let expected = answers.list(&query, &sort, usize::MAX, oracle::Page::From(0));
            let keys: Vec<TicketKey> = listed.hits.into_iter().map(|hit| hit.key).collect();
            assert_eq!((listed.total as usize, keys), (expected.total, expected.keys), "`{text}` for {asker:?}");
        }
    }

    /// The rows of the state lead to the published index.
    fn compare_rebuilt(&self) {
        let snapshot = self.tenant().snapshot();
        let rebuilt = self.tenant().rebuilt_index().expect("the state is whole");
        assert_eq!(snapshot.index().universe(), rebuilt.universe());
        assert_eq!(snapshot.index().ordinals(), rebuilt.ordinals());
        let known: BTreeSet<&TicketKey> = self.world.tickets().map(|(key, _)| key).collect();
        let found: BTreeSet<TicketKey> = rebuilt.universe().iter().map(|ord| rebuilt.key(TicketOrd(ord))).collect();
        assert!(found.iter().eq(known), "the tickets there are");
    }
}

/// The places of the changes that the oracle refuses.
fn refused(batch: &[Change], world: &mut World) -> Vec<usize> {
    let results = batch.iter().map(|change| world.apply(change));
    results.enumerate().filter_map(|(at, result)| result.err().map(|_| at)).collect()
}

/// Whether the tenant, as it now is, takes the query and the order.
fn is_possible(world: &World, asker: &Asker, query: &oracle::Query, sort: &oracle::Sort) -> bool {
    let sortable = match &sort.by {
        SortBy::Key => true,
        SortBy::Field(name) => world.schema().field(name).is_some_and(|field| !field.many),
    };
    let asks_for_me = query.terms.iter().any(|term| matches!(term, Term::Field { test: Test::Me, .. }));
    sortable && !(asks_for_me && *asker == Asker::Admin)
}

/// The first byte chooses a tenant; then each operation is a letter and a byte that chooses its content: `b`atch, `i`mport,
/// `c`rash and open again, c`l`ose and open again, chec`k`point, as`q`; whatever else is a batch, too.
pub(crate) fn engine(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let first = choices.byte();
    let rng = &mut Rng::with_seed(u64::from(first));
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let setup = scene.setup(rng);
    setup.expressions.iter().for_each(|expr| twin.world.teach(expr));
    twin.import(&setup.changes);
    for number in 0..MAX_OPERATIONS {
        if choices.is_over() {
            break;
        }
        let (operation, content) = (choices.byte(), choices.byte());
        let rng = &mut Rng::with_seed(u64::from(content) << 8 | number as u64);
        match operation {
            b'c' => twin.reopen(false),
            b'l' => twin.reopen(true),
            b'k' => twin.tenant().checkpoint().expect("a checkpoint is written"),
            b'q' => twin.compare(&scene, rng),
            _ => {
                let history = scene.history(rng, 1 + usize::from(content) % 6);
                history.expressions.iter().for_each(|expr| twin.world.teach(expr));
                if operation == b'i' { twin.import(&history.changes) } else { twin.submit(&history.changes) }
            }
        }
    }
    twin.compare(&scene, &mut Rng::with_seed(u64::from(first)));
    twin.compare_rebuilt();
}
