//! The seam between a tenant and the file system.
//!
//! Everything durable of a tenant is read and written through a [`Disk`]: the database, the mapped snapshots, the text
//! index, the notes beside them. [`SystemDisk`] is the real one. A simulated one can stand in its place, which forgets
//! what was not made durable, or fails when it is told to; so what is tested there is what runs.
//!
//! A disk promises no more than the system does: what was written survives a power cut after [`DiskFile::sync`], and a
//! name that was made, changed or removed after [`Disk::sync_dir`] of its directory. Until then any part of it may.

mod map;
pub(crate) mod steps;
mod system;
mod unread;
mod writer;

use std::{fmt, io, path::Path};

pub use map::{Map, WeakMap};
pub use system::SystemDisk;
pub use unread::is_unread;
pub(crate) use unread::{TellsReads, cause, unread};
pub use writer::FileWriter;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It must exist.
    Existing,
    /// It is made, or emptied if it exists.
    Emptied,
    /// It is made and must not exist.
    New,
}

/// Files and directories by path.
///
/// Errors are the system's: [`io::ErrorKind::NotFound`] and [`io::ErrorKind::AlreadyExists`] are told apart from others.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn DiskFile>>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The bytes of a file that nobody writes any more, mapped into memory. They stay when the file is removed.
    ///
    /// # Errors
    /// The system's.
    fn map(&self, path: &Path) -> io::Result<Map>;

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Whether there is a file or directory.
    ///
    /// # Errors
    /// The system's, if it does not say.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Whether there is a directory; not if the system does not say.
    fn is_dir(&self, path: &Path) -> bool;

    /// Names in a directory, sorted, without those that are not UTF-8.
    ///
    /// # Errors
    /// The system's.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory in an existing one.
    ///
    /// # Errors
    /// The system's, in particular that there is something of that name.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or directory another name. A file of the new name is replaced.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all in it.
    ///
    /// # Errors
    /// The system's.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's. What of the names is durable is then unknown.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock that a file stands for, which is made if it does not exist; nothing if somebody else has it. It ends
    /// when it is dropped, and with the process.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file. It stays usable when its name changes or goes.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;

    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// The system's, or [`io::ErrorKind::UnexpectedEof`] if there are fewer.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on. The file grows as it must, with zeros in between.
    ///
    /// # Errors
    /// The system's. Any part of `bytes` may then be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file off, or lengthens it with zeros.
    ///
    /// # Errors
    /// The system's.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable, not the name.
    ///
    /// # Errors
    /// The system's. What was written since the last time may then never become durable, also if this is called again: the
    /// file is to be given up.
    fn sync(&self) -> io::Result<()>;
}

/// A lock, held until it is dropped.
pub trait DiskLock: fmt::Debug + Send + Sync {}
