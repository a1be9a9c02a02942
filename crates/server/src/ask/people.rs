//! Questions of admins about who sees what, and why.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use ticketscope_model::{PrincipalFact, Schema, TicketKey};
use ticketscope_query::{
    self as query,
    scope::{Directory, Resolved, Scope, ScopeView, VIEW, ValueSet},
};

use super::Reader;
use crate::{
    answer::{ScopeShown, ScopeWire, Step, Who, Why},
    code::Code,
    failure::Failure,
};

impl Reader {
    /// Why a principal sees a ticket or does not.
    ///
    /// # Errors
    /// [`Code::NoSuchPrincipal`].
    pub(crate) fn why(&self, principal: &str, ticket: &TicketKey) -> Result<Why, Failure> {
        let reason = query::why(self.snapshot(), principal, VIEW, ticket).or(Err(no_such_principal()))?;
        let Some(reason) = reason else {
            return Ok(Why { visible: false, reason: "no such ticket".to_owned(), steps: Vec::new() });
        };
        let steps = reason.steps.into_iter().map(|step| Step {
            expr: json!(step.expr),
            holds: json!(step.holds),
            found: json!(step.found),
        });
        Ok(Why { visible: reason.visible, reason: reason.text, steps: steps.collect() })
    }

    /// Who sees a ticket: the principals after `after`, in order of ids.
    pub(crate) fn who(&self, ticket: &TicketKey, after: Option<&str>, limit: usize) -> Who {
        let Some(viewers) = query::who(self.snapshot(), ticket, after, limit) else {
            return Who { count: 0, principals: Vec::new(), next: None };
        };
        let next = viewers.principals.last().filter(|_| viewers.more).cloned();
        Who { count: viewers.count, principals: viewers.principals, next }
    }

    /// What a principal may see, and by which rule.
    ///
    /// # Errors
    /// [`Code::NoSuchPrincipal`].
    pub(crate) fn scope_shown(&self, principal: &str) -> Result<ScopeShown, Failure> {
        let directory = self.snapshot().directory();
        let scope = self.snapshot().scope(principal, VIEW).or(Err(no_such_principal()))?;
        let fact = directory.principal(principal).ok_or_else(no_such_principal)?;
        Ok(ScopeShown {
            principal: principal.to_owned(),
            role: fact.role.as_deref().map(str::to_owned),
            active: fact.active,
            verbs: verbs(directory, fact),
            scope: scope_wire(self.snapshot().schema(), &scope),
            relations: relations(directory, principal),
            visible: self.snapshot().visible(&scope).set().len(),
        })
    }
}

fn no_such_principal() -> Failure {
    Failure::of(Code::NoSuchPrincipal)
}

/// The verbs that the principal's role names, with their expressions; none without a role that is known.
fn verbs(directory: &Directory, fact: &PrincipalFact) -> Map<String, Value> {
    let role = fact.role.as_deref().and_then(|role| directory.role(role));
    role.map_or_else(Map::new, |role| {
        role.verbs().map(|(verb, expr)| (verb.to_owned(), json!(expr.to_string()))).collect()
    })
}

/// What the principal is related to, by relation.
fn relations(directory: &Directory, principal: &str) -> BTreeMap<String, Vec<String>> {
    let names = directory.schema().relations().into_iter().map(|(name, _)| name);
    let held = names.map(|name| {
        let values = directory.relation_values(principal, &name).map(ToString::to_string).collect();
        (name.to_string(), values)
    });
    held.filter(|(_, values): &(String, Vec<String>)| !values.is_empty()).collect()
}

/// A scope with its sets written out in full.
fn scope_wire(schema: &Schema, scope: &Scope) -> ScopeWire {
    let life = scope.gate().map(|gate| gate.iter().map(ToString::to_string).collect());
    let (sees, rule) = match scope.view() {
        ScopeView::Nothing => ("nothing", Value::Null),
        ScopeView::Unrestricted => ("everything", Value::Null),
        ScopeView::Restricted(rule) => ("rule", rule_wire(schema, rule)),
    };
    ScopeWire { sees, rule, life }
}

fn rule_wire(schema: &Schema, rule: &Resolved) -> Value {
    let name = |field| schema.by_id(field).map_or("?", |def| &*def.name);
    let list = |operands: &[Resolved]| operands.iter().map(|operand| rule_wire(schema, operand)).collect::<Value>();
    let texts = |values: &ValueSet| values.iter().map(|value| json!(&**value)).collect::<Value>();
    match rule {
        Resolved::In { field, values } => json!({ "in": { "field": name(*field), "values": texts(values) } }),
        Resolved::Unset(field) => json!({ "unset": name(*field) }),
        Resolved::Not(inner) => json!({ "not": rule_wire(schema, inner) }),
        Resolved::All(operands) => json!({ "all": list(operands) }),
        Resolved::Any(operands) => json!({ "any": list(operands) }),
    }
}
