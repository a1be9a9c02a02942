//! From a request to a question that may be asked: who asks, which tenant, with which parameters, in whose scope.
//!
//! The order is the point. Nothing of a request is looked at before its asker is known, and nothing of a tenant before
//! it is known that the asker may name it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{Extensions, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ticketscope_engine::storage::TenantId;

use crate::{
    app::App,
    ask::Showing,
    auth::{Asker, Caller},
    body,
    code::Code,
    cost::Costed,
    failure::Failure,
    params::{self, Scoped, Wait},
    position::{self, Position},
    reply::Asking,
    trace::Trace,
};

/// A question in somebody's scope.
#[derive(Debug)]
pub(super) struct Question<P> {
    pub(super) tenant: TenantId,
    pub(super) asker: Asker,
    pub(super) params: P,
    pub(super) showing: Showing,
    pub(super) asking: Asking,
    /// The parameters that stand in the path.
    pub(super) path: HashMap<String, String>,
}

/// A question in somebody's scope that only an admin may ask.
#[derive(Debug)]
pub(super) struct AdminScopedQuestion<P>(pub(super) Question<P>);

/// A question that only an admin may ask, in nobody's scope.
#[derive(Debug)]
pub(super) struct AdminQuestion<P> {
    pub(super) tenant: TenantId,
    pub(super) params: P,
    pub(super) showing: Showing,
    pub(super) path: HashMap<String, String>,
}

impl<P: DeserializeOwned + Scoped + Costed + Send> FromRequest<Arc<App>> for Question<P> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        ask::<P>(request, app, Caller::may_ask).await?.scoped(app).await
    }
}

impl<P: DeserializeOwned + Scoped + Costed + Send> FromRequest<Arc<App>> for AdminScopedQuestion<P> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let asked = ask::<P>(request, app, Caller::may_administer).await?;
        let trace = Arc::clone(&asked.trace);
        let question = asked.scoped(app).await?;
        // Estimates and postings are of the whole tenant, whoever is asked as.
        trace.is_for(&Asker::Admin);
        Ok(Self(question))
    }
}

impl<P: DeserializeOwned + Costed + Send> FromRequest<Arc<App>> for AdminQuestion<P> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let asked = ask::<P>(request, app, Caller::may_administer).await?;
        asked.trace.is_for(&Asker::Admin);
        app.record(&asked.trace, asked.resource()).await?;
        let Asked { tenant, path, position, params, .. } = asked;
        Ok(Self { tenant, params, showing: Showing { position, text: false }, path })
    }
}

/// A question that is read, but not paid for, and in nobody's scope yet.
pub(super) struct Asked<P> {
    pub(super) trace: Arc<Trace>,
    pub(super) caller: Caller,
    pub(super) tenant: TenantId,
    path: HashMap<String, String>,
    pub(super) parts: Parts,
    pub(super) position: Option<Position>,
    pub(super) params: P,
    /// As they were written.
    written: Map<String, Value>,
}

impl<P> Asked<P> {
    /// What a record says the question was.
    fn resource(&self) -> Map<String, Value> {
        let of_path = self.path.iter().filter(|(name, _)| *name != "tenant");
        let of_path = of_path.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        self.written.clone().into_iter().chain(of_path).collect()
    }
}

impl<P: Scoped + Costed> Asked<P> {
    async fn scoped(self, app: &Arc<App>) -> Result<Question<P>, Failure> {
        let asker = self.caller.asker(&self.parts.headers, self.params.named(), self.params.as_admin())?;
        self.trace.is_for(&asker);
        match &asker {
            Asker::Principal(id) if !self.caller.is_admin() => app.sample(&self.trace, id),
            Asker::Principal(id) => {
                let mut resource = self.resource();
                resource.insert("as".to_owned(), Value::from(id.as_str()));
                app.record(&self.trace, resource).await?;
            }
            Asker::Admin => {
                app.record(&self.trace, self.resource()).await?;
            }
        }
        let Self { tenant, path, parts, position, params, .. } = self;
        let text = waits_for_words(params.wait(), position)?;
        let asking = Asking::new(app, &parts, &tenant, &asker);
        Ok(Question { tenant, asker, params, showing: Showing { position, text }, asking, path })
    }
}

/// Whether a question that says `wait` is answered once the words of `position` are found.
///
/// # Errors
/// [`Code::BadParameter`] without a position: of everything that happened in the tenant the asker may not even know whether
/// there is anything.
pub(super) fn waits_for_words(wait: Option<Wait>, position: Option<Position>) -> Result<bool, Failure> {
    let text = wait == Some(Wait::Text);
    if text && position.is_none() {
        let message = format!("`wait=text` is for the words of a position: send one in {}", position::HEADER);
        return Err(Failure::new(Code::BadParameter, message));
    }
    Ok(text)
}

async fn ask<P: DeserializeOwned + Costed>(
    request: Request,
    app: &App,
    may: impl Fn(&Caller) -> Result<(), Failure>,
) -> Result<Asked<P>, Failure> {
    let asked = read::<P>(request, app, may).await?;
    app.costs.charge(&asked.caller, asked.params.cost())?;
    Ok(asked)
}

/// Reads a request up to its parameters.
///
/// # Errors
/// Those of [`enter`], of the position and of the parameters, in this order.
pub(super) async fn read<P: DeserializeOwned>(
    request: Request,
    app: &App,
    may: impl Fn(&Caller) -> Result<(), Failure>,
) -> Result<Asked<P>, Failure> {
    let (mut parts, body) = request.into_parts();
    let (caller, tenant, path) = enter(&mut parts, may).await?;
    let trace = Trace::of(&parts.extensions)?;
    let position = app.positions.asked(&parts.headers, &tenant, caller.is_admin())?;
    let (params, written): (P, _) = if params::are_in_body(&parts.method, &parts.uri, &parts.headers)? {
        let limits = &app.config.limits;
        let body = body::read(body, limits.question_bytes, limits).await?;
        trace.has_body(&body);
        (params::of_body(&body)?, params::written_in_body(&body))
    } else {
        (params::of_uri(&parts.uri)?, params::written_in_uri(&parts.uri))
    };
    Ok(Asked { trace, caller, tenant, path, parts, position, params, written })
}

/// Whom the gate let in.
///
/// # Errors
/// [`Code::Unauthenticated`] if there was no gate.
pub(super) fn caller(extensions: &Extensions) -> Result<Caller, Failure> {
    extensions.get().cloned().ok_or_else(|| Failure::of(Code::Unauthenticated))
}

/// Who asks, and the tenant that the path names, if they may do that there.
///
/// # Errors
/// [`Code::Unauthenticated`], [`Code::WrongClass`], [`Code::NoSuchTenant`], in this order.
pub(super) async fn enter(
    parts: &mut Parts,
    may: impl Fn(&Caller) -> Result<(), Failure>,
) -> Result<(Caller, TenantId, HashMap<String, String>), Failure> {
    let caller = caller(&parts.extensions)?;
    may(&caller)?;
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await;
    let Path(path) = path.or(Err(Failure::of(Code::NoSuchTenant)))?;
    let tenant = caller.tenant(path.get("tenant").map_or("", String::as_str))?;
    Trace::of(&parts.extensions)?.is_in(&tenant);
    Ok((caller, tenant, path))
}
