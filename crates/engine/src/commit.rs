//! A group of batches in one commit: whether each may be begun, and what those are told whose batch was not written.

use std::sync::Arc;

use model::{Change, Fact};
use parking_lot::Mutex;
use thiserror::Error;
use ticketscope_model as model;

use crate::{
    refusal::Refusal,
    room::{Full, RETRY, Use},
    session::ImportSession,
    shared::Shared,
    text, text_source,
    trouble::{Closed, Trouble},
    writer::{Group, OnRefusal, Outcome, WriteError, Writer},
};

/// Why a batch was not acknowledged.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// Changes were refused, and with them the batch: nothing of it took effect.
    #[error("{} of the changes are refused, and nothing of the batch took effect", .0.len())]
    Refused(Vec<(usize, Refusal)>),
    /// Too many batches wait; try again later.
    #[error("too many batches are waiting; try again later")]
    Busy,
    /// There is no room on the disk. Nothing of the batch took effect; questions are answered as before, and batches are
    /// taken again as soon as there is room.
    #[error("nothing of the batch took effect: {0}")]
    Full(Full),
    /// The tenant takes nothing more, and took nothing of this batch.
    #[error(transparent)]
    Closed(Closed),
    /// The commit failed, and the tenant is closed. Whether the batch took effect shows when it is opened again.
    #[error(transparent)]
    Write(Arc<WriteError>),
}

/// Where the answer to a batch is put.
pub(crate) type Answer = Arc<Mutex<Option<Result<Outcome, SubmitError>>>>;

/// A batch in the queue, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) changes: Vec<Change>,
    pub(crate) on_refusal: OnRefusal,
    pub(crate) session: Option<Arc<Mutex<ImportSession>>>,
    pub(crate) answer: Answer,
}

/// Why a batch is not even begun.
#[derive(Debug, Clone)]
enum Hindrance {
    Full(Full),
    Closed(Closed),
}

impl From<Hindrance> for SubmitError {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Full(full) => Self::Full(full),
            Hindrance::Closed(closed) => Self::Closed(closed),
        }
    }
}

/// Commits a group of batches and answers each. Answers the bytes of log written.
pub(crate) fn commit(shared: &Arc<Shared>, writer: &mut Writer, waiting: Vec<Waiting>) -> u64 {
    let guard = CloseOnUnwind { shared, armed: true };
    let mut group = Group::new(shared.mapped.is_some());
    let mut outcomes = Vec::with_capacity(waiting.len());
    let (mut failure, mut written) = (None, 0);
    let ready = shared.regain(writer);
    for Waiting { changes, on_refusal, session, answer } in waiting {
        if failure.is_some() {
            outcomes.push((answer, None));
            continue;
        }
        if let Err(hindrance) = ready.clone().and_then(|()| shared.check_room(&changes)) {
            *answer.lock() = Some(Err(hindrance.into()));
            continue;
        }
        let store = &shared.store;
        let staged = match session {
            Some(session) => writer.stage(store, &mut group, changes, on_refusal, Some(&mut session.lock())),
            None => writer.stage(store, &mut group, changes, on_refusal, None),
        };
        match staged {
            Ok(outcome) => outcomes.push((answer, Some(outcome))),
            Err(error) => {
                failure = Some(error);
                outcomes.push((answer, None));
            }
        }
    }
    if failure.is_none() {
        let log_bytes = group.log_bytes;
        // What was published last is what is stored.
        let before = shared.mapped.as_ref().map(|_| shared.publication.newest());
        match writer.commit(&shared.store, group, before.as_ref().map(|before| before.index())) {
            Ok(None) => {}
            Ok(Some(committed)) => {
                let mut changes_text = committed.changes_text();
                shared.publication.publish(|before| {
                    let next = committed.after(before);
                    changes_text |= text_source::languages(before) != text_source::languages(&next);
                    next
                });
                if changes_text {
                    text::start(shared);
                    shared.text.work();
                }
                written = log_bytes;
            }
            Err(error) => failure = Some(error),
        }
    }
    let failed = failure.map(|error| shared.give_up(writer, error));
    guard.disarm();
    for (answer, outcome) in outcomes {
        *answer.lock() = Some(match (&failed, outcome) {
            (None, Some(outcome)) => Ok(outcome),
            (Some(failed), _) => Err(failed()),
            (None, None) => Err(SubmitError::Closed(Closed::Interrupted)),
        });
    }
    written
}

impl Shared {
    /// Makes the writer ready to go on after a write that found no room, not before a pause.
    fn regain(&self, writer: &mut Writer) -> Result<(), Hindrance> {
        let now = self.common.room.now();
        if self.pauses.lock().writing.is_some_and(|until| now < until) {
            return Err(Hindrance::Full(Full::Disk));
        }
        self.resume(writer)
    }

    fn resume(&self, writer: &mut Writer) -> Result<(), Hindrance> {
        let full = |full| self.closed().map_or(Hindrance::Full(full), Hindrance::Closed);
        self.reopen().map_err(full)?;
        if writer.is_ahead() {
            let published = self.publication.newest();
            let resumed = self.read(|| writer.go_back_to(&published, &self.store));
            if resumed.is_err() {
                return Err(full(Full::Disk));
            }
        }
        Ok(())
    }

    /// Whether there is room for a batch.
    fn check_room(&self, changes: &[Change]) -> Result<(), Hindrance> {
        let takes_away = |change: &Change| change.gone || matches!(change.fact, Fact::Del(_));
        let wanted = if changes.iter().all(takes_away) { Use::Removal } else { Use::Batch };
        self.common.room.check(wanted).map_err(Hindrance::Full)
    }

    /// What those are told whose batches could not be written, once the tenant is in the state that this leaves it in.
    fn give_up(&self, writer: &mut Writer, error: WriteError) -> impl Fn() -> SubmitError + use<> {
        let trouble = Trouble::of_write(&error);
        let (is_full, differs) = (trouble == Trouble::Full, matches!(error, WriteError::IndexDiffers));
        if differs {
            self.mistrust_mapped();
        }
        match trouble {
            Trouble::Full => {
                self.pauses.lock().writing = Some(self.common.room.now() + RETRY);
                writer.abandon();
                // For whoever reads; the next batch tries again if this fails.
                self.resume(writer).ok();
            }
            // The working state holds what is not on disk.
            Trouble::Other => self.close(Closed::Interrupted),
            other => self.suffer(other),
        }
        let error = Arc::new(error);
        move || match () {
            () if is_full => SubmitError::Full(Full::Disk),
            () if differs => SubmitError::Closed(Closed::Interrupted),
            () => SubmitError::Write(Arc::clone(&error)),
        }
    }
}

/// Closes a tenant whose writer panicked: its working state may be half done.
struct CloseOnUnwind<'a> {
    shared: &'a Shared,
    armed: bool,
}

impl CloseOnUnwind<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for CloseOnUnwind<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.shared.close(Closed::Interrupted);
        }
    }
}
