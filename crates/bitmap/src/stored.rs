use bytes::Bytes;
use model::{FieldDef, FieldId};
use ticketscope_model as model;

use crate::{
    builder::SetBuilder,
    codec::{Reader, SectionError, Writer},
    column::Column,
    dictionary::Dictionary,
    field::{FieldIndex, Kind},
    many::ManyColumn,
    ords::U32s,
    postings::{Postings, SectionTooLarge},
    set::TicketSet,
};

/// The numbers of the kinds on disk.
const ONE: u32 = 1;
const MANY: u32 = 2;
const NUMBERS: u32 = 3;

impl FieldIndex {
    /// The field's two sections: head (dictionary and column) and posting lists, the last of which is `has`.
    pub(crate) fn write(&self) -> Result<(Vec<u8>, Vec<u8>), SectionTooLarge> {
        let mut out = Writer::default();
        let has = Postings::only(&self.has);
        match &self.kind {
            Kind::One { dictionary, column, .. } => {
                out.u32(ONE);
                dictionary.write(&mut out);
                out.align();
                column.write(&mut out);
            }
            Kind::Many { dictionary, column, .. } => {
                out.u32(MANY);
                dictionary.write(&mut out);
                out.align();
                column.write(&mut out);
            }
            Kind::Numbers(column) => {
                out.u32(NUMBERS);
                column.write(&mut out);
            }
        }
        out.align();
        out.bytes(&has.write()?);
        let postings = self.postings().map_or_else(|| Postings::new().write(), Postings::write)?;
        Ok((out.out, postings))
    }

    /// `folded` is what [`Dictionary::folded`] said of it.
    pub(crate) fn read(
        def: &FieldDef,
        (head_id, head): (u32, Bytes),
        (postings_id, postings): (u32, &Bytes),
        folded: Option<U32s>,
    ) -> Result<Self, SectionError> {
        let mut input = Reader::new(head_id, head);
        let postings = Postings::read(postings_id, postings)?;
        let kind = match (input.u32()?, def.kind.is_keyword(), def.many) {
            // A field written before it was redeclared to hold several.
            (ONE, true, _) => Kind::One {
                dictionary: Dictionary::read(&mut input, folded)?,
                postings,
                column: aligned(&mut input, Column::read)?,
            },
            (MANY, true, true) => Kind::Many {
                dictionary: Dictionary::read(&mut input, folded)?,
                postings,
                column: aligned(&mut input, ManyColumn::read)?,
            },
            (NUMBERS, false, _) => Kind::Numbers(Column::read(&mut input)?),
            _ => return Err(input.damaged("the field is of another kind than the schema says")),
        };
        input.align()?;
        let has = Postings::read_only(head_id, &input.rest())?;
        let field = Self { has, kind };
        if field.postings().is_some_and(|postings| postings.len() > field.codes()) {
            return Err(SectionError { section: postings_id, offset: 0, what: "a posting list has no value" });
        }
        Ok(field)
    }

    /// Restores a keyword field written as codes: the dictionary in order, then `(ordinal, code)` ascending, one per
    /// ticket unless the field holds several.
    pub(crate) fn restore(&mut self, values: &[String], mut rows: Vec<(u32, u32)>) {
        let same_block = |a: &(u32, u32), b: &(u32, u32)| a.0 >> 16 == b.0 >> 16;
        let same_ticket = |a: &(u32, u32), b: &(u32, u32)| a.0 == b.0;
        self.has = sorted_set(rows.chunk_by(same_ticket).map(|rows| rows[0].0));
        match &mut self.kind {
            Kind::Numbers(_) => return,
            Kind::One { dictionary, column, .. } => {
                dictionary.append(values.iter().map(String::as_str));
                // Column updates are several times as large as rows: made a block at a time.
                for block in rows.chunk_by(same_block) {
                    column.set_all(&block.iter().map(|(ord, code)| (*ord, Some(i64::from(*code)))).collect::<Vec<_>>());
                }
            }
            Kind::Many { dictionary, column, .. } => {
                dictionary.append(values.iter().map(String::as_str));
                for block in rows.chunk_by(same_block) {
                    let lists = block.chunk_by(same_ticket);
                    let lists = lists.map(|rows| (rows[0].0, rows.iter().map(|(_, code)| *code).collect()));
                    column.set_all(&lists.collect::<Vec<_>>());
                }
            }
        }
        rows.sort_unstable_by_key(|(ord, code)| (*code, *ord));
        if let Kind::One { postings, .. } | Kind::Many { postings, .. } = &mut self.kind {
            postings.apply(&rows.into_iter().map(|(ord, code)| (code, ord, true)).collect::<Vec<_>>());
        }
    }

    /// Restores a date or number field: `(ordinal, number)` ascending.
    pub(crate) fn restore_numbers(&mut self, rows: &[(u32, i64)]) {
        self.has = sorted_set(rows.iter().map(|(ord, _)| *ord));
        if let Kind::Numbers(column) = &mut self.kind {
            column.set_all(&rows.iter().map(|(ord, number)| (*ord, Some(*number))).collect::<Vec<_>>());
        }
    }
}

/// The sections of a field in a mapped snapshot: its number, shifted, and the part.
pub(crate) fn section_of(field: FieldId, part: u32) -> u32 {
    u32::from(field.0) << 8 | part
}

fn aligned<T>(input: &mut Reader, read: fn(&mut Reader) -> Result<T, SectionError>) -> Result<T, SectionError> {
    input.align()?;
    read(input)
}

fn sorted_set(ords: impl Iterator<Item = u32>) -> TicketSet {
    let mut builder = SetBuilder::new();
    ords.for_each(|ord| builder.push(ord));
    builder.finish()
}
