use std::io::Write;

use serde_json::json;

use crate::desk::{Desk, many_tickets};

/// An import reads whole chunks of about 1 MiB: whoever has written this much into its pipe knows that it has opened the
/// tenant and is at work.
const SURELY_READ: usize = 3 << 20;

#[test]
fn an_import_that_was_killed_can_be_run_again() {
    let lines = many_tickets(4000, 1000);
    assert!(lines.len() > SURELY_READ, "the lines fill the pipe");
    for upto in [SURELY_READ, lines.len()] {
        let desk = Desk::empty();
        let mut child = desk.spawn(&["import", "--tenant", "desk", "--batch", "50", "-"]);
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&lines.as_bytes()[..upto]).expect("it reads");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        drop(stdin);

        let before = desk.json(&["count", "--tenant", "desk", "--as-admin"])["count"].as_u64().expect("a count");
        assert!(before <= 4000);
        let done = desk.import(&lines, &["--json"]).expect(0).json();
        assert_eq!((&done["applied"], &done["tickets"]), (&json!(4002), &json!(4000)));
        assert_eq!(desk.count("ana", ""), 2000);
        desk.run(&["verify", "--tenant", "desk", "--questions", "20", "--full"]).expect(0);
    }
}

#[test]
fn a_data_directory_in_use_is_locked() {
    let lines = many_tickets(4000, 1000);
    let desk = Desk::empty();
    let mut child = desk.spawn(&["import", "--tenant", "desk", "-"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&lines.as_bytes()[..SURELY_READ]).expect("it reads");
    let error = desk.json_error(&["count", "--tenant", "desk", "--as-admin"], 4);
    assert_eq!(error["type"], "locked");
    if cfg!(target_os = "linux") {
        assert_eq!(error["hint"], format!("process {} uses it", child.id()));
    }
    stdin.write_all(&lines.as_bytes()[SURELY_READ..]).expect("it reads");
    drop(stdin);
    assert!(child.wait_with_output().expect("it ends").status.success());
    assert_eq!(desk.count("ana", ""), 2000);
}
