use std::{collections::VecDeque, path::Path};

use serde_json::{Value, json};
use ticketscope_audit::{Record, records};
use ticketscope_model::Timestamp;

use crate::{
    args::AuditShowArgs,
    exit::Exit,
    failure::Failure,
    output::{Align, Output, Sheet},
};

pub(super) fn run(data: &Path, args: &AuditShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let is_meant = |record: &Record| {
        args.tenant.as_ref().is_none_or(|tenant| record.tenant.as_deref() == Some(tenant.as_str()))
            && args.action.as_ref().is_none_or(|action| record.action == *action)
            && args.since.is_none_or(|since| record.at >= since.0)
    };
    let mut last = VecDeque::new();
    for record in records(&super::dir(data))? {
        match record {
            Ok(record) if is_meant(&record) => {
                if last.len() == args.limit as usize {
                    last.pop_front();
                }
                last.push_back(record);
            }
            Ok(_) => {}
            // The others are still worth reading; `audit verify` judges.
            Err(error) => Output::warn(error.to_string()),
        }
    }
    if out.wants_json() {
        for record in &last {
            out.json(&json!(record))?;
        }
        return Ok(Exit::Done);
    }
    let columns = ["when", "who", "tenant", "action", "decision", "about", "request"];
    let columns = columns.map(|name| (name, Align::Left));
    let mut sheet = Sheet::new(std::iter::once(("number", Align::Right)).chain(columns));
    for record in last {
        let about = record.resource.iter().map(|(name, value)| format!("{name}={}", plain(value)));
        sheet.row([
            record.seq.to_string(),
            Timestamp(record.at).to_string(),
            record.actor.to_string(),
            record.tenant.unwrap_or_default(),
            record.action,
            record.decision,
            about.collect::<Vec<_>>().join(" "),
            record.request.unwrap_or_default(),
        ]);
    }
    out.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
