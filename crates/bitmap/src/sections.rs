use std::sync::Arc;

use bytes::Bytes;
use model::{FOLD_VERSION, FieldId, Schema};
use ticketscope_model as model;

use crate::{
    codec::{Reader, SectionError, Writer},
    column::ord_of,
    dictionary::Dictionary,
    field::FieldIndex,
    index::Index,
    keys::Keys,
    order::Order,
    postings::{Postings, SectionTooLarge},
    stored::section_of,
};

/// The version of the section formats.
const INDEX_VERSION: u32 = 1;
const SECTION_HEAD: u32 = 1;
const SECTION_KEYS: u32 = 2;
/// Field sections begin at `1 << 8`, the first field's number being 1.
const SECTION_ORDERS: [u32; 2] = [3, 4];
/// In what order the values of each field stand by what they fold to: [`FOLD_VERSION`], then a list for each field of the
/// head. Indexes that were written before there was one lack it.
pub(crate) const SECTION_FOLDED: u32 = 5;

impl Index {
    /// Hands the index to `sink` in sections, each a number and its bytes; [`Self::read`] takes them back.
    ///
    /// # Errors
    /// [`SectionTooLarge`], or whatever `sink` answers.
    pub fn write<E: From<SectionTooLarge>>(&self, mut sink: impl FnMut(u32, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut head = Writer::default();
        head.u32(INDEX_VERSION);
        head.u32(ord_of(self.fields.len()));
        for (id, _) in &self.fields {
            head.u32(u32::from(id.0));
        }
        head.align();
        head.bytes(&Postings::only(&self.universe).write()?);
        sink(SECTION_HEAD, &head.out)?;
        let mut keys = Writer::default();
        self.keys.write(&mut keys);
        sink(SECTION_KEYS, &keys.out)?;
        for (order, section) in self.orders.iter().zip(SECTION_ORDERS) {
            let mut out = Writer::default();
            order.write(&mut out);
            sink(section, &out.out)?;
        }
        let mut folded = Writer::default();
        folded.u32(FOLD_VERSION);
        folded.align();
        for (_, field) in &self.fields {
            folded.u32s(field.dictionary().map(Dictionary::folded).unwrap_or_default().into_iter());
        }
        sink(SECTION_FOLDED, &folded.out)?;
        for (id, field) in &self.fields {
            let (head, postings) = field.write()?;
            sink(section_of(*id, 0), &head)?;
            sink(section_of(*id, 1), &postings)?;
        }
        Ok(())
    }

    /// Reads an index back. The columns, posting lists and orders stay views of the sections. What things are found by is
    /// copied: keys, dictionaries, which tickets there are and which of them have a field. Of sections
    /// written before values were also ordered by what they fold to, or by another way of folding, the values are folded here.
    ///
    /// # Errors
    /// [`SectionError`] where a section is missing or not of the form it should have.
    pub fn read(schema: &Schema, section: impl Fn(u32) -> Option<Bytes>) -> Result<Self, SectionError> {
        let need = |id: u32| section(id).ok_or(SectionError { section: id, offset: 0, what: "it is missing" });
        let mut head = Reader::new(SECTION_HEAD, need(SECTION_HEAD)?);
        if head.u32()? != INDEX_VERSION {
            return Err(head.damaged("it has another version"));
        }
        let count = head.u32()?;
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = u16::try_from(head.u32()?).ok().map(FieldId);
            ids.push(id.ok_or_else(|| head.damaged("a field number is out of range"))?);
        }
        if !ids.is_sorted_by(|a, b| a < b) {
            return Err(head.damaged("field numbers are out of order"));
        }
        head.align()?;
        let universe = Postings::read_only(SECTION_HEAD, &head.rest())?;
        let mut keys = Reader::new(SECTION_KEYS, need(SECTION_KEYS)?);
        let keys = Keys::read(&mut keys)?;
        if universe.len() > keys.len() || universe.reach() > u64::from(keys.len()).next_multiple_of(1 << 16) {
            return Err(head.damaged("a ticket has an ordinal never given out"));
        }
        let mut orders = [Order::new(), Order::new()];
        for (order, section) in orders.iter_mut().zip(SECTION_ORDERS) {
            let mut input = Reader::new(section, need(section)?);
            *order = Order::read(&mut input, keys.len())?;
            input.end()?;
            if order.len() != universe.len() {
                return Err(input.damaged("an order does not hold every ticket"));
            }
        }
        let mut folded = section(SECTION_FOLDED).map(folded_lists).transpose()?.flatten();
        let mut fields = Vec::with_capacity(ids.len());
        for id in ids {
            let def = schema.by_id(id).ok_or_else(|| head.damaged("the schema does not know a field"))?;
            let (first, second) = (section_of(id, 0), section_of(id, 1));
            let folded = folded.as_mut().map(Reader::u32s).transpose()?;
            let field = FieldIndex::read(def, (first, need(first)?), (second, &need(second)?), folded)?;
            fields.push((id, Arc::new(field)));
        }
        folded.map_or(Ok(()), |input| input.end())?;
        Ok(Self { universe, keys: Arc::new(keys), fields, orders })
    }
}

/// A reader of the lists of folded values, if they were folded as today.
fn folded_lists(section: Bytes) -> Result<Option<Reader>, SectionError> {
    let mut input = Reader::new(SECTION_FOLDED, section);
    let version = input.u32()?;
    input.align()?;
    Ok((version == FOLD_VERSION).then_some(input))
}
