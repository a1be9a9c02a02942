//! The demo: a made-up help desk, a tour through it, and a server to go on with.

pub(crate) mod desk;
mod tour;

use ticketscope_audit::Action;

use crate::{args::DemoArgs, audit, data::Data, exit::Exit, failure::Failure, open, output::Output, serve};

/// The tenant that the demo makes.
pub(crate) const TENANT: &str = "demo";

pub(crate) fn run(data: &Data, args: &DemoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::data_dir(data)?;
    audit::record(data, data.entry(Action::Demo).of_tenant(TENANT).about("tickets", args.tickets))?;
    let tenant = desk::ready(&engine, args.tickets, out)?;
    tour::run(&tenant, out)?;
    drop(tenant);
    if args.no_serve {
        engine.close()?;
        return Ok(Exit::Done);
    }
    serve::demo(data, engine, args.listen, out)
}
