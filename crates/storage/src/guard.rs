//! redb may panic on a file that was changed behind its back; here such a panic becomes an error.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crate::{Damaged, Defect, Place, error::Failure};

/// Runs `work` on the database; a panic in it means damage. After an error the caller must not trust what `work` left
/// half done: a write is dropped with its transaction and poisons the store, a read has changed nothing.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(damage(&*panic).into()))
}

/// [`guard`] for work with errors of its own kind, which can tell of damage.
pub(crate) fn guard_work<T, E: From<Failure>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::from(damage(&*panic)).into()))
}

/// Tells the panics of a caller's visitor from redb's.
#[derive(Debug, Default)]
pub(crate) struct Visits(Cell<bool>);

impl Visits {
    /// Runs a caller's visitor; its panic is the caller's own.
    pub(crate) fn visit<T>(&self, visitor: impl FnOnce() -> T) -> T {
        self.0.set(true);
        let answer = visitor();
        self.0.set(false);
        answer
    }
}

/// [`guard`] for work that calls back into the caller through [`Visits::visit`].
pub(crate) fn guard_visits<T>(work: impl FnOnce(&Visits) -> T) -> Result<T, Damaged> {
    let visits = Visits::default();
    match catch_unwind(AssertUnwindSafe(|| work(&visits))) {
        Ok(answer) => Ok(answer),
        Err(panic) if visits.0.get() => resume_unwind(panic),
        Err(panic) => Err(damage(&*panic)),
    }
}

fn damage(panic: &(dyn Any + Send)) -> Damaged {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("a check failed without a message").to_owned();
    Damaged { place: Place::Database, defect: Defect::Database(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_damage_with_its_message() {
        let Err(Failure::Damaged(found)) = guard::<()>(|| panic!("page {} is not a page", 7)) else {
            panic!("not found");
        };
        let defect = Defect::Database("page 7 is not a page".into());
        assert_eq!(found, Damaged { place: Place::Database, defect });
        assert!(guard_visits(|_| panic!("no page")).map(|(): ()| ()).is_err());
    }

    #[test]
    fn without_a_panic_the_answer_passes_through() {
        assert!(matches!(guard(|| Ok(3)), Ok(3)));
        assert_eq!(guard_visits(|visits| visits.visit(|| 3)), Ok(3));
    }

    #[test]
    fn a_visitors_panic_stays_a_panic() {
        let outcome = catch_unwind(|| guard_visits(|visits| visits.visit(|| panic!("mine"))).map(|(): ()| ()));
        assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"mine"));
    }
}
