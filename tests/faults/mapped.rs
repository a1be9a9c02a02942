//! A mapped file that is cut short below a running process: the process may die of it, but it does not lie, and what is
//! left answers as before.

use std::{fs::OpenOptions, os::unix::process::ExitStatusExt};

use crate::{
    amount::number,
    image,
    reference::{SEED, reference},
    specimen::{Found, Part, Specimen},
    victim::{Ending, Victim},
};

/// Rounds in a short run.
const ROUNDS: u64 = 4;

/// Batches of the script, of which a mapped snapshot holds all.
const BATCHES: u64 = 15;

#[test]
#[expect(clippy::print_stdout, reason = "how many die is worth knowing")]
fn a_process_whose_mapped_snapshot_is_cut_short_dies_or_answers_as_before() {
    let specimen = Specimen::new(SEED, 0..BATCHES, true);
    let expected = format!("digest {}", reference().after(BATCHES).digest());
    let mut dead = 0;
    let rounds = number("TICKETSCOPE_MAPPED_CUTS", ROUNDS);
    for round in 0..rounds {
        let copy = image::copy_of(specimen.dir().path());
        let mut victim = Victim::start(&[], copy.path(), 0, Ending::Answer);
        assert!(victim.waits_for("opened"), "round {round}");
        if round % 2 == 0 {
            victim.go_on();
            assert_eq!(victim.next(), Some(expected.clone()), "round {round}: before the cut");
        }
        for (path, len) in specimen.files_of(Part::Snapshots) {
            let file = OpenOptions::new().write(true).open(copy.path().join(path)).unwrap();
            file.set_len(len * (round % 4) / 4).unwrap();
        }
        victim.go_on();
        let answer = victim.next();
        if let Some(answer) = &answer {
            assert_eq!(*answer, expected, "round {round}");
            victim.kill();
        }
        let ended = victim.end();
        if answer.is_none() {
            // SIGBUS: memory that is no longer there.
            assert_eq!(ended.status.signal(), Some(7), "round {round}: {ended:?}");
            dead += 1;
        }
        let Found::Account { account, put_aside } = specimen.open(copy.path(), &format!("round {round}")) else {
            panic!("round {round}: it is not opened again")
        };
        assert!(account == specimen.account, "round {round}: {}", account.difference(&specimen.account));
        assert!(!put_aside.is_empty(), "round {round}: nobody noticed");
    }
    println!("{dead} of {rounds} died");
    assert!(dead > 0, "nothing was mapped");
}
