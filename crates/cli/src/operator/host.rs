use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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
        let host = Arc::new(self);
        let ended = Arc::clone(&host);
        Operator::new(key, move |command| host.run(command)).ended_by(move || ended.end())
    }

    /// Ends the commands that take long, and waits until nothing is left of what they were writing.
    fn end(&self) {
        self.held.engine.interrupt();
        self.jobs.end();
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

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;
    use ticketscope_audit::AuditLog;
    use ticketscope_engine::{Engine, storage::TenantId};

    use super::*;

    /// What a host answers, as the wire has it.
    fn asked(host: &Host, ask: &Ask) -> Value {
        let body = serde_json::to_vec(ask).unwrap();
        let done = host.run(&Command { user: "ana".to_owned(), body: body.into() });
        serde_json::from_slice(&done.body).unwrap()
    }

    #[test]
    fn when_the_server_ends_no_copy_is_made_any_more_and_nothing_is_left_of_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let engine = Arc::new(Engine::open(&path).unwrap());
        engine.create_tenant(&TenantId::parse("acme").unwrap()).unwrap();
        let audit = Arc::new(AuditLog::open(path.join("audit"), 0).unwrap());
        let host = Host::new(&Data::new(&path), Held { engine, audit });
        let to = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let begun = asked(&host, &Ask::Begin { args: args(&["backup", "--all", &to("before")]) });
        let job = begun["job"].as_u64().unwrap();
        // What goes on is waited for, and told to end as well.
        host.end();
        let ended = asked(&host, &Ask::Wait { job });
        assert_eq!(ended["answer"], "ran", "{ended}");
        let is_there = fs::exists(dir.path().join("before")).unwrap();
        assert_eq!(ended["outcome"].get("Ok").is_some(), is_there, "{ended}");

        let begun = asked(&host, &Ask::Begin { args: args(&["backup", "--all", &to("after")]) });
        assert_eq!(begun["report"]["kind"], "interrupted", "{begun}");
        for command in [
            args(&["backup", "--all", &to("after")]),
            args(&["dump", "--tenant", "acme", "--out", &to("after.jsonl.zst")]),
        ] {
            let ran = asked(&host, &Ask::Run { args: command });
            assert_eq!(ran["outcome"]["Err"]["kind"], "interrupted", "{ran}");
            assert!(
                ran["outcome"]["Err"]["message"].as_str().is_some_and(|told| told.contains("interrupted")),
                "{ran}"
            );
        }
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.retain(|name| name != "before");
        assert_eq!(left, ["data"]);
    }
}
