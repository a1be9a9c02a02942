//! The other world of a principal: one that never held what they may not see.

use std::{iter, sync::Arc};

use ticketscope_model::{
    Change, Fact, FieldPatch, RawValue, TextClass, TextPart, TicketKey, TicketPatch, Timestamp, Value, fields,
};

use super::{Asker, Row, World};

impl World {
    /// The visible tickets of a principal as changes, each with the parts of its text that they may read and no other:
    /// one change for the fields of a ticket and one for each part, tickets in the order of their keys.
    ///
    /// Applied to a tenant with the same people and schema, whatever the order of tickets and of parts, they make the
    /// world in which every answer to this principal must be the same.
    pub fn pruned(&self, principal: &str, now: Timestamp) -> Vec<Vec<Change>> {
        let answers = self.answers(Asker::Principal(principal.to_owned()), now);
        let (private, side) = (self.rule(principal, "view_private"), self.rule(principal, "view_side"));
        let rows = answers.visible().filter_map(|key| Some((key, self.ticket(key)?)));
        rows.map(|(key, row)| {
            let mut changes = vec![self.ticket_change(key, row)];
            let readable = row.parts.values().filter(|part| match part.class {
                TextClass::Subject | TextClass::Description | TextClass::Public => true,
                TextClass::Private => private.covers(row),
                TextClass::Side => side.covers(row),
            });
            changes.extend(readable.map(|part| text_change(key, part)));
            changes
        })
        .collect()
    }

    /// A ticket with all its text as changes that make another one of the same content, [`Change`] by change; nothing if
    /// there is no such ticket.
    pub fn copy(&self, from: &TicketKey, to: &TicketKey) -> Option<Vec<Change>> {
        let row = self.ticket(from)?;
        let parts = row.parts.values().map(|part| text_change(to, part));
        Some(iter::once(self.ticket_change(to, row)).chain(parts).collect())
    }

    fn ticket_change(&self, key: &TicketKey, row: &Row) -> Change {
        let commenter = self.schema().by_id(fields::COMMENTER).map(|def| Arc::clone(&def.name));
        // Who commented follows from the parts.
        let stated = row.fields.iter().filter(|(name, _)| commenter.as_deref() != Some(name));
        // A new ticket is live; one whose life was unset has none.
        let life = self.schema().by_id(fields::LIFE).map(|def| Arc::clone(&def.name));
        let lifeless = life.filter(|name| !row.fields.contains_key(&**name));
        let fields = stated
            .map(|(name, values)| {
                let values: Vec<RawValue> = values.iter().map(raw).collect();
                let value = match <[RawValue; 1]>::try_from(values) {
                    Ok([only]) => only,
                    Err(values) => RawValue::List(values),
                };
                (name.as_str().into(), FieldPatch::Set(value))
            })
            .chain(lifeless.map(|name| (name, FieldPatch::Set(RawValue::Null))))
            .collect();
        let text = Vec::new();
        Change::state(Fact::Ticket(TicketPatch { key: key.clone(), fields, replace: false, text }))
    }
}

fn raw(value: &Value) -> RawValue {
    match value {
        Value::Keyword(text) => RawValue::Text(Arc::clone(text)),
        Value::Number(number) => RawValue::Float(*number),
        Value::Date(moment) => RawValue::Text(moment.to_string().into()),
    }
}

fn text_change(key: &TicketKey, part: &TextPart) -> Change {
    Change::state(Fact::Text { ticket: key.clone(), part: part.clone() })
}
