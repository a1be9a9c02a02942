//! Files into a tenant: read, parse in parallel, apply in batches.
//!
//! One thread reads chunks of whole lines, another has them parsed by all cores, and this one applies the changes in
//! the order of the lines. Everything between them is bounded, so memory does not grow with the files.

mod input;
mod lines;
mod rejects;
mod writer;

use std::{path::Path, time::Instant};

use serde_json::{Value, json};
use ticketscope_engine::Tenant;

use self::{input::Input, rejects::Rejects, writer::Writer};
use crate::{
    args::ImportArgs,
    exit::Exit,
    failure::Failure,
    open,
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

pub(crate) fn run(data: &Path, args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let inputs: Vec<Input> = args.files.iter().map(|path| Input::new(path)).collect();
    for input in &inputs {
        input.probe(args.format)?;
    }
    let rejects = Rejects::new(args.reject.as_deref(), &inputs)?;
    let engine = open::data_dir(data)?;
    let tenant = engine.tenant_or_create(&args.tenant)?;
    let began = Instant::now();
    let mut writer = Writer::new(&tenant, args.batch as usize, args.keep_going, rejects);
    let outcome = inputs.iter().try_for_each(|input| input.import(&tenant, args.format, &mut writer));
    let told = writer.finish();
    let seconds = began.elapsed().as_secs_f64();
    let closed = engine.close();
    let tally = told.tally;
    let stopped = told.stopped.as_ref();
    summary(out, args, &tenant, tally, stopped, seconds)?;
    out.flush()?;
    match outcome {
        Err(writer::Stop::Failed(failure)) => {
            let applied = counted(tally.applied, "line");
            return Err(failure.hint(format!("{applied} were applied before; run again: lines already applied do no harm")));
        }
        Err(writer::Stop::Rejected) | Ok(()) => closed?,
    }
    told.rejects?;
    match stopped {
        Some((file, line)) => {
            let message = format!(
                "the import stopped at line {line} of {file}: the lines before it are applied, and nothing after it was \
                 imported"
            );
            let hint = "mend the line and run again: lines already applied do no harm; or skip such lines with --keep-going";
            Err(Failure::new(Exit::Usage, "rejected", message).hint(hint))
        }
        None => Ok(Exit::Done),
    }
}

fn summary(
    out: &mut Output,
    args: &ImportArgs,
    tenant: &Tenant,
    tally: Tally,
    stopped: Option<&(String, u64)>,
    seconds: f64,
) -> Result<(), Failure> {
    let snapshot = tenant.snapshot();
    let tickets = u64::from(snapshot.index().universe().len());
    let principals = snapshot.directory().counts().principals as u64;
    if out.wants_json() {
        let stopped = stopped.map_or(Value::Null, |(file, line)| json!({ "file": file, "line": line }));
        out.json(&json!({
            "lines": tally.lines,
            "applied": tally.applied,
            "rejected": tally.rejected,
            "tickets": tickets,
            "principals": principals,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "opstamp": snapshot.opstamp().0,
            "stopped_at": stopped,
        }))?;
        return Ok(());
    }
    out.line(format!(
        "{} read, {} applied, {} rejected in {seconds:.1} s",
        counted(tally.lines, "line"),
        grouped(tally.applied),
        grouped(tally.rejected)
    ))?;
    out.line(format!(
        "tenant `{}` has {} and {} at opstamp {}",
        args.tenant,
        counted(tickets, "ticket"),
        counted(principals, "principal"),
        snapshot.opstamp()
    ))?;
    Ok(())
}
