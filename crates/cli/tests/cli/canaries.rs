use std::fs;

use serde_json::{Value, json};

use crate::{
    desk::Desk,
    serving::{Serving, shell},
};

/// Ana sees her group, mia everything, neg everything that is not spam: a rule that lets a canary pass.
const LINES: &str = r#"{"k":"schema","fields":[{"name":"region","kind":"tree","many":false},{"name":"remark","kind":"text","many":false},{"name":"topics","kind":"keyword","many":true}]}
{"k":"role","id":"agent","view":"group in my.groups"}
{"k":"role","id":"manager","view":"all","view_private":"view","view_side":"view"}
{"k":"principal","id":"ana","role":"agent","active":true}
{"k":"principal","id":"mia","role":"manager","active":true}
{"k":"rel","principal":"ana","rel":"groups","value":"billing"}
{"k":"ticket","id":1,"group":"billing","status":"open","subject":"Refund"}
"#;

const NEGATIVE: &str = r#"{"k":"role","id":"negative","view":"!(status in {spam})"}
{"k":"principal","id":"neg","role":"negative","active":true}
"#;

/// Everybody who may work without a restriction by a rule about one field, or sees what lacks it: the presets' own.
fn preset_people() -> String {
    let desk = Desk::empty();
    let presets = desk.json(&["scope", "presets"]);
    let roles =
        presets["presets"].as_array().expect("presets").iter().map(|preset| preset["role"].as_str().expect("a role"));
    let line =
        |role: &str| json!({"k": "principal", "id": format!("p-{role}"), "role": role, "active": true}).to_string();
    roles.map(|role| line(role) + "\n").collect()
}

fn planted(desk: &Desk, code: i32) -> Vec<Value> {
    let ran = desk.run(&["--json", "canary", "plant", "--tenant", "desk", "--count", "2"]).expect(code);
    ran.json()["planted"].as_array().expect("canaries").clone()
}

/// The words of the canaries, as the file of the data directory knows them.
fn words(desk: &Desk) -> Vec<String> {
    let file: Value =
        serde_json::from_str(&fs::read_to_string(desk.data().join("canaries.json")).expect("a file")).expect("JSON");
    let canaries = file["tenants"]["desk"].as_array().expect("canaries").iter();
    let word = |canary: &Value, part: &str| canary[part].as_str().expect("a word").to_owned();
    canaries.flat_map(|canary| ["public", "private", "side"].map(|part| word(canary, part))).collect()
}

#[test]
fn canaries_are_planted_listed_and_removed_without_a_trace() {
    let desk = Desk::with_lines(LINES);
    let before = desk.json(&["stats", "--tenant", "desk"]);
    let planted = planted(&desk, 0);
    assert_eq!(planted.len(), 2);
    for canary in &planted {
        assert_eq!((&canary["unrestricted"], &canary["restricted"]), (&json!(1), &json!([])), "{canary}");
    }
    let listed = desk.json(&["canary", "list"]);
    let tickets: Vec<&Value> =
        listed["canaries"].as_array().expect("canaries").iter().map(|row| &row["ticket"]).collect();
    assert_eq!(tickets, planted.iter().map(|row| &row["ticket"]).collect::<Vec<_>>());
    assert_eq!(desk.json(&["canary", "list", "--tenant", "other"])["canaries"], json!([]));
    let words = words(&desk);
    assert_eq!(words.len(), 6);
    for word in &words {
        let count =
            |asker: &[&str]| desk.json(&[&["count", "--tenant", "desk"], asker, &[word]].concat())["count"].clone();
        assert_eq!(
            (count(&["--as", "mia"]), count(&["--as", "ana"]), count(&["--as-admin"])),
            (json!(1), json!(0), json!(1))
        );
    }
    // Every field that can hold a word does.
    let facets =
        ["status", "group", "tags", "region", "topics", "requester", "organization", "brand", "team", "department"];
    for field in facets {
        let args = ["facets", "--tenant", "desk", "--as", "mia", "--field", field];
        let rows = desk.json(&args)["facets"][field].to_string();
        assert!(rows.contains(&*words[0]), "{field}: {rows}");
    }
    let removed = desk.json(&["canary", "remove", "--tenant", "desk"]);
    assert_eq!(removed["removed"].as_array().map(Vec::len), Some(2));
    let stored = fs::read_to_string(desk.data().join("canaries.json")).expect("a file that says that there are none");
    assert!(words.iter().all(|word| !stored.contains(&**word)), "{stored}");
    for word in &words {
        assert_eq!(desk.json(&["count", "--tenant", "desk", "--as-admin", word])["count"], 0);
        assert_eq!(desk.json(&["suggest", "--tenant", "desk", "--as-admin", &word[..6]])["suggestions"], json!([]));
    }
    let after = desk.json(&["stats", "--tenant", "desk"]);
    for number in ["tickets", "principals", "roles", "members"] {
        assert_eq!(after[number], before[number], "{number}");
    }
    assert_eq!(desk.json(&["canary", "remove", "--tenant", "desk"])["removed"], json!([]));
    let actions: Vec<Value> = desk
        .run(&["--json", "audit", "show", "--tenant", "desk"])
        .expect(0)
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["action"].clone())
        .filter(|action| action.as_str().is_some_and(|action| action.starts_with("canary")))
        .collect();
    assert_eq!(
        actions,
        ["canary_plant", "canary_plant", "canary_remove", "canary_remove", "canary_remove", "canary_remove"]
    );
}

#[test]
fn a_restricted_principal_who_sees_a_canary_is_a_finding() {
    let desk = Desk::with_lines(&format!("{LINES}{NEGATIVE}"));
    for canary in planted(&desk, 1) {
        assert_eq!((&canary["unrestricted"], &canary["restricted"]), (&json!(1), &json!(["neg"])), "{canary}");
    }
    let told = desk.run(&["canary", "plant", "--tenant", "desk", "--count", "1"]).expect(1).out;
    assert!(told.contains("also seen by 1 principal with a restriction that lets it pass: neg"), "{told}");
}

#[test]
fn no_preset_shows_a_canary_to_a_restricted_principal_but_those_that_exclude_by_value() {
    let desk = Desk::with_lines(&format!("{LINES}{}", preset_people()));
    let ran = desk.run(&["--json", "canary", "plant", "--tenant", "desk", "--count", "1"]);
    let restricted = ran.json()["planted"][0]["restricted"].clone();
    let presets = desk.json(&["scope", "presets"]);
    for principal in restricted.as_array().expect("principals") {
        let role = principal.as_str().and_then(|id| id.strip_prefix("p-")).expect("a preset");
        let all = presets["presets"].as_array().expect("presets");
        let preset = all.iter().find(|preset| preset["role"] == role).expect("a preset");
        let view = preset["verbs"]["view"].as_str().expect("a rule");
        assert!(view.contains("!(team in my.excluded_teams)"), "{role}: {view}");
    }
    assert_eq!(ran.code, i32::from(restricted != json!([])));
}

#[test]
fn a_server_is_started_with_the_canaries_and_shows_them_to_whoever_may_see_them() {
    let desk = Desk::with_lines(LINES);
    planted(&desk, 0);
    let word = words(&desk).swap_remove(0);
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    let ask = |path: &str| shell(&format!("curl -sS 'http://{address}{path}'")).expect(0).out;
    assert!(ask("/v1/tenants/desk/search?as=mia").contains(&*word));
    assert!(!ask("/v1/tenants/desk/search?as=ana").contains(&*word));
    assert!(ask(&format!("/v1/tenants/desk/search?as=ana&query={word}:1")).contains("\"bad_query\""));
    assert!(ask("/metrics").contains("ticketscope_canary_alarms_total 0"));
    assert_eq!(desk.json(&["canary", "list"])["canaries"].as_array().map(Vec::len), Some(2), "beside the server");
    assert_eq!(serving.end(), 0);
    desk.run(&["tenant", "delete", "desk", "--yes"]).expect(0);
    assert_eq!(desk.json(&["canary", "list"])["canaries"], json!([]));
}

#[test]
fn a_file_of_canaries_that_is_none_stops_the_server() {
    let desk = Desk::with_lines(LINES);
    planted(&desk, 0);
    fs::write(desk.data().join("canaries.json"), "{}").expect("a file");
    let error = desk.json_error(&["serve", "--dev", "--listen", "127.0.0.1:0"], 4);
    assert_eq!(error["type"], "canaries");
}

#[test]
fn a_tenant_that_was_restored_under_another_name_holds_its_canaries_as_its_own() {
    let desk = Desk::with_lines(LINES);
    planted(&desk, 0);
    let word = words(&desk).swap_remove(0);
    let to = desk.file("backup");
    desk.run(&["backup", "--tenant", "desk", &to]).expect(0);
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    let ask = |path: &str| shell(&format!("curl -sS 'http://{address}{path}'")).expect(0).out;
    desk.run(&["restore", "--rename", "copy", &to]).expect(0);
    for tenant in ["desk", "copy"] {
        assert!(ask(&format!("/v1/tenants/{tenant}/search?as=mia")).contains(&*word), "{tenant}");
        assert!(!ask(&format!("/v1/tenants/{tenant}/search?as=ana")).contains(&*word), "{tenant}");
    }
    assert!(ask("/metrics").contains("ticketscope_canary_alarms_total 0"));
    let listed = |tenant: &str| {
        let rows = desk.json(&["canary", "list", "--tenant", tenant])["canaries"].clone();
        let rows = rows.as_array().expect("canaries").clone();
        rows.into_iter().map(|row| row["ticket"].clone()).collect::<Vec<_>>()
    };
    let own = listed("desk");
    assert_eq!((own.len(), &listed("copy")), (2, &own));
    // They are its own: removed from it and from nobody else, and there when the first one is gone.
    assert_eq!(desk.json(&["canary", "remove", "--tenant", "desk"])["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!((listed("desk").len(), listed("copy")), (0, own));
    assert_eq!(desk.json(&["canary", "remove", "--tenant", "copy"])["removed"].as_array().map(Vec::len), Some(2));
    assert!(!ask("/v1/tenants/copy/search?as=mia").contains(&*word));
    assert_eq!(serving.end(), 0);
}
