//! Serving the data directory over HTTP.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

use ticketscope_canary::Canaries;
use ticketscope_server::{Access, Config, Fault, FaultLog, Keys, ServeError, TokenPolicy, VerificationKeys, serve};

use crate::{
    args::ServeArgs,
    audit, canary,
    data::{Data, Held},
    demo,
    exit::Exit,
    failure::Failure,
    open::{self, Opened},
    operator::{Announced, Host},
    output::Output,
};

/// The file of keys inside the data directory.
pub(crate) const KEYS_FILE: &str = "keys.json";

pub(crate) fn run(data: &Data, args: &ServeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let engine = open::data_dir(data)?;
    let access = if args.dev {
        Access::Dev
    } else {
        let keys = Keys::open(data.join(KEYS_FILE))?;
        if keys.list().is_empty() && args.token_keys.is_none() {
            let message = "nobody could use this server: it has no keys";
            return Err(Failure::new(Exit::Usage, "no_keys", message).hint(
                "make one with `ticketscope key create --class admin`, or try things out on this machine with --dev",
            ));
        }
        Access::Checked { keys: Arc::new(keys), tokens: tokens(args)?.map(Arc::new) }
    };
    let dev = args.dev;
    let mut config = config(data, args.listen, access)?;
    config.audit_sample = NonZeroU32::new(args.audit_sample);
    start(data, engine, config, |address| {
        if dev {
            out.note(format!(
                "serving {} on http://{address} to everybody on this machine, without keys",
                data.display()
            ));
        } else {
            out.note(format!("serving {} on http://{address}", data.display()));
        }
    })
}

/// Serves the demo, and says what to try.
pub(crate) fn demo(data: &Data, engine: Opened, listen: SocketAddr, out: &mut Output) -> Result<Exit, Failure> {
    start(data, engine, config(data, listen, Access::Dev)?, |address| out.note(invitation(address)))
}

fn start(data: &Data, engine: Opened, mut config: Config, ready: impl FnOnce(SocketAddr)) -> Result<Exit, Failure> {
    let engine = engine.into_engine();
    let mut announced = Announced::new(data)?;
    if let Some(audit) = &config.audit {
        let held = Held { engine: Arc::clone(&engine), audit: Arc::clone(audit) };
        config.operator = Some(Host::new(data, held).operator(announced.key().clone()));
    }
    let served = serve(&engine, config, |address| {
        announced.announce(address);
        ready(address);
    });
    match served {
        Ok(()) => Ok(Exit::Done),
        Err(error @ ServeError::Bind(_)) => Err(Failure::of(Exit::Usage, "listen", &error)
            .hint("name another address with --listen, like 127.0.0.1:7701; port 0 takes any free one")),
        Err(error @ ServeError::Fatal(_)) => Err(Failure::of(Exit::Internal, "disk", &error)),
        Err(error) => Err(Failure::of(Exit::Internal, "serve", &error)),
    }
}

fn config(data: &Data, listen: SocketAddr, access: Access) -> Result<Config, Failure> {
    let mut config = Config::new(listen, access);
    config.faults = FaultLog::new(|fault| Output::warn(line(fault)));
    config.audit = Some(Arc::new(audit::open(data)?));
    config.canaries = Some(Arc::new(Canaries::open(canary::file(data))?));
    Ok(config)
}

/// A fault as the log of the server has it.
fn line(Fault { code, tenant, request_id, cause, left_out }: &Fault) -> String {
    let of = tenant.as_ref().map_or_else(String::new, |tenant| format!(" of tenant {tenant}"));
    let request = request_id.as_deref().map_or_else(String::new, |id| format!(" in request {id}"));
    let others = if *left_out == 0 { String::new() } else { format!(" (and {left_out} more, left out)") };
    format!("{code}{of}{request}: {cause}{others}")
}

fn tokens(args: &ServeArgs) -> Result<Option<TokenPolicy>, Failure> {
    let (Some(path), Some(issuer), Some(audience)) = (&args.token_keys, &args.token_issuer, &args.token_audience)
    else {
        return Ok(None);
    };
    let keys =
        VerificationKeys::open(path.as_path()).map_err(|error| Failure::of(Exit::Usage, "token_keys", &error))?;
    Ok(Some(TokenPolicy { issuer: issuer.clone(), audience: audience.clone(), keys }))
}

/// Commands that work as they stand.
fn invitation(address: SocketAddr) -> String {
    let tenant = format!("http://{address}/v1/tenants/{}", demo::TENANT);
    let change = r#"{"k":"rel","principal":"bruno","rel":"groups","value":"hardware"}"#;
    [
        String::new(),
        format!("Serving the demo on http://{address} until Ctrl-C. Try it from another terminal:"),
        String::new(),
        format!("  curl '{tenant}/search?as=bruno&query=invoice&limit=3'"),
        format!("  curl '{tenant}/count?as=erin&query=sandpiper'"),
        format!("  curl '{tenant}/facets?as=dmitri&field=status&field=group&top=5'"),
        format!("  curl '{tenant}/suggest?as=bruno&prefix=inv'"),
        format!("  curl '{tenant}/why?principal=bruno&ticket={}'", ticketscope_demo::CORMORANT.ticket),
        format!("  curl -X POST '{tenant}/changes' --data-binary '{change}'"),
        format!("  curl 'http://{address}/metrics'"),
    ]
    .join("\n")
}
