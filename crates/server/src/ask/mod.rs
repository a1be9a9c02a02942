//! Every question and change as the engine is asked it. The one place that knows the engine's and the queries' own
//! calls; everything around it speaks in the structs of [`crate::answer`] and [`crate::params`].

mod canary;
mod changes;
mod explain;
mod failures;
mod fields;
mod people;
mod read;
mod stats;
mod suggest;
mod tenants;

use std::{sync::Arc, time::Duration};

use ticketscope_engine::{Closed, Engine, Tenant, View, storage::TenantId};
use ticketscope_model::Opstamp;
use ticketscope_query::Snapshot;

pub(crate) use self::{
    canary::{holds, may_read},
    changes::{Applied, Batch, OnRefusal, apply, life, wait_for_text},
    tenants::{create, delete, list as tenants},
};
use crate::{
    code::Code,
    failure::Failure,
    position::{self, Position},
};

/// A tenant at one moment: everything that one request reads, the texts of its tickets included.
#[derive(Debug)]
pub(crate) struct Reader {
    tenant: Arc<Tenant>,
    view: View,
}

/// What the answer to a read must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Showing {
    /// A batch.
    pub(crate) position: Option<Position>,
    /// Whether its words must be found, too.
    pub(crate) text: bool,
}

/// What a tenant does not show yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A batch.
    Batch(Opstamp),
    /// The words of everything up to a batch.
    Words(Opstamp),
}

impl Lack {
    /// Any words at all: the text index is not open.
    pub(crate) const ANY_WORDS: Self = Self::Words(Opstamp(0));
}

impl Reader {
    /// The tenant as it is now.
    ///
    /// # Errors
    /// [`Code::NoSuchTenant`], [`Code::Damaged`], [`Code::Storage`].
    pub(crate) fn open(engine: &Engine, tenant: &TenantId) -> Result<Self, Failure> {
        let tenant = tenants::open(engine, tenant)?;
        let view = tenant.view()?;
        Ok(Self { tenant, view })
    }

    fn snapshot(&self) -> &Snapshot {
        self.view.snapshot()
    }

    /// What of `showing` it does not show.
    ///
    /// # Errors
    /// [`Code::BadPosition`] for one of another life of the tenant, which this one will never show.
    pub(crate) fn lacks(&self, showing: Showing) -> Result<Option<Lack>, Failure> {
        let Some(Position { opstamp, life }) = showing.position else { return Ok(None) };
        if life.is_some_and(|life| life != position::life(self.tenant.uuid())) {
            return Err(Failure::of(Code::BadPosition));
        }
        Ok(self.lacks_batch(opstamp, showing.text))
    }

    fn lacks_batch(&self, position: Opstamp, with_text: bool) -> Option<Lack> {
        let snapshot = self.snapshot();
        if snapshot.opstamp() < position {
            return Some(Lack::Batch(position));
        }
        let text = snapshot.text();
        let is_found = text.is_current() || text.view().is_some_and(|view| view.position() >= position);
        (with_text && !is_found).then_some(Lack::Words(position))
    }

    /// The tenant alone, without the moment.
    pub(crate) fn into_tenant(self) -> Arc<Tenant> {
        self.tenant
    }
}

/// Waits until `tenant` shows what was lacking, or is closed and has to be opened again. Blocks.
///
/// # Errors
/// [`Code::PositionNotReached`], [`Code::TextNotReady`].
pub(crate) fn wait(tenant: &Tenant, lack: Lack, patience: Duration) -> Result<(), Failure> {
    let (is_there, code) = match lack {
        Lack::Batch(opstamp) => (tenant.snapshot_at(opstamp, patience).is_some(), Code::PositionNotReached),
        Lack::Words(opstamp) => (tenant.wait_for_text(opstamp, patience), Code::TextNotReady),
    };
    if is_there || tenant.closed() == Some(Closed::Interrupted) { Ok(()) } else { Err(Failure::of(code)) }
}
