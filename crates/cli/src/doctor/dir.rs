//! The data directory, apart from its tenants.

use std::path::Path;

use ticketscope_canary::{Canaries, RegistryError};
use ticketscope_engine::storage::Inspection;
use ticketscope_server::{KeyFileError, Keys, KeysError, OperatorFile, OperatorFileError};

use super::finding::Finding;
use crate::{
    audit, canary,
    data::Data,
    failure::{Failure, chain},
    operator,
    output::{bytes, counted},
    serve::KEYS_FILE,
};

/// Free space from which on there is enough, in bytes.
const ENOUGH_BYTES: u64 = 512 << 20;

/// One in so many bytes should be free.
const ENOUGH_PART: u64 = 20;

pub(super) fn look(data: &Data, inspection: &Inspection) -> Result<Vec<Finding>, Failure> {
    let place = data.display().to_string();
    let mut findings = vec![Finding::fine("format", &place, "a data directory of this version")];
    findings.push(space(data));
    let (left_over, unknown) = inspection.strangers()?;
    for path in left_over {
        findings.push(Finding::fine(
            "leftover",
            path.display().to_string(),
            "left by a tenant that was being made or \
                                         deleted; the next opening removes it",
        ));
    }
    for path in unknown {
        findings.push(
            Finding::warning(
                "unknown",
                path.display().to_string(),
                "no tenant can have this name, and nothing reads it",
            )
            .todo(format!("move {} away", path.display())),
        );
    }
    findings.extend(server(data));
    findings.extend(keys(&data.join(KEYS_FILE)));
    findings.extend(canaries(&canary::file(data)));
    findings.extend(audit_log(data));
    Ok(findings)
}

fn exposed(check: &'static str, path: &Path, mode: u32) -> Finding {
    Finding::warning(
        check,
        path.display().to_string(),
        format!("others may read it (mode {mode:o}), so it is not used"),
    )
    .todo(format!("chmod 600 {}", path.display()))
}

fn key_file(check: &'static str, path: &Path, error: &KeyFileError) -> Finding {
    match error {
        KeyFileError::Exposed { mode, .. } => exposed(check, path, *mode),
        KeyFileError::Io { .. } => Finding::damage(check, path.display().to_string(), chain(error)),
    }
}

fn keys(path: &Path) -> Option<Finding> {
    let place = path.display().to_string();
    path.exists().then(|| match Keys::open(path) {
        Ok(keys) => Finding::fine("keys", place, counted(keys.list().len() as u64, "key")),
        Err(KeysError::File(error)) => key_file("keys", path, &error),
        Err(error) => Finding::damage("keys", place, chain(&error)).todo(format!(
            "put it back from a copy, or move {} away and make new keys with `ticketscope key create`",
            path.display()
        )),
    })
}

fn server(data: &Data) -> Option<Finding> {
    let path = operator::file(data);
    let place = path.display().to_string();
    let told = OperatorFile::read(&path);
    match (told, data.held()) {
        (Ok(None), _) => None,
        (Ok(Some(OperatorFile { address, pid, .. })), Some(_)) => {
            Some(Finding::fine("server", place, format!("process {pid} serves it on {address}")))
        }
        // The directory is free, so whoever wrote it has ended without removing it.
        (Ok(Some(OperatorFile { pid, .. })), None) => Some(Finding::fine(
            "server",
            place,
            format!("left by process {pid}, which ended without closing; the next server writes its own"),
        )),
        (Err(OperatorFileError::File(error)), _) => Some(key_file("server", &path, &error)),
        (Err(error), _) => {
            let todo = format!("rm {}", path.display());
            Some(Finding::warning("server", place, chain(&error)).todo(todo))
        }
    }
}

fn canaries(path: &Path) -> Option<Finding> {
    let place = path.display().to_string();
    path.exists().then(|| match Canaries::open(path) {
        Ok(canaries) => {
            let count = canaries.list().values().map(Vec::len).sum::<usize>();
            Finding::fine("canaries", place, format!("{count} planted"))
        }
        Err(RegistryError::Exposed { mode, .. }) => exposed("canaries", path, mode),
        Err(error) => Finding::damage("canaries", place, chain(&error))
            .todo("put it back from a copy, or remove and plant the canaries of each tenant again"),
    })
}

fn audit_log(data: &Data) -> Option<Finding> {
    let path = audit::dir(data);
    let place = path.display().to_string();
    path.exists().then(|| match ticketscope_audit::verify(&path, None) {
        Ok(verified) => Finding::fine("audit", place, format!("{} in one chain", counted(verified.records, "record"))),
        Err(error) => Finding::damage("audit", place, chain(&error)).todo("ticketscope audit verify"),
    })
}

#[cfg(unix)]
fn space(data: &Path) -> Finding {
    let place = data.display().to_string();
    let system = match rustix::fs::statvfs(data) {
        Ok(system) => system,
        Err(error) => {
            let what = format!("the system does not say how much is free: {error}");
            return Finding::warning("space", place, what);
        }
    };
    let (free, total) = (system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize);
    let told = format!("{} of {} are free", bytes(free), bytes(total));
    if free < ENOUGH_BYTES || free < total / ENOUGH_PART {
        Finding::warning("space", place, told)
            .todo("make room on this file system: without it tenants cannot be written to")
    } else {
        Finding::fine("space", place, told)
    }
}

#[cfg(not(unix))]
fn space(data: &Path) -> Finding {
    Finding::fine("space", data.display().to_string(), "this system is not asked how much is free")
}
