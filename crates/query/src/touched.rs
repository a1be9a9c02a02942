use std::collections::BTreeSet;

use bitmap::Index;
use model::{FieldId, TicketFields, TicketOrd};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

/// The values of one ticket in some fields, looked up once for the many scopes that ask about it.
#[derive(Debug)]
pub(crate) struct TicketValues<'a>(Vec<FieldValues<'a>>);

#[derive(Debug)]
struct FieldValues<'a> {
    field: FieldId,
    is_set: bool,
    values: Vec<&'a str>,
}

impl<'a> TicketValues<'a> {
    /// The values of ticket `ord` in `fields`. It answers for no other field.
    pub(crate) fn new(index: &'a Index, fields: &BTreeSet<FieldId>, ord: u32) -> Self {
        let read = |field: FieldId| {
            let column = index.field(field);
            let mut values = Vec::new();
            if let Some(column) = column {
                column.for_each_code(ord, |code| values.push(column.value_of(code)));
            }
            FieldValues { field, is_set: column.is_some_and(|column| column.has().contains(TicketOrd(ord))), values }
        };
        Self(fields.iter().copied().map(read).collect())
    }

    fn of(&self, field: FieldId) -> &FieldValues<'a> {
        let found = self.0.binary_search_by_key(&field, |values| values.field);
        // A field taken for unset would open what `no field` guards: better no answer.
        &self.0[found.expect("the fields that scopes depend on were looked up")]
    }
}

impl TicketFields for TicketValues<'_> {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.of(field).values.iter().any(|value| test(value))
    }

    fn is_unset(&self, field: FieldId) -> bool {
        !self.of(field).is_set
    }
}
