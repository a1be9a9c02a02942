use std::fs;

use super::*;
use crate::{OpenError, VerifyError, verify};

/// A log of three records in one file: its bytes, where the last one begins, and its head after the second.
fn three() -> (TempDir, PathBuf, Vec<u8>, usize, Vec<u8>) {
    let (dir, path) = place();
    written(&path, 2, u64::MAX);
    let head = fs::read(path.join("head")).unwrap();
    let begins = fs::read(file(&path, 1)).unwrap().len();
    AuditLog::open(&path, NOW).unwrap().append(entry(3)).unwrap();
    let bytes = fs::read(file(&path, 1)).unwrap();
    (dir, path, bytes, begins, head)
}

#[test]
fn a_record_torn_at_any_byte_is_moved_aside_and_that_is_recorded() {
    let (_dir, path, bytes, begins, head) = three();
    for end in begins..bytes.len() {
        // A crash before the sync: the head does not know of the record.
        fs::write(path.join("head"), &head).unwrap();
        fs::write(file(&path, 1), &bytes[..end]).unwrap();
        assert_eq!(verify(&path, None).unwrap().unfinished, (end - begins) as u64, "{end}");
        drop(AuditLog::open(&path, NOW + 5).unwrap());
        let all = read(&path);
        let kept = path.join("000001.torn-3");
        if end == begins {
            assert_eq!(all.len(), 2);
            assert!(!kept.exists());
        } else {
            assert_eq!((all.len(), &*all[2].action, &all[2].actor, all[2].at), (3, "recovered", &Actor::Log, NOW + 5));
            assert_eq!(all[2].resource["bytes"], end - begins, "{end}");
            assert_eq!(all[2].resource["kept"], "000001.torn-3");
            assert_eq!(fs::read(&kept).unwrap(), &bytes[begins..end]);
            fs::remove_file(kept).unwrap();
        }
        assert_eq!(verify(&path, None).unwrap().unfinished, 0, "{end}");
    }
}

#[test]
fn a_torn_record_that_was_durable_is_damage() {
    let (_dir, path, bytes, begins, _) = three();
    for end in [begins, begins + 1, bytes.len() - 1] {
        fs::write(file(&path, 1), &bytes[..end]).unwrap();
        let error = verify(&path, None).unwrap_err();
        assert!(
            matches!(error, VerifyError::Truncated { found, known, .. } if (found.seq, known.seq) == (2, 3)),
            "{error}"
        );
        let error = AuditLog::open(&path, NOW).unwrap_err();
        assert!(matches!(error, OpenError::Damaged(VerifyError::Truncated { .. })), "{error}");
        assert_eq!(fs::read(file(&path, 1)).unwrap(), &bytes[..end], "a damaged log is left as it is");
    }
}

#[test]
fn blocks_that_a_crash_never_wrote_are_cut_off_with_what_follows_them() {
    let (_dir, path, mut bytes, begins, head) = three();
    fs::write(path.join("head"), &head).unwrap();
    let line = bytes[begins..].to_vec();
    bytes[begins + 10..].fill(0);
    bytes.extend(line);
    fs::write(file(&path, 1), &bytes).unwrap();
    assert!(matches!(verify(&path, None), Err(VerifyError::Line { line: 3, .. })));
    let log = AuditLog::open(&path, NOW).unwrap();
    assert_eq!(log.append(entry(4)).unwrap(), 4);
    let actions: Vec<_> = read(&path).into_iter().map(|record| record.action).collect();
    assert_eq!(actions, ["search", "search", "recovered", "search"]);
    assert_eq!(fs::read(path.join("000001.torn-3")).unwrap(), &bytes[begins..]);
}

#[test]
fn whole_records_that_the_head_does_not_know_of_are_kept() {
    let (_dir, path, bytes, _, head) = three();
    fs::write(path.join("head"), &head).unwrap();
    let log = AuditLog::open(&path, NOW).unwrap();
    assert_eq!(log.append(entry(4)).unwrap(), 4);
    assert!(fs::read(file(&path, 1)).unwrap().starts_with(&bytes));
}

#[test]
fn a_crash_between_two_files_loses_nothing() {
    let (_dir, path) = place();
    written(&path, 2, 1);
    // The third file was made, and perhaps a part of its first record was written.
    for torn in ["", "{\"seq\":3,"] {
        fs::write(file(&path, 3), torn).unwrap();
        let log = AuditLog::open_with(&path, NOW, u64::MAX).unwrap();
        let seq = log.append(entry(3)).unwrap();
        drop(log);
        assert_eq!(seq, if torn.is_empty() { 3 } else { 4 }, "after the record of the recovery");
        assert_eq!(verify(&path, None).unwrap().records, seq);
        written_back_to_two(&path);
    }
}

/// Takes back what was written after the second record.
fn written_back_to_two(path: &Path) {
    let (_dir, two) = place();
    written(&two, 2, 1);
    fs::remove_file(file(path, 3)).unwrap();
    fs::copy(two.join("head"), path.join("head")).unwrap();
}

#[test]
fn a_crash_while_the_log_is_made_leaves_one_that_can_be_opened() {
    let (_dir, path) = place();
    fs::create_dir(&path).unwrap();
    for steps in 0..3 {
        if steps >= 1 {
            crate::head::begin(&path).unwrap();
        }
        if steps == 2 {
            fs::write(file(&path, 1), "").unwrap();
        }
        drop(AuditLog::open(&path, NOW).unwrap());
        assert_eq!(verify(&path, None).unwrap().records, 0);
    }
}
