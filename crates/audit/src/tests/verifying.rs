use std::fs;

use super::*;
use crate::{Defect, Hash, VerifyError, verify};

/// The seeds of a random test: a few, or the one in `TICKETSCOPE_SEED`.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("TICKETSCOPE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..count).collect(),
    }
}

/// Breaks one file of a log in a random way; what was done, or nothing if it came to the same bytes.
fn mutate(rng: &mut fastrand::Rng, all: &[(PathBuf, Vec<u8>)]) -> Option<String> {
    let files: Vec<_> = all.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "jsonl")).collect();
    let (path, bytes) = files[rng.usize(..files.len())];
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = rng.usize(..lines.len());
    let what = match rng.u8(..8) {
        0 => {
            let byte = rng.usize(..lines[at].len());
            lines[at][byte] ^= 1 << rng.u8(..8);
            "a bit is flipped"
        }
        1 => {
            lines.remove(at);
            "a line is deleted"
        }
        2 => {
            lines.insert(rng.usize(..=lines.len()), lines[at].clone());
            "a line is duplicated"
        }
        3 => {
            let other = rng.usize(..lines.len());
            lines.swap(at, other);
            "two lines are swapped"
        }
        4 => {
            lines.truncate(at);
            "the end of a file is cut"
        }
        5 => {
            let end = rng.usize(..lines[at].len());
            lines[at].truncate(end);
            "a line is shortened"
        }
        6 => {
            let text = String::from_utf8(lines[at].clone()).unwrap();
            let name = ["allowed", "acme", "search", "refund", "\"9c\""][rng.usize(..5)];
            lines[at] = text.replacen(name, &name.replace(['a', 'c', 'r'], "x"), 1).into_bytes();
            "a value is altered"
        }
        _ => {
            // A record that is whole in itself, of another log.
            let forged = crate::chain::Head { seq: rng.u64(..30), hash: Hash::of(b"x") };
            let mut text = String::new();
            crate::chain::push(&mut text, &entry(rng.u64(..)), forged);
            lines.insert(rng.usize(..=lines.len()), text.into_bytes());
            "a line is inserted"
        }
    };
    let broken = lines.concat();
    (broken != *bytes).then(|| {
        fs::write(path, broken).unwrap();
        format!("{what}: line {at} of {}", path.display())
    })
}

#[test]
fn a_log_of_a_newer_version_is_neither_read_nor_verified_nor_appended_to() {
    let (_dir, path) = place();
    written(&path, 3, 1 << 20);
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "ticketscope audit 1\n");
    fs::write(path.join("FORMAT"), "ticketscope audit 2\n").unwrap();
    let told = |error: &dyn std::error::Error| error.source().map_or_else(String::new, ToString::to_string);
    let errors = [
        told(&verify(&path, None).unwrap_err()),
        told(&records(&path).unwrap_err()),
        told(&AuditLog::open(&path, NOW).unwrap_err()),
    ];
    for error in errors {
        assert!(error.contains("newer version (format 2, this program knows 1); update the program"), "{error}");
    }
    // One that was written before logs said so is of the first version.
    fs::remove_file(path.join("FORMAT")).unwrap();
    assert_eq!(verify(&path, None).unwrap().records, 3);
    drop(AuditLog::open(&path, NOW).unwrap());
    assert!(path.join("FORMAT").exists());
    for broken in ["", "2\n", "ticketscope audit 0\n", "ticketscope audit 1"] {
        fs::write(path.join("FORMAT"), broken).unwrap();
        assert!(verify(&path, None).is_err(), "{broken:?}");
    }
}

#[test]
fn every_one_of_a_thousand_random_alterations_is_found() {
    let mut found = 0;
    for seed in seeds(1) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (_dir, path) = place();
        written(&path, 24, 2000);
        let whole = contents(&path);
        assert!(verify(&path, None).unwrap().files >= 4);
        while found < 1000 {
            let Some(what) = mutate(&mut rng, &whole) else { continue };
            verify(&path, None).expect_err(&format!("seed {seed}, after {found}: {what}"));
            restore(&whole);
            found += 1;
        }
        assert_eq!(verify(&path, None).unwrap().records, 24);
    }
    assert_eq!(found, 1000);
}

#[test]
fn a_missing_file_is_named_wherever_it_was() {
    let (_dir, path) = place();
    written(&path, 6, 1);
    let whole = contents(&path);
    for number in 1..=6 {
        fs::remove_file(file(&path, number)).unwrap();
        let error = verify(&path, None).unwrap_err();
        match (number, &error) {
            (6, VerifyError::Truncated { found, known, .. }) => assert_eq!((found.seq, known.seq), (5, 6)),
            (_, VerifyError::MissingFile { path: missing }) => assert_eq!(*missing, file(&path, number)),
            _ => panic!("{number}: {error}"),
        }
        restore(&whole);
    }
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let (_dir, path) = place();
    written(&path, 4, u64::MAX);
    let text = fs::read_to_string(file(&path, 1)).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let told = |broken: &[&str]| {
        fs::write(file(&path, 1), broken.concat()).unwrap();
        match verify(&path, None).unwrap_err() {
            VerifyError::Line { line, defect, .. } => (line, defect),
            other => panic!("{other}"),
        }
    };
    let altered = lines[1].replace("acme", "acne");
    assert_eq!(told(&[lines[0], &altered, lines[2], lines[3]]), (2, Defect::Altered));
    let one = crate::chain::Link::read(lines[0].as_bytes()).unwrap().head;
    let mut other = String::new();
    crate::chain::push(&mut other, &entry(9), one);
    assert_eq!(told(&[lines[0], &other, lines[2], lines[3]]), (3, Defect::Unchained));
    assert_eq!(told(&[lines[0], lines[2], lines[3]]), (2, Defect::OutOfOrder { expected: 2, found: 3 }));
    assert_eq!(told(&[lines[0], "{}\n", lines[1]]), (2, Defect::NotARecord));
    let error = verify(&path, None).unwrap_err().to_string();
    assert!(error.starts_with("line 2 of ") && error.ends_with("000001.jsonl is not a record"), "{error}");
}

#[test]
fn a_rewritten_end_is_found_by_the_head_and_a_rewritten_log_by_one_kept_elsewhere() {
    let ((_dir, path), (_other, rewritten)) = (place(), place());
    written(&path, 5, u64::MAX);
    let kept = verify(&path, None).unwrap().head.hash;
    assert_eq!(verify(&path, Some(kept)).unwrap().records, 5);
    let log = AuditLog::open(&rewritten, NOW).unwrap();
    for number in [1, 2, 3, 4, 6, 7] {
        log.append(entry(number)).unwrap();
    }
    drop(log);
    fs::copy(file(&rewritten, 1), file(&path, 1)).unwrap();
    assert!(matches!(verify(&path, None), Err(VerifyError::Line { line: 5, defect: Defect::Rewritten, .. })));
    AuditLog::open(&path, NOW).expect_err("it is not gone on with");
    fs::copy(rewritten.join("head"), path.join("head")).unwrap();
    assert_eq!(verify(&path, None).unwrap().records, 6, "whoever writes everything anew is not found here");
    assert!(matches!(verify(&path, Some(kept)), Err(VerifyError::UnknownHead { hash }) if hash == kept));
}

#[test]
fn a_head_from_before_is_still_known_after_more_records() {
    let (_dir, path) = place();
    written(&path, 2, 1);
    let kept = verify(&path, None).unwrap().head.hash;
    let log = AuditLog::open_with(&path, NOW, 1).unwrap();
    log.append(entry(3)).unwrap();
    assert_eq!(verify(&path, Some(kept)).unwrap().records, 3);
    assert_eq!(verify(&path, Some(Hash::ZERO)).unwrap().records, 3, "the head of an empty log is in every log");
}

#[test]
fn a_log_without_its_head_is_damaged_and_no_log_is_empty() {
    let (_dir, path) = place();
    assert_eq!(verify(&path, None).unwrap().records, 0);
    assert!(matches!(verify(&path, Some(Hash::of(b"x"))), Err(VerifyError::UnknownHead { .. })));
    written(&path, 1, u64::MAX);
    let head = fs::read(path.join("head")).unwrap();
    fs::write(path.join("head"), &head[..head.len() - 1]).unwrap();
    assert!(matches!(verify(&path, None), Err(VerifyError::NoHead { .. })));
    fs::remove_file(path.join("head")).unwrap();
    assert!(matches!(verify(&path, None), Err(VerifyError::NoHead { .. })));
    AuditLog::open(&path, NOW).expect_err("it is not gone on with");
}
