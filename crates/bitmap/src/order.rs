use std::{cmp::Ordering, sync::Arc};

use crate::{
    codec::{Reader, SectionError, Writer},
    column::ord_of,
    ords::U32s,
    part_bytes::PartBytes,
};

/// Ordinals a block holds at most; a block is what one moved ticket copies.
const BLOCK: usize = 1024;
/// Blocks a node holds at most.
const NODE: usize = 256;

/// Tickets kept in one order: a two-level list of small sorted blocks.
///
/// The comparison is the caller's and must not change between calls for the tickets that stay in place. Moving a ticket
/// copies two blocks; finding a place is logarithmic; reading from any rank costs what reading from the first does, but
/// for summing the lengths of at most a few hundred nodes.
#[derive(Debug, Clone)]
pub struct Order {
    nodes: Arc<Vec<Arc<Node>>>,
    len: u32,
}

/// Never empty, nor any of its blocks.
#[derive(Debug, Clone)]
struct Node {
    blocks: Vec<U32s>,
    len: u32,
}

impl Node {
    fn new(blocks: Vec<U32s>) -> Self {
        let len = blocks.iter().map(|block| ord_of(block.len())).sum();
        Self { blocks, len }
    }
}

impl Order {
    /// An order of nothing.
    pub(crate) fn new() -> Self {
        Self { nodes: Arc::default(), len: 0 }
    }

    /// An order of `ords`, which are sorted.
    pub fn from_sorted(ords: &[u32]) -> Self {
        Self::from_blocks(&ords.chunks(BLOCK * 3 / 4).map(|block| U32s::from(block.to_vec())).collect::<Vec<_>>())
    }

    fn from_blocks(blocks: &[U32s]) -> Self {
        let nodes: Vec<_> = blocks.chunks(NODE * 3 / 4).map(|blocks| Arc::new(Node::new(blocks.to_vec()))).collect();
        let len = nodes.iter().map(|node| node.len).sum();
        Self { nodes: Arc::new(nodes), len }
    }

    /// How many tickets.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether it orders nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tickets from rank `rank` on, in order.
    pub fn iter_from(&self, rank: u32) -> impl Iterator<Item = u32> + '_ {
        let mut skip = rank as usize;
        let mut node = 0;
        while let Some(here) = self.nodes.get(node)
            && skip >= here.len as usize
        {
            skip -= here.len as usize;
            node += 1;
        }
        let mut block = 0;
        if let Some(here) = self.nodes.get(node) {
            while let Some(list) = here.blocks.get(block)
                && skip >= list.len()
            {
                skip -= list.len();
                block += 1;
            }
        }
        let first = self.nodes.get(node).into_iter().flat_map(move |node| node.blocks.iter().skip(block));
        let later = self.nodes.iter().skip(node + 1).flat_map(|node| node.blocks.iter());
        first.chain(later).enumerate().flat_map(move |(at, list)| {
            let from = if at == 0 { skip.min(list.len()) } else { 0 };
            (from..list.len()).map(|at| list.at(at))
        })
    }

    /// How many tickets come before the place that `compare` seeks: it orders a ticket against that place.
    pub fn rank_of(&self, compare: impl Fn(u32) -> Ordering) -> u32 {
        let before = |ord: u32| compare(ord) == Ordering::Less;
        let node = self.nodes.partition_point(|node| node.blocks.last().is_some_and(|block| before(last(block))));
        let mut rank: u32 = self.nodes[..node].iter().map(|node| node.len).sum();
        if let Some(node) = self.nodes.get(node) {
            let block = node.blocks.partition_point(|block| before(last(block)));
            rank += node.blocks[..block].iter().map(|block| ord_of(block.len())).sum::<u32>();
            if let Some(list) = node.blocks.get(block) {
                rank += ord_of(lower_bound(list, 0, &compare));
            }
        }
        rank
    }

    /// Takes `ords` out. `compare` orders two tickets as they stand in this order now.
    pub(crate) fn remove_all(&mut self, ords: &mut [u32], compare: &dyn Fn(u32, u32) -> Ordering) {
        ords.sort_unstable_by(|a, b| compare(*a, *b));
        self.rewrite(ords, compare, &|block, here| {
            // By number: cheaper than another comparison of dates and keys for each member of the block.
            let mut gone = here.to_vec();
            gone.sort_unstable();
            block.iter().filter(|ord| gone.binary_search(ord).is_err()).collect()
        });
    }

    /// Puts `ords` in. `compare` orders two tickets as they shall stand.
    pub(crate) fn insert_all(&mut self, ords: &mut [u32], compare: &dyn Fn(u32, u32) -> Ordering) {
        ords.sort_unstable_by(|a, b| compare(*a, *b));
        if self.nodes.is_empty() {
            *self = Self::from_sorted(ords);
            return;
        }
        self.rewrite(ords, compare, &|block, here| {
            let mut merged = Vec::with_capacity(block.len() + here.len());
            let mut from = 0;
            for ord in here {
                let to = lower_bound(block, from, &|other| compare(other, *ord));
                merged.extend((from..to).map(|at| block.at(at)));
                merged.push(*ord);
                from = to;
            }
            merged.extend((from..block.len()).map(|at| block.at(at)));
            merged
        });
    }

    /// Rewrites the blocks in which the sorted `ords` have their place.
    fn rewrite(
        &mut self,
        ords: &[u32],
        compare: &dyn Fn(u32, u32) -> Ordering,
        edit: &dyn Fn(&U32s, &[u32]) -> Vec<u32>,
    ) {
        let mut rest = ords;
        let mut nodes: Vec<Arc<Node>> = Vec::with_capacity(self.nodes.len() + 1);
        let count = self.nodes.len();
        for (at, node) in self.nodes.iter().enumerate() {
            let here = match node.blocks.last() {
                Some(block) if at + 1 < count => {
                    rest.partition_point(|ord| compare(*ord, last(block)) != Ordering::Greater)
                }
                _ => rest.len(),
            };
            let (here, later) = rest.split_at(here);
            rest = later;
            if here.is_empty() {
                nodes.push(Arc::clone(node));
                continue;
            }
            let blocks = rewrite_blocks(&node.blocks, here, compare, edit);
            if blocks.len() > NODE {
                nodes.extend(blocks.chunks(NODE / 2).map(|blocks| Arc::new(Node::new(blocks.to_vec()))));
            } else if !blocks.is_empty() {
                match nodes.last_mut() {
                    Some(before) if before.blocks.len() + blocks.len() <= NODE / 2 => {
                        *before = Arc::new(Node::new([before.blocks.as_slice(), &blocks].concat()));
                    }
                    _ => nodes.push(Arc::new(Node::new(blocks))),
                }
            }
        }
        self.len = nodes.iter().map(|node| node.len).sum();
        self.nodes = Arc::new(nodes);
    }

    #[cfg(test)]
    pub(crate) fn blocks(&self) -> usize {
        self.nodes.iter().map(|node| node.blocks.len()).sum()
    }

    /// Bytes of the order alone.
    pub fn part_bytes(&self) -> PartBytes {
        let block = |block: &U32s| block.part_bytes() + PartBytes::heap(size_of::<U32s>());
        let node = |node: &Arc<Node>| node.blocks.iter().map(block).sum::<PartBytes>() + PartBytes::heap(48);
        self.nodes.iter().map(node).sum()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.len as usize);
        self.iter_from(0).for_each(|ord| out.u32(ord));
    }

    pub(crate) fn read(input: &mut Reader, tickets: u32) -> Result<Self, SectionError> {
        let ords = input.u32s()?;
        if ords.iter().any(|ord| ord >= tickets) {
            return Err(input.damaged("an order names ordinals that were never given out"));
        }
        let step = BLOCK * 3 / 4;
        let blocks = (0..ords.len()).step_by(step).map(|from| ords.slice(from, ords.len().min(from + step)));
        Ok(Self::from_blocks(&blocks.collect::<Vec<_>>()))
    }
}

fn rewrite_blocks(
    blocks: &[U32s],
    ords: &[u32],
    compare: &dyn Fn(u32, u32) -> Ordering,
    edit: &dyn Fn(&U32s, &[u32]) -> Vec<u32>,
) -> Vec<U32s> {
    let mut rest = ords;
    let mut rewritten: Vec<U32s> = Vec::with_capacity(blocks.len() + 1);
    for (at, block) in blocks.iter().enumerate() {
        let here = if rest.is_empty() {
            0
        } else if at + 1 < blocks.len() {
            rest.partition_point(|ord| compare(*ord, last(block)) != Ordering::Greater)
        } else {
            rest.len()
        };
        let (here, later) = rest.split_at(here);
        rest = later;
        if here.is_empty() {
            rewritten.push(block.clone());
        } else {
            let list = edit(block, here);
            if list.len() > BLOCK {
                rewritten.extend(list.chunks(BLOCK / 2).map(|part| U32s::from(part.to_vec())));
            } else if !list.is_empty() {
                match rewritten.last_mut() {
                    // Blocks that shrank are joined, lest tickets that move leave a trail of blocks of one.
                    Some(before) if before.len() + list.len() <= BLOCK / 2 => {
                        *before = before.iter().chain(list).collect::<Vec<_>>().into();
                    }
                    _ => rewritten.push(list.into()),
                }
            }
        }
    }
    rewritten
}

fn last(block: &U32s) -> u32 {
    block.at(block.len() - 1)
}

/// The first place from `from` on that does not come before what `compare` seeks.
fn lower_bound(list: &U32s, from: usize, compare: &dyn Fn(u32) -> Ordering) -> usize {
    let (mut low, mut high) = (from, list.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if compare(list.at(middle)) == Ordering::Less { low = middle + 1 } else { high = middle }
    }
    low
}
