use std::sync::Arc;

use model::{
    Complete, FieldDef, FieldKind, FieldPatch, Listing, RawValue, TextClass, TextPart, TicketKey, TicketOrd,
    TicketPatch, Value, fields,
};
use storage::Table;
use ticketscope_model as model;
use ticketscope_storage as storage;

use super::{
    Resolver,
    draft::{Draft, FieldChange},
};
use crate::{
    refusal::{Refusal, listing_name},
    revs::TicketRevs,
    texts::{self, Parts},
    writer::WriteError,
};

/// What a patch does to a part of the text.
enum PartChange {
    State(TextPart),
    Remove(Arc<str>),
    /// Remove it if it says exactly this.
    RemoveIf(Arc<str>, Option<Arc<str>>),
    /// State it unless it says nothing, which changes nothing.
    Keep(Arc<str>),
}

impl PartChange {
    fn id(&self) -> &Arc<str> {
        match self {
            Self::State(part) => &part.part,
            Self::Remove(id) | Self::RemoveIf(id, _) | Self::Keep(id) => id,
        }
    }
}

impl Resolver<'_> {
    /// Makes the draft of a ticket, unless there is one.
    fn draft(&mut self, key: &TicketKey) -> Result<(), WriteError> {
        let known = self.known.take();
        if self.drafts.contains_key(key) {
            return Ok(());
        }
        let revs = if self.working.revs_used {
            match self.row(Table::Revs, &TicketRevs::row_key(key))? {
                None => TicketRevs::default(),
                Some(row) => TicketRevs::decode(&row)?,
            }
        } else {
            TicketRevs::default()
        };
        self.drafts.insert(key.clone(), Draft::new(known.unwrap_or_else(|| self.working.index.find(key)), revs));
        Ok(())
    }

    /// Reads the text of a ticket, unless its draft has it.
    fn load_text(&mut self, key: &TicketKey) -> Result<(), WriteError> {
        let before = self.drafts.get(key).filter(|draft| draft.parts.is_none()).and_then(|draft| draft.before);
        if let Some(TicketOrd(ord)) = before {
            let parts = match self.row(Table::Texts, &texts::row_key(ord))? {
                None => Parts::new(),
                Some(row) => texts::decode(&row)?,
            };
            if let Some(draft) = self.drafts.get_mut(key) {
                draft.parts = Some(parts);
            }
        }
        Ok(())
    }

    pub(super) fn apply_patch(
        &mut self,
        rev: Option<i64>,
        patch: TicketPatch,
    ) -> Result<Result<(), Refusal>, WriteError> {
        let (changes, mut parts) = match self.read_fields(&patch) {
            Ok(read) => read,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let TicketPatch { key, replace, text, .. } = patch;
        if self.working.index.ordinals() as usize + self.drafts.len() >= u32::MAX as usize {
            return Ok(Err(Refusal::Full(self.working.index.ordinals())));
        }
        parts.extend(text.into_iter().map(PartChange::State));
        self.draft(&key)?;
        if replace || !parts.is_empty() {
            // A replacement without revisions needs no old text: all of it goes.
            if replace && rev.is_none() && !self.working.revs_used {
                if let Some(draft) = self.drafts.get_mut(&key)
                    && draft.parts.is_none()
                {
                    draft.parts = Some(Parts::new());
                    draft.parts_changed = true;
                    draft.masked = true;
                }
            } else {
                self.load_text(&key)?;
            }
        }
        if self.notes_tickets {
            self.session.note_ticket(&key);
        }
        let (index, schema) = (&self.working.index, &self.working.schema);
        let Some(draft) = self.drafts.get_mut(&key) else { return Ok(Ok(())) };
        if !draft.state_existence(rev) {
            return Ok(Ok(()));
        }
        let (mut keep_fields, mut keep_parts) = (Vec::new(), Vec::new());
        if replace {
            keep_fields.extend(changes.iter().map(|(def, _)| def.id));
            keep_parts.extend(parts.iter().map(|part| Arc::clone(part.id())));
        }
        for (def, change) in changes {
            draft.change_field(index, self.reads, &def, rev, change);
        }
        for part in parts {
            let id = Arc::clone(part.id());
            let becomes = match part {
                PartChange::State(part) => Some(part),
                PartChange::Remove(_) => None,
                PartChange::Keep(_) => draft.part(&id).cloned(),
                PartChange::RemoveIf(_, body) => {
                    draft.part(&id).filter(|part| body.as_ref() != Some(&part.body)).cloned()
                }
            };
            draft.change_part(rev, &id, becomes);
        }
        if replace {
            draft.clear_but(index, self.reads, schema, rev, &keep_fields, &keep_parts);
        }
        Ok(Ok(()))
    }

    /// Checks and types the fields of a patch; fields of kind text become parts.
    #[expect(clippy::type_complexity, reason = "two lists, used once")]
    fn read_fields(&self, patch: &TicketPatch) -> Result<(Vec<(FieldDef, FieldChange)>, Vec<PartChange>), Refusal> {
        let (mut changes, mut parts) = (Vec::with_capacity(patch.fields.len()), Vec::new());
        for (name, change) in &patch.fields {
            let Some(def) = self.working.schema.field(name) else {
                let names = self.working.schema.fields().iter().map(|field| &*field.name);
                let nearest = model::nearest(name, names).map(Into::into);
                return Err(Refusal::UnknownField { name: Arc::clone(name), nearest });
            };
            if def.id == fields::COMMENTER {
                return Err(Refusal::Derived(Arc::clone(&def.name)));
            }
            let read = |raw: &RawValue| {
                Value::read_all(def.kind, def.many, raw)
                    .map_err(|error| Refusal::Value { field: Arc::clone(&def.name), error })
            };
            if def.kind == FieldKind::Text {
                parts.push(text_field(def, change, &read)?);
                continue;
            }
            let change = match change {
                FieldPatch::Set(raw) => FieldChange::Set(read(raw)?),
                FieldPatch::Add(raw) => FieldChange::Add(read(raw)?),
                FieldPatch::Remove(raw) => FieldChange::Remove(read(raw)?),
            };
            changes.push((def.clone(), change));
        }
        Ok((changes, parts))
    }

    pub(super) fn apply_text(
        &mut self,
        rev: Option<i64>,
        gone: bool,
        key: &TicketKey,
        part: TextPart,
    ) -> Result<Result<(), Refusal>, WriteError> {
        let exists = match self.drafts.get(key) {
            Some(draft) => draft.exists,
            None => self.working.index.find(key).is_some(),
        };
        if !exists {
            return Ok(Err(Refusal::NoTicket(key.clone())));
        }
        self.draft(key)?;
        self.load_text(key)?;
        if let Some(draft) = self.drafts.get_mut(key) {
            if !gone {
                draft.state_existence(rev);
            }
            let id = Arc::clone(&part.part);
            draft.change_part(rev, &id, (!gone).then_some(part));
        }
        Ok(Ok(()))
    }

    pub(super) fn erase(&mut self, rev: Option<i64>, key: &TicketKey) -> Result<(), WriteError> {
        self.draft(key)?;
        if rev.is_some() || self.working.revs_used {
            self.load_text(key)?;
        }
        if let Some(draft) = self.drafts.get_mut(key) {
            draft.erase(&self.working.index, self.reads, &self.working.schema, rev);
        }
        Ok(())
    }

    pub(super) fn complete(&mut self, rev: Option<i64>, complete: Complete) -> Result<Result<(), Refusal>, WriteError> {
        let Complete { what, count: counted } = complete;
        let stated = self.session.count(what);
        if stated != counted {
            return Ok(Err(Refusal::Incomplete { what: listing_name(what), counted, stated }));
        }
        if what != Listing::Tickets {
            self.remove_unlisted(rev, what);
            return Ok(Ok(()));
        }
        let mut unlisted: Vec<TicketKey> = Vec::new();
        for ord in self.working.index.universe() {
            let key = self.working.index.key(TicketOrd(ord));
            if !self.session.has_ticket(&key) {
                unlisted.push(key);
            }
        }
        unlisted.extend(self.drafts.keys().filter(|key| !self.session.has_ticket(key)).cloned());
        for key in unlisted {
            self.erase(rev, &key)?;
        }
        Ok(Ok(()))
    }
}

/// What a change of a field of kind text does to the part it stands for.
fn text_field(
    def: &FieldDef,
    change: &FieldPatch,
    read: &dyn Fn(&RawValue) -> Result<Vec<Value>, Refusal>,
) -> Result<PartChange, Refusal> {
    let (id, class): (Arc<str>, _) = match def.id {
        fields::SUBJECT => ("subject".into(), TextClass::Subject),
        fields::DESCRIPTION => ("description".into(), TextClass::Description),
        _ => (format!("field:{}", def.name).into(), TextClass::Private),
    };
    let body = |raw: &RawValue| -> Result<Option<Arc<str>>, Refusal> {
        Ok(read(raw)?.into_iter().find_map(|value| match value {
            Value::Keyword(text) => Some(text),
            Value::Number(_) | Value::Date(_) => None,
        }))
    };
    let state =
        |body| PartChange::State(TextPart { part: Arc::clone(&id), class, lang: None, body, author: None, at: None });
    Ok(match change {
        FieldPatch::Set(raw) => body(raw)?.map_or_else(|| PartChange::Remove(Arc::clone(&id)), state),
        FieldPatch::Add(raw) => body(raw)?.map_or_else(|| PartChange::Keep(Arc::clone(&id)), state),
        FieldPatch::Remove(raw) => PartChange::RemoveIf(Arc::clone(&id), body(raw)?),
    })
}
