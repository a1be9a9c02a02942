use ticketscope_canary::{Part, Sighting};
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_query::scope::{VIEW, VIEW_PRIVATE, VIEW_SIDE};

use super::tenants;
use crate::{code::Code, failure::Failure};

/// Whether the word of a canary stands in a ticket of `tenant` that has the canary's id: read from the rows themselves, not
/// from the index that answers are made from.
///
/// # Errors
/// [`Code::NoSuchTenant`], [`Code::Storage`], [`Code::Damaged`].
pub(crate) fn holds(engine: &Engine, tenant: &TenantId, sighting: &Sighting, word: &str) -> Result<bool, Failure> {
    let tenant = tenants::open(engine, tenant)?;
    if tenant.snapshot().index().find(&sighting.ticket).is_none() {
        return Ok(false);
    }
    let texts = tenant.text(&sighting.ticket)?;
    Ok(texts.iter().any(|part| part.body.contains(word)))
}

/// Whether a principal may read this word of a canary, judged by the rules and the ticket alone: not by the sets that
/// answers are made from.
///
/// # Errors
/// [`Code::NoSuchTenant`], [`Code::Storage`], [`Code::UnknownPrincipal`].
pub(crate) fn may_read(
    engine: &Engine,
    tenant: &TenantId,
    principal: &str,
    sighting: &Sighting,
) -> Result<bool, Failure> {
    let snapshot = tenants::open(engine, tenant)?.snapshot();
    let may = |verb| snapshot.sees(principal, verb, &sighting.ticket).or(Err(Failure::of(Code::UnknownPrincipal)));
    Ok(may(VIEW)?
        && match sighting.part {
            Part::Public => true,
            Part::Private => may(VIEW_PRIVATE)?,
            Part::Side => may(VIEW_SIDE)?,
        })
}
