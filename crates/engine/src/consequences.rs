//! What becomes of a tenant when something of it fails: who finds an error says what trouble it is, and this draws the
//! consequences.

use std::sync::Arc;

use storage::{Condition, ReadError, Reader, ReopenError};
use ticketscope_storage as storage;

use crate::{
    room::{Full, RETRY, Use},
    shared::Shared,
    state::RecoverError,
    trouble::{Closed, FatalError, Trouble},
};

impl Shared {
    /// Why nothing can be written any more, if so.
    pub(crate) fn closed(&self) -> Option<Closed> {
        match self.store.condition() {
            Condition::Sound | Condition::Full => {}
            // Found where no error came this way.
            Condition::Damaged => self.close(Closed::Damaged("its database".into())),
            Condition::Failed => drop(self.fail("its database cannot be written or read".to_owned())),
        }
        let closed = self.closed.lock().clone();
        closed.or_else(|| self.common.fatal.get().map(Closed::Failed))
    }

    /// Closes the tenant; what is passing gives way to what stays. Whoever waits for what it will not publish any more is told.
    pub(crate) fn close(&self, closed: Closed) {
        let mut state = self.closed.lock();
        if matches!(*state, None | Some(Closed::Interrupted)) {
            *state = Some(closed);
            drop(state);
            self.publication.look_again();
        }
    }

    fn fail(&self, cause: String) -> Arc<FatalError> {
        let error = self.common.fatal.set(FatalError { tenant: self.id.clone(), cause });
        self.close(Closed::Failed(Arc::clone(&error)));
        error
    }

    /// Draws the consequences of an error.
    pub(crate) fn suffer(&self, trouble: Trouble) {
        match trouble {
            Trouble::Full | Trouble::Other => {}
            Trouble::Damaged(what) => self.close(Closed::Damaged(what.into())),
            Trouble::Fatal(cause) => drop(self.fail(cause)),
        }
    }

    /// Why batches are not taken for the moment, if so.
    pub(crate) fn full(&self) -> Option<Full> {
        let paused = self.pauses.lock().writing.is_some_and(|until| self.common.room.now() < until);
        if paused || self.store.condition() == Condition::Full {
            return Some(Full::Disk);
        }
        self.common.room.check(Use::Batch).err()
    }

    /// Reads from the state, and draws the consequences if that fails.
    pub(crate) fn read<T>(&self, read: impl FnOnce() -> Result<T, RecoverError>) -> Result<T, RecoverError> {
        read().inspect_err(|error| self.suffer(Trouble::of_recover(error)))
    }

    /// A view of the state, which is opened again if a write found no room.
    pub(crate) fn reader(&self) -> Result<Reader, ReadError> {
        if self.reopen().is_err() {
            return Err(ReadError::Full);
        }
        self.store.reader().inspect_err(|error| self.suffer(Trouble::of_read(error)))
    }

    /// Opens the store again if a write found no room. A failed attempt is not repeated at once.
    pub(crate) fn reopen(&self) -> Result<(), Full> {
        if self.store.condition() != Condition::Full {
            return Ok(());
        }
        let now = self.common.room.now();
        let mut pauses = self.pauses.lock();
        if pauses.reopening.is_some_and(|until| now < until) {
            return Err(Full::Disk);
        }
        pauses.reopening = Some(now + RETRY);
        drop(pauses);
        let reopened = self.store.reopen();
        reopened.map_err(|error| {
            if matches!(error, ReopenError::Busy) {
                // Whoever still reads ends with its next look at the store.
                self.pauses.lock().reopening = None;
            }
            self.suffer(Trouble::of_reopen(&error));
            Full::Disk
        })
    }
}
