use std::{
    fmt,
    fs::File,
    io,
    ops::Deref,
    sync::{Arc, Weak},
};

use memmap2::Mmap;
use rustix::io::Errno;
use stable_deref_trait::StableDeref;

/// Addresses of bytes in memory are a multiple of this, as those of a mapped file are: what stands at a multiple of it in a
/// file does so in memory too.
const ALIGN: usize = 64;

/// The bytes of a file, mapped or in memory: they never change and never move. Cloning shares them.
#[derive(Clone)]
pub struct Map(Arc<Held>);

/// A map that lives only as long as others hold it.
#[derive(Debug, Clone)]
pub struct WeakMap(Weak<Held>);

enum Held {
    Mapped(Mmap),
    /// From the first aligned byte on.
    Copied {
        bytes: Vec<u8>,
        start: usize,
    },
}

impl Map {
    /// A copy of `bytes` in memory.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut room = vec![0; bytes.len() + ALIGN];
        // Where nothing is said of the address the copy is not aligned, which is slower at most.
        let start = Some(room.as_ptr().align_offset(ALIGN)).filter(|start| *start < ALIGN).unwrap_or(0);
        room.truncate(start);
        room.extend_from_slice(bytes);
        Self(Arc::new(Held::Copied { bytes: room, start }))
    }

    /// Maps a file of a [`super::SystemDisk`].
    #[expect(unsafe_code, reason = "the one place where a file becomes memory")]
    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            // The system maps no empty file.
            return Ok(Self::copy_of(&[]));
        }
        // SAFETY: the map must not change while it is borrowed. Only files that nobody writes any more are mapped, by the
        // contract of `Disk::map`: mapped snapshots and the segments of a text index are written under a name of their own,
        // once, made durable, and then only removed, which leaves a map intact; and the lock on the data directory keeps
        // every other process of ours away. Someone who overwrites the files of a running server by hand is outside this
        // contract.
        let map = unsafe { Mmap::map(file) }?;
        let map = Self(Arc::new(Held::Mapped(map)));
        map.read_ahead()?;
        Ok(map)
    }

    /// Reads all of it into the page cache, so that a part that the disk cannot give, or that was cut off, is an error here
    /// and not a signal (`SIGBUS`) that ends the process where it is used. Linear in it, hardly any work where it is there
    /// already. Linux before 5.14 cannot do that and says nothing.
    ///
    /// # Errors
    /// `EIO`: some of it cannot be read.
    pub fn read_ahead(&self) -> io::Result<()> {
        let Held::Mapped(map) = &*self.0 else { return Ok(()) };
        populate(map).or_else(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::FAULT | Errno::HWPOISON | Errno::IO) => Err(Errno::IO.into()),
            // It is older than this advice, or has no memory for it.
            _ => Ok(()),
        })
    }

    /// The same map, without keeping it.
    #[must_use]
    pub fn downgrade(&self) -> WeakMap {
        WeakMap(Arc::downgrade(&self.0))
    }
}

#[cfg(target_os = "linux")]
fn populate(map: &Mmap) -> io::Result<()> {
    map.advise(memmap2::Advice::PopulateRead)
}

#[cfg(not(target_os = "linux"))]
fn populate(_: &Mmap) -> io::Result<()> {
    Ok(())
}

impl WeakMap {
    /// The map, if somebody still holds it.
    pub fn upgrade(&self) -> Option<Map> {
        self.0.upgrade().map(Map)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Held::Mapped(map) => map,
            Held::Copied { bytes, start } => &bytes[*start..],
        }
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the bytes are behind an `Arc` that is never changed: a clone or a moved value derefs to the same address, which
// lives until the last of them is dropped.
#[expect(unsafe_code, reason = "tantivy asks for bytes that do not move when their owner does")]
unsafe impl StableDeref for Map {}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mapped(_) => "Mapped",
            Self::Copied { .. } => "Copied",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_aligned_and_lives_as_long_as_somebody_holds_it() {
        for len in [0, 1, 63, 64, 65, 4096] {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let map = Map::copy_of(&bytes);
            assert_eq!(*map, *bytes);
            assert_eq!(map.as_ptr() as usize % ALIGN, 0);
            let (weak, address) = (map.downgrade(), map.as_ptr());
            let moved = Box::new(map.clone());
            drop(map);
            assert_eq!(weak.upgrade().map(|map| map.as_ptr()), Some(address));
            assert_eq!(moved.as_ptr(), address);
            drop(moved);
            assert!(weak.upgrade().is_none());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_cannot_be_read_is_an_error_and_no_signal() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 << 14).unwrap();
        let map = Map::of_file(&file).unwrap();
        map.read_ahead().unwrap();
        file.set_len(1 << 14).unwrap();
        assert!(crate::is_disk_failure(&map.read_ahead().unwrap_err()));
        file.set_len(3 << 14).unwrap();
        map.read_ahead().unwrap();
    }
}
