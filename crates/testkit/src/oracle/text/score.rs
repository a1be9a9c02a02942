//! BM25, as the textbook has it.
//!
//! Single precision and the order of the operations are part of the meaning: scores are compared as bits.

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// The numbers of a scope by which something that stands in its texts is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Tickets in the scope.
    pub(super) tickets: usize,
    /// Those of them in which it stands.
    pub(super) found: usize,
    /// The lengths of their texts together.
    pub(super) length: u64,
}

/// How rare something is: greater where fewer tickets have it.
#[expect(clippy::cast_precision_loss, reason = "the formula is in single precision")]
pub(super) fn rarity(found: usize, tickets: usize) -> f32 {
    (1.0 + ((tickets - found) as f32 + 0.5) / (found as f32 + 0.5)).ln()
}

/// What something scores that stands `count` times, at least once, in a text of `length` words.
#[expect(clippy::cast_precision_loss, reason = "the formula is in single precision")]
pub(super) fn bm25(scope: Statistics, length: u64, count: usize) -> f32 {
    let mean = scope.length as f32 / scope.tickets as f32;
    let weight = rarity(scope.found, scope.tickets) * (1.0 + K1);
    let norm = K1 * (1.0 - B + B * length as f32 / mean);
    weight * (count as f32 / (count as f32 + norm))
}

/// What a ticket scores that a query names by its key: the most that a word that no other ticket has could.
pub(super) fn named(tickets: usize) -> f32 {
    rarity(1, tickets) * 2.2
}

/// A length as it is remembered in a byte: exactly below 40, then with its four highest binary digits above 24.
pub(super) fn remembered(length: usize) -> u64 {
    let length = length as u64;
    let Some(above) = length.checked_sub(24).filter(|above| *above >= 16) else { return length };
    let lost = above.ilog2() - 3;
    24 + (above >> lost << lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lengths_are_exact_and_long_ones_lose_their_low_digits() {
        for (length, kept) in [
            (0, 0),
            (1, 1),
            (24, 24),
            (39, 39),
            (40, 40),
            (41, 40),
            (42, 42),
            (55, 54),
            (56, 56),
            (59, 56),
            (60, 60),
            (87, 84),
            (88, 88),
            (1_000, 984),
            (1_048, 1_048),
            (1_175, 1_048),
            (1_176, 1_176),
            (1_048_600, 1_048_600),
            (1_179_671, 1_048_600),
        ] {
            assert_eq!(remembered(length), kept, "{length}");
        }
    }

    #[test]
    fn scores_are_those_of_the_formula_worked_out_by_hand() {
        let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        // ln(1 + 2.5 / 1.5) and ln(1 + 0.5 / 3.5)
        close(rarity(1, 3), 0.980_829);
        close(rarity(3, 3), 0.133_531);
        // A text of mean length that holds the word once: 2.2 * rarity * 1 / (1 + 1.2).
        let scope = Statistics { tickets: 3, found: 1, length: 12 };
        close(bm25(scope, 4, 1), 0.980_829);
        // Twice as long as the mean, three times: 2.2 * rarity * 3 / (3 + 1.2 * (0.25 + 1.5)).
        close(bm25(scope, 8, 3), 2.2 * 0.980_829 * 3.0 / 5.1);
        close(named(3), 2.2 * 0.980_829);
    }
}
