use std::path::Path;

use serde_json::json;
use ticketscope_audit::{Hash, verify};

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Output, bytes, counted},
};

pub(super) fn run(data: &Path, head: Option<Hash>, out: &mut Output) -> Result<Exit, Failure> {
    let verified = verify(&super::dir(data), head)?;
    if out.wants_json() {
        out.json(&json!({
            "records": verified.records,
            "files": verified.files,
            "head": verified.head.hash.to_string(),
            "unfinished": verified.unfinished,
        }))?;
        return Ok(Exit::Done);
    }
    let (records, files) = (counted(verified.records, "record"), counted(verified.files as u64, "file"));
    out.line(format!("the audit log is whole: {records} in {files}"))?;
    if verified.unfinished > 0 {
        let rest = bytes(verified.unfinished);
        out.line(format!("{rest} after the last record are not a whole one: it is being written, or a crash left it"))?;
    }
    out.line(format!("head: {}", verified.head.hash))?;
    Output::warn("keep the head elsewhere: `audit verify --head` with it shows later that nothing up to here is gone");
    Ok(Exit::Done)
}
