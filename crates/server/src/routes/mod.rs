//! Paths, and what answers them.

mod admin;
mod call;
mod changes;
mod errors;
mod health;
mod questions;

use std::sync::Arc;

use axum::{
    Router, middleware,
    response::IntoResponse,
    routing::{get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{app::App, code::Code, edge::edge, failure::Failure, pool::panic_text};

/// The route of batches, which have a deadline of their own.
pub(crate) const CHANGES: &str = "/v1/tenants/{tenant}/changes";

/// A server without its sockets.
pub(crate) fn router(app: Arc<App>) -> Router {
    inside_the_edge(routes(), app)
}

/// Every route.
fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/tenants", get(admin::tenants))
        .route("/v1/tenants/{tenant}", put(admin::create).delete(admin::delete))
        .route("/v1/tenants/{tenant}/search", get(questions::search).post(questions::search))
        .route("/v1/tenants/{tenant}/count", get(questions::count).post(questions::count))
        .route("/v1/tenants/{tenant}/facets", get(questions::facets).post(questions::facets))
        .route("/v1/tenants/{tenant}/suggest", get(questions::suggest).post(questions::suggest))
        .route("/v1/tenants/{tenant}/explain", get(questions::explain).post(questions::explain))
        .route("/v1/tenants/{tenant}/check", get(questions::check).post(questions::check))
        .route("/v1/tenants/{tenant}/tickets/{id}", get(questions::ticket))
        .route("/v1/tenants/{tenant}/why", get(admin::why).post(admin::why))
        .route("/v1/tenants/{tenant}/who", get(admin::who).post(admin::who))
        .route("/v1/tenants/{tenant}/scopes/{principal}", get(admin::scope))
        .route("/v1/tenants/{tenant}/stats", get(admin::stats))
        .route(CHANGES, post(changes::changes))
        .route("/v1/errors", get(errors::errors))
        .route("/health/livez", get(health::livez))
        .route("/health/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/version", get(health::version))
}

/// What happens to every request before and after its route.
pub(crate) fn inside_the_edge(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(|| async { Failure::of(Code::NoSuchRoute) })
        .layer(CatchPanicLayer::custom(|payload: Box<dyn std::any::Any + Send>| {
            Failure::of(Code::Internal).caused_by(panic_text(&*payload)).into_response()
        }))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), edge))
        .with_state(app)
}
