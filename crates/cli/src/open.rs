//! The data directory and the tenant that a command is about.

use std::{path::Path, sync::Arc};

use ticketscope_engine::{
    Engine, Tenant,
    storage::{DataDir, DataDirError, TenantId},
};

use crate::{exit::Exit, failure::Failure, lock_holder};

/// Opens a data directory, which is made if it is not there.
pub(crate) fn data_dir(data: &Path) -> Result<Engine, Failure> {
    Engine::open(data).map_err(|error| {
        let holder = match &error {
            DataDirError::Locked(_) => lock_holder::holder(&data.join("LOCK")),
            _ => None,
        };
        let failure = Failure::from(error);
        match holder {
            Some(pid) => failure.hint(format!("process {pid} uses it")),
            None => failure,
        }
    })
}

/// Opens a data directory that is there: a command that only reads must leave a mistyped path alone.
pub(crate) fn existing_data_dir(data: &Path) -> Result<Engine, Failure> {
    require(data)?;
    data_dir(data)
}

/// Whether there is a data directory, without a look at who uses it.
pub(crate) fn require(data: &Path) -> Result<(), Failure> {
    if data.join("FORMAT").exists() || data.join("tenants").exists() {
        return Ok(());
    }
    Err(no_data_dir(data))
}

/// That there is none where one should be.
pub(crate) fn no_data_dir(data: &Path) -> Failure {
    let message = format!("there is no data directory at {}", data.display());
    Failure::new(Exit::Missing, "no_data_dir", message)
        .hint("name it with --data DIR or TICKETSCOPE_DATA, or make one with `ticketscope import`")
}

/// Opens a tenant that is there.
pub(crate) fn tenant(data: &Path, id: &TenantId) -> Result<Arc<Tenant>, Failure> {
    tenant_of(&existing_data_dir(data)?, id)
}

/// Opens a tenant that is there.
pub(crate) fn tenant_of(engine: &Engine, id: &TenantId) -> Result<Arc<Tenant>, Failure> {
    if !engine.has_tenant(id) {
        return Err(no_such_tenant(id, &engine.tenants()?));
    }
    Ok(engine.tenant(id)?)
}

/// Whether there is a tenant, also while a server uses the data directory.
pub(crate) fn require_tenant(data: &Path, id: &TenantId) -> Result<(), Failure> {
    require(data)?;
    let known = DataDir::tenants_at(data)?;
    if known.contains(id) { Ok(()) } else { Err(no_such_tenant(id, &known)) }
}

fn no_such_tenant(id: &TenantId, known: &[TenantId]) -> Failure {
    let failure = Failure::new(Exit::Missing, "no_such_tenant", format!("there is no tenant `{id}`"));
    match ticketscope_model::nearest(id.as_str(), known.iter().map(TenantId::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`ticketscope tenant list` lists the tenants"),
    }
}
