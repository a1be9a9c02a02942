use model::TicketKey;
use scope::{Reason, UnknownPrincipal, explain};
use ticketscope_model as model;
use ticketscope_scope as scope;

use crate::Snapshot;

/// Who sees a ticket: one page, in order of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewers {
    /// How many principals see it; exact.
    pub count: usize,
    /// The ids of this page.
    pub principals: Vec<String>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// Why `principal` sees a ticket or does not; nothing if there is no such ticket. For admins.
///
/// # Errors
/// [`UnknownPrincipal`].
pub fn why(
    snapshot: &Snapshot,
    principal: &str,
    verb: &str,
    key: &TicketKey,
) -> Result<Option<Reason>, UnknownPrincipal> {
    let Some(ord) = snapshot.index().find(key) else {
        return snapshot.directory().scope_of(principal, verb).map(|_| None);
    };
    explain(snapshot.directory(), principal, verb, &snapshot.index().ticket(ord)).map(Some)
}

/// Who sees a ticket, after the principal `after`; nothing if there is no such ticket. For admins. Asks every principal:
/// linear in their number.
pub fn who(snapshot: &Snapshot, key: &TicketKey, after: Option<&str>, limit: usize) -> Option<Viewers> {
    let ord = snapshot.index().find(key)?;
    let ticket = snapshot.index().ticket(ord);
    let (mut count, mut principals, mut more) = (0, Vec::new(), false);
    for principal in snapshot.directory().principals() {
        let sees = snapshot.scope(&principal.id, "view").is_ok_and(|scope| scope.matches(&ticket));
        if !sees {
            continue;
        }
        count += 1;
        if after.is_none_or(|after| *principal.id > *after) {
            if principals.len() < limit {
                principals.push(principal.id.to_string());
            } else {
                more = true;
            }
        }
    }
    Some(Viewers { count, principals, more })
}
