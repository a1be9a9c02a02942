use std::sync::Arc;

use bytes::Bytes;

use crate::{
    block::{WORDS, Words},
    codec::{Reader, SectionError, Writer},
    ords::read_u32,
    part_bytes::PartBytes,
    range::ValueRange,
    spine::Spine,
};

/// Tickets a leaf of a column covers: what one write copies.
pub(crate) const LEAF: usize = 1024;

/// Words in which the tickets of a leaf are marked.
pub(crate) const LEAF_WORDS: usize = LEAF / 64;

type LeafWords = [u64; LEAF_WORDS];

/// One number or nothing per ticket, by ordinal: a forward column.
///
/// A leaf of 1,024 tickets stores offsets from its smallest value, in as few bytes as its range needs; a leaf of one
/// value, or of none, stores nothing.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    leaves: Spine<Arc<Leaf>>,
}

/// `raw` 0 is nothing, `raw` n is `base + n - 1`; `width` is 0 where every ticket has `raw == fill`, and [`WHOLE`] where
/// `base` and `max` lie too far apart for 64 bits of `raw`.
#[derive(Debug)]
pub(crate) struct Leaf {
    base: i64,
    max: i64,
    fill: u8,
    width: u8,
    is_mapped: bool,
    data: Bytes,
}

/// The width of a leaf whose tickets have a byte for presence and the whole number each.
const WHOLE: u8 = 9;

const EMPTY: Leaf = Leaf { base: 0, max: 0, fill: 0, width: 0, is_mapped: false, data: Bytes::new() };

impl Leaf {
    #[inline]
    fn raw(&self, at: usize) -> u64 {
        match self.width {
            0 => u64::from(self.fill),
            1 => u64::from(self.data[at]),
            2 => {
                let mut word = [0; 2];
                word.copy_from_slice(&self.data[at * 2..at * 2 + 2]);
                u64::from(u16::from_le_bytes(word))
            }
            4 => u64::from(read_u32(&self.data, at * 4)),
            _ => {
                let mut word = [0; 8];
                word.copy_from_slice(&self.data[at * 8..at * 8 + 8]);
                u64::from_le_bytes(word)
            }
        }
    }

    #[inline]
    fn value(&self, raw: u64) -> Option<i64> {
        (raw > 0).then(|| self.base.wrapping_add_unsigned(raw - 1))
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<i64> {
        if self.width == WHOLE { self.whole(at) } else { self.value(self.raw(at)) }
    }

    #[cold]
    fn whole(&self, at: usize) -> Option<i64> {
        let from = at * usize::from(WHOLE);
        let mut word = [0; 8];
        word.copy_from_slice(&self.data[from + 1..from + 9]);
        (self.data[from] == 1).then(|| i64::from_le_bytes(word))
    }

    /// Counts the values of the tickets with these ordinals, all of this leaf, as codes: places in `counts`.
    pub(crate) fn count_codes(&self, ords: &[u32], counts: &mut [u32]) {
        let Some(counts) = usize::try_from(self.base).ok().and_then(|base| counts.get_mut(base..)) else { return };
        let mut count = |raw: usize| {
            if raw > 0
                && let Some(count) = counts.get_mut(raw - 1)
            {
                *count += 1;
            }
        };
        let places = ords.iter().map(|ord| *ord as usize % LEAF);
        // One loop for each width, so that the width is looked at once.
        match self.width {
            0 => {
                if let (1, Some(count)) = (self.fill, counts.first_mut()) {
                    *count += ord_of(ords.len());
                }
            }
            1 => {
                if let Some(data) = self.data.first_chunk::<LEAF>() {
                    places.for_each(|at| count(usize::from(data[at])));
                }
            }
            2 => {
                if let Some(data) = self.data.as_chunks::<2>().0.first_chunk::<LEAF>() {
                    places.for_each(|at| count(usize::from(u16::from_le_bytes(data[at]))));
                }
            }
            _ => {
                let raw = |code: i64| usize::try_from(code.abs_diff(self.base)).map_or(0, |above| above + 1);
                places.for_each(|at| count(self.get(at).map_or(0, raw)));
            }
        }
    }

    /// [`Self::count_codes`] of the tickets whose places are marked in `bits`.
    fn count_bits(&self, bits: &LeafWords, counts: &mut [u32]) {
        let Some(counts) = usize::try_from(self.base).ok().and_then(|base| counts.get_mut(base..)) else { return };
        let mut count = |raw: usize| {
            if raw > 0
                && let Some(count) = counts.get_mut(raw - 1)
            {
                *count += 1;
            }
        };
        match self.width {
            0 => {
                if let (1, Some(count)) = (self.fill, counts.first_mut()) {
                    *count += bits.iter().map(|bits| bits.count_ones()).sum::<u32>();
                }
            }
            1 => {
                if let Some(data) = self.data.first_chunk::<LEAF>() {
                    for_each_bit(bits, |at| count(usize::from(data[at])));
                }
            }
            2 => {
                if let Some(data) = self.data.as_chunks::<2>().0.first_chunk::<LEAF>() {
                    for_each_bit(bits, |at| count(usize::from(u16::from_le_bytes(data[at]))));
                }
            }
            _ => {
                let raw = |code: i64| usize::try_from(code.abs_diff(self.base)).map_or(0, |above| above + 1);
                for_each_bit(bits, |at| count(self.get(at).map_or(0, raw)));
            }
        }
    }

    /// The `raw` of a value from `base` to `max`.
    fn raw_of(&self, value: Option<i64>) -> u64 {
        value.map_or(0, |value| value.wrapping_sub(self.base).cast_unsigned() + 1)
    }

    fn encode(values: &[Option<i64>; LEAF]) -> Self {
        let Some(base) = values.iter().flatten().min().copied() else { return EMPTY };
        let max = values.iter().flatten().max().copied().unwrap_or(base);
        if max == base && values.iter().all(Option::is_some) {
            return Self { base, max, fill: 1, ..EMPTY };
        }
        let mut leaf = Self { base, max, width: WHOLE, ..EMPTY };
        let mut data = Vec::new();
        if max.wrapping_sub(base).cast_unsigned() == u64::MAX {
            for value in values {
                data.push(u8::from(value.is_some()));
                data.extend_from_slice(&value.unwrap_or(0).to_le_bytes());
            }
        } else {
            leaf.width = width_of(leaf.raw_of(Some(max)));
            data.reserve_exact(LEAF * usize::from(leaf.width));
            for value in values {
                data.extend_from_slice(&leaf.raw_of(*value).to_le_bytes()[..usize::from(leaf.width)]);
            }
        }
        leaf.data = data.into();
        leaf
    }

    fn in_memory(&self) -> Self {
        Self { is_mapped: false, data: Bytes::copy_from_slice(&self.data), ..*self }
    }

    fn decode(&self) -> [Option<i64>; LEAF] {
        std::array::from_fn(|at| self.get(at))
    }

    /// The leaf with `updates` (places ascending). Values inside the leaf's range are patched in place of a copy.
    fn updated(&self, updates: &[(usize, Option<i64>)]) -> Self {
        let fits = |value: &Option<i64>| value.is_none_or(|value| (self.base..=self.max).contains(&value));
        if matches!(self.width, 1..WHOLE) && updates.iter().all(|(_, value)| fits(value)) {
            let mut data = self.data.to_vec();
            let width = usize::from(self.width);
            for (at, value) in updates {
                data[at * width..(at + 1) * width].copy_from_slice(&self.raw_of(*value).to_le_bytes()[..width]);
            }
            return Self { base: self.base, max: self.max, width: self.width, data: data.into(), ..EMPTY };
        }
        let mut values = self.decode();
        for (at, value) in updates {
            values[*at] = *value;
        }
        Self::encode(&values)
    }

    /// Takes out of `bits`, places of this leaf, those whose value lies outside `range`.
    pub(crate) fn narrow_to_range(&self, range: ValueRange, bits: &mut LeafWords) {
        let marked = *bits;
        for_each_bit(&marked, |at| {
            if !self.get(at).is_some_and(|value| range.contains(value)) {
                bits[at / 64] &= !(1 << (at % 64));
            }
        });
    }

    /// Whether every ticket of the leaf has a value in `range`, or none has; nothing if it takes a look at each.
    pub(crate) fn all_or_none_in(&self, range: ValueRange) -> Option<bool> {
        let ValueRange { low, high } = range;
        if (self.fill == 0 && self.width == 0) || low > high || self.max < low || self.base > high {
            return Some(false);
        }
        // Only a leaf of one value is known to hold no ticket without one.
        (self.width == 0).then_some(true)
    }

    /// Visits the places whose value lies in `low..=high`.
    fn range(&self, low: i64, high: i64, visit: impl FnMut(usize)) {
        if self.fill == 0 && self.width == 0 || low > high || self.max < low || self.base > high {
            return;
        }
        // Compared in the form in which it is stored, so that a pass is a comparison of words.
        let raw = |value: i64| self.raw_of(Some(value.clamp(self.base, self.max)));
        match self.width {
            0 => (0..LEAF).for_each(visit),
            1 => scan::<1>(&self.data, raw(low), raw(high), visit),
            2 => scan::<2>(&self.data, raw(low), raw(high), visit),
            4 => scan::<4>(&self.data, raw(low), raw(high), visit),
            8 => scan::<8>(&self.data, raw(low), raw(high), visit),
            _ => {
                let inside = |at: &usize| self.whole(*at).is_some_and(|value| low <= value && value <= high);
                (0..LEAF).filter(inside).for_each(visit);
            }
        }
    }
}

/// Visits the places of a leaf that are marked in `bits`.
#[inline]
fn for_each_bit(bits: &LeafWords, mut visit: impl FnMut(usize)) {
    for (word, bits) in bits.iter().enumerate() {
        let mut rest = *bits;
        while rest != 0 {
            // Below 64, so that the place is below `LEAF`.
            visit((word * 64 + rest.trailing_zeros() as usize) % LEAF);
            rest &= rest - 1;
        }
    }
}

/// Visits the places of the words of `N` bytes that lie in `low..=high`.
fn scan<const N: usize>(data: &[u8], low: u64, high: u64, mut visit: impl FnMut(usize)) {
    for (at, bytes) in data.chunks_exact(N).enumerate() {
        let mut word = [0; 8];
        word[..N].copy_from_slice(bytes);
        if u64::from_le_bytes(word).wrapping_sub(low) <= high - low {
            visit(at);
        }
    }
}

pub(crate) fn width_of(raw: u64) -> u8 {
    match raw {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

impl Column {
    pub(crate) fn new() -> Self {
        Self { leaves: Spine::new() }
    }

    #[inline]
    pub(crate) fn get(&self, ord: u32) -> Option<i64> {
        self.leaves.get(ord as usize / LEAF)?.get(ord as usize % LEAF)
    }

    /// Leaf `at`, which covers ordinals from `at * LEAF`; nothing where no ticket has a value.
    pub(crate) fn leaf(&self, at: usize) -> Option<&Leaf> {
        self.leaves.get(at).map(|leaf| &**leaf)
    }

    /// Whether leaf `at` is read from a mapped file.
    pub(crate) fn is_mapped(&self, at: usize) -> bool {
        self.leaf(at).is_some_and(|leaf| leaf.is_mapped && !leaf.data.is_empty())
    }

    /// The same column, no part of which is a view of a mapped file.
    pub(crate) fn in_memory(&self) -> Self {
        let leaves: Vec<_> = self.leaves.iter().map(|leaf| Arc::new(leaf.in_memory())).collect();
        Self { leaves: Spine::from_slice(&leaves) }
    }

    /// Counts the values of the tickets of block `number` that are marked in `words`, as codes: places in `counts`.
    pub(crate) fn count_words(&self, number: u16, words: &Words, counts: &mut [u32]) {
        let first = usize::from(number) * (WORDS / LEAF_WORDS);
        for (at, bits) in words.as_chunks().0.iter().enumerate() {
            if let Some(leaf) = self.leaf(first + at) {
                leaf.count_bits(bits, counts);
            }
        }
    }

    /// How many ordinals the leaves reach: at least up to the last ticket with a value.
    pub(crate) fn reach(&self) -> usize {
        self.leaves.len() * LEAF
    }

    /// Sets values, ordinals strictly ascending.
    pub(crate) fn set_all(&mut self, updates: &[(u32, Option<i64>)]) {
        let mut rest = updates;
        while let Some((ord, _)) = rest.first() {
            let leaf = *ord as usize / LEAF;
            let (here, later) = rest.split_at(rest.partition_point(|(ord, _)| *ord as usize / LEAF == leaf));
            rest = later;
            if self.leaves.len() <= leaf && here.iter().all(|(_, value)| value.is_none()) {
                continue;
            }
            while self.leaves.len() <= leaf {
                self.leaves.push(Arc::new(EMPTY));
            }
            let here: Vec<_> = here.iter().map(|(ord, value)| (*ord as usize % LEAF, *value)).collect();
            if let Some(slot) = self.leaves.get_mut(leaf) {
                *slot = Arc::new(slot.updated(&here));
            }
        }
    }

    /// Visits every ordinal whose value lies in `low..=high`, ascending. Leaves wholly outside cost nothing.
    pub(crate) fn range(&self, low: i64, high: i64, mut visit: impl FnMut(u32)) {
        for (number, leaf) in self.leaves.iter().enumerate() {
            leaf.range(low, high, |at| visit(ord_of(number * LEAF + at)));
        }
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        let leaf = |leaf: &Arc<Leaf>| PartBytes::of(leaf.data.len(), leaf.is_mapped);
        let fixed = self.leaves.len() * (size_of::<Leaf>() + size_of::<Arc<Leaf>>() + 16);
        self.leaves.iter().map(leaf).sum::<PartBytes>() + PartBytes::heap(fixed)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.leaves.len());
        for leaf in self.leaves.iter() {
            out.i64(leaf.base);
            out.i64(leaf.max);
            out.u32(u32::from(leaf.fill) << 8 | u32::from(leaf.width));
        }
        out.align();
        self.leaves.iter().for_each(|leaf| out.bytes(&leaf.data));
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, SectionError> {
        let count = input.number()?;
        let mut heads = Vec::with_capacity(count.min(1 << 22));
        for _ in 0..count {
            heads.push((input.i64()?, input.i64()?, input.u32()?));
        }
        input.align()?;
        let mut leaves = Vec::with_capacity(heads.len());
        for (base, max, shape) in heads {
            let [width, fill, rest @ ..] = shape.to_le_bytes();
            let known = matches!((width, fill, rest), (0, 0 | 1, [0, 0]) | (1 | 2 | 4 | 8 | WHOLE, 0, [0, 0]));
            if !known || base > max || (width < WHOLE && max.wrapping_sub(base).cast_unsigned() == u64::MAX) {
                return Err(input.damaged("a column leaf has an impossible shape"));
            }
            let data = input.bytes(LEAF * usize::from(width))?;
            leaves.push(Arc::new(Leaf { base, max, fill, width, is_mapped: true, data }));
        }
        Ok(Self { leaves: Spine::from_slice(&leaves) })
    }
}

/// A place inside an index of at most `u32::MAX` things.
#[expect(clippy::cast_possible_truncation, reason = "an index holds at most 2^32 - 1 tickets, values and codes")]
pub(crate) fn ord_of(place: usize) -> u32 {
    debug_assert!(u32::try_from(place).is_ok(), "an index is full at 2^32 - 1");
    place as u32
}
