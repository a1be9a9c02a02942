//! Logs in temporary directories, whole and broken.

mod appending;
mod golden;
mod recovering;
mod verifying;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{Action, Actor, AuditLog, Decision, Entry, Record, records};

const NOW: i64 = 1_795_176_000_000;

/// The directory of a log that does not exist yet.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    (dir, path)
}

fn entry(number: u64) -> Entry {
    Entry::new(NOW, Actor::Key("0011".into()), Action::Search, Decision::Allowed)
        .of_tenant("acme")
        .about("query", format!("refund \"{number}\" \u{17c}\\"))
        .in_request("9c")
}

/// A log of `count` records in files of about `rotate` bytes, closed.
fn written(dir: &Path, count: u64, rotate: u64) {
    let log = AuditLog::open_with(dir, NOW, rotate).unwrap();
    for number in 1..=count {
        assert_eq!(log.append(entry(number)).unwrap(), number);
    }
}

fn read(dir: &Path) -> Vec<Record> {
    records(dir).unwrap().collect::<Result<_, _>>().unwrap()
}

fn file(dir: &Path, number: u32) -> PathBuf {
    crate::files::path(dir, number)
}

/// The bytes of every file of a directory.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn restore(contents: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in contents {
        fs::write(path, bytes).unwrap();
    }
}
