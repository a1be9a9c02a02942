//! Whether data written by earlier programs of this format opens and says what it said, and whether this program still
//! writes the same bytes.

use std::{fs, path::Path, sync::Arc};

use tempfile::TempDir;
use ticketscope_engine::Engine;
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_storage::Backup;
use ticketscope_tests::golden;

use crate::{compare, world::copy_tree};

/// The section of a mapped snapshot that was not written yet when the golden one was.
const FOLDED: &str = "section 5\n";

fn golden_text(name: &str) -> String {
    fs::read_to_string(Path::new(golden::DIR).join(name)).unwrap()
}

fn golden_copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&Path::new(golden::DIR).join(golden::DATA), dir.path());
    dir
}

fn snapshot_file(dir: &Path) -> std::path::PathBuf {
    dir.join("tenants").join("golden").join("snapshot-00000000000000000001.tsnap")
}

#[test]
fn the_golden_tenant_opens_and_says_what_it_said() {
    for mapped in [true, false] {
        let dir = golden_copy();
        if !mapped {
            fs::remove_file(snapshot_file(dir.path())).unwrap();
        }
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.tenant(&golden::id()).unwrap();
        assert_eq!(tenant.recovery().snapshot.is_some(), mapped);
        assert_eq!(golden::account(&tenant), golden_text(golden::ACCOUNT), "mapped: {mapped}");
        compare::assert_is_rebuilt(&tenant, "golden");
        assert!(tenant.verify_files().unwrap().damaged.is_empty());
    }
}

#[test]
fn the_golden_tenant_goes_on_where_it_stood() {
    let dir = golden_copy();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.tenant(&golden::id()).unwrap();
    // All of it again: what has revisions stays, what has none is stated anew.
    for batch in golden::batches() {
        tenant.submit(batch).unwrap();
    }
    compare::assert_is_rebuilt(&tenant, "golden, gone on");
    assert!(tenant.verify_files().unwrap().is_intact());
}

#[test]
fn the_same_changes_lead_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&golden::id()).unwrap();
    for batch in golden::batches() {
        tenant.submit(batch).unwrap();
    }
    assert_eq!(golden::account(&tenant), golden_text(golden::ACCOUNT));
    drop(tenant);
    engine.close().unwrap();
    drop(engine);
    let (found, expected) = (golden::bytes(dir.path()), golden_text(golden::BYTES));
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of {}", number + 1, golden::BYTES);
    }
    assert_eq!(found.len(), expected.len());
    let golden = golden_copy();
    let (before, since) = expected.split_once(FOLDED).unwrap();
    let since = &since[since.find("section").unwrap()..];
    assert_eq!(golden::bytes(golden.path()), [before, since].concat(), "the golden tenant holds the golden bytes");
}

#[test]
fn the_golden_backup_is_restored_and_says_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let backup = Backup::open(&Path::new(golden::DIR).join(golden::BACKUP)).unwrap();
    engine.restore(&backup, backup.find(&golden::id()).unwrap(), &golden::id()).unwrap();
    let tenant = engine.tenant(&golden::id()).unwrap();
    assert_eq!(golden::account(&tenant), golden_text(golden::ACCOUNT));
    compare::assert_is_rebuilt(&tenant, "golden backup");
    assert_eq!(golden::dump(&tenant), golden_text(golden::DUMP));
}

#[test]
fn the_golden_dump_is_loaded_and_says_what_it_said_but_for_the_opstamp() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&golden::id()).unwrap();
    let (lines, parser) = (golden_text(golden::DUMP), Parser::new(Format::ScopeJsonl, &|_| false));
    let chunks = Chunks::new(lines.as_bytes()).unwrap();
    let changes = chunks.flat_map(|chunk| parser.lines(&chunk.unwrap())).map(|line| line.change.unwrap()).collect();
    assert_eq!(tenant.submit_import(changes, &Arc::default()).unwrap().refused, []);
    // Tickets stand in the order in which they were made, which is another.
    let sorted = |account: &str| {
        let mut lines: Vec<String> = account.lines().filter(|line| !line.starts_with("opstamp")).map(words).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&golden::account(&tenant)), sorted(&golden_text(golden::ACCOUNT)));
    assert_eq!(golden::dump(&tenant), lines, "and today's program dumps it alike");
    let copy = golden_copy();
    let engine = Engine::open(copy.path()).unwrap();
    assert_eq!(golden::dump(&engine.tenant(&golden::id()).unwrap()), lines);
}

/// A line of an account, its keys of tickets in order.
fn words(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if line.contains("  may ") {
        words.sort_unstable();
    }
    words.join(" ")
}
