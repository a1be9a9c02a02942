//! Tests of the whole crate: laws on random data, tables for the rest.

mod facts;
mod json;
mod laws;
mod presets;
mod random;
mod reasons;
mod roles;
mod text;
mod vectors;

use std::collections::BTreeMap;

use ticketscope_model::{FieldId, PrincipalFact, Schema, TicketFields};

use crate::Expr;

/// A ticket as a map.
#[derive(Debug, Clone, Default)]
struct Ticket(BTreeMap<FieldId, Vec<String>>);

impl Ticket {
    fn of(values: &[(&str, &str)]) -> Self {
        let schema = Schema::builtin();
        let mut ticket = Self::default();
        for (field, value) in values {
            let id = schema.field(field).unwrap().id;
            ticket.0.entry(id).or_default().push((*value).to_owned());
        }
        ticket
    }
}

impl TicketFields for Ticket {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.0.get(&field).into_iter().flatten().any(|value| test(value))
    }

    fn is_unset(&self, field: FieldId) -> bool {
        self.0.get(&field).is_none_or(Vec::is_empty)
    }
}

fn principal(id: &str, role: Option<&str>) -> PrincipalFact {
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

fn expr(text: &str) -> Expr {
    Expr::parse(text, &Schema::builtin()).unwrap_or_else(|e| panic!("{text}: {e}"))
}
