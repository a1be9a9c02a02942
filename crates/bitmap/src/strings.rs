use std::sync::Arc;

use bytes::Bytes;

use crate::{
    codec::{Reader, SectionError, Writer},
    column::ord_of,
    ords::read_u32,
    part_bytes::PartBytes,
    spine::Spine,
};

/// Strings a leaf holds: what one appended string copies.
const LEAF: usize = 256;

/// An append-only list of strings, by number.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    leaves: Spine<Arc<StringLeaf>>,
    len: u32,
}

/// `ends` (32-bit, one per string), then the strings.
#[derive(Debug)]
struct StringLeaf {
    count: usize,
    data: Bytes,
}

impl StringLeaf {
    fn new<'a>(strings: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut data = Vec::new();
        let (mut end, mut count) = (0, 0);
        for text in strings.clone() {
            end += ord_of(text.len());
            data.extend_from_slice(&end.to_le_bytes());
            count += 1;
        }
        strings.for_each(|text| data.extend_from_slice(text.as_bytes()));
        Self { count, data: data.into() }
    }

    #[inline]
    fn bytes(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { read_u32(&self.data, (at - 1) * 4) as usize };
        &self.data[self.count * 4 + start..self.count * 4 + read_u32(&self.data, at * 4) as usize]
    }

    fn get(&self, at: usize) -> &str {
        std::str::from_utf8(self.bytes(at)).expect("strings are checked when they are read from a file")
    }

    fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.count).map(|at| self.get(at))
    }
}

impl Strings {
    pub(crate) fn new() -> Self {
        Self { leaves: Spine::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The string with number `at`, which must be below `len()`.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> &str {
        self.leaves.get(at as usize / LEAF).map_or("", |leaf| leaf.get(at as usize % LEAF))
    }

    /// The bytes of a string, which order as the string does: what a search compares.
    #[inline]
    pub(crate) fn bytes(&self, at: u32) -> &[u8] {
        self.leaves.get(at as usize / LEAF).map_or(&[], |leaf| leaf.bytes(at as usize % LEAF))
    }

    pub(crate) fn extend<'a>(&mut self, strings: impl IntoIterator<Item = &'a str>) {
        let mut strings = strings.into_iter().peekable();
        while strings.peek().is_some() {
            let open = self.len as usize % LEAF;
            let more: Vec<&str> = strings.by_ref().take(LEAF - open).collect();
            self.len += ord_of(more.len());
            if open == 0 {
                self.leaves.push(Arc::new(StringLeaf::new(more.into_iter())));
            } else if let Some(last) = self.leaves.get_mut(self.leaves.len() - 1) {
                *last = Arc::new(StringLeaf::new(last.iter().chain(more)));
            }
        }
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        let leaf = |leaf: &Arc<StringLeaf>| PartBytes::heap(leaf.data.len());
        let fixed = self.leaves.len() * (size_of::<StringLeaf>() + size_of::<Arc<StringLeaf>>() + 16);
        self.leaves.iter().map(leaf).sum::<PartBytes>() + PartBytes::heap(fixed)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.len as usize);
        self.leaves.iter().for_each(|leaf| out.u32(ord_of(leaf.data.len())));
        self.leaves.iter().for_each(|leaf| out.bytes(&leaf.data));
    }

    /// Reads the list into memory: what is found by its strings does not change with a mapped file.
    pub(crate) fn read(input: &mut Reader) -> Result<Self, SectionError> {
        let len = input.number()?;
        if u32::try_from(len).is_err() {
            return Err(input.damaged("there are more strings than 32 bits count"));
        }
        let mut sizes = Vec::with_capacity(len.div_ceil(LEAF));
        for _ in 0..len.div_ceil(LEAF) {
            sizes.push(input.u32()? as usize);
        }
        let mut leaves = Vec::with_capacity(sizes.len());
        for (number, size) in sizes.into_iter().enumerate() {
            let count = LEAF.min(len - number * LEAF);
            let data = Bytes::copy_from_slice(&input.bytes(size)?);
            check_strings(&data, count).map_err(|what| input.damaged(what))?;
            leaves.push(Arc::new(StringLeaf { count, data }));
        }
        Ok(Self { leaves: Spine::from_slice(&leaves), len: ord_of(len) })
    }
}

fn check_strings(data: &[u8], count: usize) -> Result<(), &'static str> {
    let text = data.get(count * 4..).ok_or("a list of strings is shorter than its table")?;
    let mut start = 0;
    for at in 0..count {
        let end = read_u32(data, at * 4) as usize;
        let bytes = text.get(start..end).ok_or("a string lies outside its list")?;
        std::str::from_utf8(bytes).or(Err("a string is not UTF-8"))?;
        start = end;
    }
    if start == text.len() { Ok(()) } else { Err("a list of strings goes on after its end") }
}
