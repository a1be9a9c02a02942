use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Builder, Database, StorageBackend};

use crate::{
    database::OpenDatabase,
    disk::{Disk, DiskFile, Opening},
    error::Failure,
    judged::{Judged, unmade},
};

/// A database's file as redb asks for it. redb's own locks are not needed: the data directory's lock keeps other processes
/// away, and the names in use keep a tenant from being opened twice.
#[derive(Debug)]
struct Backend(Box<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_size(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
}

/// Makes a database in a new file.
pub(crate) fn create_database(disk: &dyn Disk, path: &Path, cache_bytes: usize) -> Result<Database, Failure> {
    let file = disk.open(path, Opening::New).map_err(|error| redb::Error::Io(unmade(error)))?;
    Ok(Builder::new().set_cache_size(cache_bytes).create_with_backend(Judged::new(Backend(file), Arc::default()))?)
}

/// Opens a database file that is not empty; answers also whether redb has just checked every page of it, since it was not
/// closed.
pub(crate) fn open_database(disk: &dyn Disk, path: &Path, cache_bytes: usize) -> Result<(OpenDatabase, bool), Failure> {
    let checked = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&checked);
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_repair_callback(move |_| note.store(true, Ordering::Relaxed));
    let failures = Arc::default();
    let file = disk.open(path, Opening::Existing).map_err(redb::Error::Io)?;
    let database = builder.create_with_backend(Judged::new(Backend(file), Arc::clone(&failures)))?;
    Ok((OpenDatabase::new(database, failures), checked.load(Ordering::Relaxed)))
}
