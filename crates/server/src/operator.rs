use std::{fmt, sync::Arc};

use bytes::Bytes;
use ticketscope_engine::storage::TenantId;

use crate::auth::OperatorKey;

/// The longest command that is taken, in bytes: the batch of an import and its longest line.
pub const MAX_COMMAND_BYTES: usize = 128 << 20;

/// What an operator of this machine has run in the process that holds the data directory, since no other can.
///
/// What a command says and how it is answered is between those who send it and `run`; the server knows who sends it, and
/// what it may show. Whatever has to be recorded of it, `run` records.
#[derive(Clone)]
pub struct Operator {
    key: OperatorKey,
    run: Arc<dyn Fn(&Command) -> Done + Send + Sync>,
    end: Arc<dyn Fn() + Send + Sync>,
}

/// A command.
#[derive(Debug, Clone)]
pub struct Command {
    /// The user of the system who runs it, as the command says.
    pub user: String,
    /// What is to be done.
    pub body: Bytes,
}

/// A command that was run, well or not.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The tenant that it was about.
    pub tenant: Option<TenantId>,
    /// The principal in whose scope it was answered; nothing for everybody's.
    pub principal: Option<String>,
    /// Whether it deleted the tenant.
    pub is_deleted: bool,
    /// What is answered.
    pub body: Vec<u8>,
}

impl Operator {
    /// Has the commands of whoever shows `key` run by `run`, on threads that may block for a minute.
    pub fn new(key: OperatorKey, run: impl Fn(&Command) -> Done + Send + Sync + 'static) -> Self {
        Self { key, run: Arc::new(run), end: Arc::new(|| ()) }
    }

    /// Has `end` called once a server is told to stop: it tells what outlives the commands that began it to end too, and
    /// returns when it has. It may block.
    #[must_use]
    pub fn ended_by(self, end: impl Fn() + Send + Sync + 'static) -> Self {
        Self { end: Arc::new(end), ..self }
    }

    /// What its commands show.
    pub fn key(&self) -> &OperatorKey {
        &self.key
    }

    pub(crate) fn run(&self, command: &Command) -> Done {
        (self.run)(command)
    }

    pub(crate) fn end(&self) {
        (self.end)();
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operator")
    }
}
