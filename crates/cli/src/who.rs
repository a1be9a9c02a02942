use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_query::{Viewers, who};

use crate::{
    args::WhoArgs,
    audit::record,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, counted},
};

pub(crate) fn run(data: &Data, args: &WhoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let snapshot = open::tenant(data, &args.tenant)?.snapshot();
    record(data, data.entry(Action::Who).of_tenant(args.tenant.as_str()).about("ticket", args.ticket.to_string()))?;
    let viewers = who(&snapshot, &args.ticket, args.after.as_deref(), args.limit as usize);
    let exit = if viewers.is_some() { Exit::Done } else { Exit::No };
    let Viewers { count, principals, more } =
        viewers.clone().unwrap_or(Viewers { count: 0, principals: Vec::new(), more: false });
    let next = principals.last().filter(|_| more);
    if out.wants_json() {
        out.json(&json!({ "count": count, "principals": principals, "next": next }))?;
        return Ok(exit);
    }
    if viewers.is_none() {
        out.line(format!("there is no ticket {}", args.ticket))?;
        return Ok(exit);
    }
    let mut sheet = Sheet::new(["principal", "role", "name"].map(|name| (name, Align::Left)));
    for id in &principals {
        let fact = snapshot.directory().principal(id);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let role = text(fact.and_then(|fact| fact.role.as_deref()));
        sheet.row([id.clone(), role, text(fact.and_then(|fact| fact.name.as_deref()))]);
    }
    out.sheet(&sheet)?;
    out.line(format!("{} see ticket {}", counted(count as u64, "principal"), args.ticket))?;
    if let Some(next) = next {
        out.line(format!("next page: --after {next}"))?;
    }
    Ok(exit)
}
