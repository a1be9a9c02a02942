//! The process that the crash tests kill: it opens a data directory, goes on with a load where the tenant stands, and
//! says on its standard output what was acknowledged. It never closes anything.

use std::{
    env,
    error::Error,
    io::{Write, stdout},
    sync::Arc,
};

use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, Options, storage::TenantId};
use ticketscope_tests::stream::Load;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: load <data directory> <seed> <checkpoint bytes>");
    let (dir, seed, bytes) = (argument()?, argument()?, argument()?);
    let options = Options { checkpoint_log_bytes: bytes.parse()?, ..Options::default() };
    let load = Load::new(seed.parse()?);
    let engine = Engine::open_with(dir, options)?;
    let tenant = engine.tenant_or_create(&TenantId::parse("load")?)?;
    // The first position is that of the empty tenant.
    let mut done = tenant.snapshot().opstamp().0 - 1;
    let mut out = stdout().lock();
    writeln!(out, "{done}")?;
    out.flush()?;
    loop {
        let changes = load.batch(done).history.changes;
        tenant.submit_import(changes, &Arc::new(Mutex::new(ImportSession::new())))?;
        done += 1;
        writeln!(out, "{done}")?;
        out.flush()?;
    }
}
