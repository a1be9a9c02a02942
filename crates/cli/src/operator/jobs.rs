use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::Answer;
use crate::{exit::Exit, failure::Failure};

/// Long commands that run at once.
const MAX_JOBS: usize = 4;

/// How long a question waits for the end of one before it is told that it goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long the answer of one that nobody asked for is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// Commands that may take longer than a request may: each runs on a thread of its own, and is asked about by number.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    known: Mutex<BTreeMap<u64, Arc<Job>>>,
}

#[derive(Debug, Default)]
struct Job {
    ended: Mutex<Option<(Answer, Instant)>>,
    told: Condvar,
}

impl Jobs {
    /// Begins one.
    pub(super) fn begin(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Result<Answer, Failure> {
        let mut known = self.known.lock();
        known.retain(|_, job| job.ended.lock().as_ref().is_none_or(|(_, at)| at.elapsed() < FORGOTTEN));
        let running = known.values().filter(|job| job.ended.lock().is_none()).count();
        if running >= MAX_JOBS {
            let message = format!("{MAX_JOBS} long commands run already; wait until one has ended");
            return Err(Failure::new(Exit::Data, "busy", message));
        }
        let (number, job) = (fastrand::u64(..), Arc::new(Job::default()));
        let end = EndOnUnwind(Arc::clone(&job));
        let spawned = thread::Builder::new().name("command".to_owned()).spawn(move || {
            let answer = work();
            end.0.end(answer);
        });
        spawned.map_err(|error| Failure::of(Exit::Internal, "thread", &error))?;
        known.insert(number, job);
        Ok(Answer::Begun { job: number })
    }

    /// What one answers once it has ended, which is then forgotten; that it goes on if that takes a while.
    pub(super) fn wait(&self, number: u64) -> Result<Answer, Failure> {
        let gone = || Failure::new(Exit::Data, "job_gone", "the server knows nothing of this command any more");
        let job = self.known.lock().get(&number).cloned().ok_or_else(gone)?;
        let mut ended = job.ended.lock();
        if ended.is_none() {
            job.told.wait_for(&mut ended, PATIENCE);
        }
        let Some((answer, _)) = ended.take() else { return Ok(Answer::Running) };
        drop(ended);
        self.known.lock().remove(&number);
        Ok(answer)
    }
}

impl Job {
    fn end(&self, answer: Answer) {
        let mut ended = self.ended.lock();
        if ended.is_none() {
            *ended = Some((answer, Instant::now()));
        }
        self.told.notify_all();
    }
}

/// Says that a command broke off, unless it said something itself.
struct EndOnUnwind(Arc<Job>);

impl Drop for EndOnUnwind {
    fn drop(&mut self) {
        if thread::panicking() {
            let failure =
                Failure::new(Exit::Internal, "panic", "this is a fault of the program: the command broke off");
            if let Failure::Told(report) = failure {
                self.0.end(Answer::Failed { report: *report });
            }
        }
    }
}
