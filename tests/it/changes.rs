//! Short ways to write changes, as a help desk states them.

use ticketscope_model::{
    Change, ExprSource, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Member, PrincipalFact, RawValue, RelFact,
    RoleFact, SchemaDecl, TenantRelFact, TextClass, TextPart, TicketKey, TicketPatch, ValueFact,
};

pub(crate) fn key(text: &str) -> TicketKey {
    TicketKey::parse(text).unwrap()
}

/// A value as a line writes it: with commas between several, empty for none.
fn raw(text: &str) -> RawValue {
    match text.split(',').collect::<Vec<_>>()[..] {
        [_] => RawValue::Text(text.into()),
        ref several => RawValue::List(several.iter().map(|one| RawValue::Text((*one).into())).collect()),
    }
}

/// A patch of a ticket.
pub(crate) fn ticket(id: i64, fields: &[(&str, &str)]) -> Change {
    let fields = fields.iter().map(|(name, text)| ((*name).into(), FieldPatch::Set(raw(text)))).collect();
    Change::state(Fact::Ticket(TicketPatch { key: TicketKey::Int(id), fields, replace: false, text: Vec::new() }))
}

pub(crate) fn del(id: i64) -> Change {
    Change::state(Fact::Del(TicketKey::Int(id)))
}

pub(crate) fn text(id: i64, part: &str, class: TextClass, body: &str) -> Change {
    let part = TextPart { part: part.into(), class, lang: None, body: body.into(), author: None, at: None };
    Change::state(Fact::Text { ticket: TicketKey::Int(id), part })
}

/// A principal; without a role if `role` is empty.
pub(crate) fn principal(id: &str, role: &str) -> Change {
    Change::state(Fact::Principal(PrincipalFact {
        id: id.into(),
        role: (!role.is_empty()).then(|| role.into()),
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    }))
}

pub(crate) fn suspended(change: Change) -> Change {
    match change.fact {
        Fact::Principal(fact) => Change { fact: Fact::Principal(PrincipalFact { active: false, ..fact }), ..change },
        other => panic!("only a principal is suspended: {other:?}"),
    }
}

/// A relation of a principal; `value[level]` where the product grades it.
pub(crate) fn rel(principal: &str, rel: &str, value: &str) -> Change {
    let (value, level) = match value.split_once('[') {
        Some((value, level)) => (value, Some(level.trim_end_matches(']').into())),
        None => (value, None),
    };
    Change::state(Fact::Rel(RelFact { principal: principal.into(), rel: rel.into(), value: value.into(), level }))
}

pub(crate) fn tenant_rel(rel: &str, value: &str) -> Change {
    Change::state(Fact::TenantRel(TenantRelFact { rel: rel.into(), value: value.into() }))
}

pub(crate) fn member(group: &str, user: &str) -> Change {
    Change::state(Fact::Member(Member { group: group.into(), user: user.into() }))
}

/// A fact about a value: its parent (empty for none) and its flags by name, with a `!` for false.
pub(crate) fn value(field: &str, id: &str, parent: &str, flags: &str) -> Change {
    let flag = |name: &str| {
        flags.split(' ').find_map(|flag| (flag.trim_start_matches('!') == name).then(|| !flag.starts_with('!')))
    };
    let flags = GroupFlags { public: flag("public"), active: flag("active"), shared: flag("shared") };
    let parent = (!parent.is_empty()).then(|| parent.into());
    Change::state(Fact::Value(ValueFact { field: field.into(), id: id.into(), parent, flags }))
}

pub(crate) fn group(id: &str, flags: &str) -> Change {
    value("group", id, "", flags)
}

/// A custom role: verbs and expressions.
pub(crate) fn role(id: &str, verbs: &[(&str, &str)]) -> Change {
    let verbs = verbs.iter().map(|(verb, expr)| ((*verb).into(), ExprSource::Text((*expr).into()))).collect();
    Change::state(Fact::Role(RoleFact { id: id.into(), verbs }))
}

pub(crate) fn field(name: &str, kind: FieldKind, many: bool) -> Change {
    let fields = vec![FieldDecl { name: name.into(), kind, many }];
    Change::state(Fact::Schema(SchemaDecl { fields, ..SchemaDecl::default() }))
}

pub(crate) fn gone(change: Change) -> Change {
    Change { gone: true, ..change }
}

pub(crate) fn at_rev(rev: i64, change: Change) -> Change {
    Change { rev: Some(rev), ..change }
}
