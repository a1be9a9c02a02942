//! Canaries: planted, listed and removed. The server looks out for them.

mod plant;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_canary::{Canaries, Canary, Part, RegistryError};
use ticketscope_engine::{Tenant, storage::TenantId};
use ticketscope_model::{Change, Timestamp};

use crate::{
    args::CanaryCommand,
    ask::wait_for_text,
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, grouped},
};

/// The file of canaries inside the data directory.
pub(crate) fn file(data: &Path) -> PathBuf {
    data.join("canaries.json")
}

pub(crate) fn run(data: &Data, command: &CanaryCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        CanaryCommand::Plant { tenant, count } => plant::run(data, tenant, *count, out),
        CanaryCommand::List { tenant } => list(data, tenant.as_ref(), out),
        CanaryCommand::Remove { tenant } => remove(data, tenant, out),
    }
}

/// Adds to the canaries of a tenant those of others of which it holds the tickets, as one does that was restored from a
/// backup of theirs: they are listed and removed as its own, and looked out for when the others are gone.
pub(crate) fn know_copies(data: &Path, tenant: &Tenant) -> Result<(), RegistryError> {
    let canaries = Canaries::open(file(data))?;
    let known = canaries.list();
    let id = tenant.id().as_str();
    let own = known.get(id).map_or(&[][..], Vec::as_slice);
    let mut foreign: Vec<&Canary> = Vec::new();
    for canary in known.values().flatten() {
        if !own.contains(canary) && !foreign.contains(&canary) {
            foreign.push(canary);
        }
    }
    // A ticket of that id without its words is none, and one that cannot be read is not taken for one.
    let is_there = |canary: &&Canary| {
        let texts = tenant.text(&canary.key()).unwrap_or_default();
        Part::ALL.into_iter().all(|part| texts.iter().any(|text| text.body.contains(canary.word(part))))
    };
    let copies: Vec<Canary> = foreign.into_iter().filter(is_there).cloned().collect();
    if copies.is_empty() { Ok(()) } else { canaries.add(id, &copies) }
}

/// Reads the file alone: also while a server has the directory.
fn list(data: &Data, tenant: Option<&TenantId>, out: &mut Output) -> Result<Exit, Failure> {
    open::require(data)?;
    let mut known: BTreeMap<String, Vec<Canary>> = Canaries::open(file(data))?.list();
    known.retain(|name, _| tenant.is_none_or(|tenant| tenant.as_str() == name));
    let all = known.iter().flat_map(|(tenant, canaries)| canaries.iter().map(move |canary| (tenant, canary)));
    let planted = |canary: &Canary| Timestamp(canary.planted).to_string();
    if out.wants_json() {
        let rows: Value = all
            .map(|(tenant, canary)| json!({ "tenant": tenant, "ticket": canary.ticket, "planted": planted(canary) }))
            .collect();
        out.json(&json!({ "canaries": rows }))?;
        return Ok(Exit::Done);
    }
    let mut sheet = Sheet::new(["tenant", "ticket", "planted"].map(|name| (name, Align::Left)));
    for (tenant, canary) in all {
        sheet.row([tenant.clone(), canary.ticket.clone(), planted(canary)]);
    }
    out.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn remove(data: &Data, id: &TenantId, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::existing_data_dir(data)?;
    let tenant = open::tenant_of(&engine, id)?;
    let canaries = Canaries::open(file(data))?;
    let known = canaries.list().remove(id.as_str()).unwrap_or_default();
    let trail = Trail::begin(data, data.entry(Action::CanaryRemove).of_tenant(id.as_str()))?;
    // The words are looked out for until nobody can find them.
    let removed = dig_out(data, &tenant, &known).and_then(|()| Ok(canaries.forget(id.as_str())?));
    trail.end(removed, |entry, ()| entry.about("canaries", known.len()))?;
    drop(tenant);
    engine.close()?;
    if out.wants_json() {
        out.json(&json!({ "removed": known.iter().map(|canary| &canary.ticket).collect::<Vec<_>>() }))?;
    } else {
        out.line(format!("tenant `{id}`: {} removed", plural(known.len())))?;
    }
    Ok(Exit::Done)
}

/// Removes the tickets and waits until their words are gone.
fn dig_out(data: &Data, tenant: &Tenant, canaries: &[Canary]) -> Result<(), Failure> {
    let snapshot = tenant.snapshot();
    let is_there = |canary: &&Canary| snapshot.index().find(&canary.key()).is_some();
    let changes: Vec<Change> = canaries.iter().filter(is_there).flat_map(Canary::remove).collect();
    if !changes.is_empty() {
        tenant.submit(changes)?;
        wait_for_text(data, tenant)?;
    }
    Ok(())
}

fn plural(count: usize) -> String {
    if count == 1 { "1 canary".to_owned() } else { format!("{} canaries", grouped(count as u64)) }
}
