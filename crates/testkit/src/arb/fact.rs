//! Random facts.

use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::{
    ExprSource, Fact, FieldDef, FieldKind, FieldPatch, GroupFlags, Member, PrincipalFact, RawValue, RelFact, RoleFact,
    TenantRelFact, TextClass, TextPart, TicketKey, TicketPatch, Timestamp, ValueFact,
};

use super::{
    Scene, chance, pick,
    words::{DATES, LEVELS, NUMBERS, ROLES, TEXT},
};
use crate::oracle::Expr;

impl Scene {
    pub(super) fn principal(&self, rng: &mut Rng, id: &str) -> Fact {
        let role = chance(rng, 92).then(|| pick(rng, &self.roles).as_str().into());
        // Somebody's name may be somebody else's id.
        let name = chance(rng, 20).then(|| pick(rng, &self.people).to_uppercase().into());
        let email = chance(rng, 10).then(|| pick(rng, &self.people).as_str().into());
        Fact::Principal(PrincipalFact {
            id: id.into(),
            role,
            active: chance(rng, 90),
            name,
            email,
            locale: None,
            time_zone: None,
        })
    }

    /// A custom role, and the expressions that it names.
    pub(super) fn role(&self, rng: &mut Rng, id: &str) -> (Fact, Vec<Expr>) {
        let mut verbs: Vec<(Arc<str>, ExprSource)> = Vec::new();
        let mut expressions = Vec::new();
        for verb in ["view", "view_private", "edit"] {
            if chance(rng, if verb == "view" { 95 } else { 30 }) {
                let expr = self.expr(rng, 3);
                verbs.push((verb.into(), ExprSource::Text(expr.to_string().into())));
                expressions.push(expr);
            }
        }
        (Fact::Role(RoleFact { id: id.into(), verbs }), expressions)
    }

    pub(super) fn any_role(&self, rng: &mut Rng) -> (Fact, Vec<Expr>) {
        let id = *pick(rng, ROLES);
        self.role(rng, id)
    }

    /// A relation of a principal. `level` is one of few, or none.
    pub(super) fn rel(&self, rng: &mut Rng) -> Fact {
        let rel = Self::relation(rng, false);
        let graded = rel == "groups_graded" || chance(rng, 10);
        Fact::Rel(RelFact {
            principal: self.person(rng),
            rel: rel.into(),
            value: pick(rng, self.values_of(rel)).as_str().into(),
            level: (graded && chance(rng, 85)).then(|| (*pick(rng, LEVELS)).into()),
        })
    }

    pub(super) fn member(&self, rng: &mut Rng) -> Fact {
        Fact::Member(Member { group: pick(rng, self.values_of("group")).as_str().into(), user: self.person(rng) })
    }

    pub(super) fn tenant_rel(&self, rng: &mut Rng) -> Fact {
        let rel = Self::relation(rng, true);
        let value = pick(rng, self.values_of(rel)).as_str().into();
        Fact::TenantRel(TenantRelFact { rel: rel.into(), value })
    }

    /// Flags and parent of a value; parents may go in a circle.
    pub(super) fn value(&self, rng: &mut Rng) -> Fact {
        let mut fields = vec!["group", "group", "department", "department", "organization", "brand"];
        if self.schema.field("region").is_some() {
            fields.push("region");
        }
        let field = *pick(rng, &fields);
        let flag = |rng: &mut Rng| *pick(rng, &[None, Some(true), Some(false)]);
        Fact::Value(ValueFact {
            field: field.into(),
            id: pick(rng, self.values_of(field)).as_str().into(),
            parent: chance(rng, 50).then(|| pick(rng, self.values_of(field)).as_str().into()),
            flags: GroupFlags { public: flag(rng), active: flag(rng), shared: flag(rng) },
        })
    }

    /// A patch of at most `most` fields, no field twice. Without `adds`, it only sets.
    pub(super) fn patch(&self, rng: &mut Rng, most: usize, adds: bool) -> TicketPatch {
        let mut fields: Vec<_> = self.fields().collect();
        rng.shuffle(&mut fields);
        fields.truncate(rng.usize(1..=most));
        let fields = fields.into_iter().map(|field| {
            let change = if adds && field.kind != FieldKind::Text && chance(rng, 20) {
                let one = self.raw_one(rng, field);
                if chance(rng, 60) { FieldPatch::Add(one) } else { FieldPatch::Remove(one) }
            } else {
                FieldPatch::Set(self.raw(rng, field))
            };
            (Arc::clone(&field.name), change)
        });
        let fields = fields.collect();
        TicketPatch { key: self.key(rng), fields, replace: false, text: Vec::new() }
    }

    /// The whole of a ticket.
    pub(super) fn replacement(&self, rng: &mut Rng) -> TicketPatch {
        let mut parts = vec!["c1", "c2", "c3"];
        parts.retain(|_| rng.bool());
        let text = parts.into_iter().map(|part| part_of(self, rng, part)).collect();
        TicketPatch { replace: true, text, ..self.patch(rng, 30, false) }
    }

    pub(super) fn text(&self, rng: &mut Rng) -> Fact {
        let part = *pick(rng, &["c1", "c2", "c3", "subject", "description"]);
        Fact::Text { ticket: self.key(rng), part: part_of(self, rng, part) }
    }

    pub(super) fn key(&self, rng: &mut Rng) -> TicketKey {
        pick(rng, &self.keys).clone()
    }

    fn person(&self, rng: &mut Rng) -> Arc<str> {
        pick(rng, &self.people).as_str().into()
    }

    /// What a file may write for a field: a value, a list, or one of the forms that unset it.
    fn raw(&self, rng: &mut Rng, field: &FieldDef) -> RawValue {
        if chance(rng, 15) {
            return pick(rng, &[RawValue::Null, RawValue::Text("".into()), RawValue::List(Vec::new())]).clone();
        }
        if field.many && chance(rng, 80) {
            let count = rng.usize(..4);
            return RawValue::List((0..count).map(|_| self.raw_one(rng, field)).collect());
        }
        self.raw_one(rng, field)
    }

    fn raw_one(&self, rng: &mut Rng, field: &FieldDef) -> RawValue {
        match field.kind {
            FieldKind::Flag => RawValue::Bool(rng.bool()),
            FieldKind::Number => RawValue::Float(*pick(rng, NUMBERS)),
            FieldKind::Date => RawValue::Text((*pick(rng, DATES)).into()),
            FieldKind::Text => RawValue::Text(sentence(rng)),
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree => {
                let value = pick(rng, self.values_of(&field.name)).as_str();
                match TicketKey::parse(value) {
                    // An id may come as a number or as a string.
                    Ok(TicketKey::Int(number)) if rng.bool() => RawValue::Int(number),
                    _ => RawValue::Text(value.into()),
                }
            }
        }
    }
}

fn part_of(scene: &Scene, rng: &mut Rng, part: &str) -> TextPart {
    TextPart {
        part: part.into(),
        class: *pick(rng, &TextClass::ALL),
        lang: chance(rng, 30).then(|| (*pick(rng, &["en", "fr"])).into()),
        body: sentence(rng),
        author: chance(rng, 70).then(|| scene.person(rng)),
        at: chance(rng, 50).then(|| Timestamp(scene.now.0 - rng.i64(0..1_000_000))),
    }
}

fn sentence(rng: &mut Rng) -> Arc<str> {
    let words: Vec<_> = (0..rng.usize(1..6)).map(|_| *pick(rng, TEXT)).collect();
    words.join(" ").into()
}
