//! Files into a tenant: read, parse in parallel, apply in batches.
//!
//! One thread reads chunks of whole lines, another has them parsed by all cores, and this one applies the changes in
//! the order of the lines. Everything between them is bounded, so memory does not grow with the files. Where a server holds the
//! data directory, it gets the lines of each batch, reads them once more and applies them.

mod input;
mod lines;
mod rejects;
mod target;
mod writer;

use std::time::Instant;

use serde_json::{Map, Value, json};
use ticketscope_audit::{Action, Decision};
use ticketscope_import::Format;

use self::{
    input::Input,
    rejects::Rejects,
    target::Place,
    writer::{Stop, Told, Writer},
};
use crate::{
    args::{BATCH, ImportArgs, LoadArgs, RUN_AGAIN},
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::Failure,
    operator::Totals,
    output::{Output, counted, grouped},
};

/// What becomes of the lines.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Lines read, but for blank ones.
    lines: u64,
    applied: u64,
    rejected: u64,
}

pub(crate) fn run(data: &Data, args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    take_in(data, args, false, out)
}

/// A whole dump into a tenant that is new or empty.
pub(crate) fn load(data: &Data, args: &LoadArgs, out: &mut Output) -> Result<Exit, Failure> {
    let LoadArgs { tenant, file } = args;
    let import = ImportArgs {
        tenant: tenant.clone(),
        format: Some(Format::ScopeJsonl),
        keep_going: false,
        reject: None,
        batch: BATCH,
        languages: Vec::new(),
        files: vec![file.clone()],
    };
    take_in(data, &import, true, out)
}

/// What a dump ends with, so that nothing of it can be missing.
fn require_whole(ends_with_tickets: bool, args: &ImportArgs) -> Result<(), Failure> {
    if ends_with_tickets {
        return Ok(());
    }
    let message = "the file does not end with the count of its tickets, so that more may be missing of it";
    Err(Failure::new(Exit::Usage, "not_whole", message).hint(format!(
        "it is no whole dump: `ticketscope tenant delete {} --yes` removes what was loaded; `import` takes in any lines",
        args.tenant
    )))
}

fn take_in(data: &Data, args: &ImportArgs, is_dump: bool, out: &mut Output) -> Result<Exit, Failure> {
    let inputs: Vec<Input> = args.files.iter().map(|path| Input::new(path)).collect();
    for input in &inputs {
        input.probe(args.format)?;
    }
    let place = Place::open(data)?;
    let rejects = Rejects::new(args.reject.as_deref(), &inputs)?;
    let asked = data.entry(Action::Import).of_tenant(args.tenant.as_str()).about("files", args.files.len());
    let trail = Trail::begin(data, asked)?;
    let (target, created) = place.begin(&args.tenant, args.languages.clone(), is_dump)?;
    let began = Instant::now();
    let mut writer = Writer::new(target, args.batch as usize, args.keep_going, rejects);
    let outcome = inputs.iter().try_for_each(|input| input.import(args.format, &mut writer));
    let mut told = writer.finish();
    let ends_with_tickets = told.ends_with_tickets;
    let decision = if matches!(outcome, Err(Stop::Failed(_))) { Decision::Failed } else { Decision::Done };
    let opstamp = told.target.opstamp();
    trail.settle(decision, |entry| {
        let kinds: Map<String, Value> = told.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
        let entry = entry.about("applied", told.tally.applied).about("kinds", kinds);
        opstamp.map_or(entry.clone(), |opstamp| entry.at_opstamp(opstamp))
    });
    let seconds = began.elapsed().as_secs_f64();
    let ended = told.target.end();
    let searchable_seconds = began.elapsed().as_secs_f64();
    // What was applied is told in any case, but that nobody reads it must not hide a failure.
    let printed = match told.target.totals() {
        Some(totals) => summary(out, args, totals, created, &told, [seconds, searchable_seconds]),
        None => Ok(()),
    };
    let printed = printed.and_then(|()| Ok(out.flush()?));
    if let Err(Stop::Failed(failure)) = outcome {
        let applied = counted(told.tally.applied, "line");
        return Err(failure.hint(format!("applied before: {applied}; {RUN_AGAIN}")));
    }
    ended?;
    told.rejects?;
    if let Some((file, line)) = told.stopped {
        let message = format!(
            "the import stopped at line {line} of {file}: the lines before it are applied, and nothing after it was \
             imported"
        );
        let hint = format!("mend the line, or skip such lines with --keep-going; {RUN_AGAIN}");
        return Err(Failure::new(Exit::Usage, "rejected", message).hint(hint));
    }
    if is_dump {
        require_whole(ends_with_tickets, args)?;
    }
    printed?;
    Ok(Exit::Done)
}

fn summary(
    out: &mut Output,
    args: &ImportArgs,
    totals: Totals,
    created: bool,
    told: &Told,
    [seconds, searchable_seconds]: [f64; 2],
) -> Result<(), Failure> {
    let Told { tally, stopped, .. } = told;
    let Totals { tickets, principals, opstamp } = totals;
    if out.wants_json() {
        let stopped = stopped.as_ref().map_or(Value::Null, |(file, line)| json!({ "file": file, "line": line }));
        out.json(&json!({
            "lines": tally.lines,
            "applied": tally.applied,
            "rejected": tally.rejected,
            "tickets": tickets,
            "principals": principals,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "searchable_seconds": (searchable_seconds * 1000.0).round() / 1000.0,
            "opstamp": opstamp,
            "stopped_at": stopped,
            "created": created,
        }))?;
        return Ok(());
    }
    out.line(format!(
        "{} read, {} applied, {} rejected in {seconds:.1} s, searchable after {searchable_seconds:.1} s",
        counted(tally.lines, "line"),
        grouped(tally.applied),
        grouped(tally.rejected)
    ))?;
    out.line(format!(
        "tenant `{}`{} has {} and {} at opstamp {}",
        args.tenant,
        if created { ", created by this import," } else { "" },
        counted(tickets, "ticket"),
        counted(principals, "principal"),
        opstamp
    ))?;
    Ok(())
}
