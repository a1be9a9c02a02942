//! What is wrong with a data directory, and what to do about it.
//!
//! Nothing is changed: no file is made, repaired or removed, and nothing is recorded. A directory that nobody has open is
//! looked at as the next opening will find it; one that a server has open, through what the server knows of the tenants
//! that are open there.

mod dir;
mod finding;
mod tenant;

use serde_json::json;
use ticketscope_engine::storage::{Inspection, TenantId};

use self::finding::{Finding, Severity};
use crate::{args::DoctorArgs, data::Data, exit::Exit, failure::Failure, open, output::Output};

pub(crate) fn run(data: &Data, args: &DoctorArgs, out: &mut Output) -> Result<Exit, Failure> {
    open::require(data)?;
    let inspection = match data.held() {
        Some(_) => Inspection::of_open(data),
        None => Inspection::new(data),
    };
    let inspection = inspection.map_err(|error| open::refused(data, error))?;
    let known = inspection.tenants()?;
    let tenants: Vec<TenantId> = match &args.tenant {
        Some(tenant) => {
            open::require_tenant(data, tenant)?;
            vec![tenant.clone()]
        }
        None => known,
    };
    let mut findings = dir::look(data, &inspection)?;
    for id in &tenants {
        findings.extend(match data.held() {
            Some(held) => tenant::look_in_server(&inspection, &held.engine, id)?,
            None => tenant::look(&inspection, id)?,
        });
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (damaged, warnings) = (count(Severity::Damage), count(Severity::Warning));
    if out.wants_json() {
        out.json(&json!({
            "tenants": tenants.len(),
            "damaged": damaged,
            "warnings": warnings,
            "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        }))?;
    } else {
        for line in findings.iter().flat_map(Finding::lines) {
            out.line(line)?;
        }
        out.line(match (damaged, warnings) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, warnings) => format!("{warnings} to look after"),
            (damaged, warnings) => format!("{damaged} damaged, {warnings} to look after"),
        })?;
    }
    Ok(match (damaged, warnings) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::No,
        _ => Exit::Data,
    })
}
