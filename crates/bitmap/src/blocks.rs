use std::{iter::FusedIterator, sync::Arc};

use crate::block::Block;

/// Blocks that a group covers.
const GROUP: u16 = 32;

/// A block and its number.
pub(crate) type Numbered = (u16, Arc<Block>);

/// The blocks of a set in ascending order of their numbers, none empty: a two-level list, so that a write to a set of
/// many blocks copies a reference per group and one group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks {
    len: u32,
    /// Never empty; the numbers of each begin with the same bits.
    groups: Vec<Arc<[Numbered]>>,
}

impl Blocks {
    /// From blocks in ascending order.
    pub(crate) fn from_sorted(list: &[Numbered]) -> Self {
        let len = list.iter().map(|(_, block)| block.len()).sum();
        Self { len, groups: list.chunk_by(|a, b| group_of(a.0) == group_of(b.0)).map(Arc::from).collect() }
    }

    /// How many members all blocks have.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// How many blocks.
    pub(crate) fn count(&self) -> usize {
        self.groups.iter().map(|group| group.len()).sum()
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter { here: [].iter(), later: self.groups.iter() }
    }

    /// The number of the last block.
    pub(crate) fn last_number(&self) -> Option<u16> {
        self.groups.last()?.last().map(|(number, _)| *number)
    }

    pub(crate) fn find(&self, number: u16) -> Option<&Arc<Block>> {
        let group = &self.groups[self.place(number).ok()?];
        find_in(group, number).ok().map(|at| &group[at].1)
    }

    /// Puts a block in the place of the one with its number, or of none; `None` takes that one out.
    pub(crate) fn put(&mut self, number: u16, block: Option<Arc<Block>>) {
        let place = self.place(number);
        let mut group: Vec<Numbered> = place.map_or_else(|_| Vec::new(), |at| self.groups[at].to_vec());
        let (old, new) = match (find_in(&group, number), block) {
            (Ok(at), Some(block)) => (group[at].1.len(), {
                group[at].1 = block;
                group[at].1.len()
            }),
            (Ok(at), None) => (group.remove(at).1.len(), 0),
            (Err(at), Some(block)) => {
                let new = block.len();
                group.insert(at, (number, block));
                (0, new)
            }
            (Err(_), None) => return,
        };
        self.len = self.len - old + new;
        match place {
            Ok(at) if group.is_empty() => {
                self.groups.remove(at);
            }
            Ok(at) => self.groups[at] = group.into(),
            Err(at) => self.groups.insert(at, group.into()),
        }
    }

    /// Where the group of a block is or would be.
    fn place(&self, number: u16) -> Result<usize, usize> {
        let group = group_of(number);
        let key =
            |place: usize| self.groups.get(place).and_then(|group| group.first()).map(|(first, _)| group_of(*first));
        // Most sets have a block for every number, so that a group's number is its place.
        if key(usize::from(group)) == Some(group) {
            return Ok(usize::from(group));
        }
        self.groups.binary_search_by_key(&Some(group), |here| here.first().map(|(first, _)| group_of(*first)))
    }
}

fn group_of(number: u16) -> u16 {
    number / GROUP
}

fn find_in(group: &[Numbered], number: u16) -> Result<usize, usize> {
    let likely = usize::from(number % GROUP);
    match group.get(likely) {
        Some((found, _)) if *found == number => Ok(likely),
        _ => group.binary_search_by_key(&number, |(number, _)| *number),
    }
}

/// The blocks of a set, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Iter<'a> {
    here: std::slice::Iter<'a, Numbered>,
    later: std::slice::Iter<'a, Arc<[Numbered]>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Numbered;

    #[inline]
    fn next(&mut self) -> Option<&'a Numbered> {
        loop {
            if let Some(next) = self.here.next() {
                return Some(next);
            }
            self.here = self.later.next()?.iter();
        }
    }
}

impl FusedIterator for Iter<'_> {}
