//! Everything that was stated about people, roles and values: the rows behind the directory.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use model::{
    ExprSource, FieldDecl, FieldKind, GroupFlags, Member, PrincipalFact, RelFact, RoleFact, SchemaDecl, TenantRelFact,
    ValueFact,
};
use scope::Directory;
use ticketscope_model as model;
use ticketscope_scope as scope;

use crate::{
    revs::Weight,
    wire::{Malformed, Reader, Writer},
};

/// Names one fact. The order is that of the rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FactKey {
    /// What the tenant declared, all of it in one fact.
    Schema,
    Role(Arc<str>),
    Value(Arc<str>, Arc<str>),
    TenantRel(Arc<str>, Arc<str>),
    Principal(Arc<str>),
    Rel(Arc<str>, Arc<str>, Arc<str>, Option<Arc<str>>),
    /// The revision up to which every level of a relation was removed.
    RelFloor(Arc<str>, Arc<str>, Arc<str>),
    Member(Arc<str>, Arc<str>),
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// Beyond being stated, nothing.
    Stated,
    Schema(SchemaDecl),
    Role(RoleFact),
    Value(ValueFact),
    Principal(PrincipalFact),
}

/// A fact and the highest revision seen of it; no state if it was removed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FactCell {
    pub(crate) rev: Option<i64>,
    pub(crate) state: Option<State>,
}

/// All facts of a tenant.
pub(crate) type Facts = BTreeMap<FactKey, FactCell>;

impl State {
    fn canonical(&self) -> Vec<String> {
        let optional = |text: &Option<Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
        let flag = |flag: Option<bool>| flag.map_or_else(String::new, |flag| flag.to_string());
        match self {
            Self::Stated | Self::Schema(_) => Vec::new(),
            Self::Role(role) => {
                let mut verbs: Vec<_> = role.verbs.iter().collect();
                verbs.sort_by(|a, b| a.0.cmp(&b.0));
                let text = |source: &ExprSource| match source {
                    ExprSource::Text(text) | ExprSource::Json(text) => text.to_string(),
                };
                verbs.into_iter().flat_map(|(verb, source)| [verb.to_string(), text(source)]).collect()
            }
            Self::Value(fact) => {
                let GroupFlags { public, active, shared } = fact.flags;
                vec![optional(&fact.parent), flag(public), flag(active), flag(shared)]
            }
            Self::Principal(fact) => vec![
                optional(&fact.role),
                fact.active.to_string(),
                optional(&fact.name),
                optional(&fact.email),
                optional(&fact.locale),
                optional(&fact.time_zone),
            ],
        }
    }
}

/// Compares what two statements of one fact say.
pub(crate) fn compare_states(a: Option<&State>, b: Option<&State>) -> Ordering {
    let weight = |state: Option<&State>| state.map_or(Weight::Removal, |state| Weight::Something(state.canonical()));
    weight(a).cmp(&weight(b))
}

impl FactKey {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let (kind, parts): (u8, Vec<&Arc<str>>) = match self {
            Self::Schema => (1, vec![]),
            Self::Role(id) => (2, vec![id]),
            Self::Value(field, id) => (3, vec![field, id]),
            Self::TenantRel(rel, value) => (4, vec![rel, value]),
            Self::Principal(id) => (5, vec![id]),
            Self::Rel(principal, rel, value, level) => (6, [principal, rel, value].into_iter().chain(level).collect()),
            Self::RelFloor(principal, rel, value) => (7, vec![principal, rel, value]),
            Self::Member(group, user) => (8, vec![group, user]),
        };
        out.byte(kind);
        for part in parts {
            out.text(part);
        }
        out.0
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(row);
        let kind = input.byte()?;
        let mut part = || input.text().map(Arc::<str>::from);
        let key = match kind {
            1 => Self::Schema,
            2 => Self::Role(part()?),
            3 => Self::Value(part()?, part()?),
            4 => Self::TenantRel(part()?, part()?),
            5 => Self::Principal(part()?),
            6 => {
                let (principal, rel, value) = (part()?, part()?, part()?);
                let level = if input.is_empty() { None } else { Some(input.text()?.into()) };
                Self::Rel(principal, rel, value, level)
            }
            7 => Self::RelFloor(part()?, part()?, part()?),
            8 => Self::Member(part()?, part()?),
            _ => return Err(input.malformed()),
        };
        if input.is_empty() { Ok(key) } else { Err(input.malformed()) }
    }

    /// States or removes the fact in a directory. A role was checked when it was stated.
    pub(crate) fn apply(&self, state: Option<&State>, directory: &mut Directory) -> Result<(), scope::RoleError> {
        match (self, state) {
            (Self::Schema | Self::RelFloor(..), _) => {}
            (Self::Role(_), Some(State::Role(fact))) => directory.set_role(fact)?,
            (Self::Role(id), _) => directory.remove_role(id),
            (Self::Value(..), Some(State::Value(fact))) => directory.set_value(fact),
            (Self::Value(field, id), _) => directory.remove_value(field, id),
            (Self::TenantRel(rel, value), Some(_)) => {
                directory.set_tenant_rel(&TenantRelFact { rel: Arc::clone(rel), value: Arc::clone(value) });
            }
            (Self::TenantRel(rel, value), None) => directory.remove_tenant_rel(rel, value),
            (Self::Principal(_), Some(State::Principal(fact))) => directory.set_principal(fact),
            (Self::Principal(id), _) => directory.remove_principal(id),
            (Self::Rel(principal, rel, value, level), Some(_)) => directory.set_rel(&RelFact {
                principal: Arc::clone(principal),
                rel: Arc::clone(rel),
                value: Arc::clone(value),
                level: level.clone(),
            }),
            (Self::Rel(principal, rel, value, Some(level)), None) => {
                directory.remove_rel(principal, rel, value, Some(level));
            }
            (Self::Rel(principal, rel, value, None), None) => directory.remove_ungraded_rel(principal, rel, value),
            (Self::Member(group, user), state) => {
                let member = Member { group: Arc::clone(group), user: Arc::clone(user) };
                if state.is_some() { directory.set_member(&member) } else { directory.remove_member(&member) }
            }
        }
        Ok(())
    }
}

impl FactCell {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.option(self.rev, Writer::signed);
        out.option(self.state.as_ref(), write_state);
        out.0
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(row);
        let cell = Self { rev: input.option(Reader::signed)?, state: input.option(read_state)? };
        if input.is_empty() { Ok(cell) } else { Err(input.malformed()) }
    }
}

fn write_state(out: &mut Writer, state: &State) {
    let optional = |out: &mut Writer, text: &Option<Arc<str>>| out.option(text.as_deref(), Writer::text);
    match state {
        State::Stated => out.byte(0),
        State::Schema(decl) => {
            out.byte(if decl.languages.is_empty() { 1 } else { 5 });
            out.size(decl.fields.len());
            for field in &decl.fields {
                out.text(&field.name);
                out.text(field.kind.name());
                out.byte(u8::from(field.many));
            }
            out.size(decl.relations.len());
            decl.relations.iter().for_each(|name| out.text(name));
            if !decl.languages.is_empty() {
                out.size(decl.languages.len());
                decl.languages.iter().for_each(|code| out.text(code));
            }
        }
        State::Role(role) => {
            out.byte(2);
            out.text(&role.id);
            out.size(role.verbs.len());
            for (verb, source) in &role.verbs {
                out.text(verb);
                match source {
                    ExprSource::Text(text) => {
                        out.byte(0);
                        out.text(text);
                    }
                    ExprSource::Json(text) => {
                        out.byte(1);
                        out.text(text);
                    }
                }
            }
        }
        State::Value(fact) => {
            out.byte(3);
            out.text(&fact.field);
            out.text(&fact.id);
            optional(out, &fact.parent);
            for flag in [fact.flags.public, fact.flags.active, fact.flags.shared] {
                out.option(flag, |out, flag| out.byte(u8::from(flag)));
            }
        }
        State::Principal(fact) => {
            out.byte(4);
            out.text(&fact.id);
            out.byte(u8::from(fact.active));
            for text in [&fact.role, &fact.name, &fact.email, &fact.locale, &fact.time_zone] {
                optional(out, text);
            }
        }
    }
}

fn read_state(input: &mut Reader<'_>) -> Result<State, Malformed> {
    let optional = |input: &mut Reader<'_>| Ok(input.option(Reader::text)?.map(Arc::<str>::from));
    Ok(match input.byte()? {
        0 => State::Stated,
        kind @ (1 | 5) => {
            let mut decl = SchemaDecl::default();
            for _ in 0..input.count()? {
                let name = input.text()?.into();
                let kind: FieldKind = input.text()?.parse().or(Err(input.malformed()))?;
                decl.fields.push(FieldDecl { name, kind, many: input.byte()? == 1 });
            }
            for _ in 0..input.count()? {
                decl.relations.push(input.text()?.into());
            }
            if kind == 5 {
                for _ in 0..input.count()? {
                    decl.languages.push(input.text()?.into());
                }
            }
            State::Schema(decl)
        }
        2 => {
            let id = input.text()?.into();
            let mut verbs = Vec::new();
            for _ in 0..input.count()? {
                let verb = input.text()?.into();
                let source = match input.byte()? {
                    0 => ExprSource::Text(input.text()?.into()),
                    1 => ExprSource::Json(input.text()?.into()),
                    _ => return Err(input.malformed()),
                };
                verbs.push((verb, source));
            }
            State::Role(RoleFact { id, verbs })
        }
        3 => {
            let (field, id, parent) = (input.text()?.into(), input.text()?.into(), optional(input)?);
            let mut flag = || input.option(|input| Ok(input.byte()? == 1));
            let flags = GroupFlags { public: flag()?, active: flag()?, shared: flag()? };
            State::Value(ValueFact { field, id, parent, flags })
        }
        4 => {
            let (id, active) = (input.text()?.into(), input.byte()? == 1);
            State::Principal(PrincipalFact {
                id,
                active,
                role: optional(input)?,
                name: optional(input)?,
                email: optional(input)?,
                locale: optional(input)?,
                time_zone: optional(input)?,
            })
        }
        _ => return Err(input.malformed()),
    })
}
