//! Room that is kept free on the disk, so that what was acknowledged can still be indexed, mapped and taken away.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use storage::{FileError, Space};
use thiserror::Error;
use ticketscope_storage as storage;

/// How long a look at the disk is good for.
const LOOK: Duration = Duration::from_millis(100);

/// How long after a write that found no room nothing is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// The part of the disk that is kept free at most.
const LARGEST_PART: u64 = 20;

/// Why something was not written: there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Full {
    /// So little is left that it is kept for what was acknowledged already.
    #[error("the disk has {available} bytes left, of which the last {kept} are kept free")]
    Reserve {
        /// Bytes that are left.
        available: u64,
        /// Bytes that are not used for this.
        kept: u64,
    },
    /// A write found none, a moment ago or now. What the disk or a quota has left is not known.
    #[error("the disk or a quota has no room")]
    Disk,
}

/// What room is wanted for: each may use more of what is kept free than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Batches and new tenants.
    Batch,
    /// What was acknowledged, in the form that questions need: text indexes and mapped snapshots.
    Derived,
    /// Batches that only take away: people must be able to revoke and to erase on a full disk.
    Removal,
}

/// How the disk and the time are looked at.
pub(crate) struct Outside {
    pub(crate) now: Box<dyn Fn() -> Instant + Send + Sync>,
    pub(crate) space: Box<dyn Fn() -> Result<Space, FileError> + Send + Sync>,
}

/// The room of the disk that a data directory is on.
pub(crate) struct Room {
    reserve: u64,
    outside: Outside,
    seen: Mutex<Option<(Instant, Option<Space>)>>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("reserve", &self.reserve).finish_non_exhaustive()
    }
}

impl Outside {
    /// The system's clock, and the disk that holds `path`.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { now: Box::new(Instant::now), space: Box::new(move || Space::at(&path)) }
    }
}

impl Room {
    /// `reserve` bytes are kept free, but never more than a twentieth of the disk.
    pub(crate) fn new(reserve: u64, outside: Outside) -> Self {
        Self { reserve, outside, seen: Mutex::default() }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.outside.now)()
    }

    /// Whether there is room for `wanted`. A disk that cannot be measured has room: the write itself will say.
    ///
    /// # Errors
    /// [`Full::Reserve`].
    pub(crate) fn check(&self, wanted: Use) -> Result<(), Full> {
        if self.reserve == 0 {
            return Ok(());
        }
        let Some(Space { total, available }) = self.look() else { return Ok(()) };
        let reserve = self.reserve.min(total / LARGEST_PART);
        let kept = match wanted {
            Use::Batch => reserve,
            Use::Derived => reserve / 2,
            Use::Removal => reserve / 4,
        };
        if available < kept { Err(Full::Reserve { available, kept }) } else { Ok(()) }
    }

    fn look(&self) -> Option<Space> {
        let mut seen = self.seen.lock();
        // Behind the lock: never earlier than what was seen by somebody else.
        let now = self.now();
        match *seen {
            Some((at, space)) if now.saturating_duration_since(at) < LOOK => space,
            _ => {
                let space = (self.outside.space)().ok();
                *seen = Some((now, space));
                space
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::*;

    const GIB: u64 = 1 << 30;

    /// A disk of this size with the bytes left that the handle says, and a clock that the other one moves on.
    fn disk(total: u64) -> (Outside, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (left, millis) = (Arc::new(AtomicU64::new(total)), Arc::new(AtomicU64::new(0)));
        let (available, passed, start) = (Arc::clone(&left), Arc::clone(&millis), Instant::now());
        let outside = Outside {
            now: Box::new(move || start + Duration::from_millis(passed.load(Relaxed))),
            space: Box::new(move || Ok(Space { total, available: available.load(Relaxed) })),
        };
        (outside, left, millis)
    }

    #[test]
    fn each_use_has_room_down_to_its_part_of_the_reserve_and_not_below() {
        // Of a large disk what was chosen is kept, of a small one a twentieth.
        for (total, reserve) in [(100 * GIB, 512 << 20), (GIB, GIB / 20)] {
            let (outside, left, millis) = disk(total);
            let room = Room::new(512 << 20, outside);
            for (wanted, kept) in [(Use::Batch, reserve), (Use::Derived, reserve / 2), (Use::Removal, reserve / 4)] {
                left.store(kept, Relaxed);
                millis.fetch_add(1000, Relaxed);
                assert_eq!(room.check(wanted), Ok(()), "{wanted:?}");
                left.store(kept - 1, Relaxed);
                millis.fetch_add(1000, Relaxed);
                assert_eq!(room.check(wanted), Err(Full::Reserve { available: kept - 1, kept }), "{wanted:?}");
            }
        }
    }

    #[test]
    fn a_look_at_the_disk_is_good_for_a_moment() {
        let (outside, left, millis) = disk(GIB);
        let room = Room::new(GIB, outside);
        assert!(room.check(Use::Batch).is_ok());
        left.store(0, Relaxed);
        millis.store(99, Relaxed);
        assert!(room.check(Use::Batch).is_ok());
        millis.store(100, Relaxed);
        assert!(room.check(Use::Batch).is_err());
    }

    #[test]
    fn nothing_is_kept_free_where_nothing_is_asked_for_or_known() {
        let (outside, left, _) = disk(GIB);
        left.store(0, Relaxed);
        assert!(Room::new(0, outside).check(Use::Batch).is_ok());
        let outside = Outside::of("/nowhere/at/all".into());
        assert!(Room::new(GIB, outside).check(Use::Batch).is_ok());
    }
}
