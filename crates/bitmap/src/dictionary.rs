use std::collections::HashMap;

use foldhash::fast::RandomState;
use ticketscope_model::fold;

use crate::{
    codec::{Reader, SectionError, Writer},
    column::ord_of,
    folded::{FoldedOrder, is_folded},
    ords::U32s,
    part_bytes::PartBytes,
    runs::SortedRuns,
    strings::Strings,
};

/// The values of one field, numbered in order of first appearance: string to code and back.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    strings: Strings,
    sorted: SortedRuns,
    folded: FoldedOrder,
}

impl Dictionary {
    pub(crate) fn new() -> Self {
        Self { strings: Strings::new(), sorted: SortedRuns::new(), folded: FoldedOrder::new() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.strings.len()
    }

    #[inline]
    pub(crate) fn get(&self, code: u32) -> &str {
        self.strings.get(code)
    }

    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let mut found = None;
        self.sorted.find(|code| self.strings.bytes(code).cmp(text.as_bytes()), |code| found = Some(code));
        found
    }

    /// Visits the codes of the strings that fold to what `text` folds to. Logarithmic, and linear in these.
    pub(crate) fn find_folded(&self, text: &str, mut visit: impl FnMut(u32)) {
        let folded = fold(text);
        if let Some(code) = self.find(&folded).filter(|_| is_folded(&folded)) {
            visit(code);
        }
        self.folded.find(&folded, |code| self.strings.get(code), visit);
    }

    /// The codes of `texts`, in order; new ones are numbered in order of first appearance.
    pub(crate) fn intern<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Vec<u32> {
        let mut seen: HashMap<&str, u32, RandomState> = HashMap::default();
        let mut new: Vec<&str> = Vec::new();
        let first_new = self.len();
        let codes = texts
            .map(|text| {
                *seen.entry(text).or_insert_with(|| {
                    self.find(text).unwrap_or_else(|| {
                        new.push(text);
                        first_new + ord_of(new.len()) - 1
                    })
                })
            })
            .collect();
        self.append(new.into_iter());
        codes
    }

    /// Appends strings that are new.
    pub(crate) fn append<'a>(&mut self, new: impl Iterator<Item = &'a str>) {
        let first_new = self.len();
        self.strings.extend(new);
        let mut codes: Vec<u32> = (first_new..self.len()).collect();
        codes.sort_unstable_by(|a, b| self.strings.bytes(*a).cmp(self.strings.bytes(*b)));
        let strings = &self.strings;
        self.sorted.insert(&codes, |a, b| strings.bytes(a).cmp(strings.bytes(b)));
        self.folded.append(first_new, strings);
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        self.strings.part_bytes() + self.sorted.part_bytes() + self.folded.part_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        self.strings.write(out);
        out.align();
        out.u32s(self.sorted.merged(|a, b| self.strings.bytes(a).cmp(self.strings.bytes(b))).into_iter());
    }

    /// A code that has the value of another; nothing if there is none. Linear.
    pub(crate) fn doubled(&self) -> Option<u32> {
        let bytes = |code: u32| self.strings.bytes(code);
        let mut codes = self.sorted.ascending(|_| false, |a, b| bytes(a).cmp(bytes(b)));
        let mut before = codes.next()?;
        codes.find(|code| bytes(std::mem::replace(&mut before, *code)) == bytes(*code))
    }

    /// What [`Self::read`] takes besides what [`Self::write`] wrote.
    pub(crate) fn folded(&self) -> Vec<u32> {
        self.folded.numbers(&self.strings)
    }

    /// Reads the dictionary into memory: which code a value has does not change with a mapped file. Without `folded`, every
    /// string is folded again.
    pub(crate) fn read(input: &mut Reader, folded: Option<U32s>) -> Result<Self, SectionError> {
        let strings = Strings::read(input)?;
        input.align()?;
        let run = input.u32s()?.to_vec();
        if run.len() != strings.len() as usize || run.iter().any(|code| *code >= strings.len()) {
            return Err(input.damaged("a dictionary's order names codes it does not have"));
        }
        let folded = match folded {
            Some(numbers) => FoldedOrder::from_numbers(numbers.to_vec().into(), &strings)
                .ok_or_else(|| input.damaged("the folded order of its values names codes it does not have"))?,
            None => FoldedOrder::of(&strings),
        };
        Ok(Self { strings, sorted: SortedRuns::from_run(run.into()), folded })
    }
}
