use std::{fmt, iter::FusedIterator};

use crate::{
    blocks,
    ords::U32s,
    set::{Repr, TicketSet, join},
};

/// The members of a [`TicketSet`] in ascending order; see [`TicketSet::iter`].
#[derive(Clone)]
pub struct Members<'a>(Source<'a>);

#[derive(Clone)]
enum Source<'a> {
    List(&'a U32s, usize),
    Blocks { number: u16, here: Option<roaring::bitmap::Iter<'a>>, later: blocks::Iter<'a> },
}

impl<'a> Members<'a> {
    pub(crate) fn of(set: &'a TicketSet) -> Self {
        Self(match &set.0 {
            Repr::List(list) => Source::List(list, 0),
            Repr::Blocks(blocks) => Source::Blocks { number: 0, here: None, later: blocks.iter() },
        })
    }
}

impl Iterator for Members<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match &mut self.0 {
            Source::List(list, at) => {
                let ord = (*at < list.len()).then(|| list.at(*at))?;
                *at += 1;
                Some(ord)
            }
            Source::Blocks { number, here, later } => loop {
                if let Some(low) = here.as_mut().and_then(Iterator::next) {
                    return Some(join(*number, low));
                }
                let (next, block) = later.next()?;
                (*number, *here) = (*next, Some(block.bitmap().iter()));
            },
        }
    }
}

impl FusedIterator for Members<'_> {}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().take(32)).finish()
    }
}
