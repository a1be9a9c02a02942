use std::{fmt, sync::Arc};

use model::TicketOrd;
use ticketscope_model as model;

use crate::{block::Block, builder::SetBuilder, members::Members, ords::U32s, part_bytes::PartBytes};

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

/// Blocks in ascending order of their number, none empty.
#[derive(Clone, Default)]
pub(crate) struct Blocks {
    pub(crate) len: u32,
    pub(crate) list: Vec<(u16, Arc<Block>)>,
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

    pub(crate) fn from_blocks(list: Vec<(u16, Arc<Block>)>) -> Self {
        let len = list.iter().map(|(_, block)| block.len()).sum::<u32>();
        if len as usize <= LIST_MAX / 2 {
            let mut ords = Vec::with_capacity(len as usize);
            for (number, block) in &list {
                ords.extend(block.bitmap().iter().map(|ord| join(*number, ord)));
            }
            return Self(Repr::List(ords.into()));
        }
        Self(Repr::Blocks(Arc::new(Blocks { len, list })))
    }

    /// How many members; constant time.
    pub fn len(&self) -> u32 {
        match &self.0 {
            Repr::List(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
            Repr::Blocks(blocks) => blocks.len,
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
            Repr::Blocks(blocks) => match blocks.find(high(ord.0)) {
                Ok(at) => blocks.list[at].1.bitmap().contains(u32::from(low(ord.0))),
                Err(_) => false,
            },
        }
    }

    /// Members in ascending order.
    pub fn iter(&self) -> Members<'_> {
        Members::of(self)
    }

    /// The members among `first..first + 64`, a bit each; `first` is a multiple of 64.
    pub(crate) fn mask(&self, first: u32) -> u64 {
        match &self.0 {
            Repr::List(list) => (list.lower_bound(first)..list.len())
                .map(|at| list.at(at) - first)
                .take_while(|bit| *bit < 64)
                .fold(0, |mask, bit| mask | 1 << bit),
            Repr::Blocks(blocks) => blocks.find(high(first)).map_or(0, |at| {
                let from = u32::from(low(first));
                let here = blocks.list[at].1.bitmap().range(from..from + 64);
                here.fold(0, |mask, ord| mask | 1 << (ord - from))
            }),
        }
    }

    /// A bound above every member: the next multiple of 65,536, or exact for a list.
    pub(crate) fn reach(&self) -> u64 {
        match &self.0 {
            Repr::List(list) => list.iter().next_back().map_or(0, |last| u64::from(last) + 1),
            Repr::Blocks(blocks) => blocks.list.last().map_or(0, |(number, _)| (u64::from(*number) + 1) << 16),
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
            Repr::Blocks(blocks) => blocks.list.iter().for_each(|(number, block)| block.slices_of(*number, &mut visit)),
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
                for (number, block) in &blocks.list {
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
            Repr::Blocks(blocks) => blocks.find(number).ok().map(|at| Piece::Block(&blocks.list[at].1)),
        }
    }

    /// Bytes that this set alone would take; blocks shared with other sets are counted in each.
    pub fn part_bytes(&self) -> PartBytes {
        match &self.0 {
            Repr::List(list) => list.part_bytes(),
            Repr::Blocks(blocks) => {
                let rows = PartBytes::heap(blocks.list.len() * size_of::<(u16, Arc<Block>)>() + 32);
                blocks.list.iter().map(|(_, block)| block.part_bytes()).sum::<PartBytes>() + rows
            }
        }
    }

    /// [`Self::part_bytes`] on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.part_bytes().heap
    }
}

impl Blocks {
    pub(crate) fn find(&self, number: u16) -> Result<usize, usize> {
        // Most sets have a block for every number, so that a block's number is its place.
        match self.list.get(usize::from(number)) {
            Some((found, _)) if *found == number => Ok(usize::from(number)),
            _ => self.list.binary_search_by_key(&number, |(number, _)| *number),
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
