//! The same comparison inside the process: by every plan, and with the bits of scores.

use std::{fmt::Write, sync::Arc};

use fastrand::Rng;
use ticketscope_engine::{Engine, Tenant, View, storage::TenantId};
use ticketscope_model::{Change, Timestamp};
use ticketscope_query::{
    Access, ListPlan, Page, Query, Snippets, Start, count, facets, list_with, parse, plans, suggest,
};
use ticketscope_testkit::{arb::Worlds, oracle::Asker};

use super::stage::settle;
use crate::{
    answers::parse_as,
    world::{directory, seeds},
};

/// Questions of each kind to each principal.
const QUESTIONS: usize = 12;

/// Beginnings of words and values of the random worlds.
const PREFIXES: [&str; 10] = ["re", "ref", "f", "pa", "o", "a", "1", "zw", "\u{624b}", ""];

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

/// A tenant made by changes, each offered alone, taken or refused; its text is committed now and then.
fn raise(engine: &Engine, changes: &[Change], rng: &mut Rng) -> Arc<Tenant> {
    let tenant = engine.create_tenant(&TenantId::parse(&format!("world-{}", rng.u64(..))).unwrap()).unwrap();
    let pause = rng.usize(..changes.len().max(1));
    for (at, change) in changes.iter().enumerate() {
        drop(tenant.submit(vec![change.clone()]));
        if at == pause {
            settle(&tenant);
        }
    }
    settle(&tenant);
    tenant
}

fn same(place: &str, whole: &str, pruned: &str) -> Result<(), String> {
    let first = whole.lines().zip(pruned.lines()).find(|(a, b)| a != b);
    match first {
        None if whole == pruned => Ok(()),
        first => Err(format!("{place} differs: {first:?}")),
    }
}

/// Compares one random tenant with the pruned ones of some of its people. Answers how many questions were asked.
fn play(seed: u64) -> Result<u64, String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let worlds = Worlds::draw(rng, 60);
    let (scene, world) = (&worlds.scene, worlds.world());
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let whole_tenant = raise(&engine, &worlds.changes, rng);
    let mut asked = 0;
    let mut principals: Vec<&str> = scene.askers().collect();
    rng.shuffle(&mut principals);
    for principal in principals.into_iter().take(3) {
        let whole = whole_tenant.view().unwrap();
        let Ok(access) = whole.snapshot().access(principal) else { continue };
        let tenant = raise(&engine, &worlds.pruned(&world, principal, rng), rng);
        let other = tenant.view().unwrap();
        let other_access = other.snapshot().access(principal).map_err(|error| error.to_string())?;
        for (key, _) in world.tickets() {
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
    }
    Ok(asked)
}

#[test]
fn answers_by_every_plan_are_those_of_a_tenant_that_never_held_what_is_hidden() {
    let mut asked = 0;
    for seed in seeds(25) {
        match play(seed) {
            Ok(questions) => asked += questions,
            Err(difference) => panic!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {difference}"),
        }
    }
    assert!(asked > 0, "nothing was asked");
}
