//! A tenant as scope-jsonl lines.

mod file;

use std::{
    io::{self, Write},
    time::Instant,
};

use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_engine::{RecoverError, View};
use ticketscope_import::{Chunks, Format, Parser, WriteError, write_change};
use ticketscope_model::{Change, Fact};

use self::file::{DumpFile, Sink};
use crate::{
    args::DumpArgs,
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::{Failure, INTERRUPTED},
    open,
    output::{Output, bytes, counted},
};

/// Facts that are left out and named; the others are counted.
const NAMED: usize = 50;

/// Why a dump broke off.
#[derive(Debug)]
enum Broken {
    Read(RecoverError),
    Write(io::Error),
    /// A fact that no line can say, where all are wanted.
    Inexpressible(String),
    /// The server that writes it ends.
    Interrupted,
}

impl From<RecoverError> for Broken {
    fn from(error: RecoverError) -> Self {
        Self::Read(error)
    }
}

/// What was written.
#[derive(Debug, Default)]
struct Written {
    lines: u64,
    bytes: u64,
    /// What no line can say: in number, and the first of it in words.
    omitted: u64,
    named: Vec<String>,
}

pub(crate) fn run(data: &Data, args: &DumpArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.out.is_none() && data.held().is_some() {
        let message = "a server holds the data directory, which writes a dump to a file only";
        return Err(Failure::new(Exit::Usage, "no_file", message).hint("name one with --out FILE"));
    }
    let tenant = open::tenant(data, &args.tenant)?;
    let is_interrupted = || data.held().is_some_and(|held| held.engine.is_interrupted());
    let trail = Trail::begin(data, data.entry(Action::Dump).of_tenant(args.tenant.as_str()))?;
    let began = Instant::now();
    let written =
        tenant.view().map_err(|error| Failure::from(RecoverError::from(error))).and_then(|view| match &args.out {
            Some(path) => {
                let mut file = DumpFile::create(path)?;
                let written =
                    write(&view, &mut file, args.keep_going, is_interrupted).map_err(|broken| failed(broken, args))?;
                file.finish()?;
                Ok(written)
            }
            None => write(&view, &mut Sink::stdout(), args.keep_going, is_interrupted)
                .map_err(|broken| failed(broken, args)),
        });
    let written = trail.end(written, |entry, written| entry.about("lines", written.lines))?;
    let seconds = began.elapsed().as_secs_f64();
    for fact in &written.named {
        Output::warn(format!("left out: {fact}"));
    }
    if written.omitted > 0 {
        let facts = counted(written.omitted, "fact");
        Output::warn(format!(
            "{facts} cannot be said in scope-jsonl and are left out, and with them the lines by which \
                              `load` knows a whole dump: use `import`, or a backup, which holds everything"
        ));
    }
    if let Some(path) = &args.out {
        if out.wants_json() {
            out.json(&json!({
                "dump": path.display().to_string(),
                "tenant": args.tenant.as_str(),
                "lines": written.lines,
                "bytes": written.bytes,
                "omitted": written.omitted,
                "seconds": (seconds * 1000.0).round() / 1000.0,
            }))?;
        } else {
            let (lines, bytes) = (counted(written.lines, "line"), bytes(written.bytes));
            out.line(format!("{}: {lines}, {bytes} of text, in {seconds:.1} s", path.display()))?;
        }
    }
    Ok(if written.omitted == 0 { Exit::Done } else { Exit::No })
}

/// Writes every statement as a line that reads back as the same statement.
fn write(
    view: &View,
    out: &mut dyn Write,
    keep_going: bool,
    is_interrupted: impl Fn() -> bool,
) -> Result<Written, Broken> {
    let mut written = Written::default();
    let mut line = Vec::new();
    view.statements(|change| {
        if is_interrupted() {
            return Err(Broken::Interrupted);
        }
        // A listing that lacks something would be closed over it.
        if written.omitted > 0 && matches!(change.fact, Fact::Complete(_)) {
            return Ok(());
        }
        line.clear();
        if let Err(why) = say(&change, &mut line) {
            let fact = format!("{} ({why})", named(&change));
            if !keep_going {
                return Err(Broken::Inexpressible(fact));
            }
            written.omitted += 1;
            if written.named.len() < NAMED {
                written.named.push(fact);
            }
            return Ok(());
        }
        written.lines += 1;
        written.bytes += line.len() as u64;
        out.write_all(&line).map_err(Broken::Write)
    })?;
    out.flush().map_err(Broken::Write)?;
    Ok(written)
}

/// Writes the line of a change, unless it is not what a reader would make of it.
fn say(change: &Change, line: &mut Vec<u8>) -> Result<(), String> {
    write_change(change, line).map_err(|error| match error {
        WriteError::Inexpressible(what) => what.to_owned(),
        WriteError::Write(error) => error.to_string(),
    })?;
    let parser = Parser::new(Format::ScopeJsonl, &|_| false);
    let mut read = Vec::new();
    for chunk in Chunks::new(&line[..]).map_err(|error| error.to_string())? {
        read.extend(parser.lines(&chunk.map_err(|error| error.to_string())?));
    }
    match &read[..] {
        [only] => match &only.change {
            Ok(read) if read == change => Ok(()),
            Ok(_) => Err("it would be read as something else".to_owned()),
            Err(error) => Err(error.problem.to_string()),
        },
        _ => Err("it is more than a line".to_owned()),
    }
}

/// What a change is about, in few words.
fn named(change: &Change) -> String {
    match &change.fact {
        Fact::Ticket(patch) => format!("fields of ticket {}", patch.key),
        Fact::Text { ticket, part } => format!("part `{}` of ticket {ticket}", part.part),
        Fact::Role(role) => format!("role `{}`", role.id),
        Fact::Principal(principal) => format!("principal `{}`", principal.id),
        Fact::Value(value) => format!("{} `{}`", value.field, value.id),
        fact => format!("a fact of kind {}", fact.kind()),
    }
}

fn failed(broken: Broken, args: &DumpArgs) -> Failure {
    match broken {
        Broken::Read(error) => error.into(),
        Broken::Write(error) if args.out.is_none() => error.into(),
        Broken::Write(error) => Failure::new(Exit::Data, "file", "cannot write the dump").caused_by(Some(&error)),
        Broken::Interrupted => {
            let message = "the dump was interrupted, and nothing is left of it; begin it again";
            Failure::new(Exit::Data, INTERRUPTED, message)
        }
        Broken::Inexpressible(fact) => {
            let message = format!("this cannot be said in scope-jsonl: {fact}");
            Failure::new(Exit::No, "inexpressible", message)
                .hint("leave such facts out with --keep-going, or make a backup, which holds everything")
        }
    }
}
