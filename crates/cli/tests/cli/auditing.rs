use std::fs;

use serde_json::{Value, json};

use crate::{
    desk::{Desk, fixture},
    serving::{Serving, shell},
};

/// The records of the log, in order.
fn records(desk: &Desk, args: &[&str]) -> Vec<Value> {
    let ran = desk.run(&[&["--json", "audit", "show", "--limit", "1000"], args].concat()).expect(0);
    assert_eq!(ran.err, "");
    ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn told(records: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records.iter().map(|record| format!("{} {}", text(&record["action"]), text(&record["decision"]))).collect()
}

#[test]
fn every_command_that_looks_or_changes_without_a_scope_is_recorded() {
    let desk = Desk::with_fixture();
    let imported = records(&desk, &[]);
    assert_eq!(told(&imported), ["import allowed", "import done"]);
    assert_eq!(imported[0]["tenant"], "desk");
    assert!(imported[1]["resource"]["kinds"]["ticket"].as_u64().expect("a number") > 0, "{imported:?}");
    assert!(imported[1]["opstamp"].is_u64());
    for (args, action, resource) in [
        (
            &["count", "--tenant", "desk", "--as-admin", "brake"][..],
            "count",
            json!({"query": "brake", "as_admin": true}),
        ),
        (&["search", "--tenant", "desk", "--as", "ana", "brake"], "search", json!({"query": "brake", "as": "ana"})),
        (
            &["search", "--tenant", "desk", "--as-admin", "--explain", "brake"],
            "explain",
            json!({"query": "brake", "as_admin": true}),
        ),
        (&["facets", "--tenant", "desk", "--as", "ana"], "facets", json!({"query": "", "as": "ana"})),
        (&["suggest", "--tenant", "desk", "--as", "ana", "br"], "suggest", json!({"prefix": "br", "as": "ana"})),
        (&["why", "--tenant", "desk", "ana", "101"], "why", json!({"principal": "ana", "ticket": "101"})),
        (&["who", "--tenant", "desk", "101"], "who", json!({"ticket": "101"})),
        (&["scope", "show", "--tenant", "desk", "ana"], "scope", json!({"principal": "ana"})),
        (&["stats", "--tenant", "desk"], "stats", json!({})),
        (&["tenant", "list"], "tenants", json!({})),
        (&["verify", "--tenant", "desk", "--questions", "1"], "verify", json!({})),
    ] {
        let before = records(&desk, &[]).len();
        desk.run(args).expect(0);
        let made = records(&desk, &[]).split_off(before);
        let [record] = &made[..] else { panic!("{args:?}: {made:?}") };
        assert_eq!((&record["action"], &record["decision"]), (&json!(action), &json!("allowed")), "{args:?}");
        assert_eq!(record["resource"], resource, "{args:?}");
        assert!(record["actor"]["user"].is_string(), "{record}");
    }
    let before = records(&desk, &[]).len();
    desk.run(&["tenant", "create", "fresh"]).expect(0);
    desk.run(&["tenant", "create", "fresh"]).expect(2);
    desk.run(&["tenant", "delete", "fresh", "--yes"]).expect(0);
    let key = desk.json(&["key", "create", "--class", "admin", "--tenant", "desk"]);
    let id = key["id"].as_str().expect("an id");
    desk.run(&["key", "revoke", id]).expect(0);
    let made = records(&desk, &[]).split_off(before);
    assert_eq!(
        told(&made),
        [
            "tenant_create allowed",
            "tenant_create done",
            "tenant_create allowed",
            "tenant_create failed",
            "tenant_delete allowed",
            "tenant_delete done",
            "key_create allowed",
            "key_create done",
            "key_revoke allowed",
            "key_revoke done",
        ]
    );
    assert_eq!((&made[7]["resource"]["key"], &made[9]["resource"]["key"]), (&json!(id), &json!(id)));
    let log = fs::read_to_string(desk.data().join("audit/000001.jsonl")).expect("a log");
    assert!(!log.contains(key["key"].as_str().expect("a key").rsplit('_').next().expect("a secret")));
    desk.run(&["audit", "verify"]).expect(0);
}

#[test]
fn records_are_found_by_tenant_action_and_time_and_the_newest_are_shown() {
    let desk = Desk::with_fixture();
    desk.run(&["tenant", "create", "fresh"]).expect(0);
    for _ in 0..3 {
        desk.run(&["who", "--tenant", "desk", "101"]).expect(0);
    }
    assert_eq!(told(&records(&desk, &["--tenant", "fresh"])), ["tenant_create allowed", "tenant_create done"]);
    assert_eq!(records(&desk, &["--action", "who"]).len(), 3);
    assert_eq!(records(&desk, &["--since", "2999-01-01T00:00:00Z"]), [] as [Value; 0]);
    assert_eq!(records(&desk, &["--since", "2020-01-01T00:00:00Z"]).len(), 7);
    let newest = desk.run(&["--json", "audit", "show", "--limit", "2"]).expect(0).out;
    let newest: Vec<Value> = newest.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(newest.iter().map(|record| &record["seq"]).collect::<Vec<_>>(), [6, 7]);
    let table = desk.run(&["audit", "show", "--action", "who"]).expect(0).out;
    assert!(table.lines().count() == 4 && table.contains("ticket=101") && table.contains("user "), "{table}");
}

#[test]
fn a_log_that_was_touched_is_told_with_the_place_and_stops_what_must_be_recorded() {
    let desk = Desk::with_fixture();
    for _ in 0..2 {
        desk.run(&["who", "--tenant", "desk", "101"]).expect(0);
    }
    let verified = desk.json(&["audit", "verify"]);
    assert_eq!((&verified["records"], &verified["files"], &verified["unfinished"]), (&json!(4), &json!(1), &json!(0)));
    let head = verified["head"].as_str().expect("a hash").to_owned();
    desk.run(&["audit", "verify", "--head", &head]).expect(0);
    desk.run(&["audit", "verify", "--head", "abc"]).expect(2);
    let other = head.replace(|c: char| c.is_ascii_digit(), "f");
    assert_eq!(desk.json_error(&["audit", "verify", "--head", &other], 4)["type"], "audit_damaged");

    let path = desk.data().join("audit/000001.jsonl");
    let log = fs::read_to_string(&path).expect("a log");
    fs::write(&path, log.replacen("import", "importx", 1)).expect("a file");
    let error = desk.json_error(&["audit", "verify"], 4);
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("line 1 of ") && message.ends_with("does not match its own hash"), "{message}");
    fs::write(&path, &log[..log.len() - 10]).expect("a file");
    let error = desk.json_error(&["audit", "verify"], 4);
    assert!(error["message"].as_str().expect("a message").contains("ends with record 3"), "{error}");
    let error = desk.json_error(&["count", "--tenant", "desk", "--as-admin"], 4);
    assert_eq!(error["type"], "audit");
    assert!(error["hint"].as_str().expect("a hint").contains("audit verify"), "{error}");
    let error = desk.json_error(&["serve", "--dev", "--listen", "127.0.0.1:0"], 4);
    assert_eq!(error["type"], "audit");
    desk.json_error(&["tenant", "create", "fresh"], 4);
    desk.json_error(&["key", "create", "--class", "admin"], 4);
    desk.json_error(&["import", "--tenant", "fresh", &fixture("helpdesk.jsonl")], 4);
    assert_eq!(desk.json(&["key", "list"])["keys"], json!([]));

    fs::rename(desk.data().join("audit"), desk.data().join("audit.old")).expect("moved away");
    assert_eq!(desk.json(&["tenant", "list"])["tenants"], json!(["desk"]), "nothing of the refused was done");
    assert_eq!(desk.json(&["audit", "verify"])["records"], 1, "a new log begins");
}

#[test]
fn reading_the_log_makes_no_directory() {
    let desk = Desk::empty();
    assert_eq!(desk.json_error(&["audit", "show"], 3)["type"], "no_data_dir");
    assert_eq!(desk.json_error(&["audit", "verify"], 3)["type"], "no_data_dir");
    assert_eq!(desk.json_error(&["count", "--tenant", "desk", "--as-admin"], 3)["type"], "no_data_dir");
    assert!(!desk.data().exists());
}

#[test]
fn commands_beside_a_server_share_its_log() {
    let desk = Desk::with_fixture();
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    let ask = || shell(&format!("curl -sS 'http://{address}/v1/tenants/desk/count?as=ana'")).expect(0);
    ask();
    desk.run(&["key", "create", "--class", "search"]).expect(0);
    ask();
    desk.run(&["audit", "verify"]).expect(0);
    let made = records(&desk, &[]).split_off(2);
    assert_eq!(told(&made), ["count allowed", "key_create allowed", "key_create done", "count allowed"]);
    assert_eq!((&made[0]["actor"], &made[3]["actor"]), (&json!("dev"), &json!("dev")));
    assert_eq!(serving.end(), 0);
    desk.run(&["audit", "verify"]).expect(0);
}
