//! One tenant twice, changed in step: as the engine keeps it and as the oracle states it.

use std::{env, fs, path::Path, sync::Arc};

use fastrand::Rng;
use parking_lot::Mutex;
use tempfile::TempDir;
use ticketscope_engine::{Engine, ImportSession, SubmitError, Tenant, storage::TenantId};
use ticketscope_model::{Change, Complete, Fact, Listing};
use ticketscope_testkit::{
    arb::History,
    oracle::{Refusal, World},
};

/// Which random worlds a test tries: `rounds` of them from a fixed seed on, unless `TICKETSCOPE_SEED` and
/// `TICKETSCOPE_ROUNDS` say otherwise.
pub(crate) fn seeds(rounds: u64) -> std::ops::Range<u64> {
    let from = |name| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")));
    let first: u64 = from("TICKETSCOPE_SEED").unwrap_or(1);
    first..first + from("TICKETSCOPE_ROUNDS").unwrap_or(rounds)
}

/// A tenant in a directory of its own, beside the world that it should be.
pub(crate) struct Twin {
    pub(crate) world: World,
    dir: TempDir,
    open: Option<(Engine, Arc<Tenant>)>,
    session: Arc<Mutex<ImportSession>>,
}

/// A directory that goes with the test: in memory where the system has such a place, for these tests wait for no disk.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Copies a directory and all in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn id() -> TenantId {
    TenantId::parse("twin").unwrap()
}

impl Twin {
    /// Two empty tenants.
    pub(crate) fn new() -> Self {
        let dir = directory();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&id()).unwrap();
        Self { world: World::new(), dir, open: Some((engine, tenant)), session: Arc::default() }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.open.as_ref().unwrap().0
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.open.as_ref().unwrap().1
    }

    /// Lets go of the engine's tenant and opens it again, with or without closing it in order.
    pub(crate) fn reopen(&mut self, in_order: bool) {
        let (engine, tenant) = self.open.take().unwrap();
        if in_order {
            drop(tenant);
            engine.close().unwrap();
        } else {
            drop(tenant);
        }
        drop(engine);
        let engine = Engine::open(self.dir.path()).unwrap();
        let tenant = engine.tenant(&id()).unwrap();
        self.open = Some((engine, tenant));
    }

    /// Tells the oracle what the expressions of a history mean.
    pub(crate) fn teach(&mut self, history: &History) {
        history.expressions.iter().for_each(|expr| self.world.teach(expr));
    }

    /// Applies a batch as a whole: both take all of it, or both refuse the same changes and take nothing.
    pub(crate) fn submit(&mut self, batch: &[Change]) -> Result<(), String> {
        let mut next = self.world.clone();
        next.begin_import();
        let expected = refused(batch, &mut next);
        match self.tenant().submit(batch.to_vec()) {
            Ok(ack) if expected.is_empty() => {
                assert_eq!(ack.refused, []);
                self.world = next;
                Ok(())
            }
            Err(SubmitError::Refused(found)) => agree(batch, &expected, &found),
            other => Err(format!("the oracle refuses {expected:?}, the engine answers {other:?} to {batch:#?}")),
        }
    }

    /// Begins an import, which ends when the next one begins.
    pub(crate) fn begin_import(&mut self) {
        self.session = Arc::default();
        self.world.begin_import();
    }

    /// Applies a batch of the import: both skip the same changes.
    pub(crate) fn import(&mut self, batch: &[Change]) -> Result<(), String> {
        let expected = refused(batch, &mut self.world);
        match self.tenant().submit_import(batch.to_vec(), &self.session) {
            Ok(ack) => agree(batch, &expected, &ack.refused),
            Err(error) => Err(format!("the engine does not import {batch:#?}: {error}")),
        }
    }

    /// The end of a full listing of the import, with the right count.
    pub(crate) fn complete(&self, what: Listing) -> Change {
        let end = |count| Change::state(Fact::Complete(Complete { what, count }));
        match self.world.clone().apply(&end(u64::MAX)) {
            Err(Refusal::Incomplete { stated, .. }) => end(stated),
            other => panic!("a wrong count is refused: {other:?}"),
        }
    }

    /// Applies a history in batches of random sizes, some of them as an import with full listings.
    pub(crate) fn play(&mut self, rng: &mut Rng, history: &History, after_each: Check<'_>) -> Result<(), String> {
        self.teach(history);
        let mut rest = &history.changes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rng.usize(1..=rest.len().min(12)));
            rest = later;
            if rng.u32(..4) > 0 {
                self.submit(now)?;
                after_each(self, rng)?;
                continue;
            }
            self.begin_import();
            for batch in now.chunks(rng.usize(1..=now.len())) {
                self.import(batch)?;
                after_each(self, rng)?;
            }
            if rng.u32(..3) == 0 {
                let kinds = [
                    Listing::Memberships,
                    Listing::Groups,
                    Listing::Organizations,
                    Listing::Principals,
                    Listing::Tickets,
                ];
                let mut end = self.complete(kinds[rng.usize(..kinds.len())]);
                if rng.u32(..4) == 0
                    && let Fact::Complete(complete) = &mut end.fact
                {
                    complete.count += 1;
                }
                self.import(&[end])?;
                after_each(self, rng)?;
            }
        }
        Ok(())
    }
}

/// What is checked after each batch.
pub(crate) type Check<'a> = &'a mut dyn FnMut(&mut Twin, &mut Rng) -> Result<(), String>;

/// The changes that the oracle refuses, by their place.
fn refused(batch: &[Change], world: &mut World) -> Vec<(usize, Refusal)> {
    let results = batch.iter().map(|change| world.apply(change));
    results.enumerate().filter_map(|(at, result)| Some((at, result.err()?))).collect()
}

fn agree(
    batch: &[Change],
    expected: &[(usize, Refusal)],
    found: &[(usize, ticketscope_engine::Refusal)],
) -> Result<(), String> {
    let expected: Vec<_> = expected.iter().map(|(at, refusal)| (*at, code(&batch[*at].fact, refusal))).collect();
    let found: Vec<_> = found.iter().map(|(at, refusal)| (*at, refusal.code())).collect();
    if expected == found {
        return Ok(());
    }
    Err(format!("the oracle refuses {expected:?}, the engine {found:?} of {batch:#?}"))
}

/// The engine's name of a refusal of the oracle.
fn code(fact: &Fact, refusal: &Refusal) -> &'static str {
    match (fact, refusal) {
        (Fact::Role(_), _) | (_, Refusal::ReservedRole(_) | Refusal::Untaught(_)) => "bad_role",
        (_, Refusal::UnknownField(_)) => "unknown_field",
        (_, Refusal::UnknownRelation(_)) => "unknown_relation",
        (_, Refusal::Value { .. }) => "bad_value",
        (_, Refusal::Derived(_)) => "derived_field",
        (_, Refusal::NoTicket(_)) => "no_such_ticket",
        (_, Refusal::Declare(_)) => "bad_declaration",
        (_, Refusal::InUse(_)) => "field_in_use",
        (_, Refusal::NotRemovable) => "not_removable",
        (_, Refusal::Incomplete { .. }) => "incomplete_listing",
    }
}
