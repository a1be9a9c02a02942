//! What became of a store since it was opened.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::{CommitError, ReadError};

/// Whether a store can be read and written. It only gets worse, but for [`Self::Full`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Condition {
    /// It can.
    Sound,
    /// A write found no room: what was to be written is not in force, and redb reads and writes nothing more until
    /// [`crate::Store::reopen`].
    Full,
    /// Bytes on disk cannot be trusted: nothing is read or written until the tenant is opened again.
    Damaged,
    /// The system failed to write, to make durable or to read. Whether the last commit is on disk is unknown, and asking
    /// again proves nothing: a failed sync may have thrown away what a second one then finds clean.
    Failed,
}

/// The condition of a store, which its readers share; sound by default.
#[derive(Debug, Default)]
pub(crate) struct Health(AtomicU8);

impl Health {
    pub(crate) fn condition(&self) -> Condition {
        const FULL: u8 = Condition::Full as u8;
        const DAMAGED: u8 = Condition::Damaged as u8;
        match self.0.load(Ordering::Acquire) {
            0 => Condition::Sound,
            FULL => Condition::Full,
            DAMAGED => Condition::Damaged,
            _ => Condition::Failed,
        }
    }

    /// Makes it at least as bad as `condition`.
    pub(crate) fn worsen(&self, condition: Condition) {
        self.0.fetch_max(condition as u8, Ordering::AcqRel);
    }

    /// After [`Condition::Full`] it is sound again.
    pub(crate) fn has_room(&self) {
        let (full, sound) = (Condition::Full as u8, Condition::Sound as u8);
        // What became worse in the meantime stays.
        self.0.compare_exchange(full, sound, Ordering::AcqRel, Ordering::Acquire).ok();
    }

    pub(crate) fn check_read(&self) -> Result<(), ReadError> {
        match self.condition() {
            Condition::Sound => Ok(()),
            Condition::Full => Err(ReadError::Full),
            Condition::Damaged | Condition::Failed => Err(ReadError::Poisoned),
        }
    }

    pub(crate) fn check_commit(&self) -> Result<(), CommitError> {
        match self.condition() {
            Condition::Sound => Ok(()),
            Condition::Full => Err(CommitError::NotReopened),
            Condition::Damaged | Condition::Failed => Err(CommitError::Poisoned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_heals() {
        for worse in [Condition::Sound, Condition::Full, Condition::Damaged, Condition::Failed] {
            let health = Health::default();
            health.worsen(worse);
            health.worsen(Condition::Sound);
            assert_eq!(health.condition(), worse);
            assert_eq!(health.check_read().is_ok(), worse == Condition::Sound);
            assert_eq!(health.check_commit().is_ok(), worse == Condition::Sound);
            health.has_room();
            assert_eq!(health.condition(), if worse == Condition::Full { Condition::Sound } else { worse });
        }
    }
}
