//! The audit log: what the commands leave in it, and how it is read and checked.

mod show;
mod trail;
mod verify;

use std::path::Path;

pub(crate) use self::trail::{Trail, asked_as, dir, open, record, record_question, user};
use crate::{args::AuditCommand, exit::Exit, failure::Failure, open, output::Output};

pub(crate) fn run(data: &Path, command: &AuditCommand, out: &mut Output) -> Result<Exit, Failure> {
    // Reads files alone: also while a server has the directory.
    open::require(data)?;
    match command {
        AuditCommand::Show(args) => show::run(data, args, out),
        AuditCommand::Verify { head } => verify::run(data, *head, out),
    }
}
