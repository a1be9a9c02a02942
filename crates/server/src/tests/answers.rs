use serde_json::json;
use ticketscope_query::{
    self as query, Page, Start,
    parse::{Context, parse},
    scope::{Scope, VIEW},
};

use super::*;

#[tokio::test]
async fn every_question_is_answered_in_the_scope_of_who_asks() {
    let desk = Desk::new();
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    let count = desk.get(&ann, "/v1/tenants/acme/count").await;
    assert_eq!(*count.ok(), json!({"count": 3}));
    assert_eq!(*desk.get(&bob, "/v1/tenants/acme/count?query=status:open").await.ok(), json!({"count": 1}));
    let search = desk.get(&ann, "/v1/tenants/acme/search?query=status:open&sort=id:asc").await;
    let mut search = search.ok().clone();
    assert!(search["took_us"].take().is_u64());
    let hits = json!([
        {"id": 1, "score": null, "fields": {
            "status": "open", "priority": "high", "group": "billing", "tags": ["paid", "vat"], "weight": 1.5,
            "updated_at": "2026-11-01T00:00:00Z", "life": "live", "subject": "VAT on invoice",
        }, "snippet": null},
        {"id": "A-7", "score": null, "fields": {
            "status": "open", "group": "billing", "updated_at": "2026-11-03T00:00:00Z", "life": "live",
        }, "snippet": null},
    ]);
    assert_eq!(search, json!({"total": 2, "hits": hits, "next": null, "took_us": null}));
    let facets = desk.get(&ann, "/v1/tenants/acme/facets?field=status&field=group&top=1").await;
    let expected = json!({"total": 3, "facets": {
        "status": [{"value": "open", "count": 2}, {"value": null, "count": 0}],
        "group": [{"value": "billing", "count": 3}, {"value": null, "count": 0}],
    }, "more": {"status": 1}});
    assert_eq!(*facets.ok(), expected);
    let ticket = desk.get(&ann, "/v1/tenants/acme/tickets/1").await;
    assert_eq!(*ticket.ok(), json!({"id": 1, "fields": hits[0]["fields"]}));
    for (asker, ticket, visible) in [(&ann, "1", true), (&ann, "3", false), (&bob, "3", true), (&ann, "5", false)] {
        let reply = desk.get(asker, &format!("/v1/tenants/acme/check?ticket={ticket}")).await;
        assert_eq!(*reply.ok(), json!({"visible": visible}), "{ticket}");
    }
}

#[tokio::test]
async fn a_body_asks_what_a_query_string_asks() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    for (route, query, body) in [
        ("count", "query=status%3Aopen", json!({"query": "status:open"})),
        ("facets", "field=tags&field=status&top=3", json!({"field": ["tags", "status"], "top": 3})),
        ("check", "ticket=2", json!({"ticket": 2})),
        ("check", "ticket=A-7", json!({"ticket": "A-7"})),
    ] {
        let path = format!("/v1/tenants/acme/{route}");
        let get = desk.get(&ann, &format!("{path}?{query}")).await;
        let post = desk.post(&ann, &path, &body).await;
        assert_eq!(get.ok(), post.ok(), "{route}");
    }
}

#[tokio::test]
async fn answers_equal_those_of_the_engine() {
    let desk = Desk::new();
    let search_key = desk.key(KeyClass::Search);
    let admin = desk.key(KeyClass::Admin);
    let tenant = desk.engine.tenant(&id("acme")).unwrap();
    let snapshot = tenant.snapshot();
    for principal in [Some("ann"), Some("bob"), Some("sue"), Some("zed"), None] {
        let scope = principal.map_or_else(Scope::admin, |id| snapshot.scope(id, VIEW).unwrap());
        let (key, asked) = match principal {
            Some(id) => (&search_key, format!("as={id}")),
            None => (&admin, "as_admin=true".to_owned()),
        };
        for text in ["", "status:open", "-status:open", "tags:vat", "assignee:ann", "updated>2weeks", "priority:none"] {
            let context = Context::new(snapshot.schema(), NOW);
            let parsed = parse(text, &context).unwrap();
            let written: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let counted = desk.get(key, &format!("/v1/tenants/acme/count?{asked}&query={written}")).await;
            assert_eq!(
                counted.ok()["count"],
                query::count(&snapshot, &scope, &parsed).unwrap(),
                "{principal:?} {text}"
            );
            let page = Page { start: Start::First, limit: 1000, asker: String::new(), now: NOW };
            let listing = query::list(&snapshot, &scope, &parsed, &page).unwrap();
            let keys: Vec<_> = listing.hits.iter().map(|hit| hit.key.to_string()).collect();
            let found = pages(&desk, key, &format!("{asked}&query={written}&limit=2")).await;
            assert_eq!(found, keys, "{principal:?} {text}");
        }
    }
}

/// The ids of all pages of a search.
async fn pages(desk: &Desk, key: &str, asked: &str) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let reply = desk.get(key, &format!("/v1/tenants/acme/search?{asked}{after}")).await;
        let page = reply.ok();
        let hits = page["hits"].as_array().unwrap();
        ids.extend(hits.iter().map(|hit| hit["id"].as_str().map_or_else(|| hit["id"].to_string(), str::to_owned)));
        match page["next"].as_str() {
            Some(next) => after = format!("&page_after={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_asker_and_query_alone() {
    let desk = Desk::new();
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    let first = desk.get(&ann, "/v1/tenants/acme/search?limit=1").await;
    let cursor = first.ok()["next"].as_str().unwrap().to_owned();
    let page = |query: &str| format!("/v1/tenants/acme/search?limit=1&page_after={cursor}{query}");
    desk.get(&ann, &page("")).await.ok();
    assert_eq!(desk.get(&bob, &page("")).await.code(), "bad_cursor");
    assert_eq!(desk.get(&ann, &page("&query=status:open")).await.code(), "bad_cursor");
    assert_eq!(desk.get(&ann, &page("&rank=1")).await.code(), "bad_parameter");
    let rank = desk.get(&ann, "/v1/tenants/acme/search?limit=1&rank=2").await;
    assert_eq!(rank.ok()["hits"][0]["id"], 1);
}

#[tokio::test]
async fn admins_ask_why_who_and_how_much() {
    let desk = Desk::new();
    let admin = desk.key_of(KeyClass::Admin, "acme");
    let why = desk.get(&admin, "/v1/tenants/acme/why?principal=ann&ticket=3").await;
    assert_eq!(why.ok()["visible"], false);
    assert_eq!(why.ok()["steps"][0]["holds"], false);
    let absent = desk.post(&admin, "/v1/tenants/acme/why", &json!({"principal": "ann", "ticket": 99})).await;
    assert_eq!(*absent.ok(), json!({"visible": false, "reason": "no such ticket", "steps": []}));
    let who = desk.get(&admin, "/v1/tenants/acme/who?ticket=1").await;
    assert_eq!(*who.ok(), json!({"count": 1, "principals": ["ann"], "next": null}));
    assert_eq!(
        *desk.get(&admin, "/v1/tenants/acme/who?ticket=99").await.ok(),
        json!({"count": 0, "principals": [], "next": null})
    );
    let scope = desk.get(&admin, "/v1/tenants/acme/scopes/ann").await;
    let expected = json!({
        "principal": "ann", "role": "agent", "active": true, "verbs": {"view": "group in my.groups"},
        "scope": {
            "sees": "rule", "rule": {"in": {"field": "group", "values": ["billing"]}}, "life": ["archived", "live"],
        },
        "relations": {"groups": ["billing"]}, "visible": 3,
    });
    assert_eq!(*scope.ok(), expected);
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/scopes/nobody").await.code(), "no_such_principal");
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/why?principal=nobody&ticket=1").await.code(), "no_such_principal");
    let stats = desk.get(&admin, "/v1/tenants/acme/stats").await;
    assert_eq!((&stats.ok()["tickets"], &stats.ok()["principals"]), (&json!(6), &json!(4)));
    let memory = stats.ok()["memory"].as_array().unwrap();
    let part = |name: &str| memory.iter().find(|part| part["part"] == name).unwrap_or_else(|| panic!("no part {name}"));
    for name in ["keys", "dictionaries", "postings", "columns", "orders", "directory", "scopes: tickets"] {
        let heap = part(name)["heap"].as_u64().unwrap();
        assert!(heap > 0, "{name}");
        assert_eq!(part(name)["heap_per_ticket"], heap / 6, "{name}");
    }
    let index: u64 = ["keys", "dictionaries", "postings", "columns", "orders"]
        .map(|name| part(name)["heap"].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(stats.ok()["heap"]["total"], index, "the parts of the index are all of it");
}

#[tokio::test]
async fn who_lists_in_pages() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let joined = r#"{"k":"rel","principal":"bob","rel":"groups","value":"billing"}"#;
    desk.change(&admin, "", joined).await.ok();
    let first = desk.get(&admin, "/v1/tenants/acme/who?ticket=1&limit=1").await;
    assert_eq!(*first.ok(), json!({"count": 2, "principals": ["ann"], "next": "ann"}));
    let second = desk.get(&admin, "/v1/tenants/acme/who?ticket=1&limit=1&page_after=ann").await;
    assert_eq!(*second.ok(), json!({"count": 2, "principals": ["bob"], "next": null}));
    for limit in ["0", "1001"] {
        let reply = desk.get(&admin, &format!("/v1/tenants/acme/who?ticket=1&limit={limit}")).await;
        assert_eq!(reply.code(), "page_size", "{limit}");
    }
    desk.get(&admin, "/v1/tenants/acme/who?ticket=1&limit=1000").await.ok();
}

#[tokio::test]
async fn tenants_are_made_listed_and_deleted() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let headers = [("authorization", &*admin)];
    let put = |path: &'static str| desk.ask(Method::PUT, path, &headers, Body::empty());
    let made = put("/v1/tenants/new").await;
    assert_eq!((made.status, made.ok()), (StatusCode::CREATED, &json!({"tenant": "new", "created": true})));
    let again = put("/v1/tenants/new").await;
    assert_eq!((again.status, again.ok()), (StatusCode::OK, &json!({"tenant": "new", "created": false})));
    assert_eq!(*desk.get(&admin, "/v1/tenants").await.ok(), json!({"tenants": ["acme", "new", "other"]}));
    assert_eq!(put("/v1/tenants/NEW").await.code(), "bad_tenant_id");
    assert_eq!(put("/v1/tenants/new?x=1").await.code(), "bad_parameter");
    let delete = || desk.ask(Method::DELETE, "/v1/tenants/new", &headers, Body::empty());
    let held = desk.engine.tenant(&id("new")).unwrap();
    assert_eq!(delete().await.code(), "tenant_in_use");
    drop(held);
    assert_eq!(*delete().await.ok(), json!({"deleted": "new"}));
    assert_eq!(delete().await.code(), "no_such_tenant");
    let own = desk.key_of(KeyClass::Admin, "acme");
    assert_eq!(*desk.get(&own, "/v1/tenants").await.ok(), json!({"tenants": ["acme"]}));
}
