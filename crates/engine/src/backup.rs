//! Tenants into a backup and out of it again.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bitmap::differences;
use model::{Opstamp, Timestamp};
use storage::{
    BackedUp, Backup, BackupError, BackupWriter, FileError, Manifest, OpenError, RestoreError, Restoring, TenantId,
    VerifyError,
};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    CheckpointError, Engine, FatalError, Full, RecoverError, TenantError,
    room::Use,
    tenant::{Tenant, TenantOpenError},
    trouble::{Trouble, chain},
};

/// How long the text of a restored tenant may take to be indexed.
const TEXT_PATIENCE: Duration = Duration::from_hours(12);

/// How often is looked whether it still is.
const TEXT_LOOK: Duration = Duration::from_secs(1);

/// Why tenants were not backed up.
#[derive(Debug, Error)]
pub enum TenantBackupError {
    /// One cannot be had.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// One cannot be copied.
    #[error("back up tenant `{id}`")]
    Copy {
        /// Its name.
        id: TenantId,
        /// Why not.
        source: BackupError,
    },
    /// The backup cannot be written.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Why a tenant was not restored. Nothing is left of it, but where a disk failed: then nobody knows.
#[derive(Debug, Error)]
pub enum TenantRestoreError {
    /// The backup cannot be read, or not to a tenant of that name.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// What was restored does not open.
    #[error("open what was restored")]
    Open(#[from] OpenError),
    /// What was restored leads to no state.
    #[error("bring back what was restored")]
    Recover(#[from] RecoverError),
    /// What was restored cannot be read.
    #[error("read what was restored")]
    Verify(#[from] VerifyError),
    /// What was restored cannot be written as mapped snapshot.
    #[error("write what follows from what was restored")]
    Checkpoint(#[from] CheckpointError),
    /// What was restored is not what was backed up.
    #[error("what was restored is not whole: {0}")]
    NotWhole(String),
    /// There is no room for it.
    #[error("nothing is restored: {0}")]
    Full(Full),
    /// A disk failed: nothing is made any more until another process does.
    #[error(transparent)]
    Failed(Arc<FatalError>),
    /// It cannot be given its name.
    #[error(transparent)]
    File(#[from] FileError),
}

impl TenantRestoreError {
    fn trouble(&self) -> Trouble {
        match self {
            Self::Restore(error) => Trouble::of_restore(error),
            Self::Open(error) => Trouble::of_open(error),
            Self::Recover(error) => Trouble::of_recover(error),
            Self::Verify(error) if error.is_failed_write() => Trouble::Fatal(chain(error)),
            Self::File(error) => Trouble::of_file(error),
            Self::Checkpoint(error) => error.trouble(),
            Self::Verify(_) | Self::NotWhole(_) | Self::Full(_) | Self::Failed(_) => Trouble::Other,
        }
    }
}

impl From<TenantOpenError> for TenantRestoreError {
    fn from(error: TenantOpenError) -> Self {
        match error {
            TenantOpenError::Open(error) => error.into(),
            TenantOpenError::Recover(error) => error.into(),
            TenantOpenError::Damaged(what) => Self::NotWhole(what.to_string()),
        }
    }
}

/// A tenant that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredTenant {
    /// Its name.
    pub id: TenantId,
    /// The last change that it holds.
    pub opstamp: Opstamp,
    /// Its tickets.
    pub tickets: u64,
}

impl Engine {
    /// Ends backups and restorings that go on, once and for all: they fail and leave nothing behind, and so does whatever of
    /// them begins later. For a process that has to end; questions and batches go on.
    pub fn interrupt(&self) {
        self.data().interrupt().set();
    }

    /// Whether [`Self::interrupt`] was called: for whoever reads a [view](Tenant::view) from one end to the other.
    pub fn is_interrupted(&self) -> bool {
        self.data().interrupt().is_set()
    }

    fn uninterrupted(&self) -> Result<(), TenantRestoreError> {
        if self.is_interrupted() { Err(RestoreError::Interrupted.into()) } else { Ok(()) }
    }

    /// Writes `tenants` into a backup in the directory `to`, which must not exist, with `made_at` as its moment. Each is
    /// in it as it stands at one moment of its own. Nobody waits for it but the caller; linear in the tenants.
    ///
    /// # Errors
    /// [`TenantBackupError`]; then there is no backup.
    pub fn back_up(&self, tenants: &[TenantId], to: &Path, made_at: Timestamp) -> Result<Manifest, TenantBackupError> {
        let mut writer = BackupWriter::begin(to)?.ended_by(self.data().interrupt());
        tenants.iter().try_for_each(|id| self.copy_to(&mut writer, id))?;
        Ok(writer.finish(made_at)?)
    }

    /// [`Self::back_up`] of all tenants there are. One that cannot be copied is left out and named beside the backup of the
    /// others; one that is deleted meanwhile is not missed.
    ///
    /// # Errors
    /// [`TenantBackupError`] if the backup cannot be written, or nothing can be copied; then there is none.
    pub fn back_up_all(
        &self,
        to: &Path,
        made_at: Timestamp,
    ) -> Result<(Manifest, Vec<TenantBackupError>), TenantBackupError> {
        let mut writer = BackupWriter::begin(to)?.ended_by(self.data().interrupt());
        let (mut copied, mut left_out) = (0, Vec::new());
        for id in self.tenants().map_err(BackupError::from)? {
            match self.copy_to(&mut writer, &id) {
                Ok(()) => copied += 1,
                Err(TenantBackupError::Tenant(TenantError::NoSuchTenant(_))) => {}
                // The backup itself cannot be written.
                Err(TenantBackupError::Copy { source: source @ BackupError::Interrupted, .. }) => {
                    return Err(source.into());
                }
                Err(error @ TenantBackupError::Copy { source: BackupError::File(_), .. }) => return Err(error),
                Err(error) => left_out.push(error),
            }
        }
        if copied == 0
            && let Some(error) = left_out.pop()
        {
            return Err(error);
        }
        Ok((writer.finish(made_at)?, left_out))
    }

    fn copy_to(&self, writer: &mut BackupWriter, id: &TenantId) -> Result<(), TenantBackupError> {
        let copied = self.tenant(id)?.back_up(writer).map(drop);
        copied.map_err(|source| TenantBackupError::Copy { id: id.clone(), source })
    }

    /// Makes a new tenant `id` of what `backup` holds as `backed_up`. Before it gets its name everything in it is
    /// verified, its text indexed, its mapped snapshot written, and the index that is mapped compared with the one
    /// that its rows lead to. Linear in the tenant.
    ///
    /// It has a uuid of its own, and goes on from the backup's opstamp with changes of its own.
    ///
    /// # Errors
    /// [`TenantRestoreError`]; nothing is left of the tenant then, but where a disk failed.
    pub fn restore(
        &self,
        backup: &Backup,
        backed_up: &BackedUp,
        id: &TenantId,
    ) -> Result<RestoredTenant, TenantRestoreError> {
        self.restored(backup, backed_up, id).inspect_err(|error| self.note(id, error.trouble()))
    }

    fn restored(
        &self,
        backup: &Backup,
        backed_up: &BackedUp,
        id: &TenantId,
    ) -> Result<RestoredTenant, TenantRestoreError> {
        if let Some(fatal) = self.fatal() {
            return Err(TenantRestoreError::Failed(fatal));
        }
        self.common().room.check(Use::Batch).map_err(TenantRestoreError::Full)?;
        // Until it has its name, whoever asks for the tenant is told at once that there is none.
        let restoring = self.data().restore(backup, backed_up, id)?;
        self.derive(&restoring)?;
        let restored = self.prove(&restoring)?;
        let _turn = self.turn(id);
        self.uninterrupted()?;
        restoring.finish()?;
        Ok(restored)
    }

    /// Writes what follows from the rows.
    fn derive(&self, restoring: &Restoring) -> Result<(), TenantRestoreError> {
        let store = restoring.open()?;
        let verified = store.verify()?;
        if let Some(damaged) = verified.damaged.first() {
            return Err(TenantRestoreError::NotWhole(damaged.to_string()));
        }
        self.uninterrupted()?;
        let tenant = Tenant::open(restoring.id().clone(), store, self.options(), self.common())?;
        // Closing goes on without a snapshot where there is no room for one, and without an end until all text is indexed.
        tenant.checkpoint()?;
        self.index_text(&tenant)?;
        Ok(tenant.close()?)
    }

    /// Waits until the text of a tenant that is being restored is indexed, unless that is interrupted.
    pub(crate) fn index_text(&self, tenant: &Tenant) -> Result<(), TenantRestoreError> {
        let until = Instant::now() + TEXT_PATIENCE;
        loop {
            self.uninterrupted()?;
            if tenant.wait_for_text(tenant.snapshot().opstamp(), TEXT_LOOK) {
                // Also of text that was indexed before this looked up: nothing is proved for nobody.
                return self.uninterrupted();
            }
            if tenant.closed().is_some() || tenant.has_given_up_text() || Instant::now() >= until {
                return Err(TenantRestoreError::NotWhole("its text cannot be indexed".to_owned()));
            }
        }
    }

    /// Opens what was derived, as every later opening will, and compares.
    fn prove(&self, restoring: &Restoring) -> Result<RestoredTenant, TenantRestoreError> {
        let not_whole = |what: &str| Err(TenantRestoreError::NotWhole(what.to_owned()));
        let tenant = Tenant::open(restoring.id().clone(), restoring.open()?, self.options(), self.common())?;
        let snapshot = tenant.snapshot();
        if tenant.recovery().snapshot != Some(snapshot.opstamp()) {
            return not_whole("its mapped snapshot is not used");
        }
        if let Some(difference) = differences(snapshot.index(), &tenant.rebuilt_index()?).first() {
            return not_whole(difference);
        }
        self.index_text(&tenant)?;
        let tickets = snapshot.index().universe().len().into();
        let restored = RestoredTenant { id: restoring.id().clone(), opstamp: snapshot.opstamp(), tickets };
        tenant.close()?;
        Ok(restored)
    }
}
