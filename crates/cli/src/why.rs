use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_query::{
    scope::{Reason, VIEW},
    why,
};

use crate::{args::WhyArgs, ask, audit::record, data::Data, exit::Exit, failure::Failure, open, output::Output};

pub(crate) fn run(data: &Data, args: &WhyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let snapshot = open::tenant(data, &args.tenant)?.snapshot();
    let asked = data.entry(Action::Why).of_tenant(args.tenant.as_str());
    record(data, asked.about("principal", args.principal.as_str()).about("ticket", args.ticket.to_string()))?;
    let reason = why(&snapshot, &args.principal, VIEW, &args.ticket)
        .map_err(|error| ask::unknown(snapshot.directory(), &args.principal, error.into()))?
        .unwrap_or_else(|| Reason { visible: false, text: "no such ticket".to_owned(), steps: Vec::new() });
    if out.wants_json() {
        let steps: Value = reason
            .steps
            .iter()
            .map(|step| json!({ "expr": step.expr, "holds": step.holds, "found": step.found }))
            .collect();
        out.json(&json!({ "visible": reason.visible, "reason": reason.text, "steps": steps }))?;
    } else {
        out.line(format!("{}: {}", if reason.visible { "visible" } else { "not visible" }, reason.text))?;
    }
    Ok(if reason.visible { Exit::Done } else { Exit::No })
}
