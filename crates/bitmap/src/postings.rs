use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rayon::prelude::*;

use crate::{
    block::Block,
    blocks::Blocks,
    codec::{Reader, SectionError, Writer},
    column::ord_of,
    ords::{U32s, read_u32},
    part_bytes::PartBytes,
    set::{Repr, TicketSet},
    spine::Spine,
};

/// Posting lists a chunk holds.
const CHUNK: usize = 64;

/// Changes from which chunks are changed by several threads.
const PARALLEL: usize = 1 << 14;

/// The tickets of each value of a field, by the value's code.
#[derive(Debug, Clone)]
pub(crate) struct Postings {
    chunks: Spine<Arc<Chunk>>,
    len: u32,
}

/// 64 posting lists; those of a mapped file are taken apart at first use.
#[derive(Debug)]
struct Chunk {
    mapped: Option<MappedChunk>,
    lists: OnceLock<Vec<Posting>>,
}

/// Most values of most fields (requesters) are on one to three tickets: these take no allocation.
#[derive(Debug, Clone)]
enum Posting {
    Few(u8, [u32; 3]),
    Set(Arc<TicketSet>),
}

/// The section of a field's posting lists, and where the heads of this chunk's lists begin in it.
#[derive(Debug, Clone)]
struct MappedChunk {
    section: Bytes,
    heads: usize,
    count: usize,
}

/// A head is four words: kind and three operands.
const HEAD: usize = 16;
/// Head kind: a sorted list at byte operand 1, operand 0 members. Kinds 0 to 3 are that many members inline.
const LIST: u32 = 4;
/// Head kind: a table of blocks at byte operand 1, operand 0 members, operand 2 blocks.
const BLOCKS: u32 = 5;
/// A table row: number, members, byte offset, bytes.
const ROW: usize = 16;

impl Posting {
    fn to_set(&self) -> TicketSet {
        match self {
            Self::Few(count, ords) => TicketSet::from_sorted(&ords[..usize::from(*count)]),
            Self::Set(set) => (**set).clone(),
        }
    }

    fn from_set(set: TicketSet) -> Self {
        match (set.len(), &set.0) {
            (count @ 0..=3, Repr::List(list)) => {
                let mut few = [0; 3];
                list.iter().zip(&mut few).for_each(|(ord, slot)| *slot = ord);
                Self::Few(count.to_le_bytes()[0], few)
            }
            _ => Self::Set(Arc::new(set)),
        }
    }

    fn len(&self) -> u32 {
        match self {
            Self::Few(count, _) => u32::from(*count),
            Self::Set(set) => set.len(),
        }
    }
}

const NOTHING: Posting = Posting::Few(0, [0; 3]);

impl Chunk {
    fn lists(&self) -> &[Posting] {
        self.lists.get_or_init(|| self.mapped.as_ref().map_or_else(Vec::new, MappedChunk::lists))
    }
}

impl Chunk {
    /// The chunk after changes of its lists.
    fn changed(&self, changes: &[(u32, u32, bool)]) -> Self {
        let mut lists = self.lists().to_vec();
        for same_code in changes.chunk_by(|a, b| a.0 == b.0) {
            let place = same_code[0].0 as usize % CHUNK;
            if lists.len() <= place {
                lists.resize(place + 1, NOTHING);
            }
            let of = |added: bool| -> Vec<u32> {
                same_code.iter().filter(|change| change.2 == added).map(|change| change.1).collect()
            };
            lists[place] = Posting::from_set(lists[place].to_set().updated(&of(true), &of(false)));
        }
        Self { mapped: None, lists: OnceLock::from(lists) }
    }
}

impl MappedChunk {
    fn lists(&self) -> Vec<Posting> {
        (0..self.count).map(|at| self.list(self.heads + at * HEAD)).collect()
    }

    /// Reads a list whose head was checked by [`Self::check`].
    fn list(&self, head: usize) -> Posting {
        let word = |at: usize| read_u32(&self.section, head + at * 4);
        match word(0) {
            LIST => {
                let (len, from) = (word(1) as usize, word(2) as usize * 8);
                Posting::Set(Arc::new(TicketSet(Repr::List(U32s::Mapped(self.section.slice(from..from + len * 4))))))
            }
            BLOCKS => {
                let (table, count) = (word(2) as usize * 8, word(3) as usize);
                let list: Vec<_> = (0..count)
                    .map(|at| {
                        let row = |word: usize| read_u32(&self.section, table + at * ROW + word * 4);
                        let from = row(2) as usize * 8;
                        let bytes = self.section.slice(from..from + row(3) as usize);
                        (crate::set::low(row(0)), Arc::new(Block::mapped(row(1), bytes)))
                    })
                    .collect();
                Posting::Set(Arc::new(TicketSet(Repr::Blocks(Arc::new(Blocks::from_sorted(&list))))))
            }
            few => Posting::Few(few.to_le_bytes()[0], [word(1), word(2), word(3)]),
        }
    }

    /// Whether every head and table of the chunk lies inside the section and is sound. What lists and blocks hold is not
    /// looked at, lest opening a file read all of it: that is the checksum's part.
    fn check(&self) -> Result<(), &'static str> {
        let outside = "a posting list lies outside its section";
        let inside = |from: usize, len: usize| from.checked_add(len).is_some_and(|end| end <= self.section.len());
        for at in 0..self.count {
            let head = self.heads + at * HEAD;
            let word = |at: usize| read_u32(&self.section, head + at * 4);
            let (len, from, blocks) = (word(1), word(2) as usize * 8, word(3) as usize);
            match word(0) {
                few @ 0..=3 => {
                    let ords = [word(1), word(2), word(3)];
                    if !ords[..few as usize].is_sorted_by(|a, b| a < b) {
                        return Err("a short posting list is out of order");
                    }
                }
                LIST if inside(from, len as usize * 4) => {}
                BLOCKS if inside(from, blocks * ROW) => {
                    let (mut total, mut next) = (0u64, 0);
                    for row in 0..blocks {
                        let row = |word: usize| read_u32(&self.section, from + row * ROW + word * 4);
                        total += u64::from(row(1));
                        if !inside(row(2) as usize * 8, row(3) as usize) {
                            return Err(outside);
                        }
                        if !(next..=0xffff).contains(&row(0)) || !(1..=0x1_0000).contains(&row(1)) || row(3) == 0 {
                            return Err("a table of blocks is out of order");
                        }
                        next = row(0) + 1;
                    }
                    if total != u64::from(len) {
                        return Err("a posting list does not hold as many tickets as its blocks");
                    }
                }
                LIST | BLOCKS => return Err(outside),
                _ => return Err("a posting list is of an unknown kind"),
            }
        }
        Ok(())
    }
}

impl Postings {
    pub(crate) fn new() -> Self {
        Self { chunks: Spine::new(), len: 0 }
    }

    /// One list alone, with code 0: how a single set is written.
    pub(crate) fn only(set: &TicketSet) -> Self {
        let mut chunks = Spine::new();
        let lists = OnceLock::from(vec![Posting::from_set(set.clone())]);
        chunks.push(Arc::new(Chunk { mapped: None, lists }));
        Self { chunks, len: 1 }
    }

    /// Reads what [`Self::only`] wrote into memory: which tickets there are, and which have a field, does not change with
    /// a mapped file.
    pub(crate) fn read_only(section: u32, bytes: &Bytes) -> Result<TicketSet, SectionError> {
        let set = Self::read(section, bytes)?.get(0).in_memory();
        set.ok_or(SectionError { section, offset: 0, what: "a set of tickets is of another form than its table says" })
    }

    /// How many codes have a list, up to the last with tickets.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    fn posting(&self, code: u32) -> &Posting {
        let chunk = self.chunks.get(code as usize / CHUNK).map_or(&[][..], |chunk| chunk.lists());
        chunk.get(code as usize % CHUNK).unwrap_or(&NOTHING)
    }

    /// The tickets of the value with code `code`; empty for a code without tickets.
    pub(crate) fn get(&self, code: u32) -> TicketSet {
        self.posting(code).to_set()
    }

    /// How many tickets have the value.
    pub(crate) fn len_of(&self, code: u32) -> u32 {
        self.posting(code).len()
    }

    /// Applies sorted changes `(code, ordinal, whether it is added)`.
    pub(crate) fn apply(&mut self, changes: &[(u32, u32, bool)]) {
        let Some((last, ..)) = changes.last() else { return };
        while self.chunks.len() <= *last as usize / CHUNK {
            self.chunks.push(Arc::new(Chunk { mapped: None, lists: OnceLock::from(Vec::new()) }));
        }
        let by_chunk: Vec<_> = changes.chunk_by(|a, b| a.0 as usize / CHUNK == b.0 as usize / CHUNK).collect();
        let rewritten = |changes: &&[(u32, u32, bool)]| {
            let number = changes.first().map_or(0, |(code, ..)| *code as usize / CHUNK);
            (number, self.chunks.get(number).map(|chunk| chunk.changed(changes)))
        };
        let chunks: Vec<_> = if changes.len() < PARALLEL {
            by_chunk.iter().map(rewritten).collect()
        } else {
            by_chunk.par_iter().map(rewritten).collect()
        };
        for (number, chunk) in chunks {
            if let (Some(slot), Some(chunk)) = (self.chunks.get_mut(number), chunk) {
                *slot = Arc::new(chunk);
            }
        }
        self.len = self.len.max(last + 1);
    }

    /// The section counts as mapped as a whole as long as any chunk is a view of it.
    pub(crate) fn part_bytes(&self) -> PartBytes {
        let set = |list: &Posting| match list {
            Posting::Few(..) => 0,
            Posting::Set(set) => set.heap_bytes() + 40,
        };
        let lists = |lists: &Vec<Posting>| lists.len() * size_of::<Posting>() + lists.iter().map(set).sum::<usize>();
        let chunk = |chunk: &Arc<Chunk>| size_of::<Chunk>() + 16 + chunk.lists.get().map_or(0, lists);
        let mapped = self.chunks.iter().find_map(|chunk| chunk.mapped.as_ref());
        PartBytes { heap: self.chunks.iter().map(chunk).sum(), mapped: mapped.map_or(0, |chunk| chunk.section.len()) }
    }

    /// A section of its own: count, heads, then lists and tables at multiples of eight bytes.
    pub(crate) fn write(&self) -> Result<Vec<u8>, SectionTooLarge> {
        let mut out = Writer::default();
        out.number(self.len as usize);
        let heads = out.out.len();
        out.out.resize(heads + self.len as usize * HEAD, 0);
        for code in 0..self.len {
            let words = match self.posting(code) {
                Posting::Few(count, [a, b, c]) => [u32::from(*count), *a, *b, *c],
                Posting::Set(set) => match &set.0 {
                    Repr::List(list) => {
                        let from = place(&mut out)?;
                        list.iter().for_each(|ord| out.u32(ord));
                        [LIST, set.len(), from, 0]
                    }
                    Repr::Blocks(blocks) => {
                        let mut rows = Vec::with_capacity(blocks.count());
                        for (number, block) in blocks.iter() {
                            let from = place(&mut out)?;
                            let before = out.out.len();
                            block.serialize_into(&mut out.out);
                            rows.push([u32::from(*number), block.len(), from, ord_of(out.out.len() - before)]);
                        }
                        let table = place(&mut out)?;
                        rows.iter().flatten().for_each(|word| out.u32(*word));
                        [BLOCKS, set.len(), table, ord_of(rows.len())]
                    }
                },
            };
            for (at, word) in words.into_iter().enumerate() {
                let to = heads + code as usize * HEAD + at * 4;
                out.out[to..to + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
        Ok(out.out)
    }

    pub(crate) fn read(section: u32, bytes: &Bytes) -> Result<Self, SectionError> {
        let mut input = Reader::new(section, bytes.clone());
        let len = input.number()?;
        input.bytes(len.saturating_mul(HEAD))?;
        let mut chunks = Vec::with_capacity(len.div_ceil(CHUNK));
        for first in (0..len).step_by(CHUNK) {
            let chunk = MappedChunk { section: bytes.clone(), heads: 8 + first * HEAD, count: CHUNK.min(len - first) };
            chunk.check().map_err(|what| input.damaged(what))?;
            chunks.push(Arc::new(Chunk { mapped: Some(chunk), lists: OnceLock::new() }));
        }
        Ok(Self { chunks: Spine::from_slice(&chunks), len: ord_of(len) })
    }
}

/// Aligns the output and gives its place in units of eight bytes, which reach to 32 GiB.
fn place(out: &mut Writer) -> Result<u32, SectionTooLarge> {
    out.align();
    u32::try_from(out.out.len() / 8).or(Err(SectionTooLarge))
}

/// The posting lists of one field take more than 32 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the posting lists of one field take more than 32 GiB and cannot be written as one section")]
pub struct SectionTooLarge;
