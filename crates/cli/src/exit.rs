use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exit {
    /// It did what was asked.
    Done = 0,
    /// The question was answered "no", or a check failed.
    No = 1,
    /// The command, a query or an input is wrong.
    Usage = 2,
    /// There is no such tenant or principal.
    Missing = 3,
    /// The data is damaged, locked by another process, or cannot be read.
    Data = 4,
    /// What should not happen.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
