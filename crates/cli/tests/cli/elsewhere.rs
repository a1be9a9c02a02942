//! Commands on a data directory that a server holds.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Ran, fixture, many_tickets},
    serving::{Serving, shell},
};

/// Two data directories of the same bytes, of which a server holds one.
struct Twins {
    held: Desk,
    free: Desk,
    serving: Serving,
    address: String,
}

impl Twins {
    fn of(held: Desk) -> Self {
        let free = Desk::empty();
        copy(&held.data(), &free.data());
        let mut serving = Serving::start(&held, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
        let address = serving.address();
        Self { held, free, serving, address }
    }

    /// Runs a command on both, with and without `--json`, and compares all that they say.
    fn agree(&self, args: &[&str]) -> Ran {
        self.agree_once(args);
        self.agree_once(&[&["--json"], args].concat())
    }

    fn agree_once(&self, args: &[&str]) -> Ran {
        let (there, here) = (self.held.run(args), self.free.run(args));
        self.compare(args, &there, &here);
        there
    }

    fn compare(&self, args: &[&str], there: &Ran, here: &Ran) {
        assert_eq!(there.code, here.code, "{args:?}: {}{}", there.err, here.err);
        assert_eq!(comparable(&there.out), comparable(&here.out), "{args:?}");
        let own = |err: &str, desk: &Desk| err.replace(desk.data().to_str().expect("a path"), "DATA");
        assert_eq!(own(&there.err, &self.held), own(&here.err, &self.free), "{args:?}");
    }

    /// The lines that both import from stdin.
    fn agree_on_import(&self, lines: &str, args: &[&str]) -> Ran {
        let args = [&["--json"], args].concat();
        let (there, here) = (self.held.import(lines, &args), self.free.import(lines, &args));
        self.compare(&args, &there, &here);
        there
    }

    /// Ends the server, and compares everything that is in both.
    fn end(self) {
        assert_eq!(self.serving.end(), 0);
        assert!(!file(&self.held).exists(), "the file goes with the server");
        for args in [
            &["search", "--tenant", "desk", "--as-admin", "--limit", "1000"][..],
            &["fields", "--tenant", "desk", "--as-admin"],
            &["search", "--tenant", "desk", "--as-admin", "life:deleted"],
            &["tenant", "list"],
        ] {
            let (there, here) = (self.held.json(args), self.free.json(args));
            assert_eq!(comparable(&there.to_string()), comparable(&here.to_string()), "{args:?}");
        }
        let stats = |desk: &Desk| {
            let stats = desk.json(&["stats", "--tenant", "desk"]);
            ["tickets", "principals", "roles", "relations", "members"].map(|name| stats[name].clone())
        };
        assert_eq!(stats(&self.held), stats(&self.free));
        self.held.run(&["verify", "--tenant", "desk", "--questions", "50", "--full"]).expect(0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// An answer without what differs each time: how long it took, and the text of cursors.
fn comparable(out: &str) -> Vec<String> {
    let line = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(mut value) => {
            strip(&mut value);
            value.to_string()
        }
        Err(_) => ["--page-after", " rejected in "].iter().fold(line, |line, end| cut(line, end)).to_owned(),
    };
    out.lines().map(line).collect()
}

/// What of a line stands before `end`.
fn cut<'l>(line: &'l str, end: &str) -> &'l str {
    line.split(end).next().unwrap_or(line)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in ["took_us", "estimate_us", "seconds", "searchable_seconds"] {
                map.remove(name);
            }
            if let Some(next) = map.get_mut("next").filter(|next| next.is_string()) {
                *next = json!("cursor");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

fn file(desk: &Desk) -> PathBuf {
    desk.data().join("server.json")
}

fn read_file(desk: &Desk) -> Value {
    serde_json::from_str(&fs::read_to_string(file(desk)).expect("the server says where it is")).expect("JSON")
}

/// Writes the file as a server would have, with what `change` makes of it.
fn write_file(desk: &Desk, mut value: Value, change: impl FnOnce(&mut Value)) {
    use std::os::unix::fs::PermissionsExt;

    change(&mut value);
    fs::write(file(desk), value.to_string()).expect("a file");
    fs::set_permissions(file(desk), fs::Permissions::from_mode(0o600)).expect("permissions");
}

#[test]
fn every_question_is_answered_by_the_server_as_without_one() {
    let twins = Twins::of(Desk::with_fixture());
    let in_tenant: &[&[&str]] = &[
        &["count", "--as", "ana"],
        &["count", "--as-admin", "status<solved -tags:spam"],
        &["count", "--as", "ana", "brake"],
        &["count", "--as", "ana", "status:open ((("],
        &["count", "--as", "ana", "staus:open"],
        &["count", "--as", "nobody"],
        &["search", "--as", "ana", "brake status<solved -tags:spam"],
        &["search", "--as-admin", "brake"],
        &["search", "--as-admin", "--limit", "2"],
        &["search", "--as-admin", "--limit", "2", "--page-rank", "1", "--sort", "created_at:asc"],
        &["search", "--as-admin", "--limit", "0"],
        &["search", "--as", "ana", "--page-after", "nonsense"],
        &["search", "--as", "ana", "--sort", "colour:asc"],
        &["search", "--as", "ana", "--sort", "id:asc", "order_by:id sort:asc"],
        &["facets", "--as", "ana"],
        &["facets", "--as-admin", "--field", "status", "--field", "group", "--top", "1", "status<solved"],
        &["facets", "--as", "ana", "--field", "statsu"],
        &["suggest", "--as", "ana", "bra"],
        &["suggest", "--as-admin", "--field", "status", "o"],
        &["suggest", "--as", "ana", "--field", "nothing", "o"],
        &["fields", "--as", "ana"],
        &["fields", "--as-admin"],
        &["why", "ana", "101"],
        &["why", "ana", "999"],
        &["why", "nobody", "101"],
        &["who", "101"],
        &["who", "--limit", "1", "101"],
        &["who", "999"],
        &["scope", "show", "ana"],
        &["scope", "show", "nobody"],
    ];
    let mut codes = BTreeSet::new();
    for args in in_tenant {
        codes.insert(twins.agree(&[*args, &["--tenant", "desk"]].concat()).code);
        twins.agree(&[*args, &["--tenant", "dsek"]].concat()).expect(3);
    }
    assert_eq!(codes, BTreeSet::from([0, 1, 2, 3]));
    for args in [&["tenant", "list"][..], &["tenant", "delete", "desk"], &["tenant", "create", "desk"]] {
        twins.agree(args);
    }
    // How a list is found is timed; what is told of it is the same.
    let explained = |desk: &Desk| {
        let plan = desk.json(&["search", "--tenant", "desk", "--as-admin", "--explain", "brake"])["plan"].clone();
        ["query", "scope", "filters", "words", "total"].map(|name| plan[name].clone())
    };
    assert_eq!(explained(&twins.held), explained(&twins.free));
    // Sizes of what is cached differ.
    let stats = |desk: &Desk| desk.json(&["stats", "--tenant", "desk"]);
    for name in ["tenant", "tickets", "ordinals", "principals", "roles", "relations", "members", "opstamp", "log_rows"]
    {
        assert_eq!(stats(&twins.held)[name], stats(&twins.free)[name], "{name}");
    }
    assert!(twins.held.run(&["stats", "--tenant", "desk"]).expect(0).out.contains("heap bytes per ticket"));
    twins.end();
}

#[test]
fn pages_are_followed_through_the_server() {
    let twins = Twins::of(Desk::with_lines(&many_tickets(50, 10)));
    let all = |desk: &Desk| {
        let (mut ids, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut args = vec!["search", "--tenant", "desk", "--as", "ana", "--limit", "7"];
            if let Some(cursor) = &after {
                args.extend(["--page-after", cursor]);
            }
            let page = desk.json(&args);
            ids.extend(page["hits"].as_array().expect("hits").iter().map(|hit| hit["id"].clone()));
            match page["next"].as_str() {
                Some(cursor) => after = Some(cursor.to_owned()),
                None => return ids,
            }
        }
    };
    let ids = all(&twins.held);
    assert_eq!(ids.len(), 25);
    assert_eq!(ids, all(&twins.free));
}

#[test]
fn lines_of_every_format_are_imported_through_the_server() {
    let twins = Twins::of(Desk::with_lines(&many_tickets(20, 10)));
    let tickets = "{\"id\":3,\"group\":\"g0\",\"status\":\"open\",\"subject\":\"Whole\",\"comments\":[{\"body\":\"yes\",\"public\":true}],\"tags\":[\"a\",\"b\"]}\n{\"id\":900,\"subject\":\"New\"}\n";
    let events = "{\"at\":\"2026-02-01\",\"ticket\":3,\"field\":\"tags\",\"from\":\"a\",\"to\":\"c\"}\n{\"at\":\"2026-02-01\",\"ticket\":3,\"field\":\"status\",\"from\":\"open\",\"to\":\"solved\"}\n";
    let schema = "{\"k\":\"schema\",\"fields\":[{\"name\":\"colours\",\"kind\":\"keyword\",\"many\":true}]}\n";
    let own = "{\"at\":\"2026-02-01\",\"ticket\":3,\"field\":\"colours\",\"from\":null,\"to\":\"red\"}\n{\"at\":\"2026-02-02\",\"ticket\":3,\"field\":\"colours\",\"from\":null,\"to\":\"blue\"}\n{\"at\":\"2026-02-03\",\"ticket\":3,\"field\":\"colours\",\"from\":\"red\"}\n";
    for lines in [tickets, events, schema, own] {
        twins.agree_on_import(lines, &[]).expect(0);
    }
    let found = twins.held.json(&["search", "--tenant", "desk", "--as-admin", "id:3"]);
    assert_eq!(
        (&found["hits"][0]["fields"]["tags"], &found["hits"][0]["fields"]["colours"]),
        (&json!(["b", "c"]), &json!(["blue"]))
    );
    for batch in ["1", "3", "1000"] {
        twins.agree_on_import(&many_tickets(40, 300), &["--batch", batch]).expect(0);
    }
    twins.agree_on_import("", &[]).expect(0);
    twins.agree_on_import("[]\n", &[]).expect(2);
    twins.agree(&["import", "--tenant", "desk", "--languages", "xx", &fixture("helpdesk.jsonl")]).expect(2);
    let files = [fixture("helpdesk.jsonl"), fixture("helpdesk.jsonl")];
    let args = ["import", "--tenant", "desk", "--languages", "en,pl", &files[0], &files[1]];
    twins.agree(&args).expect(0);
    twins.end();
}

#[test]
fn rejected_lines_are_told_kept_and_counted_as_without_a_server() {
    let twins = Twins::of(Desk::with_lines(&many_tickets(4, 10)));
    let lines: String = (0..60)
        .map(|at| match at % 6 {
            1 => format!("{{\"k\":\"ticket\",\"id\":{at},\"colour\":\"red\"}}\n"),
            3 => "\n".to_owned(),
            4 => format!("{{\"k\":\"ticket\",\"id\":{at}\n"),
            _ => format!("{{\"k\":\"ticket\",\"id\":{at},\"status\":\"open\"}}\n"),
        })
        .collect();
    for batch in ["1", "4", "1000"] {
        for how in [&["--keep-going"][..], &[]] {
            let kept = |desk: &Desk| {
                let path = desk.file("rejected");
                let ran = desk.import(&lines, &[&["--json", "--batch", batch, "--reject", &path], how].concat());
                (ran, fs::read(&path).expect("the rejected lines"))
            };
            let ((there, there_kept), (here, here_kept)) = (kept(&twins.held), kept(&twins.free));
            twins.compare(how, &there, &here);
            assert_eq!(there.code, if how.is_empty() { 2 } else { 0 }, "{}", there.err);
            assert!(!there_kept.is_empty());
            assert_eq!(there_kept, here_kept, "batches of {batch}, {how:?}");
        }
    }
    twins.end();
}

#[test]
fn a_full_listing_is_closed_over_many_batches() {
    let twins = Twins::of(Desk::with_lines(&many_tickets(10, 10)));
    let listing = |count: u32| {
        let ticket = |id| format!("{{\"k\":\"ticket\",\"id\":{id},\"status\":\"open\"}}\n");
        let tickets = (1..=6).map(ticket).collect::<Vec<_>>().concat();
        format!("{tickets}{{\"k\":\"complete\",\"what\":\"tickets\",\"count\":{count}}}\n")
    };
    twins.agree_on_import(&listing(7), &["--batch", "2"]).expect(2);
    assert_eq!(twins.agree(&["count", "--tenant", "desk", "--as-admin"]).json()["count"], 10);
    twins.agree_on_import(&listing(6), &["--batch", "2"]).expect(0);
    assert_eq!(twins.agree(&["count", "--tenant", "desk", "--as-admin"]).json()["count"], 6);
    twins.end();
}

#[test]
fn tenants_come_and_go_through_the_server() {
    let twins = Twins::of(Desk::with_fixture());
    twins.agree_once(&["tenant", "create", "north"]).expect(0);
    twins.agree_once(&["--json", "tenant", "create", "south"]).expect(0);
    twins.agree(&["tenant", "list"]).expect(0);
    twins.agree_once(&["import", "--tenant", "south", "--json", &fixture("helpdesk.jsonl")]).expect(0);
    twins.agree(&["count", "--tenant", "south", "--as", "ana"]).expect(0);
    twins.agree_once(&["tenant", "delete", "south", "--yes"]).expect(0);
    twins.agree(&["count", "--tenant", "south", "--as", "ana"]).expect(3);
    twins.end();
}

#[test]
fn a_batch_sent_before_a_tenant_was_deleted_is_no_answer_for_the_tenant_that_follows() {
    let twins = Twins::of(Desk::with_fixture());
    let url = format!("http://{}/v1/tenants/desk", twins.address);
    let batch = r#"{"k":"ticket","id":1,"status":"open"}"#;
    let send =
        || shell(&format!("curl -sS -X POST -H 'Idempotency-Key: once' --data-binary '{batch}' '{url}/changes'"));
    send().expect(0);
    twins.held.run(&["tenant", "delete", "desk", "--yes"]).expect(0);
    twins.held.run(&["tenant", "create", "desk"]).expect(0);
    send().expect(0);
    assert_eq!(twins.held.json(&["count", "--tenant", "desk", "--as-admin"])["count"], 1);
}

#[test]
fn canaries_are_planted_and_removed_through_the_server() {
    let twins = Twins::of(Desk::with_fixture());
    let planted = twins.held.json(&["canary", "plant", "--tenant", "desk", "--count", "2"]);
    assert_eq!(planted["planted"].as_array().map(Vec::len), Some(2));
    let removed = twins.held.json(&["canary", "remove", "--tenant", "desk"]);
    assert_eq!(removed["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!(twins.held.json(&["canary", "list"])["canaries"], json!([]));
}

#[test]
fn records_name_the_user_who_ran_the_command() {
    let twins = Twins::of(Desk::with_fixture());
    let records = |desk: &Desk| {
        let mut commands = [
            desk.command(&["count", "--tenant", "desk", "--as", "ana", "brake"]),
            desk.command(&["why", "--tenant", "desk", "ana", "101"]),
            desk.command(&["tenant", "create", "north"]),
            desk.command(&["import", "--tenant", "north", &fixture("helpdesk.jsonl")]),
        ];
        for command in &mut commands {
            assert!(command.env("USER", "z\u{f3}\u{142}w").status().expect("the binary runs").success());
        }
        let shown = desk.run(&["--json", "audit", "show", "--limit", "6"]).expect(0).out;
        let mut records: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for record in &mut records {
            let map = record.as_object_mut().expect("an object");
            for name in ["at", "seq", "prev", "hash"] {
                map.remove(name);
            }
        }
        records
    };
    let there = records(&twins.held);
    assert!(
        there
            .iter()
            .all(|record| record["actor"]["user"].as_str().is_some_and(|user| user.starts_with("z\u{f3}\u{142}w"))),
        "{there:?}"
    );
    assert_eq!(there, records(&twins.free));
    twins.held.run(&["audit", "verify"]).expect(0);
    twins.end();
}

#[test]
fn the_file_is_its_owners_alone_and_its_secret_is_nowhere_else() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::with_fixture();
    desk.run(&["key", "create", "--class", "admin"]).expect(0);
    let mut serving = Serving::start(&desk, &["serve", "--listen", "0.0.0.0:0"]);
    let listens = serving.address();
    let told = read_file(&desk);
    let address = told["address"].as_str().expect("an address").to_owned();
    assert_eq!(address, listens.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(fs::metadata(file(&desk)).expect("the file").permissions().mode() & 0o777, 0o600);
    let key = told["key"].as_str().expect("a key").to_owned();
    let secret = key.rsplit('_').next().expect("a secret").to_owned();
    assert_eq!(secret.len(), 64);
    let mut said = Vec::new();
    for args in [
        &["count", "--tenant", "desk", "--as", "ana"][..],
        &["count", "--tenant", "none", "--as", "ana"],
        &["count", "--tenant", "desk", "--as", "ana", "((("],
        &["verify", "--tenant", "desk"],
        &["key", "list"],
        &["audit", "show"],
    ] {
        for json in [&["--json"][..], &[]] {
            let ran = desk.run(&[json, args].concat());
            said.push(ran.out + &ran.err);
        }
    }
    // The key is an admin's for other requests too, under the name of the user.
    let ask = |key: &str, path: &str| {
        let headers = format!("-H 'Authorization: Bearer {key}' -H 'X-Ticketscope-User: eve'");
        shell(&format!("curl -sS {headers} 'http://{address}{path}'")).expect(0).out
    };
    assert_eq!(ask(&key, "/v1/tenants/desk/count?as_admin=true"), r#"{"count":5}"#);
    let records = desk.run(&["--json", "audit", "show"]).expect(0).out;
    assert!(records.lines().last().is_some_and(|record| record.contains(r#"{"user":"eve"}"#)), "{records}");
    let wrong = key.replace(&secret, &"0".repeat(64));
    said.push(ask(&wrong, "/v1/tenants/desk/count?as_admin=true"));
    assert!(said.last().is_some_and(|told| told.contains("\"unauthenticated\"")));
    said.push(ask(&key, "/v1/operator?nonce=a"));
    assert!(said.last().is_some_and(|told| told.contains("\"proof\"")));
    assert_eq!(serving.end(), 0);
    assert!(!file(&desk).exists());
    let mut dirs = vec![desk.data()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                said.push(String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned());
            }
        }
    }
    assert!(said.len() > 20);
    assert!(said.iter().all(|text| !text.contains(&secret)), "the secret was told");
}

/// A process that holds a data directory without serving it.
struct Holder(std::process::Child);

impl Holder {
    fn of(desk: &Desk) -> Self {
        let mut child = desk.spawn(&["import", "--tenant", "desk", "-"]);
        let stdin = child.stdin.as_mut().expect("a pipe");
        stdin.write_all(many_tickets(4000, 1000).as_bytes()).expect("it reads");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_file_that_a_server_left_behind_is_not_believed() {
    let desk = Desk::with_fixture();
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    let left = read_file(&desk);
    drop(serving);
    assert!(file(&desk).exists(), "it was killed");
    let args = ["count", "--tenant", "desk", "--as", "ana"];
    let count = desk.json(&args);
    assert!(count["count"].is_number(), "nobody holds the data");

    let holder = Holder::of(&desk);
    let cause = || {
        let error = desk.json_error(&args, 4);
        assert_eq!(error["type"], "locked");
        assert_eq!(error["hint"], format!("process {} uses it", holder.0.id()));
        error["causes"].to_string()
    };
    assert!(cause().contains("no server answers"), "{}", cause());
    // A port on which something listens that says nothing like it, and one of another server.
    let other = Desk::with_fixture();
    let mut serving = Serving::start(&other, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    write_file(&desk, left.clone(), |file| file["address"] = json!(address));
    assert!(cause().contains("is not the server of this data directory"), "{}", cause());
    // Another's secret proves nothing for the one that is written down.
    write_file(&desk, read_file(&other), |file| file["key"] = left["key"].clone());
    assert!(cause().contains("is not the server of this data directory"), "{}", cause());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    write_file(&desk, left, |file| file["address"] = json!(closed.to_string()));
    assert!(cause().contains("no server answers"), "{}", cause());
    fs::write(file(&desk), "{}").expect("a file");
    assert!(cause().contains("server.json"), "{}", cause());
    fs::remove_file(file(&desk)).expect("a file");
    assert_eq!(cause(), "null");
}

#[test]
fn a_file_that_others_can_read_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::with_fixture();
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    let args = ["count", "--tenant", "desk", "--as", "ana"];
    desk.run(&args).expect(0);
    fs::set_permissions(file(&desk), fs::Permissions::from_mode(0o644)).expect("permissions");
    let error = desk.json_error(&args, 4);
    assert!(error["causes"].to_string().contains("chmod 600"), "{error}");
    fs::set_permissions(file(&desk), fs::Permissions::from_mode(0o600)).expect("permissions");
    write_file(&desk, read_file(&desk), |file| file["key"] = json!(format!("ts_operator_{}", "0".repeat(64))));
    assert_eq!(desk.json_error(&args, 4)["type"], "locked", "a wrong secret");
    assert_eq!(serving.end(), 0);
}

#[test]
fn an_import_whose_server_goes_away_says_so_and_what_to_do() {
    for is_orderly in [false, true] {
        let desk = Desk::with_lines(&many_tickets(10, 10));
        let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
        let address = serving.address();
        let mut child = desk.spawn(&["--json", "import", "--tenant", "desk", "--batch", "100", "-"]);
        let mut stdin = child.stdin.take().expect("a pipe");
        let lines = many_tickets(20_000, 1000);
        let half = lines.len() / 2;
        stdin.write_all(&lines.as_bytes()[..half]).expect("it reads");
        let url = format!("http://{address}/v1/tenants/desk/count?as_admin=true");
        while shell(&format!("curl -sS '{url}'")).out == r#"{"count":10}"# {}
        if is_orderly {
            assert_eq!(serving.end(), 0, "an import keeps no server from ending");
        } else {
            drop(serving);
        }
        drop(stdin.write_all(&lines.as_bytes()[half..]));
        drop(stdin);
        let ran = Ran::from(child.wait_with_output().expect("it ends")).expect(4);
        let error: Value = serde_json::from_str(&ran.err).expect("one line of JSON");
        assert_eq!(error["error"]["type"], "server");
        assert!(error["error"]["hint"].as_str().expect("a hint").contains("run it again from the start"), "{error}");
        // What was acknowledged is there, and the import can be run again.
        assert!(desk.json(&["count", "--tenant", "desk", "--as-admin"])["count"].as_u64() > Some(10));
    }
}

#[test]
fn the_environment_of_a_proxy_is_not_asked() {
    let desk = Desk::with_fixture();
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    let mut command: Command = desk.command(&["count", "--tenant", "desk", "--as", "ana"]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    Ran::from(command.output().expect("the binary runs")).expect(0);
}
