//! Several questions in one request.

use std::sync::atomic::{AtomicI64, Ordering};

use ticketscope_audit::{AuditLog, Record, records};
use ticketscope_canary::{Canaries, Canary, Part};
use tokio::time::Instant;

use super::*;
use crate::{
    Budget, Fault, FaultLog,
    multi::ASKS,
    routes::{MULTI, May, ROUTES},
};

const PATH: &str = "/v1/tenants/acme/multi";

/// Questions right and wrong about tickets that ann sees, that are hidden from her, and that do not exist: as parts of a
/// request, and alone.
fn questions() -> Vec<(Value, String)> {
    [
        ("count", ""),
        ("count", "query=status:open"),
        ("count", "query=tags:secret"),
        ("count", "query=%22unclosed"),
        ("count", "query=wieght:1"),
        ("count", "limit=1"),
        ("search", "limit=2"),
        ("search", "query=vat"),
        ("search", "query=unspeakable"),
        ("search", "query=status:open&sort=id:asc&rank=1"),
        ("search", "limit=0"),
        ("search", "page_after=00ff"),
        ("search", "page_after=00ff&rank=1"),
        ("search", "wait=text"),
        ("search", "scope=all"),
        ("facets", ""),
        ("facets", "field=tags&field=weight"),
        ("facets", "field=tags&top=1"),
        ("facets", "field=wieght"),
        ("suggest", "prefix=v"),
        ("suggest", "prefix=uns"),
        ("suggest", "prefix=sec&field=tags"),
        ("suggest", ""),
        ("check", "ticket=1"),
        ("check", "ticket=3"),
        ("check", "ticket="),
        ("fields", ""),
        ("fields", "query=a"),
        ("tickets/1", ""),
        ("tickets/A-7", ""),
        ("tickets/3", ""),
        ("tickets/999", ""),
        ("tickets/%01", ""),
        ("tickets/1", "query=a"),
    ]
    .into_iter()
    .map(|(route, query)| {
        let mut question = match route.strip_prefix("tickets/") {
            Some("%01") => json!({"ask": "ticket", "id": "\u{1}"}),
            Some(id) => json!({"ask": "ticket", "id": id}),
            None => json!({"ask": route}),
        };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = value.replace("%22", "\"");
            let value =
                value.parse::<u64>().ok().filter(|_| name != "ticket").map_or_else(|| json!(value), Value::from);
            match question.get(name) {
                Some(first) => question[name] = json!([first, value]),
                None => question[name] = value,
            }
        }
        (question, format!("/v1/tenants/acme/{route}?{query}"))
    })
    .collect()
}

/// The answers to questions, asked together.
async fn together(desk: &Desk, credential: &str, more: &Value, questions: &[Value]) -> Reply {
    let mut body = json!({"questions": questions});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    desk.post(credential, PATH, &body).await
}

/// The bytes of a list of answers, but for what names a request, tells a time or is a cursor.
fn comparable(mut text: String, request_id: &str) -> String {
    text = text.replace(request_id, "REQUEST");
    for (name, end) in [("\"took_us\":", '}'), ("\"next\":\"", '"')] {
        let mut from = 0;
        while let Some(found) = text[from..].find(name) {
            let start = from + found + name.len();
            let len = text[start..].find(end).unwrap();
            text.replace_range(start..start + len, "OWN");
            from = start;
        }
    }
    text
}

impl Reply {
    fn comparable(&self) -> String {
        let id = self.headers["x-request-id"].to_str().unwrap();
        comparable(String::from_utf8(self.bytes.clone()).unwrap(), id)
    }
}

async fn indexed(desk: Desk) -> Desk {
    let admin = desk.key(KeyClass::Admin);
    desk.change(&admin, "?wait=text", "{\"k\":\"ticket\",\"id\":3,\"status\":\"open\"}").await.ok();
    desk
}

#[tokio::test]
async fn every_answer_is_byte_for_byte_that_of_the_question_alone() {
    let desk = indexed(Desk::with_limits(Limits { pace: Duration::ZERO, ..Limits::default() })).await;
    let all = questions();
    let (search, admin) = (desk.key(KeyClass::Search), desk.key(KeyClass::Admin));
    for (name, credential, more) in [
        ("an agent", desk.token("acme", "ann"), json!({})),
        ("another agent", desk.token("acme", "bob"), json!({})),
        ("a suspended agent", desk.token("acme", "sue"), json!({})),
        ("an unknown agent", desk.token("acme", "nobody"), json!({})),
        ("a search key", search, json!({"as": "ann"})),
        ("an admin as a principal", admin.clone(), json!({"as": "bob"})),
        ("an admin", admin, json!({"as_admin": true})),
    ] {
        let mut alone = Vec::new();
        for (_, path) in &all {
            let more = match (more["as"].as_str(), more["as_admin"].as_bool()) {
                (Some(principal), _) => format!("&as={principal}"),
                (_, Some(_)) => "&as_admin=true".to_owned(),
                _ => String::new(),
            };
            let reply = desk.get(&credential, &format!("{path}{more}")).await;
            alone.push(format!("{{\"status\":{},\"body\":{}}}", reply.status.as_u16(), reply.comparable()));
        }
        for chunk in [1, 5, 32] {
            for (asked, alone) in all.chunks(chunk).zip(alone.chunks(chunk)) {
                let questions: Vec<Value> = asked.iter().map(|(question, _)| question.clone()).collect();
                let reply = together(&desk, &credential, &more, &questions).await;
                assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.body);
                assert_eq!(reply.headers["cache-control"], "no-store");
                assert!(!reply.headers.contains_key("etag"));
                let expected = format!("{{\"answers\":[{}]}}", alone.join(","));
                assert_eq!(reply.comparable(), expected, "{name} asks {questions:?}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_may_be_asked_in_a_scope_may_be_asked_together() {
    let asked = ROUTES.iter().filter(|route| route.may == May::Ask && route.path != MULTI);
    let mut names: Vec<&str> = asked
        .map(|route| match route.path.strip_prefix("/v1/tenants/{tenant}/").unwrap() {
            "tickets/{id}" => "ticket",
            name => name,
        })
        .collect();
    let mut asks = ASKS;
    names.sort_unstable();
    asks.sort_unstable();
    assert_eq!(names, asks);
    let desk = Desk::new();
    let params = |ask: &str| match ask {
        "suggest" => json!({"ask": ask, "prefix": "v"}),
        "check" => json!({"ask": ask, "ticket": 1}),
        "ticket" => json!({"ask": ask, "id": 1}),
        _ => json!({"ask": ask}),
    };
    let questions: Vec<Value> = ASKS.into_iter().map(params).collect();
    let reply = together(&desk, &desk.token("acme", "ann"), &json!({}), &questions).await;
    let answers = reply.ok()["answers"].as_array().unwrap();
    assert!(answers.iter().all(|answer| answer["status"] == 200), "{answers:?}");
    for ask in ["explain", "why", "who", "stats", "changes", "multi", "sign-out", "", "Count", "tickets"] {
        let reply = together(&desk, &desk.key(KeyClass::Admin), &json!({"as": "ann"}), &[json!({"ask": ask})]).await;
        let answer = &reply.ok()["answers"][0];
        assert_eq!((&answer["status"], &answer["body"]["code"]), (&json!(400), &json!("bad_parameter")), "{ask}");
    }
}

#[tokio::test]
async fn as_many_questions_are_answered_as_the_limit_says_and_none_of_more() {
    let limits = Limits::default();
    let desk = Desk::with_limits(limits);
    let ann = desk.token("acme", "ann");
    let ask = async |count: usize| together(&desk, &ann, &json!({}), &vec![json!({"ask": "count"}); count]).await;
    let most = limits.multi_questions as usize;
    for count in [1, most] {
        assert_eq!(ask(count).await.ok()["answers"].as_array().unwrap().len(), count);
    }
    for count in [0, most + 1] {
        let reply = ask(count).await;
        assert_eq!(reply.code(), "bad_parameter");
        assert!(reply.body["message"].as_str().unwrap().contains("1 to 32 questions"), "{}", reply.body);
    }
    let headers = [("authorization", &*ann), ("content-type", "application/json")];
    let body = json!({"questions": [{"ask": "count"}]}).to_string();
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    desk.ask(Method::POST, PATH, &headers, padded(limits.question_bytes)).await.ok();
    let reply = desk.ask(Method::POST, PATH, &headers, padded(limits.question_bytes + 1)).await;
    assert_eq!(reply.code(), "body_too_large");
}

#[tokio::test]
async fn answers_that_are_too_large_together_are_refused_whole() {
    let question = json!({"ask": "fields"});
    let desk = Desk::new();
    let bytes = desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/fields").await.bytes.len();
    let bytes = u32::try_from(bytes).unwrap();
    for (room, fits) in [(3 * bytes, true), (3 * bytes - 1, false)] {
        let desk = Desk::with_limits(Limits { multi_bytes: room, ..Limits::default() });
        let reply = together(&desk, &desk.token("acme", "ann"), &json!({}), &vec![question.clone(); 3]).await;
        if fits {
            assert_eq!(reply.ok()["answers"].as_array().unwrap().len(), 3);
        } else {
            assert_eq!(reply.code(), "bad_parameter");
            assert!(reply.body["message"].as_str().unwrap().contains("ask fewer"), "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_list_of_questions_is_refused_whole_and_a_hostile_question_in_its_place() {
    let desk = Desk::new();
    let ann = desk.token("acme", "ann");
    let headers = [("authorization", &*ann), ("content-type", "application/json")];
    let deep = format!("{{\"questions\":[{{\"ask\":{}{}}}]}}", "[".repeat(20_000), "]".repeat(20_000));
    for (body, code) in [
        ("", "bad_body"),
        ("[]", "bad_body"),
        ("{\"questions\":[", "bad_body"),
        (&deep, "bad_body"),
        ("{}", "bad_parameter"),
        ("{\"questions\":null}", "bad_parameter"),
        ("{\"questions\":{}}", "bad_parameter"),
        ("{\"questions\":[1]}", "bad_parameter"),
        ("{\"questions\":[[\"count\"]]}", "bad_parameter"),
        ("{\"questions\":[null]}", "bad_parameter"),
        ("{\"questions\":[{\"ask\":\"count\"}],\"questions\":[]}", "bad_parameter"),
        ("{\"questions\":[{\"ask\":\"count\"}],\"query\":\"\"}", "bad_parameter"),
        ("{\"questions\":[{\"ask\":\"count\"}],\"as\":7}", "bad_parameter"),
    ] {
        let reply = desk.ask(Method::POST, PATH, &headers, body.to_owned()).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, code), "{body:.80}");
    }
    for question in [
        "{}",
        "{\"ask\":null}",
        "{\"ask\":[\"count\"]}",
        "{\"ask\":\"count\",\"ask\":\"count\"}",
        "{\"ask\":\"count\",\"query\":\"\",\"query\":\"status:open\"}",
        "{\"ask\":\"count\",\"query\":{\"query\":\"\"}}",
        "{\"ask\":\"count\",\"questions\":[{\"ask\":\"count\"}]}",
        "{\"ask\":\"ticket\"}",
        "{\"ask\":\"ticket\",\"id\":[1]}",
        "{\"ask\":\"count\",\"scope\":\"all\"}",
    ] {
        let body = format!("{{\"questions\":[{{\"ask\":\"count\"}},{question},{{\"ask\":\"count\"}}]}}");
        let reply = desk.ask(Method::POST, PATH, &headers, body).await;
        let told: Vec<_> = reply.ok()["answers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| (answer["status"].as_u64().unwrap(), answer["body"]["code"].as_str()))
            .collect();
        assert_eq!(told, [(200, None), (400, Some("bad_parameter")), (200, None)], "{question}");
    }
    let reply = desk.ask(Method::POST, &format!("{PATH}?as=ann"), &headers, "{}").await;
    assert_eq!(reply.code(), "bad_parameter");
    let plain = [("authorization", &*ann)];
    assert_eq!(desk.ask(Method::POST, PATH, &plain, "{}").await.code(), "unsupported_media_type");
}

#[tokio::test]
async fn all_questions_are_of_one_asker() {
    let desk = Desk::new();
    let (search, admin, ann) = (desk.key(KeyClass::Search), desk.key(KeyClass::Admin), desk.token("acme", "ann"));
    let count = |more: Value| {
        let mut question = json!({"ask": "count"});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    let own =
        [count(json!({})), count(json!({"as": "ann"})), count(json!({"as": "bob"})), count(json!({"as_admin": true}))];
    for (credential, more, codes) in [
        (&ann, json!({}), ["", "", "not_your_principal", "wrong_class"]),
        (&search, json!({"as": "ann"}), ["", "", "two_askers", "wrong_class"]),
        (&admin, json!({"as": "ann"}), ["", "", "two_askers", "two_askers"]),
        (&admin, json!({"as_admin": true}), ["", "two_askers", "two_askers", ""]),
    ] {
        let reply = together(&desk, credential, &more, &own).await;
        let answers = reply.ok()["answers"].as_array().unwrap();
        let told: Vec<_> = answers.iter().map(|answer| answer["body"]["code"].as_str().unwrap_or_default()).collect();
        assert_eq!(told, codes, "{more}");
    }
    assert_eq!(together(&desk, &search, &json!({}), &own).await.code(), "asker_missing");
    assert_eq!(together(&desk, &search, &json!({"as_admin": true}), &own).await.code(), "wrong_class");
    assert_eq!(together(&desk, &ann, &json!({"as": "bob"}), &own).await.code(), "not_your_principal");
    let headers = [("authorization", &*search), ("content-type", "application/json"), ("x-ticketscope-as", "ann")];
    let body = json!({"questions": own[..2]}).to_string();
    assert_eq!(desk.ask(Method::POST, PATH, &headers, body).await.ok()["answers"][1]["body"]["count"], 3);
}

#[tokio::test]
async fn all_questions_are_answered_from_one_moment_and_from_the_position_that_is_asked_for() {
    let desk = Desk::with_limits(Limits { position_wait: Duration::from_millis(10), ..Limits::default() });
    let (admin, ann) = (desk.key(KeyClass::Admin), desk.token("acme", "ann"));
    let line = "{\"k\":\"ticket\",\"id\":6,\"group\":\"billing\",\"subject\":\"Latecomer\"}";
    let reply = desk.change(&admin, "", line).await;
    let position = reply.ok()["position"].as_str().unwrap().to_owned();
    let question = json!({"ask": "count", "query": "latecomer", "wait": "text"});
    let body = json!({"questions": [question, {"ask": "count", "query": "latecomer"}]}).to_string();
    let headers =
        [("authorization", &*ann), ("content-type", "application/json"), ("x-ticketscope-position", &*position)];
    let reply = desk.ask(Method::POST, PATH, &headers, body).await;
    for at in 0..2 {
        assert_eq!(reply.ok()["answers"][at]["body"]["count"], 1, "one waits for the words, and all have them");
    }
    let beyond = desk.position("acme", ticketscope_model::Opstamp(1 << 40));
    let headers =
        [("authorization", &*ann), ("content-type", "application/json"), ("x-ticketscope-position", &*beyond)];
    let body = json!({"questions": [{"ask": "count"}]}).to_string();
    assert_eq!(desk.ask(Method::POST, PATH, &headers, body).await.code(), "position_not_reached");
    // While a writer moves a ticket to and fro between two groups, no request sees it in both or in neither.
    let engine = Arc::clone(&desk.engine);
    let writer = std::thread::spawn(move || {
        for turn in 0..300 {
            let group = ["support", "billing"][turn % 2];
            let line = format!("{{\"k\":\"ticket\",\"id\":1,\"group\":\"{group}\"}}");
            apply(&engine, &id("acme"), Batch::parse(line.as_bytes(), 1).unwrap(), OnRefusal::Reject).unwrap();
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let ends = writer.is_finished();
        let questions =
            ["group:billing id:1", "group:support id:1"].map(|query| json!({"ask": "count", "query": query}));
        let reply = together(&desk, &admin, &json!({"as_admin": true}), &questions).await;
        let counts: Vec<_> = (0..2).map(|at| reply.ok()["answers"][at]["body"]["count"].as_u64()).collect();
        seen.insert(counts);
        if ends {
            break;
        }
    }
    writer.join().unwrap();
    for counts in &seen {
        assert!([[Some(1), Some(0)], [Some(0), Some(1)]].iter().any(|whole| counts == whole), "{seen:?}");
    }
}

#[tokio::test]
async fn each_question_costs_what_it_costs_alone() {
    let asks = [
        json!({"ask": "count"}),
        json!({"ask": "search", "query": "vat", "limit": 50}),
        json!({"ask": "facets", "field": ["status", "tags"]}),
        json!({"ask": "suggest", "prefix": "v"}),
        json!({"ask": "check", "ticket": 1}),
        json!({"ask": "ticket", "id": 1}),
        json!({"ask": "fields"}),
        json!({"ask": "count", "no_such": 1}),
    ];
    let budget = Budget { per_second: 1, burst: 10_000 };
    let desk = || {
        let budgets = Budgets { key: budget, agent: budget, payers: 10 };
        Desk::configured(|_, config| Config { budgets, ..config })
    };
    // What is left is counted out in the cheapest requests, of two units each.
    let left = async |desk: &Desk, ann: &str| {
        let mut left = 0;
        while desk.get(ann, "/v1/tenants/acme/check?ticket=1").await.status == StatusCode::OK {
            left += 1;
        }
        left
    };
    let (apart, at_once) = (desk(), desk());
    let ann = apart.token("acme", "ann");
    for ask in &asks {
        let mut body = ask.clone();
        let name = body.as_object_mut().unwrap().shift_remove("ask").unwrap();
        let reply = match name.as_str().unwrap() {
            "ticket" => apart.get(&ann, "/v1/tenants/acme/tickets/1").await,
            "fields" => apart.get(&ann, "/v1/tenants/acme/fields").await,
            name => apart.post(&ann, &format!("/v1/tenants/acme/{name}"), &body).await,
        };
        assert_ne!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let other = at_once.token("acme", "ann");
    together(&at_once, &other, &json!({}), &asks).await.ok();
    assert_eq!(left(&apart, &ann).await, left(&at_once, &other).await);
}

#[tokio::test]
async fn what_is_over_budget_is_refused_whole_and_can_be_asked_again_later() {
    let at = Arc::new(AtomicI64::new(NOW.0));
    let clock = Arc::clone(&at);
    let budget = Budget { per_second: 10, burst: 100 };
    let desk = Desk::configured(|_, config| Config {
        budgets: Budgets { key: budget, agent: budget, payers: 10 },
        clock: Clock::new(move || Timestamp(clock.load(Ordering::Relaxed))),
        ..config
    });
    let ann = desk.token("acme", "ann");
    let counts = |count: usize| vec![json!({"ask": "count"}); count];
    together(&desk, &ann, &json!({}), &counts(30)).await.ok();
    let refused = together(&desk, &ann, &json!({}), &counts(30)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "over_budget"));
    assert!(refused.headers.contains_key("retry-after"));
    at.fetch_add(10_000, Ordering::Relaxed);
    together(&desk, &ann, &json!({}), &counts(30)).await.ok();
    at.fetch_add(10_000, Ordering::Relaxed);
    // Waiting would not help: not so much can be saved up.
    let searches = vec![json!({"ask": "search", "query": "vat"}); 3];
    let reply = together(&desk, &ann, &json!({}), &searches).await;
    assert_eq!(reply.code(), "bad_parameter", "{}", reply.body);
    together(&desk, &ann, &json!({}), &searches[..1]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn the_whole_leaves_as_late_as_the_answers_that_could_tell_would_one_after_the_other() {
    let pace = Duration::from_millis(64);
    let desk = indexed(Desk::with_limits(Limits { pace, ..Limits::default() })).await;
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    let delay = async |credential: &str, more: Value, questions: &[Value]| {
        let began = Instant::now();
        together(&desk, credential, &more, questions).await.ok();
        began.elapsed()
    };
    let found = json!({"ask": "check", "ticket": 1});
    for (hidden, absent) in [
        (json!({"ask": "ticket", "id": 3}), json!({"ask": "ticket", "id": 999})),
        (json!({"ask": "check", "ticket": 3}), json!({"ask": "check", "ticket": 999})),
        (json!({"ask": "search", "query": "unspeakable"}), json!({"ask": "search", "query": "unheard"})),
        (json!({"ask": "count", "query": "vat -unspeakable"}), json!({"ask": "count", "query": "vat -unheard"})),
        (json!({"ask": "suggest", "prefix": "unspeak"}), json!({"ask": "suggest", "prefix": "unhear"})),
    ] {
        for question in [hidden, absent] {
            for count in [1, 2, 7] {
                let mut questions = vec![found.clone(); 2];
                questions.extend(vec![question.clone(); count]);
                let expected = pace * u32::try_from(count).unwrap();
                assert_eq!(delay(&ann, json!({}), &questions).await, expected, "{question}");
                assert_eq!(delay(&admin, json!({"as": "ann"}), &questions).await, expected, "{question}");
                assert_eq!(delay(&admin, json!({"as_admin": true}), &questions).await, Duration::ZERO, "{question}");
            }
        }
    }
    assert_eq!(delay(&ann, json!({}), &[found.clone(), found]).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_answers_that_are_too_large_is_paced_like_them() {
    let pace = Duration::from_millis(64);
    let desk = indexed(Desk::with_limits(Limits { pace, multi_bytes: 100, ..Limits::default() })).await;
    let ann = desk.token("acme", "ann");
    for word in ["unspeakable", "unheard"] {
        let questions = [json!({"ask": "count", "query": word}), json!({"ask": "search"})];
        let began = Instant::now();
        assert_eq!(together(&desk, &ann, &json!({}), &questions).await.code(), "bad_parameter");
        assert_eq!(began.elapsed(), pace, "{word}");
    }
}

/// A desk with an audit log and one canary in the tenant `acme`.
fn watched() -> (Desk, Canary, Arc<parking_lot::Mutex<Vec<Fault>>>) {
    let faults = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (told, mut canaries) = (Arc::clone(&faults), None);
    let desk = Desk::configured(|data, config| {
        let own = Arc::new(Canaries::open(data.join("canaries.json")).unwrap());
        canaries = Some(Arc::clone(&own));
        Config {
            audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
            canaries: Some(own),
            faults: FaultLog::new(move |fault: &Fault| told.lock().push(fault.clone())),
            ..config
        }
    });
    let canary = Canary::new(NOW).unwrap();
    canaries.unwrap().add("acme", std::slice::from_ref(&canary)).unwrap();
    (desk, canary, faults)
}

impl Desk {
    fn kept(&self) -> Vec<Record> {
        records(&self.dir.path().join("audit")).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

#[tokio::test]
async fn each_question_is_recorded_that_is_recorded_alone_before_any_is_answered() {
    let (desk, ..) = watched();
    let (admin, ann, ingest) = (desk.key(KeyClass::Admin), desk.token("acme", "ann"), desk.key(KeyClass::Ingest));
    let questions = [
        json!({"ask": "count", "query": "status:open"}),
        json!({"ask": "count", "no_such": 1}),
        json!({"ask": "ticket", "id": "3"}),
        json!({"ask": "search", "as": "bob"}),
        json!({"ask": "suggest", "prefix": "v"}),
    ];
    for (more, named) in
        [(json!({"as": "ann"}), json!({"as": "ann"})), (json!({"as_admin": true}), json!({"as_admin": true}))]
    {
        let before = desk.kept().len();
        let reply = together(&desk, &admin, &more, &questions).await;
        reply.ok();
        let made = desk.kept().split_off(before);
        let told: Vec<_> =
            made.iter().map(|record| (&*record.action, &*record.decision, json!(record.resource))).collect();
        let with = |mut resource: Value| {
            resource.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
            resource
        };
        assert_eq!(
            told,
            [
                ("count", "allowed", with(json!({"query": "status:open"}))),
                ("ticket", "allowed", with(json!({"id": "3"}))),
                ("suggest", "allowed", with(json!({"prefix": "v"}))),
            ]
        );
        let request = reply.headers["x-request-id"].to_str().ok();
        assert!(made.iter().all(|record| record.request.as_deref() == request));
    }
    let before = desk.kept().len();
    together(&desk, &ann, &json!({}), &questions[..1]).await.ok();
    assert_eq!(desk.kept().len(), before, "nobody accounts for what a principal asks");
    let asked = together(&desk, &ann, &json!({}), &[json!({"ask": "facets", "as": "bob"})]).await;
    assert_eq!(asked.ok()["answers"][0]["body"]["code"], "not_your_principal");
    assert_eq!(together(&desk, &ingest, &json!({"as": "ann"}), &questions).await.code(), "wrong_class");
    let made = desk.kept().split_off(before);
    let told: Vec<_> = made.iter().map(|record| (&*record.action, &*record.decision)).collect();
    assert_eq!(told, [("facets", "refused"), ("multi", "refused")]);
    std::fs::remove_dir_all(desk.dir.path().join("audit")).unwrap();
    assert_eq!(together(&desk, &admin, &json!({"as": "ann"}), &questions).await.code(), "audit_unavailable");
    together(&desk, &ann, &json!({}), &questions[..1]).await.ok();
}

#[tokio::test]
async fn a_sample_of_what_principals_ask_is_recorded_question_by_question() {
    let desk = Desk::configured(|data, config| Config {
        audit: Some(Arc::new(AuditLog::open(data.join("audit"), NOW.0).unwrap())),
        audit_sample: std::num::NonZeroU32::new(1),
        ..config
    });
    let questions = [json!({"ask": "count", "query": "vat"}), json!({"ask": "fields"})];
    together(&desk, &desk.token("acme", "ann"), &json!({}), &questions).await.ok();
    while desk.kept().len() < 2 {
        tokio::task::yield_now().await;
    }
    desk.app.records.drain().await;
    let mut told: Vec<_> = desk.kept().iter().map(|record| (record.action.clone(), json!(record.resource))).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told, [("count".to_owned(), json!({"as": "ann"})), ("fields".to_owned(), json!({"as": "ann"}))]);
}

#[tokio::test]
async fn an_error_may_quote_its_own_question_and_nothing_else_may() {
    let (desk, canary, faults) = watched();
    let word = canary.word(Part::Public).to_owned();
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    // An error quotes what its question says: that is nothing that the asker does not know.
    let quoting = json!({"ask": "count", "query": "", (word.clone()): 1});
    let reply = together(&desk, &ann, &json!({}), &[quoting.clone(), json!({"ask": "count"})]).await;
    let answers = &reply.ok()["answers"];
    assert!(answers[0]["body"]["message"].as_str().unwrap().contains(&word), "{answers}");
    assert_eq!(answers[1]["body"]["count"], 3);
    assert!(faults.lock().is_empty());
    // The same word in the answer beside it is a leak, whoever typed it.
    let line = format!("{{\"k\":\"ticket\",\"id\":1,\"tags\":[\"{word}\"]}}");
    desk.change(&admin, "", &line).await.ok();
    let reply = together(&desk, &ann, &json!({}), &[quoting, json!({"ask": "ticket", "id": 1})]).await;
    assert_eq!(reply.code(), "internal");
    assert_eq!(faults.lock()[0].code, "canary_alarm");
}
