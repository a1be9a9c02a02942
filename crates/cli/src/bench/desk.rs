//! The made-up help desk, and what only it is measured with: what changes it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketOrd, TicketPatch};

use super::{
    answers, first_count,
    report::{Clock, OPENING, Report},
};
use crate::{
    demo::{self, desk::Made},
    exit::Exit,
    failure::Failure,
    output::{Output, counted},
};

/// Times that the tenant is closed and opened again.
const OPENINGS: usize = 5;

/// Changes, one by one.
const CHANGES: usize = 50;

/// Tickets that move to another group together: half of them, at most so many.
const MOVED: u32 = 500_000;

/// Makes a help desk in a temporary directory, measures everything with it, and removes it.
pub(super) fn measure(tickets: u32, report: &mut Report, out: &mut Output) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Data, "file", "cannot make a temporary directory").caused_by(Some(&error))
    };
    let dir = tempfile::tempdir().map_err(failed)?;
    let id = TenantId::parse(demo::TENANT).map_err(|error| Failure::of(Exit::Internal, "demo", &error))?;
    out.say(format!("Making a help desk of {} in a temporary directory.", counted(tickets.into(), "ticket")))?;
    let mut engine = Engine::open(dir.path())?;
    let Made { tenant, durable, searchable } = demo::desk::make(&engine, &id, tickets)?;
    report.once("import, durable and in force", Clock::Rate(tickets, durable));
    report.once("import, every word found", Clock::Rate(tickets, searchable));
    drop(tenant);
    let mut openings = Vec::with_capacity(OPENINGS);
    for _ in 0..OPENINGS {
        engine.close()?;
        drop(engine);
        let began = Instant::now();
        engine = Engine::open(dir.path())?;
        first_count(&*engine.tenant(&id)?)?;
        openings.push(began.elapsed());
    }
    report.times(OPENING, openings);
    let tenant = engine.tenant(&id)?;
    if !tenant.wait_for_text(tenant.snapshot().opstamp(), demo::desk::PATIENCE) {
        return Err(Failure::new(Exit::Internal, "demo", "the text of the demo could not be opened again"));
    }
    answers(&tenant, report)?;
    report.times("one change, durable and in force", changes(&tenant)?);
    let (moved, took) = bulk_move(&tenant)?;
    report.once("bulk move, durable and in force", Clock::Rate(moved, took));
    drop(tenant);
    Ok(engine.close()?)
}

/// The keys of `count` tickets at most, spread evenly over the tenant.
fn spread(tenant: &Arc<Tenant>, count: u32) -> Vec<TicketKey> {
    let snapshot = tenant.snapshot();
    let index = snapshot.index();
    let step = (index.universe().len() / count.max(1)).max(1) as usize;
    let ords = index.universe().iter().step_by(step).take(count as usize);
    ords.map(|ord| index.key(TicketOrd(ord))).collect()
}

fn set(key: TicketKey, field: &str, value: &str) -> Change {
    let fields = vec![(field.into(), FieldPatch::Set(RawValue::Text(value.into())))];
    Change::state(Fact::Ticket(TicketPatch { key, fields, replace: false, text: Vec::new() }))
}

/// Times of one status at a time, from the change to its acknowledgement.
fn changes(tenant: &Arc<Tenant>) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::with_capacity(CHANGES);
    for (key, status) in
        spread(tenant, u32::try_from(CHANGES).unwrap_or(u32::MAX)).into_iter().zip(STATUSES.iter().cycle())
    {
        let change = vec![set(key, "status", status)];
        let start = Instant::now();
        tenant.submit(change)?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// What tickets change to.
const STATUSES: [&str; 3] = ["pending", "solved", "open"];

/// Moves half of the tickets into one group, as one batch: how many, and how long it took.
fn bulk_move(tenant: &Arc<Tenant>) -> Result<(u32, Duration), Failure> {
    let half = tenant.snapshot().index().universe().len() / 2;
    let moves: Vec<Change> = spread(tenant, half.min(MOVED))
        .into_iter()
        .map(|key| set(key, "group", ticketscope_demo::CORMORANT.group))
        .collect();
    let count = u32::try_from(moves.len()).unwrap_or(u32::MAX);
    let start = Instant::now();
    tenant.submit(moves)?;
    Ok((count, start.elapsed()))
}
