//! Single facts with nothing in them but what a test is about.

use model::{Change, Fact, FieldPatch, PrincipalFact, RawValue, RelFact, TextClass, TextPart, TicketKey, TicketPatch};
use ticketscope_model as model;

/// A ticket with a status.
#[must_use]
pub fn ticket(number: i64, status: &str) -> Change {
    let fields = vec![("status".into(), FieldPatch::Set(RawValue::Text(status.into())))];
    Change::state(Fact::Ticket(TicketPatch { key: TicketKey::Int(number), fields, replace: false, text: Vec::new() }))
}

/// A part of a ticket's text, of nobody and no time.
#[must_use]
pub fn text(number: i64, part: &str, class: TextClass, body: &str) -> Change {
    let part = TextPart { part: part.into(), class, lang: None, body: body.into(), author: None, at: None };
    Change::state(Fact::Text { ticket: TicketKey::Int(number), part })
}

/// An active principal, who is called nothing.
#[must_use]
pub fn principal(id: &str, role: Option<&str>) -> PrincipalFact {
    PrincipalFact {
        id: id.into(),
        role: role.map(Into::into),
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    }
}

/// A relation of a principal to a value, without a level.
#[must_use]
pub fn rel(principal: &str, rel: &str, value: &str) -> RelFact {
    RelFact { principal: principal.into(), rel: rel.into(), value: value.into(), level: None }
}
