use std::{fmt, sync::Arc};

/// A file or directory, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u32);

/// One change of a disk.
#[derive(Clone)]
pub struct Operation(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    MakeFile { dir: NodeId, name: Arc<str>, node: NodeId },
    MakeDir { dir: NodeId, name: Arc<str>, node: NodeId },
    Write { node: NodeId, offset: usize, bytes: Arc<[u8]> },
    SetSize { node: NodeId, size: usize },
    Sync { node: NodeId, failed: bool },
    Rename { dir: NodeId, from: Arc<str>, to: Arc<str>, node: NodeId },
    Remove { dir: NodeId, name: Arc<str> },
    SyncDir { dir: NodeId },
}

/// What has to be made durable by a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Bytes and length of a file.
    Data(NodeId),
    /// Names in a directory.
    Names(NodeId),
}

impl Operation {
    /// Bytes that it writes to a file; 0 if it is no write.
    #[must_use]
    pub fn written_bytes(&self) -> usize {
        match &self.0 {
            Kind::Write { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Whether it makes others durable.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        matches!(self.0, Kind::Sync { .. } | Kind::SyncDir { .. })
    }

    /// What it changes; nothing if it is a sync.
    pub(super) fn subject(&self) -> Option<Subject> {
        match self.0 {
            Kind::Write { node, .. } | Kind::SetSize { node, .. } => Some(Subject::Data(node)),
            Kind::MakeFile { dir, .. }
            | Kind::MakeDir { dir, .. }
            | Kind::Rename { dir, .. }
            | Kind::Remove { dir, .. } => Some(Subject::Names(dir)),
            Kind::Sync { .. } | Kind::SyncDir { .. } => None,
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::MakeFile { dir, name, node } => write!(f, "make file {name} ({}) in {}", node.0, dir.0),
            Kind::MakeDir { dir, name, node } => write!(f, "make directory {name} ({}) in {}", node.0, dir.0),
            Kind::Write { node, offset, bytes } => write!(f, "write {} bytes at {offset} of {}", bytes.len(), node.0),
            Kind::SetSize { node, size } => write!(f, "set size of {} to {size}", node.0),
            Kind::Sync { node, failed: false } => write!(f, "sync {}", node.0),
            Kind::Sync { node, failed: true } => write!(f, "sync {}, failed", node.0),
            Kind::Rename { dir, from, to, node } => write!(f, "rename {from} to {to} ({}) in {}", node.0, dir.0),
            Kind::Remove { dir, name } => write!(f, "remove {name} in {}", dir.0),
            Kind::SyncDir { dir } => write!(f, "sync directory {}", dir.0),
        }
    }
}
