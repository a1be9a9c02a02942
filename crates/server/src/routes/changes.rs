use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::IntoResponse,
};
use bytes::Bytes;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Opstamp;

use super::call::enter;
use crate::{
    answer::Changed,
    app::App,
    ask::{Applied, Batch, OnRefusal, apply, life, wait_for_text},
    auth::Caller,
    body,
    code::Code,
    cost,
    failure::Failure,
    idempotency::{Begun, check_key},
    params::{ChangesParams, Wait, of_uri},
    position,
    room::Taken,
    trace::Trace,
};

/// The header by which a client names a batch that it may send again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What of the time for a batch is left for its answer when the wait for its words ends.
const FOR_THE_ANSWER: Duration = Duration::from_secs(1);

/// The longest that a thread waits for words without asking whether anybody still wants to know: the client may have gone,
/// and the server may have to stop.
const TURN: Duration = Duration::from_secs(1);

/// Applies a batch of scope-jsonl lines. Once its body is read, it is applied even if the client goes away.
pub(super) async fn changes(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<impl IntoResponse + use<>, Failure> {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let (caller, tenant, _) = enter(&mut parts, Caller::may_change).await?;
    let trace = Trace::of(&parts.extensions)?;
    let ChangesParams { on_refusal, wait } = of_uri(&parts.uri)?;
    check_plain(&parts.headers)?;
    let key = idempotency_key(&parts.headers)?;
    let limits = &app.config.limits;
    let room = app.room.take(caller.payer(), &body, limits.batch_bytes)?;
    let body = (body::read(body, limits.batch_bytes, limits).await?, room);
    app.costs.charge(&caller, cost::of_batch(body.0.len()))?;
    let Applied { opstamp, life, lines, applied, rejected } = run(&app, &trace, &tenant, key, body, on_refusal).await?;
    let searchable = match wait {
        Some(Wait::Text) => {
            let until = began + limits.batch.saturating_sub(FOR_THE_ANSWER);
            Some(becomes_searchable(&app, &tenant, opstamp, until).await)
        }
        None => None,
    };
    let position = app.positions.seal(&tenant, opstamp, life)?;
    let header = HeaderValue::from_str(&position).map_err(|error| Failure::hidden(Code::Internal, &error))?;
    let opstamp = caller.is_admin().then_some(opstamp.0);
    let answer = Changed { opstamp, position, searchable, lines, applied, rejected };
    Ok(([(HeaderName::from_static(position::HEADER), header)], Json(answer)))
}

/// Applies the batch on a thread of its own, unless it was applied under its key before.
async fn run(
    app: &Arc<App>,
    trace: &Arc<Trace>,
    tenant: &TenantId,
    key: Option<String>,
    body: (Bytes, Taken),
    how: OnRefusal,
) -> Result<Applied, Failure> {
    let (app_there, trace, lane) = (Arc::clone(app), Arc::clone(trace), tenant);
    let tenant = tenant.clone();
    let work = move || {
        let (app, (body, _room)) = (app_there, body);
        let outcome = apply_once(&app, &trace, &tenant, key, &body, how);
        let quotes_lines = match &outcome {
            Ok(applied) => !applied.rejected.is_empty(),
            Err(failure) => failure.code == Code::ChangesRejected,
        };
        if let Some(canaries) = app.config.canaries.as_ref().filter(|_| quotes_lines) {
            trace.has_sent(canaries.guard().find(&[&body]));
        }
        outcome
    };
    app.batches.run(Some(lane), work).await
}

fn apply_once(
    app: &App,
    trace: &Trace,
    tenant: &TenantId,
    key: Option<String>,
    body: &Bytes,
    how: OnRefusal,
) -> Result<Applied, Failure> {
    let claim = match key {
        None => None,
        Some(key) => {
            let life = life(&app.engine, tenant)?;
            match app.idempotency.begin(tenant, life, key, fingerprint(body, how), Instant::now())? {
                Begun::Before(applied) => return Ok(applied),
                Begun::New(claim) => Some(claim),
            }
        }
    };
    let batch = Batch::parse(body, app.config.limits.batch_lines)?;
    let recorded = app.record_permissions(trace, &batch)?;
    let applied = apply(&app.engine, tenant, batch, how);
    app.settle_permissions(trace, recorded, applied.as_ref().map(|applied| applied.opstamp.0).ok());
    let applied = applied?;
    app.metrics.changes.inc_by(applied.applied);
    if let Some(claim) = claim {
        claim.finish(applied.clone(), Instant::now());
    }
    Ok(applied)
}

/// Whether the words of a batch that took effect are found before `until`. Nothing that goes wrong with the wait takes
/// back the acknowledgement.
async fn becomes_searchable(app: &App, tenant: &TenantId, opstamp: Opstamp, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let patience = left.min(TURN);
        let (engine, id) = (Arc::clone(&app.engine), tenant.clone());
        match app.batch_waits.run(Some(tenant), move || wait_for_text(&engine, &id, opstamp, patience)).await {
            Ok(true) => return true,
            Ok(false) if patience < left => {}
            Ok(false) | Err(_) => return false,
        }
    }
}

/// A hash of what is sent and of how it is to be applied.
fn fingerprint(body: &[u8], how: OnRefusal) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[match how {
        OnRefusal::Reject => 0,
        OnRefusal::Skip => 1,
    }]);
    hasher.update(body);
    hasher.finalize().into()
}

/// # Errors
/// [`Code::UnsupportedEncoding`]: a compressed body may expand beyond every limit.
fn check_plain(headers: &HeaderMap) -> Result<(), Failure> {
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        Ok(())
    } else {
        Err(Failure::of(Code::UnsupportedEncoding))
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => check_key(value.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(Failure::of(Code::BadIdempotencyKey)),
    }
}
