//! Everybody who may ask, and the rule by which the oracle judges tickets for them.

use ticketscope_model::{PrincipalFact, Schema};
use ticketscope_query::{
    Access, Snapshot,
    scope::{Resolved, Scope, ScopeView},
};
use ticketscope_testkit::oracle::{Asker, Expr};

use crate::{exit::Exit, failure::Failure};

/// An asker.
#[derive(Debug)]
pub(super) struct Who {
    /// The principal; nothing for the admin.
    pub(super) principal: Option<PrincipalFact>,
    pub(super) access: Access,
}

impl Who {
    /// As messages call it.
    pub(super) fn name(&self) -> &str {
        self.principal.as_ref().map_or("the admin", |fact| &fact.id)
    }

    /// As the oracle calls it.
    pub(super) fn asker(&self) -> Asker {
        self.principal.as_ref().map_or(Asker::Admin, |fact| Asker::Principal(fact.id.to_string()))
    }
}

/// The admin and every principal; fails if the directory lists a principal that it does not know.
pub(super) fn everybody(snapshot: &Snapshot) -> Result<Vec<Who>, Failure> {
    let principals = snapshot.directory().principals().map(|fact| {
        let access = snapshot.access(&fact.id).map_err(|error| {
            let message = format!("principal `{}` is listed, but has no scope", fact.id);
            Failure::new(Exit::Internal, "no_scope", message).caused_by(Some(&error))
        })?;
        Ok(Who { principal: Some(fact.clone()), access })
    });
    std::iter::once(Ok(Who { principal: None, access: Access::admin() })).chain(principals).collect()
}

/// One asker of each kind: the admin, and of the principals who see any ticket the one who sees the fewest, one in the
/// middle, and the one who sees the most.
pub(super) fn of_each_kind(snapshot: &Snapshot, everybody: &[Who]) -> Vec<usize> {
    let seen = |who: &Who| snapshot.visible(&who.access.view).set().len();
    let mut seeing: Vec<(u32, usize)> = Vec::new();
    let mut chosen = Vec::new();
    for (at, who) in everybody.iter().enumerate() {
        match (&who.principal, seen(who)) {
            (None, _) => chosen.push(at),
            (Some(_), 0) => {}
            (Some(_), tickets) => seeing.push((tickets, at)),
        }
    }
    seeing.sort_unstable();
    let of_kind = [seeing.first(), seeing.get(seeing.len() / 2), seeing.last()];
    chosen.extend(of_kind.into_iter().flatten().map(|(_, at)| *at));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// A scope as an expression of the oracle, which is true of the same tickets.
pub(super) fn expression(schema: &Schema, scope: &Scope) -> Expr {
    let rule = match scope.view() {
        ScopeView::Nothing => Expr::Nothing,
        ScopeView::Unrestricted => Expr::All,
        ScopeView::Restricted(rule) => of_rule(schema, rule),
    };
    let one_of = |values: &[&str]| Expr::one_of("life", values);
    let gate = match scope.gate() {
        Some(gate) => one_of(&gate.iter().map(|life| &**life).collect::<Vec<_>>()),
        // Says nothing about life, but names it, or the oracle would add the default gate.
        None => one_of(&["live"]).or(one_of(&["live"]).complement()),
    };
    gate.and(rule)
}

fn of_rule(schema: &Schema, rule: &Resolved) -> Expr {
    let name = |field| schema.by_id(field).map_or("", |def| &*def.name);
    let operands = |operands: &[Resolved]| operands.iter().map(|operand| of_rule(schema, operand)).collect::<Vec<_>>();
    match rule {
        Resolved::In { field, values } => {
            Expr::one_of(name(*field), &values.iter().map(|value| &**value).collect::<Vec<_>>())
        }
        Resolved::Unset(field) => Expr::unset(name(*field)),
        Resolved::Not(inner) => of_rule(schema, inner).complement(),
        Resolved::All(all) => operands(all).into_iter().fold(Expr::All, Expr::and),
        Resolved::Any(any) => operands(any).into_iter().fold(Expr::Nothing, Expr::or),
    }
}
