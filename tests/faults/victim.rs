//! A process that plays the script, and what it says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::JoinHandle,
    time::Duration,
};

use crate::reference::SEED;

/// Longer than anything a process does here.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a process ends what it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The tenant is closed.
    Close,
    /// It just ends.
    Leave,
    /// It answers whenever it is asked.
    Answer,
}

/// A process on a data directory, possibly below a tracer.
#[derive(Debug)]
pub(crate) struct Victim {
    process: Child,
    said: Receiver<String>,
    complained: JoinHandle<String>,
    pid: Option<u32>,
    acknowledged: Option<u64>,
}

/// What is known of a process that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The last batch that it acknowledged or found; nothing if it did not get so far.
    pub(crate) acknowledged: Option<u64>,
    pub(crate) status: ExitStatus,
    pub(crate) complaints: String,
}

/// The arguments of a process that plays until `until`.
fn arguments(dir: &Path, until: u64, ending: Ending) -> Vec<String> {
    let ending = match ending {
        Ending::Close => "close",
        Ending::Leave => "leave",
        Ending::Answer => "answer",
    };
    vec![dir.to_str().unwrap().to_owned(), SEED.to_string(), until.to_string(), ending.to_owned()]
}

impl Victim {
    /// Starts a process; `tracer` is the beginning of its command line, or nothing.
    pub(crate) fn start(tracer: &[String], dir: &Path, until: u64, ending: Ending) -> Self {
        Self::start_with(tracer, &arguments(dir, until, ending))
    }

    /// Starts a process that waits for [`Self::go_on`] when it says `meet`, after its first batch.
    pub(crate) fn start_to_meet(dir: &Path, until: u64, ending: Ending) -> Self {
        let mut arguments = arguments(dir, until, ending);
        arguments.push("meet".to_owned());
        Self::start_with(&[], &arguments)
    }

    fn start_with(tracer: &[String], arguments: &[String]) -> Self {
        let program = env!("CARGO_BIN_EXE_play").to_owned();
        let words: Vec<_> = tracer.iter().chain([&program]).chain(arguments).collect();
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, mut errors) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { return };
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let complained = std::thread::spawn(move || {
            let mut complaints = Vec::new();
            // A pipe that breaks has said what it has said.
            drop(errors.read_to_end(&mut complaints));
            String::from_utf8_lossy(&complaints).into_owned()
        });
        Self { process, said, complained, pid: None, acknowledged: None }
    }

    /// The process that plays, once it said so.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// What was acknowledged so far.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        self.acknowledged
    }

    /// Its next line; nothing if it ended.
    pub(crate) fn next(&mut self) -> Option<String> {
        match self.next_within(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                panic!("the process {:?} neither went on nor ended", self.pid);
            }
        }
    }

    /// Its next line, if it comes in time.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Result<String, RecvTimeoutError> {
        let line = self.said.recv_timeout(patience)?;
        let number = |words: &str| words.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        match line.split_once(' ') {
            Some(("process", words)) => self.pid = u32::try_from(number(words)).ok(),
            Some(("opened" | "acknowledged", words)) => self.acknowledged = Some(number(words)),
            _ => {}
        }
        Ok(line)
    }

    /// Waits for a line that begins with a word; answers whether it came before the end.
    pub(crate) fn waits_for(&mut self, word: &str) -> bool {
        while let Some(line) = self.next() {
            if line.split(' ').next() == Some(word) {
                return true;
            }
        }
        false
    }

    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.process.stdin.as_mut().unwrap()
    }

    /// Says what the process waits for. One that has ended hears nothing.
    pub(crate) fn go_on(&mut self) {
        drop(writeln!(self.stdin()));
    }

    /// Kills the process that plays, and its tracer if there is one.
    pub(crate) fn kill(&mut self) {
        if let Some(pid) = self.pid.filter(|pid| *pid != self.process.id() && is_ours(*pid)) {
            drop(Command::new("kill").args(["-KILL", &pid.to_string()]).status());
        }
        drop(self.process.kill());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        while self.next().is_some() {}
        let status = self.process.wait().unwrap();
        Ended { acknowledged: self.acknowledged, status, complaints: self.complained.join().unwrap() }
    }
}

/// Whether a process is one that plays, and not another one that was given its number.
fn is_ours(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|program| program == Path::new(env!("CARGO_BIN_EXE_play")))
}
