//! Formulas evaluated a block of 65,536 tickets at a time, as bits: a set of many tickets that is only counted is never
//! made, and nothing is allocated for it however many there are.

use model::FieldId;
use ticketscope_model as model;

use crate::{
    block::{BitBuffer, WORDS, Words},
    column::{Column, LEAF, LEAF_WORDS},
    eval::SetExpr,
    field::Kind,
    index::Index,
    range::ValueRange,
    readers::add_counts,
    set::{Piece, TicketSet},
};

/// Leaves of a column in a block.
const LEAVES: usize = (1 << 16) / LEAF;

/// Tickets of a block from which on it is evaluated as bits: 8 KiB are passed for each part of the formula.
const DENSE_BLOCK: u32 = 1024;

/// Tickets for each of which a formula holds for one, at most, where its tickets are passed as bits: of fewer they are lists,
/// which are quickly made and counted.
const DENSE: u32 = 16;

/// Blocks from which on a count by value is split among threads.
const PARALLEL_BLOCKS: usize = 4;

/// A formula, with its sets looked up.
enum Node<'a> {
    All,
    /// In any of these sets.
    Any(Vec<TicketSet>),
    Range(&'a Column, ValueRange),
    Not(Box<Node<'a>>),
    And(Vec<Node<'a>>),
    Or(Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    fn new(index: &'a Index, expr: &SetExpr) -> Self {
        let each = |parts: &[SetExpr]| parts.iter().map(|part| Self::new(index, part)).collect();
        match expr {
            SetExpr::All => Self::All,
            SetExpr::None => Self::Any(Vec::new()),
            SetExpr::Set(set) => Self::Any(vec![set.clone()]),
            SetExpr::Terms(field, codes) => {
                let field = index.field(*field);
                Self::Any(field.map_or_else(Vec::new, |field| codes.iter().map(|code| field.tickets(*code)).collect()))
            }
            SetExpr::Has(field) => {
                Self::Any(index.field(*field).map(|field| field.has().clone()).into_iter().collect())
            }
            SetExpr::Range(field, range) => match index.field(*field).map(|field| &field.kind) {
                Some(Kind::Numbers(column)) => Self::Range(column, *range),
                _ => Self::Any(Vec::new()),
            },
            SetExpr::Not(inner) => Self::Not(Box::new(Self::new(index, inner))),
            SetExpr::And(parts) => Self::And(each(parts)),
            SetExpr::Or(parts) => Self::Or(each(parts)),
        }
    }

    /// Takes out of `words`, tickets of block `number`, those for which the formula does not hold.
    fn narrow(&self, number: u16, words: &mut Words, room: &mut Room) {
        match self {
            Self::All => {}
            Self::Any(sets) => room.with(|union, room| {
                for set in sets {
                    room.add(set, number, union);
                }
                words.iter_mut().zip(union).for_each(|(word, other)| *word &= *other);
            }),
            Self::Range(column, range) => narrow_to_range(column, *range, number, words),
            Self::Not(inner) => room.with(|gone, room| {
                gone.copy_from_slice(words);
                inner.narrow(number, gone, room);
                words.iter_mut().zip(gone).for_each(|(word, gone)| *word &= !*gone);
            }),
            Self::And(parts) => {
                for part in parts {
                    if words.iter().all(|word| *word == 0) {
                        return;
                    }
                    part.narrow(number, words, room);
                }
            }
            Self::Or(parts) => room.with(|all, room| {
                for part in parts {
                    room.with(|some, room| {
                        some.copy_from_slice(words);
                        part.narrow(number, some, room);
                        all.iter_mut().zip(some).for_each(|(all, some)| *all |= *some);
                    });
                }
                words.copy_from_slice(all);
            }),
        }
    }
}

fn narrow_to_range(column: &Column, range: ValueRange, number: u16, words: &mut Words) {
    let first = usize::from(number) * LEAVES;
    for (at, words) in words.as_chunks_mut::<LEAF_WORDS>().0.iter_mut().enumerate() {
        let Some(leaf) = column.leaf(first + at) else {
            words.fill(0);
            continue;
        };
        match leaf.all_or_none_in(range) {
            Some(true) => {}
            Some(false) => words.fill(0),
            None => leaf.narrow_to_range(range, words),
        }
    }
}

/// Words that parts of a formula work in, used again from block to block.
#[derive(Default)]
struct Room {
    free: Vec<Box<Words>>,
    buffer: BitBuffer,
}

impl Room {
    /// Lends words that are all zero.
    fn with(&mut self, work: impl FnOnce(&mut Words, &mut Self)) {
        let mut words = self.free.pop().unwrap_or_else(|| Box::new([0; WORDS]));
        words.fill(0);
        work(&mut words, self);
        self.free.push(words);
    }

    /// Adds the members of `set` in a block to `words`.
    fn add(&mut self, set: &TicketSet, number: u16, words: &mut Words) {
        match set.piece(number) {
            None => {}
            Some(Piece::Block(block)) => block.add_to(words, &mut self.buffer),
            Some(piece) => piece.for_each(|low| words[usize::from(low >> 6)] |= 1 << (low & 63)),
        }
    }
}

/// Whether `tickets` are worth passing as bits: otherwise sets are small, and quickly made.
pub(crate) fn is_dense(tickets: &TicketSet) -> bool {
    let blocks = tickets.reach().div_ceil(1 << 16);
    u64::from(tickets.len()) >= blocks * u64::from(DENSE_BLOCK)
}

impl Index {
    /// How many of `within`, tickets of the universe, a formula holds for. One pass over the words of their blocks for
    /// each part of the formula.
    pub(crate) fn count_blockwise(&self, expr: &SetExpr, within: &TicketSet) -> u32 {
        let (node, mut room, mut count) = (Node::new(self, expr), Room::default(), 0);
        within.pieces(|number, _| {
            room.with(|words, room| {
                room.add(within, number, words);
                node.narrow(number, words, room);
                count += words.iter().map(|word| word.count_ones()).sum::<u32>();
            });
        });
        count
    }

    /// How many of `within`, tickets of the universe, a formula holds for and have each value of `field`, by code. Nothing
    /// for a field that holds several values, and where sets are quickly made: then count [`Self::eval_within`].
    pub fn count_values(&self, field: FieldId, expr: &SetExpr, within: &TicketSet) -> Option<Vec<u32>> {
        let field = self.field(field)?;
        let Kind::One { column, .. } = &field.kind else { return None };
        let is_list = self.estimate(expr).expected < self.ordinals() / DENSE;
        if is_list || !is_dense(within) || field.codes() > within.len() / 4 {
            return None;
        }
        let mut numbers = Vec::new();
        within.pieces(|number, _| numbers.push(number));
        let node = Node::new(self, expr);
        let count = |numbers: &[u16], counts: &mut [u32]| {
            let mut room = Room::default();
            for number in numbers {
                room.with(|words, room| {
                    room.add(within, *number, words);
                    node.narrow(*number, words, room);
                    column.count_words(*number, words, counts);
                });
            }
        };
        let mut counts = vec![0; field.codes() as usize];
        if numbers.len() < PARALLEL_BLOCKS {
            count(&numbers, &mut counts);
        } else {
            add_counts(&numbers, &mut counts, count);
        }
        Some(counts)
    }
}
