//! A log that an earlier program wrote.

use serde_json::json;

use super::*;
use crate::verify;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format/beside/v1/audit")
}

/// What the golden log records: every kind of actor, decision and detail.
fn entries() -> Vec<Entry> {
    let entry = |actor, action, decision| Entry::new(NOW, actor, action, decision);
    let allowed = entry(Actor::User("ana".into()), Action::TenantCreate, Decision::Allowed).of_tenant("acme");
    let refused = entry(Actor::Nobody, Action::Stats, Decision::Refused).about("path", "/v1/tenants/acme/stats");
    vec![
        allowed.clone(),
        allowed.settled(NOW + 1, Decision::Done).at_opstamp(7),
        entry(Actor::Key("0011".into()), Action::Search, Decision::Allowed)
            .of_tenant("acme")
            .about("query", "\u{17c} \"\\"),
        refused.in_request("9c"),
        entry(Actor::Agent("ann".into()), Action::Count, Decision::Allowed)
            .of_tenant("acme")
            .about("as", "ann")
            .about("limit", 3),
        entry(Actor::Dev, Action::Import, Decision::Failed).about("files", json!(["a", null, true])),
    ]
}

fn copied(dir: &Path) {
    fs::create_dir(dir).unwrap();
    for name in ["000001.jsonl", "FORMAT", "head"] {
        fs::copy(golden().join(name), dir.join(name)).unwrap();
    }
}

#[test]
fn the_golden_log_is_verified_read_and_gone_on_with() {
    let (_dir, path) = place();
    copied(&path);
    let verified = verify(&path, None).unwrap();
    assert_eq!((verified.records, verified.head.seq), (6, 6));
    let actors: Vec<String> = read(&path).iter().map(|record| record.actor.to_string()).collect();
    assert_eq!(actors, ["user ana", "user ana", "key 0011", "nobody", "agent ann", "dev"]);
    let log = AuditLog::open(&path, NOW).unwrap();
    assert_eq!(log.append(entry(7)).unwrap(), 7);
    drop(log);
    assert_eq!(verify(&path, Some(verified.head.hash)).unwrap().records, 7);
}

#[test]
fn the_same_entries_are_written_as_the_same_bytes() {
    let (_dir, path) = place();
    let log = AuditLog::open(&path, NOW).unwrap();
    for entry in entries() {
        log.append(entry).unwrap();
    }
    drop(log);
    for name in ["000001.jsonl", "FORMAT", "head"] {
        let written = fs::read_to_string(path.join(name)).unwrap();
        assert_eq!(written, fs::read_to_string(golden().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_log_that_says_no_version_is_of_the_first() {
    let (_dir, path) = place();
    copied(&path);
    fs::remove_file(path.join("FORMAT")).unwrap();
    assert_eq!(verify(&path, None).unwrap().records, 6);
}
