use std::{fmt, sync::Arc};

use model::TicketOrd;
use ticketscope_model as model;

use crate::{
    block::Block,
    blocks::{Blocks, Numbered},
    builder::SetBuilder,
    members::Members,
    ords::U32s,
    part_bytes::PartBytes,
    state::{MASK_WORDS, Mask, TICKETS_PER_RECORD},
};

/// Sets of at most this many members are one sorted list: 16 KiB, what a single change copies at worst.
pub(crate) const LIST_MAX: usize = 4096;

/// An immutable set of ticket ordinals; a clone is one reference count.
///
/// Small sets are sorted lists, larger ones roaring bitmaps in blocks of 65,536 ordinals that sets share. Its length is
/// known without counting. Complexities are in the number of blocks touched unless a method says otherwise.
#[derive(Clone)]
pub struct TicketSet(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    List(U32s),
    Blocks(Arc<Blocks>),
}

/// What a set holds of one block: a range of its list, or a block.
pub(crate) enum Piece<'a> {
    List(&'a U32s, usize, usize),
    Block(&'a Block),
}

impl Piece<'_> {
    /// Visits the low halves in ascending order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self {
            Self::List(list, from, to) => (*from..*to).for_each(|at| visit(low(list.at(at)))),
            Self::Block(block) => block.slices(|lows| lows.iter().for_each(|ord| visit(low(*ord)))),
        }
    }
}

impl TicketSet {
    /// The set without members.
    pub fn empty() -> Self {
        Self(Repr::List(U32s::empty()))
    }

    /// A set from ordinals in strictly ascending order.
    pub fn from_sorted(ords: &[u32]) -> Self {
        debug_assert!(ords.windows(2).all(|pair| pair[0] < pair[1]), "ordinals ascend");
        if ords.len() <= LIST_MAX {
            return Self(Repr::List(U32s::Owned(Arc::from(ords))));
        }
        let mut builder = SetBuilder::new();
        for ord in ords {
            builder.push(*ord);
        }
        builder.finish()
    }

    /// A set from ordinals in any order, repeats allowed.
    pub fn from_unsorted(mut ords: Vec<u32>) -> Self {
        ords.sort_unstable();
        ords.dedup();
        Self::from_sorted(&ords)
    }

    pub(crate) fn from_blocks(list: &[Numbered]) -> Self {
        Self::of_blocks(Blocks::from_sorted(list))
    }

    pub(crate) fn of_blocks(blocks: Blocks) -> Self {
        if blocks.len() as usize > LIST_MAX / 2 {
            return Self(Repr::Blocks(Arc::new(blocks)));
        }
        let mut ords = Vec::with_capacity(blocks.len() as usize);
        for (number, block) in blocks.iter() {
            ords.extend(block.bitmap().iter().map(|ord| join(*number, ord)));
        }
        Self(Repr::List(ords.into()))
    }

    /// The same set, no part of which is a view of a mapped file; nothing if that file is damaged.
    pub(crate) fn in_memory(&self) -> Option<Self> {
        Some(Self(match &self.0 {
            Repr::List(list) => Repr::List(list.to_vec().into()),
            Repr::Blocks(blocks) => {
                let read = blocks.iter().map(|(number, block)| Some((*number, Arc::new(block.in_memory()?))));
                Repr::Blocks(Arc::new(Blocks::from_sorted(&read.collect::<Option<Vec<_>>>()?)))
            }
        }))
    }

    /// How many members; constant time.
    pub fn len(&self) -> u32 {
        match &self.0 {
            Repr::List(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
            Repr::Blocks(blocks) => blocks.len(),
        }
    }

    /// Whether it has no members; constant time.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `ord` is a member; logarithmic in the number of blocks.
    #[inline]
    pub fn contains(&self, ord: TicketOrd) -> bool {
        match &self.0 {
            Repr::List(list) => {
                let at = list.lower_bound(ord.0);
                at < list.len() && list.at(at) == ord.0
            }
            Repr::Blocks(blocks) => {
                blocks.find(high(ord.0)).is_some_and(|block| block.bitmap().contains(u32::from(low(ord.0))))
            }
        }
    }

    /// Members in ascending order.
    pub fn iter(&self) -> Members<'_> {
        Members::of(self)
    }

    /// The members among `first..first + 1024`, a bit each; `first` is a multiple of 1,024.
    pub(crate) fn mask(&self, first: u32) -> Mask {
        let mut mask = [0; MASK_WORDS];
        let mut note = |at: u32| mask[at as usize / 64] |= 1u64 << (at % 64);
        match &self.0 {
            Repr::List(list) => {
                let here = (list.lower_bound(first)..list.len()).map(|at| list.at(at) - first);
                here.take_while(|at| *at < TICKETS_PER_RECORD).for_each(note);
            }
            Repr::Blocks(blocks) => {
                if let Some(block) = blocks.find(high(first)) {
                    let from = u32::from(low(first));
                    let here = block.bitmap().range(from..from + TICKETS_PER_RECORD);
                    here.for_each(|low| note(low - from));
                }
            }
        }
        mask
    }

    /// A bound above every member: the next multiple of 65,536, or exact for a list.
    pub(crate) fn reach(&self) -> u64 {
        match &self.0 {
            Repr::List(list) => list.iter().next_back().map_or(0, |last| u64::from(last) + 1),
            Repr::Blocks(blocks) => blocks.last_number().map_or(0, |number| (u64::from(number) + 1) << 16),
        }
    }

    /// Visits members in ascending order; faster than [`Self::iter`].
    pub fn for_each(&self, mut visit: impl FnMut(u32)) {
        self.pieces(|number, piece| piece.for_each(|low| visit(join(number, u32::from(low)))));
    }

    /// Visits members in ascending order, many at a time; a slice never reaches across a multiple of 65,536 unless the
    /// set is a list.
    pub(crate) fn slices(&self, mut visit: impl FnMut(&[u32])) {
        match &self.0 {
            Repr::List(U32s::Owned(list)) => visit(list),
            Repr::List(list) => visit(&list.to_vec()),
            Repr::Blocks(blocks) => blocks.iter().for_each(|(number, block)| block.slices_of(*number, &mut visit)),
        }
    }

    /// Visits what the set holds of each block it has members in, in ascending order.
    pub(crate) fn pieces(&self, mut visit: impl FnMut(u16, &Piece<'_>)) {
        match &self.0 {
            Repr::List(list) => {
                let mut from = 0;
                while from < list.len() {
                    let number = high(list.at(from));
                    let to = list_end(list, number);
                    visit(number, &Piece::List(list, from, to));
                    from = to;
                }
            }
            Repr::Blocks(blocks) => {
                for (number, block) in blocks.iter() {
                    visit(*number, &Piece::Block(block));
                }
            }
        }
    }

    /// What the set holds of block `number`, if anything.
    pub(crate) fn piece(&self, number: u16) -> Option<Piece<'_>> {
        match &self.0 {
            Repr::List(list) => {
                let from = list.lower_bound(join(number, 0));
                let to = list_end(list, number);
                (from < to).then_some(Piece::List(list, from, to))
            }
            Repr::Blocks(blocks) => blocks.find(number).map(|block| Piece::Block(block)),
        }
    }

    /// Bytes that this set alone would take; blocks shared with other sets are counted in each.
    pub fn part_bytes(&self) -> PartBytes {
        match &self.0 {
            Repr::List(list) => list.part_bytes(),
            Repr::Blocks(blocks) => {
                let rows = PartBytes::heap(blocks.count() * size_of::<Numbered>() + 32);
                blocks.iter().map(|(_, block)| block.part_bytes()).sum::<PartBytes>() + rows
            }
        }
    }

    /// [`Self::part_bytes`] on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.part_bytes().heap
    }

    /// Bytes that [`Self::heap_bytes`] does not exceed; constant time but for a step per 32 blocks.
    pub fn heap_bound(&self) -> usize {
        match &self.0 {
            Repr::List(list) => list.part_bytes().heap,
            Repr::Blocks(blocks) => {
                // A block takes two bytes a member, or 8 KiB if that is less: most in all if each has as many as another.
                let (count, len) = (blocks.count(), blocks.len() as usize);
                (len * 2).min(count * 8192) + count * (48 + size_of::<Block>() + 32) + 32
            }
        }
    }
}

pub(crate) fn list_end(list: &U32s, number: u16) -> usize {
    number.checked_add(1).map_or(list.len(), |next| list.lower_bound(join(next, 0)))
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
pub(crate) fn low(ord: u32) -> u16 {
    ord as u16
}

#[inline]
pub(crate) fn high(ord: u32) -> u16 {
    low(ord >> 16)
}

#[inline]
pub(crate) fn join(number: u16, low: u32) -> u32 {
    u32::from(number) << 16 | low
}

impl<'a> IntoIterator for &'a TicketSet {
    type Item = u32;
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

impl FromIterator<u32> for TicketSet {
    fn from_iter<T: IntoIterator<Item = u32>>(ords: T) -> Self {
        Self::from_unsorted(ords.into_iter().collect())
    }
}

impl PartialEq for TicketSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for TicketSet {}

impl fmt::Debug for TicketSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketSet({}: ", self.len())?;
        f.debug_list().entries(self.iter().take(32)).finish()?;
        f.write_str(")")
    }
}
