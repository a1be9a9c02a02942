//! Random directories, expressions and tickets over a handful of values, so that everything collides with everything.

use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::{
    FieldDecl, FieldKind, GroupFlags, Member, RelFact, Schema, SchemaDecl, TenantRelFact, ValueFact,
};

use super::{Ticket, principal};
use crate::{
    Directory, KNOWN_LEVELS,
    expr::{Expr, FieldRef, Set, tree_of},
};

pub(super) const FIELDS: [&str; 9] =
    ["life", "group", "department", "ref_dept", "assignee", "cc", "organization", "region", "skill"];
const MY: [&str; 7] =
    ["groups", "departments", "organizations", "shared_organizations", "led_groups", "brands", "extra"];
const TENANT: [&str; 5] = ["public_groups", "private_groups", "active_groups", "shared_organizations", "extra"];
const LIVES: [&str; 4] = ["live", "archived", "deleted", "spam"];

/// Which operators a random expression may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    /// Without `!` and `-`.
    Monotone,
    /// Without `!`, `-` and `no`.
    Positive,
}

pub(super) fn schema() -> Arc<Schema> {
    let field = |name: &str, kind, many| FieldDecl { name: name.into(), kind, many };
    let mut schema = Schema::builtin();
    let fields = vec![field("region", FieldKind::Tree, false), field("skill", FieldKind::Keyword, true)];
    schema.declare(&SchemaDecl { fields, relations: vec!["extra".into()], ..SchemaDecl::default() }).unwrap();
    Arc::new(schema)
}

pub(super) fn value(rng: &mut Rng) -> Arc<str> {
    rng.u8(0..6).to_string().into()
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(0..from.len())]
}

/// One fact, stated or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    Rel(RelFact),
    Tenant(TenantRelFact),
    Member(Member),
    Value(ValueFact),
}

pub(super) fn fact(rng: &mut Rng) -> Fact {
    match rng.u8(0..10) {
        0..5 => Fact::Rel(RelFact {
            principal: value(rng),
            rel: pick(rng, &MY).into(),
            value: value(rng),
            level: rng.bool().then(|| pick(rng, &KNOWN_LEVELS).into()),
        }),
        5 => Fact::Tenant(TenantRelFact { rel: pick(rng, &TENANT).into(), value: value(rng) }),
        6 | 7 => Fact::Member(Member { group: value(rng), user: value(rng) }),
        _ => {
            let mut flag = || if rng.u8(0..3) == 0 { None } else { Some(rng.bool()) };
            let flags = GroupFlags { public: flag(), active: flag(), shared: flag() };
            let field = pick(rng, &["group", "department", "organization", "region"]).into();
            Fact::Value(ValueFact { field, id: value(rng), parent: rng.bool().then(|| value(rng)), flags })
        }
    }
}

pub(super) fn state(directory: &mut Directory, fact: &Fact) {
    match fact {
        Fact::Rel(fact) => directory.set_rel(fact),
        Fact::Tenant(fact) => directory.set_tenant_rel(fact),
        Fact::Member(fact) => directory.set_member(fact),
        Fact::Value(fact) => directory.set_value(fact),
    }
}

pub(super) fn remove(directory: &mut Directory, fact: &Fact) {
    match fact {
        Fact::Rel(fact) => {
            directory.remove_rel(&fact.principal, &fact.rel, &fact.value, fact.level.as_deref());
        }
        Fact::Tenant(fact) => directory.remove_tenant_rel(&fact.rel, &fact.value),
        Fact::Member(fact) => directory.remove_member(fact),
        Fact::Value(fact) => directory.remove_value(&fact.field, &fact.id),
    }
}

/// A directory of six principals `0` to `5` and `facts` random facts.
pub(super) fn directory(rng: &mut Rng, schema: &Arc<Schema>, facts: usize) -> Directory {
    let mut directory = Directory::new(Arc::clone(schema));
    for id in 0..6 {
        directory.set_principal(&principal(&id.to_string(), None));
    }
    for _ in 0..facts {
        state(&mut directory, &fact(rng));
    }
    directory
}

pub(super) fn ticket(rng: &mut Rng, schema: &Schema) -> Ticket {
    let mut ticket = Ticket::default();
    for name in FIELDS {
        let field = schema.field(name).unwrap();
        let most = if field.many { 3 } else { 1 };
        let values: Vec<_> = (0..rng.usize(0..=most))
            .map(|_| if name == "life" { pick(rng, &LIVES).to_owned() } else { value(rng).to_string() })
            .collect();
        if !values.is_empty() {
            ticket.0.insert(field.id, values);
        }
    }
    ticket
}

/// A random expression in the form that the readers build, at most `depth` deep.
pub(super) fn expr(rng: &mut Rng, schema: &Schema, depth: usize, shape: Shape) -> Expr {
    Grower { rng, schema, shape, widens: false }.expr(depth)
}

struct Grower<'a> {
    rng: &'a mut Rng,
    schema: &'a Schema,
    shape: Shape,
    widens: bool,
}

impl Grower<'_> {
    fn expr(&mut self, depth: usize) -> Expr {
        let kinds = if depth == 0 { 7 } else { 12 };
        match self.rng.u8(0..kinds) {
            0 if self.rng.u8(0..4) == 0 => Expr::All,
            1 if self.rng.u8(0..4) == 0 => Expr::None,
            2 if self.shape != Shape::Positive => Expr::Unset(self.field()),
            7 | 8 if self.shape == Shape::Any => {
                self.widens = !self.widens;
                let inner = self.expr(depth - 1);
                self.widens = !self.widens;
                Expr::Not(Box::new(inner))
            }
            kind @ (7..10) => {
                let operands = (0..2 + usize::from(kind % 2)).map(|_| self.expr(depth - 1)).collect();
                Expr::and(operands)
            }
            10 | 11 => Expr::or((0..self.rng.usize(2..4)).map(|_| self.expr(depth - 1)).collect()),
            _ => {
                let field = self.field();
                if &*field.name == "life" {
                    let set = Set::Const((0..self.rng.usize(1..3)).map(|_| pick(self.rng, &LIVES).into()).collect());
                    return Expr::In { field, set };
                }
                let tree: Arc<str> = tree_of(&field.name).into();
                Expr::In { set: self.set(depth.min(3), &tree), field }
            }
        }
    }

    fn field(&mut self) -> FieldRef {
        let def = self.schema.field(pick(self.rng, &FIELDS)).unwrap();
        FieldRef { id: def.id, name: Arc::clone(&def.name) }
    }

    fn set(&mut self, depth: usize, tree: &Arc<str>) -> Set {
        let kinds = if depth == 0 { 6 } else { 11 };
        match self.rng.u8(0..kinds) {
            0 => Set::Me,
            1 => Set::Tenant { rel: pick(self.rng, &TENANT).into() },
            2 => {
                let least = usize::from(self.widens);
                let odd = ["me", "none", "a b", "\"\\", "-7", "{,}", "caf\u{e9}"];
                let values = (0..self.rng.usize(least..4))
                    .map(|_| if self.rng.bool() { value(self.rng) } else { pick(self.rng, &odd).into() })
                    .collect();
                Set::Const(values)
            }
            3 => {
                let known = self.widens || self.rng.bool();
                let level = if known { pick(self.rng, &KNOWN_LEVELS) } else { "odd" };
                Set::My { rel: pick(self.rng, &MY).into(), level: Some(level.into()) }
            }
            6 => Set::Members(Box::new(self.set(depth - 1, &"group".into()))),
            7 => Set::Under { tree: Arc::clone(tree), set: Box::new(self.set(depth - 1, tree)) },
            8 if self.shape == Shape::Any => {
                let left = self.set(depth - 1, tree);
                self.widens = !self.widens;
                let right = self.set(depth - 1, tree);
                self.widens = !self.widens;
                Set::Diff(Box::new(left), Box::new(right))
            }
            8..11 => Set::union((0..2).map(|_| self.set(depth - 1, tree)).collect()),
            _ => Set::My { rel: pick(self.rng, &MY).into(), level: None },
        }
    }
}
