//! Files into a tenant: read, parse in parallel, apply in batches.
//!
//! One thread reads chunks of whole lines, another has them parsed by all cores, and this one applies the changes in
//! the order of the lines. Everything between them is bounded, so memory does not grow with the files.

mod input;
mod lines;
mod rejects;
mod writer;

use std::{path::Path, time::Instant};

use serde_json::{Map, Value, json};
use ticketscope_audit::{Action, Decision};
use ticketscope_engine::Tenant;
use ticketscope_model::{Change, Fact, SchemaDecl};

use self::{
    input::Input,
    rejects::Rejects,
    writer::{Stop, Told, Writer},
};
use crate::{
    args::{ImportArgs, RUN_AGAIN},
    audit::{Trail, entry},
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
    let engine = open::data_dir(data)?;
    let rejects = Rejects::new(args.reject.as_deref(), &inputs)?;
    let asked = entry(Action::Import).of_tenant(args.tenant.as_str()).about("files", args.files.len());
    let trail = Trail::begin(data, asked)?;
    let created = !engine.has_tenant(&args.tenant);
    let tenant = engine.tenant_or_create(&args.tenant)?;
    if !args.languages.is_empty() {
        let languages = args.languages.iter().map(|code| code.as_str().into()).collect();
        tenant.submit(vec![Change::state(Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() }))])?;
    }
    let began = Instant::now();
    let mut writer = Writer::new(&tenant, args.batch as usize, args.keep_going, rejects);
    let outcome = inputs.iter().try_for_each(|input| input.import(&tenant, args.format, &mut writer));
    let told = writer.finish();
    let decision = if matches!(outcome, Err(Stop::Failed(_))) { Decision::Failed } else { Decision::Done };
    let opstamp = tenant.snapshot().opstamp().0;
    trail.settle(decision, |entry| {
        let kinds: Map<String, Value> = told.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
        entry.about("applied", told.tally.applied).about("kinds", kinds).at_opstamp(opstamp)
    });
    let seconds = began.elapsed().as_secs_f64();
    // Closing brings the text index up to date.
    let closed = engine.close();
    let searchable_seconds = began.elapsed().as_secs_f64();
    // What was applied is told in any case, but that nobody reads it must not hide a failure.
    let printed =
        summary(out, args, &tenant, created, &told, [seconds, searchable_seconds]).and_then(|()| Ok(out.flush()?));
    if let Err(Stop::Failed(failure)) = outcome {
        let applied = counted(told.tally.applied, "line");
        return Err(failure.hint(format!("applied before: {applied}; {RUN_AGAIN}")));
    }
    closed?;
    told.rejects?;
    if let Some((file, line)) = told.stopped {
        let message = format!(
            "the import stopped at line {line} of {file}: the lines before it are applied, and nothing after it was \
             imported"
        );
        let hint = format!("mend the line, or skip such lines with --keep-going; {RUN_AGAIN}");
        return Err(Failure::new(Exit::Usage, "rejected", message).hint(hint));
    }
    printed?;
    Ok(Exit::Done)
}

fn summary(
    out: &mut Output,
    args: &ImportArgs,
    tenant: &Tenant,
    created: bool,
    told: &Told,
    [seconds, searchable_seconds]: [f64; 2],
) -> Result<(), Failure> {
    let Told { tally, stopped, .. } = told;
    let snapshot = tenant.snapshot();
    let tickets = u64::from(snapshot.index().universe().len());
    let principals = snapshot.directory().counts().principals as u64;
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
            "opstamp": snapshot.opstamp().0,
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
        snapshot.opstamp()
    ))?;
    Ok(())
}
