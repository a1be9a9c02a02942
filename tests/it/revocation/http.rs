//! The same over HTTP: a batch of changes is answered, and no answer to a request sent after that shows what it revoked.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    thread,
};

use serde_json::{Value, json};
use ticketscope_server::KeyClass;

use super::{
    OnFailure,
    ways::{GRANTED, Kind, REVOKED, STEPS, Way, shared, way},
};
use crate::http::{Client, Served};

const TENANT: &str = "acme";
/// How often each way is revoked.
const ROUNDS: usize = 12;
const READERS: usize = 3;

/// The routes that show something of a way to its agent.
fn shown(client: &mut Client, credential: &str, way: &Way) -> Vec<&'static str> {
    let mut shown = Vec::new();
    let path = |route: &str| format!("/v1/tenants/{TENANT}/{route}");
    let mut ask = |route: &'static str, parameters: Value, shows: &dyn Fn(&Value) -> bool| {
        let reply = client.post(credential, &path(route), &parameters);
        assert!([200, 403].contains(&reply.status), "{route} {parameters}: {}", reply.text);
        if reply.status == 200 && shows(&reply.json()) {
            shown.push(route);
        }
    };
    let has_hits = |body: &Value| body["total"] != 0 || body["hits"].as_array().is_some_and(|hits| !hits.is_empty());
    ask("search", json!({"query": way.word}), &has_hits);
    ask("search", json!({"query": format!("{}*", &way.word[..10])}), &has_hits);
    ask("count", json!({"query": way.word}), &|body| body["count"] != 0);
    ask("suggest", json!({"prefix": way.word}), &|body| {
        body["suggestions"].as_array().is_some_and(|all| !all.is_empty())
    });
    // Snippets of tickets that stay visible.
    ask("search", json!({"query": format!("tags:{} plain", way.tag)}), &|body| body.to_string().contains(&way.word));
    if way.kind.is_of_a_part() {
        return shown;
    }
    let tagged = format!("tags:{}", way.tag);
    ask("search", json!({"query": tagged}), &has_hits);
    ask("search", json!({"limit": 1000}), &|body| body.to_string().contains(&way.tag));
    ask("count", json!({"query": tagged}), &|body| body["count"] != 0);
    ask("facets", json!({"field": "tags", "top": 1000}), &|body| body.to_string().contains(&way.tag));
    ask("suggest", json!({"prefix": way.tag, "field": "tags"}), &|body| body.to_string().contains(&way.tag));
    let several = json!({"questions": [{"ask": "count", "query": tagged}, {"ask": "search", "query": tagged}]});
    ask("multi", several, &|body| {
        let [counted, found] = [0, 1].map(|at| &body["answers"][at]);
        (counted["status"] == 200 && counted["body"]["count"] != 0)
            || (found["status"] == 200 && has_hits(&found["body"]))
    });
    for id in way.tickets {
        ask("check", json!({"ticket": id}), &|body| body["visible"] == true);
    }
    if let Some(cursor) = way.cursor.lock().clone() {
        let parameters = json!({"query": tagged, "sort": "id:asc", "limit": 1, "page_after": cursor});
        ask("search", parameters, &has_hits);
    }
    for id in way.tickets {
        let reply = client.get(credential, &path(&format!("tickets/{id}")));
        assert!([200, 403, 404].contains(&reply.status), "{}", reply.text);
        if reply.status == 200 {
            shown.push("tickets");
        }
    }
    shown
}

/// What there is to see while a way is granted: of words only once they are indexed.
fn is_shown_in_full(way: &Way, shown: &[&str]) -> bool {
    way.kind.is_of_a_part()
        || ["search", "count", "facets", "suggest", "multi", "check", "tickets"]
            .iter()
            .all(|route| shown.contains(route))
}

#[test]
fn no_answer_over_http_shows_what_a_batch_that_was_answered_has_revoked() {
    let mut setup = shared(Kind::ALL.len());
    let ways: Vec<Way> = Kind::ALL.into_iter().enumerate().map(|(at, kind)| way(kind, at, &mut setup)).collect();
    let served = Served::new(&[(TENANT, setup)]);
    let tokens: Vec<String> = ways.iter().map(|way| served.token(TENANT, &way.agent)).collect();
    let ingest = served.key(KeyClass::Ingest, Some(TENANT));
    let (current, left) = (AtomicUsize::new(0), AtomicU64::new(1));
    let (certain, reads) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..READERS {
            let mut client = served.client();
            let (ways, tokens, current, left) = (&ways, &tokens, &current, &left);
            let (certain, reads) = (&certain, &reads);
            scope.spawn(move || {
                while left.load(SeqCst) > 0 {
                    let at = current.load(SeqCst);
                    let way = &ways[at];
                    let before = way.phase.load(SeqCst);
                    let shown = shown(&mut client, &tokens[at], way);
                    reads.fetch_add(1, SeqCst);
                    if before == way.phase.load(SeqCst) && before % STEPS == REVOKED {
                        assert!(shown.is_empty(), "{:?} was revoked, and is shown by {shown:?}", way.kind);
                        certain.fetch_add(1, SeqCst);
                    }
                    if before == way.phase.load(SeqCst) && before % STEPS == GRANTED {
                        assert!(is_shown_in_full(way, &shown), "{:?} is granted: {shown:?}", way.kind);
                    }
                }
            });
        }
        let _ends = OnFailure(|| left.store(0, SeqCst));
        let (mut writing, mut asking) = (served.client(), served.client());
        for round in 0..ROUNDS * ways.len() {
            let at = round % ways.len();
            let way = &ways[at];
            current.store(at, SeqCst);
            let first = json!({"query": format!("tags:{}", way.tag), "sort": "id:asc", "limit": 1});
            let page = asking.post(&tokens[at], &format!("/v1/tenants/{TENANT}/search"), &first);
            *way.cursor.lock() = Some(page.next().unwrap_or_else(|| panic!("{:?}: {}", way.kind, page.text)));
            for (step, is_granted) in [(&way.revoke, false), (&way.grant, true)] {
                way.phase.fetch_add(1, SeqCst);
                writing.change(&ingest, TENANT, step);
                way.phase.fetch_add(1, SeqCst);
                let shown = shown(&mut asking, &tokens[at], way);
                if is_granted {
                    assert!(is_shown_in_full(way, &shown), "{:?}, round {round}: {shown:?}", way.kind);
                } else {
                    assert!(shown.is_empty(), "{:?}, round {round}: shown by {shown:?}", way.kind);
                }
            }
        }
        left.store(0, SeqCst);
    });
    println!("{} revocations, {reads:?} reads, {certain:?} of them between", ROUNDS * ways.len());
    assert!(certain.into_inner() > 0);
}
