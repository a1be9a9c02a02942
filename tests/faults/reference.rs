//! What a tenant answers after each batch of the script: accounts of one that nothing ever happened to, each of which was
//! compared with the oracle.

use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, Tenant, storage::TenantId};
use ticketscope_query::{Page, Start, list, parse};
use ticketscope_testkit::oracle::{Asker, World, text::Library};
use ticketscope_tests::{account::Account, compare, script::Script};

use crate::image;

/// The seed of the script that processes play.
pub(crate) const SEED: u64 = 7;

/// The tenant of the script.
pub(crate) fn id() -> TenantId {
    TenantId::parse("load").unwrap()
}

/// Applies a batch.
pub(crate) fn submit(tenant: &Tenant, script: &Script, number: u64) {
    let session = Arc::new(Mutex::new(ImportSession::new()));
    tenant.submit_import(script.batch(number).history.changes, &session).unwrap();
}

/// The accounts of one script.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) script: Script,
    accounts: Vec<Account>,
}

impl Reference {
    /// Plays the first `length` batches of the script of `seed`.
    pub(crate) fn new(seed: u64, length: u64) -> Self {
        let script = Script::new(seed);
        let dir = image::directory();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&id()).unwrap();
        let mut world = World::new();
        let mut accounts = vec![Account::of(&tenant, &script).unwrap()];
        for number in 0..length {
            submit(&tenant, &script, number);
            script.batch(number).apply_to(&mut world);
            accounts.push(Account::of(&tenant, &script).unwrap());
            assert_is_world(&tenant, &script, &world, &format!("seed {seed}, batch {number}"));
        }
        Self { script, accounts }
    }

    /// The account after so many batches.
    pub(crate) fn after(&self, batches: u64) -> &Account {
        &self.accounts[usize::try_from(batches).unwrap()]
    }

    /// Asserts that a tenant gives the account after so many batches.
    pub(crate) fn assert_is_after(&self, tenant: &Tenant, batches: u64, context: &str) {
        let found = Account::of(tenant, &self.script).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        assert!(found == *self.after(batches), "{context}: {}", found.difference(self.after(batches)));
    }
}

/// The script of [`SEED`], which is played once for all tests.
pub(crate) fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| Reference::new(SEED, ticketscope_tests::script::LENGTH))
}

/// Compares a tenant with the oracle: rows, people, sets and what words find.
fn assert_is_world(tenant: &Tenant, script: &Script, world: &World, context: &str) {
    let askers: Vec<_> = script.scene().askers().collect();
    compare::assert_is_world(tenant, world, &askers, context);
    let (snapshot, now) = (tenant.snapshot(), script.scene().now);
    let library = Rc::new(Library::of(world));
    for asker in askers {
        let Ok(access) = snapshot.access(asker) else { continue };
        let answers = world.answers(Asker::Principal(asker.to_owned()), now).with_library(Rc::clone(&library));
        for query in script.queries().iter().filter(|query| !answers.is_wordless(query)) {
            let asked = parse::Context::new(snapshot.schema(), now).asked_by(asker);
            let parsed = parse::parse(&format!("{query} order_by:relevance"), &asked).unwrap();
            let page = Page { start: Start::First, limit: 1000, asker: asker.to_owned(), now };
            let listing = list(&snapshot, &access, &parsed, &page).unwrap();
            let bits = |score: f32| score.to_bits();
            let found: BTreeMap<_, _> =
                listing.hits.iter().map(|hit| (hit.key.clone(), hit.score.map_or(0, bits))).collect();
            let expected: BTreeMap<_, _> =
                answers.ranked(query).iter().map(|hit| (hit.key.clone(), bits(hit.score))).collect();
            assert_eq!(found, expected, "{context}: {asker} asks {query}");
        }
    }
}
