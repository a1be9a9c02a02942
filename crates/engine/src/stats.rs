//! Sizes and positions of a tenant, and how what runs behind it fares.

use bitmap::{IndexBytes, PartBytes};
use model::Opstamp;
use query::{ScopeBytes, Snapshot};
use storage::{DiskUsage, FileError};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{room::Full, scrub::ScrubStats, shared::Shared, text_worker::News};

/// Sizes and positions of a tenant.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The last acknowledged batch.
    pub opstamp: Opstamp,
    /// The batch of the newest mapped snapshot; 0 if there is none.
    pub snapshot: Opstamp,
    /// Why the last background snapshot was not written.
    pub checkpoint_failure: Option<String>,
    /// Rows of the log.
    pub log_rows: u64,
    /// Why batches are not taken for the moment, if so.
    pub full: Option<Full>,
    /// Bytes on disk, by part.
    pub disk: DiskUsage,
    /// Bytes of the index, by part.
    pub index: IndexBytes,
    /// Bytes of the people and their relations on the heap, estimated.
    pub directory: usize,
    /// Cached scopes. Their reckoned bytes are at most [`crate::Options::scope_bytes`] and the last one asked for; there
    /// are at most [`query::MAX_SCOPES`].
    pub cached_scopes: ScopeBytes,
    /// The text index.
    pub text: TextStats,
    /// How the reading of everything again goes.
    pub scrub: ScrubStats,
}

impl Stats {
    pub(crate) fn new(shared: &Shared, scrub: ScrubStats) -> Result<Self, FileError> {
        let snapshot = shared.publication.newest();
        let checkpoints = shared.checkpoints.lock();
        Ok(Self {
            opstamp: snapshot.opstamp(),
            snapshot: checkpoints.newest,
            checkpoint_failure: checkpoints.failure.clone(),
            log_rows: shared.store.log_len(),
            full: shared.full(),
            disk: shared.store.disk_usage()?,
            index: snapshot.index().part_bytes(),
            directory: snapshot.directory().heap_bytes(),
            cached_scopes: snapshot.cached_scopes(),
            text: TextStats::new(&snapshot, shared.text.news()),
            scrub,
        })
    }

    /// What the tenant takes in memory, by part: each part once, its name that of answers and tables.
    pub fn memory(&self) -> Vec<(&'static str, PartBytes)> {
        let [dictionaries, postings, columns] = self.index.of_fields();
        let heap = |heap| PartBytes { heap, mapped: 0 };
        vec![
            ("keys", self.index.keys),
            ("dictionaries", dictionaries),
            ("postings", postings),
            ("columns", columns),
            ("orders", self.index.orders),
            ("directory", heap(self.directory)),
            ("scopes: tickets", heap(self.cached_scopes.sets)),
            ("scopes: orders", heap(self.cached_scopes.orders)),
            ("scopes: counts", heap(self.cached_scopes.counts)),
            ("text: rows", heap(self.text.heap_bytes.saturating_sub(self.text.cache_bytes))),
            ("text: caches", heap(self.text.cache_bytes)),
        ]
    }
}

/// How far the text index of a tenant is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextStats {
    /// Whether words can be asked for.
    pub ready: bool,
    /// The batch up to which the text is durable in the index.
    pub position: Opstamp,
    /// Tickets with text in the index.
    pub tickets: u32,
    /// Tickets whose changed text is not in the index yet.
    pub pending: u32,
    /// Files of the index that are searched one by one.
    pub segments: usize,
    /// Bytes on the heap.
    pub heap_bytes: usize,
    /// Those of them that were computed for questions and can be computed again. Read a moment later: questions that come in
    /// between may make them more.
    pub cache_bytes: usize,
    /// Why the last index was put aside and made anew, if one was.
    pub put_aside: Option<String>,
    /// Why text is not indexed any more.
    pub failure: Option<String>,
}

impl TextStats {
    fn new(snapshot: &Snapshot, news: News) -> Self {
        let state = snapshot.text();
        let view = state.view();
        Self {
            ready: view.is_some(),
            position: news.position,
            tickets: view.map_or(0, |view| view.tickets().len()),
            pending: state.pending(),
            segments: view.map_or(0, |view| view.segment_count()),
            heap_bytes: view.map_or(0, |view| view.heap_bytes()),
            cache_bytes: view.map_or(0, |view| view.cache_bytes()),
            put_aside: news.put_aside,
            failure: news.failure,
        }
    }
}
