//! What happens to every request before and after its route: an id, a deadline, the form of errors, headers, metrics.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    middleware::Next,
    response::IntoResponse,
};

use crate::{
    app::{App, new_request_id},
    auth::{Access, check_local},
    brake::Brake,
    code::{Code, Kind},
    failure::Failure,
    held::hold,
    metrics::{Counting, NO_ROUTE},
    pace::Arrival,
    routes::{CHANGES, OPERATOR},
    trace::Trace,
};

/// The header that names a request in its answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn edge(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    request.extensions_mut().insert(Arrival::now());
    let _in_flight = Counting::new(&app.metrics.in_flight);
    let request_id = new_request_id();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| NO_ROUTE.to_owned());
    let trace = Arc::new(Trace::new(request_id.clone(), &route, request.method(), request.uri().clone()));
    request.extensions_mut().insert(Arc::clone(&trace));
    let brake = request.extensions().get::<Arc<Brake>>().cloned();
    let mut is_refused = false;
    let mut response = answer(&app, &route, request, next).await;
    if let Some(failure) = failure_of(&mut response) {
        app.report(&failure, &trace);
        let failure = app.note_refusal(&trace, failure).await;
        if let Kind::Busy | Kind::RateLimit = failure.code.entry().kind {
            app.metrics.refused.inc();
        }
        // Who is over budget has only its own refusals to pay for, and does.
        is_refused = matches!(failure.code, Code::Busy | Code::OverShare);
        let allow = response.headers_mut().remove(header::ALLOW);
        response = failure.render(&request_id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    match brake {
        Some(brake) if is_refused => brake.refused(Instant::now()),
        Some(brake) => brake.answered(),
        None => {}
    }
    let response = match app.guarded(&trace, response).await {
        Ok(response) => response,
        Err(failure) => failure.render(&request_id),
    };
    let (parts, body) = response.into_parts();
    let mut response = match hold(body, || trace.learned().caller?.payer(), &app.answers) {
        Ok(body) => Response::from_parts(parts, body),
        Err(failure) => {
            app.metrics.refused.inc();
            failure.render(&request_id)
        }
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    app.metrics.answered(&route, response.status(), began.elapsed());
    response
}

async fn answer(app: &App, route: &str, request: Request, next: Next) -> Response<Body> {
    if matches!(app.config.access, Access::Dev)
        && let Err(failure) = check_local(request.headers(), request.uri())
    {
        return failure.into_response();
    }
    let limits = &app.config.limits;
    let deadline = if [CHANGES, OPERATOR].contains(&route) { limits.batch } else { limits.question };
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::of(Code::Timeout).into_response(),
    }
}

/// The failure that a response stands for: its own, or that of a status which the router answers by itself.
fn failure_of(response: &mut Response<Body>) -> Option<Failure> {
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        return Some(failure);
    }
    let status = response.status();
    let code = match status {
        StatusCode::NOT_FOUND => Code::NoSuchRoute,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        _ if status.is_client_error() => Code::BadParameter,
        _ if status.is_server_error() => Code::Internal,
        _ => return None,
    };
    Some(Failure::of(code))
}
