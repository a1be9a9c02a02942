//! Who asks: the same questions inside scopes of every size.

use ticketscope_query::{Access, Snapshot, scope::ScopeView};

use crate::failure::Failure;

/// Principals whose scopes are looked at, spread evenly over the directory: a tenant may have a million customers.
const CANDIDATES: usize = 500;

/// An asker.
#[derive(Debug)]
pub(super) struct Asker {
    /// How much of the tenant it sees, among the others.
    pub(super) kind: &'static str,
    /// Nothing for everybody's scope.
    pub(super) principal: Option<String>,
    pub(super) access: Access,
    /// Tickets that it sees.
    pub(super) visible: u32,
}

/// The kind of the asker who is in nobody's scope.
pub(super) const UNRESTRICTED: &str = "unrestricted";

impl Asker {
    /// As cursors call it.
    pub(super) fn name(&self) -> &str {
        self.principal.as_deref().unwrap_or("admin")
    }
}

/// Of the principals who see some tickets, and not all by rule, the one who sees the fewest, the one nearest to the middle
/// between both ends in orders of magnitude, and the one who sees the most; last, and always, who is in nobody's scope.
pub(super) fn by_size(snapshot: &Snapshot) -> Result<Vec<Asker>, Failure> {
    let directory = snapshot.directory();
    let step = directory.counts().principals.div_ceil(CANDIDATES).max(1);
    let mut found = Vec::new();
    for fact in directory.principals().step_by(step) {
        let access = snapshot.access(&fact.id)?;
        if matches!(access.view.view(), ScopeView::Restricted(_)) {
            // Not kept: the scopes that are measured cold are to be.
            let visible = snapshot.evaluate(&access.view).len();
            if visible > 0 {
                found.push((visible, fact.id.to_string(), access));
            }
        }
    }
    found.sort_by(|(a, a_id, _), (b, b_id, _)| (a, a_id).cmp(&(b, b_id)));
    let mut askers: Vec<Asker> = Vec::new();
    for (kind, at) in places(&found.iter().map(|(visible, ..)| *visible).collect::<Vec<_>>()) {
        if let Some((visible, id, access)) = found.get(at) {
            let (principal, access) = (Some(id.clone()), access.clone());
            askers.push(Asker { kind, principal, access, visible: *visible });
        }
    }
    let access = Access::admin();
    let visible = snapshot.evaluate(&access.view).len();
    askers.push(Asker { kind: UNRESTRICTED, principal: None, access, visible });
    Ok(askers)
}

/// Which of ascending sizes stand for their kind; nobody stands for two.
fn places(sizes: &[u32]) -> Vec<(&'static str, usize)> {
    let (Some(fewest), Some(most)) = (sizes.first(), sizes.last()) else { return Vec::new() };
    let middle = f64::midpoint(f64::from(*fewest).ln(), f64::from(*most).ln());
    let distance = |at: usize| (f64::from(sizes[at]).ln() - middle).abs();
    let last = sizes.len() - 1;
    let mut places = vec![("fewest", 0)];
    if let Some(at) = (1..last).min_by(|a, b| distance(*a).total_cmp(&distance(*b))) {
        places.push(("middle", at));
    }
    if last > 0 {
        places.push(("most", last));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_sizes_stand_for_all_and_nobody_for_two_of_them() {
        assert!(places(&[]).is_empty());
        assert_eq!(places(&[7]), [("fewest", 0)]);
        assert_eq!(places(&[7, 7]), [("fewest", 0), ("most", 1)]);
        // Ten is in the middle between one and a hundred, not fifty.
        assert_eq!(places(&[1, 2, 10, 50, 60, 100]), [("fewest", 0), ("middle", 2), ("most", 5)]);
    }
}
