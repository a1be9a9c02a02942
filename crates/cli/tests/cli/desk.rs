//! A data directory of its own for each test, and the binary that works on it.

use std::{
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary data directory.
pub(crate) struct Desk {
    dir: TempDir,
}

/// How a command ended and what it said.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// Without any tenant.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// With the tenant `desk` of `fixtures/helpdesk/helpdesk.jsonl`.
    pub(crate) fn with_fixture() -> Self {
        let desk = Self::empty();
        desk.run(&["import", "--tenant", "desk", &fixture("helpdesk.jsonl")]).expect(0);
        desk
    }

    /// With the tenant `desk` of these lines.
    pub(crate) fn with_lines(lines: &str) -> Self {
        let desk = Self::empty();
        desk.import(lines, &[]).expect(0);
        desk
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A file beside the data directory.
    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    /// Writes such a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        std::fs::write(&path, content).expect("a file beside the data directory");
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketscope"));
        command.arg("--data").arg(self.data()).args(args).env_remove("TICKETSCOPE_DATA");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("the binary runs"))
    }

    /// The one JSON value that a command prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], args].concat());
        assert!(ran.code <= 1, "{args:?}: {}", ran.err);
        ran.json()
    }

    /// The one line of JSON by which a command says what went wrong.
    pub(crate) fn json_error(&self, args: &[&str], code: i32) -> Value {
        let ran = self.run(&[&["--json"], args].concat()).expect(code);
        assert_eq!(ran.out, "", "{args:?}: nothing but answers goes to stdout");
        assert_eq!(ran.err.lines().count(), 1, "{args:?}: {}", ran.err);
        let error: Value = serde_json::from_str(&ran.err).expect("JSON on stderr");
        assert_eq!(error["error"]["code"], code);
        error["error"].clone()
    }

    /// Imports lines from stdin into the tenant `desk`.
    pub(crate) fn import(&self, lines: &str, args: &[&str]) -> Ran {
        let mut child = self.spawn(&[&["import", "--tenant", "desk", "-"], args].concat());
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that stops early does not read it all.
        drop(stdin.write_all(lines.as_bytes()));
        drop(stdin);
        Ran::from(child.wait_with_output().expect("the binary runs"))
    }

    /// A command with a pipe as its stdin.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdin(Stdio::piped()).spawn().expect("the binary runs")
    }

    pub(crate) fn count(&self, asker: &str, query: &str) -> u64 {
        let count = self.json(&["count", "--tenant", "desk", "--as", asker, "--", query]);
        count["count"].as_u64().expect("a count")
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }
}

impl Ran {
    /// The same, if it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one JSON value: {}", self.out);
        serde_json::from_str(&self.out).expect("JSON on stdout")
    }
}

/// A file of the small help desk.
pub(crate) fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/helpdesk");
    root.join(name).to_str().expect("a UTF-8 path").to_owned()
}

/// `count` tickets in two groups and an agent of the first, with ids from 1 and `padding` bytes of text each.
pub(crate) fn many_tickets(count: u32, padding: usize) -> String {
    let mut lines = String::from(concat!(
        r#"{"k":"principal","id":"ana","role":"generic.group","active":true}"#,
        "\n",
        r#"{"k":"rel","principal":"ana","rel":"groups","value":"g0"}"#,
        "\n"
    ));
    let text = "x".repeat(padding);
    for id in 1..=count {
        let (group, day, status) = (id % 2, id % 28 + 1, ["open", "solved", "new"][id as usize % 3]);
        writeln!(
            lines,
            r#"{{"k":"ticket","id":{id},"group":"g{group}","status":"{status}","subject":"{text}","updated_at":"2026-01-{day:02}"}}"#
        )
        .expect("a string takes everything");
    }
    lines
}
