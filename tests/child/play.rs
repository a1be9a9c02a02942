//! The process under fault: plays the script on a data directory, from where the tenant stands, and says on its standard
//! output what was acknowledged. A fault ends it with a line on standard error and exit code 3, never with a panic.
//!
//! ```text
//! play DIRECTORY SEED UNTIL close|leave|answer [meet]
//! ```
//!
//! After batch `UNTIL` it closes the tenant, or ends without closing anything, or says what the tenant answers whenever
//! it reads a line. With `meet` it waits for a line once its threads run, so that one of them can be traced.

use std::{
    env,
    error::Error,
    io::{self, BufRead, Write},
    process::{ExitCode, exit},
    sync::Arc,
};

use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, Options, Tenant, storage::TenantId};
use ticketscope_tests::{
    account::{Account, NoAccount, index_text},
    script::{Script, Step},
    stream::Load,
};

/// The log is cut where the script says so and nowhere else.
const NEVER: u64 = u64::MAX;

/// What a process that met a fault ends with.
const FAULT: u8 = 3;

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if nobody listens.
            drop(writeln!(io::stderr(), "play: {}", chain(&*error)));
            ExitCode::from(FAULT)
        }
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A data directory and its tenant, open.
struct Stage {
    engine: Engine,
    tenant: Arc<Tenant>,
}

impl Stage {
    fn open(dir: &str) -> Result<Self, Box<dyn Error>> {
        let engine = Engine::open_with(dir, Options { checkpoint_log_bytes: NEVER, ..Options::default() })?;
        let tenant = engine.tenant_or_create(&TenantId::parse("load")?)?;
        Ok(Self { engine, tenant })
    }

    fn close(self) -> Result<(), Box<dyn Error>> {
        drop(self.tenant);
        Ok(self.engine.close()?)
    }
}

fn play() -> Result<(), Box<dyn Error>> {
    say(&format!("process {}", std::process::id()))?;
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: play DIRECTORY SEED UNTIL close|leave|answer [meet]");
    let (dir, seed, until, ending) = (argument()?, argument()?, argument()?.parse()?, argument()?);
    let mut is_to_meet = argument().is_ok();
    let script = Script::new(seed.parse()?);
    let mut stage = Stage::open(&dir)?;
    // The first position is that of the empty tenant.
    let mut done = stage.tenant.snapshot().opstamp().0 - 1;
    say(&format!("opened {done}"))?;
    if done >= until {
        report(index_text(&stage.tenant))?;
    }
    while done < until {
        let session = Arc::new(Mutex::new(ImportSession::new()));
        stage.tenant.submit_import(script.batch(done).history.changes, &session)?;
        done += 1;
        say(&format!("acknowledged {done}"))?;
        if std::mem::take(&mut is_to_meet) {
            report(index_text(&stage.tenant))?;
            say("meet")?;
            io::stdin().lock().read_line(&mut String::new())?;
        }
        for step in script.steps_after(done - 1) {
            match step {
                Step::IndexText => report(index_text(&stage.tenant))?,
                Step::Checkpoint => stage.tenant.checkpoint()?,
                Step::Reopen => {
                    stage.close()?;
                    stage = Stage::open(&dir)?;
                }
                Step::Neighbour => {
                    let id = TenantId::parse("neighbour")?;
                    let session = Arc::new(Mutex::new(ImportSession::new()));
                    let neighbour = stage.engine.tenant_or_create(&id)?;
                    neighbour.submit_import(Load::new(0).batch(1).history.changes, &session)?;
                    drop(neighbour);
                    stage.engine.delete_tenant(&id)?;
                }
            }
        }
    }
    match ending.as_str() {
        "close" => stage.close(),
        "answer" => {
            for line in io::stdin().lock().lines() {
                line?;
                say(&format!("digest {}", Account::of(&stage.tenant, &script)?.digest()))?;
            }
            exit(0)
        }
        _ => exit(0),
    }
}

/// A tenant goes on without words; whoever looks at what is left sees to it that they come back.
fn report(indexed: Result<(), NoAccount>) -> io::Result<()> {
    if let Err(error) = indexed { writeln!(io::stderr(), "play: {}", chain(&error)) } else { Ok(()) }
}
