//! Nothing hidden has a say: the answers of a tenant to somebody are, byte for byte, those of a tenant that never held
//! what this one may not see, built by another history in other batches and another order.

use std::fmt::Write;

use fastrand::Rng;
use ticketscope_engine::{Engine, Tenant, View, storage::TenantId};
use ticketscope_model::{Change, Fact, TextClass, TicketKey, Timestamp};
use ticketscope_query::{
    Access, ListPlan, Page, Query, Snippets, Start, count, facets, list_with, parse, plans, suggest,
};
use ticketscope_testkit::{
    arb::{History, Scene},
    oracle::Asker,
};

use crate::{
    answers::{PATIENCE, parse_as},
    changes::{del, text, ticket},
    world::{Twin, directory, seeds},
};

/// Questions of each kind to each principal.
const QUESTIONS: usize = 12;

/// Beginnings of words and values of the random worlds.
const PREFIXES: [&str; 10] = ["re", "ref", "f", "pa", "o", "a", "1", "zw", "\u{624b}", ""];

/// Applies a change alone, taken or refused.
fn offer(tenant: &Tenant, change: &Change) {
    drop(tenant.submit(vec![change.clone()]));
}

/// Everything that a principal is told about a query, as text.
fn told(view: &View, access: &Access, query: &Query, asker: &str, now: Timestamp) -> String {
    let snapshot = view.snapshot();
    let mut told = format!("count {:?}\n", count(snapshot, access, query));
    for plan in plans(query) {
        writeln!(told, "{}", pages(view, access, query, asker, now, plan)).unwrap();
    }
    let keywords: Vec<_> =
        snapshot.schema().fields().iter().filter(|field| field.kind.is_keyword()).map(|field| field.id).collect();
    told + &format!("facets {:?}", facets(snapshot, access, query, &keywords, usize::MAX))
}

/// All pages of a list with their snippets, but for the cursors themselves.
fn pages(view: &View, access: &Access, query: &Query, asker: &str, now: Timestamp, plan: ListPlan) -> String {
    let snapshot = view.snapshot();
    let mut snippets = Snippets::new(snapshot, access, query);
    let (mut told, mut start) = (String::new(), Start::First);
    loop {
        let page = Page { start, limit: 3, asker: asker.to_owned(), now };
        let listing = match list_with(snapshot, access, query, &page, plan) {
            Ok(listing) => listing,
            Err(error) => return format!("{told}{error}"),
        };
        writeln!(told, "total {}", listing.total).unwrap();
        for hit in &listing.hits {
            let ord = snapshot.index().find(&hit.key).unwrap();
            let parts = view.parts(ord).unwrap();
            let snippet = snippets.as_mut().and_then(|snippets| snippets.of(ord, &parts));
            writeln!(told, "{} {:?} {:?} {snippet:?}", hit.key, hit.score.map(f32::to_bits), hit.fields).unwrap();
        }
        match listing.next {
            Some(next) => start = Start::After(next),
            None => return told,
        }
    }
}

/// What a principal is offered to complete what they type.
fn suggested(view: &View, access: &Access) -> String {
    let snapshot = view.snapshot();
    let mut told = String::new();
    for prefix in PREFIXES {
        writeln!(told, "{prefix}: {:?}", suggest(snapshot, access, prefix, None, 20)).unwrap();
        for field in snapshot.schema().fields().iter().filter(|field| field.kind.is_keyword()) {
            writeln!(told, "{prefix} {}: {:?}", field.name, suggest(snapshot, access, prefix, Some(field.id), 5))
                .unwrap();
        }
    }
    told
}

/// The tenant as it would be if it held only what `principal` may see.
fn pruned(engine: &Engine, twin: &Twin, people: &[Change], scene: &Scene, principal: &str, rng: &mut Rng) -> TenantId {
    let id = TenantId::parse(&format!("pruned-{}", rng.u64(..))).unwrap();
    let tenant = engine.create_tenant(&id).unwrap();
    for change in people {
        offer(&tenant, change);
    }
    let mut tickets = twin.world.pruned(principal, scene.now);
    rng.shuffle(&mut tickets);
    // Other ordinals, and text that came and went.
    for decoy in 0..rng.i64(..4) {
        tenant.submit(vec![ticket(900_000 + decoy, &[("status", "open")])]).unwrap();
        tenant.submit(vec![text(900_000 + decoy, "c1", TextClass::Public, "refund decoy password")]).unwrap();
        if rng.bool() {
            wait(&tenant);
        }
        tenant.submit(vec![del(900_000 + decoy)]).unwrap();
    }
    for mut changes in tickets {
        let mut parts = changes.split_off(1);
        rng.shuffle(&mut parts);
        tenant.submit(changes).unwrap();
        for part in parts {
            tenant.submit(vec![part]).unwrap();
            if rng.u32(..6) == 0 {
                wait(&tenant);
            }
        }
    }
    wait(&tenant);
    id
}

fn wait(tenant: &Tenant) {
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{:?}", tenant.stats().unwrap().text);
}

/// The changes that are about no ticket.
fn about_people(history: &History) -> impl Iterator<Item = &Change> {
    history.changes.iter().filter(|change| !matches!(change.fact, Fact::Ticket(_) | Fact::Text { .. } | Fact::Del(_)))
}

fn same(place: &str, whole: &str, pruned: &str) -> Result<(), String> {
    let first = whole.lines().zip(pruned.lines()).find(|(a, b)| a != b);
    match first {
        None if whole == pruned => Ok(()),
        first => Err(format!("{place} differs: {first:?}")),
    }
}

/// Compares one random tenant with the pruned ones of some of its people. Answers how many questions were asked.
pub(crate) fn play(seed: u64) -> Result<u64, String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let (setup, history) = (scene.text_setup(rng), scene.text_history(rng, 60));
    for history in [&setup, &history] {
        twin.teach(history);
        for change in &history.changes {
            twin.begin_import();
            twin.import(std::slice::from_ref(change))?;
        }
    }
    let people: Vec<Change> = about_people(&setup).chain(about_people(&history)).cloned().collect();
    wait(twin.tenant());
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let mut asked = 0;
    let mut principals: Vec<&str> = scene.askers().collect();
    rng.shuffle(&mut principals);
    for principal in principals.into_iter().take(3) {
        let whole = twin.tenant().view().unwrap();
        let Ok(access) = whole.snapshot().access(principal) else { continue };
        let id = pruned(&engine, &twin, &people, &scene, principal, rng);
        let tenant = engine.tenant(&id).unwrap();
        let other = tenant.view().unwrap();
        let other_access = other.snapshot().access(principal).map_err(|error| error.to_string())?;
        let keys: Vec<&TicketKey> = twin.world.tickets().map(|(key, _)| key).collect();
        for key in keys {
            let answer = |view: &View| view.snapshot().sees(principal, "view", key).ok();
            same(
                &format!("whether {principal} sees {key}"),
                &format!("{:?}", answer(&whole)),
                &format!("{:?}", answer(&other)),
            )?;
        }
        same(&format!("suggestions for {principal}"), &suggested(&whole, &access), &suggested(&other, &other_access))?;
        asked += 1;
        for at in 0..QUESTIONS {
            let text = if at % 3 == 0 { scene.query(rng).to_string() } else { scene.text_query(rng).to_string() };
            let who = Asker::Principal(principal.to_owned());
            // A field that several values made unfit for a list is no question.
            let context = parse::Context::new(whole.snapshot().schema(), scene.now).asked_by(principal);
            if parse::parse(&text, &context).is_err() {
                continue;
            }
            let place = format!("`{text}` for {principal}");
            let query = |view: &View| parse_as(view.snapshot(), scene.now, &who, &text);
            let answer = told(&whole, &access, &query(&whole), principal, scene.now);
            same(&place, &answer, &told(&other, &other_access, &query(&other), principal, scene.now))?;
            asked += 1;
        }
        drop((other, tenant));
    }
    Ok(asked)
}

#[test]
fn answers_are_those_of_a_tenant_that_never_held_what_is_hidden() {
    let mut asked = 0;
    for seed in seeds(25) {
        match play(seed) {
            Ok(questions) => asked += questions,
            Err(difference) => panic!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {difference}"),
        }
    }
    assert!(asked > 0, "nothing was asked");
}
