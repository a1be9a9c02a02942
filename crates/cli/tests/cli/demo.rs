//! The demo: its tour says what is so, it can be run again, and every line that it offers works.

use serde_json::{Value, json};

use crate::{
    desk::Desk,
    serving::{Serving, shell},
};

#[test]
fn the_tour_shows_what_each_may_see_and_can_be_taken_again() {
    let desk = Desk::empty();
    let tour = desk.json(&["demo", "--tickets", "400", "--no-serve"]);
    let stop = |name: &str| {
        let found = tour["stops"].as_array().expect("stops").iter().find_map(|stop| stop.get(name)).cloned();
        found.expect(name)
    };
    for (row, bruno, erin) in [(0, 1, 0), (1, 1, 1)] {
        let note = &stop("note")[row];
        assert_eq!((note["bruno"].as_i64(), note["erin"].as_i64()), (Some(bruno), Some(erin)), "{note}");
    }
    let membership = stop("membership");
    let finds: Vec<_> = (0..3).map(|at| membership[at]["finds"].as_i64().expect("a number")).collect();
    assert_eq!(finds, [0, 1, 0]);
    assert_eq!(membership[0]["sees"], membership[2]["sees"]);
    let everybody = stop("people");
    let ana = everybody.as_array().expect("people").iter().find(|row| row["id"] == "ana").expect("ana");
    let all = desk.json(&["count", "--tenant", "demo", "--as", "ana"]);
    assert_eq!(ana["sees"], all["count"]);

    let again = desk.run(&["demo", "--tickets", "400", "--no-serve"]).expect(0);
    assert!(again.out.starts_with("The help desk of 400 tickets is there from before."), "{}", again.out);
    let other = desk.run(&["demo", "--tickets", "300", "--no-serve"]).expect(0);
    assert!(other.out.contains("\nMade a help desk of 300 tickets"), "{}", other.out);
    for heading in 1..=7 {
        assert!(other.out.contains(&format!("\n{heading}. ")), "no stop {heading}: {}", other.out);
    }
}

#[test]
fn a_tenant_that_happens_to_be_called_demo_is_left_alone() {
    let desk = Desk::empty();
    let mine = desk.write("mine.jsonl", r#"{"k":"ticket","id":1,"subject":"mine"}"#);
    desk.run(&["import", "--tenant", "demo", &mine]).expect(0);
    assert_eq!(desk.json_error(&["demo", "--tickets", "300", "--no-serve"], 2)["type"], "not_the_demo");
    assert_eq!(desk.json(&["count", "--tenant", "demo", "--as-admin"])["count"], 1);
}

#[test]
fn every_line_that_the_demo_offers_works() {
    let desk = Desk::empty();
    let mut serving = Serving::start(&desk, &["demo", "--tickets", "300", "--listen", "127.0.0.1:0"]);
    let lines = serving.lines_until("/metrics");
    let offered: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("curl ")).collect();
    assert!(offered.len() >= 6, "{lines:?}");
    for line in offered {
        let ran = shell(&line.replacen("curl ", "curl -sS --fail-with-body ", 1));
        assert!(ran.code == 0 && !ran.out.is_empty(), "{line}\nexit code {}\n{}{}", ran.code, ran.out, ran.err);
        if !line.contains("/metrics") {
            serde_json::from_str::<Value>(&ran.out).expect(&ran.out);
        }
    }
    assert_eq!(desk.json(&["tenant", "list"])["tenants"], json!(["demo"]), "commands find it too");
    assert_eq!(serving.end(), 0);
}
