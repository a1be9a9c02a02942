use std::{borrow::Cow, cmp::Ordering};

use ticketscope_model::fold;

use crate::{
    ords::U32s,
    part_bytes::PartBytes,
    runs::{Listed, SortedRuns},
    strings::Strings,
};

/// The strings that folding changes, in the order of a hash of what they fold to, then of that, then of their numbers.
///
/// A string that is its own fold is not listed: whoever has an order of the strings finds it there. What a question costs is
/// logarithmic in the strings that are listed, whoever chose them, for equal hashes are told apart by text.
#[derive(Debug, Clone)]
pub(crate) struct FoldedOrder {
    sorted: SortedRuns<Hashed>,
}

/// A listed string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hashed {
    hash: u32,
    number: u32,
}

impl Listed for Hashed {
    const WIDTH: usize = 2;

    #[inline]
    fn at(run: &U32s, at: usize) -> Self {
        Self { hash: run.at(at * 2), number: run.at(at * 2 + 1) }
    }

    #[inline]
    fn put(self, out: &mut Vec<u32>) {
        out.extend([self.hash, self.number]);
    }
}

impl FoldedOrder {
    pub(crate) fn new() -> Self {
        Self { sorted: SortedRuns::new() }
    }

    /// The order of all of `strings`. Folds each.
    pub(crate) fn of(strings: &Strings) -> Self {
        let mut order = Self::new();
        order.append(0, strings);
        order
    }

    /// The order that [`Self::numbers`] lists. Nothing if that cannot be an order of `strings`.
    pub(crate) fn from_numbers(numbers: U32s, strings: &Strings) -> Option<Self> {
        let is_inside = |at| Hashed::at(&numbers, at).number < strings.len();
        let count = numbers.len() / Hashed::WIDTH;
        let is_whole = numbers.len() == count * Hashed::WIDTH && count <= strings.len() as usize;
        (is_whole && (0..count).all(is_inside)).then(|| Self { sorted: SortedRuns::from_run(numbers) })
    }

    /// Takes in the strings from number `first` on.
    pub(crate) fn append(&mut self, first: u32, strings: &Strings) {
        let mut new: Vec<Hashed> = (first..strings.len())
            .filter_map(|number| Some(Hashed { hash: hash_of(&changed(strings.get(number))?), number }))
            .collect();
        let compare = |a, b| compare(strings, a, b);
        new.sort_unstable_by(|a, b| compare(*a, *b));
        self.sorted.insert(&new, compare);
    }

    /// Visits the numbers of the listed strings that fold to `folded`. `text_of` gives a string by its number.
    pub(crate) fn find<'a>(&self, folded: &str, text_of: impl Fn(u32) -> &'a str, mut visit: impl FnMut(u32)) {
        let hash = hash_of(folded);
        let compare = |listed: Hashed| {
            listed.hash.cmp(&hash).then_with(|| folded_of(text_of(listed.number)).as_ref().cmp(folded))
        };
        self.sorted.find(compare, |listed| visit(listed.number));
    }

    /// Hash and number of each listed string, in order.
    pub(crate) fn numbers(&self, strings: &Strings) -> Vec<u32> {
        self.sorted.merged(|a, b| compare(strings, a, b))
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        self.sorted.part_bytes()
    }
}

/// Whether `text` is its own fold.
pub(crate) fn is_folded(text: &str) -> bool {
    changed(text).is_none()
}

/// What `text` folds to, if that is another text.
fn changed(text: &str) -> Option<String> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some(fold(text)).filter(|folded| folded != text)
}

fn folded_of(text: &str) -> Cow<'_, str> {
    changed(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn compare(strings: &Strings, a: Hashed, b: Hashed) -> Ordering {
    let by_text = || folded_of(strings.get(a.number)).cmp(&folded_of(strings.get(b.number)));
    a.hash.cmp(&b.hash).then_with(by_text).then(a.number.cmp(&b.number))
}

/// FNV-1a, its 64 bits folded to 32. Part of the format of the sections.
#[expect(clippy::cast_possible_truncation, reason = "the other half is in it")]
pub(crate) fn hash_of(text: &str) -> u32 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ hash >> 32) as u32
}
