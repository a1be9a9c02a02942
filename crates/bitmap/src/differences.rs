use ticketscope_model::{FieldId, TicketOrd};

use crate::{FieldIndex, Index, ORDERED, TicketSet};

/// What the index in force says otherwise than the one rebuilt from the state, compared by what they say and not by how
/// they hold it: nothing if they are alike, some examples for people if not. Linear in both.
pub fn differences(published: &Index, rebuilt: &Index) -> Vec<String> {
    let mut found = Vec::new();
    if published.ordinals() != rebuilt.ordinals() || !same(published.universe(), rebuilt.universe()) {
        found.push("index: the tickets in force are not those of the state".to_owned());
        return found;
    }
    let mut ords = rebuilt.universe().iter();
    if let Some(ord) = ords.find(|ord| published.key(TicketOrd(*ord)) != rebuilt.key(TicketOrd(*ord))) {
        found.push(format!("index: ordinal {ord} has another key"));
    }
    let mut ords = rebuilt.universe().iter();
    if let Some(ord) = ords.find(|ord| published.find(&rebuilt.key(TicketOrd(*ord))) != Some(TicketOrd(*ord))) {
        found.push(format!("index: ticket {} is not found by its key", rebuilt.key(TicketOrd(ord))));
    }
    for id in fields(published, rebuilt) {
        let what = match (published.field(id), rebuilt.field(id)) {
            (Some(a), Some(b)) => field(a, b, rebuilt.universe()),
            _ => Some("is missing on one side".to_owned()),
        };
        found.extend(what.map(|what| format!("index: field #{}: {what}", id.0)));
    }
    for id in ORDERED {
        let (a, b) = (published.order(id), rebuilt.order(id));
        let same = match (a, b) {
            (Some(a), Some(b)) => a.iter_from(0).eq(b.iter_from(0)),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !same {
            found.push(format!("index: the newest-first order of field #{} differs", id.0));
        }
    }
    found
}

/// The fields of which any ticket has a value in either.
fn fields(a: &Index, b: &Index) -> Vec<FieldId> {
    let held = |(_, column): &(FieldId, &FieldIndex)| !column.has().is_empty();
    let mut ids: Vec<FieldId> = a.fields().filter(held).chain(b.fields().filter(held)).map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn same(a: &TicketSet, b: &TicketSet) -> bool {
    a.iter().eq(b.iter())
}

/// The first difference of a field: its tickets, its posting lists by value, its column.
fn field(a: &FieldIndex, b: &FieldIndex, universe: &TicketSet) -> Option<String> {
    if !same(a.has(), b.has()) {
        return Some("other tickets have a value".to_owned());
    }
    for (one, other) in [(a, b), (b, a)] {
        for code in (0..one.codes()).filter(|code| one.tickets_len(*code) > 0) {
            let value = one.value_of(code);
            let tickets = other.code_of(value).map_or_else(TicketSet::empty, |code| other.tickets(code));
            if !same(&one.tickets(code), &tickets) {
                return Some(format!("other tickets have `{value}`"));
            }
        }
    }
    let row = |field: &FieldIndex, ord: u32| {
        let mut values = Vec::new();
        field.for_each_code(ord, |code| values.push(field.value_of(code).to_owned()));
        values.sort_unstable();
        // The number behind a keyword is its code, which need not be the same.
        (values, (field.codes() == 0).then(|| field.number(ord)))
    };
    universe.iter().find(|ord| row(a, *ord) != row(b, *ord)).map(|ord| format!("ordinal {ord} has other values"))
}
