//! Tokens that died before their time: those of somebody, or of everybody in a tenant, who was signed out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

use super::{
    moment::Moment,
    token::{Identity, LEEWAY, MAX_TOKEN_LIFETIME},
};

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

    /// Signs a principal out, or everybody, of a tenant at `now`. What has no effect any more is forgotten.
    pub(super) fn add(&mut self, tenant: &TenantId, principal: Option<&str>, now: Timestamp) {
        self.forget(now);
        // An issuer's clock may run ahead by the leeway, and its tokens of before are to die too.
        let latest = Moment(after(now, LEEWAY.as_millis()));
        let tenant = self.tenants.entry(tenant.as_str().to_owned()).or_default();
        match principal {
            Some(principal) => {
                tenant.principals.insert(principal.to_owned(), latest);
            }
            None => tenant.everybody = Some(latest),
        }
    }

    /// Whether the token behind `identity` was issued before its bearer was signed out.
    pub(super) fn covers(&self, identity: &Identity) -> bool {
        let Some(tenant) = self.tenants.get(identity.tenant.as_str()) else { return false };
        let moments = tenant.everybody.iter().chain(tenant.principals.get(&identity.principal));
        moments.into_iter().any(|latest| identity.issued <= latest.0)
    }

    /// Every token that was issued so long ago is dead by itself.
    fn forget(&mut self, now: Timestamp) {
        let last = MAX_TOKEN_LIFETIME + 2 * LEEWAY;
        let counts = |moment: &Moment| after(moment.0, last.as_millis()) > now;
        self.tenants.retain(|_, tenant| {
            tenant.everybody = tenant.everybody.filter(counts);
            tenant.principals.retain(|_, moment| counts(moment));
            tenant.everybody.is_some() || !tenant.principals.is_empty()
        });
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
    fn what_every_token_has_outlived_is_forgotten_and_nothing_before() {
        let mut outs = SignOuts::default();
        outs.add(&acme(), Some("ann"), NOW);
        let at = |seconds: i64| Timestamp(NOW.0 + seconds * 1000);
        // The last token that it covers is issued 5 s later, lives for 15 minutes and 5 s of leeway more.
        outs.forget(at(5 + 900 + 10 - 1));
        assert!(!outs.is_empty());
        outs.forget(at(5 + 900 + 10));
        assert!(outs.is_empty());
    }
}
