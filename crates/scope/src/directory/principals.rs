use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use ticketscope_model::{PrincipalFact, fold};

use super::multimap::Multimap;

/// Agents and customers, found by id, name or e-mail. A clone is O(1), a change O(log n).
#[derive(Debug, Clone, Default)]
pub(crate) struct Principals {
    by_id: RedBlackTreeMapSync<Arc<str>, Arc<PrincipalFact>>,
    /// Ids by folded id, name and e-mail.
    by_text: Multimap,
}

impl Principals {
    pub(crate) fn set(&mut self, fact: &PrincipalFact) {
        self.remove(&fact.id);
        for text in texts(fact) {
            self.by_text.insert(&text, &fact.id);
        }
        self.by_id.insert_mut(Arc::clone(&fact.id), Arc::new(fact.clone()));
    }

    pub(crate) fn remove(&mut self, id: &str) {
        let Some(fact) = self.by_id.get(id).cloned() else { return };
        for text in texts(&fact) {
            self.by_text.remove(&text, id);
        }
        self.by_id.remove_mut(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&PrincipalFact> {
        self.by_id.get(id).map(|fact| &**fact)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PrincipalFact> {
        self.by_id.values().map(|fact| &**fact)
    }

    pub(crate) fn named(&self, text: &str) -> Vec<&PrincipalFact> {
        let exact = self.get(text);
        let others = self.by_text.of(&fold(text)).filter(|id| ***id != *text).filter_map(|id| self.get(id));
        exact.into_iter().chain(others).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.size()
    }
}

fn texts(fact: &PrincipalFact) -> Vec<Arc<str>> {
    let known = [Some(&fact.id), fact.name.as_ref(), fact.email.as_ref()];
    known.into_iter().flatten().map(|text| fold(text).into()).collect()
}
