//! The data directory that a command is about, and who runs the command.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ticketscope_audit::{Action, Actor, AuditLog, Decision, Entry};
use ticketscope_engine::Engine;

use crate::{
    ask::moment,
    audit::{self, user},
    failure::Failure,
};

/// How long a question waits for text to be indexed: what an import of millions of tickets may leave to do.
const TEXT_PATIENCE: Duration = Duration::from_mins(30);

/// The same in a server, which indexes all the time and has to be able to stop.
const TEXT_PATIENCE_THERE: Duration = Duration::from_secs(20);

/// The data directory that a command is about: its path, and whose command it is.
#[derive(Debug)]
pub(crate) struct Data {
    path: PathBuf,
    user: String,
    held: Option<Held>,
}

/// What a server has open of its data directory.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) engine: Arc<Engine>,
    pub(crate) audit: Arc<AuditLog>,
}

impl Data {
    /// Of a command that this process is there for.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), user: user(), held: None }
    }

    /// Of a command that `user` runs in the server that has the directory open.
    pub(crate) fn in_server(path: &Path, held: Held, user: &str) -> Self {
        Self { path: path.to_owned(), user: user.to_owned(), held: Some(held) }
    }

    /// Who runs the command.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// What is open already.
    pub(crate) fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Something that the user is let to do now.
    pub(crate) fn entry(&self, action: Action) -> Entry {
        Entry::new(moment(None).0, Actor::User(self.user.clone()), action, Decision::Allowed)
    }

    /// The audit log, to be appended to.
    pub(crate) fn audit(&self) -> Result<Arc<AuditLog>, Failure> {
        match &self.held {
            Some(held) => Ok(Arc::clone(&held.audit)),
            None => Ok(Arc::new(audit::open(self)?)),
        }
    }

    /// How long a question waits for text to be indexed.
    pub(crate) fn text_patience(&self) -> Duration {
        if self.held.is_some() { TEXT_PATIENCE_THERE } else { TEXT_PATIENCE }
    }
}

impl Deref for Data {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
