//! Where the index library keeps its files: a directory of a tenant, on the tenant's disk.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fmt,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{Condvar, Mutex};
use storage::disk::{Disk, FileWriter, Opening, WeakMap};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite, WatchCallback,
    WatchHandle, WritePtr,
    error::{DeleteError, LockError, OpenDirectoryError, OpenReadError, OpenWriteError},
};
use ticketscope_storage as storage;

/// The library's list of segments: whoever replaces it commits.
pub(crate) const LIST: &str = "meta.json";

/// A file that is written as a whole has this after its name until it has replaced the one before.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// One directory, which nobody else uses: clones share it.
#[derive(Clone)]
pub(crate) struct TextDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Files that somebody has mapped, so that every commit maps only what is new.
    maps: Mutex<HashMap<PathBuf, WeakMap>>,
    /// Held while a file is written as a whole.
    replacing: Mutex<()>,
    locks: Locks,
}

/// Names that are locked. Not by files: the data directory's lock keeps other processes away, and a tenant that is open has
/// its directory for itself.
#[derive(Default)]
struct Locks {
    held: Mutex<HashSet<PathBuf>>,
    released: Condvar,
}

impl TextDirectory {
    /// The existing directory `path`.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, OpenDirectoryError> {
        if !disk.is_dir(path) {
            return Err(OpenDirectoryError::DoesNotExist(path.to_owned()));
        }
        let (maps, replacing, locks) = (Mutex::default(), Mutex::default(), Locks::default());
        Ok(Self { shared: Arc::new(Shared { disk, path: path.to_owned(), maps, replacing, locks }) })
    }

    /// Reads a file again that somebody has mapped.
    pub(crate) fn read_ahead(&self, name: &Path) -> io::Result<()> {
        let map = self.shared.maps.lock().get(name).and_then(WeakMap::upgrade);
        map.map_or(Ok(()), |map| map.read_ahead())
    }

    fn disk(&self) -> &dyn Disk {
        &*self.shared.disk
    }

    fn file(&self, name: &Path) -> PathBuf {
        self.shared.path.join(name)
    }
}

impl fmt::Debug for TextDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextDirectory").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Directory for TextDirectory {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let mut maps = self.shared.maps.lock();
        let known = maps.get(name).and_then(WeakMap::upgrade);
        let map = if let Some(map) = known {
            map
        } else {
            let map = self.disk().map(&self.file(name)).map_err(|error| unreadable(error, name))?;
            maps.insert(name.to_owned(), map.downgrade());
            map
        };
        Ok(Arc::new(OwnedBytes::new(map)))
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        self.shared.maps.lock().remove(name);
        self.disk().remove(&self.file(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DeleteError::FileDoesNotExist(name.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(error), filepath: name.to_owned() },
        })
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        self.disk().exists(&self.file(name)).map_err(|error| unreadable(error, name))
    }

    /// Its name becomes durable with the next [`Self::sync_directory`], which the library calls before it lists the file.
    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        let file = self.disk().open(&self.file(name), Opening::New).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenWriteError::FileAlreadyExists(name.to_owned()),
            _ => OpenWriteError::wrap_io_error(error, name.to_owned()),
        })?;
        Ok(BufWriter::new(Box::new(Written(FileWriter::new(file)))))
    }

    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.disk().read(&self.file(name)).map_err(|error| unreadable(error, name))
    }

    /// After a crash the file is the old one or the new one. The list of segments is durable when this returns, for the
    /// library then removes the files that only the old list names.
    fn atomic_write(&self, name: &Path, bytes: &[u8]) -> io::Result<()> {
        let _replacing = self.shared.replacing.lock();
        let mut temporary = OsString::from(self.file(name));
        temporary.push(TEMPORARY_SUFFIX);
        let mut file = FileWriter::new(self.disk().open(Path::new(&temporary), Opening::Emptied)?);
        file.write_all(bytes)?;
        file.sync()?;
        self.disk().rename(Path::new(&temporary), &self.file(name))?;
        if name == Path::new(LIST) { self.sync_directory() } else { Ok(()) }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk().sync_dir(&self.shared.path)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let locks = &self.shared.locks;
        let mut held = locks.held.lock();
        while held.contains(&lock.filepath) {
            if !lock.is_blocking {
                return Err(LockError::LockBusy);
            }
            locks.released.wait(&mut held);
        }
        held.insert(lock.filepath.clone());
        Ok(DirectoryLock::from(Box::new(Held { shared: Arc::clone(&self.shared), name: lock.filepath.clone() })))
    }

    /// Nobody is told: readers are renewed by hand.
    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

fn unreadable(error: io::Error, name: &Path) -> OpenReadError {
    match error.kind() {
        io::ErrorKind::NotFound => OpenReadError::FileDoesNotExist(name.to_owned()),
        _ => OpenReadError::wrap_io_error(error, name.to_owned()),
    }
}

/// A file being written, durable when it is ended.
struct Written(FileWriter);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl TerminatingWrite for Written {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.0.flush()?;
        self.0.sync()
    }
}

/// A lock, held until it is dropped.
struct Held {
    shared: Arc<Shared>,
    name: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        let locks = &self.shared.locks;
        locks.held.lock().remove(&self.name);
        locks.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc, thread};

    use storage::disk::SystemDisk;
    use tantivy::directory::MmapDirectory;
    use tempfile::TempDir;

    use super::*;

    fn directory() -> (TempDir, TextDirectory) {
        let files = tempfile::tempdir().unwrap();
        let directory = TextDirectory::open(Arc::new(SystemDisk), files.path()).unwrap();
        (files, directory)
    }

    fn write(directory: &dyn Directory, name: &str, bytes: &[u8]) {
        let mut file = directory.open_write(Path::new(name)).unwrap();
        file.write_all(bytes).unwrap();
        file.terminate().unwrap();
    }

    /// What every step answers, in words.
    fn account(directory: &dyn Directory) -> Vec<String> {
        let mut account = Vec::new();
        let (some, none, list) = (Path::new("some"), Path::new("none"), Path::new(LIST));
        let read = |name: &Path| {
            let file = directory.open_read(name).map_err(|error| format!("{:?}", std::mem::discriminant(&error)));
            file.map(|file| file.read_bytes().unwrap().to_vec())
        };
        write(directory, "some", b"bytes");
        write(directory, "empty", b"");
        account.push(format!("{:?} {:?} {:?}", read(some), read(Path::new("empty")), read(none)));
        let again = directory.open_write(some).map(|_| ());
        account.push(format!("{}", matches!(again, Err(OpenWriteError::FileAlreadyExists(name)) if name == some)));
        account.push(format!("{:?} {:?}", directory.exists(some).unwrap(), directory.exists(none).unwrap()));
        account.push(format!("{}", directory.atomic_read(none).is_err()));
        for bytes in [&b"old"[..], b"newer", b""] {
            directory.atomic_write(list, bytes).unwrap();
            account.push(format!("{:?}", directory.atomic_read(list).unwrap()));
        }
        let held = directory.open_read(some).unwrap();
        directory.delete(some).unwrap();
        account.push(format!("{:?} {}", held.read_bytes().unwrap().as_slice(), directory.exists(some).unwrap()));
        let gone = directory.delete(some);
        account.push(format!("{}", matches!(gone, Err(DeleteError::FileDoesNotExist(name)) if name == some)));
        directory.sync_directory().unwrap();
        account
    }

    #[test]
    fn it_answers_what_the_librarys_own_directory_answers() {
        let ((files, ours), others) = (directory(), tempfile::tempdir().unwrap());
        assert_eq!(account(&ours), account(&MmapDirectory::open(others.path()).unwrap()));
        let names = |dir: &Path| -> Vec<_> {
            let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(files.path()), names(others.path()));
    }

    #[test]
    fn there_must_be_a_directory() {
        let (files, _) = directory();
        let missing = TextDirectory::open(Arc::new(SystemDisk), &files.path().join("none"));
        assert!(matches!(missing, Err(OpenDirectoryError::DoesNotExist(_))));
    }

    #[test]
    fn a_file_is_mapped_once_while_somebody_has_it() {
        let (_files, directory) = directory();
        write(&directory, "some", b"bytes");
        let open = || directory.open_read(Path::new("some")).unwrap().read_bytes().unwrap();
        let first = open();
        assert_eq!(first.as_ptr(), open().as_ptr());
        assert_eq!(directory.shared.maps.lock().len(), 1);
        directory.delete(Path::new("some")).unwrap();
        assert_eq!(directory.shared.maps.lock().len(), 0);
        write(&directory, "some", b"other");
        assert_eq!((first.as_slice(), open().as_slice()), (&b"bytes"[..], &b"other"[..]), "a new file of an old name");
    }

    #[test]
    fn a_lock_is_refused_or_waited_for_until_it_is_dropped() {
        let (_files, directory) = directory();
        let lock = |is_blocking| Lock { filepath: "lock".into(), is_blocking };
        let held = directory.acquire_lock(&lock(false)).unwrap();
        assert!(matches!(directory.clone().acquire_lock(&lock(false)), Err(LockError::LockBusy)));
        let other = Lock { filepath: "other".into(), is_blocking: true };
        drop(directory.acquire_lock(&other).unwrap());
        let (send, got) = mpsc::channel();
        let waiting = directory.clone();
        let waiter = thread::spawn(move || {
            let held = waiting.acquire_lock(&lock(true)).unwrap();
            send.send(()).unwrap();
            drop(held);
        });
        assert!(got.try_recv().is_err());
        drop(held);
        got.recv().unwrap();
        waiter.join().unwrap();
        drop(directory.acquire_lock(&lock(false)).unwrap());
    }
}
