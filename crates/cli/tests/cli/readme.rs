//! What the README tells a newcomer to type.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::desk::{Desk, Ran};

/// Lines that build or test the program instead of asking it.
const SKIPPED: [&str; 3] = ["cargo run ", "tests/run", "alias "];

/// The lines of the `sh` blocks of the README's section `title`.
fn shell_lines(title: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(path).expect("the README");
    let heading = format!("## {title}");
    let section = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    let (mut found, mut inside) = (Vec::new(), false);
    for line in section {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() => found.push(line.to_owned()),
            _ => {}
        }
    }
    found
}

#[test]
fn every_command_of_the_first_minute_works() {
    let desk = Desk::empty();
    let lines = shell_lines("First minute");
    let asked: Vec<&String> = lines.iter().filter(|line| !SKIPPED.iter().any(|skip| line.starts_with(skip))).collect();
    assert!(asked.iter().any(|line| line.starts_with("ticketscope search ")), "no questions in {lines:?}");
    for line in asked {
        assert!(line.starts_with("ticketscope "), "{line}");
        // The line as the shell reads it, but with the program that is tested.
        let script = format!("ticketscope() {{ \"$PROGRAM\" \"$@\"; }}; {line}");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).env("PROGRAM", env!("CARGO_BIN_EXE_ticketscope"));
        shell.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        shell.env("TICKETSCOPE_DATA", desk.data()).stdin(Stdio::null());
        let ran = Ran::from(shell.output().expect("a shell"));
        assert!(ran.code == 0 && !ran.out.is_empty(), "{line}\nexit code {}\n{}{}", ran.code, ran.out, ran.err);
    }
}
