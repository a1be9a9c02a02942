use std::sync::OnceLock;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::{part_bytes::PartBytes, set::join};

/// Members that are visited at a time.
const SLICE: usize = 256;

/// Words in which the members of a block are marked, the lowest first.
pub(crate) const WORDS: usize = 1024;

/// The members of a block as bits.
pub(crate) type Words = [u64; WORDS];

/// What stands before the words in the serialized form of a bitmap of one dense container: cookie, number of containers,
/// key and cardinality, offset. <https://github.com/RoaringBitmap/RoaringFormatSpec>
const BEFORE_WORDS: usize = 16;

/// Members of a block from which on roaring keeps it as words, not as a list.
const DENSE: u32 = 4097;

/// Room for the words of one block.
#[derive(Debug, Default)]
pub(crate) struct BitBuffer(Vec<u8>);

/// The ordinals of one set inside one block of 65,536: a roaring bitmap of their low 16 bits, read from a mapped file
/// at first use.
///
/// Sets share blocks through `Arc`; a write copies only the blocks it touches (8 KiB at most).
#[derive(Debug)]
pub(crate) struct Block {
    len: u32,
    mapped: Bytes,
    bitmap: OnceLock<RoaringBitmap>,
}

impl Block {
    /// A block that holds `bitmap`, whose members are below 65,536.
    pub(crate) fn new(bitmap: RoaringBitmap) -> Self {
        debug_assert!(bitmap.max().is_none_or(|max| max < 1 << 16), "a block holds low halves");
        // A block holds at most 65,536 members.
        let len = u32::try_from(bitmap.len()).unwrap_or(u32::MAX);
        Self { len, mapped: Bytes::new(), bitmap: OnceLock::from(bitmap) }
    }

    /// A block of `len` members whose serialized form is `mapped`. That form is trusted: the bytes of a file are checked
    /// against their checksum before an index is read from them, and [`Self::bitmap`] panics where they lie.
    pub(crate) fn mapped(len: u32, mapped: Bytes) -> Self {
        Self { len, mapped, bitmap: OnceLock::new() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn bitmap(&self) -> &RoaringBitmap {
        self.bitmap.get_or_init(|| {
            self.read().expect("a mapped block was checked against its checksum when the file was opened")
        })
    }

    /// What is mapped; nothing if that is not the serialized form of `len` low halves.
    fn read(&self) -> Option<RoaringBitmap> {
        let bitmap = RoaringBitmap::deserialize_from(&self.mapped[..]).ok()?;
        let is_it = bitmap.len() == u64::from(self.len) && bitmap.max().is_none_or(|max| max < 1 << 16);
        is_it.then_some(bitmap)
    }

    /// The same block, no view of a mapped file; nothing if that file is damaged.
    pub(crate) fn in_memory(&self) -> Option<Self> {
        let bitmap = if self.mapped.is_empty() { self.bitmap().clone() } else { self.read()? };
        Some(Self::new(bitmap))
    }

    /// Whether it holds all there can be.
    pub(crate) fn is_full(&self) -> bool {
        self.len == 1 << 16
    }

    /// How many members `other` has too.
    pub(crate) fn and_len(&self, other: &Self) -> u32 {
        if self.is_full() {
            return other.len();
        }
        // A block holds at most 65,536 members.
        u32::try_from(self.bitmap().intersection_len(other.bitmap())).unwrap_or(u32::MAX)
    }

    /// Whether there are so many members that they are better passed as words than visited.
    pub(crate) fn is_dense(&self) -> bool {
        self.len >= DENSE
    }

    /// Marks the members in `words`.
    pub(crate) fn add_to(&self, words: &mut Words, buffer: &mut BitBuffer) {
        if self.is_dense() {
            buffer.0.clear();
            self.serialize_into(&mut buffer.0);
            // Another length is that of a container of runs.
            if let Some(bits) = buffer.0.get(BEFORE_WORDS..).filter(|bits| bits.len() == size_of::<Words>()) {
                for (word, bits) in words.iter_mut().zip(bits.as_chunks().0) {
                    *word |= u64::from_le_bytes(*bits);
                }
                return;
            }
        }
        self.slices(|lows| lows.iter().for_each(|low| words[*low as usize / 64] |= 1 << (low % 64)));
    }

    /// Visits members in ascending order, many at a time.
    #[inline]
    pub(crate) fn slices(&self, mut visit: impl FnMut(&[u32])) {
        let mut members = self.bitmap().iter();
        let mut buffer = [0; SLICE];
        loop {
            let slice = members.next_many(&mut buffer);
            if slice.is_empty() {
                return;
            }
            visit(slice);
        }
    }

    /// [`Self::slices`] of the block with number `number`, as ordinals.
    #[inline]
    pub(crate) fn slices_of(&self, number: u16, mut visit: impl FnMut(&[u32])) {
        let mut ords = [0; SLICE];
        self.slices(|lows| {
            let ords = &mut ords[..lows.len()];
            for (ord, low) in ords.iter_mut().zip(lows) {
                *ord = join(number, *low);
            }
            visit(ords);
        });
    }

    /// Appends the serialized form; a mapped block is copied as it is, without reading it.
    pub(crate) fn serialize_into(&self, out: &mut Vec<u8>) {
        if self.mapped.is_empty() {
            self.bitmap().serialize_into(out).expect("writing to memory does not fail");
        } else {
            out.extend_from_slice(&self.mapped);
        }
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        let container = match self.bitmap.get() {
            None => 0,
            Some(_) if self.len <= 4096 => self.len as usize * 2 + 48,
            Some(_) => 8192 + 48,
        };
        PartBytes { heap: container + size_of::<Self>() + 16, mapped: self.mapped.len() }
    }
}
