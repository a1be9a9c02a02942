//! Which of several statements of one fact holds.

/// The text form by which two statements with the same revision are compared.
pub trait Canonical {
    /// The parts of the text form, compared one after the other.
    fn canonical(&self) -> Vec<String>;

    /// Whether the statement says that there is nothing.
    fn is_empty_statement(&self) -> bool {
        false
    }
}

/// One fact and the change that decided it.
///
/// A statement with a revision takes effect if no higher one was seen. One without takes effect in order of arrival,
/// and leaves the highest revision seen where it is. Of two with the same revision the emptier holds (nothing at all,
/// then a stated emptiness, then values), and of two values the greater in canonical form, so that their order of
/// arrival does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<T> {
    rev: Option<i64>,
    state: Option<T>,
}

impl<T: Canonical> Cell<T> {
    /// A fact that nobody has stated, but that everything up to revision `floor` has removed.
    pub fn removed_up_to(floor: Option<i64>) -> Self {
        Self { rev: floor, state: None }
    }

    /// The highest revision seen.
    pub fn rev(&self) -> Option<i64> {
        self.rev
    }

    /// What holds, or nothing.
    pub fn state(&self) -> Option<&T> {
        self.state.as_ref()
    }

    /// Takes in a statement (`Some`) or a removal (`None`).
    pub fn offer(&mut self, rev: Option<i64>, state: Option<T>) {
        let holds = match (rev, self.rev) {
            (Some(new), Some(old)) if new == old => rank(state.as_ref()) > rank(self.state.as_ref()),
            (Some(new), Some(old)) => new > old,
            (None, _) | (Some(_), None) => true,
        };
        if holds {
            self.state = state;
            self.rev = rev.max(self.rev);
        }
    }
}

impl<T: Canonical> Default for Cell<T> {
    fn default() -> Self {
        Self::removed_up_to(None)
    }
}

/// A bare statement, which has no content beyond being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated;

impl Canonical for Stated {
    fn canonical(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Of two statements with the same revision, the one that ranks higher holds.
fn rank<T: Canonical>(state: Option<&T>) -> (u8, Vec<String>) {
    match state {
        None => (2, Vec::new()),
        Some(state) if state.is_empty_statement() => (1, Vec::new()),
        Some(state) => (0, state.canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Canonical for &str {
        fn canonical(&self) -> Vec<String> {
            vec![(*self).to_owned()]
        }

        fn is_empty_statement(&self) -> bool {
            self.is_empty()
        }
    }

    fn after(offers: &[(Option<i64>, Option<&'static str>)]) -> Option<&'static str> {
        let mut cell = Cell::default();
        for (rev, state) in offers {
            cell.offer(*rev, *state);
        }
        cell.state().copied()
    }

    #[test]
    fn the_highest_revision_holds_whatever_comes_first() {
        assert_eq!(after(&[(Some(1), Some("old")), (Some(2), Some("new"))]), Some("new"));
        assert_eq!(after(&[(Some(2), Some("new")), (Some(1), Some("old"))]), Some("new"));
        assert_eq!(after(&[(Some(2), None), (Some(1), Some("old"))]), None);
    }

    #[test]
    fn of_equal_revisions_a_removal_holds_and_then_the_greater_value() {
        for (a, b, holds) in [
            (Some("a"), Some("b"), Some("b")),
            (Some("b"), None, None),
            (Some(""), Some("b"), Some("")),
            (Some(""), None, None),
        ] {
            assert_eq!(after(&[(Some(1), a), (Some(1), b)]), holds);
            assert_eq!(after(&[(Some(1), b), (Some(1), a)]), holds);
        }
    }

    #[test]
    fn without_a_revision_the_last_holds_but_the_highest_revision_is_remembered() {
        assert_eq!(after(&[(None, Some("a")), (None, Some("b"))]), Some("b"));
        assert_eq!(after(&[(Some(5), Some("a")), (None, Some("b"))]), Some("b"));
        assert_eq!(after(&[(Some(5), Some("a")), (None, Some("b")), (Some(4), Some("c"))]), Some("b"));
        assert_eq!(after(&[(Some(5), Some("a")), (None, Some("b")), (Some(6), Some("c"))]), Some("c"));
        assert_eq!(after(&[(Some(5), Some("a")), (None, None), (Some(4), Some("c"))]), None);
    }

    #[test]
    fn what_was_removed_before_it_was_stated_stays_removed() {
        let mut cell = Cell::removed_up_to(Some(3));
        cell.offer(Some(3), Some("a"));
        assert_eq!(cell.state(), None);
        cell.offer(Some(4), Some("a"));
        assert_eq!(cell.state(), Some(&"a"));
    }
}
