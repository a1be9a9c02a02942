//! `bench`: what it reports and about whom, that it changes nothing of anybody's, and what it refuses. How long anything
//! takes is nobody's business here.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Ran, many_tickets},
    serving::Serving,
};

/// Rows of every asker, where there are words and values.
const ASKED: [&str; 8] = [
    "evaluate a scope",
    "count of a scope",
    "count with a filter",
    "newest 50",
    "newest 50 with a filter",
    "facet",
    "top 10 by relevance",
    "suggestions",
];

/// Rows of the made-up help desk alone.
const MADE_UP: [&str; 4] = [
    "import, durable and in force",
    "import, every word found",
    "one change, durable and in force",
    "bulk move, durable and in force",
];

fn rows(found: &Value) -> &Vec<Value> {
    found["rows"].as_array().expect("rows")
}

fn names(found: &Value) -> BTreeSet<&str> {
    rows(found).iter().map(|row| row["what"].as_str().expect("a name")).collect()
}

/// What holds for the rows of any tenant.
#[track_caller]
fn check_rows(found: &Value) {
    for row in rows(found) {
        let number = |name: &str| row[name].as_f64().expect(name);
        assert!(number("median") > 0.0 && number("p99") >= number("median") && number("runs") >= 1.0, "{row}");
        let is_asked = ASKED.contains(&row["what"].as_str().expect("a name"));
        assert_eq!(row["who"].is_string(), is_asked, "{row}");
        assert_eq!(row["state"].is_string(), is_asked, "{row}");
        assert_eq!(row["of_unrestricted"].is_f64(), is_asked && row["who"] != "unrestricted", "{row}");
        assert!(["us", "tickets/s"].contains(&row["unit"].as_str().expect("a unit")), "{row}");
        assert_eq!(row["words"].is_string(), row["what"] == "top 10 by relevance", "{row}");
    }
    let askers: Vec<&Value> = found["askers"].as_array().expect("askers").iter().map(|asker| &asker["who"]).collect();
    let questions = rows(found).iter().filter(|row| row["what"] == "newest 50");
    assert_eq!(questions.map(|row| &row["who"]).collect::<Vec<_>>(), askers);
    assert_eq!(askers.last(), Some(&&json!("unrestricted")));
    assert!(found["machine"]["cores"].as_u64().expect("cores") > 0);
    assert_eq!(found["machine"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_made_up_help_desk_is_measured_and_nothing_is_left_of_it() {
    let desk = Desk::empty();
    let temporary = desk.file("temporary");
    fs::create_dir(&temporary).expect("a directory");
    let mut command = desk.command(&["--json", "bench", "--tickets", "600"]);
    let ran = Ran::from(command.env("TMPDIR", &temporary).output().expect("the binary runs")).expect(0);
    let found = ran.json();
    check_rows(&found);
    assert_eq!((&found["tickets"], &found["tenant"], &found["made_up"]), (&json!(600), &json!(null), &json!(true)));
    let expected: BTreeSet<&str> = ASKED.into_iter().chain(MADE_UP).chain(["opening, to the first count"]).collect();
    assert_eq!(names(&found), expected);
    let kinds = |list: &str, name: &str| -> Vec<Value> {
        found[list].as_array().expect(list).iter().map(|one| one[name].clone()).collect()
    };
    assert_eq!(kinds("askers", "who"), ["fewest", "middle", "most", "unrestricted"]);
    assert_eq!(kinds("words", "words"), ["very common", "middling", "rare"]);
    let numbers = |list: &str, name: &str| -> Vec<u64> {
        kinds(list, name).iter().map(|number| number.as_u64().expect("a number")).collect()
    };
    assert!(numbers("askers", "visible").is_sorted_by(|a, b| a < b), "{found}");
    assert!(numbers("words", "tickets").is_sorted_by(|a, b| a > b), "{found}");
    assert!(!desk.data().exists(), "the data directory is nobody's business");
    assert_eq!(fs::read_dir(&temporary).expect("a directory").count(), 0, "what was made is removed");
}

#[test]
fn a_tenant_is_measured_by_its_own_words_and_people_and_stays_as_it_is() {
    let mut lines = many_tickets(60, 0);
    lines += "{\"k\":\"principal\",\"id\":\"bob\",\"role\":\"generic.requester\"}\n";
    for id in 1..=60 {
        let rare = if id == 7 { " quarterhorse" } else { "" };
        let often = if id % 4 == 0 { " refund" } else { "" };
        writeln!(
            lines,
            "{{\"k\":\"text\",\"ticket\":{id},\"part\":\"d\",\"class\":\"description\",\"body\":\"invoice{often}{rare}\"}}"
        )
        .expect("a string takes everything");
    }
    let desk = Desk::with_lines(&lines);
    let before = desk.json(&["stats", "--tenant", "desk"]);
    let found = desk.json(&["bench", "--tenant", "desk"]);
    check_rows(&found);
    let after = desk.json(&["stats", "--tenant", "desk"]);
    for name in ["opstamp", "tickets", "principals", "log_rows"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!((&found["tenant"], &found["made_up"], &found["tickets"]), (&json!("desk"), &json!(false), &json!(60)));
    assert!(MADE_UP.iter().all(|name| !names(&found).contains(name)), "{found}");
    assert!(ASKED.iter().all(|name| names(&found).contains(name)), "{found}");
    // Bob sees nothing, so there is nothing to measure in his scope.
    let who = found["askers"].as_array().expect("askers");
    assert_eq!(who[0], json!({"who": "fewest", "principal": "ana", "visible": desk.count("ana", "")}));
    assert_eq!((who.len(), &who[1]["visible"]), (2, &json!(60)));
    let words = ["very common", "middling", "rare"].into_iter().zip(["invoice", "refund", "quarterhorse"]);
    let words: Vec<Value> = words
        .map(|(kind, word)| {
            let tickets = desk.json(&["count", "--tenant", "desk", "--as-admin", word])["count"].clone();
            json!({"words": kind, "word": word, "tickets": tickets})
        })
        .collect();
    assert_eq!(found["words"], json!(words));
    let filter = found["filter"]["query"].as_str().expect("a query");
    let filtered = desk.json(&["count", "--tenant", "desk", "--as-admin", "--", filter]);
    assert_eq!(filtered["count"], found["filter"]["tickets"]);
    let told = desk.json(&["audit", "show", "--action", "bench"]);
    assert_eq!((&told["action"], &told["tenant"]), (&json!("bench"), &json!("desk")));
}

#[test]
fn people_read_the_same_in_tables() {
    let desk = Desk::with_fixture();
    let ran = desk.run(&["bench", "--tenant", "desk"]).expect(0);
    for part in [
        "the tenant `desk` of 6 tickets and 6 principals",
        "x unrestricted",
        "evaluate a scope",
        "cold",
        "fewest",
        "warm",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}

#[test]
fn a_tenant_without_words_or_people_is_measured_by_what_it_has() {
    let desk = Desk::with_lines("{\"k\":\"ticket\",\"id\":1}\n");
    let found = desk.json(&["bench", "--tenant", "desk"]);
    check_rows(&found);
    assert_eq!((&found["words"], &found["prefix"], &found["filter"]), (&json!([]), &json!(null), &json!(null)));
    assert_eq!(found["askers"].as_array().expect("askers").len(), 1);
    assert!(!names(&found).contains("top 10 by relevance") && names(&found).contains("newest 50"), "{found}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let desk = Desk::empty();
    assert_eq!(desk.json_error(&["bench", "--tenant", "desk"], 3)["type"], "no_data_dir");
    desk.run(&["tenant", "create", "desk"]).expect(0);
    assert_eq!(desk.json_error(&["bench", "--tenant", "desk"], 2)["type"], "empty_tenant");
    let absent = desk.json_error(&["bench", "--tenant", "dest"], 3);
    assert_eq!((&absent["type"], &absent["hint"]), (&json!("no_such_tenant"), &json!("did you mean `desk`?")));
    for tickets in ["0", "99", "5000001", "many"] {
        assert_eq!(desk.json_error(&["bench", "--tickets", tickets], 2)["type"], "usage", "{tickets}");
    }
    assert_eq!(desk.json_error(&["bench", "--tenant", "desk", "--tickets", "100"], 2)["type"], "usage");
    // A server that runs has the directory to itself, and nobody's scopes are to be made warm for a measurement.
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    assert_eq!(desk.json_error(&["bench", "--tenant", "desk"], 4)["type"], "locked");
    assert_eq!(serving.end(), 0);
}
