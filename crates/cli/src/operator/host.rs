use std::path::{Path, PathBuf};

use clap::Parser;
use ticketscope_server::{Command, Done, Operator, OperatorKey};

use super::{Answer, Ask, OTHER_VERSION, Subject, imports::Imports, jobs::Jobs};
use crate::{
    args::{self, Cli, TenantCommand},
    data::{Data, Held},
    execute,
    exit::Exit,
    failure::Failure,
    output::Output,
};

/// Runs commands in the process that holds the data directory.
#[derive(Debug)]
pub(crate) struct Host {
    path: PathBuf,
    held: Held,
    imports: Imports,
    jobs: Jobs,
}

impl Host {
    pub(crate) fn new(data: &Data, held: Held) -> Self {
        Self { path: data.to_path_buf(), held, imports: Imports::default(), jobs: Jobs::default() }
    }

    /// The same as a server has it: for whoever shows `key`.
    pub(crate) fn operator(self, key: OperatorKey) -> Operator {
        Operator::new(key, move |command| self.run(command))
    }

    fn run(&self, command: &Command) -> Done {
        let body = &command.body[..];
        let (ask, lines) = match body.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&body[..end], &body[end + 1..]),
            None => (body, &[][..]),
        };
        let mut done = Done::default();
        let answer = self.answer(&command.user, ask, lines, &mut done);
        let answer = answer.unwrap_or_else(Answer::of_failure);
        // Maps of texts and numbers alone: there is nothing that JSON could not say.
        done.body = serde_json::to_vec(&answer).unwrap_or_default();
        done
    }

    fn answer(&self, user: &str, ask: &[u8], lines: &[u8], done: &mut Done) -> Result<Answer, Failure> {
        let ask = serde_json::from_slice(ask).map_err(|error| {
            let failure = Failure::of(Exit::Usage, "usage", &error);
            failure.hint(OTHER_VERSION)
        })?;
        let engine = &self.held.engine;
        match ask {
            Ask::Run { args } => run(&self.path, &self.held, user, args, done),
            Ask::Begin { args } => {
                let (path, held, user) = (self.path.clone(), self.held.clone(), user.to_owned());
                self.jobs.begin(move || {
                    let answer = run(&path, &held, &user, args, &mut Done::default());
                    answer.unwrap_or_else(Answer::of_failure)
                })
            }
            Ask::Wait { job } => self.jobs.wait(job),
            Ask::BeginImport { tenant, languages, only_new } => {
                self.imports.begin(engine, &tenant, &languages, only_new)
            }
            Ask::BeginFile { import, format } => self.imports.begin_file(engine, import, &format),
            Ask::Apply { import, until_refused } => {
                done.tenant = self.imports.tenant(import);
                self.imports.apply(engine, import, until_refused, lines)
            }
            Ask::EndImport { import } => self.imports.end(engine, import),
        }
    }
}

/// Runs a command, and keeps what it prints.
fn run(path: &Path, held: &Held, user: &str, args: Vec<String>, done: &mut Done) -> Result<Answer, Failure> {
    let name = std::iter::once("ticketscope".to_owned());
    let cli = Cli::try_parse_from(name.chain(args))
        .map_err(|error| Failure::new(Exit::Usage, "usage", crate::message_of(&error)).hint(OTHER_VERSION))?;
    let Some(Subject { tenant, principal }) = Subject::of(&cli.command) else {
        let message = "a server that holds the data directory does not run this command";
        return Err(Failure::new(Exit::Data, "locked", message));
    };
    (done.tenant, done.principal) = (tenant, principal);
    let data = Data::in_server(path, held.clone(), user);
    let mut out = Output::kept(cli.json);
    let outcome = execute(&cli.command, &data, &mut out);
    let deletes = matches!(cli.command, args::Command::Tenant { command: TenantCommand::Delete { .. } });
    done.is_deleted = deletes && outcome.is_ok();
    let outcome = match outcome {
        Ok(exit) => Ok(exit),
        Err(Failure::Told(report)) => Err(*report),
        Err(Failure::NobodyReads) => Ok(Exit::Done),
    };
    Ok(Answer::Ran { pieces: out.into_pieces(), outcome })
}
