//! The events format: one change of one field of one ticket a line.

use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketPatch};

use crate::{
    atom,
    error::{Fault, Problem, shown},
    json::{Cursor, object},
    names::Names,
};

const PLACE: &str = "event";
const KEYS: &[&str] = &["at", "ticket", "field", "from", "to", "by"];

/// `at` and `by` are checked and left: the times of a ticket are fields of their own.
pub(crate) fn change(cursor: &mut Cursor<'_>, names: &mut Names, many: &dyn Fn(&str) -> bool) -> Result<Change, Fault> {
    let start = cursor.at();
    let (mut at, mut ticket, mut field, mut from, mut to) = (None, None, None, None, None);
    object(cursor, |cursor, key, place| {
        match &*key {
            "at" => at = Some(atom::date(cursor, "at")?),
            "ticket" => ticket = Some(atom::ticket_key(cursor, "ticket")?),
            "field" => field = Some(atom::text(cursor, "field")?),
            "from" => from = Some(atom::scalar(cursor, "from", names)?),
            "to" => to = Some(atom::scalar(cursor, "to", names)?),
            "by" => drop(atom::optional_id(cursor, "by")?),
            _ => return Err(unknown_key(place, &key)),
        }
        Ok(())
    })?;
    let missing = |key| Fault { at: start, problem: Problem::MissingKey { key, place: PLACE } };
    at.ok_or_else(|| missing("at"))?;
    let key = ticket.ok_or_else(|| missing("ticket"))?;
    let field = field.ok_or_else(|| missing("field"))?;
    let name = names.shared(if field == "body" { "description" } else { &field });
    let fields = if many(&field) {
        let given = |value: Option<RawValue>| value.filter(|value| !value.is_unset());
        let removed = given(from).map(|value| (name.clone(), FieldPatch::Remove(value)));
        let added = given(to).map(|value| (name.clone(), FieldPatch::Add(value)));
        let fields: Vec<_> = removed.into_iter().chain(added).collect();
        if fields.is_empty() {
            return Err(Fault { at: start, problem: Problem::EmptyEvent { field: shown(&field) } });
        }
        fields
    } else {
        vec![(name, FieldPatch::Set(to.ok_or_else(|| missing("to"))?))]
    };
    Ok(Change::state(Fact::Ticket(TicketPatch { key, fields, replace: false, text: Vec::new() })))
}

fn unknown_key(at: usize, key: &str) -> Fault {
    Fault { at, problem: Problem::UnknownKey { key: shown(key), place: PLACE, known: KEYS } }
}
