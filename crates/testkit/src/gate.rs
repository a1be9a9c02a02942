//! A disk on which whoever opens certain files waits, so that a test can look at what goes on meanwhile.

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use storage::disk::{Disk, DiskFile, DiskLock, Map, Opening};
use ticketscope_storage as storage;

/// Another disk behind a gate, which is open at first. Clones share the gate.
#[derive(Debug, Clone)]
pub struct GatedDisk {
    below: Arc<dyn Disk>,
    gate: Arc<Gate>,
}

struct Gate {
    concerns: Box<dyn Fn(&Path) -> bool + Send + Sync>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    waiting: usize,
}

/// A gate that is shut until this is dropped.
#[derive(Debug)]
pub struct Shut<'d>(&'d Gate);

impl GatedDisk {
    /// Puts a gate before the files that `concerns` names.
    pub fn new(below: Arc<dyn Disk>, concerns: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        let gate = Gate { concerns: Box::new(concerns), state: Mutex::default(), changed: Condvar::new() };
        Self { below, gate: Arc::new(gate) }
    }

    /// From now on, whoever opens one of the files waits.
    #[must_use]
    pub fn shut(&self) -> Shut<'_> {
        self.gate.state.lock().is_shut = true;
        Shut(&self.gate)
    }
}

impl Shut<'_> {
    /// Whether somebody waits, after `patience` at the latest.
    #[must_use]
    pub fn holds_somebody(&self, patience: Duration) -> bool {
        let mut state = self.0.state.lock();
        !self.0.changed.wait_while_for(&mut state, |state| state.waiting == 0, patience).timed_out()
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_shut = false;
        self.0.changed.notify_all();
    }
}

impl Gate {
    fn pass(&self, path: &Path) {
        if !(self.concerns)(path) {
            return;
        }
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |state| state.is_shut);
        state.waiting -= 1;
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Disk for GatedDisk {
    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn DiskFile>> {
        self.gate.pass(path);
        self.below.open(path, how)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.below.read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Map> {
        self.below.map(path)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.below.len(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.below.exists(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.below.is_dir(path)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.below.names(dir)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.below.make_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.below.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.below.remove(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.below.remove_tree(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.below.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.below.lock(path)
    }
}
