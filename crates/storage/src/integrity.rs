//! redb's own check of every page, and what keeps it from going back in time unnoticed.
//!
//! Where the newest transaction does not verify, redb's check goes back to the one before and writes that down. The
//! database is then whole but has lost what was acknowledged, and the next check would find nothing. So before a check
//! the end of the log is noted in a file beside the database, and the note goes only when the log still ends there:
//! a tenant that lost a commit stays closed, also after a crash in the middle of the check.

use std::{io, path::Path, sync::Arc};

use redb::{Database, ReadableDatabase};

use crate::{
    Damaged, Defect, FileError, OpenError, Place, Reader,
    disk::{Disk, steps},
    error::Failure,
    guard::guard,
    meta::{Meta, MetaRow},
};

/// Holds the value of the meta row `applied` while a check runs.
pub(crate) const NOTE_FILE: &str = "CHECK";

/// Why a check did not come to an end.
pub(crate) enum CheckError {
    Failure(Failure),
    File(FileError),
}

impl From<Failure> for CheckError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<FileError> for CheckError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<CheckError> for OpenError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Failure(failure) => failure.into(),
            CheckError::File(error) => error.into(),
        }
    }
}

/// Reads the meta rows; every page is checked too, unless the database `is_large` and the last shutdown was clean. `checked` says that redb has just
/// done so: it does where the database was not closed, and refuses the file rather than going back, since every commit
/// has two phases.
pub(crate) fn check_at_open(
    disk: &dyn Disk,
    database: &mut Database,
    dir: &Path,
    checked: bool,
    is_large: bool,
) -> Result<Meta, OpenError> {
    let meta = guard(|| read_meta(database))?;
    let noted = noted(disk, dir)?;
    if noted.as_ref().is_some_and(|noted| *noted != meta.applied.to_bytes()) {
        return Err(rolled_back().into());
    }
    let is_trusted = checked || (meta.clean && is_large);
    if !is_trusted || noted.is_some() {
        check(disk, database, dir)?;
    }
    Ok(meta)
}

/// The end of the log as a check that did not come to its end noted it.
pub(crate) fn noted(disk: &dyn Disk, dir: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let note = dir.join(NOTE_FILE);
    match disk.read(&note) {
        Ok(noted) => Ok(Some(noted)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(steps::failed("read", &note)(error)),
    }
}

/// Checks every page. Linear in the database; no [`Reader`] may be alive.
pub(crate) fn check(disk: &dyn Disk, database: &mut Database, dir: &Path) -> Result<(), CheckError> {
    let before = guard(|| read_meta(database))?;
    steps::write_whole(disk, dir, NOTE_FILE, &before.applied.to_bytes())?;
    let checked = guard(|| Ok(database.check_integrity()?));
    if let Err(Failure::Database(_)) = &checked {
        // Nothing was judged, so there is nothing to remember.
        forget(disk, dir)?;
    }
    checked?;
    let after = guard(|| read_meta(database))?;
    if after != before {
        return Err(Failure::from(rolled_back()).into());
    }
    Ok(forget(disk, dir)?)
}

fn forget(disk: &dyn Disk, dir: &Path) -> Result<(), FileError> {
    steps::remove(disk, &dir.join(NOTE_FILE))?;
    steps::sync_dir(disk, dir)
}

pub(crate) fn rolled_back() -> Damaged {
    Damaged { place: Place::Database, defect: Defect::RolledBack }
}

/// The meta rows, of which the last log row must be the one they name.
pub(crate) fn read_meta(database: &Database) -> Result<Meta, Failure> {
    let reader = Reader::new(database.begin_read()?, Arc::default())?;
    let meta = reader.meta().clone();
    let (start, applied) = (meta.log_start, meta.applied);
    if start.opstamp > applied.opstamp {
        let defect = Defect::Bounds { start: start.opstamp, applied: applied.opstamp };
        return Err(Damaged { place: Place::Meta(MetaRow::LogStart.name()), defect }.into());
    }
    let last = if start.opstamp == applied.opstamp { start } else { reader.log_edge(applied.opstamp)? };
    if last != applied {
        let defect = Defect::Chain { stored: applied.crc, previous: last.crc };
        return Err(Damaged { place: Place::Log(applied.opstamp), defect }.into());
    }
    Ok(meta)
}
