use std::{convert::Infallible, ops::ControlFlow, sync::Arc};

use roaring::RoaringBitmap;
use ticketscope_model::TicketOrd;

use crate::{
    block::Block,
    blocks::Blocks,
    builder::SetBuilder,
    ords::U32s,
    set::{LIST_MAX, Piece, Repr, TicketSet, high, low},
};

/// Numbers of a list that are passed step by step for each one that is sought in it, on average; more are searched.
const STEPS: usize = 8;

/// Changes of one block from which they are made with whole bitmaps.
const BULK: usize = 64;

impl TicketSet {
    /// The members that `other` has too.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                let mut list = Vec::with_capacity(a.count().min(b.count()));
                every(a, b, |number, a, b| {
                    if Arc::ptr_eq(a, b) || b.is_full() {
                        list.push((number, Arc::clone(a)));
                        return;
                    }
                    if a.is_full() {
                        list.push((number, Arc::clone(b)));
                        return;
                    }
                    let bitmap = a.bitmap() & b.bitmap();
                    if !bitmap.is_empty() {
                        list.push((number, Arc::new(Block::new(bitmap))));
                    }
                });
                Self::from_blocks(&list)
            }
            (_, Repr::List(list)) if list.len() <= self.len() as usize => self.filter(list, true),
            (Repr::List(list), _) => other.filter(list, true),
            (_, Repr::List(list)) => self.filter(list, true),
        }
    }

    /// How many members `other` has too, without making the set.
    pub fn and_len(&self, other: &Self) -> u32 {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                let mut len = 0;
                every(a, b, |_, a, b| len += if Arc::ptr_eq(a, b) || b.is_full() { a.len() } else { a.and_len(b) });
                len
            }
            (_, Repr::List(list)) if list.len() <= self.len() as usize => self.count_of(list),
            (Repr::List(list), _) => other.count_of(list),
            (_, Repr::List(list)) => self.count_of(list),
        }
    }

    /// Whether any member is `other`'s too.
    pub fn intersects(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Blocks(a), Repr::Blocks(b)) => {
                // Counted, for arrays are intersected many members at a time but held apart one by one.
                both(a, b, |_, a, b| if a.and_len(b) > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                    .is_break()
            }
            (_, Repr::List(list)) if list.len() <= self.len() as usize => {
                list.iter().any(|ord| self.contains(TicketOrd(ord)))
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
                let mut kept = Vec::with_capacity(a.count());
                for (number, block) in a.iter() {
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
                Self::from_blocks(&kept)
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
            for set in &sets {
                set.for_each(|ord| ords.push(ord));
            }
            return Self::from_unsorted(ords);
        }
        // Lists are walked once, each with a cursor of its own, however many blocks there are.
        let (mut lists, mut blocks): (Vec<(&U32s, usize)>, Vec<&Blocks>) = (Vec::new(), Vec::new());
        let mut present: Vec<bool> = Vec::new();
        for set in &sets {
            match &set.0 {
                Repr::List(list) => lists.push((list, 0)),
                Repr::Blocks(of) => blocks.push(of),
            }
            set.pieces(|number, _| {
                let at = usize::from(number);
                present.resize(present.len().max(at + 1), false);
                present[at] = true;
            });
        }
        let mut words = SetBuilder::new();
        let mut union = Vec::with_capacity(present.len());
        for (number, _) in (0..=u16::MAX).zip(&present).filter(|(_, present)| **present) {
            for (list, at) in &mut lists {
                while *at < list.len() && high(list.at(*at)) == number {
                    words.mark(low(list.at(*at)));
                    *at += 1;
                }
            }
            let mut here = blocks.iter().filter_map(|of| of.find(number));
            let block = match (words.take_block(), here.next()) {
                (None, None) => continue,
                (None, Some(first)) => match here.next() {
                    None => Arc::clone(first),
                    Some(second) => merged(first.bitmap() | second.bitmap(), here),
                },
                (Some(bitmap), first) => merged(bitmap, first.into_iter().chain(here)),
            };
            union.push((number, block));
        }
        Self::from_blocks(&union)
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
                let mut blocks = Blocks::clone(blocks);
                let (mut add, mut remove) = (add, remove);
                while let Some(number) = next_block(add, remove) {
                    let (adding, later) = split_block(add, number);
                    let (removing, later_removed) = split_block(remove, number);
                    (add, remove) = (later, later_removed);
                    let mut bitmap = blocks.find(number).map_or_else(RoaringBitmap::new, |old| old.bitmap().clone());
                    if removing.len() + adding.len() < BULK {
                        for ord in removing {
                            bitmap.remove(u32::from(low(*ord)));
                        }
                        for ord in adding {
                            bitmap.insert(u32::from(low(*ord)));
                        }
                    } else {
                        bitmap -= bitmap_of(removing);
                        bitmap |= bitmap_of(adding);
                    }
                    blocks.put(number, (!bitmap.is_empty()).then(|| Arc::new(Block::new(bitmap))));
                }
                Self::of_blocks(blocks)
            }
        }
    }

    fn filter(&self, list: &U32s, keep: bool) -> Self {
        let mut kept = Vec::with_capacity(if keep { list.len() } else { 0 });
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

    /// Looks up every number of a sorted list, finding each block once; in a list each search begins where the last ended, and
    /// goes step by step where the two are about as long.
    fn probe(&self, list: &U32s, mut visit: impl FnMut(u32, bool)) {
        match &self.0 {
            Repr::List(own) => {
                let mut at = 0;
                if own.len() > list.len() * STEPS {
                    return list.iter().for_each(|ord| {
                        at = own.gallop(at, ord);
                        visit(ord, at < own.len() && own.at(at) == ord);
                    });
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
                        block = blocks.find(high(ord)).map(|block| block.bitmap());
                    }
                    visit(ord, block.is_some_and(|block| block.contains(u32::from(low(ord)))));
                }
            }
        }
    }
}

/// Visits the blocks that both have.
fn every(a: &Blocks, b: &Blocks, mut visit: impl FnMut(u16, &Arc<Block>, &Arc<Block>)) {
    let _: ControlFlow<Infallible> = both(a, b, |number, a, b| {
        visit(number, a, b);
        ControlFlow::Continue(())
    });
}

/// Visits the blocks that both have until `visit` has seen enough.
fn both<B>(
    a: &Blocks,
    b: &Blocks,
    mut visit: impl FnMut(u16, &Arc<Block>, &Arc<Block>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let (mut rest_a, mut rest_b) = (a.iter(), b.iter());
    let (mut a, mut b) = (rest_a.next(), rest_b.next());
    while let (Some((left, in_a)), Some((right, in_b))) = (a, b) {
        if left == right {
            visit(*left, in_a, in_b)?;
        }
        if left <= right {
            a = rest_a.next();
        }
        if right <= left {
            b = rest_b.next();
        }
    }
    ControlFlow::Continue(())
}

fn merged<'a>(mut bitmap: RoaringBitmap, blocks: impl Iterator<Item = &'a Arc<Block>>) -> Arc<Block> {
    blocks.for_each(|block| bitmap |= block.bitmap());
    Arc::new(Block::new(bitmap))
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

/// The low halves of ordinals of one block.
fn bitmap_of(ords: &[u32]) -> RoaringBitmap {
    let mut bitmap = RoaringBitmap::new();
    bitmap.extend(ords.iter().map(|ord| u32::from(low(*ord))));
    bitmap
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
