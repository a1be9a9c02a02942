use serde_json::json;

use crate::desk::{Desk, fixture};

#[test]
fn why_says_which_part_of_the_rule_decided() {
    let desk = Desk::with_fixture();
    let why = |principal: &str, ticket: &str| desk.json(&["why", "--tenant", "desk", principal, ticket]);
    let granted = why("cleo", "104");
    assert_eq!(granted["visible"], true);
    assert_eq!(
        granted["steps"],
        json!([{"expr": "assignee in members(my.led_groups)", "holds": true, "found": "assignee is fay"}])
    );
    let denied = why("ana", "103");
    assert_eq!((&denied["visible"], denied["steps"].as_array().map(Vec::len)), (&json!(false), Some(2)));
    assert!(why("ana", "106")["reason"].as_str().expect("a reason").contains("life is deleted"));
    assert!(why("emil", "101")["reason"].as_str().expect("a reason").contains("suspended"));
    assert_eq!(why("ana", "999"), json!({"visible": false, "reason": "no such ticket", "steps": []}));
}

#[test]
fn why_ends_with_the_answer() {
    let desk = Desk::with_fixture();
    for (principal, ticket, code) in [
        ("ana", "101", 0),
        ("cleo", "R-7", 0),
        ("ana", "103", 1),
        ("ana", "999", 1),
        ("ana", "-1", 1),
        ("nobody", "101", 3),
        ("ana", "", 2),
    ] {
        desk.run(&["why", "--tenant", "desk", principal, ticket]).expect(code);
    }
    let out = desk.run(&["why", "--tenant", "desk", "ana", "101"]).expect(0).out;
    assert!(out.starts_with("visible: granted by role `mechanic`"), "{out}");
}

#[test]
fn who_lists_those_who_see_a_ticket_in_pages() {
    let desk = Desk::with_fixture();
    let who = |args: &[&str]| desk.json(&[&["who", "--tenant", "desk"], args].concat());
    assert_eq!(who(&["103"]), json!({"count": 3, "principals": ["cleo", "dora", "fay"], "next": null}));
    assert_eq!(who(&["103", "--limit", "2"]), json!({"count": 3, "principals": ["cleo", "dora"], "next": "dora"}));
    assert_eq!(who(&["103", "--after", "dora"]), json!({"count": 3, "principals": ["fay"], "next": null}));
    assert_eq!(who(&["106"]), json!({"count": 0, "principals": [], "next": null}));
    assert_eq!(who(&["999"]), json!({"count": 0, "principals": [], "next": null}));
    desk.run(&["who", "--tenant", "desk", "106"]).expect(0);
    desk.run(&["who", "--tenant", "desk", "999"]).expect(1);
}

#[test]
fn who_and_why_and_count_agree() {
    let desk = Desk::with_fixture();
    for ticket in ["101", "102", "103", "104", "R-7", "106"] {
        let who = desk.json(&["who", "--tenant", "desk", ticket]);
        for principal in ["ana", "ben", "cleo", "dora", "emil", "fay"] {
            let why = desk.json(&["why", "--tenant", "desk", principal, ticket]);
            let counted = desk.count(principal, &format!("id:{ticket}"));
            let sees = who["principals"].as_array().expect("ids").contains(&json!(principal));
            assert_eq!(why["visible"], sees, "{principal} {ticket}");
            assert_eq!(counted, u64::from(sees), "{principal} {ticket}");
        }
    }
}

#[test]
fn scope_show_gives_role_rule_relations_and_number() {
    let desk = Desk::with_fixture();
    let shown = desk.json(&["scope", "show", "--tenant", "desk", "cleo"]);
    assert_eq!(
        shown,
        json!({
            "principal": "cleo", "role": "lead", "active": true,
            "verbs": {
                "view": "group in my.led_groups | assignee in members(my.led_groups)",
                "view_private": "group in my.led_groups | assignee in members(my.led_groups)",
            },
            "scope": {
                "sees": "rule",
                "rule": {"any": [
                    {"in": {"field": "group", "values": ["billing"]}},
                    {"in": {"field": "assignee", "values": ["fay"]}},
                ]},
                "life": ["archived", "live"],
            },
            "relations": {"led_groups": ["billing"]},
            "visible": 3,
        })
    );
    let out = desk.run(&["scope", "show", "--tenant", "desk", "emil"]).expect(0).out;
    assert!(out.contains("suspended") && out.contains("nothing") && out.contains("0 tickets"), "{out}");
    desk.run(&["scope", "show", "--tenant", "desk", "nobody"]).expect(3);
}

#[test]
fn scope_presets_are_listed_with_their_rules() {
    let desk = Desk::empty();
    let presets = desk.json(&["scope", "presets"]);
    let all = presets["presets"].as_array().expect("presets");
    let groups = all.iter().find(|preset| preset["role"] == "zendesk.groups").expect("a preset");
    assert!(groups["verbs"]["view"].as_str().expect("a rule").contains("my.groups"));
    assert_eq!(desk.run(&["scope", "presets"]).expect(0).out.lines().count(), all.len() + 1);
    assert!(!desk.data().exists(), "listing presets makes no data directory");
}

#[test]
fn scope_check_decides_every_vector() {
    let desk = Desk::empty();
    let ran = desk.run(&["scope", "check", &fixture("vectors.json")]).expect(0);
    assert_eq!(ran.out, "4 passed, 0 failed\n");
    let json = desk.json(&["scope", "check", &fixture("vectors.json")]);
    assert_eq!(json, json!({"passed": 4, "failed": 0, "failures": []}));
}

#[test]
fn scope_check_names_what_is_wrong() {
    let desk = Desk::empty();
    let right = std::fs::read_to_string(fixture("vectors.json")).expect("a fixture");
    let wrong = desk.write("wrong.json", right.replace(r#""ana": [1]"#, r#""ana": [2]"#));
    let ran = desk.run(&["scope", "check", &wrong]).expect(1);
    assert_eq!(
        ran.out.lines().collect::<Vec<_>>(),
        [
            "preset group, agent ana, point check: missing 2 surplus 1",
            "preset group, agent ana, bitmaps: missing 2 surplus 1",
            "3 passed, 1 failed",
        ]
    );
    let json = desk.json(&["scope", "check", &wrong]);
    assert_eq!((&json["passed"], &json["failed"]), (&json!(3), &json!(1)));
    assert_eq!(json["failures"][1]["missing"], json!([2]));
}

#[test]
fn scope_check_refuses_files_that_check_nothing() {
    let desk = Desk::empty();
    for content in ["", "{}", "[]", "not json", r#"{"agents":[],"tickets":[],"presets":{},"expected":{}}"#] {
        let path = desk.write("bad.json", content);
        let error = desk.json_error(&["scope", "check", &path], 2);
        assert_eq!(error["type"], "bad_vectors", "{content}");
    }
    assert_eq!(desk.json_error(&["scope", "check", &desk.file("absent.json")], 2)["type"], "input");
}
