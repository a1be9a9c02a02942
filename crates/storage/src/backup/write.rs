use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use ticketscope_model::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use super::{
    manifest::{self, BackedUp, Manifest, hex},
    rows::{self, CopyError},
};
use crate::{
    BackupError, Interrupt, Store, TenantId,
    disk::{SystemDisk, steps},
    files,
    guard::guard_work,
    interrupt::Interrupted,
};

/// Files are written through a buffer of this size.
const BUFFER_BYTES: usize = 1 << 20;

/// What follows the name of a backup while it is being written.
const PARTIAL: &str = ".partial";

/// Writes a backup, tenant by tenant. Dropped before [`Self::finish`], it leaves nothing behind; a crash leaves a
/// directory whose name ends in `.partial`, which is to be removed.
#[derive(Debug)]
pub struct BackupWriter {
    to: PathBuf,
    parent: PathBuf,
    temporary: PathBuf,
    tenants: Vec<BackedUp>,
    interrupt: Interrupt,
    is_finished: bool,
}

impl BackupWriter {
    /// Begins a backup in the directory `to`, which must not exist; the one above it must.
    ///
    /// # Errors
    /// [`BackupError::Exists`], also where another backup is being written there or was interrupted.
    pub fn begin(to: &Path) -> Result<Self, BackupError> {
        let Some(name) = to.file_name() else { return Err(BackupError::NoName(to.to_owned())) };
        let parent = match to.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut partial = name.to_owned();
        partial.push(PARTIAL);
        let temporary = parent.join(partial);
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        if !files::make_private_dir(&temporary)? {
            return Err(BackupError::Exists(temporary));
        }
        let (to, tenants, interrupt) = (to.to_owned(), Vec::new(), Interrupt::default());
        Ok(Self { to, parent, temporary, tenants, interrupt, is_finished: false })
    }

    /// Lets `interrupt` end it: whatever is asked of it afterwards, and what is being copied, fails.
    #[must_use]
    pub fn ended_by(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = interrupt.clone();
        self
    }

    /// Writes a tenant as it stands now. Others go on to read and commit; linear in the tenant.
    ///
    /// # Errors
    /// [`BackupError`]; damage that is found on the way is not copied.
    pub fn add(&mut self, tenant: &TenantId, store: &Store) -> Result<&BackedUp, BackupError> {
        let before = self.tenants.len();
        let added = self.copy(tenant, store);
        if added.is_err() && !self.tenants.iter().any(|known| known.tenant == *tenant) {
            // Half of a tenant is none. If it cannot be removed, it is named by no manifest.
            drop(std::fs::remove_file(self.temporary.join(BackedUp::file_of(tenant))));
        }
        added?;
        self.tenants.get(before).ok_or_else(|| BackupError::Twice(tenant.clone()))
    }

    fn copy(&mut self, tenant: &TenantId, store: &Store) -> Result<(), BackupError> {
        if self.tenants.iter().any(|known| known.tenant == *tenant) {
            return Err(BackupError::Twice(tenant.clone()));
        }
        let reader = store.reader()?;
        let mut backed_up = BackedUp {
            tenant: tenant.clone(),
            uuid: store.uuid().to_string(),
            opstamp: reader.applied(),
            rows: 0,
            log_rows: 0,
            bytes: 0,
            xxh3: String::new(),
        };
        let path = self.temporary.join(backed_up.file());
        let file = files::create_private(&path)?;
        let mut out = Digested { out: BufWriter::with_capacity(BUFFER_BYTES, file), hash: Xxh3::new(), bytes: 0 };
        let counts =
            guard_work(|| rows::write(&reader, &mut out, &self.interrupt)).map_err(|error| failed(error, &path))?;
        // A commit that failed meanwhile says that nothing read is to be trusted.
        if store.is_poisoned() {
            return Err(crate::ReadError::Poisoned.into());
        }
        let file = out.out.into_inner().map_err(|error| steps::failed("write", &path)(error.into_error()))?;
        file.sync_all().map_err(steps::failed("sync", &path))?;
        (backed_up.rows, backed_up.log_rows) = (counts.rows, counts.log_rows);
        (backed_up.bytes, backed_up.xxh3) = (out.bytes, hex(out.hash.digest128()));
        self.tenants.push(backed_up);
        Ok(())
    }

    /// Makes the backup durable under its own name, with `made_at` as its moment.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn finish(mut self, made_at: Timestamp) -> Result<Manifest, BackupError> {
        self.interrupt.check()?;
        let mut tenants = std::mem::take(&mut self.tenants);
        tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        let manifest = Manifest { made_at, tenants };
        let path = self.temporary.join(manifest::FILE);
        let text = manifest.to_text().map_err(|error| steps::failed("write", &path)(error.into()))?;
        let mut file = files::create_private(&path)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(steps::failed("write", &path))?;
        steps::sync_dir(&SystemDisk, &self.temporary)?;
        if self.to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(self.to.clone()));
        }
        steps::rename_in(&SystemDisk, &self.parent, &self.temporary, &self.to)?;
        self.is_finished = true;
        Ok(manifest)
    }
}

impl Drop for BackupWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is found by the next backup of this name.
            drop(steps::remove_tree(&SystemDisk, &self.temporary));
        }
    }
}

/// What becomes of the bytes that pass through.
struct Digested<W> {
    out: W,
    hash: Xxh3,
    bytes: u64,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl From<Interrupted> for BackupError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

fn failed(error: CopyError, path: &Path) -> BackupError {
    match error {
        CopyError::Failure(failure) => crate::ReadError::from(failure).into(),
        CopyError::Io(error) => steps::failed("write", path)(error).into(),
        CopyError::Stream(what) => steps::failed("write", path)(io::Error::other(what)).into(),
        CopyError::Interrupted => BackupError::Interrupted,
        CopyError::Newer { .. } => steps::failed("write", path)(io::Error::other("a version of its own")).into(),
    }
}
