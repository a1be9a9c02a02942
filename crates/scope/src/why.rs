use std::sync::Arc;

use ticketscope_model::{FieldId, TicketFields, fields};

use crate::{
    DEFAULT_LIFE, Directory, UnknownPrincipal,
    check::{Checker, passes_default_gate},
    directory::{Standing, is_text_class},
    expr::{Expr, FieldRef},
    verb::VIEW,
};

/// Why a principal may or may not do something to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Whether it may.
    pub visible: bool,
    /// The reason in a sentence or two, for people.
    pub text: String,
    /// What decided: the parts that granted, or the parts each of which denied.
    pub steps: Vec<Step>,
}

/// One part of a rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The part, in the text form of expressions.
    pub expr: String,
    /// Whether it held.
    pub holds: bool,
    /// What the ticket has there.
    pub found: String,
}

/// Says why `principal` may or may not do `verb` to a ticket: which part of the rule granted it, or which one denied.
///
/// The answer names values of the ticket, so it is for administrators and for those who see the ticket anyway.
///
/// # Errors
/// [`UnknownPrincipal`]
pub fn explain(
    directory: &Directory,
    principal: &str,
    verb: &str,
    ticket: &dyn TicketFields,
) -> Result<Reason, UnknownPrincipal> {
    let role = match directory.standing(principal)? {
        Standing::Role(role) => role,
        Standing::Inactive => return Ok(denied(format!("`{principal}` is suspended and sees nothing"))),
        Standing::NoRole => return Ok(denied(format!("`{principal}` has no role and sees nothing"))),
        Standing::UnknownRole(id) => {
            return Ok(denied(format!("unknown role `{id}` of `{principal}`: it sees nothing")));
        }
    };
    let checker = Checker { directory, principal };
    if is_text_class(verb) {
        let view = of_verb(checker, role.id(), VIEW, role.verb(VIEW), ticket);
        if !view.visible {
            return Ok(view);
        }
    }
    Ok(of_verb(checker, role.id(), verb, role.verb(verb), ticket))
}

fn denied(text: String) -> Reason {
    Reason { visible: false, text, steps: Vec::new() }
}

fn of_verb(
    checker: Checker<'_>,
    role: &Arc<str>,
    verb: &str,
    expr: Option<&Expr>,
    ticket: &dyn TicketFields,
) -> Reason {
    let Some(expr) = expr else {
        return denied(format!("role `{role}` allows `{verb}` on no ticket"));
    };
    if !expr.names_life() && !passes_default_gate(ticket) {
        let found = format!("life is {}", values(fields::LIFE, ticket));
        let text = format!("gate: {found}, and role `{role}` is about live and archived tickets");
        let gate = Step { expr: format!("life in {{{}}}", DEFAULT_LIFE.join(", ")), holds: false, found };
        return Reason { visible: false, text, steps: vec![gate] };
    }
    let mut steps = Vec::new();
    if let Some(gate) = gate(expr).filter(|gate| !checker.holds(gate, ticket)) {
        decide(checker, gate, false, ticket, &mut steps);
        let found = format!("life is {}", values(fields::LIFE, ticket));
        let text = format!("gate: {found}, and role `{role}` asks for `{gate}`");
        return Reason { visible: false, text, steps };
    }
    let visible = checker.holds(expr, ticket);
    decide(checker, expr, visible, ticket, &mut steps);
    let parts: Vec<_> = steps.iter().map(|step| format!("`{}` ({})", step.expr, step.found)).collect();
    let text = if visible {
        format!("granted by role `{role}`: {}", parts.join(" and "))
    } else {
        format!("denied by role `{role}`: {}", parts.join("; "))
    };
    Reason { visible, text, steps }
}

/// The condition on `life` that a whole rule stands under.
fn gate(expr: &Expr) -> Option<&Expr> {
    let is_gate = |operand: &&Expr| matches!(operand, Expr::In { field, .. } if field.id == fields::LIFE);
    match expr {
        Expr::And(operands) => operands.iter().find(is_gate),
        other => Some(other).filter(is_gate),
    }
}

/// Collects the atoms because of which `expr` comes out as `holds`.
///
/// Of a union that grants, the branch with the fewest atoms is told, for one is enough; of an intersection that denies,
/// the first operand that fails. Where every operand counts, all are told.
fn decide(checker: Checker<'_>, expr: &Expr, holds: bool, ticket: &dyn TicketFields, steps: &mut Vec<Step>) {
    match (expr, holds) {
        (Expr::All | Expr::None, _) => steps.push(step(expr, holds, "of every ticket".to_owned())),
        (Expr::In { field, .. }, _) => steps.push(step(expr, holds, found(checker, expr, field, ticket))),
        (Expr::Unset(field), _) => steps.push(step(expr, holds, described(field, ticket))),
        (Expr::Not(inner), _) => match &**inner {
            Expr::In { .. } | Expr::Unset(_) => {
                let mut of_inner = Vec::new();
                decide(checker, inner, !holds, ticket, &mut of_inner);
                steps.extend(of_inner.into_iter().map(|inner| Step { expr: expr.to_string(), holds, ..inner }));
            }
            _ => decide(checker, inner, !holds, ticket, steps),
        },
        (Expr::And(operands), true) | (Expr::Or(operands), false) => {
            for operand in operands {
                decide(checker, operand, holds, ticket, steps);
            }
        }
        (Expr::And(operands), false) | (Expr::Or(operands), true) => {
            let deciding = operands.iter().filter(|operand| checker.holds(operand, ticket) == holds);
            let told = if holds { deciding.min_by_key(|operand| operand.atoms()) } else { deciding.into_iter().next() };
            if let Some(operand) = told {
                decide(checker, operand, holds, ticket, steps);
            }
        }
    }
}

fn step(expr: &Expr, holds: bool, found: String) -> Step {
    Step { expr: expr.to_string(), holds, found }
}

/// The value that is in the set, or what the ticket has instead.
fn found(checker: Checker<'_>, expr: &Expr, field: &FieldRef, ticket: &dyn TicketFields) -> String {
    let mut matching = None;
    if let Expr::In { set, .. } = expr {
        ticket.any_value(field.id, &mut |value| {
            let within = checker.contains(set, value);
            if within {
                matching = Some(value.to_owned());
            }
            within
        });
    }
    match matching {
        Some(value) => format!("{} is {value}", field.name),
        None => described(field, ticket),
    }
}

fn described(field: &FieldRef, ticket: &dyn TicketFields) -> String {
    format!("{} is {}", field.name, values(field.id, ticket))
}

/// The first values of a field, or `unset`.
fn values(field: FieldId, ticket: &dyn TicketFields) -> String {
    const SHOWN: usize = 8;
    let mut shown = Vec::new();
    let more = ticket.any_value(field, &mut |value| {
        if shown.len() < SHOWN {
            shown.push(value.to_owned());
            return false;
        }
        true
    });
    match shown.len() {
        0 => "unset".to_owned(),
        _ => format!("{}{}", shown.join(", "), if more { ", ..." } else { "" }),
    }
}
