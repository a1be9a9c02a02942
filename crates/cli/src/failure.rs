//! What went wrong, as it is told: once, with its causes, and with the place in a query where there is one.

use std::{
    borrow::Cow,
    error::Error,
    io::{self, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ticketscope_audit::{AppendError, OpenError as AuditOpenError, VerifyError as AuditVerifyError};
use ticketscope_canary::RegistryError;
use ticketscope_engine::{
    CheckpointError, Closed, RecoverError, SubmitError, TenantBackupError, TenantError, TenantOpenError,
    TenantRestoreError, WriteError,
    storage::{
        BackupError, CommitError, CreateError, DataDirError, DeleteError, FileError, OpenError, ReadError,
        RestoreError, SnapshotError, VerifyError,
    },
};
use ticketscope_model::Span;
use ticketscope_query::{AnswerError, scope::UnknownPrincipal};
use ticketscope_server::{KeysError, VerificationKeysError};

use crate::{exit::Exit, output::clean};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output went away (`| head`): there is nobody to tell, and nothing is wrong.
    NobodyReads,
    /// To be told.
    Told(Box<Report>),
}

/// A failure in words.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    exit: Exit,
    /// A stable name for programs.
    kind: Cow<'static, str>,
    message: String,
    causes: Vec<String>,
    marked: Option<Marked>,
    hint: Option<String>,
}

/// A text that a person wrote, and the bytes of it that are wrong.
#[derive(Debug, Serialize, Deserialize)]
struct Marked {
    text: String,
    start: usize,
    end: usize,
}

/// The kind of the failure that another process has the data directory.
const LOCKED: &str = "locked";

/// The kind of the failure that there is no room.
const DISK_FULL: &str = "disk_full";

/// The kind of a copy that was given up, for its process has to end.
pub(crate) const INTERRUPTED: &str = "interrupted";

impl Failure {
    /// A failure in one sentence.
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        let (kind, message) = (Cow::Borrowed(kind), message.into());
        Self::Told(Box::new(Report { exit, kind, message, causes: Vec::new(), marked: None, hint: None }))
    }

    /// The failure that `error` and its sources tell of.
    pub(crate) fn of(exit: Exit, kind: &'static str, error: &dyn Error) -> Self {
        Self::new(exit, kind, error.to_string()).caused_by(error.source())
    }

    /// The same, because of `cause` and its sources.
    pub(crate) fn caused_by(mut self, mut cause: Option<&dyn Error>) -> Self {
        if let Self::Told(report) = &mut self {
            while let Some(error) = cause {
                let text = error.to_string();
                // Some errors quote their source: what was said is not said again.
                let last = report.causes.last().unwrap_or(&report.message);
                if !last.contains(&text) {
                    report.causes.push(text);
                }
                cause = error.source();
            }
        }
        self
    }

    /// The same, pointing at a part of what the person wrote.
    pub(crate) fn marked(mut self, text: &str, span: Span) -> Self {
        if let Self::Told(report) = &mut self {
            report.marked = Some(Marked { text: text.to_owned(), start: span.start, end: span.end });
        }
        self
    }

    /// The same, with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told(report) = &mut self {
            report.hint = Some(hint.into());
        }
        self
    }

    /// Whether another process has the data directory.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self, Self::Told(report) if report.kind == LOCKED)
    }

    /// Tells it on stderr, in one line of JSON or in words, and says how the process ends.
    pub(crate) fn print(&self, json: bool) -> Exit {
        let Self::Told(report) = self else { return Exit::Done };
        let text = if json { format!("{}\n", report.to_json()) } else { report.to_text() };
        // Without stderr the exit code has to do.
        drop(io::stderr().lock().write_all(text.as_bytes()));
        report.exit
    }
}

impl Report {
    fn to_text(&self) -> String {
        let mut lines = vec![format!("error: {}", clean(&self.message))];
        lines.extend(self.causes.iter().map(|cause| format!("  caused by: {}", clean(cause))));
        if let Some(Marked { text, start, end }) = &self.marked {
            let span = Span { start: *start, end: *end };
            lines.extend(span.underline(text).lines().map(|line| format!("  {line}")));
        }
        lines.extend(self.hint.iter().map(|hint| format!("  hint: {}", clean(hint))));
        lines.push(String::new());
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let mut error = json!({
            "code": self.exit as u8,
            "type": self.kind,
            "message": self.message,
        });
        if !self.causes.is_empty() {
            error["causes"] = json!(self.causes);
        }
        if let Some(Marked { start, end, .. }) = &self.marked {
            error["span"] = json!({"start": start, "end": end});
        }
        if let Some(hint) = &self.hint {
            error["hint"] = json!(hint);
        }
        json!({ "error": error })
    }
}

/// A failure that was told elsewhere.
/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Told(Box::new(report))
    }
}

/// An answer that cannot be printed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyReads;
        }
        Self::new(Exit::Internal, "output", "cannot write the answer").caused_by(Some(&error))
    }
}

impl From<UnknownPrincipal> for Failure {
    fn from(error: UnknownPrincipal) -> Self {
        Self::of(Exit::Missing, "unknown_principal", &error)
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        Self::of(Exit::Data, "keys", &error)
    }
}

/// What to do about an audit log that is not what was written.
const AUDIT_HINT: &str = "`ticketscope audit verify` says what is wrong; to go on without mending it, move the directory \
                          `audit` away: a new log begins";

impl From<AuditOpenError> for Failure {
    fn from(error: AuditOpenError) -> Self {
        let failure = Self::of(Exit::Data, "audit", &error);
        match error {
            AuditOpenError::File(_) => failure,
            AuditOpenError::Damaged(_) => failure.hint(AUDIT_HINT),
        }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Self::of(Exit::Data, "audit", &error).hint("what cannot be recorded is not done")
    }
}

impl From<AuditVerifyError> for Failure {
    fn from(error: AuditVerifyError) -> Self {
        let kind = if matches!(error, AuditVerifyError::File(_)) { "file" } else { "audit_damaged" };
        Self::of(Exit::Data, kind, &error)
    }
}

impl From<ticketscope_audit::FileError> for Failure {
    fn from(error: ticketscope_audit::FileError) -> Self {
        Self::of(Exit::Data, "file", &error)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::of(Exit::Data, "canaries", &error)
    }
}

impl From<VerificationKeysError> for Failure {
    fn from(error: VerificationKeysError) -> Self {
        let (exit, kind) = match &error {
            VerificationKeysError::UnknownKid(_) => (Exit::Missing, "no_such_key"),
            VerificationKeysError::NotPromotable { .. } => (Exit::Usage, "not_promotable"),
            VerificationKeysError::EmptyKid | VerificationKeysError::DuplicateKid(_) => (Exit::Usage, "bad_kid"),
            _ => (Exit::Data, "token_keys"),
        };
        Self::of(exit, kind, &error)
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        let (exit, kind) = match error {
            AnswerError::Words { .. } => (Exit::Usage, "words"),
            AnswerError::NoWords { .. } => (Exit::Usage, "no_words"),
            AnswerError::TextOpening => (Exit::Data, "text_not_ready"),
            AnswerError::Text { .. } => (Exit::Data, "text"),
            AnswerError::PageSize(_) | AnswerError::SuggestionLimit(_) => (Exit::Usage, "page_size"),
            AnswerError::PrefixTooLong(_) => (Exit::Usage, "prefix"),
            AnswerError::Cursor(_) => (Exit::Usage, "bad_cursor"),
            AnswerError::NoFacets(_) => (Exit::Usage, "no_facets"),
            // Nobody who asks chooses the plan.
            AnswerError::Plan(_) => (Exit::Internal, "plan"),
        };
        Self::of(exit, kind, &error)
    }
}

impl From<TenantError> for Failure {
    fn from(error: TenantError) -> Self {
        let (exit, kind) = of_tenant(&error);
        Self::of(exit, kind, &error)
    }
}

fn of_tenant(error: &TenantError) -> (Exit, &'static str) {
    match error {
        TenantError::NoSuchTenant(_) => (Exit::Missing, "no_such_tenant"),
        TenantError::Open { source, .. } => match &**source {
            TenantOpenError::Open(source) => of_open(source),
            TenantOpenError::Recover(source) => of_recover(source),
            TenantOpenError::Damaged(_) => (Exit::Data, "damaged"),
        },
        TenantError::Full(_) => (Exit::Data, DISK_FULL),
        TenantError::Failed(_) => (Exit::Internal, "disk_failed"),
        TenantError::Create(source) => match source {
            CreateError::Exists(_) => (Exit::Usage, "tenant_exists"),
            CreateError::Random(_) => (Exit::Internal, "no_randomness"),
            CreateError::File(_) => (Exit::Data, "file"),
            CreateError::Commit(source) => of_commit(source),
            CreateError::Open(source) => of_open(source),
        },
        TenantError::Delete(source) => match source {
            DeleteError::NoSuchTenant(_) => (Exit::Missing, "no_such_tenant"),
            DeleteError::Open(_) => (Exit::Data, "in_use"),
            DeleteError::File(_) => (Exit::Data, "file"),
        },
        TenantError::InUse(_) => (Exit::Data, "in_use"),
        TenantError::Busy(_) => (Exit::Data, "busy"),
    }
}

impl From<TenantBackupError> for Failure {
    fn from(error: TenantBackupError) -> Self {
        let (exit, kind) = match &error {
            TenantBackupError::Copy { source, .. } | TenantBackupError::Backup(source) => of_backup(source),
            TenantBackupError::Tenant(source) => of_tenant(source),
        };
        Self::of(exit, kind, &error)
    }
}

fn of_backup(error: &BackupError) -> (Exit, &'static str) {
    match error {
        BackupError::Exists(_) | BackupError::NoName(_) => (Exit::Usage, "backup_exists"),
        BackupError::Twice(_) => (Exit::Internal, "storage"),
        BackupError::Interrupted => (Exit::Data, INTERRUPTED),
        BackupError::Read(source) => of_read(source),
        BackupError::File(_) => (Exit::Data, "file"),
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let (exit, kind) = of_restore(&error);
        Self::of(exit, kind, &error)
    }
}

fn of_restore(error: &RestoreError) -> (Exit, &'static str) {
    match error {
        RestoreError::Exists(_) => (Exit::Usage, "tenant_exists"),
        RestoreError::NotInBackup(_) => (Exit::Missing, "no_such_tenant"),
        RestoreError::Interrupted => (Exit::Data, INTERRUPTED),
        RestoreError::Newer { .. } => (Exit::Data, "newer_format"),
        RestoreError::Manifest { .. } | RestoreError::Rows { .. } | RestoreError::Damaged(_) => {
            (Exit::Data, "damaged_backup")
        }
        RestoreError::Random(_) => (Exit::Internal, "no_randomness"),
        RestoreError::Database(_) => (Exit::Data, "database"),
        RestoreError::File(_) => (Exit::Data, "file"),
    }
}

impl From<TenantRestoreError> for Failure {
    fn from(error: TenantRestoreError) -> Self {
        let (exit, kind) = match &error {
            TenantRestoreError::Restore(source) => of_restore(source),
            TenantRestoreError::Open(source) => of_open(source),
            TenantRestoreError::Recover(source) => of_recover(source),
            TenantRestoreError::NotWhole(_) => (Exit::Data, "damaged_backup"),
            TenantRestoreError::Full(_) | TenantRestoreError::Checkpoint(CheckpointError::Full(_)) => {
                (Exit::Data, DISK_FULL)
            }
            TenantRestoreError::Failed(_) => (Exit::Internal, "disk_failed"),
            TenantRestoreError::Verify(_) | TenantRestoreError::Checkpoint(_) | TenantRestoreError::File(_) => {
                (Exit::Data, "file")
            }
        };
        Self::of(exit, kind, &error)
    }
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        let kind = match &error {
            DataDirError::Locked(_) => LOCKED,
            DataDirError::Newer { .. } => "newer_format",
            DataDirError::Older { .. } => "older_format",
            DataDirError::NotADataDir(_) => "not_a_data_dir",
            DataDirError::File(_) => "file",
        };
        Self::of(Exit::Data, kind, &error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::of(Exit::Data, "file", &error)
    }
}

impl From<RecoverError> for Failure {
    fn from(error: RecoverError) -> Self {
        let (exit, kind) = of_recover(&error);
        Self::of(exit, kind, &error)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let (exit, kind) = match &error {
            VerifyError::Poisoned | VerifyError::Busy => (Exit::Internal, "storage"),
            VerifyError::File(_) => (Exit::Data, "file"),
            VerifyError::Database(_) => (Exit::Data, "database"),
        };
        Self::of(exit, kind, &error)
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        let (exit, kind) = match &error {
            CheckpointError::Snapshot(source) => of_snapshot(source),
            CheckpointError::Commit(source) => of_commit(source),
            CheckpointError::Full(_) => (Exit::Data, DISK_FULL),
            CheckpointError::Mapped(_) => (Exit::Data, "damaged"),
            CheckpointError::Closed(closed) => of_closed(closed),
            CheckpointError::TooLarge(_) => (Exit::Internal, "too_large"),
        };
        Self::of(exit, kind, &error)
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        if let SubmitError::Refused(refused) = &error
            && let Some((_, refusal)) = refused.first()
        {
            return Self::of(Exit::Usage, refusal.code(), refusal);
        }
        let (exit, kind) = match &error {
            SubmitError::Refused(_) => (Exit::Usage, "refused"),
            SubmitError::Busy => (Exit::Internal, "writer"),
            SubmitError::Full(_) => (Exit::Data, DISK_FULL),
            SubmitError::Closed(closed) => of_closed(closed),
            SubmitError::Write(source) => match &**source {
                WriteError::Commit(source) => of_commit(source),
                WriteError::Read(source) => of_read(source),
                WriteError::Malformed(_) | WriteError::IndexDiffers => (Exit::Data, "damaged"),
            },
        };
        Self::of(exit, kind, &error)
    }
}

fn of_closed(closed: &Closed) -> (Exit, &'static str) {
    match closed {
        // Of a panic the thread that panicked tells; whoever else is told so met rot.
        Closed::Interrupted | Closed::Damaged(_) => (Exit::Data, "damaged"),
        Closed::Failed(_) => (Exit::Internal, "disk"),
    }
}

fn of_open(error: &OpenError) -> (Exit, &'static str) {
    match error {
        OpenError::NoSuchTenant(_) => (Exit::Missing, "no_such_tenant"),
        OpenError::AlreadyOpen(_) => (Exit::Data, "in_use"),
        OpenError::Damaged(_) => (Exit::Data, "damaged"),
        OpenError::Database(_) => (Exit::Data, "database"),
        OpenError::File(_) => (Exit::Data, "file"),
    }
}

fn of_recover(error: &RecoverError) -> (Exit, &'static str) {
    match error {
        RecoverError::Read(source) => of_read(source),
        RecoverError::Snapshot(source) => of_snapshot(source),
        RecoverError::Commit(source) => of_commit(source),
        RecoverError::Closed(closed) => of_closed(closed),
        RecoverError::Mapped(_) => (Exit::Data, "damaged"),
        RecoverError::NoRandomness => (Exit::Internal, "no_randomness"),
        RecoverError::Malformed(_) | RecoverError::State(_) | RecoverError::Role { .. } | RecoverError::Missing(_) => {
            (Exit::Data, "damaged")
        }
    }
}

fn of_read(error: &ReadError) -> (Exit, &'static str) {
    match error {
        ReadError::Poisoned => (Exit::Internal, "storage"),
        ReadError::Full => (Exit::Data, DISK_FULL),
        ReadError::NotInLog { .. } | ReadError::Damaged(_) => (Exit::Data, "damaged"),
        ReadError::Database(_) => (Exit::Data, "database"),
    }
}

fn of_commit(error: &CommitError) -> (Exit, &'static str) {
    match error {
        CommitError::Damaged(_) => (Exit::Data, "damaged"),
        CommitError::Database(_) => (Exit::Data, "database"),
        CommitError::TooLong { .. } => (Exit::Usage, "too_long"),
        CommitError::Full(_) | CommitError::NotReopened => (Exit::Data, DISK_FULL),
        CommitError::Poisoned
        | CommitError::NotConsecutive { .. }
        | CommitError::RowsWithoutLog { .. }
        | CommitError::CutPastApplied { .. } => (Exit::Internal, "storage"),
    }
}

fn of_snapshot(error: &SnapshotError) -> (Exit, &'static str) {
    match error {
        SnapshotError::File(_) => (Exit::Data, "file"),
        SnapshotError::Read(source) => of_read(source),
        SnapshotError::Commit(source) => of_commit(source),
        SnapshotError::Busy | SnapshotError::AheadOfLog { .. } | SnapshotError::DuplicateSection(_) => {
            (Exit::Internal, "storage")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ticketscope_engine::{FatalError, storage::TenantId};

    use super::*;

    fn exit(failure: Failure) -> Exit {
        match failure {
            Failure::NobodyReads => Exit::Done,
            Failure::Told(report) => report.exit,
        }
    }

    #[test]
    fn whoever_meets_rot_ends_as_with_damage_and_whoever_meets_a_failing_disk_does_not() {
        let damaged = || Closed::Damaged("row 7".into());
        for rot in [
            Failure::from(SubmitError::Closed(Closed::Interrupted)),
            SubmitError::Closed(damaged()).into(),
            SubmitError::Write(Arc::new(WriteError::IndexDiffers)).into(),
            RecoverError::Closed(Closed::Interrupted).into(),
            CheckpointError::Closed(damaged()).into(),
        ] {
            assert_eq!(exit(rot), Exit::Data);
        }
        let error = FatalError { tenant: TenantId::parse("acme").unwrap(), cause: "a sync".to_owned() };
        assert_eq!(exit(SubmitError::Closed(Closed::Failed(Arc::new(error))).into()), Exit::Internal);
    }
}
