use std::sync::Arc;

/// Elements a group holds.
const GROUP: usize = 64;

/// A persistent vector: a clone copies one reference per 64 elements, a write copies one group of 64.
#[derive(Debug, Clone)]
pub(crate) struct Spine<T> {
    groups: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T: Clone> Spine<T> {
    pub(crate) fn new() -> Self {
        Self { groups: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.groups.get(at / GROUP)?.get(at % GROUP)
    }

    pub(crate) fn push(&mut self, element: T) {
        if self.len.is_multiple_of(GROUP) {
            self.groups.push(Arc::new(Vec::with_capacity(GROUP)));
        }
        if let Some(group) = self.groups.last_mut() {
            Arc::make_mut(group).push(element);
        }
        self.len += 1;
    }

    /// The element at `at` for writing; its group becomes this vector's own.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        Arc::make_mut(self.groups.get_mut(at / GROUP)?).get_mut(at % GROUP)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.groups.iter().flat_map(|group| group.iter())
    }
}
