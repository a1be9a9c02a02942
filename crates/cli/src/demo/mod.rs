//! The demo: a made-up help desk, a tour through it, and a server to go on with.

mod desk;
mod tour;

use std::path::Path;

use crate::{args::DemoArgs, exit::Exit, failure::Failure, open, output::Output, serve};

/// The tenant that the demo makes.
pub(crate) const TENANT: &str = "demo";

pub(crate) fn run(data: &Path, args: &DemoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::data_dir(data)?;
    let tenant = desk::ready(&engine, args.tickets, out)?;
    tour::run(&tenant, out)?;
    drop(tenant);
    if args.no_serve {
        engine.close()?;
        return Ok(Exit::Done);
    }
    serve::demo(engine, args.listen, out)
}
