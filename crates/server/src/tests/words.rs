//! Questions with words, as people ask them who may read different parts of the same tickets.

use serde_json::json;
use ticketscope_model::Span;
use ticketscope_query::{
    self as query, AnswerError, Page, Start,
    parse::{Context, parse},
};

use super::*;
use crate::failure::Failure;

/// Nia sees what ann sees, and reads its notes too.
const TEXTS: &str = r#"{"k":"role","id":"reader","view":"group in my.groups","view_private":"group in my.groups"}
{"k":"principal","id":"nia","name":"Nia Fenwick","role":"reader","active":true}
{"k":"rel","principal":"nia","rel":"groups","value":"billing"}
{"k":"text","ticket":1,"part":"d","class":"description","body":"The refund for the \u00e9lan invoice is late."}
{"k":"text","ticket":1,"part":"n","class":"private","body":"Suspected fraud by the partner."}
{"k":"text","ticket":2,"part":"d","class":"description","body":"Refund after refund: paid."}
{"k":"text","ticket":3,"part":"d","class":"description","body":"A refund refused, a reason withheld."}
{"k":"text","ticket":3,"part":"n","class":"private","body":"Fraud again."}
"#;

impl Desk {
    /// The desk with these texts, all of them found.
    async fn with_texts() -> Self {
        Self::new().found(TEXTS).await
    }

    async fn found(self, lines: &str) -> Self {
        let reply = self.change(&self.key(KeyClass::Admin), "?wait=text", lines).await;
        assert_eq!(reply.ok()["searchable"], true);
        self
    }

    /// The same data in an engine opened anew, after `between` did something to the directory of the tenant.
    fn reopened(self, limits: Limits, between: impl FnOnce(&std::path::Path)) -> Self {
        let Self { dir, engine, app, router: old, keys, pair } = self;
        let config = Config { limits, ..app.config.clone() };
        drop((app, old));
        engine.close().unwrap();
        drop(engine);
        between(&dir.path().join("tenants").join("acme"));
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        let app = Arc::new(App::new(Arc::clone(&engine), config).unwrap());
        Self { dir, engine, router: router(Arc::clone(&app)), app, keys, pair }
    }
}

/// The answer to a search but for the time it took.
fn timeless(reply: &Reply) -> String {
    reply.ok();
    let text = String::from_utf8(reply.bytes.clone()).unwrap();
    let (answer, took) = text.split_once("\"took_us\":").unwrap();
    assert!(took.strip_suffix('}').unwrap().parse::<u64>().is_ok(), "{took}");
    answer.to_owned()
}

fn ids(reply: &Reply) -> Vec<&Value> {
    reply.ok()["hits"].as_array().unwrap().iter().map(|hit| &hit["id"]).collect()
}

#[tokio::test]
async fn a_note_is_found_by_who_may_read_it_and_is_to_others_a_word_that_stands_nowhere() {
    let desk = Desk::with_texts().await;
    let (ann, nia) = (desk.token("acme", "ann"), desk.token("acme", "nia"));
    let found = desk.get(&nia, "/v1/tenants/acme/search?query=fraud").await;
    assert_eq!(ids(&found), [&json!(1)]);
    let snippet = json!({
        "class": "private", "text": "Suspected fraud by the partner.", "highlights": [[10, 15]],
        "cut_before": false, "cut_after": false,
    });
    assert_eq!(found.ok()["hits"][0]["snippet"], snippet);
    let nowhere = desk.get(&ann, "/v1/tenants/acme/search?query=zyzzyva").await;
    assert_eq!((&nowhere.ok()["total"], &nowhere.ok()["hits"]), (&json!(0), &json!([])));
    for word in ["fraud", "partner", "suspected", "refused", "withheld"] {
        let hidden = desk.get(&ann, &format!("/v1/tenants/acme/search?query={word}")).await;
        assert_eq!(timeless(&hidden), timeless(&nowhere), "{word}");
        for route in ["count?query=", "facets?query=", "suggest?prefix="] {
            let answer = async |word: &str| desk.get(&ann, &format!("/v1/tenants/acme/{route}{word}")).await;
            assert_eq!(answer(word).await.ok(), answer("zyzzyva").await.ok(), "{route}{word}");
        }
    }
    assert_eq!(desk.get(&nia, "/v1/tenants/acme/count?query=fraud").await.ok()["count"], 1);
    assert_eq!(desk.get(&nia, "/v1/tenants/acme/facets?query=fraud").await.ok()["total"], 1);
}

#[tokio::test]
async fn hits_show_their_scores_and_the_words_in_their_place() {
    let desk = Desk::with_texts().await;
    let ann = desk.token("acme", "ann");
    let found = desk.get(&ann, "/v1/tenants/acme/search?query=refund").await;
    assert_eq!(ids(&found), [&json!(2), &json!(1)]);
    let scores: Vec<f64> =
        found.body["hits"].as_array().unwrap().iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
    // In characters, not in bytes.
    let found = desk.get(&ann, "/v1/tenants/acme/search?query=invoice").await;
    let snippet = &found.ok()["hits"][0]["snippet"];
    let text: Vec<char> = snippet["text"].as_str().unwrap().chars().collect();
    assert_eq!(snippet["class"], "description");
    assert_eq!(snippet["highlights"], json!([[24, 31]]));
    assert_eq!(text[24..31].iter().collect::<String>(), "invoice");
    // In another order there is nothing to score, and still something to show; without words neither.
    let sorted = desk.get(&ann, "/v1/tenants/acme/search?query=refund&sort=id:asc").await;
    assert_eq!(ids(&sorted), [&json!(1), &json!(2)]);
    for hit in sorted.body["hits"].as_array().unwrap() {
        assert!(hit["score"].is_null() && hit["snippet"].is_object(), "{hit}");
    }
    let listed = desk.get(&ann, "/v1/tenants/acme/search").await;
    assert_eq!(ids(&listed).len(), 3);
    for hit in listed.body["hits"].as_array().unwrap() {
        assert!(hit["score"].is_null() && hit["snippet"].is_null(), "{hit}");
    }
}

#[tokio::test]
async fn answers_with_words_equal_those_of_the_engine() {
    let desk = Desk::with_texts().await;
    let (search, admin) = (desk.key(KeyClass::Search), desk.key(KeyClass::Admin));
    let snapshot = desk.engine.tenant(&id("acme")).unwrap().snapshot();
    let page = Page { start: Start::First, limit: 1000, asker: String::new(), now: NOW };
    for principal in [Some("ann"), Some("nia"), Some("bob"), Some("sue"), None] {
        let access = principal.map_or_else(query::Access::admin, |id| snapshot.access(id).unwrap());
        let (key, asked) = match principal {
            Some(id) => (&search, format!("as={id}")),
            None => (&admin, "as_admin=true".to_owned()),
        };
        for text in
            ["refund", "refund -paid", "fraud", "note:fraud", "re*", "\"after refund\"", "refund status:open", "1"]
        {
            let parsed = parse(text, &Context::new(snapshot.schema(), NOW)).unwrap();
            let written: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let listing = query::list(&snapshot, &access, &parsed, &page).unwrap();
            let found = desk.get(key, &format!("/v1/tenants/acme/search?{asked}&query={written}")).await;
            assert_eq!(found.ok()["total"], listing.total, "{principal:?} {text}");
            let hits = found.body["hits"].as_array().unwrap();
            assert_eq!(hits.len(), listing.hits.len(), "{principal:?} {text}");
            for (hit, expected) in hits.iter().zip(&listing.hits) {
                let shown = hit["id"].as_str().map_or_else(|| hit["id"].to_string(), str::to_owned);
                assert_eq!(shown, expected.key.to_string(), "{principal:?} {text}");
                let expected = expected.score.map(|score| score.to_string().parse::<f64>().unwrap());
                assert_eq!(hit["score"].as_f64(), expected, "{principal:?} {text}");
            }
        }
    }
}

/// Words of generated texts. Some begin alike, so that suggestions have something to choose.
const VOCABULARY: [&str; 12] = [
    "refund",
    "refused",
    "invoice",
    "invited",
    "partner",
    "parcel",
    "delay",
    "delivered",
    "fraud",
    "franchise",
    "password",
    "paid",
];

/// The tickets of a help desk with generated texts: all of them, and what ann may read of those she sees.
fn generated(seed: u64) -> (Vec<String>, Vec<String>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut all, mut visible) = (Vec::new(), Vec::new());
    for id in 100..180 {
        let is_hidden = rng.bool();
        let group = if is_hidden { "support" } else { "billing" };
        let ticket = format!(
            "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"{group}\",\"status\":\"{}\",\"tags\":[\"{}-tag\"]}}\n",
            rng.choice(["open", "solved"]).unwrap(),
            rng.choice(VOCABULARY).unwrap(),
        );
        let mut part = |name: &str, class: &str| {
            let words: Vec<&str> = (0..rng.usize(1..12)).map(|_| *rng.choice(&VOCABULARY).unwrap()).collect();
            let body = words.join(" ");
            format!(
                "{{\"k\":\"text\",\"ticket\":{id},\"part\":\"{name}\",\"class\":\"{class}\",\"body\":\"{body}\"}}\n"
            )
        };
        let public = [part("s", "subject"), part("d", "description"), part("c", "public")].concat();
        let notes = [part("n", "private"), part("t", "side")].concat();
        all.push([&*ticket, &*public, &*notes].concat());
        if !is_hidden {
            visible.push(ticket + &public);
        }
    }
    (all, visible)
}

#[tokio::test]
async fn no_answer_with_words_changes_with_hidden_tickets_or_hidden_notes() {
    for seed in 0..3 {
        let (all, visible) = generated(seed);
        // One desk has all of it in many batches, the other what ann may read in one.
        let mut full = Desk::new();
        for batch in all.chunks(15) {
            full = full.found(&batch.concat()).await;
        }
        let pruned = Desk::new().found(&visible.concat()).await;
        let admin = full.key(KeyClass::Admin);
        let there = full.get(&admin, "/v1/tenants/acme/count?as_admin=true&query=fraud").await;
        let seen = full.get(&full.token("acme", "ann"), "/v1/tenants/acme/count?query=fraud").await;
        assert!(there.ok()["count"].as_u64() > seen.ok()["count"].as_u64(), "nothing is hidden: seed {seed}");
        let mut paths = Vec::new();
        for (at, word) in VOCABULARY.iter().enumerate() {
            let other = VOCABULARY[(at + 3) % VOCABULARY.len()];
            for query in [
                (*word).to_owned(),
                format!("{word}%20-{other}"),
                format!("{word}%20{other}%20status:open"),
                format!("%22{word}%20{other}%22"),
                format!("{}*", &word[..3]),
                format!("note:{word}"),
                format!("subject:{word}%20order_by:id"),
                format!("tags:{word}-tag%20{other}"),
            ] {
                paths.push(format!("search?limit=1000&query={query}"));
                paths.push(format!("count?query={query}"));
                paths.push(format!("facets?query={query}&field=tags&field=status"));
            }
            for end in 0..=word.len() {
                paths.push(format!("suggest?prefix={}", &word[..end]));
            }
            paths.push(format!("suggest?prefix={}&field=tags&limit=100", &word[..1]));
        }
        for path in paths {
            let path = format!("/v1/tenants/acme/{path}");
            let a = full.get(&full.token("acme", "ann"), &path).await;
            let b = pruned.get(&pruned.token("acme", "ann"), &path).await;
            if path.contains("/search?") {
                assert_eq!(timeless(&a), timeless(&b), "seed {seed}: {path}");
            } else {
                a.ok();
                assert_eq!(a.without_request(), b.without_request(), "seed {seed}: {path}");
            }
        }
    }
}

#[tokio::test]
async fn suggestions_hold_what_the_asker_may_read() {
    let desk = Desk::with_texts().await;
    let (ann, nia) = (desk.token("acme", "ann"), desk.token("acme", "nia"));
    let suggest = async |asker: &str, asked: &str| {
        desk.get(asker, &format!("/v1/tenants/acme/suggest?{asked}")).await.ok()["suggestions"].clone()
    };
    assert_eq!(suggest(&ann, "prefix=refu").await, json!([{"text": "refund", "kind": "word", "count": 2}]));
    assert_eq!(
        suggest(&ann, "prefix=VA").await,
        json!([
            {"text": "vat", "kind": "tag", "count": 1},
            {"text": "vat", "kind": "word", "count": 1},
        ])
    );
    assert_eq!(suggest(&ann, "prefix=fra").await, json!([]));
    assert_eq!(suggest(&nia, "prefix=fra").await, json!([{"text": "fraud", "kind": "word", "count": 1}]));
    assert_eq!(suggest(&ann, "prefix=secr").await, json!([]));
    assert_eq!(
        suggest(&ann, "prefix=so&field=status").await,
        json!([{"text": "solved", "kind": "status", "count": 1}])
    );
    desk.change(&desk.key(KeyClass::Admin), "", r#"{"k":"ticket","id":2,"assignee":"nia"}"#).await.ok();
    let people = json!([{"text": "nia", "kind": "person", "count": 1, "label": "Nia Fenwick"}]);
    assert_eq!(suggest(&ann, "prefix=fenw&field=assignee").await, people);
    assert_eq!(suggest(&ann, "prefix=&limit=1").await.as_array().unwrap().len(), 1);
    let post = desk.post(&ann, "/v1/tenants/acme/suggest", &json!({"prefix": "p", "field": "tags", "limit": 3})).await;
    assert_eq!(post.ok()["suggestions"], suggest(&ann, "prefix=p&field=tags&limit=3").await);
    for (asked, code) in [
        ("", "bad_parameter"),
        ("prefix=a&limit=0", "page_size"),
        ("prefix=a&limit=101", "page_size"),
        ("prefix=a&field=absent", "unknown_field"),
        ("prefix=a&field=weight", "no_facets"),
        ("prefix=a&field=tags&field=status", "bad_parameter"),
        ("prefix=a&query=b", "bad_parameter"),
    ] {
        assert_eq!(desk.get(&ann, &format!("/v1/tenants/acme/suggest?{asked}")).await.code(), code, "{asked}");
    }
    desk.get(&ann, "/v1/tenants/acme/suggest?prefix=a&limit=100").await.ok();
    let nobody = desk.token("acme", "nobody");
    assert_eq!(desk.get(&nobody, "/v1/tenants/acme/suggest?prefix=a").await.code(), "unknown_principal");
}

#[tokio::test]
async fn only_admins_are_told_how_a_list_is_found() {
    let desk = Desk::with_texts().await;
    let (admin, search) = (desk.key_of(KeyClass::Admin, "acme"), desk.key_of(KeyClass::Search, "acme"));
    for credential in [&desk.token("acme", "ann"), &search, &desk.key(KeyClass::Ingest), &desk.key(KeyClass::Metrics)] {
        let refused = desk.get(credential, "/v1/tenants/acme/explain?query=refund&as=ann").await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "wrong_class"));
    }
    let told = desk.get(&admin, "/v1/tenants/acme/explain?query=refund%20-fraud%20status:open&as=ann").await;
    let told = told.ok();
    let status = json!([{"clause": "status:open", "estimate": {"at_least": 4, "at_most": 4}, "visible": 2}]);
    assert_eq!(told["filters"], status);
    assert_eq!((&told["visible"], &told["total"]), (&json!(3), &json!(1)));
    assert_eq!(told["words"][0]["negated"], false);
    let leaf = json!({
        "field": "public", "section": "whole", "pattern": "stem", "text": "refund", "postings": 3, "readable": 2,
    });
    assert!(told["words"][0]["leaves"].as_array().unwrap().contains(&leaf), "{told}");
    assert_eq!(told["words"][1]["negated"], true);
    let plans: Vec<&str> =
        told["plans"].as_array().unwrap().iter().map(|plan| plan["plan"].as_str().unwrap()).collect();
    assert!(plans.contains(&"seek") && plans.contains(&told["chosen"].as_str().unwrap()), "{told}");
    for plan in told["plans"].as_array().unwrap() {
        assert!(plan["took_us"].is_f64() && plan["scored"].is_u64() && plan["offered"].is_u64(), "{plan}");
    }
    let listed = desk.post(&admin, "/v1/tenants/acme/explain", &json!({"as_admin": true, "sort": "id:asc"})).await;
    assert_eq!((&listed.ok()["words"], &listed.ok()["filters"]), (&json!([]), &json!([])));
    assert!(listed.body["plans"][0]["scored"].is_null(), "{}", listed.body);
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/explain").await.code(), "asker_missing");
    assert_eq!(desk.get(&admin, "/v1/tenants/acme/explain?as_admin=true&query=%22").await.code(), "bad_query");
}

#[tokio::test]
async fn a_batch_that_waits_for_its_words_is_found_at_once() {
    let desk = Desk::new();
    let (ingest, ann) = (desk.key(KeyClass::Ingest), desk.token("acme", "ann"));
    for id in 500..520 {
        let lines = format!(
            "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"billing\"}}\n\
             {{\"k\":\"text\",\"ticket\":{id},\"part\":\"d\",\"class\":\"description\",\"body\":\"word{id} here\"}}\n"
        );
        let headers = [("idempotency-key", &*id.to_string())];
        let reply = desk.change_with(&ingest, "?wait=text", &headers, &lines).await;
        assert_eq!(reply.ok()["searchable"], true, "{id}");
        let found = desk.get(&ann, &format!("/v1/tenants/acme/search?query=word{id}")).await;
        assert_eq!(ids(&found), [&json!(id)]);
        let again = desk.change_with(&ingest, "?wait=text", &headers, &lines).await;
        assert_eq!(again.ok()["searchable"], true, "{id}");
    }
    // Who does not wait for the words of a batch can wait for them where they are read.
    for id in 520..540 {
        let lines = format!(
            "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"billing\"}}\n\
             {{\"k\":\"text\",\"ticket\":{id},\"part\":\"d\",\"class\":\"description\",\"body\":\"word{id} here\"}}\n"
        );
        let reply = desk.change(&ingest, "", &lines).await;
        assert!(reply.ok().get("searchable").is_none(), "{}", reply.body);
        let position = reply.headers["x-ticketscope-position"].to_str().unwrap();
        let headers = [("authorization", &*ann), ("x-ticketscope-position", position)];
        let path = format!("/v1/tenants/acme/count?query=word{id}&wait=text");
        let found = desk.ask(Method::GET, &path, &headers, Body::empty()).await;
        assert_eq!(found.ok()["count"], 1, "{id}");
    }
}

#[tokio::test]
async fn the_wait_for_words_is_asked_for_in_one_way() {
    let desk = Desk::with_texts().await;
    let (admin, ann) = (desk.key(KeyClass::Admin), desk.token("acme", "ann"));
    for path in ["count?wait=text", "search?wait=text", "facets?wait=text", "suggest?prefix=a&wait=text"] {
        assert_eq!(desk.get(&ann, &format!("/v1/tenants/acme/{path}")).await.code(), "bad_parameter", "{path}");
    }
    for path in ["count?wait=index", "check?ticket=1&wait=text", "tickets/1?wait=text"] {
        assert_eq!(desk.get(&ann, &format!("/v1/tenants/acme/{path}")).await.code(), "bad_parameter", "{path}");
    }
    assert_eq!(desk.change(&admin, "?wait=index", "").await.code(), "bad_parameter");
}

#[tokio::test]
async fn what_goes_wrong_with_words_is_told_with_its_place_and_without_its_cause() {
    let render = async |error: AnswerError| {
        let failure = Failure::from(error);
        let response = failure.render("id");
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap(), failure.cause)
    };
    let (status, body, cause) = render(AnswerError::NoWords { span: Span::new(12, 14) }).await;
    assert_eq!((status, &body["code"], cause), (400, &json!("no_words"), None));
    assert_eq!(body["span"], json!({"start": 12, "end": 14}));
    let (status, body, cause) = render(AnswerError::TextOpening).await;
    assert_eq!((status, &body["code"], cause), (503, &json!("text_not_ready"), None));
    let (status, body, cause) = render(AnswerError::Text { message: "open /secret/place".to_owned() }).await;
    assert_eq!((status, &body["code"], cause.as_deref()), (500, &json!("storage"), Some("open /secret/place")));
    assert!(!body.to_string().contains("secret"), "{body}");
}

/// Puts a file where the text index should be: it can be neither opened nor made.
fn block_text(tenant: &std::path::Path) {
    std::fs::remove_dir_all(tenant.join("text")).unwrap();
    std::fs::write(tenant.join("text"), "in the way").unwrap();
}

const NEW_TEXT: &str = r#"{"k":"text","ticket":1,"part":"x","class":"public","body":"lantern"}"#;

#[tokio::test]
async fn while_there_is_no_index_words_are_refused_and_everything_else_is_answered() {
    let limits = Limits { text_wait: Duration::from_millis(1), batch: Duration::from_secs(3), ..Limits::default() };
    let desk = Desk::with_texts().await.reopened(limits, block_text);
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    for path in ["search?query=refund", "count?query=refund", "facets?query=refund", "suggest?prefix=refu"] {
        let reply = desk.get(&ann, &format!("/v1/tenants/acme/{path}")).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, "text_not_ready"), "{path}");
        assert_eq!(reply.headers["retry-after"], "1", "{path}");
    }
    for path in ["search?query=status:open", "count", "facets", "suggest?prefix=op&field=status", "tickets/1"] {
        desk.get(&ann, &format!("/v1/tenants/acme/{path}")).await.ok();
    }
    let stats = desk.get(&admin, "/v1/tenants/acme/stats").await;
    assert_eq!(stats.ok()["text"]["ready"], false);
    // What is durable is acknowledged, whatever becomes of its words.
    let reply = desk.change(&admin, "?wait=text", NEW_TEXT).await;
    assert_eq!((&reply.ok()["applied"], &reply.ok()["searchable"]), (&json!(1), &json!(false)));
    let position = reply.headers["x-ticketscope-position"].to_str().unwrap();
    let headers = [("authorization", &*ann), ("x-ticketscope-position", position)];
    let read = async |path: &str| {
        let path = format!("/v1/tenants/acme/{path}");
        desk.ask(Method::GET, &path, &headers, Body::empty()).await
    };
    assert_eq!(read("count?wait=text").await.code(), "text_not_ready");
    read("count").await.ok();
}

#[tokio::test]
async fn a_question_with_words_waits_for_an_index_that_is_being_opened() {
    let limits = Limits { text_wait: Duration::from_mins(1), question: Duration::from_mins(1), ..Limits::default() };
    let desk = Desk::with_texts().await.reopened(limits, block_text);
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    let tenant = desk.engine.tenant(&id("acme")).unwrap();
    // Only a thread that has given up is started anew by the next change.
    while tenant.stats().unwrap().text.failure.is_none() {
        tokio::task::yield_now().await;
    }
    let question = desk.get(&ann, "/v1/tenants/acme/search?query=refund");
    let mended = async {
        std::fs::remove_file(desk.dir.path().join("tenants").join("acme").join("text")).unwrap();
        desk.change(&admin, "", NEW_TEXT).await
    };
    let (found, sent) = tokio::join!(question, mended);
    sent.ok();
    assert_eq!(ids(&found), [&json!(2), &json!(1)]);
}

fn opstamp(desk: &Desk) -> ticketscope_model::Opstamp {
    desk.engine.tenant(&id("acme")).unwrap().snapshot().opstamp()
}

#[tokio::test]
async fn stats_tell_how_far_the_text_is() {
    let desk = Desk::with_texts().await;
    let stats = desk.get(&desk.key(KeyClass::Admin), "/v1/tenants/acme/stats").await;
    let text = &stats.ok()["text"];
    assert_eq!((&text["ready"], &text["tickets"], &text["pending"]), (&json!(true), &json!(3), &json!(0)));
    assert_eq!(text["position"], opstamp(&desk).0);
    assert!(text["segments"].as_u64() > Some(0) && text["heap_bytes"].is_u64(), "{text}");
    assert!(text["put_aside"].is_null() && text["failure"].is_null(), "{text}");
    let used = &stats.body["disk"];
    let sum: u64 = ["database", "snapshots", "text"].iter().map(|part| used[part].as_u64().unwrap()).sum();
    assert!(used["text"].as_u64() > Some(0) && used["total"] == sum, "{used}");
}
