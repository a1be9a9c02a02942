//! Indexes that are not as they were written: cut off, altered, or with files that a crash left.

use std::{collections::HashSet, path::Path};

use ticketscope_model::{Opstamp, TextClass, TextPart};

use crate::{TextIdentity, TextIndex, TextMark, analysis::Languages, directory::LIST};

fn mark(position: u64) -> TextMark {
    TextMark { position: Opstamp(position), history: 0 }
}

fn part(body: &str) -> TextPart {
    TextPart { part: "s".into(), class: TextClass::Subject, lang: None, body: body.into(), author: None, at: None }
}

#[test]
fn what_a_crash_left_of_an_unfinished_commit_is_not_in_the_way_of_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let texts = |body: &str| -> Vec<(u32, Vec<TextPart>)> { vec![(3, vec![part(body)]), (4, vec![part(body)])] };
    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    index.write(&[3, 4], &texts("an invoice")[..]).unwrap();
    index.commit(mark(1)).unwrap();
    drop(index);
    let list = std::fs::read(dir.path().join(LIST)).unwrap();
    let names = || -> Vec<_> {
        let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for round in 0..3 {
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        assert_eq!((names(), index.view().position()), (before.clone(), Opstamp(1)), "round {round}");
        index.write(&[4], &texts("another invoice")[..]).unwrap();
        index.commit(mark(2)).unwrap();
        assert_eq!(index.view().tickets().len(), 2);
        drop(index);
        assert_ne!(names(), before);
        std::fs::write(dir.path().join(LIST), &list).unwrap();
    }
}

/// An index of two tickets, from which a third was deleted.
fn small_index(identity: TextIdentity) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    let texts = [(3, vec![part("an invoice")]), (4, vec![part("a bill")]), (5, vec![part("a refund")])];
    index.write(&[3, 4, 5], &texts[..]).unwrap();
    index.commit(mark(1)).unwrap();
    index.write(&[4], &[(4, vec![])][..]).unwrap();
    index.commit(mark(2)).unwrap();
    drop(index.rest().unwrap());
    dir
}

#[test]
fn every_file_that_is_gone_is_missed() {
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let dir = small_index(identity);
    let mut missed = Vec::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
        // Without its list of segments it is a new index; the others are no part of what is found.
        if path.file_name().is_some_and(|name| name == "meta.json" || name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let opened = TextIndex::open(dir.path(), identity);
        assert!(opened.is_err(), "{} is gone", path.display());
        missed.push(extension);
        std::fs::write(&path, whole).unwrap();
    }
    missed.sort();
    assert_eq!(missed, ["del", "fast", "fieldnorm", "idx", "pos", "store", "term"]);
    assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().tickets().len(), 2);
}

#[test]
fn no_bit_of_the_list_of_segments_changes_what_is_found() {
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let dir = small_index(identity);
    let files = |dir: &Path| -> Vec<(std::ffi::OsString, Vec<u8>)> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
    };
    let genuine = files(dir.path());
    let list = std::fs::read(dir.path().join(LIST)).unwrap();
    let (mut refused, mut same) = (0, 0);
    // Of letters one bit each, of numbers all that make another number, and of the schema, which is compared, a sample.
    let text = String::from_utf8(list.clone()).unwrap();
    let schema = text.find("\"schema\"").unwrap()..text.find("\"payload\"").unwrap();
    let bits_of = |at: usize| if list[at].is_ascii_digit() { 0..4 } else { at % 8..at % 8 + 1 };
    for bit in (0..list.len())
        .filter(|at| !schema.contains(at) || at % 31 == 0)
        .flat_map(|at| bits_of(at).map(move |bit| at * 8 + bit))
    {
        for (name, bytes) in &genuine {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let mut damaged = list.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(dir.path().join(LIST), damaged).unwrap();
        match TextIndex::open(dir.path(), identity) {
            Ok(index) => {
                let around =
                    String::from_utf8_lossy(&list[(bit / 8).saturating_sub(20)..(bit / 8 + 10).min(list.len())]);
                let found = (index.mark(), index.view().tickets().len());
                assert_eq!(found, (mark(2), 2), "bit {bit}, in {around}");
                same += 1;
            }
            Err(_) => refused += 1,
        }
    }
    // The library's own count of operations has few digits.
    assert!(refused > same * 50, "{refused} are refused, {same} are not");
}

#[test]
fn a_file_of_a_commit_that_was_cut_off_stops_no_other() {
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let (dir, other) = (small_index(identity), tempfile::tempdir().unwrap());
    let names = |dir: &Path| -> HashSet<std::ffi::OsString> {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    for name in names(dir.path()) {
        std::fs::copy(dir.path().join(&name), other.path().join(&name)).unwrap();
    }
    let delete = |dir: &Path| {
        let mut index = TextIndex::open(dir, identity).unwrap();
        index.write(&[3], &[(3, vec![])][..]).unwrap();
        index.commit(mark(3)).unwrap();
        assert_eq!(index.view().tickets().len(), 1);
    };
    // What deleting makes here was made there too, but nothing names it.
    delete(other.path());
    let mut left = 0;
    for name in names(other.path()).difference(&names(dir.path())) {
        std::fs::copy(other.path().join(name), dir.path().join(name)).unwrap();
        left += 1;
    }
    std::fs::write(dir.path().join(".tmpA1b2C3"), b"half a list").unwrap();
    assert!(left > 0, "nothing was made");
    delete(dir.path());
    assert!(!names(dir.path()).contains(std::ffi::OsStr::new(".tmpA1b2C3")), "nobody else would remove it");
}

#[test]
fn every_file_cut_to_any_length_is_refused_or_not_missed() {
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let dir = small_index(identity);
    let mut refused = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        for len in (0..whole.len()).take(20) {
            std::fs::write(&path, &whole[..len]).unwrap();
            match TextIndex::open(dir.path(), identity) {
                Ok(index) => assert_eq!(index.view().tickets().len(), 1, "{} cut to {len}", path.display()),
                Err(_) => refused += 1,
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(refused > 100, "only {refused} cuts are seen");
    assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().tickets().len(), 2);
}
