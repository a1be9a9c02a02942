//! T7: no other way to ask shows more: verbs of HTTP, names of the asker, places in a list, plans, nested queries, a state
//! that was mapped from disk, and routes that change.

use fastrand::Rng;
use serde_json::{Value, json};
use ticketscope_engine::{
    Engine,
    query::{self, Page, Start, list_keys, list_with, plans},
};
use ticketscope_model::TicketKey;
use ticketscope_server::KeyClass;
use ticketscope_testkit::oracle::Asker;

use super::desk::{ACME, RESTRICTED, Secret, WORDS, desk, serve, vault, visible};
use crate::{
    answers::{PATIENCE, parse_as},
    changes::{rel, ticket},
    http::{NOW, Served, encoded, id, ids_of, lines},
    world::{directory, seeds},
};

/// A random query that nests fields, ranges, words and exclusions, about hidden and visible things.
fn random_query(rng: &mut Rng) -> String {
    let terms = [
        "status:open",
        "status<solved",
        "tags:vat",
        "tags:quarterhorse",
        "group:support",
        "group:quarterhorse-group",
        "group:none",
        "assignee:me",
        "assignee:none",
        "priority>=high",
        "weight>50",
        "weight>700",
        "life:live",
        "organization:initech",
        "requester:*",
        "quarterhorse",
        "\"quarterhorse refund\"",
        "quar*",
        "re*",
        "900",
        "created>2026-10-05",
        "external_id:*",
        "note:refund",
        "subject:case4",
        "reviewed_at<2026-10-20",
    ];
    let mut query = String::new();
    for _ in 0..rng.usize(1..6) {
        let term = if rng.u32(..4) == 0 { WORDS[rng.usize(..WORDS.len())] } else { terms[rng.usize(..terms.len())] };
        query += if rng.u32(..3) == 0 { "-" } else { "" };
        query += term;
        query.push(' ');
    }
    query.trim_end().to_owned()
}

/// The ids of a list by every way that HTTP has; all must be the same.
fn over_http(served: &Served, principal: &str, keys: &[String; 2], asked: &str) -> Vec<String> {
    let mut client = served.client();
    let (token, path) = (served.token(ACME, principal), format!("/v1/tenants/{ACME}/search"));
    let get = format!("{path}?limit=1000&query={}", encoded(asked));
    let mut lists = vec![
        client.get(&token, &get).ids(),
        client.post(&token, &path, &json!({"query": asked, "limit": 1000})).ids(),
        client.get(&token, &format!("{get}&as={principal}")).ids(),
        client.send("GET", &token, &get, &[("x-ticketscope-as", principal)], "").ids(),
    ];
    for key in keys {
        lists.push(client.get(key, &format!("{get}&as={principal}")).ids());
        lists.push(client.send("GET", key, &get, &[("x-ticketscope-as", principal)], "").ids());
    }
    // Beside questions of another kind, and twice.
    let question = json!({"ask": "search", "query": asked, "limit": 1000});
    let several = json!({"as": principal, "questions": [{"ask": "fields"}, question, {"ask": "count"}, question]});
    for credential in [&token, &keys[0], &keys[1]] {
        let reply = client.post(credential, &format!("/v1/tenants/{ACME}/multi"), &several).json();
        lists.extend([1, 3].map(|at| ids_of(&reply["answers"][at]["body"])));
    }
    let (mut by_cursor, mut by_rank) = (Vec::new(), Vec::new());
    let mut parameters = json!({"query": asked, "limit": 4});
    loop {
        let page = client.post(&token, &path, &parameters);
        by_cursor.extend(page.ids());
        match page.next() {
            Some(next) => parameters["page_after"] = Value::from(next),
            None => break,
        }
    }
    loop {
        let page = client.post(&token, &path, &json!({"query": asked, "limit": 3, "rank": by_rank.len()})).ids();
        if page.is_empty() {
            break;
        }
        by_rank.extend(page);
    }
    lists.extend([by_cursor, by_rank]);
    lists.dedup();
    assert_eq!(lists.len(), 1, "{principal} asks {asked}");
    lists.remove(0)
}

/// The same inside the process: whole rows, keys alone, every plan.
fn inside(served: &Served, principal: &str, asked: &str) -> Vec<String> {
    let tenant = served.tenant(ACME);
    let snapshot = tenant.snapshot();
    let access = snapshot.access(principal).unwrap();
    let parsed = parse_as(&snapshot, NOW, &Asker::Principal(principal.to_owned()), asked);
    let page = Page { start: Start::First, limit: 1000, asker: principal.to_owned(), now: NOW };
    let text = |keys: Vec<TicketKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut lists = vec![text(list_keys(&snapshot, &access, &parsed, &page).unwrap().keys)];
    for plan in plans(&parsed) {
        let listing = list_with(&snapshot, &access, &parsed, &page, plan).unwrap();
        lists.push(text(listing.hits.into_iter().map(|hit| hit.key).collect()));
    }
    let matching = query::matching(&snapshot, &access, &parsed).unwrap();
    assert_eq!(matching.len() as usize, lists[0].len(), "{principal} asks {asked}");
    lists.dedup();
    assert_eq!(lists.len(), 1, "{principal} asks {asked}");
    lists.remove(0)
}

#[test]
fn t07_no_way_to_ask_shows_more_than_another() {
    // A tenant that was closed and is read from its mapped files, beside one that was just made.
    let dir = directory();
    let changes = [desk(), vault(&Secret::new("quarterhorse", 777, 17, 6))].concat();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&id(ACME)).unwrap();
    let ack = tenant.submit(changes).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    drop(tenant);
    engine.close().unwrap();
    drop(engine);
    let mapped = Served::open(dir);
    assert!(mapped.tenant(ACME).recovery().snapshot.is_some(), "the state is read from a mapped snapshot");
    assert!(mapped.tenant(ACME).wait_for_text(ack.opstamp, PATIENCE));
    let fresh = serve(Vec::new());
    let keys = |served: &Served| [KeyClass::Search, KeyClass::Admin].map(|class| served.key(class, Some(ACME)));
    let (mapped_keys, fresh_keys) = (keys(&mapped), keys(&fresh));
    let (mut hits, mut asked) = (0, 0);
    for seed in seeds(60) {
        let mut rng = Rng::with_seed(seed);
        let query = random_query(&mut rng);
        let principal = RESTRICTED[rng.usize(..RESTRICTED.len())];
        let listed = over_http(&mapped, principal, &mapped_keys, &query);
        assert_eq!(listed, inside(&mapped, principal, &query), "TICKETSCOPE_SEED={seed}: {principal} asks {query}");
        let bare = over_http(&fresh, principal, &fresh_keys, &query);
        assert_eq!(listed, bare, "TICKETSCOPE_SEED={seed}: {principal} asks {query}");
        let allowed = visible(principal);
        assert!(listed.iter().all(|id| allowed.contains(&id.parse().unwrap())), "seed {seed}: {listed:?}");
        (hits, asked) = (hits + listed.len(), asked + 1);
    }
    assert!(hits > asked / 2, "{hits} hits of {asked} queries");
    // No way to ask is a way to change, and who may only change is told nothing.
    let mut client = mapped.client();
    let change = lines(&[rel("gil", "groups", "quarterhorse-group")]);
    let path = format!("/v1/tenants/{ACME}/changes");
    for credential in [mapped.token(ACME, "gil"), mapped_keys[0].clone()] {
        assert_eq!(client.send("POST", &credential, &path, &[], &change).status, 403);
    }
    let ingest = mapped.key(KeyClass::Ingest, Some(ACME));
    for route in ["search?as=gil", "count?as=gil", "facets?as=gil", "suggest?prefix=q&as=gil", "tickets/2?as=gil"] {
        let reply = client.get(&ingest, &format!("/v1/tenants/{ACME}/{route}"));
        assert_eq!(reply.code().as_deref(), Some("wrong_class"), "{route}");
    }
    let several = json!({"as": "gil", "questions": [{"ask": "count"}]});
    let reply = client.post(&ingest, &format!("/v1/tenants/{ACME}/multi"), &several);
    assert_eq!(reply.code().as_deref(), Some("wrong_class"));
    assert!(!client.change(&ingest, ACME, &[ticket(2, &[])]).text.contains("opstamp"));
}
