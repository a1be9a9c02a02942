//! The second evaluator: one expression, one principal, one ticket. It walks the parsed tree and asks of each value of
//! the ticket whether it is in the set; it never enumerates a set and uses nothing of the first evaluator.

use std::{collections::BTreeSet, sync::Arc};

use ticketscope_model::{TicketFields, fields};

use crate::{
    DEFAULT_LIFE, Directory,
    expr::{Expr, Set},
};

/// Whether `principal` sees the ticket by the bare expression, without a default life gate. Facts are read from
/// `directory`; whether the principal exists, is active or has a role does not matter here.
pub fn sees(expr: &Expr, directory: &Directory, principal: &str, ticket: &dyn TicketFields) -> bool {
    Checker { directory, principal }.holds(expr, ticket)
}

/// As [`sees`], where an expression that says nothing about `life` is about live and archived tickets only.
pub(crate) fn sees_gated(expr: &Expr, directory: &Directory, principal: &str, ticket: &dyn TicketFields) -> bool {
    let open = expr.names_life() || passes_default_gate(ticket);
    open && sees(expr, directory, principal, ticket)
}

pub(crate) fn passes_default_gate(ticket: &dyn TicketFields) -> bool {
    ticket.any_value(fields::LIFE, &mut |life| DEFAULT_LIFE.contains(&life))
}

/// Facts about one principal, asked value by value.
#[derive(Clone, Copy)]
pub(crate) struct Checker<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) principal: &'a str,
}

impl Checker<'_> {
    pub(crate) fn holds(self, expr: &Expr, ticket: &dyn TicketFields) -> bool {
        match expr {
            Expr::All => true,
            Expr::None => false,
            Expr::In { field, set } => ticket.any_value(field.id, &mut |value| self.contains(set, value)),
            Expr::Unset(field) => ticket.is_unset(field.id),
            Expr::Not(inner) => !self.holds(inner, ticket),
            Expr::And(operands) => operands.iter().all(|operand| self.holds(operand, ticket)),
            Expr::Or(operands) => operands.iter().any(|operand| self.holds(operand, ticket)),
        }
    }

    pub(crate) fn contains(self, set: &Set, value: &str) -> bool {
        match set {
            Set::Me => value == self.principal,
            Set::My { rel, level } => self.my(rel, value, level.as_deref()),
            Set::Tenant { rel } => self.tenant(rel, value),
            Set::Const(values) => values.iter().any(|known| **known == *value),
            Set::Members(groups) => self.directory.members.groups_of(value).any(|group| self.contains(groups, group)),
            Set::Under { tree, set } => self.under(tree, set, value),
            Set::Union(terms) => terms.iter().any(|term| self.contains(term, value)),
            Set::Diff(left, right) => self.contains(left, value) && !self.contains(right, value),
        }
    }

    /// Own organizations count as shared where the tenant shares them, and none does that is flagged as not shared.
    fn my(self, rel: &str, value: &str, level: Option<&str>) -> bool {
        let held = |rel| self.directory.relations.holds(self.principal, rel, value, level);
        if rel == "shared_organizations" {
            let flag = self.directory.value("organization", value).and_then(|fact| fact.flags.shared);
            return flag != Some(false) && (held(rel) || held("organizations") && self.tenant(rel, value));
        }
        held(rel)
    }

    /// Stated directly or by a flag, unless a flag says the opposite.
    fn tenant(self, rel: &str, value: &str) -> bool {
        let stated = self.directory.tenant.contains(rel, value);
        let group = || self.directory.value("group", value);
        let flag = match rel {
            "public_groups" => group().and_then(|fact| fact.flags.public),
            "private_groups" => group().and_then(|fact| fact.flags.public).map(|public| !public),
            "active_groups" => group().map(|fact| fact.flags.active != Some(false)),
            "shared_organizations" => self.directory.value("organization", value).and_then(|fact| fact.flags.shared),
            _ => None,
        };
        flag.unwrap_or(stated)
    }

    /// Whether the value or one of its ancestors is in the set. Each ancestor is asked once, so a cycle ends.
    fn under(self, tree: &str, set: &Set, value: &str) -> bool {
        let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut at: Arc<str> = value.into();
        loop {
            if self.contains(set, &at) {
                return true;
            }
            let parent = self.directory.value(tree, &at).and_then(|fact| fact.parent.clone());
            match parent {
                Some(parent) if seen.insert(Arc::clone(&parent)) => at = parent,
                _ => return false,
            }
        }
    }
}
