//! What becomes known of a request on its way, for its record and for the guard of its answer.

use std::{collections::BTreeSet, sync::Arc};

use axum::http::{Extensions, Method, Uri};
use bytes::Bytes;
use parking_lot::Mutex;
use ticketscope_audit::{Action, Actor};
use ticketscope_canary::{Guard, Sighting};
use ticketscope_engine::storage::TenantId;

use crate::{
    auth::{Access, Asker, Caller, Class},
    code::Code,
    failure::Failure,
    routes::MULTI,
};

/// The most bytes of a path that a record keeps: room for every route with a tenant and an id of the usual length.
pub(crate) const MAX_PATH_BYTES: usize = 512;

/// A request, from its arrival to its answer. Whatever is never learned stays at what lets least be seen.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) request_id: String,
    /// What its route does; nothing for routes that nobody has to account for.
    pub(crate) action: Option<Action>,
    pub(crate) uri: Uri,
    learned: Mutex<Learned>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Learned {
    pub(crate) actor: Option<Actor>,
    /// Who pays.
    pub(crate) caller: Option<Caller>,
    pub(crate) tenant: Option<TenantId>,
    /// In whose scope its answer is; nothing if in that of nobody who may see anything.
    pub(crate) asker: Option<Asker>,
    /// The body of a question.
    pub(crate) body: Bytes,
    /// Words of canaries that the asker sent and may get back.
    pub(crate) sent: BTreeSet<Sighting>,
    /// The canaries as they were known before a command that may have removed some, which its answer names.
    pub(crate) before: Option<Arc<Guard>>,
}

impl Trace {
    pub(crate) fn new(request_id: String, route: &str, method: &Method, uri: Uri) -> Self {
        Self { request_id, action: action(route, method), uri, learned: Mutex::default() }
    }

    /// That of one question of several, which is accounted for as if it had come alone.
    pub(crate) fn of_question(&self, action: Action) -> Self {
        let (request_id, uri) = (self.request_id.clone(), self.uri.clone());
        Self { request_id, action: Some(action), uri, learned: Mutex::new(self.learned()) }
    }

    /// The path, or the beginning of a long one: nobody fills a disk with names.
    pub(crate) fn path_for_records(&self) -> &str {
        let path = self.uri.path();
        &path[..path.floor_char_boundary(MAX_PATH_BYTES)]
    }

    /// That of the request with these extensions.
    ///
    /// # Errors
    /// [`Code::Internal`] if the request did not come in by the edge.
    pub(crate) fn of(extensions: &Extensions) -> Result<Arc<Self>, Failure> {
        extensions.get::<Arc<Self>>().cloned().ok_or_else(|| Failure::of(Code::Internal))
    }

    /// Who the caller is, as records call it.
    pub(crate) fn is_by(&self, access: &Access, caller: &Caller) {
        let actor = match (access, &caller.class) {
            (_, Class::Operator { user }) => Actor::User(user.clone()),
            (Access::Dev, _) => Actor::Dev,
            (_, Class::Agent { principal }) => Actor::Agent(principal.clone()),
            (_, Class::Admin | Class::Ingest | Class::Search | Class::Metrics) => {
                Actor::Key(caller.key.as_deref().unwrap_or_default().to_owned())
            }
        };
        let mut learned = self.learned.lock();
        (learned.actor, learned.caller) = (Some(actor), Some(caller.clone()));
    }

    pub(crate) fn is_in(&self, tenant: &TenantId) {
        self.learned.lock().tenant = Some(tenant.clone());
    }

    /// In whose scope the answer is.
    pub(crate) fn is_for(&self, asker: &Asker) {
        self.learned.lock().asker = Some(asker.clone());
    }

    pub(crate) fn has_body(&self, body: &Bytes) {
        self.learned.lock().body = body.clone();
    }

    pub(crate) fn has_sent(&self, sent: BTreeSet<Sighting>) {
        self.learned.lock().sent.extend(sent);
    }

    /// A command begins, when these canaries are known.
    pub(crate) fn begins_with(&self, canaries: Arc<Guard>) {
        self.learned.lock().before = Some(canaries);
    }

    pub(crate) fn learned(&self) -> Learned {
        self.learned.lock().clone()
    }
}

/// What a route does.
fn action(route: &str, method: &Method) -> Option<Action> {
    if let "/v1/tenants/{tenant}" = route {
        return match *method {
            Method::PUT => Some(Action::TenantCreate),
            Method::DELETE => Some(Action::TenantDelete),
            _ => None,
        };
    }
    Some(match route {
        "/v1/tenants" => Action::Tenants,
        "/v1/tenants/{tenant}/search" => Action::Search,
        "/v1/tenants/{tenant}/count" => Action::Count,
        "/v1/tenants/{tenant}/facets" => Action::Facets,
        "/v1/tenants/{tenant}/suggest" => Action::Suggest,
        MULTI => Action::Multi,
        "/v1/tenants/{tenant}/explain" => Action::Explain,
        "/v1/tenants/{tenant}/check" => Action::Check,
        "/v1/tenants/{tenant}/tickets/{id}" => Action::Ticket,
        "/v1/tenants/{tenant}/why" => Action::Why,
        "/v1/tenants/{tenant}/who" => Action::Who,
        "/v1/tenants/{tenant}/scopes/{principal}" => Action::Scope,
        "/v1/tenants/{tenant}/stats" => Action::Stats,
        "/v1/tenants/{tenant}/fields" => Action::Fields,
        "/v1/tenants/{tenant}/sign-out" => Action::SignOut,
        "/v1/tenants/{tenant}/changes" => Action::Changes,
        "/v1/operator" => Action::Operator,
        "/metrics" => Action::Metrics,
        _ => return None,
    })
}
