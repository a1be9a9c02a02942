use std::io::Write;

use serde_json::json;

use crate::desk::{Desk, Ran, fixture, many_tickets};

const GOOD: &str = r#"{"k":"ticket","id":1,"group":"a"}"#;
const UNKNOWN_FIELD: &str = r#"{"k":"ticket","id":2,"gruop":"a"}"#;
const NO_JSON: &str = r#"{"k":"ticket","id":3,"#;
const LATER: &str = r#"{"k":"ticket","id":4,"group":"a"}"#;

fn tickets(desk: &Desk) -> serde_json::Value {
    desk.json(&["count", "--tenant", "desk", "--as-admin"])["count"].clone()
}

#[test]
fn an_import_says_what_it_did() {
    let desk = Desk::empty();
    let done = desk.json(&["import", "--tenant", "desk", &fixture("helpdesk.jsonl")]);
    assert_eq!((&done["lines"], &done["applied"], &done["rejected"]), (&json!(32), &json!(32), &json!(0)));
    assert_eq!((&done["tickets"], &done["principals"], &done["stopped_at"]), (&json!(6), &json!(6), &json!(null)));
    assert!(done["seconds"].is_number() && done["opstamp"].is_u64());
    assert_eq!(done["created"], json!(true));
    let out = desk.run(&["import", "--tenant", "desk", &fixture("helpdesk.jsonl")]).expect(0);
    assert!(out.out.starts_with("32 lines read, 32 applied, 0 rejected in "), "{}", out.out);
    assert!(out.out.contains("tenant `desk` has 6 tickets and 6 principals at opstamp "), "{}", out.out);
    assert_eq!(out.err, "", "no progress where stderr is no terminal");
    assert_eq!(desk.import("", &["--json"]).expect(0).json()["created"], json!(false));
    let out = desk.run(&["import", "--tenant", "new", &fixture("helpdesk.jsonl")]).expect(0);
    assert!(out.out.contains("tenant `new`, created by this import, has 6 tickets"), "{}", out.out);
}

#[test]
fn after_an_import_that_stopped_it_is_told_how_to_go_on() {
    let again = "run it again from the start and let it finish: ";
    let desk = Desk::empty();
    let ran = desk.import(&format!("{GOOD}\n{NO_JSON}\n"), &[]).expect(2);
    assert!(ran.err.contains(again), "{}", ran.err);
    // What stdin holds is found out when its turn comes.
    let good = desk.write("good.jsonl", GOOD);
    let mut child = desk.spawn(&["import", "--tenant", "desk", &good, "-"]);
    child.stdin.take().expect("a pipe").write_all(b"id,subject\n").expect("it reads");
    let ran = Ran::from(child.wait_with_output().expect("it ends")).expect(2);
    assert!(ran.err.contains(&format!("hint: applied before: 1 line; {again}")), "{}", ran.err);
}

#[test]
fn the_same_lines_twice_change_nothing() {
    let desk = Desk::empty();
    let mut states = Vec::new();
    for _ in 0..2 {
        desk.run(&["import", "--tenant", "desk", &fixture("helpdesk.jsonl")]).expect(0);
        let mut found = desk.json(&["search", "--tenant", "desk", "--as-admin"]);
        found["took_us"] = json!(0);
        let scopes = ["ana", "ben", "cleo", "dora", "emil", "fay"];
        states.push((found, scopes.map(|principal| desk.json(&["scope", "show", "--tenant", "desk", principal]))));
    }
    assert_eq!(states[0], states[1]);
}

#[test]
fn every_batch_size_ends_in_the_same_state() {
    let mut answers = Vec::new();
    for batch in ["1", "2", "5", "100000"] {
        let desk = Desk::empty();
        let import =
            ["import", "--tenant", "desk", "--batch", batch, &fixture("tickets.jsonl"), &fixture("events.jsonl")];
        desk.run(&import).expect(0);
        let mut found = desk.json(&["search", "--tenant", "desk", "--as-admin", "--limit", "1000"]);
        found["took_us"] = json!(0);
        answers.push(found);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let desk = Desk::empty();
    for batch in ["0", "100001"] {
        desk.run(&["import", "--tenant", "desk", "--batch", batch, &fixture("tickets.jsonl")]).expect(2);
    }
}

#[test]
fn each_format_is_told_by_its_first_line_or_by_name() {
    let desk = Desk::empty();
    desk.run(&["import", "--tenant", "desk", &fixture("events.jsonl")]).expect(0);
    let found = desk.json(&["search", "--tenant", "desk", "--as-admin", "id:1"]);
    assert_eq!(
        found["hits"][0]["fields"],
        json!({"life": "live", "group": "repairs", "assignee": "ana", "status": "open", "tags": ["drivetrain"]})
    );
    desk.run(&["import", "--tenant", "desk", "--format", "tickets", &fixture("tickets.jsonl")]).expect(0);
    assert_eq!(tickets(&desk), 8);
    desk.run(&["import", "--tenant", "desk", "--format", "events", &fixture("tickets.jsonl")]).expect(2);
    let ran = desk.run(&["import", "--tenant", "desk", "--format", "csv", &fixture("tickets.jsonl")]).expect(2);
    assert!(ran.err.contains("scope-jsonl"), "{}", ran.err);
}

#[test]
fn a_file_of_no_known_format_makes_no_tenant() {
    let desk = Desk::empty();
    let bad = desk.write("bad.csv", "id,subject\n1,hello\n");
    let ran = desk.run(&["import", "--tenant", "desk", &fixture("helpdesk.jsonl"), &bad]).expect(2);
    assert!(ran.err.contains("cannot import") && ran.err.contains("the formats are"), "{}", ran.err);
    for path in [desk.file("absent.jsonl"), desk.file("")] {
        let error = desk.json_error(&["import", "--tenant", "desk", &path], 2);
        assert_eq!(error["type"], "input");
    }
    assert!(!desk.data().exists());
    desk.run(&["import", "--tenant", "desk"]).expect(2);
}

#[test]
fn an_empty_file_is_an_import_of_nothing() {
    let desk = Desk::empty();
    let empty = desk.write("empty.jsonl", "\n \n");
    let done = desk.json(&["import", "--tenant", "desk", &empty]);
    assert_eq!((&done["lines"], &done["tickets"]), (&json!(0), &json!(0)));
}

#[test]
fn the_first_rejected_line_stops_the_import_after_the_lines_before_it() {
    for (bad, code) in [(UNKNOWN_FIELD, "unknown_field"), (NO_JSON, "invalid_json")] {
        for batch in ["1", "2", "100"] {
            let desk = Desk::empty();
            let lines = format!("{GOOD}\n{bad}\n{LATER}\n");
            let ran = desk.import(&lines, &["--json", "--batch", batch]).expect(2);
            let done = ran.json();
            assert_eq!((&done["lines"], &done["applied"], &done["rejected"]), (&json!(2), &json!(1), &json!(1)));
            assert_eq!(done["stopped_at"], json!({"file": "<stdin>", "line": 2}));
            assert!(ran.err.lines().next().expect("a line").starts_with("<stdin>:2:"), "{}", ran.err);
            assert!(ran.err.contains(&format!("({code})")), "{}", ran.err);
            assert_eq!(tickets(&desk), 1, "nothing after the line was imported");
        }
    }
}

#[test]
fn of_two_bad_lines_the_first_one_counts() {
    let desk = Desk::empty();
    let ran = desk.import(&format!("{UNKNOWN_FIELD}\n{GOOD}\n{NO_JSON}\n"), &["--json"]).expect(2);
    let done = ran.json();
    assert_eq!((&done["lines"], &done["applied"], &done["rejected"]), (&json!(1), &json!(0), &json!(1)));
    assert_eq!(done["stopped_at"]["line"], 1);
    assert_eq!(tickets(&desk), 0);
}

#[test]
fn an_import_that_keeps_going_applies_the_rest() {
    for batch in ["1", "2", "100"] {
        let desk = Desk::empty();
        let reject = desk.file("rejected.jsonl");
        let lines = format!("{GOOD}\n{UNKNOWN_FIELD}\n\n{NO_JSON}\n{LATER}\n");
        let ran = desk.import(&lines, &["--json", "--keep-going", "--reject", &reject, "--batch", batch]).expect(0);
        let done = ran.json();
        assert_eq!((&done["lines"], &done["applied"], &done["rejected"]), (&json!(4), &json!(2), &json!(2)));
        assert_eq!(done["stopped_at"], json!(null));
        let told: Vec<&str> = ran.err.lines().collect();
        assert!(told[0].starts_with("<stdin>:2:1: ") && told[1].starts_with("<stdin>:4:"), "{}", ran.err);
        let kept = std::fs::read_to_string(&reject).expect("the rejected lines");
        assert_eq!(kept, format!("{UNKNOWN_FIELD}\n{NO_JSON}\n"));
        assert_eq!(tickets(&desk), 2);
    }
}

#[test]
fn only_twenty_rejected_lines_are_told() {
    let desk = Desk::empty();
    let ran = desk.import(&format!("{GOOD}\n{}", format!("{UNKNOWN_FIELD}\n").repeat(25)), &["--keep-going"]).expect(0);
    assert_eq!(ran.err.lines().count(), 21);
    assert_eq!(ran.err.lines().last(), Some("... and 5 more"));
}

#[test]
fn rejected_lines_never_overwrite_an_input() {
    let desk = Desk::empty();
    let input = desk.write("lines.jsonl", format!("{NO_JSON}\n"));
    let args = ["import", "--tenant", "desk", "--format", "scope-jsonl", "--reject", &input, &input];
    assert_eq!(desk.json_error(&args, 2)["type"], "reject_file");
    assert_eq!(std::fs::read_to_string(&input).expect("the input"), format!("{NO_JSON}\n"));
}

#[test]
fn files_are_one_import_in_their_order() {
    let desk = Desk::empty();
    let schema =
        desk.write("schema.jsonl", r#"{"k":"schema","fields":[{"name":"labels","kind":"keyword","many":true}]}"#);
    let events = desk.write(
        "events.jsonl",
        concat!(
            r#"{"at":"2026-01-01","ticket":1,"field":"labels","from":null,"to":"a"}"#,
            "\n",
            r#"{"at":"2026-01-01","ticket":1,"field":"labels","from":null,"to":"b"}"#
        ),
    );
    desk.run(&["import", "--tenant", "desk", &schema, &events]).expect(0);
    let found = desk.json(&["search", "--tenant", "desk", "--as-admin"]);
    assert_eq!(found["hits"][0]["fields"]["labels"], json!(["a", "b"]));
    let listing = desk.write("listing.jsonl", r#"{"k":"complete","what":"tickets","count":1}"#);
    let one = desk.write("one.jsonl", GOOD);
    desk.import(&many_tickets(3, 0), &[]).expect(0);
    desk.run(&["import", "--tenant", "desk", &one, &listing]).expect(0);
    assert_eq!(tickets(&desk), 1, "what the files did not state is gone");
}

#[test]
fn a_listing_with_a_wrong_count_revokes_nothing() {
    let desk = Desk::with_fixture();
    let ran: Ran = desk.import(r#"{"k":"complete","what":"memberships","count":1}"#, &[]).expect(2);
    assert!(ran.err.contains("(incomplete_listing)"), "{}", ran.err);
    assert_eq!(desk.count("ana", ""), 3);
}

#[test]
fn damaged_compression_stops_the_import_and_says_so() {
    let desk = Desk::empty();
    // A frame of zstd that breaks off after its header.
    let broken = desk.write("broken.zst", [0x28, 0xb5, 0x2f, 0xfd, 0x24]);
    let error = desk.json_error(&["import", "--tenant", "desk", "--format", "tickets", &broken], 2);
    assert_eq!(error["type"], "input");
}
