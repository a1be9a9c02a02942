//! Power cuts: an ext4 of its own loses whatever it was not asked to make durable, at a random moment.

use std::{env, time::Duration};

use fastrand::Rng;
use ticketscope_tests::script::{ACT, LENGTH};

use crate::{
    amount::{number, seed, skipped},
    loop_mount::LoopMount,
    reference::reference,
    survey::survey,
    victim::{Ending, Victim},
};

/// Cuts in one file system, after which another is made.
const CUTS_OF_ONE: usize = 25;

/// What the cuts met.
#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    while_opening: u64,
    after_the_end: u64,
    with_a_batch_in_flight: u64,
    recoveries_that_replayed: u64,
    batches: u64,
}

#[test]
#[expect(clippy::print_stdout, reason = "what the cuts met is what a long run is for")]
fn nothing_acknowledged_is_lost_by_a_power_cut() {
    let wanted = number("TICKETSCOPE_POWER_CUTS", 10);
    let seed = seed() + 3;
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally.cuts < wanted {
        let mount = match LoopMount::new() {
            Ok(mount) => mount,
            Err(why) if tally.cuts == 0 => return skipped("power cuts", &why),
            Err(why) => panic!("{why}"),
        };
        cut_one(mount, &mut rng, seed, wanted, &mut tally);
    }
    println!("{tally:?}");
}

/// Plays the script on one file system and cuts its power again and again.
fn cut_one(mut mount: LoopMount, rng: &mut Rng, seed: u64, wanted: usize, tally: &mut Tally) {
    let dir = mount.path().join("data");
    let mut acknowledged = 0;
    for _ in 0..CUTS_OF_ONE {
        if tally.cuts == wanted || acknowledged + ACT >= LENGTH {
            return;
        }
        let context = format!("seed {seed}, cut {}, {acknowledged} batches before", tally.cuts);
        let switch = mount.switch();
        let until = (acknowledged + 2 * ACT).min(LENGTH);
        let ending = if rng.bool() { Ending::Close } else { Ending::Answer };
        let mut victim = Victim::start(&[], &dir, until, ending);
        // Some while it opens, most while it plays, some when it is through.
        let lines = rng.usize(0..20);
        for _ in 0..lines {
            if victim.next_within(Duration::from_secs(5)).is_err() {
                break;
            }
        }
        // The moment within a batch, if nothing is said before.
        drop(victim.next_within(Duration::from_micros(rng.u64(..6_000))));
        switch.cut();
        victim.kill();
        let ended = victim.end();
        assert!(!ended.complaints.contains("panicked"), "{context}: {}", ended.complaints);
        tally.cuts += 1;
        tally.while_opening += u64::from(ended.acknowledged.is_none());
        tally.after_the_end += u64::from(ended.acknowledged == Some(until));
        acknowledged = ended.acknowledged.unwrap_or(acknowledged);
        mount.restart();
        let found = survey(&dir, reference(), acknowledged, rng, &context);
        tally.with_a_batch_in_flight += found.batches - acknowledged;
        tally.recoveries_that_replayed += u64::from(found.recovery.as_ref().is_some_and(|how| how.replayed > 0));
        tally.batches = tally.batches.max(found.batches);
        // The survey added one batch, if there was a tenant.
        acknowledged = found.batches + u64::from(found.recovery.is_some());
    }
}

#[test]
fn the_power_of_anything_but_the_own_image_is_not_cut() {
    if let Err(why) = LoopMount::new() {
        return skipped("refusals of power cuts", &why);
    }
    let place = tempfile::tempdir().unwrap();
    let elsewhere = [place.path(), &env::temp_dir(), std::path::Path::new("/"), std::path::Path::new("/dev/shm")];
    for path in elsewhere {
        // The first line alone: whatever it answers, it is never told to go on.
        let output = std::process::Command::new("python3")
            .args(["-c", include_str!("cut.py"), path.to_str().unwrap(), "/no/image", "token"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.starts_with("refused: "), "{}: {complaint}", path.display());
        assert_eq!(output.stdout, b"", "{}", path.display());
    }
}
