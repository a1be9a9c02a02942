use fastrand::Rng;
use ticketscope_model::Schema;

use super::{expr, random};
use crate::{Expr, JsonErrorKind, MAX_ATOMS, MAX_BYTES, MAX_DEPTH};

fn read(json: &str) -> Expr {
    Expr::from_json(json, &Schema::builtin()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn error(json: &str) -> crate::JsonError {
    Expr::from_json(json, &Schema::builtin()).expect_err(json)
}

#[test]
fn the_json_form_reads_back_as_the_same_tree() {
    let schema = random::schema();
    for seed in 0..3_000 {
        let mut rng = Rng::with_seed(seed);
        let tree = random::expr(&mut rng, &schema, 5, random::Shape::Any);
        let json = tree.to_json().to_string();
        assert_eq!(Expr::from_json(&json, &schema).as_ref(), Ok(&tree), "seed {seed}: {json}");
    }
}

#[test]
fn both_forms_mean_the_same() {
    for (json, text) in [
        (r#"{"all":[]}"#, "all"),
        (r#"{"any":[]}"#, "none"),
        (r#"{"unset":"org"}"#, "no organization"),
        (r#"{"in":{"field":"cc","set":"me"}}"#, "cc has me"),
        (r#"{"not":{"in":{"field":"group","set":{"const":[1,"two",true]}}}}"#, "!(group in {1, two, true})"),
        (r#"{"in":{"field":"group","set":{"my":"groups","level":"read"}}}"#, "group in my.groups[read]"),
        (r#"{"in":{"field":"group","set":{"level":"read","my":"groups"}}}"#, "group in my.groups[read]"),
        (r#"{"in":{"field":"assignee","set":{"members":{"my":"led_groups"}}}}"#, "assignee in members(my.led_groups)"),
        (r#"{"in":{"field":"ref_dept","set":{"under":{"my":"depts"}}}}"#, "ref_dept in under(my.depts)"),
        (
            r#"{"in":{"field":"group","set":{"diff":[{"my":"groups"},{"union":[{"tenant":"private_groups"},{"const":["x"]}]}]}}}"#,
            "group in my.groups - (tenant.private_groups + {x})",
        ),
        (r#"{"all":[{"unset":"cc"},{"any":[{"unset":"team"},{"unset":"group"}]}]}"#, "no cc & (no team | no group)"),
        (r#""group in my.groups | no group""#, "group in my.groups | no group"),
        (r#"{"in":{"field":"group","set":{"union":[]}}}"#, "group in {}"),
    ] {
        assert_eq!(read(json), expr(text), "{json}");
    }
}

#[test]
fn errors_name_the_path() {
    for (json, path, message) in [
        ("{", "", "not readable as JSON"),
        ("7", "", "expected `all`, `any`, `not`, `in`, `unset` or \"view\", found 7"),
        (
            r#"{"all":[{"unset":"cc"},{"in":{"field":"group","set":{"my":"gruops"}}}]}"#,
            "all[1].in.set.my",
            "did you mean `groups`",
        ),
        (r#"{"all":[{"in":{"field":"gruop","set":"me"}}]}"#, "all[0].in.field", "did you mean `group`"),
        (r#"{"all":{}}"#, "all", "expected a list, found {}"),
        (r#"{"all":[],"any":[]}"#, "", "expected `all`"),
        (r#"{"all":["view"],"if":"ticket_deletion"}"#, "", "make a role for each setting"),
        (r#"{"any":["view"]}"#, "any[0]", "`view` may only stand"),
        (r#"{"any":["all"]}"#, "any[0]", "found \"all\""),
        (r#"{"in":{"field":"cc","set":"me","x":1}}"#, "in", "nothing else"),
        (r#"{"in":{"field":"cc","set":{"const":[1.5]}}}"#, "in.set.const[0]", "a string or an integer"),
        (r#"{"in":{"field":"cc","set":{"diff":[{"my":"groups"}]}}}"#, "in.set.diff", "a list of two sets"),
        (r#"{"not":{"in":{"field":"cc","set":{"const":[]}}}}"#, "not.in.set.const", "widens to everything"),
        (r#"{"not":{"in":{"field":"cc","set":{"my":"groups","level":"raed"}}}}"#, "not.in.set.level", "unknown level"),
        (r#"{"in":{"field":"cc","set":{"diff":["me",{"const":[]}]}}}"#, "in.set.diff[1].const", "widens to everything"),
        (r#"{"in":{"field":"cc","set":{"my":"groups","level":"a b"}}}"#, "in.set.level", "the name of a level"),
        (r#""group on""#, "", "at byte 6: expected `in`"),
    ] {
        let error = error(json);
        assert_eq!(error.path, path, "{json}");
        assert!(error.to_string().contains(message), "{json}: {error}");
    }
}

#[test]
fn limits_hold_on_both_sides() {
    let nots = |n: usize| format!("{}{{\"all\":[]}}{}", "{\"not\":".repeat(n), "}".repeat(n));
    read(&nots(MAX_DEPTH));
    assert_eq!(error(&nots(MAX_DEPTH + 1)).kind, JsonErrorKind::TooDeep);
    let atoms = |n: usize| format!("{{\"any\":[{}]}}", vec!["{\"unset\":\"cc\"}"; n].join(","));
    read(&atoms(MAX_ATOMS));
    assert_eq!(error(&atoms(MAX_ATOMS + 1)).kind, JsonErrorKind::TooManyAtoms);
    let padded = |n: usize| format!("{{\"all\":[]}}{}", " ".repeat(n - 10));
    read(&padded(MAX_BYTES));
    assert_eq!(error(&padded(MAX_BYTES + 1)).kind, JsonErrorKind::TooLong(MAX_BYTES + 1));
    error(&"[".repeat(MAX_BYTES));
    error(&"{\"not\":".repeat(MAX_BYTES / 7));
}

#[test]
fn the_deepest_text_has_a_json_form_that_reads_back() {
    let ladder =
        format!("{}cc in my.groups[read]{}", "no cc | no team & (".repeat(MAX_DEPTH / 2), ")".repeat(MAX_DEPTH / 2));
    let sets = format!("cc in {}my.groups{}", "{1} + (my.groups - (".repeat(MAX_DEPTH / 2), "))".repeat(MAX_DEPTH / 2));
    for text in [ladder, sets] {
        let tree = expr(&text);
        assert_eq!(read(&tree.to_json().to_string()), tree);
        assert_eq!(expr(&tree.to_string()), tree);
    }
}
