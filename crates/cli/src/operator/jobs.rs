use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::Answer;
use crate::{
    exit::Exit,
    failure::{Failure, INTERRUPTED},
};

/// Long commands that run at once.
const MAX_JOBS: usize = 4;

/// How long a question waits for the end of one before it is told that it goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long the answer of one that nobody asked for is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// Commands that may take longer than a request may: each runs on a thread of its own, and is asked about by number.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_number: BTreeMap<u64, Arc<Job>>,
    /// Whether the server ends: then none begins any more.
    is_ending: bool,
}

#[derive(Debug, Default)]
struct Job {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Running,
    Ended(Answer, Instant),
    /// Somebody has its answer.
    Told,
}

impl Jobs {
    /// Begins one.
    pub(super) fn begin(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Result<Answer, Failure> {
        let mut known = self.known.lock();
        if known.is_ending {
            return Err(Failure::new(Exit::Data, INTERRUPTED, "the server that holds the data directory ends"));
        }
        known.by_number.retain(|_, job| match &*job.state.lock() {
            State::Running => true,
            State::Ended(_, at) => at.elapsed() < FORGOTTEN,
            State::Told => false,
        });
        let running = known.by_number.values().filter(|job| job.is_running()).count();
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
        known.by_number.insert(number, job);
        Ok(Answer::Begun { job: number })
    }

    /// What one answers once it has ended, which is then forgotten; that it goes on if that takes a while.
    pub(super) fn wait(&self, number: u64) -> Result<Answer, Failure> {
        let gone = || Failure::new(Exit::Data, "job_gone", "the server knows nothing of this command any more");
        let job = self.known.lock().by_number.get(&number).cloned().ok_or_else(gone)?;
        let mut state = job.state.lock();
        job.ended.wait_while_for(&mut state, |state| matches!(state, State::Running), PATIENCE);
        if matches!(*state, State::Running) {
            return Ok(Answer::Running);
        }
        let State::Ended(answer, _) = std::mem::replace(&mut *state, State::Told) else { return Err(gone()) };
        drop(state);
        self.known.lock().by_number.remove(&number);
        Ok(answer)
    }

    /// Begins no more, and waits until all have ended: whoever calls this has told them to. Their answers can still be asked
    /// for.
    pub(super) fn end(&self) {
        let jobs: Vec<Arc<Job>> = {
            let mut known = self.known.lock();
            known.is_ending = true;
            known.by_number.values().cloned().collect()
        };
        for job in jobs {
            job.wait();
        }
    }
}

impl Job {
    fn end(&self, answer: Answer) {
        let mut state = self.state.lock();
        if matches!(*state, State::Running) {
            *state = State::Ended(answer, Instant::now());
        }
        self.ended.notify_all();
    }

    fn is_running(&self) -> bool {
        matches!(*self.state.lock(), State::Running)
    }

    fn wait(&self) {
        self.ended.wait_while(&mut self.state.lock(), |state| matches!(state, State::Running));
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn done() -> Answer {
        Answer::Ran { pieces: Vec::new(), outcome: Ok(Exit::Done) }
    }

    fn begin(jobs: &Jobs, work: impl FnOnce() -> Answer + Send + 'static) -> u64 {
        match jobs.begin(work) {
            Ok(Answer::Begun { job }) => job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_end_waits_for_what_goes_on_and_nothing_begins_after_it() {
        let jobs = Jobs::default();
        let (tell, told) = mpsc::channel::<()>();
        let is_over = Arc::new(Mutex::new(false));
        let job = begin(&jobs, {
            let is_over = Arc::clone(&is_over);
            move || {
                told.recv().unwrap();
                *is_over.lock() = true;
                done()
            }
        });
        // One that was asked about is waited for no more.
        let other = begin(&jobs, done);
        assert!(matches!(jobs.wait(other), Ok(Answer::Ran { .. })));
        thread::scope(|scope| {
            let ended = scope.spawn(|| {
                jobs.end();
                assert!(*is_over.lock());
            });
            while !jobs.known.lock().is_ending {
                thread::yield_now();
            }
            assert!(jobs.begin(done).is_err());
            assert!(!ended.is_finished());
            tell.send(()).unwrap();
            ended.join().unwrap();
        });
        assert!(matches!(jobs.wait(job), Ok(Answer::Ran { outcome: Ok(Exit::Done), .. })));
        assert!(jobs.wait(job).is_err(), "an answer is given once");
    }

    #[test]
    fn one_that_breaks_off_has_ended() {
        let jobs = Jobs::default();
        let job = begin(&jobs, || panic!("on purpose"));
        jobs.end();
        assert!(matches!(jobs.wait(job), Ok(Answer::Failed { .. })));
    }
}
