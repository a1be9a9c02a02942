//! Reading everything of a tenant again, a little at a time, so that what rotted on the disk is found before it is asked
//! for.
//!
//! A *pass* goes through every row of the state, the log, the mapped snapshot in use, the mapped snapshots on disk and the
//! files of the text index. It is cut into steps of about a mebibyte, each of which reads in a view of its own, so that
//! neither the writer nor what the writer frees waits for it. Damage to rows, or to the mapped snapshot in use, closes
//! the tenant: nothing is written on top of what cannot be trusted, and the next opening finds the damage or starts from
//! the rows. A mapped snapshot that is not in use is given up and written anew; a text index is put aside and made anew.
//!
//! redb's own check of its pages needs the database to itself and is not made here, but by openings and by
//! [`crate::Tenant::verify_files`]. Each row is looked up by its key, so that pages that lead astray are found from the rows.

use std::time::{Duration, Instant};

use model::Opstamp;
use parking_lot::Mutex;
use storage::{Condition, ReadError, Table};
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    tenant::Shared,
    text::Checked,
    trouble::{Trouble, chain},
};

/// Bytes of rows that one step reads.
const STEP_BYTES: u64 = 1 << 20;

/// The slowest pass takes this part of [`crate::Options::scrub_interval`], so that nothing stays unread for longer than
/// the interval.
const PART_OF_INTERVAL: u32 = 2;

/// The longest time between two steps of a pass: however small a tenant is, it is done within seconds to minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The least time between two steps of any tenants, so that the disk is others' for most of the time.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// How long a step waits for a file of the text index to be checked.
const TEXT_PATIENCE: Duration = Duration::from_secs(1);

/// Findings that are kept.
const MAX_FOUND: usize = 16;

/// What a pass read and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// State rows read.
    pub rows: u64,
    /// Log rows read.
    pub log_rows: u64,
    /// Mapped snapshots read.
    pub snapshots: u64,
    /// Files of the text index read.
    pub text_files: u64,
    /// Bytes read, files of mapped snapshots and text included.
    pub bytes: u64,
    /// What was damaged, in words: the first of it.
    pub found: Vec<String>,
}

/// How the reading of everything goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrubStats {
    /// Passes that came to their end since the tenant was opened.
    pub passes: u64,
    /// How long ago the last of them ended.
    pub ended_ago: Option<Duration>,
    /// What it read and found.
    pub last: Option<Scrubbed>,
    /// What the pass under way has read and found so far.
    pub current: Scrubbed,
}

/// One step of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubStep {
    /// Bytes read.
    pub bytes: u64,
    /// Whether the pass is at its end; the next step begins another.
    pub is_end: bool,
    /// Whether the tenant is closed, or waits for room on the disk, so that there is nothing to read.
    pub is_closed: bool,
}

/// Where a pass stands.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Begin,
    Rows {
        table: usize,
        after: Option<Vec<u8>>,
    },
    Log {
        after: Option<Opstamp>,
    },
    Mapped,
    Snapshots,
    TextBegin,
    Text,
}

/// What passes read and found.
#[derive(Debug, Default)]
struct Tally {
    current: Scrubbed,
    last: Option<(Instant, Scrubbed)>,
    passes: u64,
}

/// The pass of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    /// Held for a step.
    stage: Mutex<Stage>,
    /// Held for a moment: whoever asks how it goes does not wait for a step.
    tally: Mutex<Tally>,
}

impl Scrub {
    pub(crate) fn stats(&self) -> ScrubStats {
        let tally = self.tally.lock();
        ScrubStats {
            passes: tally.passes,
            ended_ago: tally.last.as_ref().map(|(at, _)| at.elapsed()),
            last: tally.last.as_ref().map(|(_, last)| last.clone()),
            current: tally.current.clone(),
        }
    }

    /// Reads the next piece. `tell` is told of damage.
    pub(crate) fn step(&self, shared: &Shared, tell: &dyn Fn(&str)) -> ScrubStep {
        let mut stage = self.stage.lock();
        // A store that met a full disk cannot be read until there is room.
        if shared.closed().is_some() || shared.store.condition() == Condition::Full {
            return ScrubStep { bytes: 0, is_end: false, is_closed: true };
        }
        let mut current = self.tally.lock().current.clone();
        let before = current.bytes;
        let outcome = advance(std::mem::take(&mut *stage), &mut current, shared);
        let bytes = current.bytes - before;
        let (mut is_end, mut is_closed) = (false, false);
        match outcome {
            Ok(Some(next)) => *stage = next,
            Ok(None) => is_end = true,
            // Somebody else closed it, or will find out: nothing was judged.
            Err(Finding::Closed) => is_closed = true,
            Err(Finding::Mended { what, next }) => {
                tell(&what);
                current.note(what);
                *stage = next;
            }
            Err(Finding::Closing(what)) => {
                tell(&what);
                current.note(what);
                is_closed = true;
            }
        }
        let mut tally = self.tally.lock();
        if is_end {
            tally.last = Some((Instant::now(), current));
            tally.current = Scrubbed::default();
            tally.passes += 1;
        } else {
            tally.current = current;
        }
        ScrubStep { bytes, is_end, is_closed }
    }
}

impl Scrubbed {
    fn note(&mut self, what: String) {
        if self.found.len() < MAX_FOUND {
            self.found.push(what);
        }
    }
}

/// Why a pass does not simply go on.
enum Finding {
    /// The tenant is closed, or the database cannot be read for a reason that is no damage.
    Closed,
    /// Something was damaged and is made anew.
    Mended { what: String, next: Stage },
    /// Something is damaged for which the tenant was closed.
    Closing(String),
}

/// The next piece; answers where the pass stands then, nothing at its end.
fn advance(stage: Stage, current: &mut Scrubbed, shared: &Shared) -> Result<Option<Stage>, Finding> {
    Ok(Some(match stage {
        Stage::Begin => Stage::Rows { table: 0, after: None },
        Stage::Rows { table: number, after } => {
            let Some(table) = Table::ALL.get(number) else { return Ok(Some(Stage::Log { after: None })) };
            let reader = shared.store.reader().map_err(|error| judged(&error, shared))?;
            let slice = reader.check_rows(*table, after.as_deref(), STEP_BYTES);
            let slice = slice.map_err(|error| judged(&error, shared))?;
            current.rows += slice.rows;
            current.bytes += slice.bytes;
            match slice.next {
                Some(after) => Stage::Rows { table: number, after: Some(after) },
                None => Stage::Rows { table: number + 1, after: None },
            }
        }
        Stage::Log { after } => {
            let reader = shared.store.reader().map_err(|error| judged(&error, shared))?;
            let slice = reader.check_log(after, STEP_BYTES).map_err(|error| judged(&error, shared))?;
            current.log_rows += slice.rows;
            current.bytes += slice.bytes;
            match slice.next {
                Some(after) => Stage::Log { after: Some(after) },
                None => Stage::Mapped,
            }
        }
        Stage::Mapped => {
            if let Some(mapped) = &shared.mapped {
                current.bytes += mapped.len_bytes();
                if let Err(defect) = shared.check_mapped(mapped) {
                    let what =
                        format!("the mapped snapshot in use: {}; the tenant opens again from its rows", chain(&defect));
                    return Err(Finding::Closing(what));
                }
            }
            Stage::Snapshots
        }
        Stage::Snapshots => {
            let (snapshots, rejected) = shared.store.check_snapshots();
            current.snapshots += snapshots;
            current.bytes += shared.store.disk_usage().map_or(0, |usage| usage.snapshot_bytes);
            let Some(first) = rejected.first() else {
                return Ok(Some(Stage::TextBegin));
            };
            let mut what = format!("{}: {}", first.path.display(), chain(&first.defect));
            if let Err(error) = shared.rewrite_checkpoint() {
                what = format!("{what}; another one cannot be written: {}", chain(&error));
            }
            return Err(Finding::Mended { what, next: Stage::TextBegin });
        }
        // Somebody else checks all files, and shares the list of them: then from the beginning.
        Stage::TextBegin => match shared.text.checking.try_lock() {
            None => Stage::TextBegin,
            Some(_checking) => {
                shared.text.begin_check();
                Stage::Text
            }
        },
        Stage::Text if shared.text.checking.is_locked() => Stage::TextBegin,
        Stage::Text => match shared.text.check_file(TEXT_PATIENCE) {
            Checked::Whole(bytes) => {
                current.text_files += 1;
                current.bytes += bytes;
                Stage::Text
            }
            Checked::Waiting => Stage::Text,
            Checked::Damaged(what) => return Err(Finding::Mended { what, next: Stage::Text }),
            Checked::End => return Ok(None),
        },
    }))
}

/// Closes the tenant if an error says that rows are damaged.
fn judged(error: &ReadError, shared: &Shared) -> Finding {
    match error {
        ReadError::Damaged(damaged) => {
            shared.suffer(Trouble::Damaged(damaged.to_string()));
            Finding::Closing(damaged.to_string())
        }
        ReadError::Database(_) => {
            shared.suffer(Trouble::of_read(error));
            Finding::Closing(chain(error))
        }
        ReadError::Full | ReadError::Poisoned | ReadError::NotInLog { .. } => Finding::Closed,
    }
}

/// How long to wait before the next step of a tenant of `total` bytes, after one that read `step` of them: so long that
/// a pass takes half of `interval`, but never longer than a second for each mebibyte.
pub(crate) fn pause(step: u64, total: u64, interval: Duration) -> Duration {
    let share = |whole: Duration, part: u64, of: u64| {
        let nanos = whole.as_nanos().saturating_mul(u128::from(part)) / u128::from(of.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    };
    let even = share(interval / PART_OF_INTERVAL, step, total);
    even.min(share(LONGEST_PAUSE, step, STEP_BYTES)).max(SHORTEST_PAUSE)
}

/// When the next pass begins after one that began at `began`.
pub(crate) fn next_pass(began: Instant, interval: Duration) -> Instant {
    began + interval / PART_OF_INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_pass_of_whatever_size_ends_within_half_the_interval_and_never_hurries() {
        for total in [0, 1, 1 << 10, 1 << 20, 1 << 30, 1 << 36, 1 << 40] {
            let steps = total / STEP_BYTES + 1;
            let one = pause(STEP_BYTES.min(total), total, DAY);
            assert!(one >= SHORTEST_PAUSE && one <= LONGEST_PAUSE, "{total}: {one:?}");
            // Up to the size from which on the disk would have no rest.
            if total <= 1 << 39 {
                assert!(
                    one * u32::try_from(steps).unwrap() <= DAY / 2 + LONGEST_PAUSE,
                    "{total}: {one:?} times {steps}"
                );
            }
        }
        let now = Instant::now();
        assert_eq!(next_pass(now, DAY) - now, DAY / 2);
    }
}
