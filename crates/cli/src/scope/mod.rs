//! What principals may see: checked against vectors, shown, and listed as presets.

mod check;
mod presets;
mod show;

use crate::{args::ScopeCommand, data::Data, exit::Exit, failure::Failure, output::Output};

pub(crate) fn run(data: &Data, command: &ScopeCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        ScopeCommand::Check { vectors } => check::run(vectors, out),
        ScopeCommand::Show { tenant, principal } => show::run(data, tenant, principal, out),
        ScopeCommand::Presets => presets::run(out),
    }
}
