//! Files of another generation: log, mapped snapshots and text index of two tenants, or of two lives of one, mixed in every
//! way. The log is the truth; what is not of its history is not used.

use std::{fs, path::Path};

use crate::{
    image,
    specimen::{Found, Part, Specimen},
};

/// Batches after which the two lives part.
const COMMON: u64 = 9;

/// Replaces a part of the tenant in `dir` by that of another.
fn replace(part: Part, dir: &Path, other: &Specimen) {
    let (to, from) = [dir, other.dir().path()].map(|dir| dir.join("tenants").join("load")).into();
    match part {
        Part::Log => {
            fs::copy(from.join("state.redb"), to.join("state.redb")).unwrap();
        }
        Part::Snapshots => {
            let of = |dir: &Path| -> Vec<_> {
                let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
                names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "tsnap")).collect()
            };
            for name in of(&to) {
                fs::remove_file(to.join(name)).unwrap();
            }
            for name in of(&from) {
                fs::copy(from.join(&name), to.join(name)).unwrap();
            }
        }
        Part::Text => {
            fs::remove_dir_all(to.join("text")).unwrap();
            image::copy(&from.join("text"), &to.join("text"));
        }
    }
}

/// Asserts that `ours` with any parts of `other` answers as the one does whose log it is.
fn assert_never_mixed(ours: &Specimen, other: &Specimen, context: &str) -> usize {
    let mut noticed = 0;
    for parts in 1..7_u32 {
        let taken: Vec<_> = Part::ALL.into_iter().enumerate().filter(|(at, _)| parts >> at & 1 == 1).collect();
        let context = format!("{context}, with the other's {taken:?}");
        let copy = image::copy_of(ours.dir().path());
        for (_, part) in &taken {
            replace(*part, copy.path(), other);
        }
        let truth = if taken.iter().any(|(_, part)| *part == Part::Log) { other } else { ours };
        match truth.open(copy.path(), &context) {
            Found::Account { account, put_aside } => {
                assert!(account == truth.account, "{context}: {}", account.difference(&truth.account));
                noticed += usize::from(!put_aside.is_empty());
            }
            found => panic!("{context}: {found:?}"),
        }
        // It is sound from then on.
        let Found::Account { account, .. } = truth.open(copy.path(), &context) else { panic!("{context}: again") };
        assert!(account == truth.account, "{context}, opened again: {}", account.difference(&truth.account));
    }
    noticed
}

#[test]
fn parts_of_two_tenants_are_never_mixed() {
    for close in [true, false] {
        let tenants = [201, 202].map(|seed| Specimen::new(seed, 0..2 * COMMON, close));
        for (ours, other) in [(0, 1), (1, 0)] {
            let context = format!("tenant {ours}, closed {close}");
            assert_eq!(assert_never_mixed(&tenants[ours], &tenants[other], &context), 6, "{context}");
        }
    }
}

#[test]
fn parts_of_two_lives_of_a_tenant_are_never_mixed() {
    for seed in [203, 204, 205] {
        for close in [true, false] {
            let birth = Specimen::new(seed, 0..COMMON, true);
            let life = |first| Specimen::after(birth.dir(), seed, first..first + COMMON, close);
            // A backup that somebody went on with; one of the lives goes on for longer.
            let mut lives = vec![life(COMMON), life(100)];
            let longer = Specimen::after(lives[1].dir(), seed, 200..203, close);
            lives.push(longer);
            lives.push(birth);
            for (ours, one) in lives.iter().enumerate() {
                for (other, two) in lives.iter().enumerate().filter(|(other, _)| *other != ours) {
                    assert_never_mixed(one, two, &format!("seed {seed}, life {ours} and {other}, closed {close}"));
                }
            }
        }
    }
}
