use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value as Json};
use ticketscope_model::{
    ExprSource, FieldDecl, FieldKind, GroupFlags, Member, PrincipalFact, RawValue, RelFact, RelationSide, Schema,
    SchemaDecl, TenantRelFact, TicketKey, Value, ValueFact, fields,
};

use super::{Decision, VectorError, VectorTicket, Vectors};
use crate::{Directory, Expr};

/// Reads and checks a whole file.
pub(super) fn read(json: &str) -> Result<Vectors, VectorError> {
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
    Ok(Vectors { directory, tickets, rules, expected })
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
        let decl = SchemaDecl { fields: Vec::new(), relations: vec![name.as_str().into()], ..SchemaDecl::default() };
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
        let decl =
            SchemaDecl { fields: vec![FieldDecl { name: Arc::clone(&name), kind, many }], ..SchemaDecl::default() };
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
            for value in ids(values, &place)? {
                state(value, None);
            }
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
            let list =
                Value::read_all(field.kind, field.many, &raw).map_err(|source| VectorError::Value { place, source })?;
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

fn relation(directory: &Directory, name: &str, side: RelationSide, place: &str) -> Result<Arc<str>, VectorError> {
    directory.check_rel_name(name, side).map_err(|source| VectorError::Relation { place: place.to_owned(), source })
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
