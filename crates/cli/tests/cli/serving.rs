//! The server as the binary starts it, asked by curl.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::desk::{Desk, Ran};

/// A server, told to end when the test does.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Serving {
    pub(crate) fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut child = desk.command(args).spawn().expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, out }
    }

    /// The lines up to the first that holds `text`.
    pub(crate) fn lines_until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).expect("UTF-8 on stdout") > 0, "ended after {lines:?}");
            lines.push(line.trim_end().to_owned());
            if line.contains(text) {
                return lines;
            }
        }
    }

    /// Where it listens, once it has said so.
    pub(crate) fn address(&mut self) -> String {
        let line = self.lines_until("http://").pop().expect("a line");
        let rest = line.split("http://").nth(1).expect("an address");
        rest.split(' ').next().expect("an address").to_owned()
    }

    /// Tells it to end and waits until it has.
    pub(crate) fn end(mut self) -> i32 {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(told.success());
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

/// Runs a line as the shell reads it.
pub(crate) fn shell(line: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line).stdin(Stdio::null());
    Ran::from(shell.output().expect("a shell"))
}

fn curl(line: &str) -> Value {
    let ran = shell(&format!("curl -sS {line}"));
    assert_eq!(ran.code, 0, "curl {line}: {}", ran.err);
    serde_json::from_str(&ran.out).expect(&ran.out)
}

#[test]
fn a_server_without_keys_is_refused_unless_it_is_for_development() {
    let desk = Desk::with_fixture();
    let error = desk.json_error(&["serve", "--listen", "127.0.0.1:0"], 2);
    assert_eq!(error["type"], "no_keys");
    assert!(error["hint"].as_str().expect("a hint").contains("key create"), "{error}");
    let exposed = desk.run(&["serve", "--dev", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(exposed.err.contains("loopback"), "{}", exposed.err);
}

#[test]
fn keys_are_made_listed_used_and_revoked() {
    let desk = Desk::with_fixture();
    let made = desk.json(&["key", "create", "--class", "search", "--tenant", "desk"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(desk.json(&["key", "list"])["keys"], json!([{"id": id, "class": "search", "tenant": "desk"}]));
    assert!(!desk.run(&["key", "list"]).out.contains(&key));

    let mut serving = Serving::start(&desk, &["serve", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    let url = format!("http://{address}/v1/tenants/desk");
    let found =
        curl(&format!("-H 'Authorization: Bearer {key}' -H 'X-Ticketscope-As: ana' '{url}/search?query=brake'"));
    assert_eq!((&found["total"], &found["hits"][0]["id"]), (&json!(1), &json!(101)));
    assert_eq!(curl(&format!("'{url}/count?as=ana'"))["type"], "auth");
    assert_eq!(curl(&format!("-H 'Authorization: Bearer {key}' '{url}/why?principal=ana&ticket=101'"))["type"], "auth");
    assert_eq!(serving.end(), 0);

    desk.run(&["key", "revoke", &id]).expect(0);
    assert_eq!(desk.json_error(&["key", "revoke", &id], 3)["type"], "no_such_key");
    assert_eq!(desk.json(&["key", "list"])["keys"], json!([]));
}

#[test]
fn keys_and_sign_outs_are_of_a_data_directory_and_a_tenant_that_are_there() {
    let desk = Desk::with_fixture();
    let before = fs::read_dir(desk.data()).expect("a directory").count();
    let error = desk.json_error(&["sign-out", "--tenant", "desc", "ana"], 3);
    assert_eq!(error["type"], "no_such_tenant");
    assert!(error["hint"].as_str().expect("a hint").contains("`desk`"), "{error}");
    assert_eq!(fs::read_dir(desk.data()).expect("a directory").count(), before);

    let elsewhere = Desk::empty();
    fs::create_dir(elsewhere.data()).expect("a directory");
    for args in [
        &["key", "list"][..],
        &["key", "revoke", "0"],
        &["key", "revoke", "0", "--previous"],
        &["key", "rotate", "0"],
        &["sign-out", "--tenant", "desk", "ana"],
        &["sign-out", "--tenant", "desk", "--everybody"],
    ] {
        let error = elsewhere.json_error(args, 3);
        assert_eq!(error["type"], "no_data_dir", "{args:?}");
        assert_eq!(fs::read_dir(elsewhere.data()).expect("a directory").count(), 0, "{args:?}");
    }
    let made = elsewhere.json(&["key", "create", "--class", "metrics"]);
    assert_eq!(elsewhere.json(&["key", "list"])["keys"][0]["id"], made["id"]);
}

#[test]
fn commands_that_need_the_data_to_themselves_say_that_a_server_holds_it() {
    let desk = Desk::with_fixture();
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    for args in [&["verify", "--tenant", "desk"][..], &["demo", "--no-serve"], &["serve", "--dev"]] {
        assert_eq!(desk.json_error(args, 4)["type"], "locked", "{args:?}");
    }
    let over_http = curl(&format!("'http://{address}/v1/tenants/desk/count?as=ana'"));
    assert_eq!(serving.end(), 0);
    assert_eq!(over_http["count"], desk.count("ana", ""));
}

#[test]
fn a_rotated_key_and_its_old_secret_are_good_until_the_old_one_is_revoked() {
    let desk = Desk::with_fixture();
    let made = desk.json(&["key", "create", "--class", "search", "--tenant", "desk"]);
    let id = made["id"].as_str().expect("an id").to_owned();
    let rotated = desk.json(&["key", "rotate", &id, "--overlap-hours", "1"]);
    assert_eq!(rotated["id"], made["id"]);
    assert!(desk.json(&["key", "list"])["keys"][0]["previous_until"].is_string());
    let mut serving = Serving::start(&desk, &["serve", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/v1/tenants/desk", serving.address());
    let count = |key: &Value| {
        let key = key["key"].as_str().expect("a key");
        curl(&format!("-H 'Authorization: Bearer {key}' '{url}/count?as=ana'"))
    };
    assert!(count(&made)["count"].is_number() && count(&rotated)["count"].is_number());
    // The command line takes it back while the server runs, which sees it within a second; asked until then.
    desk.run(&["key", "revoke", &id, "--previous"]).expect(0);
    while count(&made)["count"].is_number() {}
    assert_eq!(count(&made)["type"], "auth");
    assert!(count(&rotated)["count"].is_number());
    assert_eq!(serving.end(), 0);
    assert_eq!(desk.json_error(&["key", "revoke", &id, "--previous"], 3)["type"], "no_such_key");
    assert_eq!(desk.json_error(&["key", "rotate", "0"], 3)["type"], "no_such_key");
    desk.run(&["key", "rotate", &id, "--overlap-hours", "169"]).expect(2);
}

#[test]
fn signing_keys_go_from_standby_to_current_to_previous_and_are_revoked() {
    let desk = Desk::with_fixture();
    let file = desk.data().join("token-keys.json");
    let file = file.to_str().expect("a path");
    let keys = |args: &[&str]| desk.json(&[&["signing-key", "--token-keys", file], args].concat());
    let states = || {
        let list = keys(&["list"]);
        let rows = list["signing_keys"].as_array().expect("a list").clone();
        rows.iter().map(|row| format!("{} {}", row["kid"], row["state"]).replace('"', "")).collect::<Vec<_>>()
    };
    let error = |args: &[&str], exit| {
        desk.json_error(&[&["signing-key", "--token-keys", file], args].concat(), exit)["type"].clone()
    };
    assert_eq!(error(&["list"], 4), "token_keys");
    let made = keys(&["create", "a"]);
    assert!(made["private_key"].as_str().expect("a key").contains("PRIVATE KEY"));
    assert!(!fs::read_to_string(file).expect("the file").contains("PRIVATE"));
    keys(&["create", "b", "--tenant", "desk"]);
    keys(&["create", "c"]);
    assert_eq!(states(), ["a standby", "b standby", "c standby"]);
    for kid in ["a", "b", "c"] {
        keys(&["promote", kid]);
    }
    assert_eq!(states(), ["a previous", "b current", "c current"]);
    keys(&["revoke", "a"]);
    assert_eq!(states(), ["a revoked", "b current", "c current"]);
    assert_eq!(error(&["promote", "a"], 2), "not_promotable");
    assert_eq!(error(&["create", "a"], 2), "bad_kid");
    assert_eq!(error(&["revoke", "x"], 3), "no_such_key");
}

#[test]
fn whoever_is_signed_out_is_named_and_somebody_must_be() {
    let desk = Desk::with_fixture();
    assert_eq!(desk.json(&["sign-out", "--tenant", "desk", "ana"]), json!({"signed_out": "ana"}));
    assert_eq!(desk.json(&["sign-out", "--tenant", "desk", "--everybody"]), json!({"signed_out": null}));
    for args in [&["sign-out", "--tenant", "desk"][..], &["sign-out", "--tenant", "desk", "ana", "--everybody"]] {
        desk.run(args).expect(2);
    }
}
