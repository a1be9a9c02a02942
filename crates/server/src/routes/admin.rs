//! Questions and changes of admins.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::Map;
use ticketscope_engine::storage::TenantId;

use super::call::{AdminQuestion, caller, enter};
use crate::{
    answer::{Deleted, Made, ScopeShown, SignedOut, Stats, Tenants, Who, Why},
    app::App,
    ask,
    auth::{Access, Caller},
    code::Code,
    config::Fault,
    failure::Failure,
    params::{NoParams, SignOutParams, WhoParams, WhyParams, of_uri},
    trace::Trace,
};

/// Principals of a page if no number is asked for, and at most.
const DEFAULT_PRINCIPALS: u32 = 100;
const MAX_PRINCIPALS: u32 = 1000;

pub(super) async fn why(State(app): State<Arc<App>>, question: AdminQuestion<WhyParams>) -> Result<Json<Why>, Failure> {
    let AdminQuestion { tenant, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.why(&params.principal, &params.ticket.0)).await.map(Json)
}

pub(super) async fn who(State(app): State<Arc<App>>, question: AdminQuestion<WhoParams>) -> Result<Json<Who>, Failure> {
    let AdminQuestion { tenant, params, showing, .. } = question;
    let limit = params.limit.unwrap_or(DEFAULT_PRINCIPALS);
    if !(1..=MAX_PRINCIPALS).contains(&limit) {
        return Err(Failure::new(Code::PageSize, format!("a page has 1 to {MAX_PRINCIPALS} principals, not {limit}")));
    }
    let answer =
        move |reader: &ask::Reader| Ok(reader.who(&params.ticket.0, params.page_after.as_deref(), limit as usize));
    app.read(tenant, showing, answer).await.map(Json)
}

pub(super) async fn scope(
    State(app): State<Arc<App>>,
    question: AdminQuestion<NoParams>,
) -> Result<Json<ScopeShown>, Failure> {
    let AdminQuestion { tenant, showing, mut path, .. } = question;
    let principal = path.remove("principal").ok_or_else(|| Failure::of(Code::NoSuchPrincipal))?;
    app.read(tenant, showing, move |reader| reader.scope_shown(&principal)).await.map(Json)
}

pub(super) async fn stats(
    State(app): State<Arc<App>>,
    question: AdminQuestion<NoParams>,
) -> Result<Json<Stats>, Failure> {
    let AdminQuestion { tenant, showing, .. } = question;
    app.read(tenant, showing, ask::Reader::stats).await.map(Json)
}

/// The tenants that the key is good for.
pub(super) async fn tenants(State(app): State<Arc<App>>, request: Request) -> Result<Json<Tenants>, Failure> {
    let caller = caller(request.extensions())?;
    caller.may_administer()?;
    let NoParams {} = of_uri(request.uri())?;
    app.record(&*Trace::of(request.extensions())?, Map::new()).await?;
    let engine = Arc::clone(&app.engine);
    let all = app.questions.run(None, move || ask::tenants(&engine)).await?;
    let own = all.into_iter().filter(|id| caller.tenant.as_ref().is_none_or(|own| own == id));
    Ok(Json(Tenants { tenants: own.map(|id| id.to_string()).collect() }))
}

/// Makes a tenant; one that is there stays as it is.
pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Result<(StatusCode, Json<Made>), Failure> {
    let (mut parts, _) = request.into_parts();
    let (_, tenant, _) = match enter(&mut parts, Caller::may_administer).await {
        Err(failure) if failure.code == Code::NoSuchTenant => return Err(unmakeable(&parts, failure)),
        entered => entered?,
    };
    let NoParams {} = of_uri(&parts.uri)?;
    let recorded = app.record(&*Trace::of(&parts.extensions)?, Map::new()).await?;
    let (engine, id) = (Arc::clone(&app.engine), tenant.clone());
    let created = app.batches.run(Some(&tenant), move || ask::create(&engine, &id)).await;
    app.settle(recorded, &created).await;
    let created = created?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Made { tenant: tenant.to_string(), created })))
}

/// To a key for all tenants, a name that no tenant can have is a mistake in the request.
fn unmakeable(parts: &axum::http::request::Parts, failure: Failure) -> Failure {
    let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
    match (caller(&parts.extensions), TenantId::parse(name)) {
        (Ok(Caller { tenant: None, .. }), Err(error)) => Failure::new(Code::BadTenantId, error.to_string()),
        _ => failure,
    }
}

/// Deletes a tenant and everything in it.
pub(super) async fn delete(State(app): State<Arc<App>>, request: Request) -> Result<Json<Deleted>, Failure> {
    let (mut parts, _) = request.into_parts();
    let (_, tenant, _) = enter(&mut parts, Caller::may_administer).await?;
    let NoParams {} = of_uri(&parts.uri)?;
    let recorded = app.record(&*Trace::of(&parts.extensions)?, Map::new()).await?;
    let (engine, id) = (Arc::clone(&app.engine), tenant.clone());
    let (idempotency, canaries) = (app.idempotency.clone(), app.config.canaries.clone());
    let delete = move || {
        ask::delete(&engine, &id)?;
        idempotency.forget_tenant(&id);
        Ok(canaries.map_or(Ok(()), |canaries| canaries.forget(id.as_str())))
    };
    let deleted = app.batches.run(Some(&tenant), delete).await;
    app.settle(recorded, &deleted).await;
    if let Err(error) = deleted? {
        // The tickets are gone with the tenant: words that nobody finds harm nobody.
        app.config.faults.tell(&Fault::of_server("canaries", error.to_string()));
    }
    Ok(Json(Deleted { deleted: tenant.to_string() }))
}

/// Takes back the agent tokens of a principal, or of everybody, that were issued until now.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    question: AdminQuestion<SignOutParams>,
) -> Result<Json<SignedOut>, Failure> {
    let AdminQuestion { tenant, params, .. } = question;
    let SignOutParams { principal, everybody } = params;
    if principal.is_some() == everybody {
        return Err(Failure::new(Code::BadParameter, "name a `principal`, or say `everybody`"));
    }
    let Access::Checked { keys, .. } = &app.config.access else {
        return Err(Failure::new(Code::BadParameter, "in development mode there are no tokens to take back"));
    };
    let (engine, keys, now) = (Arc::clone(&app.engine), Arc::clone(keys), app.config.clock.now());
    let lane = tenant.clone();
    let sign_out = move || {
        if !engine.has_tenant(&tenant) {
            return Err(Failure::of(Code::NoSuchTenant));
        }
        let done = keys.sign_out(&tenant, principal.as_deref(), now);
        done.map_err(|error| Failure::hidden(Code::Storage, &error))?;
        Ok(Json(SignedOut { signed_out: principal }))
    };
    app.batches.run(Some(&lane), sign_out).await
}
