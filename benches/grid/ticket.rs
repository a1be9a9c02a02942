//! A ticket as every side takes it: the fields that the grid asks about, and its public text.

use std::sync::Arc;

use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TextClass, TextPart, TicketKey, TicketPatch, Timestamp};

/// A ticket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ticket {
    /// Its key.
    pub(crate) id: i64,
    /// Its group; every ticket has one, so that scopes of groups can cover all.
    pub(crate) group: Arc<str>,
    /// Its status, if it has one.
    pub(crate) status: Option<Arc<str>>,
    /// Its priority, if it has one.
    pub(crate) priority: Option<Arc<str>>,
    /// Its organization, if it has one.
    pub(crate) organization: Option<Arc<str>>,
    /// Its tags, each once.
    pub(crate) tags: Vec<Arc<str>>,
    /// When it was last changed, in milliseconds.
    pub(crate) updated: i64,
    /// Its public text: subject, description, comments, in this order.
    pub(crate) text: Vec<(TextClass, String)>,
}

/// A ticket with its history.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// As it is in the end.
    pub(crate) last: Ticket,
    /// As it first came, where it was changed later.
    pub(crate) first: Option<Ticket>,
}

/// Of a hundred tickets, how many get more text later.
const TEXT_CHANGED: u64 = 5;
/// Those, and the twenty of which only fields change: group, priority and time.
const CHANGED: u64 = 25;

impl Version {
    /// The history of the ticket with this number; `group` is one that it may have been in before.
    pub(crate) fn of(last: Ticket, number: u64, group: &Arc<str>) -> Self {
        // An odd factor runs through all remainders, so that the changed tickets lie scattered.
        let first = match number.wrapping_mul(61) % 100 {
            ..TEXT_CHANGED => Some(last.with_less_text()),
            TEXT_CHANGED..CHANGED => {
                let updated = last.updated - 86_400_000;
                Some(Ticket { group: Arc::clone(group), priority: None, updated, ..last.clone() })
            }
            _ => None,
        };
        Self { last, first }
    }
}

impl Ticket {
    fn with_less_text(&self) -> Self {
        let mut text = self.text.clone();
        if let Some((_, body)) = text.last_mut() {
            body.truncate(body.floor_char_boundary(body.len() / 2));
        }
        Self { text, updated: self.updated - 3_600_000, ..self.clone() }
    }

    /// As the change that makes it of what it was: of its fields alone where its text stays.
    pub(crate) fn change_from(&self, first: &Self) -> Change {
        if self.text != first.text {
            return self.change();
        }
        let patch = TicketPatch { key: TicketKey::Int(self.id), fields: self.fields(), replace: false, text: vec![] };
        Change::state(Fact::Ticket(patch))
    }

    fn fields(&self) -> Vec<(Arc<str>, FieldPatch)> {
        let known = |value: &Arc<str>| RawValue::Text(Arc::clone(value));
        let optional = |value: &Option<Arc<str>>| value.as_ref().map_or(RawValue::Null, known);
        let values = [
            ("group", known(&self.group)),
            ("status", optional(&self.status)),
            ("priority", optional(&self.priority)),
            ("organization", optional(&self.organization)),
            ("tags", RawValue::List(self.tags.iter().map(known).collect())),
            ("updated_at", RawValue::Text(Timestamp(self.updated).to_string().into())),
        ];
        values.into_iter().map(|(name, value)| (name.into(), FieldPatch::Set(value))).collect()
    }

    /// As the change that replaces the whole ticket.
    pub(crate) fn change(&self) -> Change {
        let text = (0..).zip(&self.text).map(|(at, (class, body))| TextPart {
            part: format!("{class}:{at}").into(),
            class: *class,
            lang: None,
            body: body.as_str().into(),
            author: None,
            at: None,
        });
        let (key, fields, text) = (TicketKey::Int(self.id), self.fields(), text.collect());
        Change::state(Fact::Ticket(TicketPatch { key, fields, replace: true, text }))
    }
}
