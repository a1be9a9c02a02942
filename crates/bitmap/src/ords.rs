use std::sync::Arc;

use bytes::Bytes;

use crate::part_bytes::PartBytes;

/// An immutable list of 32-bit numbers, owned or a view of little-endian bytes of a mapped file.
#[derive(Debug, Clone)]
pub(crate) enum U32s {
    Owned(Arc<[u32]>),
    Mapped(Bytes),
}

impl U32s {
    pub(crate) fn empty() -> Self {
        Self::Owned(Arc::from([]))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Owned(list) => list.len(),
            Self::Mapped(bytes) => bytes.len() / 4,
        }
    }

    /// The number at `at`, which must be below `len()`.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> u32 {
        match self {
            Self::Owned(list) => list[at],
            Self::Mapped(bytes) => read_u32(bytes, at * 4),
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        (0..self.len()).map(|at| self.at(at))
    }

    pub(crate) fn to_vec(&self) -> Vec<u32> {
        match self {
            Self::Owned(list) => list.to_vec(),
            Self::Mapped(_) => self.iter().collect(),
        }
    }

    /// How many of a sorted list's numbers are below `bound`.
    pub(crate) fn lower_bound(&self, bound: u32) -> usize {
        self.lower_bound_in(0, self.len(), bound)
    }

    /// [`Self::lower_bound`] where the numbers before `from` are known to be below: logarithmic in how far it is from there
    /// (Bentley and Yao, "An almost optimal algorithm for unbounded searching", 1976).
    pub(crate) fn gallop(&self, from: usize, bound: u32) -> usize {
        let (mut low, mut step) = (from, 1);
        while low + step <= self.len() && self.at(low + step - 1) < bound {
            low += step;
            step *= 2;
        }
        self.lower_bound_in(low, (low + step - 1).min(self.len()), bound)
    }

    fn lower_bound_in(&self, mut low: usize, mut high: usize, bound: u32) -> usize {
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.at(middle) < bound { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Owned(list) => Self::Owned(Arc::from(&list[from..to])),
            Self::Mapped(bytes) => Self::Mapped(bytes.slice(from * 4..to * 4)),
        }
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        match self {
            Self::Owned(list) => PartBytes::heap(list.len() * 4 + 16),
            Self::Mapped(bytes) => PartBytes::of(bytes.len(), true),
        }
    }
}

impl From<Vec<u32>> for U32s {
    fn from(list: Vec<u32>) -> Self {
        Self::Owned(list.into())
    }
}

/// Reads a little-endian number at byte `at`; the caller knows that it is inside.
#[inline]
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_ends_where_searching_does() {
        for len in [0, 1, 2, 3, 7, 8, 100] {
            let list = U32s::from((0..len).map(|at| at * 3 + 1).collect::<Vec<u32>>());
            for bound in 0..len * 3 + 3 {
                let expected = list.lower_bound(bound);
                for from in 0..=expected {
                    assert_eq!(list.gallop(from, bound), expected, "{bound} from {from} of {len}");
                }
            }
        }
    }
}
