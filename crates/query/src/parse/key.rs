//! The names that may stand before an operator.

use std::sync::Arc;

use ticketscope_model::{FieldDef, FieldKind, Schema, fields};

use super::Context;
use crate::ast::WordScope;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'s> {
    Field(&'s FieldDef),
    Words(WordScope),
    Id,
    AnyCustomField,
    OrderBy,
    Sort,
}

/// Keys that are no fields.
const KEYWORDS: &[(&str, Key<'static>)] = &[
    ("id", Key::Id),
    ("fieldvalue", Key::AnyCustomField),
    ("order_by", Key::OrderBy),
    ("sort", Key::Sort),
    ("comment", Key::Words(WordScope::Comment)),
    ("note", Key::Words(WordScope::Note)),
    ("attachment_name", Key::Words(WordScope::AttachmentName)),
];

/// What is suggested besides the names of fields and keywords, as far as the schema knows it.
const SHORT_NAMES: &[&str] = &["created", "updated", "solved", "commented", "due_date", "ticket_type", "via"];

impl<'s> Key<'s> {
    /// What `name` means, in any ASCII case.
    pub(super) fn find(schema: &'s Schema, name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if let Some((_, key)) = KEYWORDS.iter().find(|(keyword, _)| *keyword == name) {
            return Some(*key);
        }
        let field = schema.field(&name)?;
        Some(match field.id {
            fields::SUBJECT => Key::Words(WordScope::Subject),
            fields::DESCRIPTION => Key::Words(WordScope::Description),
            id if field.kind == FieldKind::Text => Key::Words(WordScope::Field(id)),
            _ => Key::Field(field),
        })
    }
}

/// The key that a word scope is written with.
pub(super) fn scope_name(scope: WordScope, schema: &Schema) -> Option<Arc<str>> {
    match scope {
        WordScope::Anywhere => None,
        WordScope::Subject => Some("subject".into()),
        WordScope::Description => Some("description".into()),
        WordScope::Comment => Some("comment".into()),
        WordScope::Note => Some("note".into()),
        WordScope::AttachmentName => Some("attachment_name".into()),
        WordScope::Field(id) => Some(super::print::field_name(id, schema)),
    }
}

/// Whether values of `field` can be compared.
pub(super) fn is_ordered(field: &FieldDef) -> bool {
    matches!(field.kind, FieldKind::Date | FieldKind::Number) || !field.order.is_empty()
}

/// Whether a list can be ordered by `field`: it holds one value, and no text.
pub(super) fn is_sortable(field: &FieldDef) -> bool {
    !field.many && field.kind != FieldKind::Text
}

/// The name nearest to `key` that errors may name, if it is near enough to be a slip of the finger.
pub(super) fn nearest(context: &Context<'_>, key: &str) -> Option<Arc<str>> {
    let schema = context.schema;
    let names = schema.fields().iter().filter(|field| context.names(field.id)).map(|field| &*field.name);
    let keywords = KEYWORDS.iter().map(|(name, _)| *name);
    let short =
        SHORT_NAMES.iter().copied().filter(|name| schema.field(name).is_some_and(|field| context.names(field.id)));
    ticketscope_model::nearest(key, names.chain(keywords).chain(short)).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use ticketscope_model::Timestamp;

    use super::*;

    #[test]
    fn a_slip_is_corrected_and_a_stranger_is_not() {
        let schema = Schema::builtin();
        let context = Context::new(&schema, Timestamp(0));
        for (slip, meant) in [
            ("gruop", Some("group")),
            ("asignee", Some("assignee")),
            ("organisation", Some("organization")),
            ("creatd", Some("created")),
            ("order_bye", Some("order_by")),
            ("coment", Some("comment")),
            ("weather", None),
            ("x", None),
        ] {
            assert_eq!(nearest(&context, slip).as_deref(), meant, "{slip}");
        }
    }
}
