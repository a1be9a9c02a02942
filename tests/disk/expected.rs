//! What a tenant must be after each batch, by the oracle, and whether it is.

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use fastrand::Rng;
use ticketscope_engine::Tenant;
use ticketscope_model::{PrincipalFact, TextPart, TicketKey, TicketOrd, Value};
use ticketscope_query::{Access, Snapshot, matching, parse};
use ticketscope_testkit::oracle::{Asker, Query, World, text::Library};
use ticketscope_tests::stream::Load;

use ticketscope_tests::compare::{self, VERBS};

/// Longer than any text of a test takes to be indexed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Searches compared after each batch.
const SEARCHES: usize = 6;

/// Of a comparison that is not full, the scopes looked at.
const SAMPLED_SCOPES: usize = 3;

/// A tenant after a number of batches.
pub(crate) struct Expected {
    world: World,
    askers: Vec<String>,
    tickets: BTreeMap<TicketKey, BTreeMap<String, Vec<Value>>>,
    texts: BTreeMap<TicketKey, Vec<TextPart>>,
    people: BTreeMap<Arc<str>, PrincipalFact>,
    scopes: Vec<(String, &'static str, Vec<TicketKey>)>,
    searches: Vec<(Asker, Query, Vec<TicketKey>)>,
    load: Rc<Load>,
}

impl Expected {
    /// What `world` is, which came about by `load`.
    pub(crate) fn of(load: &Rc<Load>, world: &World, rng: &mut Rng) -> Self {
        let scene = load.scene();
        let askers: Vec<String> = scene.askers().map(str::to_owned).collect();
        let tickets = world.tickets().map(|(key, row)| (key.clone(), row.fields.clone())).collect();
        let texts = world.tickets().map(|(key, row)| (key.clone(), row.parts.values().cloned().collect())).collect();
        let people = world.principals().map(|fact| (fact.id.clone(), fact.clone())).collect();
        let mut scopes = Vec::new();
        for asker in &askers {
            // Of the presets the oracle knows `view` alone.
            let role = world.principals().find(|fact| *fact.id == **asker).and_then(|fact| fact.role.clone());
            let is_preset = role.is_some_and(|role| role.contains('.'));
            for verb in VERBS.into_iter().filter(|verb| !is_preset || *verb == "view") {
                // Private text is read at most where the ticket is viewed.
                let rules = match verb {
                    "view_private" => vec![world.rule(asker, "view"), world.rule(asker, verb)],
                    _ => vec![world.rule(asker, verb)],
                };
                let covered = world.tickets().filter(|(_, row)| rules.iter().all(|rule| rule.covers(row)));
                scopes.push((asker.clone(), verb, covered.map(|(key, _)| key.clone()).collect()));
            }
        }
        let library = Rc::new(Library::of(world));
        let mut searches = Vec::new();
        let is_set_up = world.tickets().next().is_some();
        while is_set_up && searches.len() < SEARCHES {
            let asker = match rng.usize(..=askers.len()) {
                0 => Asker::Admin,
                at => Asker::Principal(askers[at - 1].clone()),
            };
            let query = scene.text_query(rng);
            let answers = world.answers(asker.clone(), scene.now).with_library(library.clone());
            if (asker == Asker::Admin && query.to_string().contains(":me")) || answers.is_wordless(&query) {
                continue;
            }
            let mut hits: Vec<_> = answers.hits(&query).into_iter().cloned().collect();
            hits.sort();
            searches.push((asker, query, hits));
        }
        let world = world.clone();
        Self { world, askers, tickets, texts, people, scopes, searches, load: Rc::clone(load) }
    }

    /// Compares tickets, texts and people, and some scopes of a tenant.
    pub(crate) fn compare(&self, tenant: &Tenant, rng: &mut Rng) -> Result<(), String> {
        let view = tenant.view().map_err(|error| format!("no view: {error}"))?;
        let snapshot = view.snapshot();
        self.compare_published(snapshot)?;
        let mut texts = view.texts().map_err(|error| format!("no texts: {error}"))?;
        for ord in snapshot.index().universe() {
            let key = snapshot.index().key(TicketOrd(ord));
            let parts = texts.parts(TicketOrd(ord)).map_err(|error| format!("no text of {key}: {error}"))?;
            if parts != self.texts[&key] {
                return Err(format!("text of {key}: {parts:?} instead of {:?}", self.texts[&key]));
            }
        }
        for _ in 0..SAMPLED_SCOPES {
            let Some((asker, verb, expected)) = rng.choice(&self.scopes) else { continue };
            let found = compare::visible(snapshot, asker, verb);
            if found != *expected {
                return Err(format!("{asker} may {verb} {found:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }

    /// Compares tickets and people, for which no file is read.
    pub(crate) fn compare_published(&self, snapshot: &Snapshot) -> Result<(), String> {
        let found = compare::tickets(snapshot);
        if found != self.tickets {
            return Err(format!("tickets {found:?} instead of {:?}", self.tickets));
        }
        let people: BTreeMap<_, _> = snapshot.directory().principals().map(|p| (p.id.clone(), p.clone())).collect();
        if people != self.people {
            return Err(format!("people {people:?} instead of {:?}", self.people));
        }
        Ok(())
    }

    /// Compares what words find, once all of it can be found.
    pub(crate) fn compare_words(&self, tenant: &Tenant) -> Result<(), String> {
        if !tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE) {
            return Err(format!("words cannot be asked for: {:?}", tenant.stats().map(|stats| stats.text)));
        }
        let snapshot = tenant.snapshot();
        for (asker, query, expected) in &self.searches {
            let found = self.search(&snapshot, asker, query)?;
            if found != *expected {
                return Err(format!("`{query}` finds {found:?} for {asker:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }

    fn search(&self, snapshot: &Snapshot, asker: &Asker, query: &Query) -> Result<Vec<TicketKey>, String> {
        let context = parse::Context::new(snapshot.schema(), self.load.scene().now);
        let (context, access) = match asker {
            Asker::Admin => (context, Some(Access::admin())),
            Asker::Principal(id) => (context.asked_by(id), snapshot.access(id).ok()),
        };
        let Some(access) = access else { return Ok(Vec::new()) };
        let parsed = parse::parse(&query.to_string(), &context).map_err(|error| format!("`{query}`: {error}"))?;
        let found = matching(snapshot, &access, &parsed).map_err(|error| format!("`{query}`: {error}"))?;
        let mut keys: Vec<_> = found.iter().map(|ord| snapshot.index().key(TicketOrd(ord))).collect();
        keys.sort();
        Ok(keys)
    }

    /// Compares everything, the slow way, as the other tests do.
    pub(crate) fn compare_all(&self, tenant: &Tenant, context: &str) {
        let askers: Vec<&str> = self.askers.iter().map(String::as_str).collect();
        compare::assert_is_world(tenant, &self.world, &askers, context);
        compare::assert_is_rebuilt(tenant, context);
    }
}
