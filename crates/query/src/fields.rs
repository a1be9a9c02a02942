use model::{FIRST_CUSTOM_FIELD, FieldDef, FieldId};
use ticketscope_model as model;

use crate::{Access, Snapshot};

/// The fields of which at least one visible ticket holds a value, ascending: all that there is to choose from. Texts are not
/// among them.
///
/// # Complexity
/// One pass over the visible tickets for each field.
pub fn fields(snapshot: &Snapshot, access: impl Into<Access>) -> Vec<FieldId> {
    let visible = snapshot.visible(&access.into().view);
    let held = snapshot.index().fields().filter(|(_, column)| column.has().and_len(visible.set()) > 0);
    let known = held.map(|(field, _)| field).filter(|field| snapshot.schema().by_id(*field).is_some());
    let mut fields: Vec<FieldId> = known.collect();
    fields.sort_unstable();
    fields
}

/// The field whose name is nearest to `name`, if it is near enough to be a slip of the finger: a built-in one, or one of
/// which a visible ticket holds a value. The name of another one would tell what hidden tickets hold.
pub fn nearest_field<'a>(snapshot: &'a Snapshot, access: impl Into<Access>, name: &str) -> Option<&'a str> {
    let held = fields(snapshot, access);
    let may_be_named = |def: &&FieldDef| def.id.0 < FIRST_CUSTOM_FIELD || held.contains(&def.id);
    let names = snapshot.schema().fields().iter().filter(may_be_named).map(|def| &*def.name);
    model::nearest(name, names)
}

#[cfg(test)]
mod tests;
