use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::{
    CreateError, DataDirError, DeleteError, FileError, Interrupt, OpenError, Store, TenantId, TenantUuid,
    disk::{Disk, DiskLock, SystemDisk, TellsReads, steps},
};

/// Memory that redb uses for the pages of one open tenant, in bytes, unless [`DataDir::with_cache_bytes`] says otherwise.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// The largest database, in bytes, of which every page is checked also after a clean shutdown, unless
/// [`DataDir::with_check_bytes`] says otherwise: some tenths of a second of reading.
pub const DEFAULT_CHECK_BYTES: u64 = 256 << 20;

/// The newest version of the directory layout, which is what is written.
const VERSION: u32 = 2;

const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";
/// What `FORMAT` says before the version.
const FORMAT_NAME: &str = "ticketscope data ";
pub(crate) const TENANTS: &str = "tenants";

/// Names of tenants being created or deleted begin so; no tenant id has a dot.
const CREATING: &str = ".create-";
const TRASH: &str = ".trash-";

/// A directory of tenants, used by one process at a time.
///
/// The directory stays locked until this and every [`Store`] opened from it are dropped.
#[derive(Debug)]
pub struct DataDir {
    shared: Arc<Shared>,
    cache_bytes: usize,
    check_bytes: u64,
    interrupt: Interrupt,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    tenants: PathBuf,
    /// Tenants that are open, being created or being deleted.
    in_use: Mutex<BTreeSet<TenantId>>,
    /// Told when there is one less.
    freed: Condvar,
    _lock: Box<dyn DiskLock>,
}

/// Keeps a tenant's name in use, and the data directory locked.
#[derive(Debug)]
pub(crate) struct Registration {
    shared: Arc<Shared>,
    id: TenantId,
}

impl Registration {
    /// `None` if the name is in use.
    fn new(shared: &Arc<Shared>, id: &TenantId) -> Option<Self> {
        let new = shared.in_use.lock().insert(id.clone());
        new.then(|| Self { shared: Arc::clone(shared), id: id.clone() })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.in_use.lock().remove(&self.id);
        self.shared.freed.notify_all();
    }
}

impl DataDir {
    /// Opens a data directory, makes it if it does not exist, and removes what a crash left of tenants that were being
    /// created or deleted.
    ///
    /// # Errors
    /// [`DataDirError`] if another process uses it, it is of a newer version, or the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        Self::open_on(Arc::new(SystemDisk), path)
    }

    /// [`Self::open`] on another disk than that of the system.
    ///
    /// # Errors
    /// [`DataDirError`] as [`Self::open`].
    pub fn open_on(disk: Arc<dyn Disk>, path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let (disk, root) = (TellsReads::of(disk), path.as_ref());
        if !steps::exists(&*disk, &root.join(FORMAT_FILE))? {
            steps::make_dirs(&*disk, root)?;
        }
        let lock = lock(&*disk, root)?;
        check_format(&*disk, root)?;
        let tenants = root.join(TENANTS);
        steps::make_dir(&*disk, &tenants, root)?;
        for name in steps::names(&*disk, &tenants)? {
            let path = tenants.join(name);
            if is_left_over(&path) {
                steps::remove_tree(&*disk, &path)?;
            }
        }
        // A process before may have ended between making a name and making it durable.
        steps::sync_dir(&*disk, root)?;
        let (in_use, freed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { disk, tenants, in_use, freed, _lock: lock });
        let (cache_bytes, check_bytes) = (DEFAULT_CACHE_BYTES, DEFAULT_CHECK_BYTES);
        Ok(Self { shared, cache_bytes, check_bytes, interrupt: Interrupt::default() })
    }

    /// Sets the memory that redb uses for the pages of each tenant opened from now on.
    #[must_use]
    pub fn with_cache_bytes(self, cache_bytes: usize) -> Self {
        Self { cache_bytes, ..self }
    }

    /// Sets the largest database, in bytes, of which every page is checked at each opening. Of a larger one they are checked
    /// after an unclean end alone; its rows have checksums, but a damaged key may hide one until [`Store::verify`] finds it.
    #[must_use]
    pub fn with_check_bytes(self, check_bytes: u64) -> Self {
        Self { check_bytes, ..self }
    }

    /// What ends [`Self::restore`] early.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The tenants, sorted by id.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn tenants(&self) -> Result<Vec<TenantId>, FileError> {
        tenants_in(&*self.shared.disk, &self.shared.tenants)
    }

    /// The tenants of the data directory at `path` at this moment, sorted by id, whoever uses it: nothing is locked, opened
    /// or made.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn tenants_at(path: impl AsRef<Path>) -> Result<Vec<TenantId>, FileError> {
        tenants_in(&SystemDisk, &path.as_ref().join(TENANTS))
    }

    /// Whether there is a tenant of this name.
    pub fn exists(&self, id: &TenantId) -> bool {
        self.shared.disk.is_dir(&self.path(id))
    }

    /// Makes a tenant. A crash leaves the whole new tenant or none.
    ///
    /// # Errors
    /// [`CreateError`] if there is one of that name, or it cannot be written.
    pub fn create(&self, id: &TenantId) -> Result<Store, CreateError> {
        let mut uuid = TenantUuid([0; 16]);
        getrandom::fill(&mut uuid.0).map_err(CreateError::Random)?;
        self.create_as(id, uuid)
    }

    /// Makes a tenant with a given uuid, which must not be that of any other tenant.
    ///
    /// # Errors
    /// [`CreateError`] as [`Self::create`].
    pub fn create_as(&self, id: &TenantId, uuid: TenantUuid) -> Result<Store, CreateError> {
        let exists = || CreateError::Exists(id.clone());
        let registration = self.register(id).ok_or_else(exists)?;
        if self.exists(id) {
            return Err(exists());
        }
        let (disk, half_made) = (&*self.shared.disk, self.half_made(id)?);
        Store::initialize(disk, &half_made, uuid)?;
        steps::sync_dir(disk, &half_made)?;
        disk.rename(&half_made, &self.path(id)).map_err(steps::failed("rename", &half_made))?;
        Ok(self.open_store(id, registration)?)
    }

    /// Keeps a name in use; nothing if it is.
    pub(crate) fn register(&self, id: &TenantId) -> Option<Registration> {
        Registration::new(&self.shared, id)
    }

    /// An empty directory for a tenant that has no name yet, among the tenants.
    pub(crate) fn half_made(&self, id: &TenantId) -> Result<PathBuf, FileError> {
        let (disk, parent) = (&*self.shared.disk, &self.shared.tenants);
        let half_made = parent.join(format!("{CREATING}{id}"));
        if steps::exists(disk, &half_made)? {
            steps::remove_tree(disk, &half_made)?;
        }
        steps::make_dir(disk, &half_made, parent)?;
        Ok(half_made)
    }

    /// The directory of the tenants, and the disk that it is on.
    pub(crate) fn place(&self) -> (&Arc<dyn Disk>, &Path) {
        (&self.shared.disk, &self.shared.tenants)
    }

    /// Opens a tenant that has no name yet.
    pub(crate) fn open_half_made(&self) -> impl Fn(PathBuf, Arc<Registration>) -> Result<Store, OpenError> + use<> {
        let (disk, cache_bytes, check_bytes) = (Arc::clone(&self.shared.disk), self.cache_bytes, self.check_bytes);
        move |path, registration| Store::open(Arc::clone(&disk), path, cache_bytes, check_bytes, registration)
    }

    /// Opens a tenant. Makes nothing if there is none.
    ///
    /// # Errors
    /// [`OpenError`] if there is none, it is open already, or cannot be trusted.
    pub fn open_tenant(&self, id: &TenantId) -> Result<Store, OpenError> {
        let registration = self.register(id).ok_or_else(|| OpenError::AlreadyOpen(id.clone()))?;
        if !self.exists(id) {
            return Err(OpenError::NoSuchTenant(id.clone()));
        }
        self.open_store(id, registration)
    }

    /// Waits until a tenant is neither open nor being made or deleted, but no longer than `patience`.
    pub fn wait_until_free(&self, id: &TenantId, patience: Duration) {
        let mut in_use = self.shared.in_use.lock();
        self.shared.freed.wait_while_for(&mut in_use, |in_use| in_use.contains(id), patience);
    }

    /// Deletes a tenant that is not open. A crash leaves all of it or nothing.
    ///
    /// # Errors
    /// [`DeleteError`] if there is none, it is open, or the system refuses.
    pub fn delete(&self, id: &TenantId) -> Result<(), DeleteError> {
        let _registration = Registration::new(&self.shared, id).ok_or_else(|| DeleteError::Open(id.clone()))?;
        if !self.exists(id) {
            return Err(DeleteError::NoSuchTenant(id.clone()));
        }
        let (disk, parent) = (&*self.shared.disk, &self.shared.tenants);
        let trash = parent.join(format!("{TRASH}{id}"));
        if steps::exists(disk, &trash)? {
            steps::remove_tree(disk, &trash)?;
        }
        steps::rename_in(disk, parent, &self.path(id), &trash)?;
        steps::remove_tree(disk, &trash)?;
        Ok(steps::sync_dir(disk, parent)?)
    }

    fn open_store(&self, id: &TenantId, registration: Registration) -> Result<Store, OpenError> {
        // Whoever made the tenant, or gave it a new database, may not have lived to make the names durable; what is
        // acknowledged from now on must not go with them.
        let (disk, path) = (&*self.shared.disk, self.path(id));
        steps::sync_dir(disk, &self.shared.tenants)?;
        steps::sync_dir(disk, &path)?;
        Store::open(Arc::clone(&self.shared.disk), path, self.cache_bytes, self.check_bytes, Arc::new(registration))
    }

    pub(crate) fn path(&self, id: &TenantId) -> PathBuf {
        self.shared.tenants.join(id.as_str())
    }
}

/// Whether a crash left this of a tenant that was being created or deleted.
pub(crate) fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(CREATING) || name.starts_with(TRASH)
}

pub(crate) fn tenants_in(disk: &dyn Disk, dir: &Path) -> Result<Vec<TenantId>, FileError> {
    let ids = steps::names(disk, dir)?.into_iter().filter_map(|name| TenantId::parse(&name).ok());
    Ok(ids.filter(|id| disk.is_dir(&dir.join(id.as_str()))).collect())
}

/// Takes the lock; it is released when it is dropped, also by a crash.
fn lock(disk: &dyn Disk, root: &Path) -> Result<Box<dyn DiskLock>, DataDirError> {
    let path = root.join(LOCK_FILE);
    let lock = disk.lock(&path).map_err(steps::failed("lock", &path))?;
    lock.ok_or_else(|| DataDirError::Locked(root.to_owned()))
}

/// Takes the lock, unless there is no file to lock: then nobody has the directory open.
pub(crate) fn lock_if_there(disk: &dyn Disk, root: &Path) -> Result<Option<Box<dyn DiskLock>>, DataDirError> {
    if steps::exists(disk, &root.join(LOCK_FILE))? { lock(disk, root).map(Some) } else { Ok(None) }
}

/// Checks the layout's version, or writes it into a new directory.
fn check_format(disk: &dyn Disk, root: &Path) -> Result<(), DataDirError> {
    if !steps::exists(disk, &root.join(FORMAT_FILE))? && !steps::exists(disk, &root.join(TENANTS))? {
        return Ok(steps::write_whole(disk, root, FORMAT_FILE, format!("{FORMAT_NAME}{VERSION}\n").as_bytes())?);
    }
    check_format_there(disk, root)
}

/// Checks the layout's version.
pub(crate) fn check_format_there(disk: &dyn Disk, root: &Path) -> Result<(), DataDirError> {
    let path = root.join(FORMAT_FILE);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DataDirError::NotADataDir(path));
        }
        Err(error) => return Err(steps::failed("read", &path)(error).into()),
    };
    let Ok(text) = String::from_utf8(bytes) else { return Err(DataDirError::NotADataDir(path)) };
    let version = text.strip_prefix(FORMAT_NAME).and_then(|rest| rest.strip_suffix('\n'));
    match version.and_then(|digits| digits.parse::<u32>().ok()) {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(DataDirError::Newer { path: root.to_owned(), found, known: VERSION }),
        Some(found) if found > 0 => Err(DataDirError::Older { path: root.to_owned(), found, known: VERSION }),
        _ => Err(DataDirError::NotADataDir(path)),
    }
}
