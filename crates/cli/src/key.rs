//! The keys with which programs use the server.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_server::{KeyInfo, Keys};

use crate::{
    args::KeyCommand,
    ask::moment,
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet},
    serve::KEYS_FILE,
};

pub(crate) fn run(data: &Data, command: &KeyCommand, out: &mut Output) -> Result<Exit, Failure> {
    let keys = match command {
        KeyCommand::Create { .. } => open_or_create(data)?,
        KeyCommand::List | KeyCommand::Rotate { .. } | KeyCommand::Revoke { .. } => open(data)?,
    };
    match command {
        KeyCommand::Create { class, tenant } => {
            let made = data.entry(Action::KeyCreate).about("class", class.name());
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
                out.json(&json!({ "keys": list.iter().map(row).collect::<Vec<_>>() }))?;
            } else {
                let columns = ["id", "class", "tenant", "previous secret until"];
                let mut sheet = Sheet::new(columns.map(|name| (name, Align::Left)));
                for key in list {
                    let tenant = key.tenant.map_or_else(|| "(all)".to_owned(), |tenant| tenant.to_string());
                    let until = key.previous_until.map_or_else(String::new, |until| until.to_string());
                    sheet.row([key.id, key.class.name().to_owned(), tenant, until]);
                }
                out.sheet(&sheet)?;
            }
        }
        KeyCommand::Rotate { id, overlap_hours } => {
            let overlap = Duration::from_hours(u64::from(*overlap_hours));
            let about = data.entry(Action::KeyRotate).about("key", id.as_str()).about("overlap_hours", *overlap_hours);
            let rotated = Trail::begin(data, about)?
                .end(keys.rotate(id, overlap, moment(None)).map_err(Failure::from), |entry, key| {
                    entry.about("was_there", key.is_some())
                })?;
            let key = rotated.ok_or_else(|| no_such_key(id))?;
            if out.wants_json() {
                out.json(&json!({ "id": key.id, "key": key.text }))?;
            } else {
                out.line(&key.text)?;
                Output::warn(format!("keep this key: it is shown once; the old one is good for {overlap_hours} hours"));
            }
        }
        KeyCommand::Revoke { id, previous: true } => {
            let about = data.entry(Action::KeyRevoke).about("key", id.as_str()).about("previous", true);
            let was_there = Trail::begin(data, about)?
                .end(keys.revoke_previous(id).map_err(Failure::from), |entry, was_there| {
                    entry.about("was_there", *was_there)
                })?;
            if !was_there {
                let message = format!("there is no key `{id}` with a previous secret");
                return Err(Failure::new(Exit::Missing, "no_such_key", message).hint(LIST_HINT));
            }
            if out.wants_json() {
                out.json(&json!({ "revoked_previous": id }))?;
            } else {
                out.line(format!("the previous secret of key `{id}` is revoked"))?;
            }
        }
        KeyCommand::Revoke { id, previous: false } => {
            let trail = Trail::begin(data, data.entry(Action::KeyRevoke).about("key", id.as_str()))?;
            let was_there = trail
                .end(keys.revoke(id).map_err(Failure::from), |entry, was_there| entry.about("was_there", *was_there))?;
            if !was_there {
                return Err(no_such_key(id));
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

const LIST_HINT: &str = "`ticketscope key list` lists the keys";

/// The keys of the data directory. They may change while a server runs, which looks at them every second.
///
/// A directory with keys is one, also before it has tenants.
pub(crate) fn open(data: &Path) -> Result<Keys, Failure> {
    if !data.join(KEYS_FILE).exists() {
        open::require(data)?;
    }
    open_or_create(data)
}

/// The same, in any directory: keys may be made before anything else is there.
fn open_or_create(data: &Path) -> Result<Keys, Failure> {
    if !data.is_dir() {
        return Err(open::no_data_dir(data));
    }
    Ok(Keys::open(data.join(KEYS_FILE))?)
}

fn row(key: &KeyInfo) -> Value {
    let mut row = json!({
        "id": key.id,
        "class": key.class.name(),
        "tenant": key.tenant.as_ref().map(ToString::to_string),
    });
    if let Some(until) = key.previous_until {
        row["previous_until"] = json!(until.to_string());
    }
    row
}

fn no_such_key(id: &str) -> Failure {
    Failure::new(Exit::Missing, "no_such_key", format!("there is no key `{id}`")).hint(LIST_HINT)
}
