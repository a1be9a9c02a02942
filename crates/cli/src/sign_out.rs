use serde_json::json;
use ticketscope_audit::Action;

use crate::{
    args::SignOutArgs, ask::moment, audit::Trail, data::Data, exit::Exit, failure::Failure, key, open, output::Output,
};

pub(crate) fn run(data: &Data, args: &SignOutArgs, out: &mut Output) -> Result<Exit, Failure> {
    open::require_tenant(data, &args.tenant)?;
    let keys = key::open(data)?;
    let about = data.entry(Action::SignOut).of_tenant(args.tenant.as_str());
    let trail = Trail::begin(data, about.about("principal", args.principal.as_deref()))?;
    let done = keys.sign_out(&args.tenant, args.principal.as_deref(), moment(None)).map_err(Failure::from);
    trail.end(done, |entry, ()| entry)?;
    if out.wants_json() {
        out.json(&json!({ "signed_out": args.principal }))?;
    } else {
        let who = args.principal.as_ref().map_or_else(|| "everybody".to_owned(), |id| format!("principal `{id}`"));
        out.line(format!("{who} of `{}` is signed out", args.tenant))?;
    }
    Ok(Exit::Done)
}
