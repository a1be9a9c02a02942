use std::sync::Arc;

/// Codes a leaf holds: what one change copies, 1 KiB.
const LEAF: usize = 256;

/// How many tickets of a set have each value of a field, by code.
///
/// A persistent value: a clone shares its leaves, and a change copies one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValueCounts {
    /// Nothing where no ticket has any of the values.
    leaves: Vec<Option<Arc<Leaf>>>,
}

type Leaf = [u32; LEAF];

impl ValueCounts {
    /// From a count for each code.
    pub(crate) fn new(counts: &[u32]) -> Self {
        let leaf = |counts: &[u32]| {
            let mut leaf = [0; LEAF];
            leaf[..counts.len()].copy_from_slice(counts);
            counts.iter().any(|count| *count > 0).then(|| Arc::new(leaf))
        };
        Self { leaves: counts.chunks(LEAF).map(leaf).collect() }
    }

    /// How many have the value; 0 for one that none has.
    #[inline]
    pub(crate) fn get(&self, code: u32) -> u32 {
        match self.leaves.get(code as usize / LEAF) {
            Some(Some(leaf)) => leaf[code as usize % LEAF],
            _ => 0,
        }
    }

    /// The codes of the values that any ticket has, ascending, with how many do.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let leaves = (0..).step_by(LEAF).zip(&self.leaves).filter_map(|(first, leaf)| Some((first, leaf.as_ref()?)));
        let counts = leaves.flat_map(|(first, leaf)| (first..).zip(leaf.iter()));
        counts.filter(|(_, count)| **count > 0).map(|(code, count)| (code, *count))
    }

    /// One ticket more has the value.
    pub(crate) fn gain(&mut self, code: u32) {
        let leaf = code as usize / LEAF;
        if self.leaves.len() <= leaf {
            self.leaves.resize(leaf + 1, None);
        }
        let leaf = self.leaves[leaf].get_or_insert_with(|| Arc::new([0; LEAF]));
        Arc::make_mut(leaf)[code as usize % LEAF] += 1;
    }

    /// One ticket less has the value, of those that did.
    pub(crate) fn lose(&mut self, code: u32) {
        if let Some(Some(leaf)) = self.leaves.get_mut(code as usize / LEAF) {
            let count = &mut Arc::make_mut(leaf)[code as usize % LEAF];
            debug_assert!(*count > 0, "a ticket that leaves was counted");
            *count = count.saturating_sub(1);
        }
    }

    /// Bytes on the heap; leaves shared with other counts are counted in each.
    pub(crate) fn heap_bytes(&self) -> usize {
        let leaves = self.leaves.iter().flatten().count();
        leaves * (size_of::<Leaf>() + 16) + self.leaves.len() * size_of::<Option<Arc<Leaf>>>()
    }
}

impl PartialEq for ValueCounts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ValueCounts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_on_both_sides_of_a_leaf() {
        for len in [0, 1, LEAF - 1, LEAF, LEAF + 1, 3 * LEAF] {
            let counts: Vec<u32> = (0..).map(|code| code % 5).take(len).collect();
            let kept = ValueCounts::new(&counts);
            let expected: Vec<(u32, u32)> = (0..).zip(counts).filter(|(_, count)| *count > 0).collect();
            assert_eq!(kept.iter().collect::<Vec<_>>(), expected, "{len} codes");
            for code in 0..u32::try_from(len + LEAF).unwrap() {
                let at = expected.binary_search_by_key(&code, |(code, _)| *code);
                assert_eq!(kept.get(code), at.map_or(0, |at| expected[at].1), "code {code} of {len}");
            }
        }
    }

    #[test]
    fn a_change_leaves_its_clones_alone() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = vec![0u32; 1_000];
        let mut kept = ValueCounts::default();
        for _ in 0..3_000 {
            let (before, was) = (kept.clone(), counts.clone());
            let code = rng.u32(..1_000);
            if counts[code as usize] > 0 && rng.bool() {
                counts[code as usize] -= 1;
                kept.lose(code);
            } else {
                counts[code as usize] += 1;
                kept.gain(code);
            }
            assert_eq!(before, ValueCounts::new(&was));
            assert_eq!(kept, ValueCounts::new(&counts));
        }
        assert!(kept.heap_bytes() >= 4_000);
    }
}
