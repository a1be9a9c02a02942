//! What a beginning that somebody typed may become: the words, tags, people and values of the tickets they see.

mod beginning;
mod people;

#[cfg(test)]
mod tests;

use std::{cmp::Reverse, sync::Arc};

use beginning::Beginning;
use model::{FieldDef, FieldId, FieldKind, fields};
use text::TextField;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{Access, AnswerError, CachedScope, Snapshot, words::Readable};

/// Suggestions at most.
pub const MAX_SUGGESTIONS: usize = 100;

/// The longest beginning, in bytes: as long as a query may be.
pub const MAX_PREFIX_BYTES: usize = 2048;

/// Fields that hardly two tickets share a value of: nobody looks for a value of theirs by its beginning without saying so.
const NEAR_UNIQUE: [FieldId; 4] = [fields::MERGED_INTO, fields::PARENT, fields::PROBLEM, fields::EXTERNAL_ID];

/// What a beginning may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The word, the value, or the id of the person.
    pub text: String,
    /// The name of the person, if it is known.
    pub label: Option<String>,
    /// What `text` is.
    pub kind: SuggestionKind,
    /// On how many tickets the asker may find it; exact, at least 1.
    pub count: u32,
}

/// What a suggestion is. Of those that equally many tickets have, the smaller kind comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuggestionKind {
    /// A value of `tags`.
    Tag,
    /// A value of another field.
    Value {
        /// Which field.
        field: FieldId,
    },
    /// Somebody who stands on a ticket: in the field asked for, or in any.
    Person,
    /// A word of the texts, by its surface.
    Word,
}

/// What begins with `prefix` but for case and accents, the most frequent on visible tickets first, then by kind, then by
/// text: at most `limit`, which is 1 to [`MAX_SUGGESTIONS`]. Nothing that is on no visible ticket is ever suggested.
///
/// A value begins so if it does from its beginning on or from that of one of its words; a person also by name, or by the
/// whole of an e-mail address. With a `field`, only values of that field; without one, tags, values of keyword and tree
/// fields, people in any principal field and, unless `prefix` holds no letter or digit, words of the texts that the asker
/// may read, by the last word of `prefix`.
///
/// # Errors
/// [`AnswerError::SuggestionLimit`]; [`AnswerError::PrefixTooLong`]; [`AnswerError::NoFacets`] for a field without values to suggest;
/// [`AnswerError::TextOpening`] where words are asked for and the text is not open yet; [`AnswerError::Text`].
///
/// # Complexity
/// Linear in the values of the fields concerned and in the words that begin so.
pub fn suggest(
    snapshot: &Snapshot,
    access: impl Into<Access>,
    prefix: &str,
    field: Option<FieldId>,
    limit: usize,
) -> Result<Vec<Suggestion>, AnswerError> {
    if limit == 0 || limit > MAX_SUGGESTIONS {
        return Err(AnswerError::SuggestionLimit(limit));
    }
    if prefix.len() > MAX_PREFIX_BYTES {
        return Err(AnswerError::PrefixTooLong(prefix.len()));
    }
    let access = access.into();
    let visible = snapshot.visible(&access.view);
    let asked = Asked { snapshot, visible: &visible, beginning: Beginning::new(prefix), limit };
    if let Some(id) = field {
        return match snapshot.schema().by_id(id) {
            Some(def) if def.kind.is_keyword() => Ok(asked.values(def)),
            Some(def) => Err(AnswerError::NoFacets(def.name.to_string())),
            None => Err(AnswerError::NoFacets(format!("#{}", id.0))),
        };
    }
    let mut suggestions = asked.words(&access)?;
    for def in snapshot.schema().fields() {
        if matches!(def.kind, FieldKind::Keyword | FieldKind::Tree) && !NEAR_UNIQUE.contains(&def.id) {
            suggestions.extend(asked.values(def));
        }
    }
    suggestions.extend(asked.people());
    suggestions.sort_unstable_by(|a, b| {
        (Reverse(a.count), a.kind, a.text.as_str()).cmp(&(Reverse(b.count), b.kind, b.text.as_str()))
    });
    suggestions.truncate(limit);
    Ok(suggestions)
}

/// One question.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    visible: &'a Arc<CachedScope>,
    beginning: Beginning<'a>,
    limit: usize,
}

impl<'a> Asked<'a> {
    /// The best values of one field.
    fn values(&self, def: &FieldDef) -> Vec<Suggestion> {
        let mut found: Vec<(Reverse<u32>, &str)> = Vec::new();
        self.for_each_value(def, |value, count| found.push((Reverse(count), value)));
        if self.limit < found.len() {
            found.select_nth_unstable(self.limit - 1);
            found.truncate(self.limit);
        }
        found.sort_unstable();
        let kind = match (def.id, def.kind) {
            (fields::TAGS, _) => SuggestionKind::Tag,
            (_, FieldKind::Principal) => SuggestionKind::Person,
            (field, _) => SuggestionKind::Value { field },
        };
        let label = |value: &str| if kind == SuggestionKind::Person { self.name_of(value) } else { None };
        found
            .into_iter()
            .map(|(Reverse(count), value)| Suggestion { text: value.to_owned(), label: label(value), kind, count })
            .collect()
    }

    /// Visits the values of a field that visible tickets have and that begin as asked, with how many have them.
    fn for_each_value(&self, def: &FieldDef, mut visit: impl FnMut(&'a str, u32)) {
        let index = self.snapshot.index();
        let Some(column) = index.field(def.id) else { return };
        let counts = self.visible.facet(index, def.id);
        for (code, count) in counts.iter() {
            let value = column.value_of(code);
            if self.beginning.is_of(value) || (def.kind == FieldKind::Principal && self.is_of_person(value)) {
                visit(value, count);
            }
        }
    }

    /// The best words of the texts.
    fn words(&self, access: &Access) -> Result<Vec<Suggestion>, AnswerError> {
        let Some(prefix) = self.beginning.last_word() else { return Ok(Vec::new()) };
        let Some(readable) = Readable::new(self.snapshot, access, self.visible)? else { return Ok(Vec::new()) };
        let sets = [TextField::Public, TextField::Private, TextField::Side]
            .map(|field| (field, readable.tickets(field).and(self.visible.set())));
        let fields: Vec<_> = sets.iter().filter(|(_, set)| !set.is_empty()).map(|(field, set)| (*field, set)).collect();
        let found = readable.view().words(&fields, &prefix, self.limit)?;
        let word = |found: text::FoundWord| Suggestion {
            text: found.word,
            label: None,
            kind: SuggestionKind::Word,
            count: found.tickets,
        };
        Ok(found.into_iter().map(word).collect())
    }
}
