use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{CreateError, DataDirError, DeleteError, FileError, OpenError, Store, TenantId, TenantUuid, disk};

/// Memory that redb uses for the pages of one open tenant, in bytes, unless [`DataDir::with_cache_bytes`] says otherwise.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

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
}

#[derive(Debug)]
struct Shared {
    tenants: PathBuf,
    /// Tenants that are open, being created or being deleted.
    in_use: Mutex<BTreeSet<TenantId>>,
    _lock: Lock,
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
    }
}

impl DataDir {
    /// Opens a data directory, makes it if it does not exist, and removes what a crash left of tenants that were being
    /// created or deleted.
    ///
    /// # Errors
    /// [`DataDirError`] if another process uses it, it is of a newer version, or the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let root = path.as_ref();
        disk::make_dirs(root)?;
        let lock = lock(root)?;
        check_format(root)?;
        let tenants = root.join(TENANTS);
        disk::make_dir(&tenants, root)?;
        for name in disk::names(&tenants)? {
            let path = tenants.join(name);
            if is_left_over(&path) {
                disk::remove_tree(&path)?;
            }
        }
        let shared = Arc::new(Shared { tenants, in_use: Mutex::new(BTreeSet::new()), _lock: lock });
        Ok(Self { shared, cache_bytes: DEFAULT_CACHE_BYTES })
    }

    /// Sets the memory that redb uses for the pages of each tenant opened from now on.
    #[must_use]
    pub fn with_cache_bytes(self, cache_bytes: usize) -> Self {
        Self { cache_bytes, ..self }
    }

    /// The tenants, sorted by id.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn tenants(&self) -> Result<Vec<TenantId>, FileError> {
        tenants_in(&self.shared.tenants)
    }

    /// The tenants of the data directory at `path` at this moment, sorted by id, whoever uses it: nothing is locked, opened
    /// or made.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn tenants_at(path: impl AsRef<Path>) -> Result<Vec<TenantId>, FileError> {
        tenants_in(&path.as_ref().join(TENANTS))
    }

    /// Whether there is a tenant of this name.
    pub fn exists(&self, id: &TenantId) -> bool {
        self.path(id).is_dir()
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
        let (parent, half_made) = self.half_made(id)?;
        Store::initialize(&half_made, uuid)?;
        disk::sync_dir(&half_made)?;
        disk::rename_in(&parent, &half_made, &self.path(id))?;
        Ok(Store::open(self.path(id), self.cache_bytes, Arc::new(registration))?)
    }

    /// Keeps a name in use; nothing if it is.
    pub(crate) fn register(&self, id: &TenantId) -> Option<Registration> {
        Registration::new(&self.shared, id)
    }

    /// An empty directory for a tenant that has no name yet, and the one above it.
    pub(crate) fn half_made(&self, id: &TenantId) -> Result<(PathBuf, PathBuf), FileError> {
        let parent = self.shared.tenants.clone();
        let half_made = parent.join(format!("{CREATING}{id}"));
        if half_made.exists() {
            disk::remove_tree(&half_made)?;
        }
        disk::make_dir(&half_made, &parent)?;
        Ok((parent, half_made))
    }

    pub(crate) fn cache_bytes(&self) -> usize {
        self.cache_bytes
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
        Store::open(self.path(id), self.cache_bytes, Arc::new(registration))
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
        let parent = &self.shared.tenants;
        let trash = parent.join(format!("{TRASH}{id}"));
        if trash.exists() {
            disk::remove_tree(&trash)?;
        }
        disk::rename_in(parent, &self.path(id), &trash)?;
        disk::remove_tree(&trash)?;
        Ok(disk::sync_dir(parent)?)
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

pub(crate) fn tenants_in(dir: &Path) -> Result<Vec<TenantId>, FileError> {
    let ids = disk::names(dir)?.into_iter().filter_map(|name| TenantId::parse(&name).ok());
    Ok(ids.filter(|id| dir.join(id.as_str()).is_dir()).collect())
}

/// The lock on a data directory, held.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started has a copy of it until it runs its program.
        drop(self.0.unlock());
    }
}

/// Takes the lock; it is released when it is dropped, also by a crash.
fn lock(root: &Path) -> Result<Lock, DataDirError> {
    let path = root.join(LOCK_FILE);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    take(root, &path, file.map_err(disk::failed("open", &path))?)
}

/// Takes the lock, unless there is no file to lock: then nobody has the directory open.
pub(crate) fn lock_if_there(root: &Path) -> Result<Option<Lock>, DataDirError> {
    let path = root.join(LOCK_FILE);
    match disk::open(&path) {
        Ok(file) => take(root, &path, file).map(Some),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn take(root: &Path, path: &Path, file: File) -> Result<Lock, DataDirError> {
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(disk::failed("lock", path)(error).into()),
    }
}

/// Checks the layout's version, or writes it into a new directory.
fn check_format(root: &Path) -> Result<(), DataDirError> {
    if !root.join(FORMAT_FILE).exists() && !root.join(TENANTS).exists() {
        return Ok(disk::write_whole(root, FORMAT_FILE, format!("{FORMAT_NAME}{VERSION}\n").as_bytes())?);
    }
    check_format_there(root)
}

/// Checks the layout's version.
pub(crate) fn check_format_there(root: &Path) -> Result<(), DataDirError> {
    let path = root.join(FORMAT_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            return Err(DataDirError::NotADataDir(path));
        }
        Err(error) => return Err(disk::failed("read", &path)(error).into()),
    };
    let version = text.strip_prefix(FORMAT_NAME).and_then(|rest| rest.strip_suffix('\n'));
    match version.and_then(|digits| digits.parse::<u32>().ok()) {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(DataDirError::Newer { path: root.to_owned(), found, known: VERSION }),
        Some(found) if found > 0 => Err(DataDirError::Older { path: root.to_owned(), found, known: VERSION }),
        _ => Err(DataDirError::NotADataDir(path)),
    }
}
