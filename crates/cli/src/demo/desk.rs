use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ticketscope_demo::{HelpDesk, cast};
use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_query::Snapshot;

use super::TENANT;
use crate::{
    ask::moment,
    exit::Exit,
    failure::Failure,
    output::{Output, counted},
};

/// What the desk is drawn from: everybody's demo is the same.
const SEED: u64 = 7;

/// Tickets that become durable together.
const BATCH: u32 = 5_000;

/// How long the words of the desk may take to be indexed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(30);

/// The demo tenant with `tickets` tickets: the one that is there if it is of that size, else a new one.
pub(super) fn ready(engine: &Engine, tickets: u32, out: &mut Output) -> Result<Arc<Tenant>, Failure> {
    let id = TenantId::parse(TENANT).map_err(|error| Failure::of(Exit::Internal, "demo", &error))?;
    if engine.has_tenant(&id) {
        let tenant = engine.tenant(&id)?;
        let snapshot = tenant.snapshot();
        if !is_demo(&snapshot) {
            let message = "there is a tenant `demo` that this demo did not make";
            return Err(Failure::new(Exit::Usage, "not_the_demo", message)
                .hint("name another data directory with --data, or delete that tenant if nobody needs it"));
        }
        let held = snapshot.index().universe().len();
        if held == tickets && tenant.wait_for_text(snapshot.opstamp(), PATIENCE) {
            out.say(format!("The help desk of {} is there from before.", counted(tickets.into(), "ticket")))?;
            return Ok(tenant);
        }
        out.say(format!("There is a demo of {} from before: it is made anew.", counted(held.into(), "ticket")))?;
        drop((tenant, snapshot));
        engine.delete_tenant(&id)?;
    }
    let Made { tenant, durable, searchable } = make(engine, &id, tickets)?;
    out.say(format!(
        "Made a help desk of {} with {} people: durable after {:.1} s, searchable after {:.1} s.",
        counted(tickets.into(), "ticket"),
        tenant.snapshot().directory().counts().principals,
        durable.as_secs_f64(),
        searchable.as_secs_f64(),
    ))?;
    Ok(tenant)
}

/// A desk, and how long it took to make.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) tenant: Arc<Tenant>,
    /// Until everything was durable and in force.
    pub(crate) durable: Duration,
    /// Until every word was found, too.
    pub(crate) searchable: Duration,
}

/// Makes the tenant `id` with `tickets` tickets.
pub(crate) fn make(engine: &Engine, id: &TenantId, tickets: u32) -> Result<Made, Failure> {
    let began = Instant::now();
    let tenant = engine.create_tenant(id)?;
    let desk = HelpDesk::new(SEED, tickets, moment(None));
    tenant.submit(desk.setup())?;
    for batch in desk.batches(BATCH) {
        tenant.submit(batch)?;
    }
    let opstamp = tenant.snapshot().opstamp();
    let durable = began.elapsed();
    if !tenant.wait_for_text(opstamp, PATIENCE) {
        let failure = tenant.stats()?.text.failure.unwrap_or_else(|| "it takes too long".to_owned());
        return Err(Failure::new(Exit::Internal, "demo", format!("the text of the demo was not indexed: {failure}")));
    }
    Ok(Made { tenant, durable, searchable: began.elapsed() })
}

/// Whether the tenant is one that the demo made: every one of the cast is there, by name, role and e-mail address.
fn is_demo(snapshot: &Snapshot) -> bool {
    cast().iter().all(|member| {
        snapshot.directory().principal(member.id).is_some_and(|fact| {
            fact.role.as_deref() == Some(member.role)
                && fact.name.as_deref() == Some(member.name)
                && fact.email.as_deref() == Some(&*member.email())
        })
    })
}
