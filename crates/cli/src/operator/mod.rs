//! Commands whose data directory a server holds: found by its file, run in its process, printed in ours.
//!
//! One process at a time has a data directory open. A server tells commands where it is by a file beside the data
//! ([`Announced`]); a command that finds the directory locked looks for that file, has whoever answers there prove that it
//! knows the secret of the file ([`Remote`]), and sends its arguments. The server runs them by the same code ([`Host`]),
//! and sends back what is to be printed. An import reads its files here and sends the lines, batch by batch.

mod announced;
mod host;
mod imports;
mod jobs;
mod remote;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use ticketscope_engine::{Refusal, storage::TenantId};

pub(crate) use self::{
    announced::{Announced, file},
    host::Host,
    imports::{declare_languages, require_empty},
    remote::{Remote, misunderstood},
};
use crate::{
    args::{AskerArgs, CanaryCommand, Command, ScopeCommand, TenantCommand},
    data::Data,
    exit::Exit,
    failure::{Failure, Report},
    output::{Output, Piece},
};

/// What to do where the two do not understand each other.
const OTHER_VERSION: &str =
    "the server that holds the data directory may be of another version: stop it, or use its own";

/// What a command asks the server that holds the data directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// To run a command.
    Run {
        /// As they stand after the name of the program.
        args: Vec<String>,
    },
    /// To begin a command that may take long.
    Begin {
        /// As they stand after the name of the program.
        args: Vec<String>,
    },
    /// To say how it ended, or that it goes on: then the question is asked again.
    Wait { job: u64 },
    /// To begin an import into a tenant, which is made if there is none.
    BeginImport {
        tenant: String,
        /// Those of the tenant's people; none to leave them as they are.
        languages: Vec<String>,
        /// Whether the tenant must be new or empty.
        only_new: bool,
    },
    /// To take the lines that follow as those of a file of this format.
    BeginFile { import: u64, format: String },
    /// To apply the lines that follow the question, each of which states a change.
    Apply {
        import: u64,
        /// Whether nothing after the first refused line is wanted.
        until_refused: bool,
    },
    /// To end an import as soon as its words are found, or to say that they are not yet: then the question is asked again.
    EndImport { import: u64 },
}

/// What the server answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The command was run.
    Ran { pieces: Vec<Piece>, outcome: Result<Exit, Report> },
    /// A command has begun.
    Begun { job: u64 },
    /// It goes on.
    Running,
    /// The import has begun.
    ImportBegun { import: u64, created: bool },
    /// The names of the fields that hold many values.
    FileBegun { many: Vec<String> },
    /// The lines are applied, durable and in force, but for those that are refused.
    Applied { opstamp: u64, refused: Vec<Refused> },
    /// The import has ended, or not yet.
    ImportEnded { is_searchable: bool, totals: Totals },
    /// It cannot be done.
    Failed { report: Report },
}

impl Answer {
    /// That of a command that cannot be run.
    fn of_failure(failure: Failure) -> Self {
        match failure {
            Failure::Told(report) => Self::Failed { report: *report },
            Failure::NobodyReads => Self::Ran { pieces: Vec::new(), outcome: Ok(Exit::Done) },
        }
    }
}

/// A line that was refused.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// Its place among the lines, from 0.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// The same for programs.
    pub(crate) code: Cow<'static, str>,
}

impl From<(usize, Refusal)> for Refused {
    fn from((at, refusal): (usize, Refusal)) -> Self {
        Self { at, message: refusal.to_string(), code: refusal.code().into() }
    }
}

/// What a tenant has after an import.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) tickets: u64,
    pub(crate) principals: u64,
    pub(crate) opstamp: u64,
}

/// Whose answer a command gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Subject {
    /// The tenant; nothing if it is about none.
    tenant: Option<TenantId>,
    /// In whose scope; nothing for nobody's.
    principal: Option<String>,
}

impl Subject {
    /// That of a command which a server runs; nothing of the others, which need the directory to themselves, only files of
    /// it, or none.
    fn of(command: &Command) -> Option<Self> {
        let scoped = |tenant: &TenantId, asker: &AskerArgs| Self {
            tenant: Some(tenant.clone()),
            principal: asker.principal.clone(),
        };
        let of = |tenant: &TenantId| Self { tenant: Some(tenant.clone()), principal: None };
        Some(match command {
            Command::Count(args) => scoped(&args.ask.tenant, &args.ask.asker),
            Command::Search(args) => scoped(&args.ask.tenant, &args.ask.asker),
            Command::Facets(args) => scoped(&args.ask.tenant, &args.ask.asker),
            Command::Fields(args) => scoped(&args.tenant, &args.asker),
            Command::Suggest(args) => scoped(&args.tenant, &args.asker),
            Command::Why(args) => of(&args.tenant),
            Command::Who(args) => of(&args.tenant),
            Command::Stats(args) => of(&args.tenant),
            Command::Scope { command: ScopeCommand::Show { tenant, .. } } => of(tenant),
            Command::Dump(args) => of(&args.tenant),
            Command::Backup(args) => Self { tenant: args.tenants.tenant.clone(), principal: None },
            Command::Restore(args) => Self { tenant: args.tenant.clone(), principal: None },
            Command::Doctor(args) => Self { tenant: args.tenant.clone(), principal: None },
            Command::Tenant { command: TenantCommand::List } => Self::default(),
            Command::Tenant { command: TenantCommand::Create { tenant } | TenantCommand::Delete { tenant, .. } }
            | Command::Canary { command: CanaryCommand::Plant { tenant, .. } | CanaryCommand::Remove { tenant } } => {
                of(tenant)
            }
            _ => return None,
        })
    }
}

/// Runs a command in the server that has the data directory; `locked` is why it cannot be run here.
pub(crate) fn run_there(command: &Command, data: &Data, locked: Failure, out: &mut Output) -> Result<Exit, Failure> {
    if Subject::of(command).is_none() {
        return Err(locked);
    }
    if let Some(long) = long(command, out.wants_json()) {
        let remote = Remote::find(data, locked)?;
        let Answer::Begun { job } = remote.ask(&Ask::Begin { args: long? }, &[])? else {
            return Err(misunderstood());
        };
        return loop {
            match remote.ask(&Ask::Wait { job }, &[])? {
                Answer::Running => {}
                Answer::Ran { pieces, outcome } => break print(pieces, outcome, out),
                _ => break Err(misunderstood()),
            }
        };
    }
    // The server reads them once more: what is no text it could not.
    let args = std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect::<Result<Vec<_>, _>>();
    let Ok(args) = args else { return Err(locked) };
    let Answer::Ran { pieces, outcome } = Remote::find(data, locked)?.ask(&Ask::Run { args }, &[])? else {
        return Err(misunderstood());
    };
    print(pieces, outcome, out)
}

fn print(pieces: Vec<Piece>, outcome: Result<Exit, Report>, out: &mut Output) -> Result<Exit, Failure> {
    for piece in pieces {
        out.piece(piece)?;
    }
    Ok(outcome?)
}

/// The arguments of a command that may take longer than a request may, as the server can read them: its current directory
/// is another. Nothing of other commands.
fn long(command: &Command, json: bool) -> Option<Result<Vec<String>, Failure>> {
    let mut args: Vec<&str> = if json { vec!["--json"] } else { Vec::new() };
    let (path, is_before) = match command {
        Command::Backup(of) => {
            args.push("backup");
            match &of.tenants.tenant {
                Some(tenant) => args.extend(["--tenant", tenant.as_str()]),
                None => args.push("--all"),
            }
            (&of.to, "--")
        }
        Command::Restore(of) => {
            args.push("restore");
            args.extend(of.tenant.iter().flat_map(|tenant| ["--tenant", tenant.as_str()]));
            args.extend(of.rename.iter().flat_map(|name| ["--rename", name.as_str()]));
            (&of.from, "--")
        }
        Command::Dump(of) => {
            args.extend(["dump", "--tenant", of.tenant.as_str()]);
            args.extend(of.keep_going.then_some("--keep-going"));
            (of.out.as_ref()?, "--out")
        }
        _ => return None,
    };
    let mut args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    args.push(is_before.to_owned());
    let absolute = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    Some(if let Some(path) = absolute {
        args.push(path);
        Ok(args)
    } else {
        let message = format!("{} is no path that a server can be told", path.display());
        Err(Failure::new(Exit::Usage, "path", message))
    })
}
