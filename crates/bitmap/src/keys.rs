use std::{cmp::Ordering, sync::Arc};

use ticketscope_model::{TicketKey, TicketOrd};

use crate::{
    codec::{Reader, SectionError, Writer},
    column::{Column, ord_of},
    part_bytes::PartBytes,
    runs::SortedRuns,
    strings::Strings,
};

/// The keys of all tickets that ever were, by ordinal, and the way back.
///
/// Integer keys live in a column; other keys in a list of strings, and the column holds their place in it, in a
/// second column.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    len: u32,
    ints: Column,
    text_places: Column,
    texts: Strings,
    sorted: SortedRuns,
}

enum KeyRef<'a> {
    Int(i64),
    Text(&'a str),
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            len: 0,
            ints: Column::new(),
            text_places: Column::new(),
            texts: Strings::new(),
            sorted: SortedRuns::new(),
        }
    }

    /// How many ordinals have been given out.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    fn at(&self, ord: u32) -> KeyRef<'_> {
        match self.ints.get(ord) {
            Some(number) => KeyRef::Int(number),
            None => KeyRef::Text(
                self.text_places
                    .get(ord)
                    .and_then(|place| u32::try_from(place).ok())
                    .map_or("", |place| self.texts.get(place)),
            ),
        }
    }

    /// The key of a ticket whose ordinal was given out.
    pub(crate) fn get(&self, ord: u32) -> TicketKey {
        match self.at(ord) {
            KeyRef::Int(number) => TicketKey::Int(number),
            KeyRef::Text(text) => TicketKey::Text(Arc::from(text)),
        }
    }

    /// Orders two tickets by key.
    #[inline]
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        match (self.at(a), self.at(b)) {
            (KeyRef::Int(a), KeyRef::Int(b)) => a.cmp(&b),
            (KeyRef::Int(_), KeyRef::Text(_)) => Ordering::Less,
            (KeyRef::Text(_), KeyRef::Int(_)) => Ordering::Greater,
            (KeyRef::Text(a), KeyRef::Text(b)) => a.cmp(b),
        }
    }

    /// Orders a ticket by key against `key`.
    pub(crate) fn compare_to(&self, ord: u32, key: &TicketKey) -> Ordering {
        match (self.at(ord), key) {
            (KeyRef::Int(a), TicketKey::Int(b)) => a.cmp(b),
            (KeyRef::Int(_), TicketKey::Text(_)) => Ordering::Less,
            (KeyRef::Text(_), TicketKey::Int(_)) => Ordering::Greater,
            (KeyRef::Text(a), TicketKey::Text(b)) => a.cmp(b),
        }
    }

    /// The youngest ordinal that was given to `key`: the only one that can be alive.
    pub(crate) fn find(&self, key: &TicketKey) -> Option<TicketOrd> {
        let mut found = None;
        self.sorted.find(|ord| self.compare_to(ord, key), |ord| found = found.max(Some(TicketOrd(ord))));
        found
    }

    /// All ordinals in the order of their keys, or those whose keys come after `after`.
    pub(crate) fn ascending<'a>(&'a self, after: Option<&'a TicketKey>) -> impl Iterator<Item = u32> + 'a {
        let is_before = move |ord: u32| after.is_some_and(|after| self.compare_to(ord, after).is_le());
        self.sorted.ascending(is_before, |a, b| self.compare(a, b))
    }

    /// An ordinal that has the key of another, both of them `alive`; nothing if there is none. Linear.
    pub(crate) fn doubled(&self, alive: impl Fn(u32) -> bool) -> Option<u32> {
        let mut ords = self.ascending(None).filter(|ord| alive(*ord));
        let mut before = ords.next()?;
        ords.find(|ord| self.compare(std::mem::replace(&mut before, *ord), *ord).is_eq())
    }

    /// Gives the next ordinals to `keys`, in order.
    pub(crate) fn append(&mut self, keys: &[TicketKey]) {
        let first = self.len;
        let (mut ints, mut places, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for (key, ord) in keys.iter().zip(first..) {
            match key {
                TicketKey::Int(number) => ints.push((ord, Some(*number))),
                TicketKey::Text(text) => {
                    places.push((ord, Some(i64::from(self.texts.len()) + i64::from(ord_of(texts.len())))));
                    texts.push(&**text);
                }
            }
        }
        self.ints.set_all(&ints);
        self.text_places.set_all(&places);
        self.texts.extend(texts);
        self.len += ord_of(keys.len());
        let mut ords: Vec<u32> = (first..self.len).collect();
        ords.sort_unstable_by(|a, b| self.compare(*a, *b).then(a.cmp(b)));
        let mut sorted = std::mem::replace(&mut self.sorted, SortedRuns::new());
        sorted.insert(&ords, |a, b| self.compare(a, b));
        self.sorted = sorted;
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        self.ints.part_bytes() + self.text_places.part_bytes() + self.texts.part_bytes() + self.sorted.part_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.len as usize);
        self.ints.write(out);
        out.align();
        self.text_places.write(out);
        self.texts.write(out);
        out.align();
        let merged = self.sorted.merged(|a, b| self.compare(a, b));
        // Help desks number their tickets in order: then the order is the identity and is not stored.
        let identity = merged.iter().zip(0..).all(|(ord, at)| *ord == at);
        out.u32s(if identity { Vec::new() } else { merged }.into_iter());
    }

    /// Reads the keys and their order into memory: which ticket a change is about does not change with a mapped file.
    pub(crate) fn read(input: &mut Reader) -> Result<Self, SectionError> {
        let len = input.u32()?;
        if input.u32()? != 0 {
            return Err(input.damaged("there are more ordinals than 32 bits count"));
        }
        let ints = Column::read(input)?.in_memory();
        input.align()?;
        let text_places = Column::read(input)?.in_memory();
        let texts = Strings::read(input)?;
        input.align()?;
        let mut run = input.u32s()?.to_vec();
        // Also keeps a damaged length from asking for memory that nothing will fill.
        if len as usize > ints.reach().max(text_places.reach()) {
            return Err(input.damaged("an ordinal has no key"));
        }
        if run.is_empty() {
            run = (0..len).collect();
        }
        if run.len() != len as usize || run.iter().any(|ord| *ord >= len) {
            return Err(input.damaged("the order of keys names ordinals that were never given out"));
        }
        Ok(Self { len, ints, text_places, texts, sorted: SortedRuns::from_run(run.into()) })
    }
}
