//! The command line: the binary `ticketscope`.
//!
//! It parses arguments, opens the data directory, asks the engine and prints. It decides nothing about tickets and
//! holds no logic that another program would need: that is in the crates below.
//!
//! If a server holds the data directory, a command is run there: [`operator`] finds the server and asks it. It is the same
//! code that runs, and this process prints what it says.
//!
//! Answers go to stdout, as tables for people or, with `--json`, as one JSON value a command. Everything else, errors
//! and progress, goes to stderr. What the exit codes mean is in [`exit::Exit`].

#![forbid(unsafe_code)]

mod args;
mod ask;
mod audit;
mod backup;
mod bench;
mod canary;
mod count;
mod data;
mod demo;
mod doctor;
mod dump;
mod exit;
mod facets;
mod failure;
mod fields;
mod import;
mod key;
mod lock_holder;
mod open;
mod operator;
mod output;
mod panics;
mod restore;
mod scope;
mod search;
mod serve;
mod sign_out;
mod signing_key;
mod snippet;
mod stats;
mod suggest;
mod tenant;
mod ticket_json;
mod verify;
mod who;
mod why;

use std::{panic::AssertUnwindSafe, process::ExitCode};

use clap::{
    CommandFactory, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    args::{Cli, Command},
    data::Data,
    exit::Exit,
    failure::Failure,
    output::Output,
};

/// Advice to whoever wrote a query where the program reads options.
const QUERY_HINT: &str = "a query that begins with - goes after --";

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(error).into(),
    };
    panics::keep();
    let json = cli.json;
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(&cli)));
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => failure.print(json).into(),
        Err(_) => panicked().print(json).into(),
    }
}

/// Tells what is wrong with the arguments, or prints the help or version that they ask for.
fn unparsed(mut error: clap::Error) -> Exit {
    let asks_json = std::env::args_os().any(|arg| arg == "--json");
    let is_query = is_query(&error);
    if error.use_stderr() && asks_json {
        let message = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            "a subcommand is missing; --help lists them".to_owned()
        } else {
            message_of(&error)
        };
        let failure = Failure::new(Exit::Usage, "usage", message);
        return if is_query { failure.hint(QUERY_HINT) } else { failure }.print(true);
    }
    if is_query {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![QUERY_HINT.into()]));
    }
    // Nobody is left to tell if printing fails.
    drop(error.print());
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// The message in one line: what is missing is named in lines of its own, and tips and the usage follow a blank one.
fn message_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let told = text.strip_prefix("error: ").unwrap_or(&text).lines().map(str::trim);
    told.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether the argument that nothing expects may be meant as a query, like `-tags:spam`.
fn is_query(error: &clap::Error) -> bool {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return false };
    if error.kind() != ErrorKind::UnknownArgument || argument.starts_with("--") {
        return false;
    }
    let parsed = Cli::command().ignore_errors(true).try_get_matches();
    parsed.is_ok_and(|matches| matches!(matches.subcommand_name(), Some("count" | "search" | "facets")))
}

fn panicked() -> Failure {
    Failure::new(Exit::Internal, "panic", format!("this is a fault of the program: {}", panics::last()))
        .hint("please report it with the command and this message; what was acknowledged is safe")
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    let data = Data::new(&cli.data);
    let mut out = Output::new(cli.json);
    let exit = match execute(&cli.command, &data, &mut out) {
        Err(failure) if failure.is_locked() => operator::run_there(&cli.command, &data, failure, &mut out)?,
        outcome => outcome?,
    };
    out.flush()?;
    Ok(exit)
}

/// Runs a command in this process.
fn execute(command: &Command, data: &Data, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Import(args) => import::run(data, args, out),
        Command::Count(args) => count::run(data, args, out),
        Command::Search(args) => search::run(data, args, out),
        Command::Facets(args) => facets::run(data, args, out),
        Command::Fields(args) => fields::run(data, args, out),
        Command::Suggest(args) => suggest::run(data, args, out),
        Command::Backup(args) => backup::run(data, args, out),
        Command::Restore(args) => restore::run(data, args, out),
        Command::Dump(args) => dump::run(data, args, out),
        Command::Load(args) => import::load(data, args, out),
        Command::Doctor(args) => doctor::run(data, args, out),
        Command::Serve(args) => serve::run(data, args, out),
        Command::Key { command } => key::run(data, command, out),
        Command::SigningKey(args) => signing_key::run(data, args, out),
        Command::SignOut(args) => sign_out::run(data, args, out),
        Command::Demo(args) => demo::run(data, args, out),
        Command::Why(args) => why::run(data, args, out),
        Command::Who(args) => who::run(data, args, out),
        Command::Scope { command } => scope::run(data, command, out),
        Command::Stats(args) => stats::run(data, args, out),
        Command::Tenant { command } => tenant::run(data, command, out),
        Command::Verify(args) => verify::run(data, args, out),
        Command::Bench(args) => bench::run(data, args, out),
        Command::Audit { command } => audit::run(data, command, out),
        Command::Canary { command } => canary::run(data, command, out),
    }
}
