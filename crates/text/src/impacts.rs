//! How often a leaf stands in the text of each ticket of a segment, decoded: what scores are made of, at a few nanoseconds
//! a hit.

use crate::layers::Impact;

/// A leaf that stands in at least one of so many tickets marks them in words of 64; a rarer one lists them. At this share
/// both take four bytes a ticket.
const MARKED: usize = 16;

/// Counts from here on are kept apart.
const MANY: u8 = u8::MAX;

/// The tickets in whose text a leaf stands, ascending, with how often and in how long a text.
#[derive(Debug)]
pub(crate) struct Impacts {
    tickets: Tickets,
    /// Count, at most [`MANY`], and quantised length.
    packed: Vec<[u8; 2]>,
    /// The true counts of those that have [`MANY`], by ordinal.
    many: Vec<(u32, u32)>,
}

#[derive(Debug)]
enum Tickets {
    Listed(Vec<u32>),
    /// From an ordinal on, a multiple of 64.
    Marked(u32, Vec<Word>),
}

/// 64 tickets.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    bits: u64,
    /// Marks in the words before.
    before: u32,
}

impl Impacts {
    /// Of tickets with count, at least 1, and length, which come in ascending order. Linear in them and in the span of their
    /// ordinals, if they are many for it.
    pub(crate) fn build(found: &[(u32, Impact)]) -> Self {
        let (mut packed, mut many) = (Vec::with_capacity(found.len()), Vec::new());
        for (ord, Impact { count, length }) in found {
            let small = u8::try_from(*count).unwrap_or(MANY);
            if small == MANY {
                many.push((*ord, *count));
            }
            packed.push([small, *length]);
        }
        let first = found.first().map_or(0, |(ord, _)| ord / 64 * 64);
        let span = found.last().map_or(0, |(ord, _)| (ord - first) as usize + 1);
        let tickets = if found.len() * MARKED >= span {
            Tickets::Marked(first, mark(found, first, span))
        } else {
            Tickets::Listed(found.iter().map(|(ord, _)| *ord).collect())
        };
        Self { tickets, packed, many }
    }

    /// The impact in `ord`, which is not before the one that `place` was used for last; it begins at 0.
    #[inline]
    pub(crate) fn of(&self, ord: u32, place: &mut usize) -> Option<Impact> {
        let at = match &self.tickets {
            Tickets::Marked(first, words) => {
                let word = words.get(ord.checked_sub(*first)? as usize / 64)?;
                let bit = 1 << (ord % 64);
                if word.bits & bit == 0 {
                    return None;
                }
                word.before as usize + (word.bits & (bit - 1)).count_ones() as usize
            }
            Tickets::Listed(ords) => {
                *place = gallop(ords, *place, ord);
                if ords.get(*place) != Some(&ord) {
                    return None;
                }
                *place
            }
        };
        self.packed.get(at).map(|packed| self.unpack(ord, *packed))
    }

    #[inline]
    fn unpack(&self, ord: u32, [count, length]: [u8; 2]) -> Impact {
        let count = if count == MANY { self.true_count(ord) } else { count.into() };
        Impact { count, length }
    }

    #[cold]
    fn true_count(&self, ord: u32) -> u32 {
        let at = self.many.binary_search_by_key(&ord, |(ord, _)| *ord);
        at.ok().and_then(|at| self.many.get(at)).map_or(u32::from(MANY), |(_, count)| *count)
    }

    /// How many tickets.
    pub(crate) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Calls `visit` with each ticket and the impact in it, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u32, Impact)) {
        let mut packed = self.packed.iter();
        let mut next = |ord| packed.next().into_iter().for_each(|packed| visit(ord, self.unpack(ord, *packed)));
        match &self.tickets {
            Tickets::Listed(ords) => ords.iter().for_each(|ord| next(*ord)),
            Tickets::Marked(first, words) => {
                for (word, first) in words.iter().zip((*first..).step_by(64)) {
                    let mut rest = word.bits;
                    while rest != 0 {
                        next(first + rest.trailing_zeros());
                        rest &= rest - 1;
                    }
                }
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let tickets = match &self.tickets {
            Tickets::Listed(ords) => size_of_val(ords.as_slice()),
            Tickets::Marked(_, words) => size_of_val(words.as_slice()),
        };
        tickets + self.packed.len() * 2 + self.many.len() * 8
    }
}

fn mark(found: &[(u32, Impact)], first: u32, span: usize) -> Vec<Word> {
    let mut words = vec![Word::default(); span.div_ceil(64)];
    for (ord, _) in found {
        if let Some(word) = words.get_mut((ord - first) as usize / 64) {
            word.bits |= 1 << (ord % 64);
        }
    }
    let mut before = 0;
    for word in &mut words {
        word.before = before;
        before += word.bits.count_ones();
    }
    words
}

/// The first place at or after `from` that is not below `number`.
pub(crate) fn gallop(ascending: &[u32], from: usize, number: u32) -> usize {
    let (mut low, mut step) = (from, 1);
    if ascending.get(low).is_none_or(|first| *first >= number) {
        return low;
    }
    // `low` is below the number all the way.
    while ascending.get(low + step).is_some_and(|other| *other < number) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(ascending.len());
    low + 1 + ascending.get(low + 1..high).map_or(0, |rest| rest.partition_point(|other| *other < number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    #[test]
    fn impacts_are_those_that_went_in() {
        for seed in 0..300 {
            let rng = &mut Rng::with_seed(seed);
            let (first, size) = ([0, 63, 64, 1_000_000][rng.usize(..4)], rng.u32(1..3000));
            let share = [1, 2, 15, 16, 17, 100, 1000][rng.usize(..7)];
            let length = |ord: u32| ord.to_le_bytes()[0];
            let mut found = BTreeMap::new();
            for ord in first..first + size {
                if share == 1 || rng.u32(..share) == 0 {
                    let count = [1, 2, 254, 255, 256, 70_000][rng.usize(..6)];
                    found.insert(ord, Impact { count, length: length(ord) });
                }
            }
            let list: Vec<(u32, Impact)> = found.iter().map(|(ord, impact)| (*ord, *impact)).collect();
            let impacts = Impacts::build(&list);
            assert_eq!(impacts.len(), list.len(), "seed {seed}");
            let mut place = 0;
            for ord in first.saturating_sub(200)..first + size + 200 {
                assert_eq!(impacts.of(ord, &mut place), found.get(&ord).copied(), "seed {seed}: ticket {ord}");
            }
            let (mut place, mut ord) = (0, first);
            while ord < first + size {
                assert_eq!(impacts.of(ord, &mut place), found.get(&ord).copied(), "seed {seed}: leaping to {ord}");
                ord += rng.u32(..300);
            }
            let mut all = Vec::new();
            impacts.for_each(|ord, impact| all.push((ord, impact)));
            assert_eq!(all, list, "seed {seed}");
        }
    }

    #[test]
    fn galloping_finds_the_first_that_is_not_below() {
        for seed in 0..200 {
            let rng = &mut Rng::with_seed(seed);
            let mut numbers: Vec<u32> = (0..rng.usize(..200)).map(|_| rng.u32(..1000)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let mut from = 0;
            let mut number = 0;
            while number < 1010 {
                let place = gallop(&numbers, from, number);
                assert_eq!(place, numbers.partition_point(|other| *other < number).max(from), "seed {seed}: {number}");
                from = place;
                number += rng.u32(..40);
            }
        }
    }
}
