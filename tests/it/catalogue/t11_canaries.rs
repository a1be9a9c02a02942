//! T11: no byte that leaves the server for anybody but an admin holds a word that stands in hidden things alone.

use serde_json::json;
use ticketscope_server::KeyClass;

use super::desk::{ACME, ADMIN, Asking, OTHER, RESTRICTED, Secret, VAULT, WITHOUT_NOTES, hidden_parts, serve, vault};
use crate::http::{Client, Reply};

/// In every hidden value, text, id, name and address, and in no question below.
const CANARY: &str = "kakapotoken";
const NOTE_CANARY: &str = "weathertoken";

fn everything(reply: &Reply) -> String {
    format!("{:?} {}", reply.headers, reply.text)
}

/// Every route, asked well and badly, by somebody who may not see the hidden things; all bytes of the answers.
fn leaving(client: &mut Client, credential: &str) -> String {
    let mut told = String::new();
    let queries = [
        "",
        "refund",
        "parcel",
        "re*",
        "k*",
        "ka*",
        "kak*",
        "we*",
        "status:open",
        "tags:vat",
        "external_id:*",
        "weight>500",
        "order_by:external_id sort:desc",
        "order_by:weight sort:desc",
        "\"refund parcel\"",
        "-tags:vat",
        "unknown:1",
        "\"open",
        "group>a",
        "kakapo:1",
        "note:refund",
        "id:900",
        "900",
        "wieght:1",
        "tags:K",
        "subject:*",
        "requester:*",
    ];
    for query in queries {
        for route in ["search", "count", "facets", "explain"] {
            let reply = client.post(credential, &format!("/v1/tenants/{ACME}/{route}"), &json!({"query": query}));
            told += &everything(&reply);
        }
        let fields = json!({"query": query, "top": 1000, "field": ["tags", "group", "assignee", "external_id"]});
        told += &everything(&client.post(credential, &format!("/v1/tenants/{ACME}/facets"), &fields));
    }
    for prefix in ["", "k", "ka", "kak", "kaka", "w", "we", "chief", "c", "r"] {
        let path = format!("/v1/tenants/{ACME}/suggest");
        told += &everything(&client.post(credential, &path, &json!({"prefix": prefix, "limit": 100})));
        for field in ["tags", "assignee", "requester", "group", "organization", "external_id", "weight", "nofield"] {
            let parameters = json!({"prefix": prefix, "field": field, "limit": 100});
            told += &everything(&client.post(credential, &path, &parameters));
        }
    }
    for path in [
        "tickets/900",
        "tickets/1",
        "tickets/2",
        "tickets/5",
        "check?ticket=900",
        "stats",
        "who?ticket=900",
        "who?ticket=2",
        "why?principal=root&ticket=900",
        "scopes/root",
        "scopes/gil",
        "search?sort=external_id:asc",
        "search?limit=0",
        "search?page_after=00",
        "search?rank=99999",
        "search?as_admin=true",
        "count?query=%ff",
        "nothing",
        "../zeta/search",
    ] {
        told += &everything(&client.get(credential, &format!("/v1/tenants/{ACME}/{path}")));
    }
    for number in VAULT - 2..VAULT + 6 {
        told += &everything(&client.get(credential, &format!("/v1/tenants/{ACME}/tickets/{number}")));
    }
    for path in [
        "/v1/tenants",
        "/v1/errors",
        "/health/livez",
        "/health/readyz",
        "/version",
        "/metrics",
        "/",
        "/v1",
        "/favicon.ico",
        &format!("/v1/tenants/{OTHER}/search"),
        "/v1/tenants/absent/stats",
    ] {
        told += &everything(&client.get(credential, path));
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        told += &everything(&client.send(method, credential, &format!("/v1/tenants/{ACME}/tickets/900"), &[], ""));
    }
    told + &everything(&client.send("POST", credential, &format!("/v1/tenants/{ACME}/changes"), &[], "{\"k\":"))
}

#[test]
fn t11_no_byte_that_leaves_holds_a_word_of_hidden_things() {
    let notes = hidden_parts(&Secret::new(NOTE_CANARY, 0, 1, 24));
    let served = serve([vault(&Secret::new(CANARY, 777, 17, 5)), notes].concat());
    let mut client = served.client();
    for principal in RESTRICTED {
        let told = leaving(&mut client, &served.token(ACME, principal));
        assert!(!told.contains(CANARY), "{principal} is told a word of hidden tickets");
        assert_eq!(told.contains(NOTE_CANARY), !WITHOUT_NOTES.contains(&principal), "{principal} and words of notes");
        assert!(!told.contains("foreignword"), "{principal} is told a word of another tenant");
    }
    // Programs that may not ask are told nothing either, nor is whoever reads the metrics, nor a stranger.
    let ingest = served.key(KeyClass::Ingest, Some(ACME));
    let metrics = served.key(KeyClass::Metrics, None);
    let foreign = served.key(KeyClass::Admin, Some(OTHER));
    for credential in [ingest, metrics.clone(), foreign, String::new(), "ts_wrong".to_owned()] {
        let told = leaving(&mut client, &credential);
        for canary in [CANARY, NOTE_CANARY] {
            assert!(!told.contains(canary), "a word of hidden things leaves");
        }
    }
    let shown = client.get(&metrics, "/metrics");
    assert!(shown.status == 200 && !shown.text.contains(ACME) && !shown.text.contains("gil"), "{}", shown.text);
    // Whoever does ask for them sees what an operator's log holds of that, and it names no word of a ticket.
    let mut admin = Asking::new(&served, ADMIN);
    for query in [CANARY, "tags:kakapotoken", "note:weathertoken"] {
        let reply = admin.post("search", &json!({"query": query}));
        assert!(reply.text.contains(CANARY) || reply.text.contains(NOTE_CANARY), "the canaries are there: {query}");
    }
    let log = format!("{:?}", served.faults());
    assert!(!log.contains(CANARY) && !log.contains(NOTE_CANARY), "{log}");
    let told = format!("{:?} {:?}", served.tenant(ACME).stats().unwrap(), served.tenant(ACME));
    assert!(!told.contains(CANARY), "numbers for operators hold no values");
}
