use std::path::Path;

use serde_json::json;

use crate::{args::SignOutArgs, ask::moment, exit::Exit, failure::Failure, key, output::Output};

pub(crate) fn run(data: &Path, args: &SignOutArgs, out: &mut Output) -> Result<Exit, Failure> {
    let keys = key::open(data)?;
    keys.sign_out(&args.tenant, args.principal.as_deref(), moment(None))?;
    if out.wants_json() {
        out.json(&json!({ "signed_out": args.principal }))?;
    } else {
        let who = args.principal.as_ref().map_or_else(|| "everybody".to_owned(), |id| format!("principal `{id}`"));
        out.line(format!("{who} of `{}` is signed out", args.tenant))?;
    }
    Ok(Exit::Done)
}
