use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

/// The level that implies every level.
pub(crate) const FULL: &str = "full";

/// What each principal is related to, and at which levels. A clone is O(1), a change O(log n).
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations {
    of: HashTrieMapSync<Arc<str>, OfPrincipal>,
    len: usize,
}

/// The values of one principal by relation, each with how it is held.
type OfPrincipal = HashTrieMapSync<Arc<str>, RedBlackTreeMapSync<Arc<str>, Grades>>;

/// How a value is held. It is held as long as one of the two says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Grades {
    ungraded: bool,
    levels: Vec<Arc<str>>,
}

impl Grades {
    /// Whether a question for `level` is answered yes. Holding a value without a level answers none of them.
    fn satisfy(&self, level: Option<&str>) -> bool {
        level.is_none_or(|asked| self.levels.iter().any(|held| **held == *asked || **held == *FULL))
    }
}

impl Relations {
    pub(crate) fn set(&mut self, principal: &Arc<str>, rel: &Arc<str>, value: &Arc<str>, level: Option<&Arc<str>>) {
        let mut rels = self.of.get(&**principal).cloned().unwrap_or_else(HashTrieMapSync::new_sync);
        let mut values = rels.get(&**rel).cloned().unwrap_or_else(RedBlackTreeMapSync::new_sync);
        let held = values.get(&**value);
        self.len += usize::from(held.is_none());
        let mut grades = held.cloned().unwrap_or_else(Grades::default);
        match level {
            None => grades.ungraded = true,
            Some(level) if grades.levels.contains(level) => {}
            Some(level) => grades.levels.push(Arc::clone(level)),
        }
        values.insert_mut(Arc::clone(value), grades);
        rels.insert_mut(Arc::clone(rel), values);
        self.of.insert_mut(Arc::clone(principal), rels);
    }

    /// Removes one level, or the value altogether.
    pub(crate) fn remove(&mut self, principal: &str, rel: &str, value: &str, level: Option<&str>) {
        self.edit(principal, rel, value, |grades| match level {
            None => *grades = Grades::default(),
            Some(level) => grades.levels.retain(|held| **held != *level),
        });
    }

    /// Removes what is held without a level, and leaves the levels.
    pub(crate) fn remove_ungraded(&mut self, principal: &str, rel: &str, value: &str) {
        self.edit(principal, rel, value, |grades| grades.ungraded = false);
    }

    fn edit(&mut self, principal: &str, rel: &str, value: &str, edit: impl FnOnce(&mut Grades)) {
        let Some(rels) = self.of.get_mut(principal) else { return };
        let Some(values) = rels.get_mut(rel) else { return };
        let Some(grades) = values.get_mut(value) else { return };
        edit(grades);
        if *grades == Grades::default() {
            values.remove_mut(value);
            self.len -= 1;
        }
        if values.is_empty() {
            rels.remove_mut(rel);
        }
        if rels.is_empty() {
            self.of.remove_mut(principal);
        }
    }

    /// The values of a relation, in order; with a level, only those held at it.
    pub(crate) fn values<'a>(
        &'a self,
        principal: &str,
        rel: &str,
        level: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        let values = self.of.get(principal).and_then(|rels| rels.get(rel));
        let held = values.into_iter().flat_map(RedBlackTreeMapSync::iter);
        held.filter(move |(_, grades)| grades.satisfy(level)).map(|(value, _)| value)
    }

    /// Whether the principal holds the value.
    pub(crate) fn holds(&self, principal: &str, rel: &str, value: &str, level: Option<&str>) -> bool {
        let values = self.of.get(principal).and_then(|rels| rels.get(rel));
        values.and_then(|values| values.get(value)).is_some_and(|grades| grades.satisfy(level))
    }

    /// How many values are held, over all principals and relations.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}
