use std::time::Instant;

use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_engine::storage::{BackedUp, Backup};

use crate::{
    args::RestoreArgs,
    audit::Trail,
    backup, canary,
    data::Data,
    exit::Exit,
    failure::{Failure, chain},
    open,
    output::{Output, counted},
};

pub(crate) fn run(data: &Data, args: &RestoreArgs, out: &mut Output) -> Result<Exit, Failure> {
    let source = Backup::open(&args.from)?;
    let wanted: Vec<&BackedUp> = match &args.tenant {
        Some(tenant) => vec![source.find(tenant)?],
        None => source.manifest().tenants.iter().collect(),
    };
    if args.rename.is_some() && wanted.len() != 1 {
        let message = format!("the backup holds {}, and one name is given", counted(wanted.len() as u64, "tenant"));
        return Err(Failure::new(Exit::Usage, "one_name", message).hint("name the one to restore with --tenant"));
    }
    let engine = open::data_dir(data)?;
    // Before anything is restored: all of them, or none for a reason that is known now.
    for backed_up in &wanted {
        let id = args.rename.as_ref().unwrap_or(&backed_up.tenant);
        if engine.has_tenant(id) {
            let message = format!("tenant `{id}` exists already");
            return Err(Failure::new(Exit::Usage, "tenant_exists", message).hint(
                "nothing is ever restored over a tenant: give it another name with --rename, or delete that one first",
            ));
        }
    }
    let began = Instant::now();
    let mut restored = Vec::new();
    for backed_up in wanted {
        let id = args.rename.as_ref().unwrap_or(&backed_up.tenant);
        let entry = data.entry(Action::Restore).of_tenant(id.as_str()).about("from", args.from.display().to_string());
        let trail = Trail::begin(data, entry)?;
        let tenant = engine.restore(&source, backed_up, id).map_err(Failure::from);
        let tenant = trail.end(tenant, |entry, tenant| entry.at_opstamp(tenant.opstamp.0))?;
        if let Err(error) = canary::know_copies(data, &*open::tenant_of(&engine, id)?) {
            let why = chain(&error);
            out.note(format!("canaries that were in the backup are not known as those of tenant `{id}`: {why}"));
        }
        if !out.wants_json() {
            out.line(backup::told(backed_up))?;
            out.line(format!("  restored as `{id}` with {}, and verified", counted(tenant.tickets, "ticket")))?;
        }
        restored.push(tenant);
    }
    let seconds = began.elapsed().as_secs_f64();
    engine.close()?;
    if out.wants_json() {
        let tenant = |of: &ticketscope_engine::RestoredTenant| json!({ "tenant": of.id.as_str(), "opstamp": of.opstamp.0, "tickets": of.tickets });
        out.json(&json!({
            "backup": args.from.display().to_string(),
            "made_at": source.manifest().made_at.to_string(),
            "tenants": restored.iter().map(tenant).collect::<Vec<_>>(),
            "seconds": (seconds * 1000.0).round() / 1000.0,
        }))?;
    } else {
        out.line(format!(
            "{} of {} in {seconds:.1} s",
            counted(restored.len() as u64, "tenant"),
            source.manifest().made_at
        ))?;
    }
    Ok(Exit::Done)
}
