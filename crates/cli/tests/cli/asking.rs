use serde_json::json;

use crate::desk::Desk;

fn ids(hits: &serde_json::Value) -> Vec<serde_json::Value> {
    hits["hits"].as_array().expect("hits").iter().map(|hit| hit["id"].clone()).collect()
}

#[test]
fn everybody_counts_the_tickets_of_their_own_scope() {
    let desk = Desk::with_fixture();
    for (asker, count) in [("ana", 3), ("ben", 3), ("cleo", 3), ("dora", 5), ("emil", 0), ("fay", 2)] {
        assert_eq!(desk.count(asker, ""), count, "{asker}");
    }
    let args = ["count", "--tenant", "desk", "--as-admin"];
    assert_eq!(desk.json(&args), json!({"count": 5}), "a deleted ticket is in nobody's scope");
    assert_eq!(desk.run(&args).expect(0).out, "5\n");
}

#[test]
fn words_of_a_query_are_joined_and_a_query_may_begin_with_a_dash() {
    let desk = Desk::with_fixture();
    let count = |args: &[&str]| desk.json(&[&["count", "--tenant", "desk"], args].concat())["count"].clone();
    assert_eq!(count(&["--as", "dora", "group:repairs", "status:open"]), 1);
    assert_eq!(count(&["--as", "dora", "group:repairs status:open"]), 1);
    assert_eq!(count(&["--as", "dora", "--", "-group:repairs"]), 2);
    assert_eq!(count(&["--as", "fay", "assignee:me"]), 2);
    assert_eq!(count(&["--as-admin", "--", "-tags:legal", "-assignee:none"]), 1);
}

#[test]
fn search_gives_total_fields_and_subject() {
    let desk = Desk::with_fixture();
    let found = desk.json(&["search", "--tenant", "desk", "--as", "cleo"]);
    assert_eq!(found["total"], 3);
    assert_eq!(ids(&found), [json!("R-7"), json!(104), json!(103)]);
    assert_eq!(found["next"], json!(null));
    assert!(found["took_us"].is_u64());
    let hit = &found["hits"][2];
    assert_eq!((&hit["score"], &hit["snippet"]), (&json!(null), &json!(null)));
    assert_eq!(
        hit["fields"],
        json!({
            "life": "live", "group": "billing", "organization": "velo-club", "brand": "bikes", "assignee": "fay",
            "requester": "rita", "status": "pending", "priority": "low", "tags": ["legal"], "deposit": 12.5,
            "created_at": "2026-01-06T09:00:00Z", "updated_at": "2026-01-07T10:00:00Z", "subject": "Refund of a deposit",
        })
    );
}

#[test]
fn search_sorts_as_asked() {
    let desk = Desk::with_fixture();
    let sorted = |sort: &str| ids(&desk.json(&["search", "--tenant", "desk", "--as", "dora", "--sort", sort]));
    assert_eq!(sorted("priority:desc"), [json!("R-7"), json!(101), json!(102), json!(103), json!(104)]);
    assert_eq!(sorted("created:asc"), [json!(101), json!(102), json!(103), json!(104), json!("R-7")]);
    assert_eq!(sorted("id:desc"), [json!("R-7"), json!(104), json!(103), json!(102), json!(101)]);
    for (sort, kind) in [
        ("priority", "bad_order"),
        ("priority:up", "bad_order"),
        ("nothing:asc", "bad_order"),
        ("tags:asc", "bad_order"),
    ] {
        let error = desk.json_error(&["search", "--tenant", "desk", "--as", "dora", "--sort", sort], 2);
        assert_eq!(error["type"], kind, "{sort}");
    }
    let twice = ["search", "--tenant", "desk", "--as", "dora", "--sort", "id:asc", "order_by:created"];
    assert_eq!(desk.json_error(&twice, 2)["type"], "two_orders");
}

#[test]
fn facets_have_a_row_for_tickets_without_a_value() {
    let desk = Desk::with_fixture();
    let args = ["facets", "--tenant", "desk", "--as", "dora", "--field", "priority", "--field", "tags", "--top", "1"];
    assert_eq!(
        desk.json(&args),
        json!({"total": 5, "facets": {
            "priority": [{"value": "high", "count": 1}, {"value": null, "count": 1}],
            "tags": [{"value": "legal", "count": 2}, {"value": null, "count": 1}],
        }, "more": {"priority": 3, "tags": 3}})
    );
    let all = desk.json(&["facets", "--tenant", "desk", "--as", "ana"]);
    assert_eq!(all["facets"].as_object().expect("facets").len(), 4);
    assert_eq!(all["facets"]["assignee"][2], json!({"value": null, "count": 1}));
    for field in ["updated_at", "deposit", "subject"] {
        let args = ["facets", "--tenant", "desk", "--as", "ana", "--field", field];
        assert_eq!(desk.json_error(&args, 2)["type"], "no_facets", "{field}");
    }
    let error = desk.json_error(&["facets", "--tenant", "desk", "--as", "ana", "--field", "gruop"], 2);
    assert_eq!((&error["type"], &error["hint"]), (&json!("unknown_field"), &json!("did you mean `group`?")));
}

#[test]
fn a_wrong_query_is_shown_with_carets_below_the_place() {
    let desk = Desk::with_fixture();
    let ran = desk.run(&["count", "--tenant", "desk", "--as", "ana", "status:open", "gruop:x"]).expect(2);
    assert_eq!(ran.out, "");
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(lines[0].starts_with("error: unknown field `gruop`, did you mean `group`?"), "{}", ran.err);
    assert_eq!(lines[1..3], ["  status:open gruop:x", "              ^^^^^"]);
    let error = desk.json_error(&["count", "--tenant", "desk", "--as", "ana", "status:open gruop:x"], 2);
    assert_eq!((&error["type"], &error["span"]), (&json!("bad_query"), &json!({"start": 12, "end": 17})));
}

#[test]
fn a_principal_that_is_not_there_is_no_empty_answer() {
    let desk = Desk::with_fixture();
    for command in ["count", "search", "facets"] {
        let error = desk.json_error(&[command, "--tenant", "desk", "--as", "nobody"], 3);
        assert_eq!(error["type"], "unknown_principal");
    }
    let ran = desk.run(&["count", "--tenant", "desk", "--as", "ANA@bikes.example"]).expect(3);
    assert!(ran.err.contains("hint: ") && ran.err.contains("`ana`"), "{}", ran.err);
}

#[test]
fn who_asks_must_be_said_and_only_once() {
    let desk = Desk::with_fixture();
    desk.run(&["count", "--tenant", "desk"]).expect(2);
    desk.run(&["count", "--tenant", "desk", "--as", "ana", "--as-admin"]).expect(2);
    desk.run(&["count", "--as", "ana"]).expect(2);
    let me = desk.json_error(&["count", "--tenant", "desk", "--as-admin", "assignee:me"], 2);
    assert_eq!(me["type"], "bad_query");
}

#[test]
fn bare_dates_are_days_of_the_principals_time_zone() {
    let desk = Desk::with_fixture();
    // Ticket 102 was created at half past three in the morning UTC, which is the evening before in New York.
    assert_eq!(desk.count("ana", "created:2026-01-05"), 2);
    assert_eq!(desk.count("ben", "created:2026-01-05"), 1);
    let line = r#"{"k":"principal","id":"ana","role":"mechanic","active":true,"time_zone":"Mars/Olympus"}"#;
    let ran = desk.import(line, &[]).expect(2);
    assert!(ran.err.contains("(bad_time_zone)"), "{}", ran.err);
    assert_eq!(desk.count("ana", "created:2026-01-05"), 2);
}

#[test]
fn ages_count_back_from_the_given_moment() {
    let desk = Desk::with_fixture();
    let count = |now: &str| {
        desk.json(&["count", "--tenant", "desk", "--as", "dora", "--now", now, "updated>1day"])["count"].clone()
    };
    assert_eq!(count("2026-01-09T11:00:00Z"), 1);
    assert_eq!(count("2026-01-08T10:30:00Z"), 4);
    assert_eq!(count("2026-02-01"), 0);
    desk.run(&["count", "--tenant", "desk", "--as", "dora", "--now", "tomorrow"]).expect(2);
}

#[test]
fn explaining_is_for_admins() {
    let desk = Desk::with_fixture();
    let found = desk.json(&["search", "--tenant", "desk", "--as-admin", "--explain", "org:velo-club"]);
    assert_eq!(found["plan"]["scope"], 5);
    let plans = found["plan"]["plans"].as_array().expect("plans");
    assert!(plans.iter().any(|plan| plan["plan"] == found["plan"]["list"]), "{found}");
    desk.run(&["search", "--tenant", "desk", "--as", "ana", "--explain"]).expect(2);
}

#[test]
fn tables_are_plain_when_piped_and_steer_no_terminal() {
    let desk = Desk::with_fixture();
    let line = r#"{"k":"ticket","id":7,"group":"repairs","subject":"\u001b[31mred\nnext","updated_at":"2026-02-01"}"#;
    desk.import(line, &[]).expect(0);
    let out = desk.run(&["search", "--tenant", "desk", "--as", "ana"]).expect(0).out;
    assert!(!out.contains('\u{1b}'), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].trim_start().starts_with("id  status  priority  group"), "{out}");
    assert!(lines[1].trim_start().starts_with("7 ") && lines[1].ends_with("\u{fffd}[31mred\u{fffd}next"), "{out}");
    assert_eq!(lines[5], "4 of 4 tickets");
}

#[test]
fn fields_are_those_of_the_visible_tickets() {
    let desk = Desk::with_fixture();
    let fields = desk.json(&["fields", "--tenant", "desk", "--as", "ana"]);
    let rows = fields["fields"].as_array().expect("a list");
    assert!(rows.contains(&json!({"name": "status", "kind": "keyword", "many": false})), "{fields}");
    let all = desk.json(&["fields", "--tenant", "desk", "--as-admin"]);
    assert!(rows.iter().all(|row| all["fields"].as_array().expect("a list").contains(row)), "{fields} {all}");
    assert!(desk.run(&["fields", "--tenant", "desk", "--as", "ana"]).expect(0).out.contains("status"));
}
