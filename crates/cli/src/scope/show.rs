use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};
use ticketscope_audit::Action;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::{PrincipalFact, Schema};
use ticketscope_query::{
    Snapshot,
    scope::{Directory, Resolved, Scope, ScopeView, UnknownPrincipal, ValueSet},
};

use crate::{
    ask,
    audit::record,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, counted},
};

/// Values that are written out; of longer sets the rest is counted.
const SHOWN: usize = 10;

pub(super) fn run(data: &Data, tenant: &TenantId, principal: &str, out: &mut Output) -> Result<Exit, Failure> {
    let snapshot = open::tenant(data, tenant)?.snapshot();
    record(data, data.entry(Action::Scope).of_tenant(tenant.as_str()).about("principal", principal))?;
    let directory = snapshot.directory();
    let scope = ask::scope_of_principal(&snapshot, principal)?;
    let fact = directory.principal(principal).ok_or_else(|| UnknownPrincipal(principal.into()))?;
    let visible = snapshot.visible(&scope).set().len();
    let verbs = verbs(directory, fact);
    let relations = relations(directory, principal);
    if out.wants_json() {
        out.json(&json!({
            "principal": principal,
            "role": fact.role.as_deref(),
            "active": fact.active,
            "verbs": verbs.iter().map(|(verb, expr)| ((*verb).to_owned(), json!(expr))).collect::<Map<_, _>>(),
            "scope": scope_json(snapshot.schema(), &scope),
            "relations": relations.iter().map(|(rel, values)| (rel.to_string(), json!(values))).collect::<Map<_, _>>(),
            "visible": visible,
        }))?;
        return Ok(Exit::Done);
    }
    out.sheet(&sheet(&snapshot, fact, &scope, &verbs, &relations, visible))?;
    Ok(Exit::Done)
}

/// The verbs that the principal's role names, with their expressions; none without a role that is known.
fn verbs(directory: &Directory, fact: &PrincipalFact) -> Vec<(&'static str, String)> {
    let role = fact.role.as_deref().and_then(|role| directory.role(role));
    role.map_or_else(Vec::new, |role| role.verbs().map(|(verb, expr)| (verb, expr.to_string())).collect())
}

/// What the principal is related to, by relation.
fn relations<'d>(directory: &'d Directory, principal: &str) -> BTreeMap<Arc<str>, Vec<&'d str>> {
    let names = directory.schema().relations().into_iter().map(|(name, _)| name);
    names
        .map(|name| {
            let values = directory.relation_values(principal, &name).map(|value| &**value).collect::<Vec<_>>();
            (name, values)
        })
        .filter(|(_, values)| !values.is_empty())
        .collect()
}

fn sheet(
    snapshot: &Snapshot,
    fact: &PrincipalFact,
    scope: &Scope,
    verbs: &[(&'static str, String)],
    relations: &BTreeMap<Arc<str>, Vec<&str>>,
    visible: u32,
) -> Sheet {
    let standing = match (&fact.role, fact.active) {
        (_, false) => "suspended".to_owned(),
        (None, true) => "no role".to_owned(),
        (Some(role), true) if snapshot.directory().role(role).is_none() => format!("{role} (unknown)"),
        (Some(role), true) => role.to_string(),
    };
    let mut sheet = Sheet::new([("what", Align::Left), ("is", Align::Left)]);
    let mut row = |name: String, text: String| sheet.row([name, text]);
    row("principal".to_owned(), fact.id.to_string());
    row("role".to_owned(), standing);
    for (verb, expr) in verbs {
        row((*verb).to_owned(), expr.clone());
    }
    row("scope".to_owned(), scope_text(snapshot.schema(), scope));
    for (relation, values) in relations {
        row(format!("my.{relation}"), listed(values.iter().copied(), values.len()));
    }
    row("sees".to_owned(), counted(visible.into(), "ticket"));
    sheet
}

/// A scope with its sets written out, long ones cut.
fn scope_text(schema: &Schema, scope: &Scope) -> String {
    let rule = match scope.view() {
        ScopeView::Nothing => return "nothing".to_owned(),
        ScopeView::Unrestricted => "everything".to_owned(),
        ScopeView::Restricted(rule) => rule_text(schema, rule, true),
    };
    match scope.gate() {
        Some(gate) => format!("{rule}, if life in {}", set_text(gate)),
        None => rule,
    }
}

fn rule_text(schema: &Schema, rule: &Resolved, outermost: bool) -> String {
    let join = |operands: &[Resolved], operator: &str| {
        let parts: Vec<_> = operands.iter().map(|operand| rule_text(schema, operand, false)).collect();
        let joined = parts.join(operator);
        if outermost { joined } else { format!("({joined})") }
    };
    match rule {
        Resolved::In { field, values } => format!("{} in {}", name(schema, *field), set_text(values)),
        Resolved::Unset(field) => format!("no {}", name(schema, *field)),
        Resolved::Not(inner) => format!("!{}", rule_text(schema, inner, false)),
        Resolved::All(operands) => join(operands, " & "),
        Resolved::Any(operands) => join(operands, " | "),
    }
}

fn set_text(values: &ValueSet) -> String {
    format!("{{{}}}", listed(values.iter().map(|value| &**value), values.len()))
}

fn listed<'v>(values: impl Iterator<Item = &'v str>, len: usize) -> String {
    let shown: Vec<_> = values.take(SHOWN).collect();
    let rest = len - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// A scope with its sets written out in full.
fn scope_json(schema: &Schema, scope: &Scope) -> Value {
    let gate = scope.gate().map(|gate| gate.iter().map(|life| json!(&**life)).collect::<Value>());
    let (sees, rule) = match scope.view() {
        ScopeView::Nothing => ("nothing", Value::Null),
        ScopeView::Unrestricted => ("everything", Value::Null),
        ScopeView::Restricted(rule) => ("rule", rule_json(schema, rule)),
    };
    json!({ "sees": sees, "rule": rule, "life": gate })
}

fn rule_json(schema: &Schema, rule: &Resolved) -> Value {
    let list = |operands: &[Resolved]| operands.iter().map(|operand| rule_json(schema, operand)).collect::<Value>();
    match rule {
        Resolved::In { field, values } => {
            let values: Value = values.iter().map(|value| json!(&**value)).collect();
            json!({ "in": { "field": name(schema, *field), "values": values } })
        }
        Resolved::Unset(field) => json!({ "unset": name(schema, *field) }),
        Resolved::Not(inner) => json!({ "not": rule_json(schema, inner) }),
        Resolved::All(operands) => json!({ "all": list(operands) }),
        Resolved::Any(operands) => json!({ "any": list(operands) }),
    }
}

fn name(schema: &Schema, field: ticketscope_model::FieldId) -> &str {
    schema.by_id(field).map_or("?", |def| &*def.name)
}
