use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_canary::{Canaries, Canary};
use ticketscope_engine::{Tenant, storage::TenantId};
use ticketscope_model::{Change, TicketKey};
use ticketscope_query::{
    Snapshot,
    scope::{ScopeView, VIEW},
    who,
};

use super::{file, plural};
use crate::{
    ask::{moment, wait_for_text},
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Output, counted},
};

/// Principals that are asked for at once.
const PAGE: usize = 1000;

/// Restricted principals that are named to people; programs get all.
const NAMED: usize = 10;

/// Who sees a canary.
struct Seen {
    ticket: String,
    /// How many principals see everything, and so this.
    unrestricted: usize,
    /// Those who see it although they do not see everything.
    restricted: Vec<String>,
}

pub(super) fn run(data: &Data, id: &TenantId, count: u32, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::existing_data_dir(data)?;
    let tenant = open::tenant_of(&engine, id)?;
    let registry = Canaries::open(file(data))?;
    let trail = Trail::begin(data, data.entry(Action::CanaryPlant).of_tenant(id.as_str()).about("canaries", count))?;
    let planted = trail.end(plant(data, &tenant, id, count, &registry), |entry, _| entry)?;
    let snapshot = tenant.snapshot();
    let seen: Vec<Seen> = planted.into_iter().map(|canary| seen(&snapshot, canary)).collect();
    drop((snapshot, tenant));
    engine.close()?;
    let findings = seen.iter().any(|seen| !seen.restricted.is_empty());
    tell(id, &seen, out)?;
    Ok(if findings { Exit::No } else { Exit::Done })
}

fn plant(data: &Data, tenant: &Tenant, id: &TenantId, count: u32, registry: &Canaries) -> Result<Vec<Canary>, Failure> {
    let now = moment(None);
    let canaries = (0..count).map(|_| Canary::new(now)).collect::<Result<Vec<_>, _>>();
    let canaries = canaries.map_err(|error| Failure::of(Exit::Internal, "no_randomness", &error))?;
    // Known before they are there: none is ever planted that nobody could find again.
    registry.add(id.as_str(), &canaries)?;
    let snapshot = tenant.snapshot();
    let changes: Vec<Change> = canaries.iter().flat_map(|canary| canary.plant(snapshot.schema())).collect();
    let submitted = tenant.submit(changes).map_err(Failure::from);
    submitted
        .map_err(|failure| failure.hint(format!("`ticketscope canary remove --tenant {id}` forgets them again")))?;
    wait_for_text(data, tenant)?;
    Ok(canaries)
}

/// Asks every principal's rule about the canary.
fn seen(snapshot: &Snapshot, canary: Canary) -> Seen {
    let (key, mut after): (TicketKey, Option<String>) = (canary.key(), None);
    let mut seen = Seen { ticket: canary.ticket, unrestricted: 0, restricted: Vec::new() };
    while let Some(viewers) = who(snapshot, &key, after.as_deref(), PAGE) {
        for principal in &viewers.principals {
            let scope = snapshot.scope(principal, VIEW);
            if scope.is_ok_and(|scope| scope.view() == ScopeView::Unrestricted) {
                seen.unrestricted += 1;
            } else {
                seen.restricted.push(principal.clone());
            }
        }
        after = viewers.principals.last().cloned();
        if !viewers.more {
            break;
        }
    }
    seen
}

fn tell(id: &TenantId, seen: &[Seen], out: &mut Output) -> Result<(), Failure> {
    if out.wants_json() {
        let rows: Value = seen
            .iter()
            .map(|seen| json!({ "ticket": seen.ticket, "unrestricted": seen.unrestricted, "restricted": seen.restricted }))
            .collect();
        out.json(&json!({ "planted": rows }))?;
        return Ok(());
    }
    out.line(format!("tenant `{id}`: {} planted", plural(seen.len())))?;
    for Seen { ticket, unrestricted, restricted } in seen {
        let all = counted(*unrestricted as u64, "principal");
        out.line(format!("{ticket}: seen by {all} without a restriction"))?;
        if !restricted.is_empty() {
            let named = restricted.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if restricted.len() > NAMED { ", .." } else { "" };
            let count = counted(restricted.len() as u64, "principal");
            out.line(format!("{ticket}: also seen by {count} with a restriction that lets it pass: {named}{more}"))?;
        }
    }
    Ok(())
}
