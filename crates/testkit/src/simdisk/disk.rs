use std::{
    collections::HashSet,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use storage::disk::{Disk, DiskFile, DiskLock, Map, Opening};
use ticketscope_storage as storage;

use super::{
    SECTOR,
    fault::{Calls, Fault, Reason},
    image::Image,
    moment::{Moment, Replay},
    operation::{Kind, NodeId, Operation},
    tree::Tree,
};

/// A disk in memory, empty but for its root at first. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    /// As the disk was when it was made.
    start: Moment,
    /// What can be read.
    live: Tree,
    log: Vec<Operation>,
    next: u32,
    locked: HashSet<PathBuf>,
    fault: Option<Fault>,
    changes: u64,
    reads: u64,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::at(Moment::default())
    }
}

impl SimDisk {
    /// The disk of a moment.
    pub(super) fn at(start: Moment) -> Self {
        let (live, next) = (start.live(), start.next.max(1));
        let state =
            State { start, live, log: Vec::new(), next, locked: HashSet::new(), fault: None, changes: 0, reads: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What happened to it so far, from its beginning on.
    #[must_use]
    pub fn replay(&self) -> Replay {
        let state = self.state.lock();
        Replay { moment: state.start.clone(), operations: state.log.as_slice().into(), done: 0 }
    }

    /// How many operations happened to it.
    #[must_use]
    pub fn operation_count(&self) -> usize {
        self.state.lock().log.len()
    }

    /// How many calls of a kind there were, also those that failed.
    #[must_use]
    pub fn call_count(&self, calls: Calls) -> u64 {
        let state = self.state.lock();
        match calls {
            Calls::Changes => state.changes,
            Calls::Reads => state.reads,
        }
    }

    /// Makes a call fail, in place of the one that was to fail until now.
    pub fn fail(&self, fault: Fault) {
        self.state.lock().fault = Some(fault);
    }

    /// From now on no call fails. Answers whether the last fault is still to come.
    pub fn heal(&self) -> bool {
        let mut state = self.state.lock();
        let Some(fault) = state.fault.take() else { return false };
        let done = match fault.calls {
            Calls::Changes => state.changes,
            Calls::Reads => state.reads,
        };
        done <= fault.at
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("operations", &self.operation_count()).finish_non_exhaustive()
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn size(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

impl State {
    fn find(&self, path: &Path) -> io::Result<NodeId> {
        self.live.find(path).ok_or_else(not_found)
    }

    fn file(&self, node: NodeId) -> io::Result<&Arc<Image>> {
        self.live.file(node).ok_or_else(|| io::ErrorKind::IsADirectory.into())
    }

    /// The directory that a path is in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(NodeId, Arc<str>)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let dir = self.find(parent)?;
        self.live.names(dir).ok_or_else(|| io::Error::from(io::ErrorKind::NotADirectory))?;
        Ok((dir, name.into()))
    }

    /// Why the call that is being made fails, if it does.
    fn refuse(&mut self, calls: Calls, concerns: impl Fn(Reason) -> bool) -> Option<Reason> {
        let count = match calls {
            Calls::Changes => &mut self.changes,
            Calls::Reads => &mut self.reads,
        };
        let number = *count;
        *count += 1;
        let fault = self.fault.filter(|fault| fault.calls == calls && number >= fault.at && concerns(fault.reason))?;
        if !fault.lasting {
            self.fault = None;
        }
        Some(fault.reason)
    }

    fn read(&mut self) -> io::Result<()> {
        self.refuse(Calls::Reads, |reason| reason == Reason::Io).map_or(Ok(()), |reason| Err(reason.error()))
    }

    fn change(&mut self, kind: Kind) -> io::Result<()> {
        let operation = Operation(kind);
        let Some(reason) = self.refuse(Calls::Changes, |reason| reason.concerns(&operation)) else {
            self.note(operation);
            return Ok(());
        };
        match operation.0 {
            Kind::Write { node, offset, bytes } if bytes.len() > SECTOR => {
                let half = (bytes.len() / 2).next_multiple_of(SECTOR).min(bytes.len());
                self.note(Operation(Kind::Write { node, offset, bytes: bytes[..half].into() }));
            }
            Kind::Sync { node, .. } => self.note(Operation(Kind::Sync { node, failed: true })),
            _ => {}
        }
        Err(reason.error())
    }

    fn note(&mut self, operation: Operation) {
        self.live.make_room(&operation);
        self.live.apply(&operation);
        self.log.push(operation);
    }

    fn make_node(&mut self) -> NodeId {
        self.next += 1;
        NodeId(self.next - 1)
    }

    /// Removes what is in a directory, and then itself.
    fn remove_tree(&mut self, dir: NodeId, name: &Arc<str>, node: NodeId) -> io::Result<()> {
        let inside: Vec<_> =
            self.live.names(node).into_iter().flatten().map(|(name, node)| (name.clone(), *node)).collect();
        for (inner, child) in inside {
            self.remove_tree(node, &inner, child)?;
        }
        self.change(Kind::Remove { dir, name: name.clone() })
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        let node = match state.find(path) {
            Ok(_) if how == Opening::New => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(node) => {
                if state.file(node)?.len() > 0 && how == Opening::Emptied {
                    state.change(Kind::SetSize { node, size: 0 })?;
                }
                node
            }
            Err(error) if how == Opening::Existing => return Err(error),
            Err(_) => {
                let (dir, name) = state.place(path)?;
                let node = state.make_node();
                state.change(Kind::MakeFile { dir, name, node })?;
                node
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), node }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        state.read()?;
        let node = state.find(path)?;
        Ok(state.file(node)?.to_vec())
    }

    fn map(&self, path: &Path) -> io::Result<Map> {
        Ok(Map::copy_of(&self.read(path)?))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        Ok(state.file(state.find(path)?)?.len() as u64)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state.lock().find(path).is_ok())
    }

    fn is_dir(&self, path: &Path) -> bool {
        let state = self.state.lock();
        state.find(path).is_ok_and(|node| state.live.names(node).is_some())
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.read()?;
        let names = state.live.names(state.find(dir)?).ok_or_else(|| io::Error::from(io::ErrorKind::NotADirectory))?;
        Ok(names.keys().map(|name| name.as_ref().to_owned()).collect())
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (dir, name) = state.place(path)?;
        let node = state.make_node();
        state.change(Kind::MakeDir { dir, name, node })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.find(from)?;
        let ((dir, from), (other, to_name)) = (state.place(from)?, state.place(to)?);
        if dir != other {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let replaced = state.find(to).ok();
        if replaced.is_some_and(|replaced| state.live.names(replaced).is_some() || state.live.names(node).is_some()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.change(Kind::Rename { dir, from, to: to_name, node })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.find(path)?;
        state.file(node)?;
        let (dir, name) = state.place(path)?;
        state.change(Kind::Remove { dir, name })
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.find(path)?;
        state.live.names(node).ok_or_else(|| io::Error::from(io::ErrorKind::NotADirectory))?;
        let (dir, name) = state.place(path)?;
        state.remove_tree(dir, &name, node)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let dir = state.find(path)?;
        state.live.names(dir).ok_or_else(|| io::Error::from(io::ErrorKind::NotADirectory))?;
        state.change(Kind::SyncDir { dir })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        drop(self.open(path, if self.exists(path)? { Opening::Existing } else { Opening::New })?);
        let is_free = self.state.lock().locked.insert(path.to_owned());
        Ok(is_free.then(|| Box::new(SimLock { disk: self.clone(), path: path.to_owned() }) as Box<dyn DiskLock>))
    }
}

struct SimFile {
    disk: SimDisk,
    node: NodeId,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimFile").field(&self.node).finish()
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().file(self.node)?.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.read()?;
        let is_there = state.file(self.node)?.read(size(offset)?, out);
        if is_there { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (node, offset) = (self.node, size(offset)?);
        self.disk.state.lock().change(Kind::Write { node, offset, bytes: bytes.into() })
    }

    fn set_size(&self, to: u64) -> io::Result<()> {
        self.disk.state.lock().change(Kind::SetSize { node: self.node, size: size(to)? })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state.lock().change(Kind::Sync { node: self.node, failed: false })
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state.lock().locked.remove(&self.path);
    }
}
