//! Looking at a data directory without changing anything in it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::Builder;

use crate::{
    Damaged, DataDirError, Defect, FileError, OpenError, Place, RejectedSnapshot, Store, TenantId, Verification,
    VerifyError, data_dir,
    database::OpenDatabase,
    disk::{DiskLock, SystemDisk, steps},
    error::Failure,
    guard::guard,
    integrity,
    overlay::Overlay,
    snapshots,
    store::{DATABASE_FILE, TEXT_ASIDE_DIR, TEXT_DIR},
};

/// A data directory that is looked at. Nothing is made, removed, repaired or written; while it lives no other process
/// opens the directory.
#[derive(Debug)]
pub struct Inspection {
    root: PathBuf,
    /// Nothing if no process ever opened the directory, or its lock was removed.
    _lock: Option<Box<dyn DiskLock>>,
}

/// What a look at the files of one tenant finds before its database is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantFiles {
    /// Files that were being written when a process ended; the next opening removes them.
    pub temporary: Vec<PathBuf>,
    /// Files that are none of ours.
    pub unknown: Vec<PathBuf>,
    /// Whether a text index that could not be used was put aside and not made anew since.
    pub has_text_aside: bool,
    /// The directory of the text index, if there is one.
    pub text: Option<PathBuf>,
}

/// A tenant whose files are looked at: opened behind a layer that keeps in memory whatever opening would write.
#[derive(Debug)]
pub struct InspectedTenant {
    store: Store,
    was_clean: bool,
    check_was_interrupted: bool,
}

impl Inspection {
    /// Looks at the data directory `root`.
    ///
    /// # Errors
    /// [`DataDirError`] as [`crate::DataDir::open`].
    pub fn new(root: &Path) -> Result<Self, DataDirError> {
        let lock = data_dir::lock_if_there(&SystemDisk, root)?;
        data_dir::check_format_there(&SystemDisk, root)?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Looks at the files of a data directory that this process has open.
    ///
    /// # Errors
    /// [`DataDirError`] as [`crate::DataDir::open`].
    pub fn of_open(root: &Path) -> Result<Self, DataDirError> {
        data_dir::check_format_there(&SystemDisk, root)?;
        Ok(Self { root: root.to_owned(), _lock: None })
    }

    /// The tenants, sorted by id.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn tenants(&self) -> Result<Vec<TenantId>, FileError> {
        data_dir::tenants_in(&SystemDisk, &self.root.join(data_dir::TENANTS))
    }

    /// What stands among the tenants and is none: what a crash left of tenants being made or deleted, which the next
    /// opening removes, and what is none of ours.
    ///
    /// # Errors
    /// [`FileError`] if the directory cannot be listed.
    pub fn strangers(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), FileError> {
        let dir = self.root.join(data_dir::TENANTS);
        let names = steps::names(&SystemDisk, &dir)?;
        let others = names.into_iter().filter(|name| TenantId::parse(name).is_err() || !dir.join(name).is_dir());
        Ok(others.map(|name| dir.join(name)).partition(|path| data_dir::is_left_over(path)))
    }

    /// What is in the directory of a tenant.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be listed.
    pub fn files(&self, id: &TenantId) -> Result<TenantFiles, FileError> {
        let dir = self.path(id);
        let mut files = TenantFiles::default();
        for name in steps::names(&SystemDisk, &dir)? {
            let path = dir.join(&name);
            match name.as_str() {
                TEXT_DIR => files.text = Some(path),
                TEXT_ASIDE_DIR => files.has_text_aside = true,
                DATABASE_FILE | integrity::NOTE_FILE => {}
                name if snapshots::is_snapshot(name) => {}
                name if name.ends_with(snapshots::TEMPORARY_SUFFIX) => files.temporary.push(path),
                _ => files.unknown.push(path),
            }
        }
        Ok(files)
    }

    /// Opens a tenant as the next opening would, in memory. Linear in the database unless it was closed well.
    ///
    /// # Errors
    /// [`OpenError`]: the next opening will fail alike.
    pub fn open(&self, id: &TenantId) -> Result<InspectedTenant, OpenError> {
        let dir = self.path(id);
        if !dir.is_dir() {
            return Err(OpenError::NoSuchTenant(id.clone()));
        }
        let path = dir.join(DATABASE_FILE);
        let len = match steps::len(&SystemDisk, &path) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
        if len == 0 {
            return Err(Damaged { place: Place::Database, defect: Defect::Missing }.into());
        }
        let overlay = Overlay::new(&path)?;
        let database = guard(|| Ok(OpenDatabase::new(Builder::new().create_with_backend(overlay)?, Arc::default())))?;
        let meta = guard(|| integrity::read_meta(&database))?;
        let noted = integrity::noted(&SystemDisk, &dir)?;
        if noted.as_ref().is_some_and(|noted| *noted != meta.applied.to_bytes()) {
            return Err(integrity::rolled_back().into());
        }
        let was_clean = meta.clean;
        let store = Store::of_inspected(Arc::new(SystemDisk), dir, database, meta)?;
        Ok(InspectedTenant { store, was_clean, check_was_interrupted: noted.is_some() })
    }

    fn path(&self, id: &TenantId) -> PathBuf {
        self.root.join(data_dir::TENANTS).join(id.as_str())
    }
}

impl InspectedTenant {
    /// The tenant, to be read. What is committed to it is lost.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether the last process that had it open closed it well. The next opening checks every page otherwise.
    pub fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// Whether a check of its pages did not come to its end. The next opening makes it again.
    pub fn check_was_interrupted(&self) -> bool {
        self.check_was_interrupted
    }

    /// [`Store::verify`] without a trace.
    ///
    /// # Errors
    /// [`VerifyError`] if it could not be made.
    pub fn verify(&self) -> Result<Verification, VerifyError> {
        self.store.verify_in_memory()
    }

    /// Mapped snapshots: how many there are, and those that are damaged. The next opening rejects them and uses another, or
    /// the rows.
    pub fn check_snapshots(&self) -> (u64, Vec<RejectedSnapshot>) {
        self.store.check_snapshots()
    }
}

impl Store {
    /// [`Self::verify`] of a database that is thrown away afterwards.
    fn verify_in_memory(&self) -> Result<Verification, VerifyError> {
        let checked = guard(|| {
            let mut database = self.database.write();
            let before = integrity::read_meta(&database)?;
            database.check_integrity()?;
            if integrity::read_meta(&database)? == before { Ok(()) } else { Err(integrity::rolled_back().into()) }
        });
        match checked {
            Ok(()) => self.verify_rows(),
            Err(Failure::Damaged(damaged)) => Ok(Verification::of_damaged_pages(self.applied(), damaged)),
            Err(Failure::Database(error)) => Err(VerifyError::Database(error)),
        }
    }
}
