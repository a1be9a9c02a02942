use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeSetSync};

/// A sorted set of ids whose clones share what is equal.
pub(crate) type IdSet = RedBlackTreeSetSync<Arc<str>>;

/// Several ids for each key. A clone is O(1) and shares everything; a change is O(log n).
#[derive(Debug, Clone, Default)]
pub(crate) struct Multimap {
    sets: HashTrieMapSync<Arc<str>, IdSet>,
    len: usize,
}

impl Multimap {
    pub(crate) fn insert(&mut self, key: &Arc<str>, id: &Arc<str>) {
        if self.contains(key, id) {
            return;
        }
        self.len += 1;
        match self.sets.get_mut(&**key) {
            Some(set) => set.insert_mut(Arc::clone(id)),
            None => self.sets.insert_mut(Arc::clone(key), IdSet::new_sync().insert(Arc::clone(id))),
        }
    }

    pub(crate) fn remove(&mut self, key: &str, id: &str) {
        let Some(set) = self.sets.get_mut(key) else { return };
        if set.remove_mut(id) {
            self.len -= 1;
        }
        if set.is_empty() {
            self.sets.remove_mut(key);
        }
    }

    pub(crate) fn contains(&self, key: &str, id: &str) -> bool {
        self.sets.get(key).is_some_and(|set| set.contains(id))
    }

    /// The ids of `key`, in order.
    pub(crate) fn of(&self, key: &str) -> impl Iterator<Item = &Arc<str>> + use<'_> {
        self.sets.get(key).into_iter().flat_map(IdSet::iter)
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}
