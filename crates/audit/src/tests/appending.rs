use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Barrier},
    thread,
};

use serde_json::json;

use super::*;
use crate::{AppendError, Head, MAX_RESOURCE_BYTES, OpenError, VerifyError, verify};

#[test]
fn what_is_appended_is_read_back_in_order_and_chained() {
    let (_dir, path) = place();
    let log = AuditLog::open(&path, NOW).unwrap();
    assert_eq!(log.head(), Some(Head::EMPTY));
    assert_eq!(log.append(entry(1).at_opstamp(7)).unwrap(), 1);
    assert_eq!(log.append(Entry::new(NOW + 1, Actor::Dev, Action::Stats, Decision::Refused)).unwrap(), 2);
    let all = read(&path);
    let Record { seq, at, actor, tenant, action, resource, decision, opstamp, request, .. } = all[0].clone();
    assert_eq!((seq, at, actor, tenant.as_deref()), (1, NOW, Actor::Key("0011".into()), Some("acme")));
    assert_eq!((&*action, &*decision, opstamp, request.as_deref()), ("search", "allowed", Some(7), Some("9c")));
    assert_eq!(resource["query"], "refund \"1\" \u{17c}\\");
    assert_eq!((&all[1].actor, &all[1].tenant, &*all[1].decision), (&Actor::Dev, &None, "refused"));
    assert_eq!(all[0].prev, "0".repeat(64));
    assert_eq!(all[1].prev, all[0].hash);
    assert_eq!(log.head().unwrap().hash.to_string(), all[1].hash);
}

#[test]
fn the_form_of_the_files_does_not_change() {
    let (_dir, path) = place();
    let log = AuditLog::open(&path, NOW).unwrap();
    let why = Entry::new(NOW, Actor::Key("0011".into()), Action::Why, Decision::Allowed).of_tenant("acme");
    log.append(why.about("principal", "ann").about("ticket", 17).at_opstamp(7).in_request("9c")).unwrap();
    log.append(Entry::new(NOW + 1, Actor::Dev, Action::TenantCreate, Decision::Failed)).unwrap();
    // The hashes are those of sha256sum.
    let one = concat!(
        r#"{"seq":1,"at":1795176000000,"actor":{"key":"0011"},"tenant":"acme","action":"why","#,
        r#""resource":{"principal":"ann","ticket":17},"decision":"allowed","opstamp":7,"request":"9c","#,
        r#""prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""hash":"2b3c39b1fdff0459303c4a71c4953d58dd6bbbcfb07f43d46b299964d05c2a92"}"#,
        "\n"
    );
    let two = concat!(
        r#"{"seq":2,"at":1795176000001,"actor":"dev","tenant":null,"action":"tenant_create","resource":{},"#,
        r#""decision":"failed","opstamp":null,"request":null,"#,
        r#""prev":"2b3c39b1fdff0459303c4a71c4953d58dd6bbbcfb07f43d46b299964d05c2a92","#,
        r#""hash":"5ce5d7c850aa0b5fcb41de166dcb6fb56afc38aec0811c1be54cc7c1d4f040f1"}"#,
        "\n"
    );
    assert_eq!(fs::read_to_string(file(&path, 1)).unwrap(), format!("{one}{two}"));
    let head = "00000000000000000002 5ce5d7c850aa0b5fcb41de166dcb6fb56afc38aec0811c1be54cc7c1d4f040f1\n";
    assert_eq!(fs::read_to_string(path.join("head")).unwrap(), head);
}

#[test]
fn files_are_their_owners_alone() {
    let (_dir, path) = place();
    written(&path, 3, 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let files = contents(&path);
    assert_eq!(files.len(), 6, "a version, a lock, a head and three files of records: {files:?}");
    for (path, _) in files {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn the_chain_goes_on_across_files_and_openings() {
    let (_dir, path) = place();
    for turn in 0..4 {
        let log = AuditLog::open_with(&path, NOW, 900).unwrap();
        for number in 1..=5 {
            assert_eq!(log.append(entry(number)).unwrap(), turn * 5 + number);
        }
    }
    let verified = verify(&path, None).unwrap();
    assert_eq!((verified.records, verified.unfinished), (20, 0));
    assert!(verified.files > 4, "{verified:?}");
    assert_eq!(read(&path).len(), 20);
    for number in 1..verified.files {
        let len = fs::metadata(file(&path, u32::try_from(number).unwrap())).unwrap().len();
        assert!((900..1400).contains(&len), "a file ends with the record that makes it long enough, not at {len}");
    }
}

#[test]
fn many_threads_append_and_every_record_has_its_place() {
    let (_dir, path) = place();
    let log = Arc::new(AuditLog::open_with(&path, NOW, 4000).unwrap());
    let start = Arc::new(Barrier::new(8));
    let threads = (0..8).map(|thread| {
        let (log, start) = (Arc::clone(&log), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            let append = |turn: u64| {
                let number = thread * 50 + turn;
                let seq = if turn.is_multiple_of(5) { log.note(entry(number)) } else { log.append(entry(number)) };
                (seq.unwrap(), number)
            };
            (0..50).map(append).collect::<Vec<_>>()
        })
    });
    let threads: Vec<_> = threads.collect();
    let told: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    drop(log);
    assert_eq!(verify(&path, None).unwrap().records, 400);
    let all = read(&path);
    for (seq, number) in told {
        let record = &all[usize::try_from(seq).unwrap() - 1];
        assert_eq!(record.resource["query"], format!("refund \"{number}\" \u{17c}\\"), "record {seq}");
    }
}

#[test]
fn processes_take_turns() {
    let (_dir, path) = place();
    let (one, two) = (AuditLog::open_with(&path, NOW, 700).unwrap(), AuditLog::open_with(&path, NOW, 700).unwrap());
    for turn in 0..10 {
        assert_eq!(one.append(entry(0)).unwrap(), turn * 3 + 1);
        assert_eq!(two.append(entry(0)).unwrap(), turn * 3 + 2);
        assert_eq!(two.append(entry(0)).unwrap(), turn * 3 + 3);
    }
    assert_eq!(verify(&path, None).unwrap().records, 30);
}

#[test]
fn the_head_follows_what_is_durable_and_never_leads() {
    let (_dir, path) = place();
    let log = AuditLog::open(&path, NOW).unwrap();
    let durable = || crate::head::read(&path).unwrap().unwrap().seq;
    assert_eq!(durable(), 0);
    log.append(entry(1)).unwrap();
    assert_eq!(durable(), 1);
    log.note(entry(2)).unwrap();
    assert_eq!(durable(), 1, "a note waits for the next sync");
    assert_eq!(verify(&path, None).unwrap().records, 2);
    drop(log);
    assert_eq!(durable(), 2);
}

#[test]
fn a_log_that_was_replaced_below_its_writer_is_not_gone_on_with() {
    let (_dir, path) = place();
    let (_other, shorter) = place();
    written(&shorter, 1, u64::MAX);
    let log = AuditLog::open(&path, NOW).unwrap();
    for number in 1..=3 {
        log.append(entry(number)).unwrap();
    }
    for name in ["000001.jsonl", "head"] {
        fs::copy(shorter.join(name), path.join(name)).unwrap();
    }
    verify(&path, None).expect("it is whole in itself");
    let AppendError::Changed(error) = log.append(entry(4)).unwrap_err() else { panic!("another error") };
    assert!(matches!(*error, OpenError::Damaged(VerifyError::Truncated { .. })), "{error:?}");
    fs::remove_dir_all(&path).unwrap();
    log.append(entry(4)).expect_err("there is no log any more");
    assert!(!path.exists());
}

#[test]
fn nothing_is_written_to_a_file_that_was_deleted_and_put_back_as_a_copy() {
    for name in ["000001.jsonl", "head"] {
        let (_dir, path) = place();
        let log = AuditLog::open(&path, NOW).unwrap();
        log.append(entry(1)).unwrap();
        let (own, copy) = (path.join(name), path.join("copy"));
        let put_back = || {
            fs::remove_file(&own).unwrap();
            fs::rename(&copy, &own).unwrap();
        };
        fs::copy(&own, &copy).unwrap();
        put_back();
        assert_eq!(log.append(entry(2)).unwrap(), 2, "a copy of all of it is as good");
        assert_eq!(crate::head::read(&path).unwrap(), log.head(), "{name}");
        assert_eq!((verify(&path, None).unwrap().records, read(&path).len()), (2, 2), "{name}");
    }
}

#[test]
fn a_copy_that_lacks_or_rewrites_what_was_recorded_is_not_gone_on_with() {
    let (_other, rewritten) = place();
    let log = AuditLog::open(&rewritten, NOW).unwrap();
    log.append(entry(1)).unwrap();
    log.append(Entry::new(NOW, Actor::Dev, Action::Stats, Decision::Refused)).unwrap();
    let (_third, shorter) = place();
    written(&shorter, 1, u64::MAX);
    for from in [&shorter, &rewritten] {
        let (_dir, path) = place();
        let log = AuditLog::open(&path, NOW).unwrap();
        log.append(entry(1)).unwrap();
        log.append(entry(2)).unwrap();
        for name in ["000001.jsonl", "head"] {
            fs::remove_file(path.join(name)).unwrap();
            fs::copy(from.join(name), path.join(name)).unwrap();
        }
        let AppendError::Changed(error) = log.append(entry(3)).unwrap_err() else { panic!("another error") };
        let is_told = match &*error {
            OpenError::Damaged(VerifyError::Truncated { found, .. }) => from == &shorter && found.seq == 1,
            OpenError::Damaged(VerifyError::UnknownHead { .. }) => from == &rewritten,
            _ => false,
        };
        assert!(is_told, "{error:?}");
    }
}

#[test]
fn what_cannot_be_written_is_not_recorded_and_the_log_stays_whole() {
    let (_dir, path) = place();
    let log = AuditLog::open_with(&path, NOW, 1).unwrap();
    log.append(entry(1)).unwrap();
    // In the place of the next file stands what no file can be opened over.
    fs::create_dir(file(&path, 2)).unwrap();
    log.append(entry(2)).expect_err("there is no file to write to");
    fs::remove_dir(file(&path, 2)).unwrap();
    assert_eq!(log.append(entry(2)).unwrap(), 2);
    assert_eq!(verify(&path, None).unwrap().records, 2);
}

#[test]
fn a_resource_is_kept_up_to_its_limit_and_cut_beyond() {
    let (_dir, path) = place();
    let log = AuditLog::open(&path, NOW).unwrap();
    let about = |text: String| Entry::new(NOW, Actor::Dev, Action::Count, Decision::Allowed).about("query", text);
    let frame = r#"{"query":""}"#.len();
    log.append(about("x".repeat(MAX_RESOURCE_BYTES - frame))).unwrap();
    log.append(about("x".repeat(MAX_RESOURCE_BYTES - frame + 1))).unwrap();
    log.append(about("\u{17c}\"\\\n".repeat(MAX_RESOURCE_BYTES))).unwrap();
    let all = read(&path);
    assert_eq!(all[0].resource["query"].as_str().unwrap().len(), MAX_RESOURCE_BYTES - frame);
    for record in &all[1..] {
        assert_eq!(record.resource.keys().collect::<Vec<_>>(), ["cut"]);
        let len = json!(record.resource).to_string().len();
        assert!((MAX_RESOURCE_BYTES / 3..=MAX_RESOURCE_BYTES).contains(&len), "{len}");
        assert!(record.resource["cut"].as_str().unwrap().starts_with("{\"query\":\""));
    }
}
