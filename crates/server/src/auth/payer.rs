use std::sync::Arc;

use ticketscope_engine::storage::TenantId;

use super::{Caller, Class};

/// Who pays for a request, and to whom what is held for it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// The key of this id, for all who ask through it.
    Key(Arc<str>),
    /// A principal of a tenant, whatever token it holds.
    Agent(TenantId, String),
}

impl Caller {
    /// Who pays for it; nobody for operators and in development mode.
    pub(crate) fn payer(&self) -> Option<Payer> {
        match (&self.key, &self.class, &self.tenant) {
            (Some(key), ..) => Some(Payer::Key(Arc::clone(key))),
            (None, Class::Agent { principal }, Some(tenant)) => Some(Payer::Agent(tenant.clone(), principal.clone())),
            _ => None,
        }
    }
}
