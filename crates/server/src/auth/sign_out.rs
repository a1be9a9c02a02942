//! Tokens that died before their time: those of somebody, or of everybody in a tenant, who was signed out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

use super::{
    moment::Moment,
    token::{Identity, LEEWAY},
};

/// Principals of one tenant whose own sign-outs are remembered.
const MAX_PRINCIPALS: usize = 4096;

/// Who was signed out, by tenant. A moment here is the latest `iat` that is refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SignOuts {
    tenants: BTreeMap<String, OfTenant>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTenant {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everybody: Option<Moment>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    principals: BTreeMap<String, Moment>,
}

impl SignOuts {
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// Signs a principal out, or everybody, of a tenant at `now`. A later sign-out stands, whatever the clock says now.
    pub(super) fn add(&mut self, tenant: &TenantId, principal: Option<&str>, now: Timestamp) {
        // An issuer's clock may run ahead by the leeway, and its tokens of before are to die too.
        let latest = Moment(after(now, LEEWAY.as_millis()));
        let tenant = self.tenants.entry(tenant.as_str().to_owned()).or_default();
        match principal {
            Some(principal) => {
                let moment = tenant.principals.entry(principal.to_owned()).or_insert(latest);
                *moment = latest.max(*moment);
            }
            None => tenant.everybody = tenant.everybody.max(Some(latest)),
        }
        tenant.fold();
    }

    /// Whether the token behind `identity` was issued before its bearer was signed out.
    pub(super) fn covers(&self, identity: &Identity) -> bool {
        let Some(tenant) = self.tenants.get(identity.tenant.as_str()) else { return false };
        let moments = tenant.everybody.iter().chain(tenant.principals.get(&identity.principal));
        moments.into_iter().any(|latest| identity.issued <= latest.0)
    }
}

impl OfTenant {
    /// Forgets what has no effect, and bounds the rest. Not by the clock: one that ran ahead would revive tokens. Instead the
    /// older half of too many sign-outs becomes one of everybody, which ends no token but those issued before it, as a rule
    /// long dead.
    fn fold(&mut self) {
        if self.principals.len() > MAX_PRINCIPALS {
            let mut moments: Vec<Moment> = self.principals.values().copied().collect();
            let (_, middle, _) = moments.select_nth_unstable(MAX_PRINCIPALS / 2);
            self.everybody = self.everybody.max(Some(*middle));
        }
        if let Some(everybody) = self.everybody {
            self.principals.retain(|_, moment| *moment > everybody);
        }
    }
}

fn after(moment: Timestamp, millis: u128) -> Timestamp {
    Timestamp(moment.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_500);

    fn acme() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    fn issued(principal: &str, at_ms: i64) -> Identity {
        Identity { tenant: acme(), principal: principal.to_owned(), issued: Timestamp(at_ms) }
    }

    #[test]
    fn tokens_issued_up_to_the_leeway_after_a_sign_out_are_covered_and_later_ones_are_not() {
        let mut outs = SignOuts::default();
        outs.add(&acme(), Some("ann"), NOW);
        assert!(outs.covers(&issued("ann", 1_800_000_000_000)));
        assert!(outs.covers(&issued("ann", 1_800_000_005_000)));
        assert!(!outs.covers(&issued("ann", 1_800_000_006_000)));
        assert!(!outs.covers(&issued("bob", 1_800_000_000_000)));
        let other = Identity { tenant: TenantId::parse("other").unwrap(), ..issued("ann", 1_800_000_000_000) };
        assert!(!outs.covers(&other));
        outs.add(&acme(), None, NOW);
        assert!(outs.covers(&issued("bob", 1_800_000_000_000)) && !outs.covers(&other));
    }

    #[test]
    fn a_clock_that_was_set_back_takes_no_sign_out_back() {
        let mut outs = SignOuts::default();
        let earlier = Timestamp(NOW.0 - 86_400_000);
        for principal in [Some("ann"), None] {
            let whose = principal.unwrap_or("bob");
            outs.add(&acme(), principal, NOW);
            assert!(outs.covers(&issued(whose, NOW.0)));
            outs.add(&acme(), principal, earlier);
            assert!(outs.covers(&issued(whose, NOW.0)), "{whose}");
            assert!(!outs.covers(&issued(whose, NOW.0 + 6_000)), "{whose}");
        }
    }

    #[test]
    fn a_clock_that_ran_ahead_makes_no_sign_out_forgotten() {
        let mut outs = SignOuts::default();
        let ahead = Timestamp(NOW.0 + 365 * 86_400_000);
        outs.add(&acme(), Some("ann"), NOW);
        outs.add(&acme(), Some("bob"), ahead);
        outs.add(&TenantId::parse("other").unwrap(), None, ahead);
        assert!(outs.covers(&issued("ann", NOW.0)));
        assert!(!outs.covers(&issued("ann", NOW.0 + 6_000)));
        assert!(!outs.covers(&issued("eve", NOW.0)));
        outs.add(&acme(), None, ahead);
        assert!(outs.covers(&issued("ann", ahead.0)));
        assert!(outs.tenants["acme"].principals.is_empty(), "everybody is ann, too");
    }

    #[test]
    fn however_many_are_signed_out_as_many_are_remembered_as_there_is_room_for_and_none_is_let_in_again() {
        let mut outs = SignOuts::default();
        let at = |n: usize| NOW.0 + i64::try_from(n).unwrap() * 1000;
        for n in 0..MAX_PRINCIPALS {
            outs.add(&acme(), Some(&n.to_string()), Timestamp(at(n)));
        }
        assert_eq!(outs.tenants["acme"].principals.len(), MAX_PRINCIPALS);
        assert!(!outs.covers(&issued("somebody", at(0))));
        for n in MAX_PRINCIPALS..3 * MAX_PRINCIPALS {
            outs.add(&acme(), Some(&n.to_string()), Timestamp(at(n)));
            assert!(outs.tenants["acme"].principals.len() <= MAX_PRINCIPALS);
        }
        for n in 0..3 * MAX_PRINCIPALS {
            assert!(outs.covers(&issued(&n.to_string(), at(n))), "{n}");
        }
        // Whoever signed in after the older half was signed out stays.
        let last = 3 * MAX_PRINCIPALS - 1;
        assert!(outs.covers(&issued("somebody", at(0))) && !outs.covers(&issued("somebody", at(last))));
    }
}
