//! The first evaluator: a rule and a principal become a [`crate::Resolved`] rule, by enumerating every set.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    Directory, ValueSet,
    expr::{Expr, Set},
    resolved::Folded,
};

pub(crate) fn resolve(expr: &Expr, directory: &Directory, principal: &str) -> Folded {
    Resolver { directory, principal }.expr(expr)
}

struct Resolver<'a> {
    directory: &'a Directory,
    principal: &'a str,
}

impl Resolver<'_> {
    fn expr(&self, expr: &Expr) -> Folded {
        match expr {
            Expr::All => Folded::Everything,
            Expr::None => Folded::Nothing,
            Expr::In { field, set } => Folded::of_values(field.id, self.set(set)),
            Expr::Unset(field) => Folded::Only(crate::Resolved::Unset(field.id)),
            Expr::Not(inner) => self.expr(inner).negate(),
            Expr::And(operands) => Folded::all(operands.iter().map(|operand| self.expr(operand))),
            Expr::Or(operands) => Folded::any(operands.iter().map(|operand| self.expr(operand))),
        }
    }

    fn set(&self, set: &Set) -> ValueSet {
        match set {
            Set::Me => std::iter::once(Arc::from(self.principal)).collect(),
            Set::My { rel, level } => self.my(rel, level.as_deref()),
            Set::Tenant { rel } => self.tenant(rel),
            Set::Const(values) => values.iter().cloned().collect(),
            Set::Members(groups) => {
                self.set(groups).iter().flat_map(|group| self.directory.members.of_group(group)).cloned().collect()
            }
            Set::Under { tree, set } => self.under(tree, &self.set(set)),
            Set::Union(terms) => {
                let sets: Vec<_> = terms.iter().map(|term| self.set(term)).collect();
                sets.iter().flat_map(ValueSet::iter).cloned().collect()
            }
            Set::Diff(left, right) => {
                let right = self.set(right);
                self.set(left).iter().filter(|value| !right.contains(value)).cloned().collect()
            }
        }
    }

    fn my(&self, rel: &str, level: Option<&str>) -> ValueSet {
        let held = |rel| self.directory.relations.values(self.principal, rel, level).cloned();
        if rel != "shared_organizations" {
            return held(rel).collect();
        }
        let shared = self.tenant(rel);
        let flags = self.directory.values.flags();
        let own = held("organizations").filter(|organization| shared.contains(organization));
        held(rel).chain(own).filter(|organization| !flags.unshared(organization)).collect()
    }

    fn tenant(&self, rel: &str) -> ValueSet {
        let stated = self.directory.tenant.of(rel).cloned();
        let flags = self.directory.values.flags();
        match flags.feeding(rel) {
            None => stated.collect(),
            Some((yes, no)) => stated.chain(yes.iter().cloned()).filter(|value| !no.contains(value)).collect(),
        }
    }

    /// Breadth first, each value once, so that a cycle of parents ends: its values are all under each other.
    fn under(&self, tree: &str, roots: &ValueSet) -> ValueSet {
        let mut found: BTreeSet<Arc<str>> = roots.iter().cloned().collect();
        let mut open: Vec<Arc<str>> = roots.iter().cloned().collect();
        while let Some(value) = open.pop() {
            for child in self.directory.values.children(tree, &value) {
                if found.insert(Arc::clone(child)) {
                    open.push(Arc::clone(child));
                }
            }
        }
        found.into_iter().collect()
    }
}
