//! The names that may stand before an operator.

use std::sync::Arc;

use ticketscope_model::{FieldDef, FieldKind, Schema, fields};

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

/// The known name nearest to `key`, if it is near enough to be a slip of the finger. Costs a bounded number of steps
/// for each name of the schema.
pub(super) fn nearest(schema: &Schema, key: &str) -> Option<Arc<str>> {
    let names = schema.fields().iter().map(|field| &*field.name);
    let keywords = KEYWORDS.iter().map(|(name, _)| *name);
    let short = SHORT_NAMES.iter().copied().filter(|name| schema.field(name).is_some());
    let mut most = if key.len() <= 3 { 1 } else { 2 };
    let mut best = None;
    for name in names.chain(keywords).chain(short) {
        if let Some(distance) = distance_within(key.as_bytes(), name.as_bytes(), most) {
            best = Some(name);
            // Only a nearer name can take its place, and no unknown key is nearer than 1.
            match distance.checked_sub(1) {
                Some(nearer @ 1..) => most = nearer,
                _ => break,
            }
        }
    }
    best.map(Arc::from)
}

/// The Levenshtein distance of two strings if it is at most `most`. Only cells within `most` of the diagonal can lead
/// there, so the cost is the shorter length times `2 * most + 1`.
fn distance_within(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let shared = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[shared..], &b[shared..]);
    let beyond = most + 1;
    let mut row: Vec<usize> = (0..=b.len()).map(|at| at.min(beyond)).collect();
    for (i, x) in a.iter().enumerate() {
        let first = (i + 1).saturating_sub(most).max(1);
        let last = (i + 1 + most).min(b.len());
        let mut diagonal = row[first - 1];
        row[first - 1] = if first == 1 { (i + 1).min(beyond) } else { beyond };
        for j in first..=last {
            let above = row[j];
            let change = diagonal + usize::from(*x != b[j - 1]);
            row[j] = change.min(above + 1).min(row[j - 1] + 1).min(beyond);
            diagonal = above;
        }
        if row.get(first - 1..=last).is_some_and(|band| band.iter().all(|cell| *cell > most)) {
            return None;
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook recursion.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        match (a, b) {
            ([], rest) | (rest, []) => rest.len(),
            ([x, a_rest @ ..], [y, b_rest @ ..]) => (distance(a_rest, b_rest) + usize::from(x != y))
                .min(distance(a_rest, b) + 1)
                .min(distance(a, b_rest) + 1),
        }
    }

    #[test]
    fn the_banded_distance_is_the_textbook_distance() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let word = |random: &mut fastrand::Rng| {
                (0..random.usize(0..7)).map(|_| random.u8(b'a'..=b'c')).collect::<Vec<u8>>()
            };
            let (a, b) = (word(&mut random), word(&mut random));
            let real = distance(&a, &b);
            for most in 0..4 {
                let expected = Some(real).filter(|real| *real <= most);
                assert_eq!(distance_within(&a, &b, most), expected, "seed {seed}: {a:?} {b:?} within {most}");
            }
        }
    }

    #[test]
    fn a_slip_is_corrected_and_a_stranger_is_not() {
        let schema = Schema::builtin();
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
            assert_eq!(nearest(&schema, slip).as_deref(), meant, "{slip}");
        }
    }
}
