use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::{
    block::Block,
    set::{TicketSet, high, low},
};

/// Collects ordinals in ascending order into a [`TicketSet`], a block at a time.
#[derive(Debug)]
pub struct SetBuilder {
    number: u16,
    marked: u32,
    words: Box<[u64; 1024]>,
    list: Vec<(u16, Arc<Block>)>,
}

impl SetBuilder {
    /// A builder that holds nothing.
    pub fn new() -> Self {
        Self { number: 0, marked: 0, words: Box::new([0; 1024]), list: Vec::new() }
    }

    /// Adds `ord`, which must not lie in an earlier block than the last one added; inside a block any order will do.
    #[inline]
    pub fn push(&mut self, ord: u32) {
        if high(ord) != self.number {
            self.close_block();
            self.number = high(ord);
        }
        self.mark(low(ord));
    }

    #[inline]
    pub(crate) fn mark(&mut self, low: u16) {
        let word = &mut self.words[usize::from(low >> 6)];
        let bit = 1 << (low & 63);
        self.marked += u32::from(*word & bit == 0);
        *word |= bit;
    }

    /// Ends the block under construction and returns its bitmap, if anything was marked.
    pub(crate) fn take_block(&mut self) -> Option<RoaringBitmap> {
        if self.marked == 0 {
            return None;
        }
        let mut bytes = [0; 8192];
        for (word, bytes) in self.words.iter_mut().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.to_le_bytes());
            *word = 0;
        }
        self.marked = 0;
        Some(RoaringBitmap::from_lsb0_bytes(0, &bytes))
    }

    fn close_block(&mut self) {
        let number = self.number;
        if let Some(bitmap) = self.take_block() {
            self.list.push((number, Arc::new(Block::new(bitmap))));
        }
    }

    /// The set of everything added.
    pub fn finish(mut self) -> TicketSet {
        self.close_block();
        TicketSet::from_blocks(&self.list)
    }
}

impl Default for SetBuilder {
    fn default() -> Self {
        Self::new()
    }
}
