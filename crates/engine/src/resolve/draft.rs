use std::sync::Arc;

use bitmap::{Index, number_from_key};
use model::{FieldDef, FieldId, TextPart, TicketOrd, Timestamp, Value, fields};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use super::{drafts::NewValues, reads::Reads};
use crate::{
    revs::{Cell, TicketRevs, Weight, takes_effect},
    texts::Parts,
};

/// A ticket while a batch is resolved: what it was, and what it becomes.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one ticket, each of which may hold with any other"
)]
pub(super) struct Draft {
    /// Its ordinal before the batch, if it existed.
    pub(super) before: Option<TicketOrd>,
    pub(super) exists: bool,
    /// Whether it lost everything it had before the batch, so that nothing is read from there any more. An erased
    /// ticket that comes back gets another ordinal.
    pub(super) reborn: bool,
    /// Fields that were touched; an empty list unsets.
    pub(super) fields: NewValues,
    pub(super) revs: TicketRevs,
    pub(super) revs_changed: bool,
    /// The text, once it was asked for.
    pub(super) parts: Option<Parts>,
    pub(super) parts_changed: bool,
    /// Whether something of the old text became less public, other or gone: its indexed words must not be found.
    pub(super) masked: bool,
}

/// What a patch does to one field.
#[derive(Debug, Clone)]
pub(super) enum FieldChange {
    Set(Vec<Value>),
    Add(Vec<Value>),
    Remove(Vec<Value>),
}

impl Draft {
    pub(super) fn new(before: Option<TicketOrd>, revs: TicketRevs) -> Self {
        Self {
            before,
            exists: before.is_some(),
            reborn: false,
            fields: NewValues::default(),
            revs,
            revs_changed: false,
            parts: if before.is_none() { Some(Parts::new()) } else { None },
            parts_changed: false,
            masked: false,
        }
    }

    /// The values of a field as they stand.
    fn values(&self, index: &Index, reads: &mut Reads, def: &FieldDef) -> Vec<Value> {
        match (self.fields.get(def.id), self.before) {
            (Some(values), _) => values.clone(),
            (None, Some(ord)) if !self.reborn => {
                reads.note(def.id, ord.0);
                stored_values(index, def, ord.0)
            }
            (None, _) => Vec::new(),
        }
    }

    /// Whether the ticket holds nothing of what it held in a field before the batch.
    pub(super) fn lost(&self, field: FieldId) -> bool {
        !self.exists || self.reborn || self.fields.contains_key(field)
    }

    /// States that the ticket exists; answers whether it does.
    pub(super) fn state_existence(&mut self, rev: Option<i64>) -> bool {
        let held = self.exists;
        let now = Weight::Something(Vec::new());
        if takes_effect(rev, self.revs.exists, || now.cmp(if held { &now } else { &Weight::Removal })) {
            self.see_existence(rev);
            if !self.exists {
                self.exists = true;
                self.fields.insert(fields::LIFE, vec![Value::Keyword("live".into())]);
                self.see_life(true);
            }
        }
        self.exists
    }

    /// Remembers whether `life` is the default, which a row of revisions must say even where no revision changes.
    fn see_life(&mut self, is_default: bool) {
        self.revs_changed |= self.revs.life_is_default != is_default && !self.revs.is_empty();
        self.revs.life_is_default = is_default;
    }

    fn see_existence(&mut self, rev: Option<i64>) {
        self.revs_changed |= rev > self.revs.exists;
        self.revs.exists = self.revs.exists.max(rev);
    }

    pub(super) fn change_field(
        &mut self,
        index: &Index,
        reads: &mut Reads,
        def: &FieldDef,
        rev: Option<i64>,
        change: FieldChange,
    ) {
        let values = match change {
            FieldChange::Set(values) => values,
            FieldChange::Add(added) if def.many => self.values(index, reads, def).into_iter().chain(added).collect(),
            FieldChange::Add(added) if added.is_empty() => self.values(index, reads, def),
            FieldChange::Add(added) => added,
            FieldChange::Remove(removed) => {
                self.values(index, reads, def).into_iter().filter(|value| !removed.contains(value)).collect()
            }
        };
        let values = sorted(values);
        let cell = Cell::Field(def.id);
        let weights = || Weight::of_values(&values).cmp(&self.weight(index, reads, def));
        if takes_effect(rev, self.revs.of(&cell), weights) {
            self.fields.insert(def.id, values);
            if def.id == fields::LIFE {
                self.see_life(false);
            }
            self.see(cell, rev);
        }
    }

    fn weight(&self, index: &Index, reads: &mut Reads, def: &FieldDef) -> Weight {
        if def.id == fields::LIFE && self.revs.life_is_default {
            return Weight::Removal;
        }
        Weight::of_values(&self.values(index, reads, def))
    }

    fn see(&mut self, cell: Cell, rev: Option<i64>) {
        if let Some(rev) = rev {
            self.revs.cells.insert(cell, rev);
            self.revs_changed = true;
        }
    }

    /// The text parts; they were loaded before.
    fn parts(&self) -> &Parts {
        static NONE: Parts = Parts::new();
        self.parts.as_ref().unwrap_or(&NONE)
    }

    pub(super) fn part(&self, id: &str) -> Option<&TextPart> {
        self.parts().get(id)
    }

    /// States a text part, or removes it.
    pub(super) fn change_part(&mut self, rev: Option<i64>, id: &Arc<str>, part: Option<TextPart>) {
        let cell = Cell::Part(Arc::clone(id));
        let weights = || Weight::of_part(part.as_ref()).cmp(&Weight::of_part(self.part(id)));
        if takes_effect(rev, self.revs.of(&cell), weights) {
            let parts = self.parts.get_or_insert_default();
            let after = part.clone();
            let before = match part {
                None => parts.remove(id),
                Some(part) => parts.insert(Arc::clone(id), part),
            };
            self.masked |= before.is_some_and(|before| takes_words_away(&before, after.as_ref()));
            self.parts_changed = true;
            self.see(cell, rev);
        }
    }

    /// Removes every field and text part that is not named. The text was loaded before.
    pub(super) fn clear_but(
        &mut self,
        index: &Index,
        reads: &mut Reads,
        schema: &model::Schema,
        rev: Option<i64>,
        keep_fields: &[FieldId],
        keep_parts: &[Arc<str>],
    ) {
        let mut held: Vec<FieldId> = self.fields.keys().copied().collect();
        if let Some(ord) = self.before.filter(|_| !self.reborn) {
            held.extend(index.fields().filter(|(_, field)| field.has().contains(ord)).map(|(id, _)| id));
        }
        held.push(fields::LIFE);
        held.sort_unstable();
        held.dedup();
        for id in held.into_iter().filter(|id| !keep_fields.contains(id) && *id != fields::COMMENTER) {
            let Some(def) = schema.by_id(id) else { continue };
            let cell = Cell::Field(id);
            if takes_effect(rev, self.revs.of(&cell), || Weight::Removal.cmp(&self.weight(index, reads, def))) {
                let life = id == fields::LIFE;
                self.fields.insert(id, if life { vec![Value::Keyword("live".into())] } else { Vec::new() });
                if life {
                    self.see_life(true);
                }
                self.see(cell, rev);
            }
        }
        let parts: Vec<Arc<str>> = self.parts().keys().filter(|id| !keep_parts.contains(id)).cloned().collect();
        for id in parts {
            self.change_part(rev, &id, None);
        }
        self.raise_floor(rev);
    }

    fn raise_floor(&mut self, rev: Option<i64>) {
        if rev > self.revs.floor {
            self.revs.floor = rev;
            self.revs_changed = true;
        }
        let floor = self.revs.floor;
        self.revs.cells.retain(|_, rev| Some(*rev) > floor);
    }

    /// Erases the ticket, or with an old revision only what that revision still covers.
    pub(super) fn erase(&mut self, index: &Index, reads: &mut Reads, schema: &model::Schema, rev: Option<i64>) {
        let held = if self.exists { Weight::Something(Vec::new()) } else { Weight::Removal };
        if !takes_effect(rev, self.revs.exists, || Weight::Removal.cmp(&held)) {
            if self.exists {
                self.clear_but(index, reads, schema, rev, &[], &[]);
            } else {
                self.raise_floor(rev);
            }
            return;
        }
        self.see_existence(rev);
        self.exists = false;
        self.reborn = true;
        self.fields.clear();
        self.parts = Some(Parts::new());
        self.parts_changed = true;
        // Everything that was seen of the ticket is gone with it, also where the erasure has no revision of its own.
        let seen = rev.max(self.revs.exists);
        self.raise_floor(seen);
    }

    /// The authors of the public text.
    pub(super) fn commenters(&self) -> Vec<Value> {
        let authors =
            self.parts().values().filter(|part| part.class.is_public()).filter_map(|part| part.author.clone());
        sorted(authors.map(Value::Keyword).collect())
    }
}

/// The values of a field of a stored ticket, sorted.
pub(crate) fn stored_values(index: &Index, def: &FieldDef, ord: u32) -> Vec<Value> {
    let Some(column) = index.field(def.id) else { return Vec::new() };
    if def.kind == model::FieldKind::Date {
        return column.number(ord).map(|at| Value::Date(Timestamp(at))).into_iter().collect();
    }
    if def.kind == model::FieldKind::Number {
        return column.number(ord).map(|key| Value::Number(number_from_key(key))).into_iter().collect();
    }
    let mut values = Vec::new();
    column.for_each_code(ord, |code| values.push(Value::Keyword(column.value_of(code).into())));
    sorted(values)
}

/// Whether a stored ticket has exactly these values of a field, which are sorted.
pub(super) fn holds_values(index: &Index, def: &FieldDef, ord: u32, values: &[Value]) -> bool {
    let Some(column) = index.field(def.id) else { return values.is_empty() };
    if !def.kind.is_keyword() {
        return stored_values(index, def, ord) == values;
    }
    let (mut held, mut alike) = (0, true);
    column.for_each_code(ord, |code| {
        held += 1;
        let is_it = |value: &Value| match value {
            Value::Keyword(text) => (**text).cmp(column.value_of(code)),
            Value::Number(_) | Value::Date(_) => std::cmp::Ordering::Greater,
        };
        alike = alike && values.binary_search_by(is_it).is_ok();
    });
    alike && held == values.len()
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.dedup();
    values
}

/// Whether somebody who found words of a part may not find them afterwards.
fn takes_words_away(before: &TextPart, after: Option<&TextPart>) -> bool {
    after.is_none_or(|after| before.body != after.body || (before.class != after.class && !after.class.is_public()))
}
