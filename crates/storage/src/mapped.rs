use std::{
    fmt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use ticketscope_model::Opstamp;

use crate::{
    SnapshotDefect, TenantUuid,
    disk::{Disk, Map, steps},
    layout::Layout,
    meta::SnapshotEntry,
};

/// A durable image of derived data, checked as a whole and mapped into memory.
///
/// Sections are slices of the map; each keeps the map alive, also after the file has been deleted.
#[derive(Clone)]
pub struct MappedSnapshot {
    path: PathBuf,
    layout: Layout,
    map: Map,
    bytes: Bytes,
}

impl MappedSnapshot {
    /// Maps the file that `entry` names and checks every byte of it. Linear in its length.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        entry: &SnapshotEntry,
        uuid: TenantUuid,
        applied: Opstamp,
    ) -> Result<Self, SnapshotDefect> {
        let found = steps::len(disk, path)?;
        if found != entry.len {
            return Err(SnapshotDefect::Length { expected: entry.len, found });
        }
        let map = disk.map(path).map_err(steps::failed("map", path))?;
        let bytes = Bytes::from_owner(map.clone());
        let layout = Layout::check(&bytes)?;
        if layout.uuid != uuid {
            return Err(SnapshotDefect::Uuid { expected: uuid, found: layout.uuid });
        }
        if layout.opstamp > applied {
            return Err(SnapshotDefect::AheadOfLog { found: layout.opstamp, applied });
        }
        if layout.opstamp != entry.opstamp || layout.seal.digest != entry.digest {
            return Err(SnapshotDefect::Replaced);
        }
        Ok(Self { path: path.to_owned(), layout, map, bytes })
    }

    /// Checks every byte once more: a file whose bytes rotted since it was opened shows that in the map. Linear in it.
    ///
    /// # Errors
    /// [`SnapshotDefect`] says what does not match any more.
    pub fn check(&self) -> Result<(), SnapshotDefect> {
        self.map.read_ahead().map_err(steps::failed("read", &self.path))?;
        if Layout::check(&self.bytes)? == self.layout { Ok(()) } else { Err(SnapshotDefect::Replaced) }
    }

    /// The last change that the image holds.
    pub fn opstamp(&self) -> Opstamp {
        self.layout.opstamp
    }

    /// The bytes of a section, from an address that is a multiple of 64 on; `None` if there is no section `id`.
    /// Linear in the number of sections, copies nothing.
    pub fn section(&self, id: u32) -> Option<Bytes> {
        let section = self.layout.sections.iter().find(|section| section.id == id)?;
        let start = usize::try_from(section.offset).ok()?;
        let len = usize::try_from(section.len).ok()?;
        Some(self.bytes.slice(start..start + len))
    }

    /// Ids of the sections, in the order in which they were written.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.layout.sections.iter().map(|section| section.id)
    }

    /// Length of the file in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.layout.seal.len
    }
}

impl fmt::Debug for MappedSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedSnapshot")
            .field("opstamp", &self.opstamp())
            .field("sections", &self.layout.sections.len())
            .field("len_bytes", &self.len_bytes())
            .finish_non_exhaustive()
    }
}
