//! Drawing, in integers only, so that every machine draws the same.

use fastrand::Rng;

/// A source of randomness of its own for the thing with this number in the stream called `stream`.
pub(crate) fn source(seed: u64, stream: u64, number: u64) -> Rng {
    Rng::with_seed(scatter(scatter(seed ^ scatter(stream)) ^ number))
}

/// Neighbouring numbers become unrelated ones (the finisher of `SplitMix64`).
fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Ranks drawn by weights.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The sum of the weights up to and including each rank.
    sums: Vec<u64>,
}

impl Weights {
    /// The ranks of `weights`, of which at least one must not be 0.
    pub(crate) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let sums = weights.into_iter().scan(0, |sum, weight| {
            *sum += u64::from(weight);
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// `count` ranks with weights 1/(rank + offset): the Zipf-Mandelbrot law, which popularity follows.
    pub(crate) fn falling(count: usize, offset: u32) -> Self {
        Self::new((offset..).take(count).map(|divisor| 1_000_000 / divisor))
    }

    /// A rank.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let last = self.sums.last().copied();
        let point = rng.u64(..last.expect("there is a rank to draw"));
        self.sums.partition_point(|sum| *sum <= point)
    }
}

/// One of `choices`, whose percentages add up to 100.
pub(crate) fn weighted<T: Copy>(rng: &mut Rng, choices: &[(u32, T)]) -> T {
    debug_assert_eq!(choices.iter().map(|(percent, _)| percent).sum::<u32>(), 100, "percentages are of the whole");
    let mut left = rng.u32(..100);
    for (percent, value) in choices {
        if left < *percent {
            return *value;
        }
        left -= percent;
    }
    choices[0].1
}

/// Whether something happens that does so in `percent` of all cases.
pub(crate) fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}

/// One of `items`, each as likely as the others.
pub(crate) fn one<'i, T>(rng: &mut Rng, items: &'i [T]) -> &'i T {
    &items[rng.usize(..items.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_drawn_as_often_as_their_weights_say() {
        let weights = Weights::new([5, 0, 3, 2]);
        let mut rng = Rng::with_seed(3);
        let mut drawn = [0_u32; 4];
        for _ in 0..100_000 {
            drawn[weights.draw(&mut rng)] += 1;
        }
        for (drawn, expected) in drawn.into_iter().zip([50_000_u32, 0, 30_000, 20_000]) {
            assert!(drawn.abs_diff(expected) < 1_000, "{drawn}, not {expected}");
        }
        assert_eq!(drawn[1], 0);
    }

    #[test]
    fn of_falling_weights_the_first_is_the_likeliest() {
        let weights = Weights::falling(3, 1);
        assert_eq!(weights.sums, [1_000_000, 1_500_000, 1_833_333]);
    }

    #[test]
    fn neighbouring_numbers_and_streams_draw_differently() {
        let first = |stream, number| source(1, stream, number).u64(..);
        assert_ne!(first(0, 0), first(0, 1));
        assert_ne!(first(0, 1), first(1, 0));
        assert_eq!(first(4, 5), first(4, 5));
    }
}
