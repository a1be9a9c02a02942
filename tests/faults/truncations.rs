//! Files that are cut short or gone.

use std::fs::{self, OpenOptions};

use crate::specimen::{Found, Part, specimens};

#[test]
#[expect(clippy::print_stdout, reason = "for whoever wonders what was noticed")]
fn no_file_cut_short_or_gone_changes_an_answer() {
    let (mut refused, mut rebuilt, mut harmless) = (0, 0, 0);
    for specimen in specimens() {
        for (path, part, len) in &specimen.files {
            for left in [Some(0), Some(1), Some(len / 2), Some(len.saturating_sub(1)), None] {
                if left.is_some_and(|left| left >= *len) {
                    continue;
                }
                let context = format!("{} of script {} cut to {left:?}", path.display(), specimen.script.seed());
                let cut = |dir: &std::path::Path| match left {
                    Some(left) => OpenOptions::new().write(true).open(dir.join(path)).unwrap().set_len(left).unwrap(),
                    None => fs::remove_file(dir.join(path)).unwrap(),
                };
                match specimen.damaged(*part, cut, &context) {
                    Found::Account { put_aside, .. } if put_aside.is_empty() => harmless += 1,
                    Found::Account { .. } => rebuilt += 1,
                    Found::Damage(_) | Found::Refusal(_) => refused += 1,
                }
                assert!(*part != Part::Log || refused > 0, "{context}");
            }
        }
    }
    println!("{refused} refused, {rebuilt} made anew, {harmless} not missed");
    assert!(refused >= specimens().len() * 5, "a database that is cut short is refused");
    assert!(rebuilt > harmless, "most files are missed");
}
