use std::{
    iter::Sum,
    ops::{Add, AddAssign},
};

/// Bytes that a part of an index takes. What writers and readers share is counted once in each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartBytes {
    /// On the heap.
    pub heap: usize,
    /// Of the mapped snapshot: the operating system has those in memory that were read, and takes them back at will.
    pub mapped: usize,
}

impl PartBytes {
    pub(crate) fn heap(heap: usize) -> Self {
        Self { heap, mapped: 0 }
    }

    /// Of `len` bytes that are a view of the snapshot or not.
    pub(crate) fn of(len: usize, is_mapped: bool) -> Self {
        if is_mapped { Self { heap: 0, mapped: len } } else { Self::heap(len) }
    }
}

impl Add for PartBytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { heap: self.heap + other.heap, mapped: self.mapped + other.mapped }
    }
}

impl AddAssign for PartBytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for PartBytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}
