use std::sync::Arc;

use bytes::Bytes;

use crate::{
    codec::{Reader, SectionError, Writer},
    column::{LEAF, ord_of, width_of},
    ords::read_u32,
    part_bytes::PartBytes,
    spine::Spine,
};

/// Several numbers per ticket, ascending, by ordinal.
#[derive(Debug, Clone)]
pub(crate) struct ManyColumn {
    leaves: Spine<Arc<ManyLeaf>>,
}

/// `ends[i]` is where the codes of ticket `i` end; both lists as narrow as they can be.
#[derive(Debug)]
struct ManyLeaf {
    wide_ends: bool,
    width: u8,
    count: u32,
    is_mapped: bool,
    data: Bytes,
}

const EMPTY_MANY: ManyLeaf = ManyLeaf { wide_ends: false, width: 1, count: 0, is_mapped: false, data: Bytes::new() };

impl ManyLeaf {
    fn end(&self, at: usize) -> usize {
        if self.wide_ends {
            read_u32(&self.data, at * 4) as usize
        } else {
            usize::from(self.data[at * 2]) | usize::from(self.data[at * 2 + 1]) << 8
        }
    }

    fn ends_len(wide_ends: bool) -> usize {
        LEAF * if wide_ends { 4 } else { 2 }
    }

    fn for_each(&self, at: usize, mut visit: impl FnMut(u32)) {
        if self.count == 0 {
            return;
        }
        let start = if at == 0 { 0 } else { self.end(at - 1) };
        let (codes, width) = (Self::ends_len(self.wide_ends), usize::from(self.width));
        for code in start..self.end(at) {
            let from = codes + code * width;
            let mut word = [0; 4];
            word[..width].copy_from_slice(&self.data[from..from + width]);
            visit(u32::from_le_bytes(word));
        }
    }

    fn encode(values: &[Vec<u32>]) -> Self {
        let count: usize = values.iter().map(Vec::len).sum();
        if count == 0 {
            return EMPTY_MANY;
        }
        let max = values.iter().flatten().max().copied().unwrap_or(0);
        let (wide_ends, width) = (count > 0xffff, width_of(u64::from(max)));
        let mut data = Vec::with_capacity(Self::ends_len(wide_ends) + count * usize::from(width));
        let mut end = 0u32;
        for list in values {
            end += ord_of(list.len());
            data.extend_from_slice(&end.to_le_bytes()[..if wide_ends { 4 } else { 2 }]);
        }
        for code in values.iter().flatten() {
            data.extend_from_slice(&code.to_le_bytes()[..usize::from(width)]);
        }
        Self { wide_ends, width, count: end, is_mapped: false, data: data.into() }
    }
}

impl ManyColumn {
    pub(crate) fn new() -> Self {
        Self { leaves: Spine::new() }
    }

    /// Visits the numbers of one ticket, ascending.
    #[inline]
    pub(crate) fn for_each(&self, ord: u32, visit: impl FnMut(u32)) {
        if let Some(leaf) = self.leaves.get(ord as usize / LEAF) {
            leaf.for_each(ord as usize % LEAF, visit);
        }
    }

    /// Whether leaf `at` is read from a mapped file.
    pub(crate) fn is_mapped(&self, at: usize) -> bool {
        self.leaves.get(at).is_some_and(|leaf| leaf.is_mapped && leaf.count > 0)
    }

    /// Sets the lists of tickets, ordinals strictly ascending, each list ascending.
    pub(crate) fn set_all(&mut self, updates: &[(u32, Vec<u32>)]) {
        let mut rest = updates;
        while let Some((ord, _)) = rest.first() {
            let leaf = *ord as usize / LEAF;
            let (here, later) = rest.split_at(rest.partition_point(|(ord, _)| *ord as usize / LEAF == leaf));
            rest = later;
            if self.leaves.len() <= leaf && here.iter().all(|(_, values)| values.is_empty()) {
                continue;
            }
            while self.leaves.len() <= leaf {
                self.leaves.push(Arc::new(EMPTY_MANY));
            }
            if let Some(slot) = self.leaves.get_mut(leaf) {
                let mut values: Vec<Vec<u32>> = vec![Vec::new(); LEAF];
                for (at, list) in values.iter_mut().enumerate() {
                    slot.for_each(at, |code| list.push(code));
                }
                for (ord, list) in here {
                    values[*ord as usize % LEAF].clone_from(list);
                }
                *slot = Arc::new(ManyLeaf::encode(&values));
            }
        }
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        let leaf = |leaf: &Arc<ManyLeaf>| PartBytes::of(leaf.data.len(), leaf.is_mapped);
        let fixed = self.leaves.len() * (size_of::<ManyLeaf>() + size_of::<Arc<ManyLeaf>>() + 16);
        self.leaves.iter().map(leaf).sum::<PartBytes>() + PartBytes::heap(fixed)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.leaves.len());
        for leaf in self.leaves.iter() {
            out.u32(u32::from(leaf.wide_ends) << 8 | u32::from(leaf.width));
            out.u32(leaf.count);
        }
        self.leaves.iter().for_each(|leaf| out.bytes(&leaf.data));
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, SectionError> {
        let count = input.number()?;
        let mut heads = Vec::with_capacity(count.min(1 << 22));
        for _ in 0..count {
            heads.push((input.u32()?, input.u32()?));
        }
        let mut leaves = Vec::with_capacity(heads.len());
        for (shape, count) in heads {
            let [width, wide_ends, rest @ ..] = shape.to_le_bytes();
            if !matches!((width, wide_ends, rest), (1 | 2 | 4, 0 | 1, [0, 0])) {
                return Err(input.damaged("a list column leaf has an impossible shape"));
            }
            let wide_ends = wide_ends == 1;
            let len = if count == 0 { 0 } else { ManyLeaf::ends_len(wide_ends) + count as usize * usize::from(width) };
            let leaf = ManyLeaf { wide_ends, width, count, is_mapped: true, data: input.bytes(len)? };
            if count > 0 {
                let ends: Vec<usize> = (0..LEAF).map(|at| leaf.end(at)).collect();
                if !ends.is_sorted() || ends.last() != Some(&(count as usize)) {
                    return Err(input.damaged("a list column leaf has ends out of order"));
                }
            }
            leaves.push(Arc::new(leaf));
        }
        Ok(Self { leaves: Spine::from_slice(&leaves) })
    }
}
