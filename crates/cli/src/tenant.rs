use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_canary::Canaries;
use ticketscope_engine::storage::TenantId;

use crate::{
    args::TenantCommand,
    audit::{Trail, record},
    canary,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::Output,
};

pub(crate) fn run(data: &Data, command: &TenantCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        TenantCommand::Create { tenant } => {
            let engine = open::data_dir(data)?;
            let trail = Trail::begin(data, data.entry(Action::TenantCreate).of_tenant(tenant.as_str()))?;
            let created = engine.create_tenant(tenant).map(drop).map_err(Failure::from);
            trail.end(created.and_then(|()| Ok(engine.close()?)), |entry, ()| entry)?;
            told(out, "created", tenant)
        }
        TenantCommand::List => {
            let engine = open::existing_data_dir(data)?;
            record(data, data.entry(Action::Tenants))?;
            let tenants = engine.tenants()?;
            if out.wants_json() {
                out.json(&json!({ "tenants": tenants.iter().map(TenantId::as_str).collect::<Vec<_>>() }))?;
            } else {
                for tenant in &tenants {
                    out.line(tenant.as_str())?;
                }
            }
            Ok(Exit::Done)
        }
        TenantCommand::Delete { tenant, yes } => {
            let engine = open::existing_data_dir(data)?;
            if !yes && engine.has_tenant(tenant) {
                let message = format!("this deletes tenant `{tenant}` and everything in it, for good");
                return Err(Failure::new(Exit::Usage, "not_confirmed", message).hint("add --yes if that is meant"));
            }
            let trail = Trail::begin(data, data.entry(Action::TenantDelete).of_tenant(tenant.as_str()))?;
            trail.end(engine.delete_tenant(tenant).map_err(Failure::from), |entry, ()| entry)?;
            // Its canaries went with it.
            Canaries::open(canary::file(data))?.forget(tenant.as_str())?;
            told(out, "deleted", tenant)
        }
    }
}

fn told(out: &mut Output, done: &str, tenant: &TenantId) -> Result<Exit, Failure> {
    if out.wants_json() {
        out.json(&json!({ done: tenant.as_str() }))?;
    } else {
        out.line(format!("tenant `{tenant}` is {done}"))?;
    }
    Ok(Exit::Done)
}
