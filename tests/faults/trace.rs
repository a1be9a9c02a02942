//! System calls of a process: which ones it makes, and a fault at one of them, by strace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::victim::{Ended, Ending, Victim};

/// Calls that change files or make them durable, and the reading of a file at a place.
const CALLS: &str = "write,pwrite64,writev,pwritev,pwritev2,pread64,fsync,fdatasync,sync_file_range,rename,renameat,\
                     renameat2,unlink,unlinkat,ftruncate,fallocate,copy_file_range,openat,mkdir,mkdirat,rmdir,link,linkat";

/// Why calls cannot be traced here, if so.
pub(crate) fn missing() -> Option<String> {
    match Command::new("strace").args(["-qq", "-f", "-e", "trace=none", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace does not work: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace cannot be started: {error}")),
    }
}

/// One of the threads of a process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thread {
    /// The one that submits batches and writes mapped snapshots.
    Main,
    /// Whichever comes to so many calls first.
    Any,
    /// One with this name, from the first indexed text on.
    Named(String),
}

/// A call of a thread, counted from 1 among its calls of that name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Aim {
    pub(crate) thread: Thread,
    pub(crate) call: String,
    pub(crate) number: usize,
    /// Whether the call changes something: all but opening and reading.
    pub(crate) changes: bool,
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {:?}", self.call, self.number, self.thread)
    }
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed before it takes effect.
    Kill,
    /// It fails.
    Fail {
        /// With this error.
        errno: &'static str,
        /// Whether all later ones of the thread fail too.
        for_ever: bool,
    },
}

impl Aim {
    /// What strace is told to do.
    fn injection(&self, fault: Fault) -> [String; 4] {
        let (call, number) = (&self.call, self.number);
        let injection = match fault {
            Fault::Kill => format!("inject={call}:signal=SIGKILL:when={number}"),
            Fault::Fail { errno, for_ever: false } => format!("inject={call}:error={errno}:when={number}"),
            Fault::Fail { errno, for_ever: true } => format!("inject={call}:error={errno}:when={number}+"),
        };
        ["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), injection]
    }

    /// Plays on `dir` until `until` with a fault at this call.
    pub(crate) fn play(&self, dir: &Path, until: u64, ending: Ending, fault: Fault) -> Ended {
        let injection = self.injection(fault);
        let mut tracer = strace();
        tracer.extend(["-e", "signal=none", "-o", "/dev/null"].map(str::to_owned));
        match &self.thread {
            Thread::Main => {}
            // Not with --seccomp-bpf, which would be faster: strace 6.1 then injects nothing into threads.
            Thread::Any => tracer.push("-f".to_owned()),
            Thread::Named(name) => return play_attached(name, &injection, dir, until, ending),
        }
        tracer.extend(injection);
        tracer.push("--".to_owned());
        Victim::start(&tracer, dir, until, ending).end()
    }
}

fn strace() -> Vec<String> {
    vec!["strace".to_owned(), "-qq".to_owned()]
}

/// Plays with the tracer on one thread alone.
fn play_attached(name: &str, injection: &[String], dir: &Path, until: u64, ending: Ending) -> Ended {
    let mut victim = Victim::start_to_meet(dir, until, ending);
    if !victim.waits_for("meet") {
        return victim.end();
    }
    let tracer = victim.pid().and_then(|pid| thread(pid, name)).map(|thread| attached(&thread, injection));
    victim.go_on();
    let ended = victim.end();
    if let Some(mut tracer) = tracer {
        tracer.wait().unwrap();
    }
    ended
}

/// A tracer of a thread, once it is there or has said that it cannot be.
fn attached(thread: &str, injection: &[String]) -> Child {
    let mut tracer = Command::new("strace")
        .args(["-o", "/dev/null", "-e", "signal=none", "-p", thread])
        .args(injection)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(tracer.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    // Whatever else it says is read, so that it never waits for a reader.
    std::thread::spawn(move || drop(std::io::copy(&mut said, &mut std::io::sink())));
    tracer
}

/// A thread of a process, by name.
fn thread(pid: u32, name: &str) -> Option<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads.flatten().find_map(|thread| {
        let is = fs::read_to_string(thread.path().join("comm")).ok()?;
        (is.trim() == name).then(|| thread.file_name().into_string().ok()).flatten()
    })
}

/// Plays on `dir` until `until` without a fault; answers every call on its files that can be aimed at.
pub(crate) fn calls(dir: &Path, until: u64, ending: Ending) -> (Ended, Vec<Aim>) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut tracer = strace();
    tracer.extend(["-f", "--seccomp-bpf", "-y", "-Y", "-e", "signal=none", "-e"].map(str::to_owned));
    tracer.extend([format!("trace={CALLS}"), "-o".to_owned(), log.path().to_str().unwrap().to_owned()]);
    tracer.push("--".to_owned());
    let ended = Victim::start(&tracer, dir, until, ending).end();
    (ended, aims(&fs::read_to_string(log.path()).unwrap(), dir.to_str().unwrap()))
}

/// What can be aimed at of what a trace lists: calls of the main thread, the calls that another thread comes to first, and
/// those of each other thread by its name.
fn aims(trace: &str, dir: &str) -> Vec<Aim> {
    let mut aims = BTreeSet::new();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    let mut main = None;
    for line in trace.lines() {
        // 4711<text> write(12</data/text/meta.json>, ...
        let Some((thread, rest)) = line.split_once("> ") else { continue };
        let Some((pid, name)) = thread.split_once('<') else { continue };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        if !CALLS.split(',').any(|known| known == call) {
            // The second half of a call that was interrupted by another thread's.
            continue;
        }
        let main = *main.get_or_insert(pid);
        let number = counts.entry((pid, call)).and_modify(|count| *count += 1).or_insert(1);
        let most = most.entry(call).or_default();
        let is_first = *number > *most;
        *most = (*most).max(*number);
        if !arguments.contains(dir) {
            continue;
        }
        let changes = call != "pread64" && (call != "openat" || arguments.contains("O_CREAT"));
        let aim = |thread| Aim { thread, call: call.to_owned(), number: *number, changes };
        if pid == main {
            aims.insert(aim(Thread::Main));
            continue;
        }
        if is_first {
            aims.insert(aim(Thread::Any));
        }
        aims.insert(aim(Thread::Named(name.to_owned())));
    }
    aims.into_iter().collect()
}

/// Whether a process was killed.
pub(crate) fn is_killed(ended: &Ended) -> bool {
    ended.status.signal() == Some(9)
}

#[test]
fn a_trace_tells_what_can_be_aimed_at() {
    let trace = "\
1<play> openat(AT_FDCWD</d>, \"/etc/x\", O_RDONLY) = 3</etc/x>
1<play> pwrite64(4</d/state>, \"..\", 2, 0) = 2
1<play> openat(AT_FDCWD</d>, \"/d/new\", O_WRONLY|O_CREAT, 0666 <unfinished ...>
2<text> pwrite64(5</d/text>, \"..\", 2, 0) = 2
1<play> <... openat resumed>) = 6</d/new>
2<text> pwrite64(5</d/text>, \"..\", 2, 0) = 2
1<play> exit_group(0) = ?
";
    let aim = |thread, call: &str, number| Aim { thread, call: call.to_owned(), number, changes: true };
    let text = || Thread::Named("text".to_owned());
    let expected = [
        aim(Thread::Main, "openat", 2),
        aim(Thread::Main, "pwrite64", 1),
        aim(Thread::Any, "pwrite64", 2),
        aim(text(), "pwrite64", 1),
        aim(text(), "pwrite64", 2),
    ];
    assert_eq!(aims(trace, "/d/"), expected);
}
