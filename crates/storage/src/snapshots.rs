//! Which mapped snapshots a tenant has, and how a new one replaces the oldest.

use std::{
    collections::BTreeSet,
    fmt,
    io::BufWriter,
    path::{Path, PathBuf},
};

use parking_lot::{Mutex, MutexGuard, RwLock};
use ticketscope_model::Opstamp;

use crate::{
    CommitError, FileError, MappedSnapshot, SnapshotDefect, SnapshotError, Store,
    disk::{Disk, FileWriter, Opening, steps},
    layout::Encoder,
    meta::{Meta, SnapshotEntry},
};

const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".tsnap";
const TEMPORARY: &str = "snapshot.tmp";
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Sections are written through a buffer of this size.
const BUFFER_BYTES: usize = 1 << 20;

fn file_name(serial: u64) -> String {
    format!("{PREFIX}{serial:020}{SUFFIX}")
}

/// A mapped snapshot that cannot be used.
#[derive(Debug)]
pub struct RejectedSnapshot {
    /// Its opstamp, by the row that names it.
    pub opstamp: Opstamp,
    /// Its file.
    pub path: PathBuf,
    /// Why.
    pub defect: SnapshotDefect,
}

/// What [`Store::open_snapshot`] found.
#[derive(Debug)]
pub struct SnapshotChoice {
    /// The newest mapped snapshot that can be used, if any.
    pub snapshot: Option<MappedSnapshot>,
    /// Newer ones that cannot.
    pub rejected: Vec<RejectedSnapshot>,
}

/// Bookkeeping beside the meta rows.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Held while one is being written.
    writing: Mutex<()>,
    /// Held exclusively while the rows that name files and the files themselves disagree.
    files: RwLock<()>,
    /// Serials found damaged, which are not worth keeping as the previous one.
    rejected: Mutex<BTreeSet<u64>>,
}

impl Snapshots {
    /// Removes what a crash left: snapshots that no meta row names and files that were being written.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, meta: &Meta) -> Result<Self, FileError> {
        remove(disk, dir, |name| name.ends_with(TEMPORARY_SUFFIX) || is_unnamed(name, meta))?;
        Ok(Self::default())
    }
}

fn named(meta: &Meta) -> impl Iterator<Item = SnapshotEntry> + use<> {
    [meta.current, meta.previous].into_iter().flatten()
}

/// Whether a file has the name of a snapshot.
pub(crate) fn is_snapshot(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether a file is a snapshot that no meta row names.
fn is_unnamed(name: &str, meta: &Meta) -> bool {
    is_snapshot(name) && !named(meta).any(|entry| file_name(entry.serial) == name)
}

/// Removes some of a tenant's files.
fn remove(disk: &dyn Disk, dir: &Path, which: impl Fn(&str) -> bool) -> Result<(), FileError> {
    let mut names = steps::names(disk, dir)?;
    names.retain(|name| which(name));
    for name in &names {
        steps::remove(disk, &dir.join(name))?;
    }
    if names.is_empty() { Ok(()) } else { steps::sync_dir(disk, dir) }
}

impl Store {
    /// Starts a mapped snapshot of the state after change `opstamp`.
    ///
    /// # Errors
    /// [`SnapshotError`] if another one is being written, or `opstamp` is not durable yet.
    pub fn begin_snapshot(&self, opstamp: Opstamp) -> Result<SnapshotWriter<'_>, SnapshotError> {
        let applied = self.applied();
        if opstamp > applied {
            return Err(SnapshotError::AheadOfLog { opstamp, applied });
        }
        let writing = self.snapshots.writing.try_lock().ok_or(SnapshotError::Busy)?;
        let path = self.dir.join(TEMPORARY);
        let file = self.disk.open(&path, Opening::Emptied).map_err(steps::failed("create", &path))?;
        let temporary = Temporary { disk: &*self.disk, path };
        let out = BufWriter::with_capacity(BUFFER_BYTES, FileWriter::new(file));
        let encoder = Encoder::new(out, self.uuid, opstamp).map_err(steps::failed("write", &temporary.path))?;
        Ok(SnapshotWriter { store: self, opstamp, encoder, temporary, _writing: writing })
    }

    /// Maps the newest mapped snapshot that can be used. Every byte of it is checked: linear in its length.
    ///
    /// # Errors
    /// [`SnapshotError`] if the store is poisoned. A damaged file is no error but rejected, and the one before is used.
    pub fn open_snapshot(&self) -> Result<SnapshotChoice, SnapshotError> {
        let _files = self.snapshots.files.read();
        let meta = self.reader()?.meta().clone();
        let mut rejected = Vec::new();
        for entry in named(&meta) {
            match self.map_entry(&entry, &meta) {
                Ok(snapshot) => return Ok(SnapshotChoice { snapshot: Some(snapshot), rejected }),
                Err(damaged) => rejected.push(damaged),
            }
        }
        Ok(SnapshotChoice { snapshot: None, rejected })
    }

    /// Checks every byte of every mapped snapshot that a row names; answers how many there are and those that are damaged,
    /// which do not take the place of a good one any more. Linear in their length; one that is being finished waits.
    pub fn check_snapshots(&self) -> (u64, Vec<RejectedSnapshot>) {
        let _files = self.snapshots.files.read();
        let meta = self.meta();
        let checked: Vec<_> = named(&meta).map(|entry| self.map_entry(&entry, &meta)).collect();
        (checked.len() as u64, checked.into_iter().filter_map(Result::err).collect())
    }

    /// Takes every mapped snapshot out of use, so that the next opening goes by the rows alone.
    ///
    /// # Errors
    /// [`SnapshotError`]; a failed commit poisons the store.
    pub fn forget_snapshots(&self) -> Result<(), SnapshotError> {
        let _files = self.snapshots.files.write();
        let meta = self.commit_snapshots(|meta| (meta.current, meta.previous) = (None, None))?;
        Ok(remove(&*self.disk, &self.dir, |name| is_unnamed(name, &meta))?)
    }

    fn map_entry(&self, entry: &SnapshotEntry, meta: &Meta) -> Result<MappedSnapshot, RejectedSnapshot> {
        let path = self.dir.join(file_name(entry.serial));
        MappedSnapshot::open(&*self.disk, &path, entry, meta.uuid, meta.applied.opstamp).map_err(|defect| {
            self.snapshots.rejected.lock().insert(entry.serial);
            RejectedSnapshot { opstamp: entry.opstamp, path, defect }
        })
    }
}

/// Writes one mapped snapshot. Dropped before [`Self::finish`], it leaves nothing behind.
pub struct SnapshotWriter<'a> {
    store: &'a Store,
    opstamp: Opstamp,
    encoder: Encoder<BufWriter<FileWriter>>,
    temporary: Temporary<'a>,
    _writing: MutexGuard<'a, ()>,
}

impl SnapshotWriter<'_> {
    /// Writes a section. Ids are the caller's; each is used once.
    ///
    /// # Errors
    /// [`SnapshotError`] if the id was used or the file cannot be written.
    pub fn section(&mut self, id: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.section_in_pieces(id, [bytes])
    }

    /// Writes a section that is never in memory as a whole: the pieces follow each other without gaps.
    ///
    /// # Errors
    /// [`SnapshotError`] if the id was used or the file cannot be written.
    pub fn section_in_pieces<P: AsRef<[u8]>>(
        &mut self,
        id: u32,
        pieces: impl IntoIterator<Item = P>,
    ) -> Result<(), SnapshotError> {
        if self.encoder.has(id) {
            return Err(SnapshotError::DuplicateSection(id));
        }
        let written = self.encoder.section(id, pieces);
        Ok(written.map_err(steps::failed("write", &self.temporary.path))?)
    }

    /// Makes the snapshot durable and current. The one before is kept, older ones are deleted.
    ///
    /// # Errors
    /// [`SnapshotError`]; the snapshots of before are then still there, and a failed commit poisons the store.
    pub fn finish(self) -> Result<(), SnapshotError> {
        // Bound in this order, for the file must be gone before another writer may make one of its name.
        let Self { store, opstamp, encoder, _writing, temporary } = self;
        let path = &temporary.path;
        let (buffer, seal) = encoder.finish().map_err(steps::failed("write", path))?;
        let file = buffer.into_inner().map_err(|error| steps::failed("write", path)(error.into_error()))?;
        file.sync().map_err(steps::failed("sync", path))?;
        drop(file);

        let _files = store.snapshots.files.write();
        let serial = named(&store.meta()).map(|entry| entry.serial).max().unwrap_or(0) + 1;
        let named_path = store.dir.join(file_name(serial));
        steps::rename_in(&*store.disk, &store.dir, path, &named_path)?;
        let entry = SnapshotEntry { serial, opstamp, len: seal.len, digest: seal.digest };
        let committed = store.commit_snapshots(|meta| {
            // A previous one is for when the current one is damaged: a damaged one must not push a good one out.
            let rejected = store.snapshots.rejected.lock();
            let good = |entry: &SnapshotEntry| !rejected.contains(&entry.serial);
            meta.previous = meta.current.filter(good).or(meta.previous.filter(good));
            meta.current = Some(entry);
        });
        if matches!(committed, Err(CommitError::Full(_))) {
            // No row names it, and it takes the room that is wanted. What cannot be removed goes with the next opening.
            drop(store.disk.remove(&named_path));
        }
        let meta = committed?;
        // Only snapshots: other files being written are not ours here.
        Ok(remove(&*store.disk, &store.dir, |name| is_unnamed(name, &meta))?)
    }
}

impl fmt::Debug for SnapshotWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWriter").field("opstamp", &self.opstamp).finish_non_exhaustive()
    }
}

/// The file being written; removed when dropped, unless it was renamed.
struct Temporary<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the tenant is opened again.
        drop(self.disk.remove(&self.path));
    }
}
