use std::collections::HashMap;

use ticketscope_scope::Scope;

/// What an entry takes beside name and rule.
const ENTRY: usize = 96;

/// The scopes that principals were found to have in one directory, by verb.
///
/// They are worked out anew in microseconds, so that all are forgotten when they take too much.
#[derive(Debug, Default)]
pub(super) struct PrincipalScopes {
    by_verb: HashMap<Box<str>, HashMap<Box<str>, Scope>>,
    bytes: usize,
}

impl PrincipalScopes {
    pub(super) fn get(&self, principal: &str, verb: &str) -> Option<Scope> {
        self.by_verb.get(verb)?.get(principal).cloned()
    }

    /// Keeps a scope of which `bytes` are not kept elsewhere, so that all take no more than `most` and this one.
    pub(super) fn insert(&mut self, principal: &str, verb: &str, scope: &Scope, bytes: usize, most: usize) {
        if self.bytes > most {
            *self = Self::default();
        }
        let scopes = match self.by_verb.get_mut(verb) {
            Some(scopes) => scopes,
            None => self.by_verb.entry(verb.into()).or_default(),
        };
        if scopes.insert(principal.into(), scope.clone()).is_none() {
            self.bytes += principal.len() + ENTRY + bytes;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_verb.values().map(HashMap::len).sum()
    }
}
