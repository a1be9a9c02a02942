//! The tenant as the oracle holds it: plain rows and plain texts.

use std::{collections::HashMap, sync::Arc};

use ticketscope_bitmap::{Index, number_from_key};
use ticketscope_engine::RecoverError;
use ticketscope_model::{
    Change, ExprSource, Fact, FieldDecl, FieldDef, FieldId, FieldKind, FieldPatch, PrincipalFact, RawValue, RoleFact,
    Schema, SchemaDecl, TextPart, TicketOrd, TicketPatch, Timestamp, fields,
};
use ticketscope_query::{
    Access, Snapshot,
    scope::{VIEW, VIEW_PRIVATE, VIEW_SIDE},
};
use ticketscope_testkit::oracle::World;

use super::askers::{Who, expression};
use crate::failure::Failure;

/// What reads the text of a ticket.
pub(super) type Texts<'t> = dyn Fn(TicketOrd) -> Result<Vec<TextPart>, RecoverError> + 't;

/// The tickets of `rebuilt` with their `texts`, and everybody with a role of their own that says what the scopes of each
/// say. Fails if a text cannot be read.
///
/// # Panics
/// If the oracle refuses a fact that is in force, which would be a fault of this program.
pub(super) fn world(
    snapshot: &Snapshot,
    rebuilt: &Index,
    texts: &Texts<'_>,
    everybody: &[Who],
) -> Result<World, Failure> {
    let schema = snapshot.schema();
    let mut world = World::new();
    apply(&mut world, Fact::Schema(declared(schema)));
    for (number, who) in everybody.iter().enumerate() {
        let Some(fact) = &who.principal else { continue };
        let role: Arc<str> = format!("role_{number}").into();
        let Access { view, private, side } = &who.access;
        let mut verbs = Vec::new();
        for (verb, scope) in [(VIEW, view), (VIEW_PRIVATE, private), (VIEW_SIDE, side)] {
            let expr = expression(schema, scope);
            world.teach(&expr);
            verbs.push((verb.into(), ExprSource::Text(expr.to_string().into())));
        }
        apply(&mut world, Fact::Role(RoleFact { id: Arc::clone(&role), verbs }));
        apply(&mut world, Fact::Principal(PrincipalFact { role: Some(role), active: true, ..fact.clone() }));
    }
    let mut strings = Strings::default();
    for ord in rebuilt.universe() {
        let text = texts(TicketOrd(ord))?;
        apply(&mut world, Fact::Ticket(TicketPatch { text, ..row(schema, rebuilt, ord, &mut strings) }));
    }
    Ok(world)
}

fn apply(world: &mut World, fact: Fact) {
    world.apply(&Change::state(fact)).expect("the oracle takes what the engine has taken");
}

/// What the tenant's schema says beyond the built-in one.
fn declared(schema: &Schema) -> SchemaDecl {
    let builtin = Schema::builtin();
    let new = |field: &&FieldDef| builtin.by_id(field.id) != Some(*field);
    let decl = |field: &FieldDef| FieldDecl { name: Arc::clone(&field.name), kind: field.kind, many: field.many };
    SchemaDecl {
        fields: schema.fields().iter().filter(new).map(decl).collect(),
        relations: Vec::new(),
        languages: schema.declared_languages().cloned().collect(),
    }
}

/// Values of keyword fields, each held once.
#[derive(Debug, Default)]
struct Strings(HashMap<(FieldId, u32), Arc<str>>);

impl Strings {
    fn get(&mut self, field: FieldId, code: u32, value: &str) -> Arc<str> {
        Arc::clone(self.0.entry((field, code)).or_insert_with(|| value.into()))
    }
}

/// A ticket as a patch that states each of its fields but `commenter`, which follows from its text.
fn row(schema: &Schema, index: &Index, ord: u32, strings: &mut Strings) -> TicketPatch {
    let mut patch =
        TicketPatch { key: index.key(TicketOrd(ord)), fields: Vec::new(), replace: false, text: Vec::new() };
    let mut has_life = false;
    for (id, column) in index.fields() {
        let Some(def) = schema.by_id(id).filter(|def| def.id != fields::COMMENTER) else { continue };
        let mut values = Vec::new();
        match def.kind {
            FieldKind::Date => {
                values.extend(column.number(ord).map(|at| RawValue::Text(Timestamp(at).to_string().into())));
            }
            FieldKind::Number => {
                values.extend(column.number(ord).map(|key| RawValue::Float(number_from_key(key))));
            }
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree | FieldKind::Flag | FieldKind::Text => {
                column.for_each_code(ord, |code| {
                    values.push(RawValue::Text(strings.get(id, code, column.value_of(code))));
                });
            }
        }
        if !values.is_empty() {
            has_life |= id == fields::LIFE;
            patch.fields.push((Arc::clone(&def.name), FieldPatch::Set(RawValue::List(values))));
        }
    }
    if !has_life {
        patch.fields.push(("life".into(), FieldPatch::Set(RawValue::Null)));
    }
    patch
}
