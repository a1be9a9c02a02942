//! Kills at system calls: nothing acknowledged is lost, nothing appears that was not sent, and words come back too.

use std::collections::BTreeMap;

use fastrand::Rng;
use tempfile::TempDir;

use crate::{
    acts::{Act, acts},
    amount::{Amount, Share, amount, number, seed, skipped},
    image,
    reference::reference,
    survey::survey,
    trace::{self, Aim, Fault, Thread, is_killed},
    victim::Ending,
};

/// Recoveries that are killed in a short run, each at so many calls.
const RECOVERIES: usize = 4;
const CALLS_OF_A_RECOVERY: usize = 10;

/// How many kills landed at which calls, and what they left.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    missed: usize,
    with_a_batch_in_flight: u64,
    recoveries_that_replayed: u64,
    recoveries_by_snapshot: u64,
    by_call: BTreeMap<String, u64>,
}

impl Tally {
    fn add(&mut self, aim: &Aim) {
        self.kills += 1;
        let thread = match &aim.thread {
            Thread::Main => "main",
            Thread::Any => "other",
            Thread::Named(name) => name,
        };
        *self.by_call.entry(format!("{thread} {}", aim.call)).or_default() += 1;
    }
}

/// All calls of acts at which something can go wrong, in random order.
pub(crate) fn drawn(rng: &mut Rng, wanted: impl Fn(&Aim) -> bool) -> Vec<(&'static Act, &'static Aim)> {
    let acts = acts().as_ref().unwrap_or_else(|why| unreachable!("asked only where strace works, not where {why}"));
    let each = |act: &'static Act| act.aims.iter().map(move |aim| (act, aim));
    let mut all: Vec<_> = acts.iter().flat_map(each).filter(|(_, aim)| wanted(aim)).collect();
    rng.shuffle(&mut all);
    all
}

/// Kills a process of an act at a call; answers what it left and how many batches were acknowledged, unless it never came
/// to that call.
fn killed(act: &Act, aim: &Aim, context: &str) -> Option<(TempDir, u64)> {
    let dir = image::copy_of(act.before());
    let ended = aim.play(dir.path(), act.until, act.ending, Fault::Kill);
    assert!(is_killed(&ended) || ended.status.success(), "{context}: {ended:?}");
    assert_eq!(ended.complaints, "", "{context}");
    is_killed(&ended).then(|| (dir, ended.acknowledged.unwrap_or(act.from)))
}

#[test]
#[expect(clippy::print_stdout, reason = "where the kills landed is what a long run is for")]
fn nothing_acknowledged_is_lost_by_a_kill_at_any_system_call() {
    if let Err(why) = acts() {
        return skipped("kills at system calls", why);
    }
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally::default();
    let amount = amount("TICKETSCOPE_KILL_POINTS", 200);
    let share = Share::of("TICKETSCOPE_KILL_SHARE");
    for (act, aim) in drawn(&mut rng, |aim| aim.changes) {
        if !share.has(&(act.from, aim)) {
            continue;
        }
        if amount == Amount::Some(tally.kills) {
            break;
        }
        let context = format!("seed {seed}, act from {}, killed at {aim}", act.from);
        let Some((dir, acknowledged)) = killed(act, aim, &context) else {
            tally.missed += 1;
            continue;
        };
        tally.add(aim);
        let found = survey(dir.path(), reference(), acknowledged, &mut rng, &context);
        tally.with_a_batch_in_flight += found.batches - acknowledged.min(found.batches);
        tally.recoveries_that_replayed += u64::from(found.recovery.as_ref().is_some_and(|how| how.replayed > 0));
        tally.recoveries_by_snapshot += u64::from(found.recovery.is_some_and(|how| how.snapshot.is_some()));
    }
    println!("{tally:?}");
    assert!(tally.kills > tally.missed, "most calls are hit: {tally:?}");
}

#[test]
#[expect(clippy::print_stdout, reason = "where the kills landed is what a long run is for")]
fn a_recovery_that_is_killed_too_is_made_up_for_by_the_next() {
    if let Err(why) = acts() {
        return skipped("kills of recoveries at system calls", why);
    }
    let seed = seed() + 1;
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally::default();
    let images: usize = number("TICKETSCOPE_KILL_RECOVERIES", RECOVERIES);
    let mut left = images;
    for (act, first) in drawn(&mut rng, |aim| aim.changes) {
        let context = format!("seed {seed}, act from {}, killed at {first}", act.from);
        if left == 0 {
            break;
        }
        let Some((crashed, acknowledged)) = killed(act, first, &context) else { continue };
        left -= 1;
        let ending = if rng.bool() { Ending::Close } else { Ending::Leave };
        let (ended, mut aims) = trace::calls(image::copy_of(crashed.path()).path(), 0, ending);
        assert!(ended.status.success() && ended.complaints.is_empty(), "{context}: {ended:?}");
        // Nothing is met while nothing is submitted.
        aims.retain(|aim| aim.changes && !matches!(aim.thread, Thread::Named(_)));
        if images <= RECOVERIES {
            rng.shuffle(&mut aims);
            aims.truncate(CALLS_OF_A_RECOVERY);
        }
        for second in &aims {
            let context = format!("{context}, then at {second}");
            let dir = image::copy_of(crashed.path());
            let ended = second.play(dir.path(), 0, ending, Fault::Kill);
            assert!(is_killed(&ended) || ended.status.success(), "{context}: {ended:?}");
            if is_killed(&ended) {
                tally.add(second);
            } else {
                tally.missed += 1;
            }
            let found = survey(dir.path(), reference(), acknowledged, &mut rng, &context);
            tally.with_a_batch_in_flight += found.batches - acknowledged;
        }
    }
    println!("{} crash images, {tally:?}", images - left);
    assert!(tally.kills > tally.missed, "most calls are hit: {tally:?}");
}
