//! What the threads of a tenant share, and what all tenants of an engine do.

use std::{fmt, sync::Arc, time::Instant};

use model::Opstamp;
use parking_lot::Mutex;
use storage::{MappedSnapshot, Store, TenantId};
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    publication::Publication,
    room::Room,
    text_worker::TextWorker,
    trouble::{Closed, Fatal},
    writer::Writer,
};

/// What all tenants of an engine share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) room: Room,
    pub(crate) fatal: Fatal,
}

/// An open tenant, as those who write, index, map and check it see it.
pub(crate) struct Shared {
    pub(crate) id: TenantId,
    pub(crate) common: Arc<Common>,
    pub(crate) store: Store,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) publication: Publication,
    pub(crate) text: TextWorker,
    /// The mapped snapshot that the index began with.
    pub(crate) mapped: Option<MappedSnapshot>,
    pub(crate) checkpoints: Mutex<Checkpoints>,
    /// Why nothing can be written any more, as far as it came this way.
    pub(crate) closed: Mutex<Option<Closed>>,
    pub(crate) pauses: Mutex<Pauses>,
}

/// Opstamps of the two mapped snapshots that are kept; 0 for none.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    pub(crate) newest: Opstamp,
    pub(crate) previous: Opstamp,
    /// Why the last one was not written.
    pub(crate) failure: Option<String>,
}

/// Until when what found no room is not tried again.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    pub(crate) writing: Option<Instant>,
    pub(crate) reopening: Option<Instant>,
    pub(crate) checkpoint: Option<Instant>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("publication", &self.publication).finish_non_exhaustive()
    }
}
