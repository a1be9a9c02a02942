use std::{collections::HashSet, sync::Arc};

use fastrand::Rng;

use super::{
    SECTOR, SimDisk,
    image::{PAGE, pieces},
    operation::{Kind, NodeId, Operation, Subject},
    tree::Tree,
};

/// Which pending operations a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// None: only what was made durable.
    None,
    /// All of them.
    All,
    /// All but the one at this place.
    Without(usize),
    /// All, but of the last write only the first this many sectors.
    Torn(usize),
    /// Random ones, and random sectors of random writes.
    Random(u64),
}

/// A disk between two operations: what is durable, and what may be.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    durable: Tree,
    pending: Vec<Pending>,
    /// The number of the next file or directory.
    pub(super) next: u32,
}

#[derive(Debug, Clone)]
struct Pending {
    operation: Operation,
    /// A page that no sync writes any more.
    clean: bool,
}

impl Moment {
    /// How many operations are pending: what [`Choice::Without`] chooses from.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The pending operations, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Operation> {
        self.pending.iter().map(|pending| &pending.operation)
    }

    /// How many sectors the last pending write has: what [`Choice::Torn`] chooses from. 0 if there is none.
    #[must_use]
    pub fn torn_sectors(&self) -> usize {
        self.last_write().map_or(0, |at| match &self.pending[at].operation.0 {
            Kind::Write { offset, bytes, .. } => pieces(*offset, bytes.len(), SECTOR).count(),
            _ => 0,
        })
    }

    fn last_write(&self) -> Option<usize> {
        self.pending.iter().rposition(|pending| pending.operation.written_bytes() > 0)
    }

    /// The disk after a power cut now.
    #[must_use]
    pub fn crash(&self, choice: Choice) -> SimDisk {
        let mut tree = self.durable.clone();
        let last_write = self.last_write();
        let mut rng = Rng::with_seed(if let Choice::Random(seed) = choice { seed } else { 0 });
        // From hardly anything to nearly everything.
        let chance = rng.f64();
        for (at, Pending { operation, clean }) in self.pending.iter().enumerate() {
            if *clean && !is_inside(&tree, operation) {
                continue;
            }
            match choice {
                Choice::None => {}
                Choice::Without(lost) if at == lost => {}
                Choice::Torn(sectors) if Some(at) == last_write => {
                    apply_torn(&mut tree, operation, |sector| sector < sectors);
                }
                Choice::Random(_) if rng.f64() >= chance => {}
                Choice::Random(_) if rng.u32(..4) == 0 => apply_torn(&mut tree, operation, |_| rng.bool()),
                _ => tree.apply(operation),
            }
        }
        tree.sweep();
        SimDisk::at(Self { durable: tree, pending: Vec::new(), next: self.next })
    }

    /// The disk after the process ended now: everything can be read, and is as durable as it was.
    #[must_use]
    pub fn kill(&self) -> SimDisk {
        SimDisk::at(self.clone())
    }

    /// What can be read.
    pub(super) fn live(&self) -> Tree {
        let mut tree = self.durable.clone();
        self.pending.iter().for_each(|pending| tree.apply(&pending.operation));
        tree
    }

    /// Goes on by one operation.
    pub(super) fn advance(&mut self, operation: &Operation) {
        match operation.0 {
            Kind::Sync { node, failed: false } => self.sync_file(node),
            Kind::Sync { node, failed: true } => self.fail_sync(node),
            Kind::SyncDir { dir } => self.settle(|pending| pending.operation.subject() == Some(Subject::Names(dir))),
            Kind::MakeFile { node, .. } | Kind::MakeDir { node, .. } => {
                self.next = self.next.max(node.0 + 1);
                self.durable.make_room(operation);
                self.pending.push(Pending { operation: operation.clone(), clean: false });
            }
            _ => self.pending.push(Pending { operation: operation.clone(), clean: false }),
        }
    }

    /// Makes some operations durable.
    fn settle(&mut self, which: impl Fn(&Pending) -> bool) {
        let Self { durable, pending, .. } = self;
        pending.retain(|pending| {
            let settles = which(pending);
            if settles {
                durable.apply(&pending.operation);
            }
            !settles
        });
    }

    fn sync_file(&mut self, node: NodeId) {
        // A clean page that was written again is written as a whole.
        let mut again = HashSet::new();
        for pending in self.pending.iter_mut().rev() {
            let Kind::Write { node: of, offset, bytes } = &pending.operation.0 else { continue };
            if *of != node {
                continue;
            }
            if pending.clean {
                pending.clean = !again.contains(&(offset / PAGE));
            } else {
                again.extend(pieces(*offset, bytes.len(), PAGE).map(|(at, _)| at / PAGE));
            }
        }
        self.settle(|pending| pending.operation.subject() == Some(Subject::Data(node)) && !pending.clean);
    }

    /// The pages of a file that were to be written count as clean from now on.
    fn fail_sync(&mut self, node: NodeId) {
        let before = std::mem::take(&mut self.pending);
        for pending in before {
            match &pending.operation.0 {
                Kind::Write { node: of, offset, bytes } if *of == node => {
                    self.pending.extend(pieces(*offset, bytes.len(), PAGE).map(|(offset, range)| Pending {
                        operation: Operation(Kind::Write { node, offset, bytes: bytes[range].into() }),
                        clean: true,
                    }));
                }
                _ => self.pending.push(pending),
            }
        }
    }
}

/// Carries out some sectors of a write; of any other operation, all of it.
fn apply_torn(tree: &mut Tree, operation: &Operation, mut which: impl FnMut(usize) -> bool) {
    let Kind::Write { node, offset, bytes } = &operation.0 else { return tree.apply(operation) };
    for (sector, (at, range)) in pieces(*offset, bytes.len(), SECTOR).enumerate() {
        if which(sector) {
            tree.change_file(*node, |image| image.write(at, &bytes[range]));
        }
    }
}

/// Whether a write makes a file no longer.
fn is_inside(tree: &Tree, operation: &Operation) -> bool {
    let Kind::Write { node, offset, bytes } = &operation.0 else { return true };
    tree.file(*node).is_some_and(|image| offset + bytes.len() <= image.len())
}

/// Goes through what happened to a disk, from its beginning on.
#[derive(Debug, Clone)]
pub struct Replay {
    pub(super) moment: Moment,
    pub(super) operations: Arc<[Operation]>,
    pub(super) done: usize,
}

impl Replay {
    /// All operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Goes on to the moment after the first `count` operations, which must not be behind it.
    ///
    /// # Panics
    /// If it is, or there are fewer.
    pub fn advance_to(&mut self, count: usize) -> &Moment {
        assert!(self.done <= count, "a replay does not go back");
        for operation in &self.operations[self.done..count] {
            self.moment.advance(operation);
        }
        self.done = count;
        &self.moment
    }
}
