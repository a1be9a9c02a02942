use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use query::DEFAULT_SCOPE_BYTES;
use storage::{
    CreateError, DataDir, DataDirError, DeleteError, FileError, OpenError, Store, TenantId,
    disk::{Disk, SystemDisk},
};
use thiserror::Error;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    room::{Full, Outside, Room, Use},
    scrubber::Scrubber,
    tenant::{CheckpointError, Tenant, TenantOpenError},
    trouble::{Closed, Fatal, FatalError, Trouble},
};

/// The default of [`Options::reserve_bytes`].
const RESERVE_BYTES: u64 = 512 << 20;

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
    /// Bytes that are kept free on the disk, but never more than a twentieth of it. With fewer left, batches and new tenants
    /// are refused as [`Full`]; text indexes and mapped snapshots, which hold what was acknowledged, are written down to half
    /// of it, and batches that only remove or erase down to a quarter. With 0 only the disk itself refuses.
    pub reserve_bytes: u64,
    /// The longest time that anything on the disk of an open tenant stays unread: everything is read again, slowly, by one
    /// thread for all tenants, so that what rots is found before it is asked for. Zero for never.
    pub scrub_interval: Duration,
}

/// What all tenants of an engine share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) room: Room,
    pub(crate) fatal: Fatal,
}

impl Default for Options {
    /// A mapped snapshot for every 64 MiB of log, 256 open tenants, [`DEFAULT_SCOPE_BYTES`] of kept scopes in each, 512 MiB
    /// kept free on the disk, and everything read again within a day.
    fn default() -> Self {
        Self {
            checkpoint_log_bytes: 64 << 20,
            max_open_tenants: 256,
            scope_bytes: DEFAULT_SCOPE_BYTES,
            reserve_bytes: RESERVE_BYTES,
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

    /// The tenant of that name, opened if it was not.
    ///
    /// # Errors
    /// [`TenantError::NoSuchTenant`], or why it cannot be opened.
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
        Ok(self.data.create(id)?)
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
            self.data.open_tenant(id).map_err(|error| self.failed(id, OpenError::into(error)))?
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
        self.data.delete(id)?;
        self.open.lock().damaged.remove(id);
        Ok(())
    }

    /// Why a tenant was not opened; one that is damaged is remembered.
    fn failed(&self, id: &TenantId, source: TenantOpenError) -> TenantError {
        let source = Arc::new(source);
        match Trouble::of_opening(&source) {
            Trouble::Damaged(_) => drop(self.open.lock().damaged.insert(id.clone(), Arc::clone(&source))),
            Trouble::Fatal(cause) => drop(self.common.fatal.set(FatalError { tenant: id.clone(), cause })),
            Trouble::Full | Trouble::Other => {}
        }
        TenantError::Open { id: id.clone(), source }
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
                        assert_eq!((tenant.id(), tenant.closed()), (name, None));
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
