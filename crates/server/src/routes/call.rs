//! From a request to a question that may be asked: who asks, which tenant, with which parameters, in whose scope.
//!
//! The order is the point. Nothing of a request is looked at before its asker is known, and nothing of a tenant before
//! it is known that the asker may name it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, request::Parts},
};
use serde::de::DeserializeOwned;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Opstamp;

use crate::{
    app::App,
    auth::{Asker, Caller},
    body,
    code::Code,
    failure::Failure,
    params::{self, Scoped},
};

/// A question in somebody's scope.
#[derive(Debug)]
pub(super) struct Question<P> {
    pub(super) tenant: TenantId,
    pub(super) asker: Asker,
    pub(super) params: P,
    /// The batch that the answer must show.
    pub(super) position: Option<Opstamp>,
    /// The parameters that stand in the path.
    pub(super) path: HashMap<String, String>,
}

/// A question that only an admin may ask.
#[derive(Debug)]
pub(super) struct AdminQuestion<P> {
    pub(super) tenant: TenantId,
    pub(super) params: P,
    pub(super) position: Option<Opstamp>,
    pub(super) path: HashMap<String, String>,
}

impl<P: DeserializeOwned + Scoped> FromRequest<Arc<App>> for Question<P> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let Asked { caller, tenant, path, headers, position, params } = ask::<P>(request, app, Caller::may_ask).await?;
        let asker = caller.asker(&headers, params.named(), params.as_admin())?;
        Ok(Self { tenant, asker, params, position, path })
    }
}

impl<P: DeserializeOwned> FromRequest<Arc<App>> for AdminQuestion<P> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let Asked { tenant, path, position, params, .. } = ask::<P>(request, app, Caller::may_administer).await?;
        Ok(Self { tenant, params, position, path })
    }
}

struct Asked<P> {
    caller: Caller,
    tenant: TenantId,
    path: HashMap<String, String>,
    headers: HeaderMap,
    position: Option<Opstamp>,
    params: P,
}

async fn ask<P: DeserializeOwned>(
    request: Request,
    app: &App,
    may: impl Fn(&Caller) -> Result<(), Failure>,
) -> Result<Asked<P>, Failure> {
    let (mut parts, body) = request.into_parts();
    let (caller, tenant, path) = enter(&mut parts, app, may).await?;
    let position = app.positions.asked(&parts.headers, &tenant, caller.is_admin())?;
    let params = if params::are_in_body(&parts.method, &parts.uri, &parts.headers)? {
        let limits = &app.config.limits;
        params::of_body(&body::read(body, limits.question_bytes, limits.body_pause).await?)?
    } else {
        params::of_uri(&parts.uri)?
    };
    Ok(Asked { caller, tenant, path, headers: parts.headers, position, params })
}

/// Who asks, and the tenant that the path names, if they may do that there.
///
/// # Errors
/// [`Code::Unauthenticated`], [`Code::WrongClass`], [`Code::NoSuchTenant`], in this order.
pub(super) async fn enter(
    parts: &mut Parts,
    app: &App,
    may: impl Fn(&Caller) -> Result<(), Failure>,
) -> Result<(Caller, TenantId, HashMap<String, String>), Failure> {
    let caller = app.config.access.caller(&parts.headers, app.config.clock.now())?;
    may(&caller)?;
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await;
    let Path(path) = path.or(Err(Failure::of(Code::NoSuchTenant)))?;
    let tenant = caller.tenant(path.get("tenant").map_or("", String::as_str))?;
    Ok((caller, tenant, path))
}
