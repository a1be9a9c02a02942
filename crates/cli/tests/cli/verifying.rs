use serde_json::json;

use crate::desk::{Desk, fixture, many_tickets};

#[test]
fn the_engine_agrees_with_the_oracle() {
    let desk = Desk::with_fixture();
    desk.run(&["import", "--tenant", "desk", &fixture("tickets.jsonl"), &fixture("events.jsonl")]).expect(0);
    let found = desk.json(&["verify", "--tenant", "desk", "--questions", "400", "--seed", "7", "--full"]);
    // One comparison of the indexes, one visible set for the admin and each of six principals, and the questions.
    assert_eq!((&found["passed"], &found["failed"]), (&json!(408), &json!(0)), "{found}");
    assert_eq!((&found["seed"], &found["tickets"]), (&json!(7), &json!(14)));
    assert!(found["rows_checked"].as_u64().expect("rows") > 0);
    let ran = desk.run(&["verify", "--tenant", "desk", "--questions", "1", "--seed", "5"]).expect(0);
    assert_eq!(ran.out, "seed 5, 14 tickets\n3 passed, 0 failed\n");
}

#[test]
fn a_verification_asks_one_to_a_million_questions() {
    let desk = Desk::with_fixture();
    for questions in ["0", "1000001"] {
        let error = desk.json_error(&["verify", "--tenant", "desk", "--questions", questions], 2);
        assert!(error["message"].as_str().expect("a message").contains("1..=1000000"), "{error}");
    }
    // The upper limit is taken: what is missing is the tenant.
    desk.run(&["verify", "--tenant", "absent", "--questions", "1000000"]).expect(3);
}

#[test]
fn many_small_states_agree_with_the_oracle() {
    let desk = Desk::with_lines(&many_tickets(300, 0));
    let del: Vec<String> = (1..=300).step_by(3).map(|id| format!("{{\"k\":\"del\",\"ticket\":{id}}}")).collect();
    desk.import(&del.join("\n"), &["--batch", "7"]).expect(0);
    desk.import(r#"{"k":"ticket","id":2,"group":null,"life":null}"#, &[]).expect(0);
    let found = desk.json(&["verify", "--tenant", "desk", "--questions", "300", "--seed", "1"]);
    assert_eq!((&found["failed"], &found["tickets"]), (&json!(0), &json!(200)), "{found}");
    assert_eq!(found["rows_checked"], json!(null));
}

#[test]
fn an_empty_tenant_is_verified_too() {
    let desk = Desk::empty();
    desk.run(&["tenant", "create", "desk"]).expect(0);
    let found = desk.json(&["verify", "--tenant", "desk", "--questions", "20", "--seed", "1"]);
    assert_eq!((&found["passed"], &found["failed"]), (&json!(22), &json!(0)), "{found}");
}
