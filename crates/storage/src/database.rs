use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use redb::Database;

use crate::{guard::guard, judged::IoFailures};

/// An open database, closed when it is dropped. redb writes once more then, and may panic over a damaged page as at any
/// other time. Such a panic ends here: whoever drops a store has nobody to tell, and the next opening finds the damage.
#[derive(Debug)]
pub(crate) struct OpenDatabase(Option<Database>, Arc<IoFailures>);

impl OpenDatabase {
    pub(crate) fn new(database: Database, failures: Arc<IoFailures>) -> Self {
        Self(Some(database), failures)
    }

    /// What the system refused since it was opened.
    pub(crate) fn failures(&self) -> &IoFailures {
        &self.1
    }

    /// Closes it before its time; it is not to be used any more.
    pub(crate) fn close(&mut self) {
        let database = self.0.take();
        drop(guard(|| {
            drop(database);
            Ok(())
        }));
    }
}

impl Deref for OpenDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        let Some(database) = &self.0 else { unreachable!("what is closed is not used") };
        database
    }
}

impl DerefMut for OpenDatabase {
    fn deref_mut(&mut self) -> &mut Database {
        let Some(database) = &mut self.0 else { unreachable!("what is closed is not used") };
        database
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        self.close();
    }
}
