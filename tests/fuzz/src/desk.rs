//! The small help desk that targets ask about, and the names that it knows.

use std::{fs, path::Path, sync::LazyLock};

use tempfile::TempDir;
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Fact, Schema, Timestamp};

/// 2026-11-20T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_176_000_000);

/// Words that stand only where ann may not see them: in tickets of bob's group, in a deleted one, in a note.
pub(crate) const HIDDEN: &[&str] = &["unspeakable", "zzhidden", "undisclosed"];

/// Ann sees tickets 1, 2 and A-7, bob 3 and 4; sue is suspended; zed has no role. Nobody sees 5, which is deleted. Nobody
/// reads notes.
pub(crate) const LINES: &str = r#"{"k":"schema","fields":[{"name":"weight","kind":"number","many":false},{"name":"custom_field_1","kind":"keyword","many":true},{"name":"vip","kind":"flag","many":false},{"name":"due","kind":"date","many":false},{"name":"reviewer","kind":"principal","many":false},{"name":"diagnosis","kind":"text","many":false}],"relations":["regions"]}
{"k":"role","id":"agent","view":"group in my.groups"}
{"k":"principal","id":"ann","role":"agent","active":true,"name":"Ann"}
{"k":"principal","id":"bob","role":"agent","active":true}
{"k":"principal","id":"sue","role":"agent","active":false}
{"k":"principal","id":"zed","active":true}
{"k":"rel","principal":"ann","rel":"groups","value":"billing"}
{"k":"rel","principal":"sue","rel":"groups","value":"billing"}
{"k":"rel","principal":"bob","rel":"groups","value":"support"}
{"k":"ticket","id":1,"group":"billing","status":"open","priority":"high","tags":["vat","paid"],"weight":1.5,"vip":true,"updated_at":"2026-11-01T00:00:00Z"}
{"k":"ticket","id":2,"group":"billing","status":"solved","assignee":"ann","due":"2026-12-01","updated_at":"2026-11-02T00:00:00Z"}
{"k":"ticket","id":"A-7","group":"billing","status":"open","custom_field_1":["x","y z"],"updated_at":"2026-11-03T00:00:00Z"}
{"k":"ticket","id":3,"group":"support","status":"open","tags":["zzhidden"],"weight":99,"updated_at":"2026-11-04T00:00:00Z"}
{"k":"ticket","id":4,"group":"support","status":"pending","custom_field_1":["zzhidden"],"updated_at":"2026-11-05T00:00:00Z"}
{"k":"ticket","id":5,"group":"billing","status":"open","tags":["zzhidden"],"life":"deleted","updated_at":"2026-11-06T00:00:00Z"}
{"k":"text","ticket":1,"part":"s","class":"subject","body":"VAT on invoice"}
{"k":"text","ticket":1,"part":"d","class":"description","body":"Please refund the VAT of 12.30 on the invoice"}
{"k":"text","ticket":1,"part":"n","class":"private","body":"undisclosed refund"}
{"k":"text","ticket":2,"part":"c","class":"public","body":"Refunded, thank you"}
{"k":"text","ticket":3,"part":"s","class":"subject","body":"Unspeakable refund"}
"#;

/// The changes that make the desk.
pub(crate) fn changes() -> Vec<Change> {
    let many = |_: &str| false;
    let parser = Parser::new(Format::ScopeJsonl, &many);
    let chunks = Chunks::new(LINES.as_bytes()).expect("the desk can be read");
    let lines = chunks.flat_map(|chunk| parser.lines(&chunk.expect("the desk can be read")));
    lines.map(|line| line.change.expect("a line of the desk is right")).collect()
}

/// The names that the desk knows.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = Schema::builtin();
    for change in changes() {
        if let Fact::Schema(decl) = &change.fact {
            schema.declare(decl).expect("the fields of the desk are new");
        }
    }
    schema
});

/// A directory that goes when it is dropped: in memory where the system has such a place, for nothing here waits for disks.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory can be made")
}

/// Files with their bytes, by their path.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// The files below `dir` with their bytes, by their path from there, ascending.
pub(crate) fn files(dir: &Path) -> Files {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("the directory can be listed") {
            let path = entry.expect("the directory can be listed").path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(dir) {
                found.push((name.to_string_lossy().into_owned(), fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}
