//! Every limit of a request, on both sides.

use super::*;

/// A request at a limit, the same one beyond it, and the code with which that is refused.
struct Limit {
    name: &'static str,
    at: (Method, String, String),
    beyond: (Method, String, String),
    code: &'static str,
}

/// A limit of a parameter in the query string, by `path` made of a number.
fn get(name: &'static str, path: impl Fn(usize) -> String, at: usize, beyond: usize, code: &'static str) -> Limit {
    let request = |number| (Method::GET, format!("/v1/tenants/acme/{}", path(number)), String::new());
    Limit { name, at: request(at), beyond: request(beyond), code }
}

/// A limit of a body.
fn post(name: &'static str, route: &str, body: impl Fn(usize) -> String, at: usize, code: &'static str) -> Limit {
    let request = |number| (Method::POST, format!("/v1/tenants/acme/{route}"), body(number));
    Limit { name, at: request(at), beyond: request(at + 1), code }
}

#[tokio::test]
async fn what_keeps_a_limit_is_answered_and_what_breaks_it_is_refused_by_name() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    let bytes = Limits::default().question_bytes;
    let query = |term: &'static str| move |count: usize| format!("count?as=ann&query={}", term.repeat(count));
    let page = |route: &'static str| move |limit: usize| format!("{route}limit={limit}");
    let limits = [
        get("bytes of a query", query("x"), 2048, 2049, "bad_query"),
        get("clauses of a query", query("-tags:a+"), 128, 129, "bad_query"),
        get("words of a query", query("ab+"), 64, 65, "bad_query"),
        get(
            "words of a phrase",
            |count| format!("count?as=ann&query=%22{}%22", "a+".repeat(count)),
            64,
            65,
            "bad_query",
        ),
        get("the largest page", page("search?as=ann&"), 1000, 1001, "page_size"),
        get("the smallest page", page("search?as=ann&"), 1, 0, "page_size"),
        get("the largest page of people", page("who?ticket=1&"), 1000, 1001, "page_size"),
        get("the smallest page of people", page("who?ticket=1&"), 1, 0, "page_size"),
        get("the most suggestions", page("suggest?as=ann&prefix=a&"), 100, 101, "page_size"),
        get("the fewest suggestions", page("suggest?as=ann&prefix=a&"), 1, 0, "page_size"),
        get(
            "bytes of a beginning",
            |count| format!("suggest?as=ann&prefix={}", "a".repeat(count)),
            2048,
            2049,
            "bad_parameter",
        ),
        get("the last rank", |rank| format!("search?as=ann&rank={rank}"), u32::MAX as usize, 1 << 32, "bad_parameter"),
        get(
            "fields to count by",
            |count| format!("facets?as=ann{}", "&field=status".repeat(count)),
            32,
            33,
            "bad_parameter",
        ),
        get("values of a facet", |top| format!("facets?as=ann&top={top}"), 1000, 1001, "bad_parameter"),
        get(
            "bytes of a ticket id",
            |count| format!("check?as=ann&ticket={}", "x".repeat(count)),
            512,
            513,
            "bad_parameter",
        ),
        post(
            "bytes of a question",
            "count",
            |count| format!("{{\"as\":\"ann\"}}{}", " ".repeat(count - 12)),
            bytes,
            "body_too_large",
        ),
        post(
            "fields in a body",
            "facets",
            |count| json!({"as": "ann", "field": vec!["status"; count]}).to_string(),
            32,
            "bad_parameter",
        ),
        post(
            "bytes of a query in a body",
            "count",
            |count| json!({"as": "ann", "query": "x".repeat(count)}).to_string(),
            2048,
            "bad_query",
        ),
        post(
            "bytes of a beginning in a body",
            "suggest",
            |count| json!({"as": "ann", "prefix": "x".repeat(count)}).to_string(),
            2048,
            "bad_parameter",
        ),
    ];
    let headers = [("authorization", &*admin), ("content-type", "application/json")];
    for Limit { name, at, beyond, code } in limits {
        let reply = desk.ask(at.0, &at.1, &headers, at.2).await;
        assert!(reply.status.is_success(), "{name}: {} {}", reply.status, reply.body);
        let reply = desk.ask(beyond.0, &beyond.1, &headers, beyond.2).await;
        assert_eq!(reply.code(), code, "{name}: {}", reply.body);
        assert!(reply.status.is_client_error(), "{name}: {}", reply.status);
    }
}
