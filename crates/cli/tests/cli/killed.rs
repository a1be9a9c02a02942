use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::json;

use crate::desk::{Desk, many_tickets};

/// An import reads whole chunks of about 1 MiB: whoever has written this much into its pipe knows that it has opened the
/// tenant and is at work.
const SURELY_READ: usize = 3 << 20;

/// The lines, with one that is no JSON after the ticket `after`.
fn with_bad_line(lines: &str, after: u64) -> String {
    let next = format!(r#"{{"k":"ticket","id":{},"#, after + 1);
    let at = lines.find(&next).expect("a ticket after it");
    format!("{}{{\n{}", &lines[..at], &lines[at..])
}

#[test]
fn an_import_that_was_killed_can_be_run_again() {
    let lines = many_tickets(4000, 1000);
    for applied in [1, 500, 1500] {
        let desk = Desk::empty();
        let args = ["import", "--tenant", "desk", "--batch", "50", "--keep-going", "-"];
        // Two chunks are parsed at a time for each core: with one, tickets are applied before all are read.
        let mut command = desk.command(&args);
        let mut child = command.env("RAYON_NUM_THREADS", "1").stdin(Stdio::piped()).spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let sent = with_bad_line(&lines, applied);
        let sent = &sent.as_bytes()[..SURELY_READ];
        stdin.write_all(sent).expect("it reads");
        // A line is told of when its batch was applied, and the import cannot end before its stdin does.
        let mut told = String::new();
        BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut told).expect("UTF-8 on stderr");
        assert!(told.contains("(invalid_json)"), "{told}");
        child.kill().expect("it runs");
        assert!(!child.wait().expect("it ends").success());
        drop(stdin);

        let before = desk.json(&["count", "--tenant", "desk", "--as-admin"])["count"].as_u64().expect("a count");
        let whole = sent.split(|byte| *byte == b'\n').count() as u64 - 1;
        assert!((applied..whole).contains(&before) && whole < 4000, "{applied} to {whole}, not {before}");
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
