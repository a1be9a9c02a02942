//! Text behind the state: languages that change, tenants that are closed while text comes in.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_model::{Change, Fact, SchemaDecl, TextClass};
use ticketscope_query::{Page, Start, list};
use ticketscope_testkit::oracle::Asker;

use crate::{
    answers::{PATIENCE, Published, parse_as},
    changes::{principal, role, text, ticket},
    desk::Desk,
    world::directory,
};

fn languages(codes: &[&str]) -> Change {
    let languages = codes.iter().map(|code| (*code).into()).collect();
    Change::state(Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() }))
}

/// What somebody is told about a word: keys and scores.
fn told(tenant: &Tenant, principal: &str, word: &str) -> String {
    let found = Published::new(tenant, ticketscope_model::Timestamp(0));
    let asker = Asker::Principal(principal.to_owned());
    let access = found.snapshot.access(principal).unwrap();
    let query = parse_as(&found.snapshot, found.now, &asker, word);
    let page = Page { start: Start::First, limit: 10, asker: principal.to_owned(), now: found.now };
    let listing = list(&found.snapshot, access, &query, &page).unwrap();
    let hits: Vec<_> = listing.hits.iter().map(|hit| (hit.key.to_string(), hit.score.map(f32::to_bits))).collect();
    format!("{} {hits:?}", listing.total)
}

/// The desk of the tests below, with the note of ticket 1 public or private.
fn desk(class: TextClass) -> Desk {
    Desk::new(&[
        role("public", &[("view", "assignee = me")]),
        principal("ann", "public"),
        ticket(1, &[("assignee", "ann")]),
        ticket(2, &[("assignee", "ann")]),
        text(1, "c1", class, "many words about a severance and a Rechnung that nobody is to read again"),
        text(2, "c1", TextClass::Public, "the severance and the Rechnungen"),
    ])
}

#[test]
fn what_was_known_of_the_text_before_a_change_of_languages_is_not_used_after_it() {
    let desk_of = desk(TextClass::Public);
    told(desk_of.tenant(), "ann", "severance");
    desk_of.apply(&[text(
        1,
        "c1",
        TextClass::Private,
        "many words about a severance and a Rechnung that nobody is to read again",
    )]);
    desk_of.apply(&[languages(&["de"])]);
    let fresh = desk(TextClass::Private);
    fresh.apply(&[languages(&["de"])]);
    for word in ["severance", "rechnung"] {
        assert_eq!(told(desk_of.tenant(), "ann", word), told(fresh.tenant(), "ann", word), "{word}");
    }
}

#[test]
fn a_change_of_languages_is_in_force_once_the_text_is_waited_for() {
    let desk = desk(TextClass::Public);
    assert!(told(desk.tenant(), "ann", "rechnung").starts_with("1 "));
    desk.apply(&[languages(&["de"])]);
    assert!(told(desk.tenant(), "ann", "rechnung").starts_with("2 "));
}

#[test]
fn a_tenant_that_is_closed_while_text_comes_in_indexes_all_of_it() {
    let directory = directory();
    let engine = Engine::open(directory.path()).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("desk").unwrap()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Relaxed) {
                tenant.close().unwrap();
            }
        });
        for id in 1..=60 {
            tenant.submit(vec![ticket(id, &[]), text(id, "c1", TextClass::Public, "printer")]).unwrap();
        }
        done.store(true, Relaxed);
    });
    tenant.submit(vec![principal("ann", "generic.admin")]).unwrap();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{:?}", tenant.stats().unwrap().text);
    assert!(told(&tenant, "ann", "printer").starts_with("60 "));
    assert_eq!(tenant.stats().unwrap().text.put_aside, None);
}

#[test]
fn nothing_stays_of_an_index_in_other_languages() {
    let directory = directory();
    let engine = Engine::open(directory.path()).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("desk").unwrap()).unwrap();
    tenant.submit(vec![ticket(1, &[]), text(1, "c1", TextClass::Public, "printer")]).unwrap();
    let indexed = || {
        assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{:?}", tenant.stats().unwrap().text);
    };
    indexed();
    tenant.submit(vec![languages(&["de"])]).unwrap();
    indexed();
    assert!(tenant.stats().unwrap().text.put_aside.is_some(), "the index was made anew");
    let files: Vec<_> = std::fs::read_dir(directory.path().join("tenants").join("desk")).unwrap().collect();
    let is_aside = |name: &str| name.contains("aside");
    assert!(!files.iter().any(|file| is_aside(file.as_ref().unwrap().file_name().to_str().unwrap())), "{files:?}");
}
