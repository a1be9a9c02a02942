use std::time::Instant;

use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_engine::storage::{BackedUp, Manifest};

use crate::{
    args::BackupArgs,
    ask::moment,
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::{Failure, chain},
    open,
    output::{Output, bytes, counted},
};

/// What a backup of tenants leaves to its owner.
const NOT_IN_IT: &str = "keys, the audit log and the list of canaries are not in it: copy those files of the data directory \
                         if you need them";

pub(crate) fn run(data: &Data, args: &BackupArgs, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::existing_data_dir(data)?;
    let tenant = match &args.tenants.tenant {
        Some(tenant) => Some(open::tenant_of(&engine, tenant)?.id().clone()),
        None => None,
    };
    let mut entry = data.entry(Action::Backup).about("to", args.to.display().to_string());
    if let Some(tenant) = &args.tenants.tenant {
        entry = entry.of_tenant(tenant.as_str());
    }
    let trail = Trail::begin(data, entry)?;
    let began = Instant::now();
    let written = match tenant {
        Some(tenant) => engine.back_up(&[tenant], &args.to, moment(None)).map(|manifest| (manifest, Vec::new())),
        None => engine.back_up_all(&args.to, moment(None)),
    };
    let (manifest, left_out) = trail.end(written.map_err(Failure::from), |entry, (manifest, left_out)| {
        entry.about("tenants", manifest.tenants.len()).about("left_out", left_out.len())
    })?;
    let exit = if left_out.is_empty() { Exit::Done } else { Exit::Data };
    let left_out: Vec<String> = left_out.iter().map(|error| chain(error)).collect();
    let seconds = began.elapsed().as_secs_f64();
    engine.close()?;
    if out.wants_json() {
        out.json(&to_json(&manifest, &left_out, args, seconds))?;
        return Ok(exit);
    }
    for tenant in &manifest.tenants {
        out.line(told(tenant))?;
    }
    let total = manifest.tenants.iter().map(|tenant| tenant.bytes).sum();
    out.line(format!("{}: {} in {seconds:.1} s", args.to.display(), bytes(total)))?;
    for left_out in left_out {
        out.note(format!("not in it: {left_out}"));
    }
    out.note(NOT_IN_IT);
    Ok(exit)
}

/// One tenant of a backup for people.
pub(crate) fn told(tenant: &BackedUp) -> String {
    format!(
        "tenant `{}`: opstamp {}, {} and {}, {}",
        tenant.tenant,
        tenant.opstamp,
        counted(tenant.rows, "row"),
        counted(tenant.log_rows, "log row"),
        bytes(tenant.bytes)
    )
}

fn to_json(manifest: &Manifest, left_out: &[String], args: &BackupArgs, seconds: f64) -> Value {
    let tenant = |of: &BackedUp| {
        json!({
            "tenant": of.tenant.as_str(),
            "opstamp": of.opstamp.0,
            "rows": of.rows,
            "log_rows": of.log_rows,
            "bytes": of.bytes,
        })
    };
    json!({
        "backup": args.to.display().to_string(),
        "made_at": manifest.made_at.to_string(),
        "tenants": manifest.tenants.iter().map(tenant).collect::<Vec<_>>(),
        "left_out": left_out,
        "bytes": manifest.tenants.iter().map(|tenant| tenant.bytes).sum::<u64>(),
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}
