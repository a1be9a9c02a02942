//! The data directory and the tenant that a command is about.

use std::{ops::Deref, path::Path, sync::Arc};

use ticketscope_engine::{
    CheckpointError, Engine, Tenant,
    storage::{DataDir, DataDirError, TenantId},
};

use crate::{data::Data, exit::Exit, failure::Failure, lock_holder};

/// A data directory that is open for a command.
#[derive(Debug)]
pub(crate) struct Opened {
    engine: Arc<Engine>,
    /// Whether it is open for this command alone.
    is_own: bool,
}

impl Opened {
    /// Closes it well, unless it is open for others too.
    pub(crate) fn close(&self) -> Result<(), CheckpointError> {
        if self.is_own { self.engine.close() } else { Ok(()) }
    }

    /// It alone.
    pub(crate) fn into_engine(self) -> Arc<Engine> {
        self.engine
    }
}

impl Deref for Opened {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// Opens a data directory, which is made if it is not there.
pub(crate) fn data_dir(data: &Data) -> Result<Opened, Failure> {
    if let Some(held) = data.held() {
        return Ok(Opened { engine: Arc::clone(&held.engine), is_own: false });
    }
    let engine = Engine::open(&**data).map_err(|error| refused(data, error))?;
    Ok(Opened { engine: Arc::new(engine), is_own: true })
}

/// Why a data directory cannot be had; of one that is in use, by whom.
pub(crate) fn refused(data: &Path, error: DataDirError) -> Failure {
    let holder = match &error {
        DataDirError::Locked(_) => lock_holder::holder(&data.join("LOCK")),
        _ => None,
    };
    let failure = Failure::from(error);
    match holder {
        Some(pid) => failure.hint(format!("process {pid} uses it")),
        None => failure,
    }
}

/// Opens a data directory that is there: a command that only reads must leave a mistyped path alone.
pub(crate) fn existing_data_dir(data: &Data) -> Result<Opened, Failure> {
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
pub(crate) fn tenant(data: &Data, id: &TenantId) -> Result<Arc<Tenant>, Failure> {
    let engine = existing_data_dir(data)?;
    tenant_of(&engine, id)
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
