use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use query::DEFAULT_SCOPE_BYTES;
use storage::{CreateError, DataDir, DataDirError, DeleteError, FileError, OpenError, Store, TenantId};
use thiserror::Error;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    scrubber::Scrubber,
    tenant::{CheckpointError, Tenant, TenantOpenError},
};

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
    /// whatever it takes. Smaller means less memory and more questions that wait for an evaluation. However many bytes there
    /// are, no more than [`query::MAX_SCOPES`] are kept.
    pub scope_bytes: usize,
    /// The longest time that anything on the disk of an open tenant stays unread: everything is read again, slowly, by one
    /// thread for all tenants, so that what rots is found before it is asked for. Zero for never.
    pub scrub_interval: Duration,
}

impl Default for Options {
    /// A mapped snapshot for every 64 MiB of log, 256 open tenants, [`DEFAULT_SCOPE_BYTES`] of kept scopes in each, and
    /// everything read again within a day.
    fn default() -> Self {
        Self {
            checkpoint_log_bytes: 64 << 20,
            max_open_tenants: 256,
            scope_bytes: DEFAULT_SCOPE_BYTES,
            scrub_interval: Duration::from_hours(24),
        }
    }
}

/// A data directory, open: tenants by name, each opened at first use.
///
/// Who opens, makes or closes a tenant keeps only those waiting who want the same one.
#[derive(Debug)]
pub struct Engine {
    data: DataDir,
    options: Options,
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
        Ok(Self {
            data: DataDir::open(path)?,
            options,
            open: Mutex::default(),
            free: Condvar::new(),
            scrubber: Arc::default(),
        })
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

    /// The tenant of that name, opened if it was not.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`], or why it cannot be opened.
    pub fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.tenant_or(id, || Err(TenantError::NoSuchTenant(id.clone())))
    }

    /// The tenant of that name if it is open.
    pub fn open_tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.open.lock().get(id)
    }

    /// Makes an empty tenant and opens it.
    ///
    /// # Errors
    /// [`TenantError::Create`] if there is one of that name.
    pub fn create_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        let _turn = self.turn(id);
        self.opened(id, self.data.create(id)?)
    }

    /// The tenant of that name, made if there is none.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn tenant_or_create(&self, id: &TenantId) -> Result<Arc<Tenant>, TenantError> {
        self.tenant_or(id, || Ok(self.data.create(id)?))
    }

    /// The tenant of that name, from what `make` gives if there is none. Two who ask at once get the same one.
    fn tenant_or(
        &self,
        id: &TenantId,
        make: impl FnOnce() -> Result<Store, TenantError>,
    ) -> Result<Arc<Tenant>, TenantError> {
        let mut open = self.open.lock();
        let _turn = loop {
            if let Some(tenant) = open.get(id).filter(|tenant| !tenant.is_poisoned()) {
                return Ok(tenant);
            }
            if open.busy.insert(id.clone()) {
                break Turn { engine: self, id: id.clone() };
            }
            self.free.wait(&mut open);
        };
        let poisoned = open.by_id.remove(id);
        drop(open);
        // It must be gone before its files can be opened again.
        drop(poisoned);
        let store = if self.data.exists(id) {
            self.data.open_tenant(id).map_err(|error| failed(id, OpenError::into(error)))?
        } else {
            make()?
        };
        self.opened(id, store)
    }

    pub(crate) fn data(&self) -> &DataDir {
        &self.data
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
        let tenant = Tenant::open(id.clone(), store, self.options).map_err(|source| failed(id, source))?;
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
        Ok(self.data.delete(id)?)
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

fn failed(id: &TenantId, source: TenantOpenError) -> TenantError {
    TenantError::Open { id: id.clone(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{self, RecvTimeoutError},
        thread,
        time::Duration,
    };

    use super::*;

    /// How long to wait for what must not come: one that is wrongly let through takes a fraction of it.
    const NEVER: Duration = Duration::from_millis(300);

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn while_one_tenant_is_opened_nobody_waits_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).unwrap();
        for name in ["slow", "cold", "hot"] {
            engine.create_tenant(&id(name)).unwrap();
        }
        engine.close().unwrap();
        let hot = engine.tenant(&id("hot")).unwrap();
        let turn = engine.turn(&id("slow"));
        assert!(Arc::ptr_eq(&engine.tenant(&id("hot")).unwrap(), &hot));
        assert!(engine.tenant(&id("cold")).is_ok());
        assert!(engine.create_tenant(&id("new")).is_ok());
        engine.delete_tenant(&id("new")).unwrap();
        let (told, asked) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..2 {
                let (engine, told) = (&engine, told.clone());
                scope.spawn(move || told.send(engine.tenant(&id("slow")).unwrap()).unwrap());
            }
            assert_eq!(asked.recv_timeout(NEVER).unwrap_err(), RecvTimeoutError::Timeout);
            // Nothing was opened in the meantime.
            assert!(!engine.open.lock().by_id.contains_key(&id("slow")));
            drop(turn);
            let both = [asked.recv().unwrap(), asked.recv().unwrap()];
            assert!(Arc::ptr_eq(&both[0], &both[1]), "two who ask at once get the same tenant");
        });
        assert!(engine.open.lock().busy.is_empty());
    }

    #[test]
    fn closing_waits_for_a_tenant_that_is_being_opened_and_closes_it_too() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).unwrap();
        for name in ["slow", "hot"] {
            engine.create_tenant(&id(name)).unwrap();
        }
        engine.close().unwrap();
        engine.tenant(&id("hot")).unwrap();
        let (told, closed) = mpsc::channel();
        thread::scope(|scope| {
            let turn = engine.turn(&id("slow"));
            let engine = &engine;
            scope.spawn(move || told.send(engine.close()).unwrap());
            assert_eq!(closed.recv_timeout(NEVER).unwrap_err(), RecvTimeoutError::Timeout);
            let store = engine.data.open_tenant(&id("slow")).unwrap();
            drop(engine.opened(&id("slow"), store).unwrap());
            drop(turn);
            closed.recv().unwrap().unwrap();
        });
        let open = engine.open.lock();
        assert!(open.by_id.is_empty(), "{:?} left open", open.by_id.keys());
    }

    #[test]
    fn memory_is_told_also_while_caches_grow_between_two_looks_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).unwrap();
        let mut stats = engine.create_tenant(&id("acme")).unwrap().stats().unwrap();
        (stats.text.heap_bytes, stats.text.cache_bytes) = (10, 11);
        let of = |name| stats.memory().into_iter().find(|(part, _)| *part == name).unwrap().1.heap;
        assert_eq!((of("text: rows"), of("text: caches")), (0, 11));
    }

    #[test]
    fn tenants_that_are_closed_for_others_are_opened_again_whoever_asks_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { max_open_tenants: 2, ..Options::default() };
        let engine = Engine::open_with(dir.path(), options).unwrap();
        let names: Vec<TenantId> = (0..6).map(|number| id(&format!("tenant-{number}"))).collect();
        for name in &names {
            engine.create_tenant(name).unwrap();
        }
        thread::scope(|scope| {
            for seed in 0..4 {
                let (engine, names) = (&engine, &names);
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    for _ in 0..40 {
                        let name = &names[rng.usize(..names.len())];
                        let tenant = engine.tenant(name).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
                        assert_eq!((tenant.id(), tenant.is_poisoned()), (name, false));
                    }
                });
            }
        });
        // What everybody has let go is closed as soon as another one is opened.
        drop(engine.create_tenant(&id("last")).unwrap());
        let open = engine.open.lock();
        assert!(open.busy.is_empty());
        assert_eq!(open.by_id.len(), 2, "{:?}", open.by_id.keys());
    }
}
