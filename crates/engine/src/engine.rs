use std::{collections::HashMap, path::Path, sync::Arc};

use parking_lot::Mutex;
use query::DEFAULT_SCOPE_BYTES;
use storage::{CreateError, DataDir, DataDirError, DeleteError, FileError, OpenError, TenantId};
use thiserror::Error;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::tenant::{CheckpointError, Tenant, TenantOpenError};

/// What can be chosen when a data directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Log written since the last mapped snapshot, in bytes, after which the next one is written in the background:
    /// about what an opening after a crash has to replay at most. Smaller means more writing and faster opening.
    pub checkpoint_log_bytes: u64,
    /// Tenants kept open at most, but for those that somebody holds. The one asked for longest ago is closed first; it
    /// opens again when it is asked for.
    pub max_open_tenants: usize,
    /// Bytes that the kept scopes of each tenant take at most, with the orders and facets that were asked of them. The ones
    /// asked for longest ago leave first and are evaluated anew when they are asked for; the one asked for last stays
    /// whatever it takes. Smaller means less memory and more questions that wait for an evaluation.
    pub scope_bytes: usize,
}

impl Default for Options {
    /// A mapped snapshot for every 64 MiB of log, 256 open tenants, and [`DEFAULT_SCOPE_BYTES`] of kept scopes in each.
    fn default() -> Self {
        Self { checkpoint_log_bytes: 64 << 20, max_open_tenants: 256, scope_bytes: DEFAULT_SCOPE_BYTES }
    }
}

/// A data directory, open: tenants by name, each opened at first use.
#[derive(Debug)]
pub struct Engine {
    data: DataDir,
    options: Options,
    open: Mutex<OpenTenants>,
}

/// The open tenants, each with the number of the question that last asked for it.
#[derive(Debug, Default)]
struct OpenTenants {
    by_id: HashMap<TenantId, (Arc<Tenant>, u64)>,
    asked: u64,
}

impl OpenTenants {
    fn get(&mut self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.asked += 1;
        let (tenant, asked) = self.by_id.get_mut(id)?;
        *asked = self.asked;
        Some(Arc::clone(tenant))
    }

    /// Adds a tenant and closes those that are too many, as far as nobody holds them.
    fn insert(&mut self, tenant: &Arc<Tenant>, max: usize) {
        self.asked += 1;
        self.by_id.insert(tenant.id().clone(), (Arc::clone(tenant), self.asked));
        while self.by_id.len() > max.max(1) {
            let idle = self.by_id.iter().filter(|(_, (tenant, _))| Arc::strong_count(tenant) == 1);
            let Some(id) = idle.min_by_key(|(_, (_, asked))| *asked).map(|(id, _)| id.clone()) else { return };
            let Some((tenant, asked)) = self.by_id.remove(&id) else { return };
            // One that cannot be closed stays open, and says in its stats why its snapshot is not written.
            if tenant.close().is_err() {
                self.by_id.insert(id, (tenant, asked));
                return;
            }
        }
    }
}

/// Why a tenant cannot be had.
#[derive(Debug, Error)]
pub enum TenantError {
    /// There is none of that name.
    #[error("no tenant `{0}`")]
    NoSuchTenant(TenantId),
    /// It cannot be opened.
    #[error("open tenant `{id}`")]
    Open {
        /// Its name.
        id: TenantId,
        /// Why not.
        source: Box<TenantOpenError>,
    },
    /// It cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It cannot be deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// It is in use.
    #[error("tenant `{0}` is in use; try again when nothing uses it")]
    InUse(TenantId),
}

impl Engine {
    /// Opens a data directory, which is made if it is not there. One process at a time may.
    ///
    /// # Errors
    /// [`DataDirError`], in particular that another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        Self::open_with(path, Options::default())
    }

    /// [`Self::open`] with other options than the default ones.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, DataDirError> {
        Ok(Self { data: DataDir::open(path)?, options, open: Mutex::default() })
    }

    /// The names of all tenants, sorted.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be read.
    pub fn tenants(&self) -> Result<Vec<TenantId>, FileError> {
        self.data.tenants()
    }

    /// Whether there is a tenant of that name.
    pub fn has_tenant(&self, id: &TenantId) -> bool {
        self.data.exists(id)
    }

    /// The tenant of that name, opened if it was not.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`], or why it cannot be opened.
    pub fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.open_locked(&mut self.open.lock(), id)
    }

    /// One thread at a time opens and creates, so that two who ask at once get the same tenant.
    fn open_locked(&self, open: &mut OpenTenants, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        if let Some(tenant) = open.get(id).filter(|tenant| !tenant.is_poisoned()) {
            return Ok(tenant);
        }
        // A poisoned tenant must be gone before its files can be opened again.
        open.by_id.remove(id);
        if !self.data.exists(id) {
            return Err(TenantError::NoSuchTenant(id.clone()));
        }
        let failed = |source: TenantOpenError| TenantError::Open { id: id.clone(), source: Box::new(source) };
        let store = self.data.open_tenant(id).map_err(|error| failed(OpenError::into(error)))?;
        let tenant = Arc::new(Tenant::open(id.clone(), store, self.options).map_err(failed)?);
        open.insert(&tenant, self.options.max_open_tenants);
        Ok(tenant)
    }

    fn create_locked(&self, open: &mut OpenTenants, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        let store = self.data.create(id)?;
        let failed = |source| TenantError::Open { id: id.clone(), source: Box::new(source) };
        let tenant = Arc::new(Tenant::open(id.clone(), store, self.options).map_err(failed)?);
        open.insert(&tenant, self.options.max_open_tenants);
        Ok(tenant)
    }

    /// Makes an empty tenant and opens it.
    ///
    /// # Errors
    /// [`TenantError::Create`] if there is one of that name.
    pub fn create_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.create_locked(&mut self.open.lock(), id)
    }

    /// The tenant of that name, made if there is none.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn tenant_or_create(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        let mut open = self.open.lock();
        if self.data.exists(id) { self.open_locked(&mut open, id) } else { self.create_locked(&mut open, id) }
    }

    /// Deletes a tenant and everything in it.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`]; [`TenantError::InUse`] while somebody holds it.
    pub fn delete_tenant(&self, id: &TenantId) -> Result<(), TenantError> {
        if !self.data.exists(id) {
            return Err(TenantError::NoSuchTenant(id.clone()));
        }
        let mut open = self.open.lock();
        if let Some((tenant, asked)) = open.by_id.remove(id)
            && let Err(tenant) = Arc::try_unwrap(tenant)
        {
            open.by_id.insert(id.clone(), (tenant, asked));
            return Err(TenantError::InUse(id.clone()));
        }
        Ok(self.data.delete(id)?)
    }

    /// Closes every open tenant so that the next opening is fast.
    ///
    /// # Errors
    /// The first [`CheckpointError`]; nothing acknowledged is lost.
    pub fn close(&self) -> Result<(), CheckpointError> {
        self.open.lock().by_id.drain().map(|(_, (tenant, _))| tenant.close()).fold(Ok(()), Result::and)
    }
}
