//! Lines that declare fields and define roles, and the scopes that come of them.

use std::sync::Arc;

use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Fact, PrincipalFact, RelFact};
use ticketscope_scope::{Directory, Role, conformance::VectorTicket, sees};

use super::expression;
use crate::desk::SCHEMA;

/// Tickets to be judged: of every group, and of none.
fn tickets() -> Vec<VectorTicket> {
    use ticketscope_model::{Value, fields};
    let keyword = |text: &str| vec![Value::Keyword(text.into())];
    let ticket = |id: i64, group: Option<&str>, assignee: Option<&str>, life: &str| VectorTicket {
        key: id.into(),
        fields: [(fields::GROUP, group), (fields::ASSIGNEE, assignee), (fields::LIFE, Some(life))]
            .into_iter()
            .filter_map(|(field, value)| Some((field, keyword(value?))))
            .collect(),
    };
    vec![
        ticket(1, Some("a"), Some("ann"), "live"),
        ticket(2, Some("b"), None, "live"),
        ticket(3, None, Some("bob"), "live"),
        ticket(4, None, None, "deleted"),
        ticket(5, Some("a"), None, "archived"),
    ]
}

/// A role that is taken reads back from its parts, and its two evaluators agree about every ticket; who has no role, or an
/// unknown one, or is suspended sees nothing.
pub(crate) fn role(bytes: &[u8]) {
    let many = |_: &str| false;
    let parser = Parser::new(Format::ScopeJsonl, &many);
    let mut schema = SCHEMA.clone();
    let mut directory = Directory::new(Arc::new(schema.clone()));
    let Ok(chunks) = Chunks::new(bytes) else { return };
    let mut roles: Vec<Arc<str>> = vec!["".into(), "absent".into()];
    for line in chunks.map_while(Result::ok).flat_map(|chunk| parser.lines(&chunk)) {
        match line.change.map(|change| change.fact) {
            Ok(Fact::Schema(decl)) => {
                let before = schema.clone();
                if schema.declare(&decl).is_ok() {
                    directory.set_schema(Arc::new(schema.clone()));
                } else {
                    assert_eq!(schema.fields().len(), before.fields().len(), "what is refused changes nothing");
                }
            }
            Ok(Fact::Role(fact)) => {
                let Ok(role) = Role::custom(&fact, &schema) else {
                    assert!(directory.set_role(&fact).is_err());
                    continue;
                };
                directory.set_role(&fact).expect("what is a role is taken");
                assert_eq!(directory.role(&fact.id), Some(&role));
                roles.push(Arc::clone(&fact.id));
            }
            Ok(Fact::Rel(rel)) => directory.set_rel(&rel),
            Ok(Fact::Member(member)) => directory.set_member(&member),
            Ok(Fact::TenantRel(rel)) => directory.set_tenant_rel(&rel),
            Ok(Fact::Value(value)) => directory.set_value(&value),
            _ => {}
        }
    }
    directory.set_rel(&RelFact { principal: "ann".into(), rel: "groups".into(), value: "a".into(), level: None });
    for role in roles {
        agree(&mut directory, &role);
    }
}

fn agree(directory: &mut Directory, role: &Arc<str>) {
    let ann = |active| PrincipalFact {
        id: "ann".into(),
        role: Some(Arc::clone(role)),
        active,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    };
    directory.set_principal(&ann(false));
    assert!(directory.scope_of("ann", "view").is_ok_and(|scope| scope.is_nothing()), "who is suspended sees nothing");
    directory.set_principal(&ann(true));
    let verbs: Vec<_> = directory.role(role).map_or_else(Vec::new, |role| role.verbs().collect());
    let known: Vec<_> = verbs.iter().map(|(verb, expr)| (*verb, (*expr).clone())).collect();
    if known.is_empty() {
        assert!(directory.scope_of("ann", "view").is_ok_and(|scope| scope.is_nothing()), "no role sees nothing");
    }
    for (verb, expr) in known {
        if expr.to_string().len() < 1 << 12 {
            // Only names that the desk declares are read back under its schema.
            let custom = expr.fields().iter().any(|field| SCHEMA.by_id(*field).is_none());
            let relations = expr.relations().iter().all(|rel| SCHEMA.relation(rel).is_some());
            if !custom && relations && same_names(directory) {
                expression::reads_back(&expr);
            }
        }
        let scope = directory.scope_of("ann", verb).expect("ann is known");
        for ticket in tickets() {
            let matches = scope.matches(&ticket);
            let may = directory.point_check("ann", verb, &ticket).expect("ann is known");
            assert_eq!(matches, may, "{verb} of {} on ticket {}", expr, ticket.key);
            assert!(!matches || sees(&expr, directory, "ann", &ticket), "{verb} grants more than {expr} says");
        }
    }
}

/// Whether the lines declared no field in the place of one of the desk's.
fn same_names(directory: &Directory) -> bool {
    directory.schema().fields().len() == SCHEMA.fields().len()
}
