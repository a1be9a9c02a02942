//! The keys with which programs use the server.

use std::path::Path;

use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_server::{KeyInfo, Keys};

use crate::{
    args::KeyCommand,
    audit::{self, Trail},
    exit::Exit,
    failure::Failure,
    output::{Align, Output, Sheet},
    serve::KEYS_FILE,
};

pub(crate) fn run(data: &Path, command: &KeyCommand, out: &mut Output) -> Result<Exit, Failure> {
    // The file may change while a server runs, which looks at it every second.
    if !data.is_dir() {
        let message = format!("there is no data directory at {}", data.display());
        return Err(Failure::new(Exit::Missing, "no_data_dir", message)
            .hint("name it with --data DIR or TICKETSCOPE_DATA, or make one with `ticketscope import`"));
    }
    let keys = Keys::open(data.join(KEYS_FILE))?;
    match command {
        KeyCommand::Create { class, tenant } => {
            let made = audit::entry(Action::KeyCreate).about("class", class.name());
            let trail = Trail::begin(data, tenant.iter().fold(made, |entry, tenant| entry.of_tenant(tenant.as_str())))?;
            let created = keys.create(*class, tenant.clone()).map_err(Failure::from);
            let key = trail.end(created, |entry, key| entry.about("key", key.id.as_str()))?;
            if out.wants_json() {
                out.json(&json!({ "id": key.id, "key": key.text, "class": class.name(), "tenant": tenant.as_ref().map(ToString::to_string) }))?;
            } else {
                out.line(&key.text)?;
                Output::warn("keep this key: it is shown once");
            }
        }
        KeyCommand::List => {
            let list = keys.list();
            if out.wants_json() {
                let row = |key: &KeyInfo| json!({ "id": key.id, "class": key.class.name(), "tenant": key.tenant.as_ref().map(ToString::to_string) });
                out.json(&json!({ "keys": list.iter().map(row).collect::<Vec<_>>() }))?;
            } else {
                let mut sheet = Sheet::new(["id", "class", "tenant"].map(|name| (name, Align::Left)));
                for key in list {
                    let tenant = key.tenant.map_or_else(|| "(all)".to_owned(), |tenant| tenant.to_string());
                    sheet.row([key.id, key.class.name().to_owned(), tenant]);
                }
                out.sheet(&sheet)?;
            }
        }
        KeyCommand::Revoke { id } => {
            let trail = Trail::begin(data, audit::entry(Action::KeyRevoke).about("key", id.as_str()))?;
            let was_there = trail
                .end(keys.revoke(id).map_err(Failure::from), |entry, was_there| entry.about("was_there", *was_there))?;
            if !was_there {
                let failure = Failure::new(Exit::Missing, "no_such_key", format!("there is no key `{id}`"));
                return Err(failure.hint("`ticketscope key list` lists the keys"));
            }
            if out.wants_json() {
                out.json(&json!({ "revoked": id }))?;
            } else {
                out.line(format!("key `{id}` is revoked"))?;
            }
        }
    }
    Ok(Exit::Done)
}
