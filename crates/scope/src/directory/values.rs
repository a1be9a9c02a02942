use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use ticketscope_model::{GroupFlags, ValueFact};

use super::multimap::{IdSet, Multimap};

/// Facts about the values of fields: their parents and flags. A clone is O(1), a change O(log n).
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    fields: HashTrieMapSync<Arc<str>, OfField>,
    flags: Flags,
    len: usize,
}

#[derive(Debug, Clone, Default)]
struct OfField {
    facts: RedBlackTreeMapSync<Arc<str>, Arc<ValueFact>>,
    children: Multimap,
}

impl Values {
    pub(crate) fn set(&mut self, fact: &ValueFact) {
        self.remove(&fact.field, &fact.id);
        let mut of_field = self.fields.get(&*fact.field).cloned().unwrap_or_else(OfField::default);
        if let Some(parent) = &fact.parent {
            of_field.children.insert(parent, &fact.id);
        }
        of_field.facts.insert_mut(Arc::clone(&fact.id), Arc::new(fact.clone()));
        self.fields.insert_mut(Arc::clone(&fact.field), of_field);
        self.flags.set(fact);
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, field: &str, id: &str) {
        let Some(of_field) = self.fields.get_mut(field) else { return };
        let Some(fact) = of_field.facts.get(id).cloned() else { return };
        if let Some(parent) = &fact.parent {
            of_field.children.remove(parent, id);
        }
        of_field.facts.remove_mut(id);
        self.flags.remove(&fact);
        self.len -= 1;
    }

    pub(crate) fn get(&self, field: &str, id: &str) -> Option<&ValueFact> {
        self.fields.get(field)?.facts.get(id).map(|fact| &**fact)
    }

    /// The values of a field about which something is stated, in order.
    pub(crate) fn of_field(&self, field: &str) -> impl Iterator<Item = &Arc<ValueFact>> + use<'_> {
        self.fields.get(field).into_iter().flat_map(|of_field| of_field.facts.values())
    }

    pub(crate) fn children(&self, tree: &str, parent: &str) -> impl Iterator<Item = &Arc<str>> + use<'_> {
        self.fields.get(tree).map(|of_field| of_field.children.of(parent)).into_iter().flatten()
    }

    pub(crate) fn flags(&self) -> &Flags {
        &self.flags
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Groups and organizations by what their flags say, kept so that a scope need not look at every group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    public: IdSet,
    private: IdSet,
    active: IdSet,
    inactive: IdSet,
    shared: IdSet,
    unshared: IdSet,
}

impl Flags {
    /// The values that flags put into a relation of the tenant, and those that flags keep out of it even if they are
    /// stated directly. Nothing if no flag feeds the relation.
    pub(crate) fn feeding(&self, rel: &str) -> Option<(&IdSet, &IdSet)> {
        match rel {
            "public_groups" => Some((&self.public, &self.private)),
            "private_groups" => Some((&self.private, &self.public)),
            "active_groups" => Some((&self.active, &self.inactive)),
            "shared_organizations" => Some((&self.shared, &self.unshared)),
            _ => None,
        }
    }

    /// Whether the organization is flagged as not shared.
    pub(crate) fn unshared(&self, organization: &str) -> bool {
        self.unshared.contains(organization)
    }

    fn set(&mut self, fact: &ValueFact) {
        for set in self.naming(fact) {
            set.insert_mut(Arc::clone(&fact.id));
        }
    }

    fn remove(&mut self, fact: &ValueFact) {
        for set in self.naming(fact) {
            set.remove_mut(&*fact.id);
        }
    }

    /// The sets that hold the value because of what the fact says. A group is active unless it says otherwise.
    fn naming(&mut self, fact: &ValueFact) -> Vec<&mut IdSet> {
        let GroupFlags { public, active, shared } = fact.flags;
        match &*fact.field {
            "group" => {
                let openness = public.map(|yes| if yes { &mut self.public } else { &mut self.private });
                let activity = if active == Some(false) { &mut self.inactive } else { &mut self.active };
                openness.into_iter().chain([activity]).collect()
            }
            "organization" => {
                shared.map(|yes| if yes { &mut self.shared } else { &mut self.unshared }).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
