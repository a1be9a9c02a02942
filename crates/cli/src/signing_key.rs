//! The keys that agent tokens are signed with.

use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_server::{TokenKeyInfo, TokenKeyPair, TokenKeyState, VerificationKeys, VerificationKeysError};

use crate::{
    args::{SigningKeyArgs, SigningKeyCommand},
    ask::moment,
    audit::Trail,
    data::Data,
    exit::Exit,
    failure::Failure,
    output::{Align, Output, Sheet},
};

pub(crate) fn run(data: &Data, args: &SigningKeyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let path = args.token_keys.as_path();
    match &args.command {
        SigningKeyCommand::Create { kid, tenant } => {
            let keys = VerificationKeys::open_or_create(path)?;
            let pair = TokenKeyPair::generate().map_err(|error| Failure::of(Exit::Internal, "signing_key", &error))?;
            trailed(data, "create", kid, || keys.add(kid, &pair.public_pem, tenant.clone()))?;
            if out.wants_json() {
                out.json(&json!({ "kid": kid, "private_key": pair.private_pem, "public_key": pair.public_pem }))?;
            } else {
                out.line(pair.private_pem.trim_end())?;
                Output::warn("keep this private key: it is shown once; what it signs is believed once it is promoted");
            }
        }
        SigningKeyCommand::List => {
            let list = VerificationKeys::open(path)?.list();
            if out.wants_json() {
                out.json(&json!({ "signing_keys": list.iter().map(row).collect::<Vec<_>>() }))?;
            } else {
                let mut sheet = Sheet::new(["kid", "state", "tenant", "retired"].map(|name| (name, Align::Left)));
                for key in list {
                    let retired = retired(&key).unwrap_or_default();
                    let tenant = key.tenant.map_or_else(|| "(all)".to_owned(), |tenant| tenant.to_string());
                    sheet.row([key.kid, key.state.name().to_owned(), tenant, retired]);
                }
                out.sheet(&sheet)?;
            }
        }
        SigningKeyCommand::Promote { kid } => {
            let keys = VerificationKeys::open(path)?;
            trailed(data, "promote", kid, || keys.promote(kid, moment(None)))?;
            tell(out, "promoted", kid, "current")?;
        }
        SigningKeyCommand::Revoke { kid } => {
            let keys = VerificationKeys::open(path)?;
            trailed(data, "revoke", kid, || keys.revoke(kid))?;
            tell(out, "revoked", kid, "revoked")?;
        }
    }
    Ok(Exit::Done)
}

/// Does something to a key and records it before and after.
fn trailed(
    data: &Data,
    what: &str,
    kid: &str,
    change: impl FnOnce() -> Result<(), VerificationKeysError>,
) -> Result<(), Failure> {
    let trail = Trail::begin(data, data.entry(Action::SigningKey).about(what, kid))?;
    trail.end(change().map_err(Failure::from), |entry, ()| entry)
}

fn tell(out: &mut Output, done: &str, kid: &str, state: &str) -> Result<(), Failure> {
    if out.wants_json() {
        out.json(&json!({ done: kid }))?;
    } else {
        out.line(format!("signing key `{kid}` is {state}"))?;
    }
    Ok(())
}

fn retired(key: &TokenKeyInfo) -> Option<String> {
    match key.state {
        TokenKeyState::Previous { retired } => Some(retired.to_string()),
        TokenKeyState::Standby | TokenKeyState::Current | TokenKeyState::Revoked => None,
    }
}

fn row(key: &TokenKeyInfo) -> Value {
    let mut row = json!({
        "kid": key.kid,
        "state": key.state.name(),
        "tenant": key.tenant.as_ref().map(ToString::to_string),
    });
    if let Some(retired) = retired(key) {
        row["retired"] = json!(retired);
    }
    row
}
