use std::{fmt, sync::Arc};

use model::TicketOrd;
use roaring::RoaringBitmap;
use ticketscope_model as model;

use crate::{block::Block, builder::SetBuilder, ords::U32s};

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
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::List(_, from, to) => u32::try_from(to - from).unwrap_or(u32::MAX),
            Self::Block(block) => block.len(),
        }
    }

    /// Visits the low halves in ascending order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self {
            Self::List(list, from, to) => (*from..*to).for_each(|at| visit(low(list.at(at)))),
            Self::Block(block) => block.bitmap().iter().for_each(|ord| visit(low(ord))),
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
        ords.iter().for_each(|ord| builder.push(*ord));
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
    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.0 {
            Repr::List(list) => Box::new(list.iter()),
            Repr::Blocks(blocks) => Box::new(
                blocks.list.iter().flat_map(|(number, block)| block.bitmap().iter().map(|ord| join(*number, ord))),
            ),
        }
    }

    /// Visits members in ascending order; faster than [`Self::iter`].
    pub fn for_each(&self, mut visit: impl FnMut(u32)) {
        self.pieces(|number, piece| piece.for_each(|low| visit(join(number, u32::from(low)))));
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
                blocks.list.iter().for_each(|(number, block)| visit(*number, &Piece::Block(block)));
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

    /// The members that `other` has too.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                let mut list = Vec::with_capacity(a.list.len().min(b.list.len()));
                both(a, b, |number, a, b| {
                    if Arc::ptr_eq(a, b) {
                        list.push((number, Arc::clone(a)));
                        return;
                    }
                    let bitmap = a.bitmap() & b.bitmap();
                    if !bitmap.is_empty() {
                        list.push((number, Arc::new(Block::new(bitmap))));
                    }
                });
                Self::from_blocks(list)
            }
            (Repr::List(list), _) => other.filter(list, true),
            (_, Repr::List(list)) => self.filter(list, true),
        }
    }

    /// How many members `other` has too, without making the set.
    pub fn and_len(&self, other: &Self) -> u32 {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                let mut len = 0;
                both(a, b, |_, a, b| {
                    len += if Arc::ptr_eq(a, b) {
                        u64::from(a.len())
                    } else {
                        a.bitmap().intersection_len(b.bitmap())
                    };
                });
                u32::try_from(len).unwrap_or(u32::MAX)
            }
            (Repr::List(list), _) => other.count_of(list),
            (_, Repr::List(list)) => self.count_of(list),
        }
    }

    /// Whether any member is `other`'s too.
    pub fn intersects(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                let mut met = false;
                both(a, b, |_, a, b| met = met || !a.bitmap().is_disjoint(b.bitmap()));
                met
            }
            (Repr::List(list), _) => list.iter().any(|ord| other.contains(TicketOrd(ord))),
            (_, Repr::List(list)) => list.iter().any(|ord| self.contains(TicketOrd(ord))),
        }
    }

    /// The members that `other` lacks.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        match (&self.0, &other.0) {
            (Repr::List(list), _) => other.filter(list, false),
            (Repr::Blocks(a), _) => {
                let mut kept = Vec::with_capacity(a.list.len());
                for (number, block) in &a.list {
                    let bitmap = match other.piece(*number) {
                        None => {
                            kept.push((*number, Arc::clone(block)));
                            continue;
                        }
                        Some(Piece::Block(gone)) => block.bitmap() - gone.bitmap(),
                        Some(piece @ Piece::List(..)) => {
                            let mut bitmap = block.bitmap().clone();
                            piece.for_each(|low| {
                                bitmap.remove(u32::from(low));
                            });
                            bitmap
                        }
                    };
                    if !bitmap.is_empty() {
                        kept.push((*number, Arc::new(Block::new(bitmap))));
                    }
                }
                Self::from_blocks(kept)
            }
        }
    }

    /// The members of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self::union([self, other])
    }

    /// The members of any of `sets`; the union of no sets is empty.
    #[must_use]
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let sets: Vec<&Self> = sets.into_iter().filter(|set| !set.is_empty()).collect();
        match sets.as_slice() {
            [] => return Self::empty(),
            [only] => return (*only).clone(),
            _ => {}
        }
        let total: usize = sets.iter().map(|set| set.len() as usize).sum();
        if total <= LIST_MAX * 2 {
            let mut ords = Vec::with_capacity(total);
            sets.iter().for_each(|set| set.for_each(|ord| ords.push(ord)));
            return Self::from_unsorted(ords);
        }
        let mut numbers: Vec<u16> = Vec::new();
        sets.iter().for_each(|set| set.pieces(|number, _| numbers.push(number)));
        numbers.sort_unstable();
        numbers.dedup();
        let mut list = Vec::with_capacity(numbers.len());
        let mut words = SetBuilder::new();
        for number in numbers {
            let mut blocks: Vec<&Arc<Block>> = Vec::new();
            for set in &sets {
                match &set.0 {
                    Repr::List(ords) => {
                        let (from, to) = (ords.lower_bound(join(number, 0)), list_end(ords, number));
                        (from..to).for_each(|at| words.mark(low(ords.at(at))));
                    }
                    Repr::Blocks(of) => blocks.extend(of.find(number).ok().map(|at| &of.list[at].1)),
                }
            }
            let marked = words.take_block();
            let block = match (marked, blocks.as_slice()) {
                (None, []) => continue,
                (None, [only]) => Arc::clone(only),
                (None, [first, rest @ ..]) => {
                    let mut bitmap = first.bitmap().clone();
                    rest.iter().for_each(|block| bitmap |= block.bitmap());
                    Arc::new(Block::new(bitmap))
                }
                (Some(mut bitmap), blocks) => {
                    blocks.iter().for_each(|block| bitmap |= block.bitmap());
                    Arc::new(Block::new(bitmap))
                }
            };
            list.push((number, block));
        }
        Self::from_blocks(list)
    }

    /// This set with `add` and without `remove`, both sorted and disjoint. Copies only the blocks they touch.
    #[must_use]
    pub fn updated(&self, add: &[u32], remove: &[u32]) -> Self {
        if add.is_empty() && remove.is_empty() {
            return self.clone();
        }
        match &self.0 {
            Repr::List(list) if list.len() + add.len() <= LIST_MAX => {
                Self(Repr::List(merge_list(list, add, remove).into()))
            }
            Repr::List(list) => Self::from_sorted(&merge_list(list, add, remove)),
            Repr::Blocks(blocks) => {
                let mut list = blocks.list.clone();
                let (mut add, mut remove) = (add, remove);
                while let Some(number) = next_block(add, remove) {
                    let (adding, later) = split_block(add, number);
                    let (removing, later_removed) = split_block(remove, number);
                    (add, remove) = (later, later_removed);
                    let at = list.binary_search_by_key(&number, |(number, _)| *number);
                    let mut bitmap =
                        at.as_ref().map_or_else(|_| RoaringBitmap::new(), |at| list[*at].1.bitmap().clone());
                    removing.iter().for_each(|ord| {
                        bitmap.remove(u32::from(low(*ord)));
                    });
                    adding.iter().for_each(|ord| {
                        bitmap.insert(u32::from(low(*ord)));
                    });
                    match (at, bitmap.is_empty()) {
                        (Ok(at), true) => {
                            list.remove(at);
                        }
                        (Err(_), true) => {}
                        (Ok(at), false) => list[at].1 = Arc::new(Block::new(bitmap)),
                        (Err(at), false) => list.insert(at, (number, Arc::new(Block::new(bitmap)))),
                    }
                }
                Self::from_blocks(list)
            }
        }
    }

    /// Bytes on the heap that this set alone would take; blocks shared with other sets are counted in each.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::List(list) => list.heap_bytes(),
            Repr::Blocks(blocks) => blocks.list.iter().map(|(_, block)| block.heap_bytes() + 16).sum::<usize>() + 32,
        }
    }

    fn filter(&self, list: &U32s, keep: bool) -> Self {
        let mut kept = Vec::new();
        self.probe(list, |ord, found| {
            if found == keep {
                kept.push(ord);
            }
        });
        Self(Repr::List(kept.into()))
    }

    fn count_of(&self, list: &U32s) -> u32 {
        let mut count = 0;
        self.probe(list, |_, found| count += u32::from(found));
        count
    }

    /// Looks up every number of a sorted list, finding each block once.
    fn probe(&self, list: &U32s, mut visit: impl FnMut(u32, bool)) {
        match &self.0 {
            Repr::List(own) => {
                let mut at = 0;
                if own.len() > list.len() * 8 {
                    return list.iter().for_each(|ord| visit(ord, self.contains(TicketOrd(ord))));
                }
                for ord in list.iter() {
                    while at < own.len() && own.at(at) < ord {
                        at += 1;
                    }
                    visit(ord, at < own.len() && own.at(at) == ord);
                }
            }
            Repr::Blocks(blocks) => {
                let (mut number, mut block) = (None, None);
                for ord in list.iter() {
                    if number != Some(high(ord)) {
                        number = Some(high(ord));
                        block = blocks.find(high(ord)).ok().map(|at| blocks.list[at].1.bitmap());
                    }
                    visit(ord, block.is_some_and(|block| block.contains(u32::from(low(ord)))));
                }
            }
        }
    }
}

impl Blocks {
    fn find(&self, number: u16) -> Result<usize, usize> {
        // Most sets have a block for every number, so that a block's number is its place.
        match self.list.get(usize::from(number)) {
            Some((found, _)) if *found == number => Ok(usize::from(number)),
            _ => self.list.binary_search_by_key(&number, |(number, _)| *number),
        }
    }
}

fn both(a: &Blocks, b: &Blocks, mut visit: impl FnMut(u16, &Arc<Block>, &Arc<Block>)) {
    let (mut a, mut b) = (a.list.as_slice(), b.list.as_slice());
    while let ([(left, in_a), rest_a @ ..], [(right, in_b), rest_b @ ..]) = (a, b) {
        if left == right {
            visit(*left, in_a, in_b);
        }
        if left <= right {
            a = rest_a;
        }
        if right <= left {
            b = rest_b;
        }
    }
}

fn merge_list(list: &U32s, add: &[u32], remove: &[u32]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(list.len() + add.len());
    let (mut add, mut remove) = (add, remove);
    for ord in list.iter() {
        while let [first, rest @ ..] = add
            && *first <= ord
        {
            if *first < ord {
                merged.push(*first);
            }
            add = rest;
        }
        while let [first, rest @ ..] = remove
            && *first < ord
        {
            remove = rest;
        }
        if remove.first() != Some(&ord) {
            merged.push(ord);
        }
    }
    merged.extend_from_slice(add);
    merged
}

fn next_block(add: &[u32], remove: &[u32]) -> Option<u16> {
    match (add.first(), remove.first()) {
        (None, None) => None,
        (Some(ord), None) | (None, Some(ord)) => Some(high(*ord)),
        (Some(a), Some(b)) => Some(high(*a.min(b))),
    }
}

fn split_block(ords: &[u32], number: u16) -> (&[u32], &[u32]) {
    ords.split_at(ords.partition_point(|ord| high(*ord) <= number))
}

fn list_end(list: &U32s, number: u16) -> usize {
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
