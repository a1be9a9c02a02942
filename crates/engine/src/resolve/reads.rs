use std::collections::HashSet;

use bitmap::{Record, TICKETS_PER_RECORD};
use foldhash::fast::RandomState;
use model::FieldId;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

/// The records of what tickets have that batches read and went by, also where nothing came of it: a field that is found to
/// have the stated values already is not written. Nothing is remembered where no part of the index is a mapped file.
#[derive(Debug, Default)]
pub(crate) struct Reads(Option<HashSet<Record, RandomState>>);

impl Reads {
    /// No reads of an index of which a part is a mapped file, or none is.
    pub(crate) fn new(is_mapped: bool) -> Self {
        Self(is_mapped.then(HashSet::default))
    }

    /// Remembers that it was read what the ticket `ord` has in `field`.
    pub(super) fn note(&mut self, field: FieldId, ord: u32) {
        if let Some(records) = &mut self.0 {
            records.insert(Record::Field { field, number: ord / TICKETS_PER_RECORD });
        }
    }

    /// The records, in no order.
    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        self.0.into_iter().flatten()
    }
}
