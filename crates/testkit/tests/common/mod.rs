//! Short ways to write changes.
#![expect(unreachable_pub, reason = "every test binary uses what it needs")]
#![allow(dead_code, reason = "every test binary uses what it needs")]

use ticketscope_model::{
    Change, ExprSource, Fact, FieldPatch, GroupFlags, Member, RawValue, RelFact, RoleFact, TenantRelFact, TextClass,
    TextPart, TicketKey, TicketPatch, ValueFact,
};
use ticketscope_testkit::{
    oracle::{Expr, Refusal, World},
    plain,
};

pub fn raw(value: &str) -> RawValue {
    RawValue::Text(value.into())
}

pub fn patch(key: i64, fields: &[(&str, RawValue)]) -> TicketPatch {
    let fields = fields.iter().map(|(name, raw)| ((*name).into(), FieldPatch::Set(raw.clone()))).collect();
    TicketPatch { key: TicketKey::Int(key), fields, replace: false, text: Vec::new() }
}

pub fn ticket(key: i64, fields: &[(&str, &str)]) -> Change {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, raw(value))).collect();
    Change::state(Fact::Ticket(patch(key, &fields)))
}

pub fn del(key: i64) -> Change {
    Change::state(Fact::Del(TicketKey::Int(key)))
}

pub fn text(key: i64, part: &str, class: TextClass, author: &str, body: &str) -> Change {
    let author = (!author.is_empty()).then(|| author.into());
    let part = TextPart { part: part.into(), class, lang: None, body: body.into(), author, at: None };
    Change::state(Fact::Text { ticket: TicketKey::Int(key), part })
}

pub fn principal(id: &str, role: &str) -> Change {
    Change::state(Fact::Principal(plain::principal(id, Some(role))))
}

pub fn rel(principal: &str, rel: &str, value: &str) -> Change {
    rel_at(principal, rel, value, None)
}

pub fn rel_at(principal: &str, rel: &str, value: &str, level: Option<&str>) -> Change {
    Change::state(Fact::Rel(RelFact {
        principal: principal.into(),
        rel: rel.into(),
        value: value.into(),
        level: level.map(Into::into),
    }))
}

pub fn tenant_rel(rel: &str, value: &str) -> Change {
    Change::state(Fact::TenantRel(TenantRelFact { rel: rel.into(), value: value.into() }))
}

pub fn member(group: &str, user: &str) -> Change {
    Change::state(Fact::Member(Member { group: group.into(), user: user.into() }))
}

pub fn value(field: &str, id: &str, parent: Option<&str>, flags: GroupFlags) -> Change {
    Change::state(Fact::Value(ValueFact { field: field.into(), id: id.into(), parent: parent.map(Into::into), flags }))
}

pub fn role(id: &str, view: &Expr) -> Change {
    let verbs = vec![("view".into(), ExprSource::Text(view.to_string().into()))];
    Change::state(Fact::Role(RoleFact { id: id.into(), verbs }))
}

pub fn at(rev: i64, change: Change) -> Change {
    Change { rev: Some(rev), ..change }
}

pub fn gone(change: Change) -> Change {
    Change { gone: true, ..change }
}

pub fn world(changes: &[Change]) -> World {
    let mut world = World::new();
    apply(&mut world, changes);
    world
}

pub fn apply(world: &mut World, changes: &[Change]) {
    for change in changes {
        assert_eq!(world.apply(change), Ok(()), "{change:?}");
    }
}

pub fn refused(world: &mut World, change: &Change) -> Refusal {
    let before = world.clone();
    let refusal = world.apply(change).expect_err("the change is refused");
    assert_eq!(*world, before, "a refused change changes nothing");
    refusal
}

/// A field of a ticket as text, values separated by commas; empty if it has none.
pub fn field(world: &World, key: i64, name: &str) -> String {
    let row = world.ticket(&TicketKey::Int(key)).expect("the ticket exists");
    row.keywords(name).collect::<Vec<_>>().join(",")
}

pub fn exists(world: &World, key: i64) -> bool {
    world.ticket(&TicketKey::Int(key)).is_some()
}
