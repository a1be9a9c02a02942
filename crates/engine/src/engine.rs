use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use storage::{
    CreateError, DataDir, DataDirError, DeleteError, FileError, OpenError, Store, TenantId,
    disk::{Disk, SystemDisk},
};
use thiserror::Error;
use ticketscope_storage as storage;

use crate::{
    checkpoint::CheckpointError,
    options::Options,
    room::{Full, Outside, Room, Use},
    scrubber::Scrubber,
    shared::Common,
    tenant::{Tenant, TenantOpenError},
    trouble::{Closed, Fatal, FatalError, Trouble},
};

/// How long a question for a tenant that was closed under those who use it waits until they let it go. Most do so at once;
/// a dump, or who reads a long answer, may not.
const REOPEN_PATIENCE: Duration = Duration::from_secs(1);

/// A data directory, open: tenants by name, each opened at first use.
///
/// Who opens, makes or closes a tenant keeps only those waiting who want the same one.
#[derive(Debug)]
pub struct Engine {
    data: DataDir,
    options: Options,
    common: Arc<Common>,
    open: Mutex<OpenTenants>,
    /// Told when a tenant is no longer busy.
    free: Condvar,
    scrubber: Arc<Scrubber>,
}

/// The open tenants, each with the number of the question that last asked for it.
#[derive(Debug, Default)]
struct OpenTenants {
    by_id: HashMap<TenantId, (Arc<Tenant>, u64)>,
    asked: u64,
    /// Tenants that are damaged, and how that shows. They are not opened again: that would take long and find the same, or
    /// not look where the damage is.
    damaged: HashMap<TenantId, Arc<TenantOpenError>>,
    /// Tenants whose files a thread is opening, making, closing or deleting: one at a time may.
    busy: HashSet<TenantId>,
}

/// The turn of one thread with the files of one tenant, until it is dropped. Whoever has it does not hold the lock of the
/// open tenants then.
pub(crate) struct Turn<'e> {
    engine: &'e Engine,
    id: TenantId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.engine.open.lock().busy.remove(&self.id);
        self.engine.free.notify_all();
    }
}

impl OpenTenants {
    fn get(&mut self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.asked += 1;
        let (tenant, asked) = self.by_id.get_mut(id)?;
        *asked = self.asked;
        Some(Arc::clone(tenant))
    }

    /// Adds a tenant and takes out those that are too many, as far as nobody holds them: they are busy from now on, and
    /// to be closed.
    fn insert(&mut self, tenant: &Arc<Tenant>, max: usize) -> Vec<(Arc<Tenant>, u64)> {
        self.asked += 1;
        self.by_id.insert(tenant.id().clone(), (Arc::clone(tenant), self.asked));
        let mut idle = Vec::new();
        while self.by_id.len() > max.max(1) {
            let unused = self
                .by_id
                .iter()
                .filter(|(id, (tenant, _))| Arc::strong_count(tenant) == 1 && !self.busy.contains(*id));
            let Some(id) = unused.min_by_key(|(_, (_, asked))| *asked).map(|(id, _)| id.clone()) else { break };
            idle.extend(self.by_id.remove(&id));
            self.busy.insert(id);
        }
        idle
    }
}

/// How many tenants are not as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ailing {
    /// Closed, because what is on disk cannot be trusted.
    pub damaged: usize,
    /// Open, and taking no batches for want of room.
    pub full: usize,
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
        source: Arc<TenantOpenError>,
    },
    /// There is no room for a new one.
    #[error("no tenant is made: {0}")]
    Full(Full),
    /// A disk failed: nothing is opened or made any more until another process does.
    #[error(transparent)]
    Failed(Arc<FatalError>),
    /// It cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It cannot be deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// It is in use.
    #[error("tenant `{0}` is in use; try again when nothing uses it")]
    InUse(TenantId),
    /// It was closed, and is not opened again before nobody uses what was open of it.
    #[error("tenant `{0}` opens again when nobody uses what was open of it; try again")]
    Busy(TenantId),
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
        Self::open_on(Arc::new(SystemDisk), path, options)
    }

    /// [`Self::open_with`] on another disk than that of the system.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_on(disk: Arc<dyn Disk>, path: impl AsRef<Path>, options: Options) -> Result<Self, DataDirError> {
        let outside = Outside::of(path.as_ref().to_owned());
        Self::open_in(disk, path, options, outside)
    }

    /// [`Self::open_on`] with another clock and another measure of room than those of the system.
    pub(crate) fn open_in(
        disk: Arc<dyn Disk>,
        path: impl AsRef<Path>,
        options: Options,
        outside: Outside,
    ) -> Result<Self, DataDirError> {
        let common = Common { room: Room::new(options.reserve_bytes, outside), fatal: Fatal::default() };
        let data = DataDir::open_on(disk, path)?;
        Ok(Self {
            data,
            options,
            common: Arc::new(common),
            open: Mutex::default(),
            free: Condvar::new(),
            scrubber: Arc::default(),
        })
    }

    /// Whether a disk failed, so that this process has to end: nothing is acknowledged any more, in any tenant, and no tenant
    /// is opened again. The snapshots that are open stay exact: they show what was acknowledged, and nothing else.
    pub fn fatal(&self) -> Option<Arc<FatalError>> {
        self.common.fatal.get()
    }

    /// Tells `listener` as soon as a disk fails, on the thread that finds it; at once if one has failed.
    pub fn on_fatal(&self, listener: impl Fn(&Arc<FatalError>) + Send + Sync + 'static) {
        self.common.fatal.tell(Box::new(listener));
    }

    /// How many tenants are found damaged, and how many of the open ones take no batches for want of room.
    pub fn ailing(&self) -> Ailing {
        let open = self.open.lock();
        let count = |is_so: fn(&Tenant) -> bool| open.by_id.values().filter(|(tenant, _)| is_so(tenant)).count();
        let damaged = count(|tenant| matches!(tenant.closed(), Some(Closed::Damaged(_))));
        Ailing { damaged: open.damaged.len() + damaged, full: count(|tenant| tenant.full().is_some()) }
    }

    /// Has `tell` told of damage that is found in the background: the tenant, and what is damaged. What became of it is in
    /// [`crate::Tenant::stats`].
    pub fn tell_damage(&self, tell: impl Fn(&TenantId, &str) + Send + Sync + 'static) {
        self.scrubber.tell(Arc::new(tell));
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

    /// Whether [`Self::tenant`] answers at once: the tenant is open, or known to be none that can be.
    pub fn is_open(&self, id: &TenantId) -> bool {
        let open = self.open.lock();
        let is_held = open.by_id.get(id).is_some_and(|(tenant, _)| tenant.closed() != Some(Closed::Interrupted));
        is_held || open.damaged.contains_key(id) || !self.has_tenant(id)
    }

    /// The tenant of that name, opened if it was not. One that was closed with [`Closed::Interrupted`] is opened again as
    /// soon as nobody uses what was open of it, which is waited for a moment.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`], or why it cannot be opened; [`TenantError::Busy`] if that has to wait longer.
    pub fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.tenant_or(id, || Err(TenantError::NoSuchTenant(id.clone())))
    }

    /// Why a tenant cannot be opened that was found damaged by this process.
    pub fn known_damage(&self, id: &TenantId) -> Option<Arc<TenantOpenError>> {
        self.open.lock().damaged.get(id).cloned()
    }

    /// The tenant of that name if it is open.
    pub fn open_tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.open.lock().get(id)
    }

    /// Makes an empty tenant and opens it.
    ///
    /// # Errors
    /// [`TenantError::Create`] if there is one of that name; [`TenantError::Full`].
    pub fn create_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        let _turn = self.turn(id);
        self.opened(id, self.create(id)?)
    }

    fn create(&self, id: &TenantId) -> Result<Store, TenantError> {
        if let Some(fatal) = self.common.fatal.get() {
            return Err(TenantError::Failed(fatal));
        }
        self.common.room.check(Use::Batch).map_err(TenantError::Full)?;
        let made = self.data.create(id);
        made.inspect_err(|error| self.note(id, Trouble::of_create(error))).map_err(TenantError::Create)
    }

    /// The tenant of that name, made if there is none.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn tenant_or_create(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.tenant_or(id, || self.create(id))
    }

    /// The tenant of that name, from what `make` gives if there is none. Two who ask at once get the same one.
    fn tenant_or(
        &self,
        id: &TenantId,
        make: impl FnOnce() -> Result<Store, TenantError>,
    ) -> Result<Arc<Tenant>, TenantError> {
        let until = Instant::now() + REOPEN_PATIENCE;
        let mut open = self.open.lock();
        let _turn = loop {
            if let Some(tenant) = open.get(id) {
                match tenant.closed() {
                    // After a failed disk the snapshot is answered from until the process ends.
                    None | Some(Closed::Failed(_)) => return Ok(tenant),
                    Some(Closed::Interrupted) => {}
                    Some(Closed::Damaged(what)) => {
                        let known = open.damaged.insert(id.clone(), Arc::new(TenantOpenError::Damaged(what)));
                        let closed = open.by_id.remove(id);
                        MutexGuard::unlocked(&mut open, || drop((tenant, closed, known)));
                        continue;
                    }
                }
            }
            if let Some(source) = open.damaged.get(id) {
                return Err(TenantError::Open { id: id.clone(), source: Arc::clone(source) });
            }
            // Also where a tenant was open before: what is in the page cache need not be on disk.
            if let Some(fatal) = self.common.fatal.get() {
                return Err(TenantError::Failed(fatal));
            }
            if open.busy.insert(id.clone()) {
                break Turn { engine: self, id: id.clone() };
            }
            self.free.wait(&mut open);
        };
        let interrupted = open.by_id.remove(id);
        drop(open);
        // It must be gone before its files can be opened again.
        drop(interrupted);
        let store = if self.data.exists(id) {
            self.data.wait_until_free(id, until.saturating_duration_since(Instant::now()));
            self.data.open_tenant(id).map_err(|error| match error {
                OpenError::AlreadyOpen(id) => TenantError::Busy(id),
                error => self.failed(id, error.into()),
            })?
        } else {
            make()?
        };
        self.opened(id, store)
    }

    pub(crate) fn data(&self) -> &DataDir {
        &self.data
    }

    pub(crate) fn common(&self) -> Arc<Common> {
        Arc::clone(&self.common)
    }

    pub(crate) fn options(&self) -> Options {
        self.options
    }

    /// Waits for the turn with the files of a tenant.
    pub(crate) fn turn(&self, id: &TenantId) -> Turn<'_> {
        let mut open = self.open.lock();
        while !open.busy.insert(id.clone()) {
            self.free.wait(&mut open);
        }
        Turn { engine: self, id: id.clone() }
    }

    /// The tenant in `store`, open from now on; others may be closed for it. The caller has its turn.
    fn opened(&self, id: &TenantId, store: Store) -> Result<Arc<Tenant>, TenantError> {
        let tenant = Tenant::open(id.clone(), store, self.options, Arc::clone(&self.common));
        let tenant = tenant.map_err(|source| self.failed(id, source))?;
        if self.options.scrub_interval > Duration::ZERO {
            tenant.watch(&self.scrubber);
        }
        let tenant = Arc::new(tenant);
        let idle = self.open.lock().insert(&tenant, self.options.max_open_tenants);
        let turn = |tenant: &Tenant| Turn { engine: self, id: tenant.id().clone() };
        let idle: Vec<_> = idle.into_iter().map(|(tenant, asked)| (turn(&tenant), tenant, asked)).collect();
        for (turn, tenant, asked) in idle {
            // One that cannot be closed stays open, and says in its stats why its snapshot is not written.
            if tenant.close().is_err() {
                self.open.lock().by_id.insert(turn.id.clone(), (tenant, asked));
            } else {
                // Its files are free before somebody else's turn with them.
                drop(tenant);
            }
        }
        Ok(tenant)
    }

    /// Deletes a tenant and everything in it.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`]; [`TenantError::InUse`] while somebody holds it.
    pub fn delete_tenant(&self, id: &TenantId) -> Result<(), TenantError> {
        if !self.data.exists(id) {
            return Err(TenantError::NoSuchTenant(id.clone()));
        }
        let _turn = self.turn(id);
        let mut open = self.open.lock();
        match open.by_id.remove(id).map(|(tenant, asked)| (Arc::try_unwrap(tenant), asked)) {
            Some((Err(tenant), asked)) => {
                open.by_id.insert(id.clone(), (tenant, asked));
                // Before the turn ends, which takes the lock.
                drop(open);
                return Err(TenantError::InUse(id.clone()));
            }
            tenant => {
                drop(open);
                drop(tenant);
            }
        }
        self.data.delete(id).map_err(|error| match error {
            DeleteError::Open(id) => TenantError::InUse(id),
            error => {
                self.note(id, Trouble::of_delete(&error));
                error.into()
            }
        })?;
        self.open.lock().damaged.remove(id);
        Ok(())
    }

    /// Why a tenant was not opened; one that is damaged is remembered.
    fn failed(&self, id: &TenantId, source: TenantOpenError) -> TenantError {
        let source = Arc::new(source);
        match source.trouble() {
            Trouble::Damaged(_) => drop(self.open.lock().damaged.insert(id.clone(), Arc::clone(&source))),
            trouble => self.note(id, trouble),
        }
        TenantError::Open { id: id.clone(), source }
    }

    /// Notes that a disk failed, if that is what the trouble is with a tenant that is not open.
    pub(crate) fn note(&self, id: &TenantId, trouble: Trouble) {
        if let Trouble::Fatal(cause) = trouble {
            self.common.fatal.set(FatalError { tenant: id.clone(), cause });
        }
    }

    /// Closes every open tenant so that the next opening is fast. Waits for those that are being opened, made, closed or
    /// deleted meanwhile; a tenant that is asked for afterwards is opened again.
    ///
    /// # Errors
    /// The first [`CheckpointError`]; nothing acknowledged is lost.
    pub fn close(&self) -> Result<(), CheckpointError> {
        let mut open = self.open.lock();
        // What is being opened or closed is not among the open ones.
        while !open.busy.is_empty() {
            self.free.wait(&mut open);
        }
        open.by_id.drain().map(|(_, (tenant, _))| tenant.close()).fold(Ok(()), Result::and)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.scrubber.stop();
    }
}

#[cfg(test)]
mod tests;
