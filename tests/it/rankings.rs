//! Every way to rank gives the same page of a tenant with long posting lists in several segments, with deletions, many
//! equal scores and texts of two classes.

use std::fmt::Write;

use fastrand::Rng;
use tempfile::TempDir;
use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_model::{Change, TextClass, Timestamp};
use ticketscope_query::{Access, ListPlan, Page, Snapshot, Start, list, list_with, parse, plans};

use crate::{
    answers::PATIENCE,
    changes::{del, principal, rel, text, ticket},
    world::{directory, seeds},
};

const TICKETS: i64 = 4_000;
const NOW: Timestamp = Timestamp(1_795_176_000_000);
/// Who asks: from one ticket in eighty to all but one in eighty.
const PEOPLE: [&str; 4] = ["few", "some", "most", "all"];

/// The words: the first ones are in most texts, the last ones in hardly any.
fn word(rng: &mut Rng) -> String {
    let rank = (1.0 / (1.0 - rng.f64()).max(0.002)).min(400.0);
    let mut rest = format!("{rank:.0}").parse::<u32>().unwrap_or(1);
    let mut word = "ka".to_owned();
    while rest > 0 {
        word.push_str(["bo", "du", "fe", "gi", "lo", "mu", "ne"][rest as usize % 7]);
        rest /= 7;
    }
    word
}

fn body(rng: &mut Rng) -> String {
    // Many of the same length: ties.
    let words = [3, 3, 3, 8, 20, 60][rng.usize(..6)];
    (0..words).map(|_| word(rng)).collect::<Vec<_>>().join(" ")
}

fn settle(tenant: &Tenant) {
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
}

struct Desk {
    tenant: std::sync::Arc<Tenant>,
    _engine: Engine,
    _dir: TempDir,
}

fn desk(rng: &mut Rng) -> Desk {
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("rankings").unwrap()).unwrap();
    let mut setup: Vec<Change> = Vec::new();
    for (at, person) in PEOPLE.iter().enumerate() {
        setup.push(principal(person, "zendesk.groups"));
        let groups = [1, 12, 79, 80][at];
        setup.extend((0..groups).map(|group| rel(person, "groups", &format!("g{group}"))));
    }
    tenant.submit(setup).unwrap();
    let mut ids: Vec<i64> = (0..TICKETS).collect();
    // Keys that do not ascend with ordinals.
    rng.shuffle(&mut ids);
    for (at, batch) in ids.chunks(700).enumerate() {
        let mut changes = Vec::new();
        for id in batch {
            changes.push(ticket(*id, &[("group", &*format!("g{}", rng.u32(..80)))]));
            changes.push(text(*id, "c1", TextClass::Public, &body(rng)));
            if rng.u32(..3) == 0 {
                changes.push(text(*id, "n1", TextClass::Private, &body(rng)));
            }
        }
        tenant.submit(changes).unwrap();
        if at % 2 == 0 {
            settle(&tenant);
        }
    }
    // Documents that are replaced and deleted, in segments of their own.
    let changes = ids.iter().take(300).map(|id| match rng.u32(..4) {
        0 => del(*id),
        _ => text(*id, "c1", TextClass::Public, &body(rng)),
    });
    tenant.submit(changes.collect()).unwrap();
    settle(&tenant);
    Desk { tenant, _engine: engine, _dir: dir }
}

/// Some pages of a list, with the bits of scores.
fn pages(snapshot: &Snapshot, access: &Access, text: &str, asker: &str, limit: u32, plan: ListPlan) -> String {
    let query = parse::parse(text, &parse::Context::new(snapshot.schema(), NOW).asked_by(asker)).unwrap();
    let (mut told, mut start) = (String::new(), Start::First);
    for _ in 0..4 {
        let page = Page { start, limit, asker: asker.to_owned(), now: NOW };
        let listing = list_with(snapshot, access, &query, &page, plan).unwrap();
        let rows: Vec<_> = listing.hits.iter().map(|hit| (&hit.key, hit.score.map(f32::to_bits))).collect();
        writeln!(told, "{} {rows:?} {}", listing.total, listing.next.is_some()).unwrap();
        match listing.next {
            Some(next) => start = Start::After(next),
            None => break,
        }
    }
    let page = Page { start: Start::Rank(limit * 2), limit, asker: asker.to_owned(), now: NOW };
    let ranked = list_with(snapshot, access, &query, &page, plan).unwrap();
    writeln!(told, "{:?}", ranked.hits.iter().map(|hit| &hit.key).collect::<Vec<_>>()).unwrap();
    told
}

fn question(rng: &mut Rng) -> String {
    let (a, b, c) = (word(rng), word(rng), word(rng));
    match rng.u32(..18) {
        0..=3 => a,
        4 | 5 => format!("{a} {b}"),
        6 => format!("{a} {b} {c}"),
        7 => format!("{a} -{b}"),
        8 => format!("\"{a} {b}\""),
        9 => format!("{}*", &a[..a.len() - 1]),
        10 => format!("note:{a}"),
        // Any of several words, on both sides of the number that are intersected in pairs.
        11 => format!("comment:{a} comment:{b} comment:{c}"),
        12 => format!("note:{a} note:{b} note:{c}"),
        13 => (0..rng.u32(2..7)).map(|_| format!("comment:{}", word(rng))).collect::<Vec<_>>().join(" "),
        14 => format!("comment:{a} comment:{}* comment:{c}", &b[..b.len() - 1]),
        // Beginnings of all words, of many and of few, in one class and in both.
        15 => format!("{}*", &a[..rng.usize(2..=a.len())]),
        16 => format!("{}:{}*", ["note", "comment"][rng.usize(..2)], &a[..rng.usize(2..=a.len())]),
        _ => format!("{a} group:g{}", rng.u32(..80)),
    }
}

#[test]
fn every_way_to_rank_gives_the_same_pages_and_each_is_chosen_for_its_words() {
    let (mut layered, mut by_key) = (0, 0);
    for seed in seeds(2) {
        let rng = &mut Rng::with_seed(seed);
        let desk = desk(rng);
        let snapshot = desk.tenant.snapshot();
        for _ in 0..60 {
            let text = question(rng);
            let asker = PEOPLE[rng.usize(..PEOPLE.len())];
            let access = match rng.u32(..5) {
                0 => Access::admin(),
                _ => snapshot.access(asker).unwrap(),
            };
            let limit = [1, 3, 10, 50][rng.usize(..4)];
            let place = format!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {limit} of `{text}` for {asker}");
            let sought = pages(&snapshot, &access, &text, asker, limit, ListPlan::Seek);
            let query = parse::parse(&text, &parse::Context::new(snapshot.schema(), NOW)).unwrap();
            for plan in plans(&query) {
                assert_eq!(pages(&snapshot, &access, &text, asker, limit, plan), sought, "{place} by {plan:?}");
            }
            let page = Page { start: Start::First, limit, asker: asker.to_owned(), now: NOW };
            let chosen = list(&snapshot, &access, &query, &page).unwrap().plan;
            layered += u32::from(chosen == ListPlan::Layers);
            by_key += u32::from(chosen == ListPlan::KeyOrder);
        }
    }
    assert!(layered > 0, "layers were never chosen");
    assert!(by_key > 0, "the order of keys was never chosen");
}
