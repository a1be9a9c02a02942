//! T5: a score is a function of what the asker may read: probes of one's own weigh the same whatever is hidden.

use serde_json::json;
use ticketscope_engine::query::{Page, Start, list_with, plans};
use ticketscope_model::{Change, TextClass};
use ticketscope_testkit::oracle::Asker;

use super::desk::{ACME, ADMIN, Asking, RESTRICTED, Secret, WITHOUT_NOTES, hidden_parts, serve, vault};
use crate::{
    answers::{PATIENCE, parse_as},
    changes::{del, text, ticket},
    http::{NOW, Served},
};

const PROBES: std::ops::Range<i64> = 700..706;

/// Tickets that every one of the restricted sees and whose texts they may have written themselves.
fn probes(word: &str) -> Vec<Change> {
    let fields = [("group", "support"), ("organization", "initech"), ("assignee", "ash"), ("requester", "cus")];
    let body = |number: i64| match number % 3 {
        0 => format!("probe probe {word}"),
        1 => format!("probe {word} and some more words about a parcel"),
        _ => "probe alone".to_owned(),
    };
    PROBES.flat_map(|number| [ticket(number, &fields), text(number, "p", TextClass::Public, &body(number))]).collect()
}

/// The hits of a query with their scores to the bit, by every plan, and over HTTP.
fn scores(served: &Served, principal: &str, query: &str) -> Vec<String> {
    let tenant = served.tenant(ACME);
    let snapshot = tenant.snapshot();
    let access = snapshot.access(principal).unwrap();
    let parsed = parse_as(&snapshot, NOW, &Asker::Principal(principal.to_owned()), query);
    let page = Page { start: Start::First, limit: 1000, asker: principal.to_owned(), now: NOW };
    let mut all: Vec<String> = plans(&parsed)
        .into_iter()
        .map(|plan| {
            let listing = list_with(&snapshot, &access, &parsed, &page, plan).unwrap();
            let hits: Vec<_> =
                listing.hits.iter().map(|hit| (hit.key.to_string(), hit.score.map(f32::to_bits))).collect();
            format!("{} {hits:?}", listing.total)
        })
        .collect();
    all.dedup();
    assert_eq!(all.len(), 1, "{principal} {query}: plans differ");
    all.push(Asking::new(served, principal).post("search", &json!({"query": query, "limit": 1000})).told());
    all
}

#[test]
fn t05_a_score_does_not_change_with_hidden_tickets_or_hidden_notes_that_hold_the_word() {
    let secret = Secret::new("quarterhorse", 777, 17, 2);
    let many = Secret { tickets: 50, ..secret.clone() };
    let own = probes(&secret.word);
    let worlds = [
        serve(own.clone()),
        serve([own.clone(), vault(&secret)].concat()),
        serve([own.clone(), vault(&many)].concat()),
    ];
    // Hidden tickets that come and go move the files of the index about.
    let tenant = worlds[1].tenant(ACME);
    for number in 0..20 {
        tenant.submit(vec![ticket(950, &[]), text(950, "d", TextClass::Public, "probe quarterhorse refund")]).unwrap();
        if number % 5 == 0 {
            assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
        }
        tenant.submit(vec![del(950)]).unwrap();
    }
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    let queries = [
        "probe quarterhorse",
        "quarterhorse",
        "probe",
        "prob*",
        "probe refund",
        "\"probe quarterhorse\"",
        "quar* probe",
    ];
    for query in queries {
        for principal in RESTRICTED {
            let expected = scores(&worlds[0], principal, query);
            for served in &worlds[1..] {
                assert_eq!(scores(served, principal, query), expected, "{principal} asks {query}");
            }
        }
    }
    // The probes are found, the scores are no constants, and a visible ticket with the word does move them.
    let before = scores(&worlds[0], "ash", "probe quarterhorse");
    assert!(before[0].starts_with("4 "), "{before:?}");
    assert_ne!(scores(&worlds[0], ADMIN, "probe quarterhorse"), scores(&worlds[2], ADMIN, "probe quarterhorse"));
    let tenant = worlds[0].tenant(ACME);
    tenant
        .submit(vec![ticket(710, &[("assignee", "ash")]), text(710, "d", TextClass::Public, "quarterhorse")])
        .unwrap();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    assert_ne!(scores(&worlds[0], "ash", "probe quarterhorse"), before);
    // Notes on tickets that one sees count for who reads notes alone.
    let noted = serve([own.clone(), hidden_parts(&Secret { tickets: 24, ..secret.clone() })].concat());
    let plain = serve(own);
    for query in queries {
        for principal in WITHOUT_NOTES {
            assert_eq!(scores(&noted, principal, query), scores(&plain, principal, query), "{principal} asks {query}");
        }
    }
    assert_ne!(scores(&noted, "gil", "quarterhorse"), scores(&plain, "gil", "quarterhorse"));
    // How a list is found is told to admins alone.
    let explained = Asking::new(&noted, "ash").post("explain", &json!({"query": "quarterhorse"}));
    assert_eq!((explained.status, explained.code().as_deref()), (403, Some("wrong_class")));
}
