//! What operators and their machines ask. None of it names a tenant.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Extensions, HeaderName, header},
};
use serde::Serialize;

use super::call::caller;
use crate::{app::App, ask, code::Code, failure::Failure};

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
}

/// The process answers.
pub(super) async fn livez() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Questions can be answered: there is a thread for them, the data directory can be read, and no disk has failed. That a
/// tenant is damaged, or the disk full, is no reason to ask another server: it is in the metrics.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Health>, Failure> {
    if let Some(error) = app.engine.fatal() {
        return Err(Failure::hidden(Code::NotReady, &*error));
    }
    let engine = Arc::clone(&app.engine);
    let read = app.questions.run(None, move || ask::tenants(&engine)).await;
    match read {
        Ok(_) => Ok(Json(Health { status: "ok" })),
        Err(failure) => Err(match failure.cause {
            Some(cause) => Failure::of(Code::NotReady).caused_by(cause),
            None => Failure::of(Code::NotReady),
        }),
    }
}

/// Numbers of all tenants together: not for whoever may see only a part of one.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    extensions: Extensions,
) -> Result<([(HeaderName, &'static str); 1], String), Failure> {
    caller(&extensions)?.may_observe()?;
    app.metrics.see(app.engine.ailing());
    let text = app.metrics.text().map_err(|error| Failure::hidden(Code::Internal, &error))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

pub(super) async fn version() -> Json<Version> {
    Json(Version { name: "ticketscope", version: env!("CARGO_PKG_VERSION") })
}
