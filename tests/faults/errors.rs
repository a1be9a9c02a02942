//! System calls that fail: what was acknowledged is there afterwards, and the process said what was wrong.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::{
    acts::acts,
    amount::{Amount, amount, seed, skipped},
    image,
    kills::drawn,
    reference::reference,
    survey::survey,
    trace::Fault,
};

/// Calls that fail when there is no space.
const TAKE_SPACE: [&str; 10] =
    ["write", "pwrite64", "ftruncate", "fallocate", "openat", "mkdir", "mkdirat", "rename", "renameat", "fdatasync"];

#[test]
#[expect(clippy::print_stdout, reason = "what the faults led to is what a long run is for")]
fn a_system_call_that_fails_loses_nothing_acknowledged_and_is_told() {
    if let Err(why) = acts() {
        return skipped("system calls that fail", why);
    }
    let seed = seed() + 2;
    let mut rng = Rng::with_seed(seed);
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let aims = drawn(&mut rng, |_| true);
    let count = match amount("TICKETSCOPE_CALL_ERRORS", 100) {
        Amount::Some(count) => count,
        Amount::All => aims.len(),
    };
    for (act, aim) in aims.into_iter().take(count) {
        let takes_space = TAKE_SPACE.contains(&aim.call.as_str());
        let errno = if takes_space && rng.bool() { "ENOSPC" } else { "EIO" };
        let fault = Fault::Fail { errno, for_ever: rng.bool() };
        let context = format!("seed {seed}, act from {}, {aim}, {fault:?}", act.from);
        let dir = image::copy_of(act.before());
        let ended = aim.play(dir.path(), act.until, act.ending, fault);
        let code = ended.status.code();
        assert!(matches!(code, Some(0 | 3)), "{context}: {ended:?}");
        assert!(!ended.complaints.contains("panicked"), "{context}: {}", ended.complaints);
        // Who cannot write cannot say so either.
        let is_mute = aim.call == "write" && matches!(fault, Fault::Fail { for_ever: true, .. });
        assert!(code == Some(0) || is_mute || ended.complaints.starts_with("play: "), "{context}: {ended:?}");
        let told = ended.complaints.lines().next().unwrap_or("nothing").to_owned();
        *outcomes.entry(told.replace(dir.path().to_str().unwrap(), "..")).or_default() += 1;
        survey(dir.path(), reference(), ended.acknowledged.unwrap_or(act.from), &mut rng, &context);
    }
    println!("{outcomes:#?}");
}
