//! Conformance vectors: a small tenant, rules, and which tickets each agent must see under each rule.
//!
//! One decision is one rule and one agent. It passes if two evaluators both find exactly the expected tickets: the
//! point check of this crate, and a second one that the caller brings (its index, or [`Scope::matches`]).
//!
//! A file is one JSON object. `tenant` holds relations of the tenant, and two special keys: `members` (group to users)
//! and `paths` (department to its path from the root, itself included). `agents` hold `id` and their relations, lists of
//! values or, graded, value to levels. `tickets` hold `id` and their fields. Every key counts as declared. `presets`
//! are the rules by name, and `expected` says rule, agent, tickets. Rules mean what they say: no default life gate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value as Json};
use thiserror::Error;
use ticketscope_model::{
    DeclareError, ExprSource, FieldDecl, FieldId, FieldKind, GroupFlags, KeyError, Member, PrincipalFact, RawValue,
    RelFact, RelationSide, Schema, SchemaDecl, TenantRelFact, TicketFields, TicketKey, Value, ValueError, ValueFact,
    fields,
};

use crate::{DefaultGate, Directory, Expr, ExprError, NameError, Scope, UnknownPrincipal, check};

/// Why a file of vectors is refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum VectorError {
    /// No JSON.
    #[error("the file is no JSON: {0}")]
    Syntax(String),
    /// Something is missing or has another type.
    #[error("{place}: expected {expected}")]
    Shape {
        /// Where.
        place: String,
        /// What must stand there.
        expected: &'static str,
    },
    /// A name that cannot be declared.
    #[error("{place}")]
    Declare {
        /// Where.
        place: String,
        /// Why not.
        source: DeclareError,
    },
    /// A relation that cannot stand there.
    #[error("{place}")]
    Relation {
        /// Where.
        place: String,
        /// Why not.
        source: NameError,
    },
    /// A ticket id.
    #[error("{place}")]
    Key {
        /// Where.
        place: String,
        /// Why not.
        source: KeyError,
    },
    /// A value of a ticket.
    #[error("{place}")]
    Value {
        /// Where.
        place: String,
        /// Why not.
        source: ValueError,
    },
    /// A rule.
    #[error("presets.{preset}")]
    Expr {
        /// The rule.
        preset: String,
        /// What is wrong with it.
        source: ExprError,
    },
    /// Two tickets or two agents with one id.
    #[error("{place}: the id stands there twice")]
    Twice {
        /// Where.
        place: String,
    },
    /// An expectation about a rule, an agent or a ticket that is not in the file.
    #[error("{place} is not in the file")]
    Unknown {
        /// What.
        place: String,
    },
    /// Nothing would be checked: no expectation at all, or none for a rule.
    #[error("{place}: no expectations, so nothing would be checked")]
    NothingExpected {
        /// Where.
        place: String,
    },
}

/// A ticket of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorTicket {
    /// Its id.
    pub key: TicketKey,
    /// Its values by field; fields without a value are absent.
    pub fields: BTreeMap<FieldId, Vec<Value>>,
}

impl TicketFields for VectorTicket {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.fields.get(&field).into_iter().flatten().any(|value| match value {
            Value::Keyword(text) => test(text),
            Value::Number(_) | Value::Date(_) => false,
        })
    }

    fn is_unset(&self, field: FieldId) -> bool {
        !self.fields.contains_key(&field)
    }
}

/// What both evaluators found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Decisions in which both evaluators found exactly the expected tickets.
    pub passed: usize,
    /// The others.
    pub failed: usize,
    /// What was found instead, one entry for each evaluator of a failed decision that was wrong.
    pub failures: Vec<Failure>,
}

/// One wrong answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub preset: Arc<str>,
    /// The agent.
    pub agent: Arc<str>,
    /// Which evaluator.
    pub evaluator: EvaluatorKind,
    /// Expected tickets that it did not find.
    pub missing: Vec<TicketKey>,
    /// Tickets that it found and nobody expected.
    pub surplus: Vec<TicketKey>,
}

/// One of the two evaluators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluatorKind {
    /// The point check: ticket by ticket on the parsed expression.
    Point,
    /// The one that the caller brought: on the resolved scope.
    Scope,
}

/// A file of vectors, read and checked.
#[derive(Debug, Clone)]
pub struct Vectors {
    directory: Directory,
    tickets: Vec<VectorTicket>,
    rules: BTreeMap<Arc<str>, Expr>,
    expected: Vec<Decision>,
}

#[derive(Debug, Clone)]
struct Decision {
    preset: Arc<str>,
    agent: Arc<str>,
    visible: BTreeSet<TicketKey>,
}

/// Reads a file and checks it with the two evaluators of this crate: the point check and [`Scope::matches`].
///
/// # Errors
/// [`VectorError`] if the file is malformed or would check nothing.
pub fn run(json: &str) -> Result<Report, VectorError> {
    let vectors = Vectors::parse(json)?;
    let tickets = vectors.tickets();
    let visible = |scope: &Scope| {
        tickets.iter().filter(|ticket| scope.matches(*ticket)).map(|ticket| ticket.key.clone()).collect()
    };
    Ok(vectors.run(visible))
}

impl Vectors {
    /// Reads a file.
    ///
    /// # Errors
    /// [`VectorError`] names the place that is malformed, or that would leave nothing to check.
    pub fn parse(json: &str) -> Result<Self, VectorError> {
        let file: Json = serde_json::from_str(json).map_err(|e| VectorError::Syntax(e.to_string()))?;
        let file = object(&file, "the file")?;
        let tenant = match file.get("tenant") {
            Some(tenant) => object(tenant, "tenant")?,
            None => &Map::new(),
        };
        let agents = objects(file, "agents")?;
        let tickets = objects(file, "tickets")?;
        let schema = Arc::new(schema(tenant, &agents, &tickets)?);

        let mut directory = Directory::new(Arc::clone(&schema));
        state_tenant(&mut directory, tenant)?;
        for (at, agent) in agents.iter().enumerate() {
            state_agent(&mut directory, agent, &format!("agents[{at}]"))?;
        }
        let tickets = read_tickets(&schema, &tickets)?;
        let mut rules = BTreeMap::new();
        for (name, source) in object_at(file, "presets")? {
            let expr = Expr::read(&ExprSource::Json(source.to_string().into()), "", &schema, None)
                .map_err(|source| VectorError::Expr { preset: name.clone(), source })?;
            rules.insert(name.as_str().into(), expr);
        }
        let expected = read_expected(object_at(file, "expected")?, &directory, &tickets, &rules)?;
        Ok(Self { directory, tickets, rules, expected })
    }

    /// The fields and relations: the built-in ones and every key of the file.
    pub fn schema(&self) -> &Arc<Schema> {
        self.directory.schema()
    }

    /// The facts about tenant and agents.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The tickets, for an evaluator that indexes them.
    pub fn tickets(&self) -> &[VectorTicket] {
        &self.tickets
    }

    /// Decides everything with the point check and with `visible`, which is given the scope of an agent under a rule.
    pub fn run(&self, mut visible: impl FnMut(&Scope) -> BTreeSet<TicketKey>) -> Report {
        let mut report = Report::default();
        for decision in &self.expected {
            let Decision { preset, agent, visible: expected } = decision;
            let answers = self.rules.get(preset).map(|rule| {
                let point = |ticket: &&VectorTicket| check::sees(rule, &self.directory, agent, *ticket);
                let point = self.tickets.iter().filter(point).map(|ticket| ticket.key.clone()).collect();
                let scope = match self.directory.preview(agent, rule, DefaultGate::Off) {
                    Ok(scope) => visible(&scope),
                    Err(UnknownPrincipal(_)) => BTreeSet::new(),
                };
                [(EvaluatorKind::Point, point), (EvaluatorKind::Scope, scope)]
            });
            let wrong: Vec<_> = answers
                .into_iter()
                .flatten()
                .filter(|(_, found): &(_, BTreeSet<TicketKey>)| found != expected)
                .map(|(evaluator, found)| Failure {
                    preset: Arc::clone(preset),
                    agent: Arc::clone(agent),
                    evaluator,
                    missing: expected.difference(&found).cloned().collect(),
                    surplus: found.difference(expected).cloned().collect(),
                })
                .collect();
            if wrong.is_empty() {
                report.passed += 1;
            } else {
                report.failed += 1;
            }
            report.failures.extend(wrong);
        }
        report
    }
}

/// Declares every key of the file that is not built in.
fn schema(
    tenant: &Map<String, Json>,
    agents: &[&Map<String, Json>],
    tickets: &[&Map<String, Json>],
) -> Result<Schema, VectorError> {
    let mut schema = Schema::builtin();
    let relations = tenant.keys().filter(|key| !matches!(key.as_str(), "members" | "paths"));
    for name in relations.chain(agents.iter().flat_map(|agent| agent.keys()).filter(|key| *key != "id")) {
        let decl = SchemaDecl { fields: Vec::new(), relations: vec![name.as_str().into()] };
        declare(&mut schema, &decl, name)?;
    }
    let mut many: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, value) in tickets.iter().flat_map(|ticket| ticket.iter()).filter(|(key, _)| *key != "id") {
        *many.entry(name).or_default() |= value.is_array();
    }
    for (name, many) in many {
        let (name, kind) = match schema.field(name) {
            Some(known) => (Arc::clone(&known.name), known.kind),
            None => (name.into(), FieldKind::Keyword),
        };
        let decl = SchemaDecl { fields: vec![FieldDecl { name: Arc::clone(&name), kind, many }], relations: Vec::new() };
        declare(&mut schema, &decl, &name)?;
    }
    Ok(schema)
}

fn declare(schema: &mut Schema, decl: &SchemaDecl, name: &str) -> Result<(), VectorError> {
    schema.declare(decl).map_err(|source| VectorError::Declare { place: format!("key `{name}`"), source })
}

fn state_tenant(directory: &mut Directory, tenant: &Map<String, Json>) -> Result<(), VectorError> {
    for (name, value) in tenant {
        let place = format!("tenant.{name}");
        match name.as_str() {
            "members" => {
                for (group, users) in object(value, &place)? {
                    for user in ids(users, &place)? {
                        directory.set_member(&Member { group: group.as_str().into(), user });
                    }
                }
            }
            "paths" => {
                for (id, path) in object(value, &place)? {
                    state_path(directory, id, &ids(path, &place)?, &place)?;
                }
            }
            _ => {
                let rel = relation(directory, name, RelationSide::Tenant, &place)?;
                for value in ids(value, &place)? {
                    directory.set_tenant_rel(&TenantRelFact { rel: Arc::clone(&rel), value });
                }
            }
        }
    }
    Ok(())
}

/// States the parent of every department on a path from the root to `id`.
fn state_path(directory: &mut Directory, id: &str, path: &[Arc<str>], place: &str) -> Result<(), VectorError> {
    if path.last().is_none_or(|last| **last != *id) {
        return Err(shape(&format!("{place}.{id}"), "a path that ends with the department itself"));
    }
    let parents = std::iter::once(None).chain(path.iter().cloned().map(Some));
    for (id, parent) in path.iter().cloned().zip(parents) {
        directory.set_value(&ValueFact { field: "department".into(), id, parent, flags: GroupFlags::default() });
    }
    Ok(())
}

fn state_agent(directory: &mut Directory, agent: &Map<String, Json>, place: &str) -> Result<(), VectorError> {
    let id = agent.get("id").and_then(id).ok_or_else(|| shape(place, "an `id`"))?;
    if directory.principal(&id).is_some() {
        return Err(VectorError::Twice { place: place.to_owned() });
    }
    directory.set_principal(&PrincipalFact {
        id: Arc::clone(&id),
        role: None,
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    });
    for (name, values) in agent.iter().filter(|(key, _)| *key != "id") {
        let place = format!("{place}.{name}");
        let rel = relation(directory, name, RelationSide::My, &place)?;
        let mut state = |value, level| {
            directory.set_rel(&RelFact { principal: Arc::clone(&id), rel: Arc::clone(&rel), value, level });
        };
        if let Json::Object(graded) = values {
            for (value, levels) in graded {
                for level in ids(levels, &place)? {
                    state(value.as_str().into(), Some(level));
                }
            }
        } else {
            ids(values, &place)?.into_iter().for_each(|value| state(value, None));
        }
    }
    Ok(())
}

fn read_tickets(schema: &Schema, tickets: &[&Map<String, Json>]) -> Result<Vec<VectorTicket>, VectorError> {
    let mut read = Vec::with_capacity(tickets.len());
    let mut seen = BTreeSet::new();
    for (at, ticket) in tickets.iter().enumerate() {
        let place = format!("tickets[{at}]");
        let id = ticket.get("id").and_then(id).ok_or_else(|| shape(&place, "an `id`"))?;
        let key = key(&id, &place)?;
        if !seen.insert(key.clone()) {
            return Err(VectorError::Twice { place });
        }
        // A ticket that says nothing about its life is live, as everywhere; one that says null has none.
        let mut values = BTreeMap::from([(fields::LIFE, vec![Value::Keyword("live".into())])]);
        for (name, value) in ticket.iter().filter(|(key, _)| *key != "id") {
            let place = format!("{place}.{name}");
            let field = schema.field(name).ok_or_else(|| VectorError::Unknown { place: place.clone() })?;
            let raw = raw(value).ok_or_else(|| shape(&place, "a value or a list of values"))?;
            let list = Value::read_all(field.kind, field.many, &raw)
                .map_err(|source| VectorError::Value { place, source })?;
            if list.is_empty() {
                values.remove(&field.id);
            } else {
                values.insert(field.id, list);
            }
        }
        read.push(VectorTicket { key, fields: values });
    }
    Ok(read)
}

fn read_expected(
    expected: &Map<String, Json>,
    directory: &Directory,
    tickets: &[VectorTicket],
    rules: &BTreeMap<Arc<str>, Expr>,
) -> Result<Vec<Decision>, VectorError> {
    let known: BTreeSet<_> = tickets.iter().map(|ticket| &ticket.key).collect();
    let mut decisions = Vec::new();
    for (preset, agents) in expected {
        let place = format!("expected.{preset}");
        if !rules.contains_key(preset.as_str()) {
            return Err(VectorError::Unknown { place });
        }
        for (agent, visible) in object(agents, &place)? {
            let place = format!("{place}.{agent}");
            if directory.principal(agent).is_none() {
                return Err(VectorError::Unknown { place });
            }
            let mut keys = BTreeSet::new();
            for id in ids(visible, &place)? {
                let key = key(&id, &place)?;
                if !known.contains(&key) {
                    return Err(VectorError::Unknown { place: format!("{place}: ticket {key}") });
                }
                keys.insert(key);
            }
            decisions.push(Decision { preset: preset.as_str().into(), agent: agent.as_str().into(), visible: keys });
        }
    }
    let checked: BTreeSet<_> = decisions.iter().map(|decision| &decision.preset).collect();
    if let Some(unchecked) = rules.keys().find(|rule| !checked.contains(rule)) {
        return Err(VectorError::NothingExpected { place: format!("expected.{unchecked}") });
    }
    if decisions.is_empty() {
        return Err(VectorError::NothingExpected { place: "expected".to_owned() });
    }
    Ok(decisions)
}

fn relation(
    directory: &Directory,
    name: &str,
    side: RelationSide,
    place: &str,
) -> Result<Arc<str>, VectorError> {
    directory
        .check_rel_name(name, side)
        .map_err(|source| VectorError::Relation { place: place.to_owned(), source })
}

fn key(id: &str, place: &str) -> Result<TicketKey, VectorError> {
    TicketKey::parse(id).map_err(|source| VectorError::Key { place: place.to_owned(), source })
}

fn raw(value: &Json) -> Option<RawValue> {
    Some(match value {
        Json::Null => RawValue::Null,
        Json::Bool(flag) => RawValue::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => RawValue::Int(integer),
            (None, Some(float)) if number.is_f64() => RawValue::Float(float),
            _ => RawValue::Text(number.to_string().into()),
        },
        Json::String(text) => RawValue::Text(text.as_str().into()),
        Json::Array(items) => RawValue::List(items.iter().map(raw).collect::<Option<_>>()?),
        Json::Object(_) => return None,
    })
}

fn id(value: &Json) -> Option<Arc<str>> {
    match value {
        Json::String(text) => Some(text.as_str().into()),
        Json::Number(number) if !number.is_f64() => Some(number.to_string().into()),
        _ => None,
    }
}

fn ids(value: &Json, place: &str) -> Result<Vec<Arc<str>>, VectorError> {
    let list = value.as_array().and_then(|items| items.iter().map(id).collect());
    list.ok_or_else(|| shape(place, "a list of ids"))
}

fn object<'a>(value: &'a Json, place: &str) -> Result<&'a Map<String, Json>, VectorError> {
    value.as_object().ok_or_else(|| shape(place, "an object"))
}

fn object_at<'a>(file: &'a Map<String, Json>, key: &str) -> Result<&'a Map<String, Json>, VectorError> {
    object(file.get(key).ok_or_else(|| shape(key, "an object"))?, key)
}

fn objects<'a>(file: &'a Map<String, Json>, key: &str) -> Result<Vec<&'a Map<String, Json>>, VectorError> {
    let list = file.get(key).and_then(Json::as_array).ok_or_else(|| shape(key, "a list of objects"))?;
    list.iter().map(|item| object(item, key)).collect()
}

fn shape(place: &str, expected: &'static str) -> VectorError {
    VectorError::Shape { place: place.to_owned(), expected }
}
