//! Words: found, ranked, shown and suggested, to those who may read them.

use serde_json::{Value, json};

use crate::desk::Desk;

/// Two agents of one group, of whom one reads notes, and tickets in several languages, one of them hidden.
const DESK: &str = r#"{"k":"schema","languages":["en","es","fr","de","pl"]}
{"k":"role","id":"reader","view":"group in my.groups","view_private":"group in my.groups"}
{"k":"role","id":"light","view":"group in my.groups"}
{"k":"principal","id":"ana","role":"reader"}
{"k":"principal","id":"eve","role":"light"}
{"k":"rel","principal":"ana","rel":"groups","value":"g"}
{"k":"rel","principal":"eve","rel":"groups","value":"g"}
{"k":"ticket","id":1,"group":"g","subject":"Los reembolsos","status":"open","updated_at":"2026-01-01"}
{"k":"ticket","id":2,"group":"g","subject":"Zwrot towaru","status":"solved","updated_at":"2026-01-02","tags":["printing"]}
{"k":"ticket","id":3,"group":"h","subject":"Hidden printer","status":"open","updated_at":"2026-01-03"}
{"k":"text","ticket":1,"part":"c1","class":"public","lang":"fr","body":"Les factures de la stra\u00dfe, s'il vous pla\u00eet. The printer is on fire, and the printer smells."}
{"k":"text","ticket":1,"part":"n1","class":"private","body":"Looks like the sandpiper fraud again"}
{"k":"text","ticket":2,"part":"c1","class":"public","body":"My printer does not print since Monday"}
"#;

fn search(desk: &Desk, asker: &str, query: &str) -> Value {
    desk.json(&["search", "--tenant", "desk", "--as", asker, "--", query])
}

fn ids(answer: &Value) -> Vec<i64> {
    answer["hits"].as_array().expect("hits").iter().map(|hit| hit["id"].as_i64().expect("an id")).collect()
}

#[test]
fn words_are_found_in_other_forms_and_without_accents() {
    let desk = Desk::with_lines(DESK);
    for (query, found) in [
        ("reembolso", vec![1]),
        ("REEMBOLSOS", vec![1]),
        ("facture", vec![1]),
        ("zwrotu", vec![2]),
        ("strasse", vec![1]),
        ("plait", vec![1]),
        ("\"on fire\"", vec![1]),
        ("\"fire on\"", vec![]),
        ("prin* -fire", vec![2]),
        ("printer status:open", vec![1]),
        ("subject:printer", vec![]),
        ("comment:printer", vec![1, 2]),
        ("-printer", vec![]),
        ("tags:printing printer", vec![2]),
    ] {
        let mut ids = ids(&search(&desk, "ana", query));
        ids.sort_unstable();
        assert_eq!(ids, found, "{query}");
        assert_eq!(desk.count("ana", query), found.len() as u64, "{query}");
    }
}

#[test]
fn a_note_is_found_and_shown_only_to_those_who_may_read_it() {
    let desk = Desk::with_lines(DESK);
    let found = search(&desk, "ana", "sandpiper");
    assert_eq!(ids(&found), [1]);
    let snippet = &found["hits"][0]["snippet"];
    assert_eq!(
        (&snippet["class"], &snippet["text"]),
        (&json!("private"), &json!("Looks like the sandpiper fraud again"))
    );
    assert_eq!(snippet["highlights"], json!([[15, 24]]));
    for query in ["sandpiper", "note:sandpiper", "note:*", "sand*", "\"sandpiper fraud\""] {
        assert_eq!(desk.count("ana", query), 1, "{query}");
        assert_eq!(desk.count("eve", query), 0, "{query}");
    }
    let suggested = |asker: &str| desk.json(&["suggest", "--tenant", "desk", "--as", asker, "sand"]);
    assert_eq!(suggested("ana"), json!({"suggestions": [{"text": "sandpiper", "kind": "word", "count": 1}]}));
    assert_eq!(suggested("eve"), json!({"suggestions": []}));
}

#[test]
fn a_list_with_words_is_ordered_by_relevance_unless_it_says_otherwise() {
    let desk = Desk::with_lines(DESK);
    let found = search(&desk, "eve", "printer");
    assert_eq!(found["total"], 2);
    let scores: Vec<f64> =
        found["hits"].as_array().expect("hits").iter().map(|hit| hit["score"].as_f64().expect("a score")).collect();
    assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
    let newest = search(&desk, "eve", "printer order_by:updated_at sort:desc");
    assert_eq!(ids(&newest), [2, 1]);
    assert_eq!(newest["hits"][0]["score"], Value::Null);
    let first = desk.json(&["search", "--tenant", "desk", "--as", "eve", "--limit", "1", "printer"]);
    let next = first["next"].as_str().expect("a cursor");
    let second =
        desk.json(&["search", "--tenant", "desk", "--as", "eve", "--limit", "1", "--page-after", next, "printer"]);
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&found));
    let error =
        desk.json_error(&["search", "--tenant", "desk", "--as", "eve", "printer order_by:relevance sort:asc"], 2);
    assert_eq!(error["type"], "bad_query");
}

#[test]
fn the_table_marks_what_was_found() {
    let desk = Desk::with_lines(DESK);
    let ran = desk.run(&["search", "--tenant", "desk", "--as", "eve", "monday"]).expect(0);
    assert!(ran.out.contains("My printer does not print since *Monday*"), "{}", ran.out);
}

#[test]
fn explain_shows_estimates_and_what_they_came_to() {
    let desk = Desk::with_lines(DESK);
    let args = ["search", "--tenant", "desk", "--as-admin", "--explain", "printer status:open"];
    let plan = desk.json(&args)["plan"].clone();
    assert_eq!((&plan["scope"], &plan["total"]), (&json!(3), &json!(2)));
    assert_eq!(plan["words"][0]["leaves"][0]["postings"], 3);
    assert_eq!(plan["words"][0]["leaves"][0]["readable"], 3);
    assert_eq!(plan["filters"][0]["visible"], 2);
    let plans: Vec<&str> =
        plan["plans"].as_array().expect("plans").iter().filter_map(|plan| plan["plan"].as_str()).collect();
    assert_eq!(plans, ["seek", "prune", "layers"]);
    assert!(desk.run(&args).expect(0).out.starts_with("plan: "));
}

#[test]
fn suggestions_complete_values_people_tags_and_words() {
    let desk = Desk::with_lines(DESK);
    let json = desk.json(&["suggest", "--tenant", "desk", "--as", "eve", "prin"]);
    assert_eq!(
        json["suggestions"],
        json!([
            {"text": "printer", "kind": "word", "count": 2},
            {"text": "printing", "kind": "tag", "count": 1},
            {"text": "print", "kind": "word", "count": 1},
        ])
    );
    let field = desk.json(&["suggest", "--tenant", "desk", "--as", "eve", "--field", "group", ""]);
    assert_eq!(field["suggestions"], json!([{"text": "g", "kind": "group", "count": 2}]));
    assert_eq!(
        desk.json_error(&["suggest", "--tenant", "desk", "--as", "eve", "--field", "gruop", "x"], 2)["type"],
        "unknown_field"
    );
    assert_eq!(
        desk.json_error(&["suggest", "--tenant", "desk", "--as", "nobody", "x"], 3)["type"],
        "unknown_principal"
    );
}

#[test]
fn languages_are_declared_at_import_and_unknown_ones_refused() {
    let desk = Desk::with_lines(r#"{"k":"ticket","id":1,"subject":"zwrot"}"#);
    assert_eq!(desk.json(&["count", "--tenant", "desk", "--as-admin", "zwrotu"]), json!({"count": 0}));
    desk.import("", &["--languages", "en,pl"]).expect(0);
    assert_eq!(desk.json(&["count", "--tenant", "desk", "--as-admin", "zwrotu"]), json!({"count": 1}));
    let refused = desk.import("", &["--languages", "tlh"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("`tlh` is no language") && refused.err.contains("en, es, fr"), "{}", refused.err);
}

#[test]
fn a_query_of_punctuation_alone_is_refused() {
    let desk = Desk::with_lines(DESK);
    for query in ["???", "\"--\"", "...", "(("] {
        let error = desk.json_error(&["count", "--tenant", "desk", "--as", "ana", "--", query], 2);
        assert_eq!(error["type"], "bad_query", "{query}");
    }
    assert_eq!(desk.count("ana", "status:open !!"), 1);
}
