use std::collections::BTreeSet;

use serde_json::{Value, json};
use ticketscope_model::TicketKey;

use crate::conformance::{EvaluatorKind, VectorError, Vectors, run};

const FILE: &str = include_str!("vectors.json");

#[test]
fn a_file_worked_out_by_hand_passes_in_both_evaluators() {
    let report = run(FILE).unwrap();
    assert_eq!((report.passed, report.failed), (21, 0), "{:?}", report.failures);
}

#[test]
fn a_wrong_expectation_fails_and_says_what_was_found() {
    let wrong = FILE.replace(r#""own": {"10": [3, 4]"#, r#""own": {"10": [4, 1]"#);
    assert_ne!(wrong, FILE);
    let report = run(&wrong).unwrap();
    assert_eq!((report.passed, report.failed, report.failures.len()), (20, 1, 2));
    for failure in &report.failures {
        assert_eq!((&*failure.preset, &*failure.agent), ("own", "10"));
        assert_eq!(failure.missing, [TicketKey::Int(1)]);
        assert_eq!(failure.surplus, [TicketKey::Int(3)]);
    }
}

#[test]
fn a_wrong_second_evaluator_fails_every_decision_it_gets_wrong() {
    let vectors = Vectors::parse(FILE).unwrap();
    let report = vectors.run(|_| BTreeSet::new());
    assert_eq!((report.passed, report.failed), (3, 18));
    assert!(report.failures.iter().all(|failure| failure.evaluator == EvaluatorKind::Scope));
    assert_eq!(vectors.tickets().len(), 6);
    assert!(vectors.schema().field("shift").is_some());
}

#[test]
fn a_file_that_would_check_nothing_is_an_error() {
    for file in ["", "{}", "[]", "null", "{\"presets\":{}}", "not json"] {
        assert!(run(file).is_err(), "{file}");
    }
    let whole: Value = serde_json::from_str(FILE).unwrap();
    for key in ["agents", "tickets", "presets", "expected"] {
        for nothing in [Value::Null, json!({}), json!([])] {
            let mut file = whole.clone();
            file[key] = nothing;
            assert!(run(&file.to_string()).is_err(), "{key}");
        }
        let mut file = whole.clone();
        file.as_object_mut().unwrap().remove(key);
        assert!(run(&file.to_string()).is_err(), "{key}");
    }
    let mut file = whole.clone();
    file["expected"]["own"] = json!({});
    assert_eq!(run(&file.to_string()), Err(VectorError::NothingExpected { place: "expected.own".into() }));
}

#[test]
fn a_malformed_file_is_refused_by_place() {
    for (from, to, place) in [
        (r#""own": {"10": [3, 4]"#, r#""own": {"99": [3, 4]"#, "expected.own.99"),
        (r#""own": {"10": [3, 4]"#, r#""own": {"10": [3, 400]"#, "expected.own.10: ticket 400"),
        (r#""own": {"10""#, r#""owm": {"10""#, "expected.owm"),
        (r#""assignee = me""#, r#""asignee = me""#, "presets.own"),
        (r#"{"id": 6, "#, r#"{"id": 1, "#, "tickets[5]"),
        (r#"{"id": "x", "#, r#"{"id": 10, "#, "agents[2]"),
        (r#""life": null"#, r#""life": {}"#, "tickets[5].life"),
        (r#""6": [5, 6],"#, r#""6": [6, 5],"#, "tenant.paths.6"),
        (r#""vip_customers""#, r#""VIP""#, "key `VIP`"),
        (r#""groups": [2]"#, r#""groups": 2"#, "agents[0].groups"),
    ] {
        let file = FILE.replacen(from, to, 1);
        assert_ne!(file, FILE, "{from}");
        let error = run(&file).expect_err(to).to_string();
        assert!(error.contains(place), "{to}: {error}");
    }
}
