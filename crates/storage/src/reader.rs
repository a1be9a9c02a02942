use std::{fmt, ops::Bound, sync::Arc};

use redb::{AccessGuard, Key, Range, ReadOnlyTable, ReadTransaction, ReadableTableMetadata, Value};
use ticketscope_model::Opstamp;

use crate::{
    Damaged, Defect, Place, ReadError, Table,
    envelope::Opener,
    error::Failure,
    guard::{Visits, guard, guard_visits},
    health::Health,
    log::{LogEdge, LogRow},
    meta::Meta,
    table::{LOG, META},
};

/// A view of one moment of a store. Commits go on beside it, but after a failed one it answers nothing more; [`crate::Store::compact`] and [`crate::Store::verify`]
/// refuse to run while it lives.
pub struct Reader {
    transaction: ReadTransaction,
    meta: Meta,
    /// The store's.
    pub(crate) health: Arc<Health>,
}

impl Reader {
    pub(crate) fn new(transaction: ReadTransaction, health: Arc<Health>) -> Result<Self, Failure> {
        let meta = guard(|| {
            let table = transaction.open_table(META)?;
            Meta::read(|name| {
                let value = table.get(name)?;
                Ok::<_, Failure>(value.map(|guard| guard.value().to_vec()))
            })
        })?;
        Ok(Self { transaction, meta, health })
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    /// The last change in this view.
    pub fn applied(&self) -> Opstamp {
        self.meta.applied.opstamp
    }

    /// A checksum over every log row up to `opstamp`, those that were cut included: it tells two lives of a tenant apart that
    /// went on from the same moment.
    ///
    /// # Errors
    /// [`ReadError::NotInLog`] if the row was cut before the last one that was, or is not there yet; any other if the log
    /// cannot be read or trusted.
    pub fn history(&self, opstamp: Opstamp) -> Result<u32, ReadError> {
        self.health.check_read()?;
        let (start, applied) = (self.meta.log_start, self.meta.applied);
        if opstamp < start.opstamp || opstamp > applied.opstamp {
            return Err(ReadError::NotInLog { after: opstamp, start: start.opstamp, applied: applied.opstamp });
        }
        if opstamp == start.opstamp { Ok(start.crc) } else { read(|| Ok(self.log_edge(opstamp)?.crc)) }
    }

    /// The value of a row.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be read or trusted.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.health.check_read()?;
        read(|| {
            let rows = self.transaction.open_table(table.definition())?;
            let Some(row) = rows.get(key)? else { return Ok(None) };
            Ok(Some(open_row(&mut Opener::default(), table, key, row.value())?.to_vec()))
        })
    }

    /// Visits the rows of `keys`, in their order, with nothing for one that does not exist. Cheaper than as many times
    /// [`Self::get`].
    ///
    /// # Errors
    /// [`ReadError`] if a row cannot be read or trusted, or what `visit` answers, which ends the reading.
    pub fn get_each<K: AsRef<[u8]>, E: From<ReadError>>(
        &self,
        table: Table,
        keys: impl IntoIterator<Item = K>,
        mut visit: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.health.check_read()?;
        let rows = read(|| Ok(self.transaction.open_table(table.definition())?))?;
        let mut opener = Opener::default();
        let walk = |visits: &Visits| {
            for key in keys {
                let key = key.as_ref();
                let row = rows.get(key).map_err(|error| ReadError::from(Failure::from(error)))?;
                let value = match &row {
                    Some(row) => Some(open_row(&mut opener, table, key, row.value()).map_err(ReadError::from)?),
                    None => None,
                };
                visits.visit(|| visit(key, value))?;
            }
            Ok(())
        };
        guard_visits(walk).unwrap_or_else(|damaged| Err(ReadError::from(damaged).into()))
    }

    /// A table, opened once for many reads.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened.
    pub fn rows(&self, table: Table) -> Result<Rows<'_>, ReadError> {
        self.health.check_read()?;
        let opened = read::<_, ReadError>(|| Ok(self.transaction.open_table(table.definition())?))?;
        Ok(Rows { reader: self, table, opened, opener: Opener::default() })
    }

    /// Visits every row of a table in the order of its keys. The table's own count of rows is checked too.
    ///
    /// # Errors
    /// [`ReadError`] if a row cannot be read or trusted, or what `visit` answers, which ends the scan.
    pub fn scan<E: From<ReadError>>(
        &self,
        table: Table,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut found = 0;
        self.scan_range(table, &[], |key, value| {
            found += 1;
            visit(key, value).map(|()| true)
        })?;
        let expected = self.count(table)?;
        if found != expected {
            let damaged = Damaged { place: Place::Table(table), defect: Defect::Count { expected, found } };
            return Err(E::from(damaged.into()));
        }
        Ok(())
    }

    /// Visits the rows whose keys begin with `prefix` in the order of their keys.
    ///
    /// # Errors
    /// [`ReadError`] if a row cannot be read or trusted, or what `visit` answers, which ends the scan.
    pub fn scan_prefix<E: From<ReadError>>(
        &self,
        table: Table,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan_range(table, prefix, |key, value| {
            if !key.starts_with(prefix) {
                return Ok(false);
            }
            visit(key, value).map(|()| true)
        })
    }

    /// How many rows a table counts. Takes constant time.
    ///
    /// # Errors
    /// [`ReadError`] if the table cannot be opened.
    pub fn count(&self, table: Table) -> Result<u64, ReadError> {
        read(|| {
            let rows = self.transaction.open_table(table.definition())?;
            Ok(rows.len()?)
        })
    }

    /// Visits rows from `from` on until `visit` answers false.
    fn scan_range<E: From<ReadError>>(
        &self,
        table: Table,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.health.check_read()?;
        let rows = read(|| {
            let rows = self.transaction.open_table(table.definition())?;
            let bounds = (Bound::Included(from), Bound::<&[u8]>::Unbounded);
            Ok(rows.range::<&[u8]>(bounds)?)
        })?;
        let mut opener = Opener::default();
        each(rows, |visits, key, row| {
            let value = open_row(&mut opener, table, key.value(), row.value()).map_err(ReadError::from)?;
            visits.visit(|| visit(key.value(), value))
        })
    }

    /// Visits the log rows after `after` in order, with opstamp and body.
    ///
    /// # Errors
    /// [`ReadError::NotInLog`] if they were cut, [`ReadError::Damaged`] if one is missing, out of order or damaged, or
    /// what `visit` answers, which ends the reading.
    pub fn log_after<E: From<ReadError>>(
        &self,
        after: Opstamp,
        mut visit: impl FnMut(Opstamp, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.health.check_read()?;
        let (start, applied) = (self.meta.log_start, self.meta.applied);
        if after < start.opstamp || after > applied.opstamp {
            let error = ReadError::NotInLog { after, start: start.opstamp, applied: applied.opstamp };
            return Err(error.into());
        }
        let mut edge = if after == start.opstamp { start } else { read(|| self.log_edge(after))? };
        let rows = read(|| {
            let rows = self.transaction.open_table(LOG)?;
            Ok(rows.range((Bound::Excluded(after.0), Bound::Unbounded))?)
        })?;
        let mut opener = Opener::default();
        each(rows, |visits, key, row| {
            let row = LogRow::open(&mut opener, Opstamp(key.value()), row.value()).map_err(ReadError::from)?;
            edge = row.follow(edge).map_err(ReadError::from)?;
            visits.visit(|| visit(edge.opstamp, row.body())).map(|()| true)
        })?;
        if edge != applied {
            let damaged = if edge.opstamp < applied.opstamp {
                Damaged { place: Place::Log(edge.opstamp.next()), defect: Defect::Missing }
            } else {
                let defect = Defect::Chain { stored: applied.crc, previous: edge.crc };
                Damaged { place: Place::Log(edge.opstamp), defect }
            };
            return Err(ReadError::from(damaged).into());
        }
        Ok(())
    }

    /// The log row `opstamp` as the row after it knows it.
    pub(crate) fn log_edge(&self, opstamp: Opstamp) -> Result<LogEdge, Failure> {
        let rows = self.transaction.open_table(LOG)?;
        let row = rows.get(opstamp.0)?;
        let row = row.ok_or(Damaged { place: Place::Log(opstamp), defect: Defect::Missing })?;
        Ok(LogRow::open(&mut Opener::default(), opstamp, row.value())?.edge())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("applied", &self.applied()).finish_non_exhaustive()
    }
}

/// One table of a view. Reading many rows through it costs less than through [`Reader::get`], which opens the table and
/// makes its buffers for each.
pub struct Rows<'r> {
    reader: &'r Reader,
    table: Table,
    opened: ReadOnlyTable<&'static [u8], &'static [u8]>,
    opener: Opener,
}

impl Rows<'_> {
    /// What `visit` makes of the value of a row; nothing if there is no such row.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be read or trusted.
    pub fn get<T>(&mut self, key: &[u8], visit: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, ReadError> {
        self.reader.health.check_read()?;
        let (rows, opener, table) = (&self.opened, &mut self.opener, self.table);
        let look_up = |visits: &Visits| {
            let Some(row) = rows.get(key).map_err(|error| ReadError::from(Failure::from(error)))? else {
                return Ok(None);
            };
            let value = open_row(opener, table, key, row.value())?;
            Ok(Some(visits.visit(|| visit(value))))
        };
        guard_visits(look_up).unwrap_or_else(|damaged| Err(damaged.into()))
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("table", &self.table).finish_non_exhaustive()
    }
}

fn open_row<'a>(opener: &'a mut Opener, table: Table, key: &[u8], row: &'a [u8]) -> Result<&'a [u8], Damaged> {
    let damaged = |defect| Damaged { place: Place::Row { table, key: key.to_vec() }, defect };
    opener.open(table.kind(), key, row).map_err(damaged)
}

/// [`guard`] where a failure is a [`ReadError`] inside a caller's error.
fn read<T, E: From<ReadError>>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, E> {
    guard(work).map_err(|failure| ReadError::from(failure).into())
}

/// Shows rows to `step` until it answers false.
fn each<K: Key + 'static, V: Value + 'static, E: From<ReadError>>(
    rows: Range<'_, K, V>,
    mut step: impl FnMut(&Visits, &AccessGuard<'_, K>, &AccessGuard<'_, V>) -> Result<bool, E>,
) -> Result<(), E> {
    let walk = |visits: &Visits| {
        for row in rows {
            let (key, value) = row.map_err(|error| ReadError::from(Failure::from(error)))?;
            if !step(visits, &key, &value)? {
                break;
            }
        }
        Ok(())
    };
    guard_visits(walk).unwrap_or_else(|damaged| Err(ReadError::from(damaged).into()))
}
