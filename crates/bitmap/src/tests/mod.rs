//! Random operations against models that anybody can believe; every failure prints its seed.

mod blocks;
mod columns;
mod counting;
mod damage;
mod evaluation;
mod folding;
mod indexes;
mod lists;
mod model;
mod orders;
mod posting_lists;
mod restoring;
mod sets;

/// Runs `check` with each of `count` seeds and names the seed of the first that fails.
fn for_seeds(count: u64, check: impl Fn(&mut fastrand::Rng)) {
    for seed in 0..count {
        let _named = NameSeed(seed);
        check(&mut fastrand::Rng::with_seed(seed));
    }
}

/// Says which seed was at work when a check panicked.
struct NameSeed(u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}
