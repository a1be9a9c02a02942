use std::time::Duration;

use query::DEFAULT_SCOPE_BYTES;
use ticketscope_query as query;

/// The default of [`Options::reserve_bytes`].
const RESERVE_BYTES: u64 = 512 << 20;

/// What can be chosen when a data directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Log written since the last mapped snapshot, in bytes, after which the next one is written in the background:
    /// about what an opening after a crash has to replay at most. Smaller means more writing and faster opening.
    pub checkpoint_log_bytes: u64,
    /// Tenants kept open at most, but for those that somebody holds. The one asked for longest ago is closed first; it
    /// opens again when it is asked for.
    pub max_open_tenants: usize,
    /// Bytes that the kept scopes of each tenant take at most, with the orders and facets that were asked of them. The ones
    /// asked for longest ago leave first and are evaluated anew when they are asked for; the one asked for last stays
    /// whatever it takes. Smaller means less memory and more questions that wait for an evaluation. However many bytes there
    /// are, no more than [`query::MAX_SCOPES`] are kept.
    pub scope_bytes: usize,
    /// Bytes that are kept free on the disk, but never more than a twentieth of it. With fewer left, batches and new tenants
    /// are refused as [`crate::Full`]; text indexes and mapped snapshots, which hold what was acknowledged, are written down to half
    /// of it, and batches that only remove or erase down to a quarter. With 0 only the disk itself refuses.
    pub reserve_bytes: u64,
    /// The longest time that anything on the disk of an open tenant stays unread: everything is read again, slowly, by one
    /// thread for all tenants, so that what rots is found before it is asked for. Zero for never.
    pub scrub_interval: Duration,
}

impl Default for Options {
    /// A mapped snapshot for every 64 MiB of log, 256 open tenants, [`DEFAULT_SCOPE_BYTES`] of kept scopes in each, 512 MiB
    /// kept free on the disk, and everything read again within a day.
    fn default() -> Self {
        Self {
            checkpoint_log_bytes: 64 << 20,
            max_open_tenants: 256,
            scope_bytes: DEFAULT_SCOPE_BYTES,
            reserve_bytes: RESERVE_BYTES,
            scrub_interval: Duration::from_hours(24),
        }
    }
}
