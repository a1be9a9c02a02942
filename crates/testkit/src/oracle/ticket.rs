//! One ticket: the facts about it, and the row that follows from them.

use std::collections::{BTreeMap, BTreeSet};

use ticketscope_model::{TextClass, TextPart, Value};

use super::revision::{Canonical, Cell, Stated};

/// What can be seen of a ticket: its values, sorted and without repeats, and its text.
///
/// A field without a value is absent. `commenter` holds the authors of the public text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Canonical field name to values; never an empty list.
    pub fields: BTreeMap<String, Vec<Value>>,
    /// Part id to text.
    pub parts: BTreeMap<String, TextPart>,
}

impl Row {
    /// The values of a field, by its canonical name.
    pub fn values(&self, field: &str) -> &[Value] {
        self.fields.get(field).map_or(&[], Vec::as_slice)
    }

    /// The strings among the values of a field: all of them, unless it is a date or a number.
    pub fn keywords<'a>(&'a self, field: &str) -> impl Iterator<Item = &'a str> {
        self.values(field).iter().filter_map(|value| match value {
            Value::Keyword(text) => Some(&**text),
            Value::Number(_) | Value::Date(_) => None,
        })
    }
}

/// The values of a field as one statement gave them; none if it unset the field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values(pub(super) Vec<Value>);

impl Canonical for Values {
    fn canonical(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|value| match value {
                Value::Keyword(text) => text.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Date(moment) => moment.to_string(),
            })
            .collect()
    }

    fn is_empty_statement(&self) -> bool {
        self.0.is_empty()
    }
}

impl Canonical for TextPart {
    fn canonical(&self) -> Vec<String> {
        let optional = |text: &Option<std::sync::Arc<str>>| text.as_deref().map_or(String::new(), str::to_owned);
        vec![
            self.class.to_string(),
            self.body.to_string(),
            optional(&self.lang),
            optional(&self.author),
            self.at.map_or(String::new(), |at| at.to_string()),
        ]
    }
}

/// What was said about a ticket, and what follows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Ticket {
    exists: Cell<Stated>,
    /// Everything not stated by a higher revision than this was removed by a deletion or a replacement.
    floor: Option<i64>,
    fields: BTreeMap<String, Cell<Values>>,
    parts: BTreeMap<String, Cell<TextPart>>,
    row: Option<Row>,
}

/// What a patch does to one field.
pub(super) enum FieldChange {
    Set(Vec<Value>),
    Add(Vec<Value>),
    Remove(Vec<Value>),
}

impl Ticket {
    /// The row, if the ticket exists.
    pub(super) fn row(&self) -> Option<&Row> {
        self.row.as_ref()
    }

    /// States that the ticket exists.
    pub(super) fn state_existence(&mut self, rev: Option<i64>) {
        self.exists.offer(rev, Some(Stated));
    }

    /// Changes a field, by its canonical name.
    pub(super) fn change_field(&mut self, rev: Option<i64>, field: &str, many: bool, change: FieldChange) {
        let floor = self.floor;
        let cell = self.fields.entry(field.to_owned()).or_insert_with(|| Cell::removed_up_to(floor));
        let held = || cell.state().map_or_else(|| unstated(field), |values| values.0.clone());
        let values = match change {
            FieldChange::Set(values) => values,
            FieldChange::Add(added) if many => held().into_iter().chain(added).collect(),
            FieldChange::Add(added) if added.is_empty() => held(),
            FieldChange::Add(added) => added,
            FieldChange::Remove(removed) => held().into_iter().filter(|value| !removed.contains(value)).collect(),
        };
        cell.offer(rev, Some(Values(sorted(values))));
    }

    /// States a text part (`Some`) or removes it (`None`).
    pub(super) fn change_part(&mut self, rev: Option<i64>, part: &str, text: Option<TextPart>) {
        let floor = self.floor;
        self.parts.entry(part.to_owned()).or_insert_with(|| Cell::removed_up_to(floor)).offer(rev, text);
    }

    /// Removes every field and text part that is not named, known or yet to come.
    pub(super) fn clear_but(&mut self, rev: Option<i64>, fields: &BTreeSet<String>, parts: &BTreeSet<String>) {
        for (_, cell) in self.fields.iter_mut().filter(|(name, _)| !fields.contains(*name)) {
            cell.offer(rev, None);
        }
        for (_, cell) in self.parts.iter_mut().filter(|(name, _)| !parts.contains(*name)) {
            cell.offer(rev, None);
        }
        self.floor = self.floor.max(rev);
    }

    /// Erases the ticket and its text. Without a revision that is everything seen of the ticket so far: an old
    /// statement cannot come back.
    pub(super) fn erase(&mut self, rev: Option<i64>) {
        self.exists.offer(rev, None);
        self.clear_but(rev, &BTreeSet::new(), &BTreeSet::new());
        if rev.is_none() {
            self.clear_but(self.exists.rev(), &BTreeSet::new(), &BTreeSet::new());
        }
    }

    /// Works out the row anew; to be called after every change.
    pub(super) fn refresh(&mut self) {
        self.row = self.exists.state().map(|Stated| {
            let mut row = Row::default();
            for (name, cell) in &self.fields {
                if let Some(values) = cell.state().filter(|values| !values.0.is_empty()) {
                    row.fields.insert(name.clone(), values.0.clone());
                }
            }
            // A ticket is live unless somebody said something about its life, be it that it has none.
            if self.fields.get("life").and_then(Cell::state).is_none() {
                row.fields.insert("life".to_owned(), unstated("life"));
            }
            for (name, cell) in &self.parts {
                if let Some(part) = cell.state() {
                    row.parts.insert(name.clone(), part.clone());
                }
            }
            let public =
                |class: TextClass| matches!(class, TextClass::Subject | TextClass::Description | TextClass::Public);
            let commenters = row
                .parts
                .values()
                .filter(|part| public(part.class))
                .filter_map(|part| part.author.clone())
                .map(Value::Keyword)
                .collect::<Vec<_>>();
            if !commenters.is_empty() {
                row.fields.insert("commenter".to_owned(), sorted(commenters));
            }
            row
        });
    }
}

/// What a ticket holds in a field of which nothing was said.
fn unstated(field: &str) -> Vec<Value> {
    if field == "life" { vec![Value::Keyword("live".into())] } else { Vec::new() }
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.dedup();
    values
}
