use std::{
    fmt,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    manifest::{BackedUp, Manifest, hex},
    rows::{self, CopyError, Counts},
};
use crate::{
    DEFAULT_CACHE_BYTES, DataDir, FileError, Interrupt, OpenError, RestoreError, Store, TenantId, TenantUuid,
    backend::create_database,
    data_dir::Registration,
    disk::{Disk, SystemDisk, steps, unread},
    error::Failure,
    files,
    guard::guard_work,
    store::{DATABASE_FILE, begin},
};

/// Files are read through a buffer of this size.
const BUFFER_BYTES: usize = 1 << 20;

/// A backup, to be read.
#[derive(Debug)]
pub struct Backup {
    dir: PathBuf,
    manifest: Manifest,
}

impl Backup {
    /// Opens the backup in the directory `dir`. Only what it says of itself is read, and checked.
    ///
    /// # Errors
    /// [`RestoreError`] if it is none, of a newer version, or damaged.
    pub fn open(dir: &Path) -> Result<Self, RestoreError> {
        Ok(Self { dir: dir.to_owned(), manifest: Manifest::read(dir)? })
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it holds of a tenant.
    ///
    /// # Errors
    /// [`RestoreError::NotInBackup`].
    pub fn find(&self, tenant: &TenantId) -> Result<&BackedUp, RestoreError> {
        let found = self.manifest.tenants.iter().find(|known| known.tenant == *tenant);
        found.ok_or_else(|| RestoreError::NotInBackup(tenant.clone()))
    }
}

/// A tenant that is being restored: it has no name yet, and goes if this is dropped before [`Self::finish`].
pub struct Restoring {
    id: TenantId,
    disk: Arc<dyn Disk>,
    parent: PathBuf,
    temporary: PathBuf,
    target: PathBuf,
    open: Box<dyn Fn(PathBuf, Arc<Registration>) -> Result<Store, OpenError> + Send>,
    is_finished: bool,
    /// Last, so that the name is free again only when nothing is left of it.
    registration: Arc<Registration>,
}

impl DataDir {
    /// Copies the rows of `backed_up` into a tenant that will be called `id`, with a uuid of its own. Every row and the
    /// checksum of the file are checked; to look at the tenant before it gets its name, [`Restoring::open`] it.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing is left of the tenant then.
    pub fn restore(&self, backup: &Backup, backed_up: &BackedUp, id: &TenantId) -> Result<Restoring, RestoreError> {
        let mut uuid = TenantUuid([0; 16]);
        getrandom::fill(&mut uuid.0).map_err(RestoreError::Random)?;
        let exists = || RestoreError::Exists(id.clone());
        let registration = self.register(id).ok_or_else(exists)?;
        if self.exists(id) {
            return Err(exists());
        }
        let temporary = self.half_made(id)?;
        let (disk, parent) = self.place();
        let restoring = Restoring {
            id: id.clone(),
            disk: Arc::clone(disk),
            parent: parent.to_owned(),
            temporary,
            target: self.path(id),
            open: Box::new(self.open_half_made()),
            is_finished: false,
            registration: Arc::new(registration),
        };
        restoring.copy(&backup.dir.join(backed_up.file()), backed_up, uuid, self.interrupt())?;
        Ok(restoring)
    }
}

impl fmt::Debug for Restoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restoring").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Restoring {
    /// The name that it will have.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// Opens the tenant as it will be; one at a time, and closed before [`Self::finish`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self) -> Result<Store, OpenError> {
        (self.open)(self.temporary.clone(), Arc::clone(&self.registration))
    }

    /// Gives it its name, durably.
    ///
    /// # Errors
    /// [`FileError`]; nothing is left of it then, but where the disk failed to make the name durable: then nobody knows.
    pub fn finish(mut self) -> Result<(), FileError> {
        steps::sync_dir(&*self.disk, &self.temporary)?;
        steps::rename_in(&*self.disk, &self.parent, &self.temporary, &self.target)?;
        self.is_finished = true;
        Ok(())
    }

    fn copy(
        &self,
        path: &Path,
        backed_up: &BackedUp,
        uuid: TenantUuid,
        interrupt: &Interrupt,
    ) -> Result<(), RestoreError> {
        let damaged = |what| RestoreError::Rows { path: path.to_owned(), what };
        // The backup is read, and another disk's.
        let of_backup = |error: FileError| FileError { source: unread(error.source), ..error };
        if steps::len(&SystemDisk, path).map_err(of_backup)? != backed_up.bytes {
            return Err(damaged("not as long as the backup says"));
        }
        let file = BufReader::with_capacity(BUFFER_BYTES, files::open(path).map_err(of_backup)?);
        let mut from = Digested { from: file, hash: Xxh3::new() };
        let database = self.temporary.join(DATABASE_FILE);
        let copied = guard_work(|| {
            let database = create_database(&*self.disk, &database, DEFAULT_CACHE_BYTES).map_err(CopyError::Failure)?;
            let transaction = begin(&database)?;
            let copied = rows::read(&mut from, &transaction, uuid, interrupt)?;
            // Nothing may follow that the checksum does not cover.
            let rest = io::copy(&mut from, &mut io::sink())?;
            if rest > 0 {
                return Err(CopyError::Stream("followed by something else"));
            }
            transaction.commit().map_err(|error| CopyError::Failure(error.into()))?;
            database.close().map_err(|error| CopyError::Failure(error.into()))?;
            Ok(copied)
        });
        if matches!(copied, Err(CopyError::Interrupted)) {
            return Err(RestoreError::Interrupted);
        }
        // Where bytes are not those that were written, what they seem to say is beside the point.
        let read_to_its_end = io::copy(&mut from, &mut io::sink()).is_ok();
        if read_to_its_end && hex(from.hash.digest128()) != backed_up.xxh3 {
            return Err(damaged("not what its checksum says"));
        }
        let (Counts { rows, log_rows }, meta) = copied.map_err(|error| match error {
            CopyError::Failure(Failure::Damaged(source)) => RestoreError::Damaged(source),
            CopyError::Failure(Failure::Database(source)) => RestoreError::Database(source),
            CopyError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged("cut off"),
            CopyError::Io(error) => of_backup(steps::failed("read", path)(error)).into(),
            CopyError::Stream(what) => damaged(what),
            CopyError::Interrupted => RestoreError::Interrupted,
            CopyError::Newer { found, known } => RestoreError::Newer { path: path.to_owned(), found, known },
        })?;
        let told = (backed_up.rows, backed_up.log_rows, backed_up.opstamp, backed_up.uuid.clone());
        if told != (rows, log_rows, meta.applied.opstamp, meta.uuid.to_string()) {
            return Err(damaged("not those that the backup says"));
        }
        Ok(())
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed now is removed when the data directory is opened again.
            drop(steps::remove_tree(&*self.disk, &self.temporary));
        }
    }
}

/// Bytes on their way from a file.
struct Digested<R> {
    from: R,
    hash: Xxh3,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
