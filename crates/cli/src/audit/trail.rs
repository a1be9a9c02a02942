use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ticketscope_audit::{Action, AuditLog, Decision, Entry};
use ticketscope_engine::storage::TenantId;

use crate::{
    args::{AskArgs, AskerArgs},
    ask::moment,
    data::Data,
    failure::Failure,
    output::Output,
};

/// Where the audit log of a data directory is.
pub(crate) fn dir(data: &Path) -> PathBuf {
    data.join("audit")
}

/// Opens the audit log to be appended to, also while a server appends.
pub(crate) fn open(data: &Path) -> Result<AuditLog, Failure> {
    Ok(AuditLog::open(dir(data), moment(None).0)?)
}

/// Records `entry` before what it is about is done: what cannot be recorded is not done.
pub(crate) fn record(data: &Data, entry: Entry) -> Result<(), Failure> {
    data.audit()?.append(entry)?;
    Ok(())
}

/// Records a question: everybody who asks here is the operator, and asks as somebody or unrestricted.
pub(crate) fn record_question(data: &Data, action: Action, args: &AskArgs) -> Result<(), Failure> {
    let query = args.query.join(" ");
    record(data, asked_as(data.entry(action), &args.asker, &args.tenant).about("query", query))
}

/// `entry` in the scope that was asked for.
pub(crate) fn asked_as(entry: Entry, asker: &AskerArgs, tenant: &TenantId) -> Entry {
    let entry = entry.of_tenant(tenant.as_str());
    match &asker.principal {
        Some(principal) => entry.about("as", principal.as_str()),
        None => entry.about("as_admin", true),
    }
}

/// Something that is recorded before and after it is done.
#[derive(Debug)]
pub(crate) struct Trail {
    log: Arc<AuditLog>,
    entry: Entry,
}

impl Trail {
    /// Records that `entry` is let to be done.
    pub(crate) fn begin(data: &Data, entry: Entry) -> Result<Self, Failure> {
        let log = data.audit()?;
        log.append(entry.clone())?;
        Ok(Self { log, entry })
    }

    /// Records what became of it, with what `add` adds to the record of what is done.
    pub(crate) fn end<T>(
        self,
        outcome: Result<T, Failure>,
        add: impl FnOnce(Entry, &T) -> Entry,
    ) -> Result<T, Failure> {
        match &outcome {
            Ok(done) => self.settle(Decision::Done, |entry| add(entry, done)),
            Err(_) => self.settle(Decision::Failed, |entry| entry),
        }
        outcome
    }

    /// Records what became of it, with what `add` adds to the record.
    pub(crate) fn settle(self, decision: Decision, add: impl FnOnce(Entry) -> Entry) {
        // It is done or not, whether that can be told or not.
        if let Err(error) = self.log.append(add(self.entry.settled(moment(None).0, decision))) {
            Output::warn(format!("the outcome was not recorded: {error}"));
        }
    }
}

/// The user of the system who runs this, by name and, where the system tells, by number.
pub(crate) fn user() -> String {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    match uid() {
        Some(uid) => format!("{name} (uid {uid})"),
        None => name,
    }
}

#[cfg(unix)]
fn uid() -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?))
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}
