//! Cursors: good for one asker, tenant, query and order, and never a way past a revocation.

use super::*;

/// Principals with the scope of ann whose names look like parts of what a cursor is bound to.
const ALIKE: [&str; 7] = ["admin", "principal ann", "ann\n", "ann 3", "3 ann", "a|n,n:#", "ANN"];

async fn desk() -> (Desk, String) {
    let desk = Desk::new();
    let batch = Batch::parse(LINES.as_bytes(), 1000).unwrap();
    apply(&desk.engine, &id("other"), batch, OnRefusal::Reject).unwrap();
    let lines = ALIKE.iter().fold(String::new(), |lines, name| {
        let principal = json!({"k": "principal", "id": name, "role": "agent", "active": true});
        let group = json!({"k": "rel", "principal": name, "rel": "groups", "value": "billing"});
        format!("{lines}{principal}\n{group}\n")
    });
    desk.change(&desk.key(KeyClass::Admin), "", &lines).await.ok();
    let ann = desk.token("acme", "ann");
    (desk, ann)
}

/// A page of one ticket.
async fn page(desk: &Desk, credential: &str, tenant: &str, mut body: Value) -> Reply {
    body["limit"] = json!(1);
    desk.post(credential, &format!("/v1/tenants/{tenant}/search"), &body).await
}

fn next(reply: &Reply) -> String {
    reply.ok()["next"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_of_another_asker_tenant_query_or_order_is_refused() {
    let (desk, ann) = desk().await;
    let cursor = next(&page(&desk, &ann, "acme", json!({"query": "status:open"})).await);
    let after = |query: &str, more: Value| {
        let mut body = json!({"query": query, "page_after": cursor});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let same = page(&desk, &ann, "acme", after("status:open", json!({}))).await;
    assert_eq!(same.ok()["hits"][0]["id"], 1);
    for (query, more) in [
        ("", json!({})),
        ("status:solved", json!({})),
        ("-status:open", json!({})),
        ("status:open", json!({"sort": "id:asc"})),
        ("status:open", json!({"sort": "updated_at:asc"})),
        ("status:open order_by:created_at", json!({})),
    ] {
        assert_eq!(page(&desk, &ann, "acme", after(query, more)).await.code(), "bad_cursor", "{query}");
    }
    let there = desk.token("other", "ann");
    assert_eq!(page(&desk, &there, "other", after("status:open", json!({}))).await.code(), "bad_cursor");
    assert_eq!(
        page(&desk, &desk.token("acme", "bob"), "acme", after("status:open", json!({}))).await.code(),
        "bad_cursor"
    );
    let admin = desk.key(KeyClass::Admin);
    let as_admin = page(&desk, &admin, "acme", after("status:open", json!({"as_admin": true}))).await;
    assert_eq!(as_admin.code(), "bad_cursor");
}

#[tokio::test]
async fn no_name_of_an_asker_runs_into_what_else_a_cursor_is_bound_to() {
    let (desk, ann) = desk().await;
    let search = desk.key(KeyClass::Search);
    let admin = desk.key(KeyClass::Admin);
    let mut cursors = vec![(String::from("ann"), next(&page(&desk, &ann, "acme", json!({})).await))];
    for name in ALIKE {
        cursors.push((name.to_owned(), next(&page(&desk, &search, "acme", json!({"as": name})).await)));
    }
    for (owner, cursor) in &cursors {
        for (asker, _) in &cursors {
            let reply = page(&desk, &search, "acme", json!({"as": asker, "page_after": cursor})).await;
            if owner == asker {
                assert_eq!(reply.ok()["hits"][0]["id"], 2, "{owner:?}");
            } else {
                assert_eq!(reply.code(), "bad_cursor", "{owner:?} {asker:?}");
            }
        }
        let reply = page(&desk, &admin, "acme", json!({"as_admin": true, "page_after": cursor})).await;
        assert_eq!(reply.code(), "bad_cursor", "{owner:?}");
    }
}

#[tokio::test]
async fn a_cursor_that_was_touched_anywhere_is_refused_as_a_cursor() {
    let (desk, ann) = desk().await;
    // The moment inside a cursor decides what an age means, before it is known whether the cursor is one.
    for query in ["", "updated>2months", "updated>900years", "updated>=2026-10-01"] {
        let first = page(&desk, &ann, "acme", json!({"query": query})).await;
        let cursor = next(&first);
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'f' { b'0' } else { b'f' };
            let changed = String::from_utf8(changed).unwrap();
            let reply = page(&desk, &ann, "acme", json!({"query": query, "page_after": changed})).await;
            assert_eq!(reply.code(), "bad_cursor", "{query} {at}");
        }
        for length in 0..cursor.len() {
            let reply = page(&desk, &ann, "acme", json!({"query": query, "page_after": cursor[..length]})).await;
            assert_eq!(reply.code(), "bad_cursor", "{query} {length}");
        }
        for text in [format!("{cursor}00"), cursor.to_uppercase(), format!(" {cursor}"), "\u{e9}".repeat(40)] {
            let reply = page(&desk, &ann, "acme", json!({"query": query, "page_after": text})).await;
            assert_eq!(reply.code(), "bad_cursor", "{query} {text}");
        }
    }
}

#[tokio::test]
async fn a_cursor_from_before_a_revocation_shows_what_is_still_visible_and_nothing_else() {
    for (change, expected) in [
        (r#"{"k":"ticket","id":2,"group":"support"}"#, (2, vec![json!(1)])),
        (r#"{"k":"ticket","id":"A-7","group":"support"}"#, (2, vec![json!(2), json!(1)])),
        (r#"{"k":"del","ticket":2}"#, (2, vec![json!(1)])),
        (r#"{"k":"rel","principal":"ann","rel":"groups","value":"billing","gone":true}"#, (0, vec![])),
        (r#"{"k":"principal","id":"ann","role":"agent","active":false}"#, (0, vec![])),
        (r#"{"k":"principal","id":"ann","active":true}"#, (0, vec![])),
        (r#"{"k":"role","id":"agent","view":"assignee = me"}"#, (1, vec![json!(2)])),
    ] {
        let (desk, ann) = desk().await;
        let admin = desk.key(KeyClass::Admin);
        let first = page(&desk, &ann, "acme", json!({})).await;
        assert_eq!(first.ok()["hits"][0]["id"], "A-7");
        let cursor = next(&first);
        desk.change(&admin, "", change).await.ok();
        let body = json!({"page_after": cursor, "limit": 10});
        let rest = desk.post(&ann, "/v1/tenants/acme/search", &body).await;
        let ids: Vec<Value> = rest.ok()["hits"].as_array().unwrap().iter().map(|hit| hit["id"].clone()).collect();
        assert_eq!((rest.body["total"].as_u64().unwrap(), ids), expected, "{change}");
    }
}
