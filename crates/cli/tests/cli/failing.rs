//! A server that is told to end among batches, and one under which the disk fails or is full.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use serde_json::Value;

use crate::desk::Desk;

/// A server that is not started by the test alone.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    /// Starts `command`, which ends in one that serves.
    fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let mut told = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(told.read_line(&mut line).expect("UTF-8 on stdout") > 0, "it ended before it served");
        }
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address").to_owned();
        // Whatever it says later is read, so that it never waits for that.
        thread::spawn(move || told.read_to_end(&mut Vec::new()));
        Self { child, address }
    }

    /// Sends a batch; the status, if there is an answer.
    fn change(&self, lines: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let request = format!(
            "POST /v1/tenants/desk/changes HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{lines}",
            lines.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(told.success());
    }

    fn code(mut self) -> i32 {
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A test that failed leaves it running; one that ended has ended it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const SERVE: [&str; 4] = ["serve", "--dev", "--listen", "127.0.0.1:0"];

/// A batch of two tickets that belong together.
fn pair(first: usize) -> String {
    let line = |id: usize| format!("{{\"k\":\"ticket\",\"id\":{id},\"group\":\"pairs\",\"tags\":[\"pair\"]}}\n");
    line(first) + &line(first + 1)
}

/// The tickets of such batches that are there.
fn pairs(desk: &Desk) -> BTreeSet<usize> {
    let mut there = BTreeSet::new();
    let mut next: Option<String> = None;
    loop {
        let mut args = vec!["search", "--tenant", "desk", "--as-admin", "--limit", "1000"];
        if let Some(cursor) = &next {
            args.extend(["--page-after", cursor]);
        }
        args.push("tags:pair");
        let page = desk.json(&args);
        let id = |hit: &Value| usize::try_from(hit["id"].as_u64().expect("an id")).expect("a small one");
        there.extend(page["hits"].as_array().expect("hits").iter().map(id));
        match page["next"].as_str() {
            Some(cursor) => next = Some(cursor.to_owned()),
            None => return there,
        }
    }
}

/// Whether a program is there; if not, says which test goes without it.
fn has(program: &str, without: &str) -> bool {
    let is_there = Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        // Captured where the test passes, so it goes to where nothing captures.
        drop(writeln!(std::io::stderr(), "SKIPPED: {without}: there is no `{program}`"));
    }
    is_there
}

#[test]
fn a_server_that_is_told_to_end_among_batches_has_what_it_acknowledged_and_half_of_nothing() {
    let desk = Desk::with_fixture();
    let serving = Serving::start(&mut desk.command(&SERVE));
    let acknowledged = AtomicUsize::new(0);
    let (acks, sent): (BTreeSet<usize>, BTreeSet<usize>) = thread::scope(|scope| {
        let writers: Vec<_> = (1..5)
            .map(|writer| {
                let (serving, acknowledged) = (&serving, &acknowledged);
                scope.spawn(move || {
                    let (mut acks, mut sent) = (Vec::new(), Vec::new());
                    for batch in 0.. {
                        let first = writer * 1_000_000 + 2 * batch;
                        sent.push(first);
                        match serving.change(&pair(first)) {
                            Some(200) => acks.push(first),
                            // Refused, cut off, or nobody listens any more.
                            Some(503) | None => break,
                            Some(other) => panic!("{other}"),
                        }
                        acknowledged.fetch_add(1, Relaxed);
                    }
                    (acks, sent)
                })
            })
            .collect();
        while acknowledged.load(Relaxed) < 40 {
            thread::yield_now();
        }
        serving.terminate();
        let parts = writers.into_iter().map(|writer| writer.join().expect("a writer"));
        let (acks, sent): (Vec<_>, Vec<_>) = parts.unzip();
        (acks.concat().into_iter().collect(), sent.concat().into_iter().collect())
    });
    assert_eq!(serving.code(), 0);
    let there = pairs(&desk);
    for first in sent {
        assert_eq!(there.contains(&first), there.contains(&(first + 1)), "half of {first}");
        assert!(there.contains(&first) || !acks.contains(&first), "{first} is lost");
    }
    desk.run(&["verify", "--tenant", "desk", "--questions", "20", "--full"]).expect(0);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_server_ends_with_70_and_opens_with_all_it_acknowledged() {
    if !has("strace", "a failed sync under a server") {
        return;
    }
    for at in [1, 2, 5] {
        let desk = Desk::with_fixture();
        // Each thread counts its own.
        let mut traced = Command::new("strace");
        let database = desk.data().join("tenants/desk/state.redb");
        traced.args(["-f", "-qq", "-o", &desk.file("trace"), "-P"]).arg(database);
        traced.args(["-e", "trace=fdatasync", "-e", &format!("inject=fdatasync:error=EIO:when={at}+")]);
        let inner = desk.command(&SERVE);
        traced.arg(inner.get_program()).args(inner.get_args());
        let serving = Serving::start(&mut traced);
        assert!(serving.get("/health/readyz").starts_with("HTTP/1.1 200 "));
        let mut acks = Vec::new();
        let mut failed = None;
        for batch in 0..40 {
            let first = 1_000_000 + 2 * batch;
            match serving.change(&pair(first)) {
                Some(200) if failed.is_none() => acks.push(first),
                Some(200) => panic!("acknowledged after a failed sync"),
                // Not known; then refused, or nobody listens any more.
                Some(500 | 503) | None => failed = failed.or(Some(first)),
                Some(other) => panic!("{other}"),
            }
        }
        let failed = failed.expect("a sync that fails");
        assert_eq!(serving.code(), 70, "sync {at}");
        let there = pairs(&desk);
        for first in acks {
            assert!(there.contains(&first) && there.contains(&(first + 1)), "sync {at}: {first} is lost");
        }
        assert!(there.iter().all(|id| *id <= failed + 1), "sync {at}: what was refused is there");
        assert_eq!(there.contains(&failed), there.contains(&(failed + 1)), "sync {at}: half of {failed}");
        desk.run(&["verify", "--tenant", "desk", "--questions", "20", "--full"]).expect(0);
    }
}

#[test]
fn a_server_without_room_refuses_batches_with_507_answers_questions_and_takes_batches_again() {
    if !has("prlimit", "a server without room") {
        return;
    }
    let desk = Desk::with_fixture();
    let limit = |process: &str, bytes: &str| {
        let set = Command::new("prlimit").args(["--pid", process, &format!("--fsize={bytes}:unlimited")]).status();
        assert!(set.expect("prlimit runs").success());
    };
    // Where a file would become too long, the write fails, and the process is not killed.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let inner = desk.command(&SERVE);
    limited.arg(inner.get_program()).args(inner.get_args());
    let serving = Serving::start(&mut limited);
    let process = serving.child.id().to_string();
    let file = desk.data().join("tenants/desk/state.redb");
    let text = |ticket: usize| {
        let mut rng = fastrand::Rng::with_seed(ticket as u64);
        let body: String = (0..60_000).map(|at| if at % 9 == 0 { ' ' } else { rng.lowercase() }).collect();
        format!(
            "{}{{\"k\":\"text\",\"ticket\":{ticket},\"part\":\"p\",\"class\":\"public\",\"body\":\"{body}\"}}\n",
            pair(ticket)
        )
    };
    assert_eq!(serving.change(&text(1_000_000)), Some(200));
    limit(&process, &std::fs::metadata(&file).expect("it is there").len().to_string());
    let mut acks = 1;
    let refused = loop {
        let first = 1_000_000 + 2 * acks;
        match serving.change(&text(first)) {
            Some(200) => acks += 1,
            Some(507) => break first,
            other => panic!("{other:?}"),
        }
    };
    let count = |path: &str| {
        loop {
            let answer = serving.get(&format!("/v1/tenants/desk/{path}"));
            if answer.starts_with("HTTP/1.1 200 ") {
                return answer;
            }
            // Texts are not read for the moment in which the database is opened again.
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        }
    };
    assert!(count("count?as_admin=true&query=tags:pair").ends_with(&format!("{{\"count\":{}}}", 2 * acks)));
    assert!(count("search?as_admin=true&query=tags:pair&limit=2").contains("\"hits\":["));
    assert!(serving.get("/health/readyz").starts_with("HTTP/1.1 200 "));
    limit(&process, "unlimited");
    // Not before a pause, and without a restart.
    while serving.change(&text(refused)) == Some(507) {
        thread::yield_now();
    }
    assert!(count("count?as_admin=true&query=tags:pair").ends_with(&format!("{{\"count\":{}}}", 2 * (acks + 1))));
    serving.terminate();
    assert_eq!(serving.code(), 0);
    assert_eq!(pairs(&desk).len(), 2 * (acks + 1));
    desk.run(&["verify", "--tenant", "desk", "--questions", "20", "--full"]).expect(0);
}
