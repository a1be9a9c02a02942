//! A tenant as plain facts, and how a change alters it.

use std::collections::{BTreeMap, BTreeSet};

use ticketscope_model::{
    Change, Complete, ExprSource, Fact, FieldDef, FieldKind, FieldPatch, Listing, PrincipalFact, RawValue, RelFact,
    RelationSide, RoleFact, Schema, SchemaDecl, TextClass, TextPart, TicketKey, TicketPatch, Value, ValueFact,
};

use super::{
    Expr, Refusal, Row,
    listing::{Listable, Seen},
    presets,
    revision::{Canonical, Cell, Stated},
    ticket::{FieldChange, Ticket},
};

/// A tenant as plain facts.
///
/// Two worlds are equal if they hold the same facts and would treat every further change alike.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    schema: Schema,
    taught: BTreeMap<String, Expr>,
    roles: BTreeMap<String, Cell<Role>>,
    values: BTreeMap<(String, String), Cell<ValueFact>>,
    tenant_relations: BTreeMap<(String, String), Cell<Stated>>,
    principals: BTreeMap<String, Cell<PrincipalFact>>,
    /// By principal, relation and value.
    relations: BTreeMap<(String, String, String), Grades>,
    /// By group and user.
    members: BTreeMap<(String, String), Cell<Stated>>,
    tickets: BTreeMap<TicketKey, Ticket>,
    seen: Seen,
}

/// Verb to expression.
type Role = BTreeMap<String, Expr>;

/// The levels at which one value of a relation is held; no level is a level of its own.
#[derive(Debug, Clone, PartialEq, Default)]
struct Grades {
    /// Up to this revision every level was removed.
    floor: Option<i64>,
    levels: BTreeMap<Option<String>, Cell<Stated>>,
}

impl World {
    /// A tenant without facts, which knows the presets of [`presets::all`].
    pub fn new() -> Self {
        Self {
            schema: Schema::builtin(),
            taught: BTreeMap::new(),
            roles: BTreeMap::new(),
            values: BTreeMap::new(),
            tenant_relations: BTreeMap::new(),
            principals: BTreeMap::new(),
            relations: BTreeMap::new(),
            members: BTreeMap::new(),
            tickets: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Tells the world which tree an expression's text means: it parses nothing itself. To be called before the role
    /// line that holds the text is applied.
    pub fn teach(&mut self, expr: &Expr) {
        self.taught.insert(expr.to_string(), expr.clone());
    }

    /// Begins an import: full listings count, and keep, what is stated from here on.
    pub fn begin_import(&mut self) {
        self.seen = Seen::default();
    }

    /// Applies a change.
    ///
    /// # Errors
    /// [`Refusal`]; the world is then unchanged.
    pub fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        let (rev, gone) = (change.rev, change.gone);
        match &change.fact {
            Fact::Schema(_) | Fact::Complete(_) if gone => Err(Refusal::NotRemovable),
            Fact::Schema(decl) => self.declare(decl),
            Fact::Role(role) => self.apply_role(rev, gone, role),
            Fact::Value(line) => self.apply_value(rev, gone, line),
            Fact::TenantRel(fact) => {
                let rel = self.relation_on(&fact.rel, RelationSide::Tenant)?;
                let cell = self.tenant_relations.entry((rel, fact.value.to_string())).or_default();
                cell.offer(rev, (!gone).then_some(Stated));
                Ok(())
            }
            Fact::Principal(principal) => {
                self.principals
                    .entry(principal.id.to_string())
                    .or_default()
                    .offer(rev, (!gone).then(|| principal.clone()));
                self.note(gone, Listable::Principal(principal.id.to_string()));
                Ok(())
            }
            Fact::Rel(fact) => self.apply_relation(rev, gone, fact),
            Fact::Member(member) => {
                let (group, user) = (member.group.to_string(), member.user.to_string());
                let cell = self.members.entry((group.clone(), user.clone())).or_default();
                cell.offer(rev, (!gone).then_some(Stated));
                self.note(gone, Listable::Member { group, user });
                Ok(())
            }
            Fact::Ticket(patch) if gone => {
                self.erase(rev, &patch.key);
                Ok(())
            }
            Fact::Ticket(patch) => self.apply_patch(rev, patch),
            Fact::Text { ticket, part } => {
                let Some(found) = self.tickets.get_mut(ticket).filter(|found| found.row().is_some()) else {
                    return Err(Refusal::NoTicket(ticket.clone()));
                };
                if !gone {
                    found.state_existence(rev);
                }
                found.change_part(rev, &part.part, (!gone).then(|| part.clone()));
                found.refresh();
                Ok(())
            }
            Fact::Del(key) => {
                self.erase(rev, key);
                Ok(())
            }
            Fact::Complete(complete) => self.complete(rev, *complete),
        }
    }

    /// Which fields and relations the tenant knows.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Every ticket, by key.
    pub fn tickets(&self) -> impl Iterator<Item = (&TicketKey, &Row)> {
        self.tickets.iter().filter_map(|(key, ticket)| ticket.row().map(|row| (key, row)))
    }

    /// The row of a ticket, if it exists.
    pub fn ticket(&self, key: &TicketKey) -> Option<&Row> {
        self.tickets.get(key).and_then(Ticket::row)
    }

    /// Every principal, by id.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalFact> {
        self.principals.values().filter_map(Cell::state)
    }

    /// The expression that decides on `verb` for a principal; none if it is unknown, suspended or without a role, or
    /// if the role is unknown or does not name the verb.
    pub fn expression(&self, principal: &str, verb: &str) -> Option<Expr> {
        let fact = self.principals.get(principal)?.state()?;
        let role = fact.role.as_deref().filter(|_| fact.active)?;
        if role.contains('.') {
            return presets::verb(role, verb);
        }
        self.roles.get(role)?.state()?.get(verb).cloned()
    }

    /// The canonical name of a field; a name that nobody knows stays as it is.
    pub(super) fn canonical_field(&self, name: &str) -> String {
        self.schema.field(name).map_or_else(|| name.to_owned(), |field| field.name.to_string())
    }

    /// The canonical name of a relation; a name that nobody knows stays as it is.
    pub(super) fn canonical_relation(&self, name: &str) -> String {
        self.schema.relation(name).map_or_else(|| name.to_owned(), |(name, _)| name.to_string())
    }

    /// The values of a relation of a principal, with the level at which each is held.
    pub(super) fn relation_values(&self, principal: &str, rel: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.relations.iter().filter(move |((whose, name, _), _)| whose == principal && name == rel).flat_map(
            |((_, _, value), grades)| {
                let held = grades.levels.iter().filter(|(_, cell)| cell.state().is_some());
                held.map(|(level, _)| (value.as_str(), level.as_deref()))
            },
        )
    }

    /// The values of a relation of the tenant that are given directly.
    pub(super) fn tenant_relation_values(&self, rel: &str) -> impl Iterator<Item = &str> {
        let stated = self.tenant_relations.iter().filter(|(_, cell)| cell.state().is_some());
        stated.filter(move |((name, _), _)| name == rel).map(|((_, value), _)| value.as_str())
    }

    /// Every group and member.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        let stated = self.members.iter().filter(|(_, cell)| cell.state().is_some());
        stated.map(|((group, user), _)| (group.as_str(), user.as_str()))
    }

    /// Every line about a value.
    pub(super) fn value_lines(&self) -> impl Iterator<Item = &ValueFact> {
        self.values.values().filter_map(Cell::state)
    }

    fn declare(&mut self, decl: &SchemaDecl) -> Result<(), Refusal> {
        let mut next = self.schema.clone();
        next.declare(decl).map_err(Refusal::Declare)?;
        for field in self.schema.fields() {
            let widened = next.by_id(field.id).is_some_and(|now| now.many && !field.many);
            if widened && self.tickets().any(|(_, row)| !row.values(&field.name).is_empty()) {
                return Err(Refusal::InUse(field.name.to_string()));
            }
        }
        self.schema = next;
        Ok(())
    }

    fn apply_role(&mut self, rev: Option<i64>, gone: bool, fact: &RoleFact) -> Result<(), Refusal> {
        if fact.id.contains('.') {
            return Err(Refusal::ReservedRole(fact.id.to_string()));
        }
        let mut role = Role::new();
        for (verb, source) in &fact.verbs {
            let (ExprSource::Text(text) | ExprSource::Json(text)) = source;
            let expr = self.taught.get(&**text).ok_or_else(|| Refusal::Untaught(text.to_string()))?;
            expr.check(&self.schema)?;
            role.insert(verb.to_string(), expr.clone());
        }
        self.roles.entry(fact.id.to_string()).or_default().offer(rev, (!gone).then_some(role));
        Ok(())
    }

    fn apply_value(&mut self, rev: Option<i64>, gone: bool, line: &ValueFact) -> Result<(), Refusal> {
        let field = self.field(&line.field)?.name.to_string();
        let id = line.id.to_string();
        let line = ValueFact { field: field.as_str().into(), ..line.clone() };
        self.values.entry((field.clone(), id.clone())).or_default().offer(rev, (!gone).then_some(line));
        match field.as_str() {
            "group" => self.note(gone, Listable::Group(id)),
            "organization" => self.note(gone, Listable::Organization(id)),
            _ => {}
        }
        Ok(())
    }

    fn apply_relation(&mut self, rev: Option<i64>, gone: bool, fact: &RelFact) -> Result<(), Refusal> {
        let rel = self.relation_on(&fact.rel, RelationSide::My)?;
        let (principal, value) = (fact.principal.to_string(), fact.value.to_string());
        let level = fact.level.as_deref().map(str::to_owned);
        let grades = self.relations.entry((principal.clone(), rel.clone(), value.clone())).or_default();
        if gone && level.is_none() {
            for cell in grades.levels.values_mut() {
                cell.offer(rev, None);
            }
            grades.floor = grades.floor.max(rev);
        } else {
            let floor = grades.floor;
            let cell = grades.levels.entry(level.clone()).or_insert_with(|| Cell::removed_up_to(floor));
            cell.offer(rev, (!gone).then_some(Stated));
        }
        self.note(gone, Listable::Relation { principal, rel, value, level });
        Ok(())
    }

    fn apply_patch(&mut self, rev: Option<i64>, patch: &TicketPatch) -> Result<(), Refusal> {
        let mut fields = Vec::new();
        let mut parts: Vec<(String, Option<TextPart>)> =
            patch.text.iter().map(|part| (part.part.to_string(), Some(part.clone()))).collect();
        for (name, change) in &patch.fields {
            let field = self.field(name)?;
            if &*field.name == "commenter" {
                return Err(Refusal::Derived(field.name.to_string()));
            }
            if field.kind == FieldKind::Text {
                parts.push(self.text_field(field, &patch.key, change)?);
            } else {
                let read = |raw: &RawValue| read(field, raw);
                let change = match change {
                    FieldPatch::Set(raw) => FieldChange::Set(read(raw)?),
                    FieldPatch::Add(raw) => FieldChange::Add(read(raw)?),
                    FieldPatch::Remove(raw) => FieldChange::Remove(read(raw)?),
                };
                fields.push((field.name.to_string(), field.many, change));
            }
        }
        let ticket = self.tickets.entry(patch.key.clone()).or_default();
        ticket.state_existence(rev);
        let named_fields: BTreeSet<_> = fields.iter().map(|(name, ..)| name.clone()).collect();
        let named_parts: BTreeSet<_> = parts.iter().map(|(name, _)| name.clone()).collect();
        for (name, many, change) in fields {
            ticket.change_field(rev, &name, many, change);
        }
        for (name, text) in parts {
            ticket.change_part(rev, &name, text);
        }
        if patch.replace {
            ticket.clear_but(rev, &named_fields, &named_parts);
        }
        ticket.refresh();
        self.note(false, Listable::Ticket(patch.key.clone()));
        Ok(())
    }

    /// The text part that a field of kind text stands for, and what becomes of it.
    fn text_field(
        &self,
        field: &FieldDef,
        key: &TicketKey,
        change: &FieldPatch,
    ) -> Result<(String, Option<TextPart>), Refusal> {
        let (part, class) = match &*field.name {
            "subject" => ("subject".to_owned(), TextClass::Subject),
            "description" => ("description".to_owned(), TextClass::Description),
            custom => (format!("field:{custom}"), TextClass::Private),
        };
        let body = |raw: &RawValue| -> Result<Option<std::sync::Arc<str>>, Refusal> {
            Ok(read(field, raw)?.into_iter().find_map(|value| match value {
                Value::Keyword(text) => Some(text),
                Value::Number(_) | Value::Date(_) => None,
            }))
        };
        let held = self.ticket(key).and_then(|row| row.parts.get(&part)).cloned();
        let stated = |body: Option<std::sync::Arc<str>>| {
            body.map(|body| TextPart { part: part.as_str().into(), class, lang: None, body, author: None, at: None })
        };
        let text = match change {
            FieldPatch::Set(raw) => stated(body(raw)?),
            FieldPatch::Add(raw) => stated(body(raw)?).or(held),
            FieldPatch::Remove(raw) => {
                let removed = body(raw)?;
                held.filter(|part| removed.as_ref() != Some(&part.body))
            }
        };
        Ok((part, text))
    }

    fn erase(&mut self, rev: Option<i64>, key: &TicketKey) {
        let ticket = self.tickets.entry(key.clone()).or_default();
        ticket.erase(rev);
        ticket.refresh();
    }

    fn complete(&mut self, rev: Option<i64>, listing: Complete) -> Result<(), Refusal> {
        let Complete { what, count: counted } = listing;
        let stated = self.seen.count(what);
        if stated != counted {
            return Err(Refusal::Incomplete { what, counted, stated });
        }
        let Self { seen, values, principals, relations, members, tickets, .. } = self;
        match what {
            Listing::Memberships => {
                for ((principal, rel, value), grades) in relations {
                    for (level, cell) in &mut grades.levels {
                        let (principal, rel, value, level) =
                            (principal.clone(), rel.clone(), value.clone(), level.clone());
                        if !seen.holds(&Listable::Relation { principal, rel, value, level }) {
                            cell.offer(rev, None);
                        }
                    }
                }
                for ((group, user), cell) in members {
                    if !seen.holds(&Listable::Member { group: group.clone(), user: user.clone() }) {
                        cell.offer(rev, None);
                    }
                }
            }
            Listing::Groups | Listing::Organizations => {
                for ((field, id), cell) in values {
                    let listed = match (what, field.as_str()) {
                        (Listing::Groups, "group") => Listable::Group(id.clone()),
                        (Listing::Organizations, "organization") => Listable::Organization(id.clone()),
                        _ => continue,
                    };
                    if !seen.holds(&listed) {
                        cell.offer(rev, None);
                    }
                }
            }
            Listing::Principals => {
                for (id, cell) in principals {
                    if !seen.holds(&Listable::Principal(id.clone())) {
                        cell.offer(rev, None);
                    }
                }
            }
            Listing::Tickets => {
                for (key, ticket) in tickets {
                    if !seen.holds(&Listable::Ticket(key.clone())) {
                        ticket.erase(rev);
                        ticket.refresh();
                    }
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, gone: bool, fact: Listable) {
        if !gone {
            self.seen.note(fact);
        }
    }

    fn field(&self, name: &str) -> Result<&FieldDef, Refusal> {
        self.schema.field(name).ok_or_else(|| Refusal::UnknownField(name.to_owned()))
    }

    fn relation_on(&self, name: &str, wanted: RelationSide) -> Result<String, Refusal> {
        match self.schema.relation(name) {
            Some((name, side)) if side == wanted || side == RelationSide::Both => Ok(name.to_string()),
            _ => Err(Refusal::UnknownRelation(name.to_owned())),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn read(field: &FieldDef, raw: &RawValue) -> Result<Vec<Value>, Refusal> {
    Value::read_all(field.kind, field.many, raw)
        .map_err(|error| Refusal::Value { field: field.name.to_string(), error })
}

impl Canonical for Role {
    fn canonical(&self) -> Vec<String> {
        self.iter().flat_map(|(verb, expr)| [verb.clone(), expr.to_string()]).collect()
    }
}

impl Canonical for ValueFact {
    fn canonical(&self) -> Vec<String> {
        let flag = |flag: Option<bool>| flag.map_or(String::new(), |flag| flag.to_string());
        let parent = self.parent.as_deref().map_or(String::new(), str::to_owned);
        vec![parent, flag(self.flags.public), flag(self.flags.active), flag(self.flags.shared)]
    }
}

impl Canonical for PrincipalFact {
    fn canonical(&self) -> Vec<String> {
        let optional = |text: &Option<std::sync::Arc<str>>| text.as_deref().map_or(String::new(), str::to_owned);
        let mut parts = vec![optional(&self.role), self.active.to_string()];
        parts.extend([&self.name, &self.email, &self.locale, &self.time_zone].map(optional));
        parts
    }
}
