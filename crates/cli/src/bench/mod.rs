//! How fast it is on the machine of whoever asks, on a made-up help desk or on a tenant of their own.
//!
//! A short version of what the project's benches measure: one thread, inside the process, no longer than a minute on the
//! help desk of the default size. It measures and compares nothing with a limit: a machine that is busy or slow is no fault.

mod askers;
mod desk;
mod questions;
mod report;
mod sample;
mod subject;

use std::time::Instant;

use ticketscope_audit::Action;
use ticketscope_engine::{RecoverError, Tenant};
use ticketscope_query::{Access, Query, count};

use self::{report::Report, subject::Subject};
use crate::{
    args::BenchArgs,
    ask::{self, moment},
    audit::record,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::Output,
};

pub(crate) fn run(data: &Data, args: &BenchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut report = Report::default();
    match &args.tenant {
        None => desk::measure(args.tickets, &mut report, out)?,
        Some(id) => {
            let began = Instant::now();
            let tenant = open::tenant(data, id)?;
            let opened = began.elapsed();
            record(data, data.entry(Action::Bench).of_tenant(id.as_str()))?;
            let began = Instant::now();
            first_count(&tenant)?;
            report.once(report::OPENING, report::Clock::Time(opened + began.elapsed()));
            if tenant.snapshot().index().universe().is_empty() {
                let message = format!("there is nothing to measure: the tenant `{id}` has no tickets");
                return Err(Failure::new(Exit::Usage, "empty_tenant", message)
                    .hint("import some, or leave --tenant out to measure a made-up help desk"));
            }
            ask::wait_for_text(data, &tenant)?;
            answers(&tenant, &mut report)?;
        }
    }
    report.print(args.tenant.as_ref(), out)?;
    Ok(Exit::Done)
}

/// The first question to a tenant that was just opened.
fn first_count(tenant: &Tenant) -> Result<u32, Failure> {
    Ok(count(&tenant.snapshot(), Access::admin(), &Query::everything())?)
}

/// Times every kind of question, all to the same moment of the tenant.
fn answers(tenant: &Tenant, report: &mut Report) -> Result<(), Failure> {
    let view = tenant.view().map_err(RecoverError::from)?;
    let now = moment(None);
    let askers = askers::by_size(view.snapshot())?;
    let subject = Subject::of(&view, now)?;
    questions::ask_all(view.snapshot(), &askers, &subject, now, report)?;
    report.about(view.snapshot(), &askers, &subject);
    Ok(())
}
