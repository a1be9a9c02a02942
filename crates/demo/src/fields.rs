//! The fields that tickets hold.

use std::sync::Arc;

use ticketscope_model::{FieldKind, FieldPatch, RawValue, Timestamp};

/// The custom fields of the desk: the product that a ticket is about, the order that it names, and an amount in EUR.
pub(crate) const CUSTOM: [(&str, FieldKind); 3] =
    [("product", FieldKind::Keyword), ("order_number", FieldKind::Keyword), ("amount", FieldKind::Number)];

/// A field of a ticket: its place in [`NAMES`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Life,
    Group,
    Department,
    Assignee,
    Requester,
    Organization,
    Brand,
    Status,
    Priority,
    Type,
    Channel,
    Language,
    Tags,
    Cc,
    Follower,
    HasAttachment,
    Satisfaction,
    CreatedAt,
    UpdatedAt,
    SolvedAt,
    DueAt,
    Product,
    OrderNumber,
    Amount,
}

const NAMES: [&str; 24] = [
    "life",
    "group",
    "department",
    "assignee",
    "requester",
    "organization",
    "brand",
    "status",
    "priority",
    "type",
    "channel",
    "language",
    "tags",
    "cc",
    "follower",
    "has_attachment",
    "satisfaction",
    "created_at",
    "updated_at",
    "solved_at",
    "due_at",
    "product",
    "order_number",
    "amount",
];

/// The names, shared by the fields of all tickets.
#[derive(Debug)]
pub(crate) struct FieldNames([Arc<str>; NAMES.len()]);

impl FieldNames {
    pub(crate) fn new() -> Self {
        Self(NAMES.map(Arc::from))
    }

    /// No fields yet.
    pub(crate) fn row(&self) -> Row<'_> {
        Row { names: self, fields: Vec::with_capacity(NAMES.len()) }
    }
}

/// The fields of one ticket.
#[derive(Debug)]
pub(crate) struct Row<'n> {
    names: &'n FieldNames,
    pub(crate) fields: Vec<(Arc<str>, FieldPatch)>,
}

impl Row<'_> {
    pub(crate) fn raw(&mut self, field: Field, value: RawValue) {
        self.fields.push((Arc::clone(&self.names.0[field as usize]), FieldPatch::Set(value)));
    }

    pub(crate) fn text(&mut self, field: Field, value: impl Into<Arc<str>>) {
        self.raw(field, RawValue::Text(value.into()));
    }

    pub(crate) fn date(&mut self, field: Field, at: Timestamp) {
        self.text(field, at.to_string());
    }

    /// The values of a field that holds many; none leave it unset.
    pub(crate) fn list(&mut self, field: Field, values: Vec<Arc<str>>) {
        if !values.is_empty() {
            self.raw(field, RawValue::List(values.into_iter().map(RawValue::Text).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketscope_model::Schema;

    use super::*;

    #[test]
    fn the_last_field_has_the_last_name() {
        assert_eq!(Field::Amount as usize + 1, NAMES.len());
    }

    #[test]
    fn every_name_is_built_in_or_declared() {
        let schema = Schema::builtin();
        for name in NAMES {
            let declared = CUSTOM.iter().any(|(custom, _)| *custom == name);
            assert_ne!(schema.field(name).is_some(), declared, "{name}");
        }
    }
}
