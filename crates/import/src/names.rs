use std::{collections::HashSet, hash::BuildHasher, sync::Arc};

use foldhash::fast::RandomState;

/// Places for values; two that fall on one push each other out.
const VALUE_PLACES: usize = 1024;

/// The longest value that is likely to come again, in bytes.
const MAX_VALUE_BYTES: usize = 64;

/// The strings that lines of one chunk repeat: field names, each allocated once, and values, most of them.
#[derive(Debug)]
pub(crate) struct Names {
    fields: HashSet<Arc<str>, RandomState>,
    values: Vec<Option<Arc<str>>>,
    hasher: RandomState,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { fields: HashSet::default(), values: vec![None; VALUE_PLACES], hasher: RandomState::default() }
    }

    /// A field's name.
    pub(crate) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.fields.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.fields.insert(Arc::clone(&new));
        new
    }

    /// A field's value, which may be another's.
    pub(crate) fn value(&mut self, text: &str) -> Arc<str> {
        if text.len() > MAX_VALUE_BYTES {
            return text.into();
        }
        #[expect(clippy::cast_possible_truncation, reason = "the low bits of a hash are enough")]
        let place = self.hasher.hash_one(text) as usize % VALUE_PLACES;
        match &mut self.values[place] {
            Some(known) if **known == *text => Arc::clone(known),
            other => Arc::clone(other.insert(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_the_same_string_and_what_pushes_it_out_is_its_own() {
        let mut names = Names::new();
        assert!(Arc::ptr_eq(&names.shared("status"), &names.shared("status")));
        assert!(Arc::ptr_eq(&names.value("open"), &names.value("open")));
        for number in 0..10 * VALUE_PLACES {
            let text = number.to_string();
            assert_eq!(*names.value(&text), *text);
        }
        let long = "x".repeat(MAX_VALUE_BYTES);
        assert!(Arc::ptr_eq(&names.value(&long), &names.value(&long)));
        let longer = "x".repeat(MAX_VALUE_BYTES + 1);
        assert!(!Arc::ptr_eq(&names.value(&longer), &names.value(&longer)));
    }
}
