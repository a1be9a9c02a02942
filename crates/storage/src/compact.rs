use std::mem;

use redb::{Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value, WriteTransaction};

use crate::{
    CompactError, Condition, Store, Table,
    backend::{create_database, open_database},
    disk::steps,
    error::Failure,
    guard::guard,
    integrity::{self, CheckError},
    store::{DATABASE_FILE, begin},
    table::{LOG, META},
};

/// The database being written; a crash leaves it for the next open to remove.
const TEMPORARY_FILE: &str = "state.redb.tmp";

impl Store {
    /// Writes the database anew, so that unused space and the bytes of what was deleted are gone from the file. Linear
    /// in the database; reads and commits wait. A crash leaves the old file or the new one.
    ///
    /// redb's own compaction is not used: it makes the file shorter but leaves deleted bytes in free pages.
    ///
    /// # Errors
    /// [`CompactError`]. The database is checked first, for copying would hide damage to its pages; damage, and
    /// failing once the new file has taken the old one's place, poison the store.
    pub fn compact(&self) -> Result<(), CompactError> {
        let _writer = self.writer.lock();
        if self.condition() != Condition::Sound {
            return Err(CompactError::Poisoned);
        }
        let disk = &*self.disk;
        let mut database = self.database.write();
        match integrity::check(disk, &mut database, &self.dir) {
            Ok(()) => {}
            Err(CheckError::Failure(Failure::Database(error))) => {
                return Err(match *error {
                    redb::Error::TransactionInProgress => CompactError::Busy,
                    _ => CompactError::Database(error),
                });
            }
            Err(CheckError::Failure(damage)) => {
                self.worsen(Condition::Damaged);
                return Err(damage.into());
            }
            Err(CheckError::File(error)) => return Err(error.into()),
        }

        let (temporary, path) = (self.dir.join(TEMPORARY_FILE), self.dir.join(DATABASE_FILE));
        if steps::exists(disk, &temporary)? {
            steps::remove(disk, &temporary)?;
        }
        guard(|| {
            let copy = create_database(disk, &temporary, self.cache_bytes)?;
            copy_rows(&database, &copy)?;
            Ok(copy.close()?)
        })?;
        let replaced = steps::rename_in(disk, &self.dir, &temporary, &path)
            .map_err(CompactError::from)
            .and_then(|()| Ok(guard(|| Ok(open_database(disk, &path, self.cache_bytes)?.0))?));
        match replaced {
            Ok(copy) => {
                drop(mem::replace(&mut *database, copy));
                Ok(())
            }
            Err(error) => {
                self.worsen(Condition::Failed);
                Err(error)
            }
        }
    }
}

fn copy_rows(from: &Database, to: &Database) -> Result<(), Failure> {
    let (from, to) = (from.begin_read()?, begin(to)?);
    copy_table(&from, &to, META)?;
    copy_table(&from, &to, LOG)?;
    for table in Table::ALL {
        copy_table(&from, &to, table.definition())?;
    }
    Ok(to.commit()?)
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let mut copy = to.open_table(table)?;
    for row in from.open_table(table)?.iter()? {
        let (key, value) = row?;
        copy.insert(key.value(), value.value())?;
    }
    Ok(())
}
