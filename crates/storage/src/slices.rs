//! Reading everything again in small pieces, each in a view of its own: what a slow check in the background does, so that
//! no view of it keeps old pages for long.

use std::ops::Bound;

use ticketscope_model::Opstamp;

use crate::{
    Damaged, Defect, Place, ReadError, Reader, Table, envelope::Opener, error::Failure, guard::guard, log::LogRow,
    table::LOG,
};

/// Some rows of a table, all of them as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSlice {
    /// How many.
    pub rows: u64,
    /// Bytes of their keys and values, as stored.
    pub bytes: u64,
    /// The key after which the next slice begins; nothing at the end of the table.
    pub next: Option<Vec<u8>>,
}

/// Some rows of the log, in one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSlice {
    /// How many.
    pub rows: u64,
    /// Bytes of them, as stored.
    pub bytes: u64,
    /// The row after which the next slice begins; nothing at the end of the log.
    pub next: Option<Opstamp>,
}

impl Reader {
    /// Checks the rows of a table whose keys come after `after`, from the first on if there is none, until they have
    /// `budget` bytes. Where that is the whole table its own count is checked too.
    ///
    /// # Errors
    /// [`ReadError`]: the first row that is damaged.
    pub fn check_rows(&self, table: Table, after: Option<&[u8]>, budget: u64) -> Result<RowSlice, ReadError> {
        self.health.check_read()?;
        let slice = guard(|| {
            let rows = self.transaction().open_table(table.definition())?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut slice = RowSlice { rows: 0, bytes: 0, next: None };
            let mut opener = Opener::default();
            for row in rows.range::<&[u8]>((from, Bound::Unbounded))? {
                let (key, value) = row?;
                if slice.bytes >= budget {
                    return Ok(slice);
                }
                let checked = opener.open(table.kind(), key.value(), value.value());
                checked.map_err(|defect| Damaged { place: Place::Row { table, key: key.value().to_vec() }, defect })?;
                // A damaged page above the rows leads astray whoever looks for one of them.
                let is_in_order = slice.next.as_deref().or(after).is_none_or(|before| before < key.value());
                if !is_in_order || rows.get(key.value())?.is_none() {
                    let place = Place::Row { table, key: key.value().to_vec() };
                    return Err(Damaged { place, defect: Defect::Missing }.into());
                }
                slice.rows += 1;
                slice.bytes += (key.value().len() + value.value().len()) as u64;
                slice.next = Some(key.value().to_vec());
            }
            slice.next = None;
            Ok::<_, Failure>(slice)
        })?;
        let expected = self.count(table)?;
        if after.is_none() && slice.next.is_none() && slice.rows != expected {
            return Err(
                Damaged { place: Place::Table(table), defect: Defect::Count { expected, found: slice.rows } }.into()
            );
        }
        Ok(slice)
    }

    /// Checks the rows of the log after `after`, or after those that were cut, until they have `budget` bytes.
    ///
    /// # Errors
    /// [`ReadError`]: the first row that is damaged, missing or out of the chain.
    pub fn check_log(&self, after: Option<Opstamp>, budget: u64) -> Result<LogSlice, ReadError> {
        self.health.check_read()?;
        Ok(guard(|| {
            let (start, applied) = (self.meta().log_start, self.meta().applied);
            let mut edge = match after {
                Some(after) if after > start.opstamp => self.log_edge(after)?,
                _ => start,
            };
            let rows = self.transaction().open_table(LOG)?;
            let mut slice = LogSlice { rows: 0, bytes: 0, next: None };
            let mut opener = Opener::default();
            for row in rows.range((Bound::Excluded(edge.opstamp.0), Bound::Unbounded))? {
                let (key, value) = row?;
                if slice.bytes >= budget {
                    return Ok(LogSlice { next: Some(edge.opstamp), ..slice });
                }
                edge = LogRow::open(&mut opener, Opstamp(key.value()), value.value())?.follow(edge)?;
                slice.rows += 1;
                slice.bytes += value.value().len() as u64;
            }
            if edge != applied {
                let missing = Damaged { place: Place::Log(edge.opstamp.next()), defect: Defect::Missing };
                return Err(Failure::from(missing));
            }
            Ok(slice)
        })?)
    }
}
