//! Batches that wait for their turn: whoever comes to the writer first commits for all who wait.

use std::{collections::VecDeque, sync::Arc};

use model::{Change, Opstamp};
use parking_lot::Mutex;
use ticketscope_model as model;

use crate::{
    checkpoint::Checkpointer,
    commit::{Answer, SubmitError, Waiting, commit},
    refusal::Refusal,
    session::ImportSession,
    shared::Shared,
    writer::{OnRefusal, Outcome},
};

/// Batches that may wait for the writer; the next one is refused as [`SubmitError::Busy`].
pub const MAX_WAITING: usize = 256;

/// Batches that share one commit at most.
const MAX_GROUP: usize = 64;

/// A batch took effect: it is durable, and every snapshot from now on shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack {
    /// The position from which snapshots show it.
    pub opstamp: Opstamp,
    /// The changes that were refused, by their place in the batch.
    pub refused: Vec<(usize, Refusal)>,
}

/// The batches that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<VecDeque<Waiting>>);

impl Queue {
    /// Puts a batch behind the others and answers when it was committed, by this thread or another.
    pub(crate) fn submit(
        &self,
        shared: &Arc<Shared>,
        checkpointer: &Checkpointer,
        changes: Vec<Change>,
        on_refusal: OnRefusal,
        session: Option<Arc<Mutex<ImportSession>>>,
    ) -> Result<Ack, SubmitError> {
        let answer = Answer::default();
        {
            let mut queue = self.0.lock();
            if queue.len() >= MAX_WAITING {
                return Err(SubmitError::Busy);
            }
            queue.push_back(Waiting { changes, on_refusal, session, answer: Arc::clone(&answer) });
        }
        loop {
            let mut writer = shared.writer.lock();
            if let Some(outcome) = answer.lock().take() {
                return match outcome? {
                    Outcome::Applied { opstamp, refused } => Ok(Ack { opstamp, refused }),
                    Outcome::Refused(refused) => Err(SubmitError::Refused(refused)),
                };
            }
            if let Some(closed) = shared.closed() {
                // Also if the thread that took this batch along did not live to answer it.
                self.0.lock().retain(|waiting| !Arc::ptr_eq(&waiting.answer, &answer));
                return Err(SubmitError::Closed(closed));
            }
            let log_bytes = commit(shared, &mut writer, self.next_group());
            checkpointer.after_commit(shared, log_bytes);
        }
    }

    fn next_group(&self) -> Vec<Waiting> {
        let mut queue = self.0.lock();
        let count = queue.len().min(MAX_GROUP);
        queue.drain(..count).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}
