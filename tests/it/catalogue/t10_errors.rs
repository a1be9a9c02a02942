//! T10: an error is a function of the question alone, in every language.

use std::fmt::Write;

use serde_json::{Value, json};

use super::desk::{ACME, RESTRICTED, Secret, assert_same, serve, vault};
use crate::http::{Client, Reply, Served, encoded};

const LANGUAGES: [&str; 6] = ["", "en", "de-DE,de;q=0.9", "pl", "zh-Hans", "*;q=0.1, ../../vault"];

/// Requests that are wrong, and such as meet nothing, about a word that may be hidden.
fn wrong(word: &str) -> Vec<(String, Option<Value>)> {
    let queries = [
        format!("{word}:1"),
        format!("tags:{word}*"),
        format!("weight:{word}"),
        format!("weight>{word}"),
        format!("created:{word}"),
        format!("\"{word}"),
        format!("{word} ("),
        format!("({word})"),
        format!("group>{word}"),
        format!("assignee<{word}"),
        format!("order_by:{word}"),
        format!("order_by:tags {word}"),
        format!("{word} OR refund"),
        format!("--{word}"),
        format!("{}* *", &word[..1]),
        format!("id:{word}:{word}"),
        format!("status>={word}"),
        format!("has_attachment:{word}"),
        format!("type:{word} sort:{word}"),
        format!("fieldvalue:{word}"),
        "...".to_owned(),
        format!("wieght:{word}"),
        format!("{word} {}", "x ".repeat(3000)),
    ];
    let mut requests: Vec<(String, Option<Value>)> = Vec::new();
    for query in &queries {
        for route in ["search", "count", "facets"] {
            requests.push((route.to_owned(), Some(json!({"query": query}))));
        }
        requests.push((format!("search?query={}", encoded(query)), None));
    }
    for path in [
        format!("tickets/{word}"),
        "tickets/900".to_owned(),
        "tickets/901?as=gil".to_owned(),
        format!("check?ticket={word}"),
        format!("check?ticket={}", "9".repeat(700)),
        "check".to_owned(),
        format!("suggest?prefix={word}&limit=0"),
        format!("suggest?prefix=a&field={word}"),
        "suggest?prefix=a&field=weight".to_owned(),
        format!("facets?field={word}"),
        "facets?field=weight".to_owned(),
        format!("facets?field=grop&query={word}"),
        format!("search?sort={word}:asc"),
        "search?sort=wieght:asc".to_owned(),
        format!("search?page_after={word}"),
        "search?limit=0".to_owned(),
        "search?limit=1001".to_owned(),
        format!("search?{word}=1"),
        format!("search?as_admin=true&query={word}"),
        format!("search?as=chief-{word}"),
        format!("search?now={word}"),
        format!("scopes/chief-{word}"),
        format!("why?principal=chief-{word}&ticket=900"),
        "who?ticket=900".to_owned(),
        "stats".to_owned(),
        format!("explain?query={word}"),
        (*word).to_owned(),
        format!("{word}/../tickets/900"),
    ] {
        requests.push((path, None));
    }
    requests
}

fn replies(served: &Served, principal: &str, language: &str, words: &[&str]) -> String {
    let (token, mut client) = (served.token(ACME, principal), served.client());
    let mut told = String::new();
    for word in words {
        for (path, body) in wrong(word) {
            let reply = send(&mut client, &token, language, &path, body.as_ref());
            assert!(reply.header("location").is_none(), "{path} leads elsewhere");
            assert!(reply.status < 300 || reply.status >= 400, "{path}: {}", reply.status);
            writeln!(told, "{path} {body:?}: {}", reply.told()).unwrap();
        }
    }
    told
}

fn send(client: &mut Client, token: &str, language: &str, path: &str, body: Option<&Value>) -> Reply {
    let path = format!("/v1/tenants/{ACME}/{path}");
    let text = body.map_or_else(String::new, Value::to_string);
    let mut headers = vec![("accept-language", language)];
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    client.send(if body.is_some() { "POST" } else { "GET" }, token, &path, &headers, &text)
}

#[test]
fn t10_errors_say_the_same_whatever_is_hidden_in_every_language() {
    let words = ["quarterhorse", "zebrafinch"];
    let hiding = words.map(|word| serve(vault(&Secret::new(word, 777, 17, 3))));
    let bare = serve(Vec::new());
    for principal in RESTRICTED {
        let expected = replies(&bare, principal, "", &words);
        for language in LANGUAGES {
            for served in &hiding {
                let told = replies(served, principal, language, &words);
                assert_same(&told, &expected, &format!("{principal} in {language:?}"));
            }
        }
        let errors = expected.matches("\"code\":").count();
        assert!(errors > 100, "{errors} errors for {principal}");
    }
    // No credential and every wrong one are one answer, for a tenant that is there as for one that is not.
    let mut client = hiding[0].client();
    let refused = client.get("", &format!("/v1/tenants/{ACME}/search")).told();
    for credential in
        ["x", "ts_x", "eyJhbGciOiJub25lIn0.e30.", &hiding[1].token(ACME, "gil"), &bare.token("absent", "gil")]
    {
        for path in [
            format!("/v1/tenants/{ACME}/search"),
            format!("/v1/tenants/{ACME}/tickets/2"),
            "/v1/tenants/absent/count".into(),
        ] {
            assert_eq!(client.get(credential, &path).told(), refused, "{credential} {path}");
        }
    }
}
