use std::path::PathBuf;

use serde_json::json;

use crate::desk::{Desk, many_tickets};

fn tenant_file(desk: &Desk, name: impl Fn(&str) -> bool) -> PathBuf {
    let dir = desk.data().join("tenants/desk");
    let files = std::fs::read_dir(dir).expect("the tenant's directory").map(|file| file.expect("a file").path());
    let mut found: Vec<PathBuf> =
        files.filter(|path| path.file_name().and_then(|file| file.to_str()).is_some_and(&name)).collect();
    found.sort();
    found.pop().expect("a file of that name")
}

/// Turns every byte of the second half of a file.
fn damage(path: &PathBuf) {
    let mut bytes = std::fs::read(path).expect("a file");
    let half = bytes.len() / 2;
    for byte in &mut bytes[half..] {
        *byte = !*byte;
    }
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn tenants_are_created_listed_and_deleted() {
    let desk = Desk::empty();
    desk.run(&["tenant", "create", "north"]).expect(0);
    desk.run(&["tenant", "create", "desk"]).expect(0);
    assert_eq!(desk.json(&["tenant", "list"]), json!({"tenants": ["desk", "north"]}));
    assert_eq!(desk.run(&["tenant", "list"]).expect(0).out, "desk\nnorth\n");
    assert_eq!(desk.json_error(&["tenant", "create", "desk"], 2)["type"], "tenant_exists");
    assert_eq!(desk.json_error(&["tenant", "delete", "desk"], 2)["type"], "not_confirmed");
    assert_eq!(desk.json(&["tenant", "delete", "desk", "--yes"]), json!({"deleted": "desk"}));
    assert_eq!(desk.json(&["tenant", "list"]), json!({"tenants": ["north"]}));
    assert_eq!(desk.json_error(&["tenant", "delete", "desk", "--yes"], 3)["type"], "no_such_tenant");
    for name in ["", "A", "../x", "a.b"] {
        desk.run(&["tenant", "create", name]).expect(2);
    }
}

#[test]
fn a_tenant_or_data_directory_that_is_not_there_is_not_made_by_asking() {
    let desk = Desk::empty();
    let asks: [&[&str]; 8] = [
        &["count", "--as", "ana"],
        &["search", "--as", "ana"],
        &["facets", "--as-admin"],
        &["why", "ana", "1"],
        &["who", "1"],
        &["scope", "show", "ana"],
        &["stats"],
        &["verify"],
    ];
    for args in asks {
        let all = [args, &["--tenant", "dsek"]].concat();
        assert_eq!(desk.json_error(&all, 3)["type"], "no_data_dir", "{args:?}");
    }
    assert_eq!(desk.json_error(&["tenant", "list"], 3)["type"], "no_data_dir");
    assert!(!desk.data().exists());
    desk.run(&["tenant", "create", "desk"]).expect(0);
    for args in asks {
        let error = desk.json_error(&[args, &["--tenant", "dsek"]].concat(), 3);
        assert_eq!((&error["type"], &error["hint"]), (&json!("no_such_tenant"), &json!("did you mean `desk`?")));
    }
}

#[test]
fn stats_tell_sizes_and_positions() {
    let desk = Desk::with_fixture();
    let stats = desk.json(&["stats", "--tenant", "desk"]);
    assert_eq!((&stats["tickets"], &stats["principals"], &stats["roles"]), (&json!(6), &json!(6), &json!(3)));
    assert_eq!(stats["opstamp"], stats["snapshot_opstamp"], "an import leaves a mapped snapshot of its end");
    assert!(stats["disk"]["total"].as_u64().expect("bytes") > 0);
    assert_eq!(
        (&stats["text"]["ready"], &stats["text"]["tickets"], &stats["text"]["pending"]),
        (&json!(true), &json!(4), &json!(0))
    );
    let fields = stats["fields"].as_array().expect("fields");
    let field = fields.iter().find(|field| field["field"] == "status").expect("a field");
    assert_eq!((&field["values"], &field["tickets"]), (&json!(5), &json!(6)));
    let out = desk.run(&["stats", "--tenant", "desk"]).expect(0).out;
    assert!(out.contains("heap bytes per ticket") && out.contains("deposit"), "{out}");
}

#[test]
fn a_damaged_database_is_no_shorter_answer() {
    let desk = Desk::with_lines(&many_tickets(2000, 100));
    damage(&tenant_file(&desk, |name| name == "state.redb"));
    let ran = desk.run(&["verify", "--tenant", "desk", "--questions", "10", "--full"]).expect(4);
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
}

#[test]
fn a_damaged_snapshot_changes_no_answer_and_is_found() {
    let desk = Desk::with_lines(&many_tickets(2000, 0));
    damage(&tenant_file(&desk, |name| name.starts_with("snapshot-")));
    assert_eq!(desk.count("ana", ""), 1000);
    assert_eq!(desk.json_error(&["verify", "--tenant", "desk", "--full", "--questions", "10"], 4)["type"], "damaged");
}

#[test]
fn a_directory_of_something_else_is_not_taken_for_data() {
    let desk = Desk::with_fixture();
    std::fs::write(desk.data().join("FORMAT"), "something else\n").expect("a file");
    assert_eq!(desk.json_error(&["count", "--tenant", "desk", "--as", "ana"], 4)["type"], "not_a_data_dir");
}
