use std::sync::Arc;

use ticketscope_engine::{Engine, Tenant, storage::TenantId};

use crate::{code::Code, failure::Failure};

pub(super) fn open(engine: &Engine, id: &TenantId) -> Result<Arc<Tenant>, Failure> {
    Ok(engine.tenant(id)?)
}

/// Every tenant, sorted.
///
/// # Errors
/// [`Code::Storage`].
pub(crate) fn list(engine: &Engine) -> Result<Vec<TenantId>, Failure> {
    engine.tenants().map_err(|error| Failure::hidden(Code::Storage, &error))
}

/// Makes a tenant unless there is one of that name; whether it was made.
///
/// # Errors
/// [`Code::Storage`].
pub(crate) fn create(engine: &Engine, id: &TenantId) -> Result<bool, Failure> {
    let is_new = !engine.has_tenant(id);
    engine.tenant_or_create(id)?;
    Ok(is_new)
}

/// Deletes a tenant and everything in it.
///
/// # Errors
/// [`Code::NoSuchTenant`], [`Code::TenantInUse`], [`Code::Storage`].
pub(crate) fn delete(engine: &Engine, id: &TenantId) -> Result<(), Failure> {
    Ok(engine.delete_tenant(id)?)
}
