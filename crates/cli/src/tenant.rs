use std::path::Path;

use serde_json::json;
use ticketscope_engine::storage::TenantId;

use crate::{args::TenantCommand, exit::Exit, failure::Failure, open, output::Output};

pub(crate) fn run(data: &Path, command: &TenantCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        TenantCommand::Create { tenant } => {
            let engine = open::data_dir(data)?;
            engine.create_tenant(tenant)?;
            engine.close()?;
            told(out, "created", tenant)
        }
        TenantCommand::List => {
            let tenants = open::existing_data_dir(data)?.tenants()?;
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
            engine.delete_tenant(tenant)?;
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
