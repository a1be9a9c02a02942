use std::{
    collections::{BTreeMap, HashMap},
    path::{Component, Path},
    sync::Arc,
};

use super::{
    image::Image,
    operation::{Kind, NodeId, Operation},
};

pub(super) const ROOT: NodeId = NodeId(0);

pub(super) type Names = BTreeMap<Arc<str>, NodeId>;

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(Arc<Image>),
    Dir(Arc<Names>),
}

/// Files and directories, of which some may have no name.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: HashMap<NodeId, Node>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: HashMap::from([(ROOT, Node::Dir(Arc::default()))]) }
    }
}

impl Tree {
    /// What is at a path from the root on.
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        let mut node = ROOT;
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => node = *self.names(node)?.get(name.to_str()?)?,
                Component::ParentDir | Component::Prefix(_) => return None,
            }
        }
        Some(node)
    }

    pub(super) fn file(&self, node: NodeId) -> Option<&Arc<Image>> {
        match self.nodes.get(&node)? {
            Node::File(image) => Some(image),
            Node::Dir(_) => None,
        }
    }

    pub(super) fn names(&self, node: NodeId) -> Option<&Names> {
        match self.nodes.get(&node)? {
            Node::Dir(names) => Some(names),
            Node::File(_) => None,
        }
    }

    /// Gives a file or directory that an operation makes a place, without a name.
    pub(super) fn make_room(&mut self, operation: &Operation) {
        match operation.0 {
            Kind::MakeFile { node, .. } => drop(self.nodes.insert(node, Node::File(Arc::default()))),
            Kind::MakeDir { node, .. } => drop(self.nodes.insert(node, Node::Dir(Arc::default()))),
            _ => {}
        }
    }

    /// Carries out a change. What it makes has its place already.
    pub(super) fn apply(&mut self, operation: &Operation) {
        match &operation.0 {
            Kind::MakeFile { dir, name, node } | Kind::MakeDir { dir, name, node } => {
                self.change_names(*dir, |names| {
                    names.insert(name.clone(), *node);
                });
            }
            Kind::Write { node, offset, bytes } => self.change_file(*node, |image| image.write(*offset, bytes)),
            Kind::SetSize { node, size } => self.change_file(*node, |image| image.set_len(*size)),
            Kind::Rename { dir, from, to, node } => self.change_names(*dir, |names| {
                names.remove(from);
                names.insert(to.clone(), *node);
            }),
            Kind::Remove { dir, name } => self.change_names(*dir, |names| {
                names.remove(name);
            }),
            Kind::Sync { .. } | Kind::SyncDir { .. } => {}
        }
    }

    pub(super) fn change_file(&mut self, node: NodeId, change: impl FnOnce(&mut Image)) {
        if let Some(Node::File(image)) = self.nodes.get_mut(&node) {
            change(Arc::make_mut(image));
        }
    }

    fn change_names(&mut self, dir: NodeId, change: impl FnOnce(&mut Names)) {
        if let Some(Node::Dir(names)) = self.nodes.get_mut(&dir) {
            change(Arc::make_mut(names));
        }
    }

    /// Forgets what has no name.
    pub(super) fn sweep(&mut self) {
        let mut kept = HashMap::new();
        let mut left = vec![ROOT];
        while let Some(node) = left.pop() {
            if let Some(found) = self.nodes.remove(&node) {
                if let Node::Dir(names) = &found {
                    left.extend(names.values());
                }
                kept.insert(node, found);
            }
        }
        self.nodes = kept;
    }
}
