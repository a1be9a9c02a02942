//! Paths, and what answers them.

mod admin;
mod call;
mod changes;
mod errors;
mod health;
mod multi;
mod operator;
mod questions;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{app::App, auth::Caller, code::Code, edge::edge, failure::Failure, pool::panic_text, trace::Trace};

/// The route of batches, which have a deadline of their own.
pub(crate) const CHANGES: &str = "/v1/tenants/{tenant}/changes";

/// The route of several questions at once.
pub(crate) const MULTI: &str = "/v1/tenants/{tenant}/multi";

/// The route of the operator's commands, which may do what batches do.
pub(crate) const OPERATOR: &str = "/v1/operator";

/// What a known caller pays for coming in, in units, whatever becomes of the request: a refusal is work, too.
pub(crate) const ENTRY: u32 = 1;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// Everybody, without any key.
    Anybody,
    /// Whoever may know what happens in all tenants.
    Observe,
    /// Admins.
    Administer,
    /// The operator of this machine.
    Operate,
    /// Whoever may change a tenant.
    Change,
    /// Whoever may ask in a scope.
    Ask,
}

/// A path that the server answers.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [MethodFilter],
    pub(crate) may: May,
    handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
}

const GET: &[MethodFilter] = &[MethodFilter::GET];
const POST: &[MethodFilter] = &[MethodFilter::POST];
const BOTH: &[MethodFilter] = &[MethodFilter::GET, MethodFilter::POST];

const fn route(
    path: &'static str,
    methods: &'static [MethodFilter],
    may: May,
    handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
) -> Route {
    Route { path, methods, may, handler }
}

/// Every route of a server. There is no other way to have one, and none is entered but by whom it names.
pub(crate) const ROUTES: [Route; 25] = [
    route("/v1/tenants", GET, May::Administer, |by| on(by, admin::tenants)),
    route("/v1/tenants/{tenant}", &[MethodFilter::PUT], May::Administer, |by| on(by, admin::create)),
    route("/v1/tenants/{tenant}", &[MethodFilter::DELETE], May::Administer, |by| on(by, admin::delete)),
    route("/v1/tenants/{tenant}/search", BOTH, May::Ask, |by| on(by, questions::search)),
    route("/v1/tenants/{tenant}/count", BOTH, May::Ask, |by| on(by, questions::count)),
    route("/v1/tenants/{tenant}/facets", BOTH, May::Ask, |by| on(by, questions::facets)),
    route("/v1/tenants/{tenant}/suggest", BOTH, May::Ask, |by| on(by, questions::suggest)),
    route("/v1/tenants/{tenant}/check", BOTH, May::Ask, |by| on(by, questions::check)),
    route("/v1/tenants/{tenant}/fields", GET, May::Ask, |by| on(by, questions::fields)),
    route("/v1/tenants/{tenant}/tickets/{id}", GET, May::Ask, |by| on(by, questions::ticket)),
    route(MULTI, POST, May::Ask, |by| on(by, multi::multi)),
    route("/v1/tenants/{tenant}/explain", BOTH, May::Administer, |by| on(by, questions::explain)),
    route("/v1/tenants/{tenant}/why", BOTH, May::Administer, |by| on(by, admin::why)),
    route("/v1/tenants/{tenant}/who", BOTH, May::Administer, |by| on(by, admin::who)),
    route("/v1/tenants/{tenant}/scopes/{principal}", GET, May::Administer, |by| on(by, admin::scope)),
    route("/v1/tenants/{tenant}/stats", GET, May::Administer, |by| on(by, admin::stats)),
    route("/v1/tenants/{tenant}/sign-out", POST, May::Administer, |by| on(by, admin::sign_out)),
    route(CHANGES, POST, May::Change, |by| on(by, changes::changes)),
    route(OPERATOR, GET, May::Anybody, |by| on(by, operator::prove)),
    route(OPERATOR, POST, May::Operate, |by| on(by, operator::operate)),
    route("/v1/errors", GET, May::Anybody, |by| on(by, errors::errors)),
    route("/health/livez", GET, May::Anybody, |by| on(by, health::livez)),
    route("/health/readyz", GET, May::Anybody, |by| on(by, health::readyz)),
    route("/metrics", GET, May::Observe, |by| on(by, health::metrics)),
    route("/version", GET, May::Anybody, |by| on(by, health::version)),
];

impl May {
    /// # Errors
    /// [`Code::WrongClass`].
    fn check(self, caller: &Caller) -> Result<(), Failure> {
        match self {
            Self::Anybody => Ok(()),
            Self::Observe => caller.may_observe(),
            Self::Administer => caller.may_administer(),
            Self::Operate => caller.may_operate(),
            Self::Change => caller.may_change(),
            Self::Ask => caller.may_ask(),
        }
    }
}

/// A server without its sockets.
pub(crate) fn router(app: Arc<App>) -> Router {
    inside_the_edge(gated(&app), app)
}

/// Every route behind its gate.
fn gated(app: &Arc<App>) -> Router<Arc<App>> {
    let mut router = Router::new();
    for Route { path, methods, may, handler } in ROUTES {
        if let Some(methods) = methods.iter().copied().reduce(MethodFilter::or) {
            let gate = middleware::from_fn_with_state((Arc::clone(app), may), gate);
            router = router.route(path, handler(methods).route_layer(gate));
        }
    }
    router
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

/// Lets in whom the table names; the others learn nothing of the route but that.
async fn gate(
    State((app, may)): State<(Arc<App>, May)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if may != May::Anybody {
        let caller = app.caller(request.headers())?;
        Trace::of(request.extensions())?.is_by(&app.config.access, &caller);
        app.costs.charge(&caller, ENTRY)?;
        may.check(&caller)?;
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}
