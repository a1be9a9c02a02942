//! Commands of this machine's operator, run in the process that holds the data directory.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::IntoResponse,
};
use serde::Serialize;

use super::call::caller;
use crate::{
    app::App,
    auth::Asker,
    body,
    code::Code,
    failure::Failure,
    operator::{Command, MAX_COMMAND_BYTES, Operator},
    params::{ProofParams, of_uri},
    trace::Trace,
};

/// The longest nonce that is taken, in bytes.
const MAX_NONCE: usize = 128;

/// That this server knows the operator key.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    proof: String,
}

/// Proves to whoever knows the operator key that this server does too. Who does not know it learns nothing.
pub(super) async fn prove(State(app): State<Arc<App>>, request: Request) -> Result<Json<Proof>, Failure> {
    let ProofParams { nonce } = of_uri(request.uri())?;
    if nonce.len() > MAX_NONCE {
        return Err(Failure::new(Code::BadParameter, format!("a nonce has at most {MAX_NONCE} bytes")));
    }
    Ok(Json(Proof { proof: operator(&app)?.key().prove(&nonce) }))
}

/// Runs a command. Once its body is read, it is run even if whoever sent it goes away.
pub(super) async fn operate(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<impl IntoResponse + use<>, Failure> {
    let (parts, body) = request.into_parts();
    let user = caller(&parts.extensions)?.operator().ok_or_else(|| Failure::of(Code::WrongClass))?.to_owned();
    let trace = Trace::of(&parts.extensions)?;
    let operator = operator(&app)?;
    let room = app.room.wait(&body, MAX_COMMAND_BYTES).await?;
    let body = body::read(body, MAX_COMMAND_BYTES, &app.config.limits).await?;
    let (canaries, begun) = (app.config.canaries.clone(), Arc::clone(&trace));
    let run = move || {
        let _room = room;
        if let Some(canaries) = canaries {
            // What cannot be read again is told of by whoever looks at the file all the time.
            drop(canaries.refresh());
            begun.begins_with(canaries.guard());
        }
        Ok(operator.run(&Command { user, body }))
    };
    let done = app.commands.run(None, run).await?;
    if let Some(tenant) = &done.tenant {
        trace.is_in(tenant);
        trace.is_for(&done.principal.map_or(Asker::Admin, Asker::Principal));
        if done.is_deleted {
            app.idempotency.forget_tenant(tenant);
        }
    }
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], done.body))
}

fn operator(app: &App) -> Result<Operator, Failure> {
    app.config.operator.clone().ok_or_else(|| Failure::of(Code::NoSuchRoute))
}
