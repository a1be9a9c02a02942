//! Every question and change as the engine is asked it. The one place that knows the engine's and the queries' own
//! calls; everything around it speaks in the structs of [`crate::answer`] and [`crate::params`].

mod changes;
mod failures;
mod people;
mod read;
mod stats;
mod tenants;

use std::{sync::Arc, time::Duration};

use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_model::Opstamp;
use ticketscope_query::Snapshot;

pub(crate) use self::{
    changes::{Applied, Batch, OnRefusal, apply},
    tenants::{create, delete, list as tenants},
};
use crate::{code::Code, failure::Failure};

/// A tenant at one moment: everything that one request reads.
#[derive(Debug)]
pub(crate) struct Reader {
    tenant: Arc<Tenant>,
    snapshot: Arc<Snapshot>,
}

impl Reader {
    /// The tenant as it is now.
    ///
    /// # Errors
    /// [`Code::NoSuchTenant`], [`Code::Storage`].
    pub(crate) fn open(engine: &Engine, tenant: &TenantId) -> Result<Self, Failure> {
        let tenant = tenants::open(engine, tenant)?;
        let snapshot = tenant.snapshot();
        Ok(Self { tenant, snapshot })
    }

    /// Whether it shows the batch of this opstamp.
    pub(crate) fn shows(&self, opstamp: Opstamp) -> bool {
        self.snapshot.opstamp() >= opstamp
    }

    /// The same tenant once it shows the batch. Blocks.
    ///
    /// # Errors
    /// [`Code::PositionNotReached`].
    pub(crate) fn wait(self, opstamp: Opstamp, patience: Duration) -> Result<Self, Failure> {
        let snapshot = self.tenant.snapshot_at(opstamp, patience);
        let snapshot = snapshot.ok_or_else(|| Failure::of(Code::PositionNotReached))?;
        Ok(Self { tenant: self.tenant, snapshot })
    }
}
