//! Files that earlier programs of this format wrote, and what they still say.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::OperatorFile;

/// A copy that its owner alone can read, as the file was: a repository keeps no such modes.
fn copy(name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    write(&path, &text(name));
    (dir, path)
}

fn text(name: &str) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format/beside/v1");
    fs::read_to_string(golden.join(name)).unwrap()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a key of the golden file was given out as.
fn key(class: &str, id: &str, digit: &str) -> String {
    format!("Bearer ts_{class}_00000000000000{id}_{}", digit.repeat(64))
}

#[tokio::test]
async fn the_golden_keys_let_in_whom_they_let_in() {
    let (_dir, path) = copy("keys.json");
    let keys = Arc::new(Keys::open(&path).unwrap());
    assert_eq!(keys.position_secret(), [0x5e; 32]);
    let desk = Desk::configured(|_, config| {
        let Access::Checked { tokens, .. } = &config.access else { panic!("no tokens") };
        let access = Access::Checked { keys: Arc::clone(&keys), tokens: tokens.clone() };
        Config { access, ..config }
    });
    let (admin, ingest) = (key("admin", "a1", "1"), key("ingest", "a2", "2"));
    assert_eq!(desk.get(&admin, "/v1/tenants").await.ok()["tenants"], json!(["acme", "other"]));
    desk.change(&ingest, "", "").await.ok();
    assert_eq!(desk.get(&ingest, "/v1/tenants/acme/count?as=ann").await.code(), "wrong_class");
    let headers = [("authorization", &*ingest)];
    let foreign = desk.ask(Method::POST, "/v1/tenants/other/changes", &headers, Body::empty()).await;
    assert_eq!(foreign.code(), "no_such_tenant");
    for digit in ["4", "3"] {
        desk.get(&key("search", "a3", digit), "/v1/tenants/acme/count?as=ann").await.ok();
    }
    desk.get(&key("metrics", "a4", "5"), "/metrics").await;
    for (class, id, digit) in [("admin", "a1", "2"), ("admin", "a2", "2"), ("search", "a3", "5"), ("admin", "a9", "1")]
    {
        assert_eq!(desk.get(&key(class, id, digit), "/v1/tenants").await.code(), "unauthenticated", "{class} {id}");
    }
    for (tenant, principal, is_out) in [("acme", "ann", true), ("acme", "bob", false), ("other", "bob", true)] {
        let reply = desk.get(&desk.token(tenant, principal), &format!("/v1/tenants/{tenant}/count")).await;
        assert_eq!(reply.status == StatusCode::UNAUTHORIZED, is_out, "{principal} of {tenant}: {}", reply.body);
    }
    // A sign-out before one that stands changes nothing, and has the file written anew.
    keys.sign_out(&id("acme"), Some("ann"), Timestamp(NOW.0 - 60_000)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text("keys.json"));
}

#[test]
fn the_golden_file_of_a_server_says_where_it_was() {
    let (dir, path) = copy("server.json");
    let file = OperatorFile::read(&path).unwrap().unwrap();
    assert_eq!((file.address, file.pid, file.started), ("127.0.0.1:7700".parse().unwrap(), 4711, NOW));
    assert_eq!(file.key.text(), format!("ts_operator_{}", "6".repeat(64)));
    let again = dir.path().join("again.json");
    file.write(&again).unwrap();
    assert_eq!(fs::read_to_string(&again).unwrap(), text("server.json"));
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name_whatever_else_is_in_it() {
    let newer = |name: &str| {
        let (dir, path) = copy(name);
        write(&path, &text(name).replace("\"version\": 1", "\"version\": 2, \"rooms\": []"));
        (dir, path)
    };
    let (_dir, keys) = newer("keys.json");
    let (_other, server) = newer("server.json");
    let refused = [Keys::open(keys).unwrap_err().to_string(), OperatorFile::read(&server).unwrap_err().to_string()];
    for error in refused {
        assert!(error.contains("a newer version (format 2, this program knows 1); update the program"), "{error}");
    }
}
