//! What a fault left: it is opened, compared, gone on with, and opened once more.

use std::path::Path;

use fastrand::Rng;
use ticketscope_engine::{Engine, Recovery};
use ticketscope_tests::compare;

use crate::reference::{Reference, id, submit};

/// What a survey found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Batches that the tenant has, before the survey added one.
    pub(crate) batches: u64,
    /// How it was brought back; nothing if there was no tenant yet.
    pub(crate) recovery: Option<Recovery>,
}

/// Looks at what is left in a data directory of which `acknowledged` batches were acknowledged. The tenant is left with one
/// batch more than it had, closed or not.
pub(crate) fn survey(dir: &Path, reference: &Reference, acknowledged: u64, rng: &mut Rng, context: &str) -> Survey {
    let engine = Engine::open(dir).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    if !engine.has_tenant(&id()) {
        assert_eq!(acknowledged, 0, "{context}: the tenant is gone");
        return Survey { batches: 0, recovery: None };
    }
    let tenant = engine.tenant(&id()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let batches = tenant.snapshot().opstamp().0 - 1;
    let expected = acknowledged..=acknowledged + 1;
    assert!(expected.contains(&batches), "{context}: {batches} batches are left of {acknowledged} acknowledged ones");
    let recovery = tenant.recovery().clone();
    assert_eq!(recovery.rejected, Vec::<String>::new(), "{context}: a mapped snapshot was damaged");
    reference.assert_is_after(&tenant, batches, context);
    compare::assert_is_rebuilt(&tenant, context);
    if batches < ticketscope_tests::script::LENGTH {
        submit(&tenant, &reference.script, batches);
        reference.assert_is_after(&tenant, batches + 1, &format!("{context}, gone on"));
    }
    drop(tenant);
    if rng.bool() {
        engine.close().unwrap_or_else(|error| panic!("{context}: {error:?}"));
    }
    drop(engine);
    let engine = Engine::open(dir).unwrap();
    let tenant = engine.tenant(&id()).unwrap_or_else(|error| panic!("{context}, opened again: {error:?}"));
    let now = tenant.snapshot().opstamp().0 - 1;
    assert_eq!(now, (batches + 1).min(ticketscope_tests::script::LENGTH), "{context}, opened again");
    reference.assert_is_after(&tenant, now, &format!("{context}, opened again"));
    assert_eq!(tenant.stats().unwrap().text.put_aside, None, "{context}: the text index was made anew");
    Survey { batches, recovery: Some(recovery) }
}
