//! A snapshot and the texts of its tickets, of one moment.

use std::{sync::Arc, time::Duration};

use model::{TextPart, TicketOrd};
use query::Snapshot;
use storage::{ReadError, Reader, Table};
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{shared::Shared, state::RecoverError, text_rows::TextRows, texts, trouble::Closed};

/// Times that a moment between two batches is looked for before the writer is waited for.
const TRIES: usize = 8;

/// The longest that a batch is waited for between two looks.
const PATIENCE: Duration = Duration::from_millis(20);

/// A snapshot and the texts of its tickets.
#[derive(Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// None while a full disk keeps the rows from being read.
    reader: Option<Reader>,
    shared: Arc<Shared>,
}

impl View {
    /// The newest snapshot with the rows of its moment.
    ///
    /// # Errors
    /// [`ReadError`] if the state cannot be read, but for a full disk.
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Self, ReadError> {
        for _ in 0..TRIES {
            let snapshot = shared.publication.newest();
            let reader = match shared.reader() {
                Err(ReadError::Full) => return Ok(Self { snapshot, reader: None, shared }),
                reader => reader?,
            };
            if reader.applied() == snapshot.opstamp() {
                return Ok(Self { snapshot, reader: Some(reader), shared });
            }
            // A batch is durable and about to be published.
            drop(shared.publication.at(reader.applied(), PATIENCE));
        }
        let writer = shared.writer.lock();
        let (snapshot, reader) = (shared.publication.newest(), shared.reader()?);
        drop(writer);
        Ok(Self { snapshot, reader: Some(reader), shared })
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The texts of the tickets, for reading many of them.
    ///
    /// # Errors
    /// [`RecoverError`] if they cannot be read.
    pub fn texts(&self) -> Result<TextRows<'_>, RecoverError> {
        let rows = self.shared.read(|| Ok::<_, RecoverError>(self.reader()?.rows(Table::Texts)?))?;
        Ok(TextRows::new(rows, &self.shared))
    }

    /// The text of a ticket, by part id; nothing if it has none. Whoever shows it has asked what may be read of it.
    ///
    /// # Errors
    /// [`RecoverError`] if the row cannot be read.
    pub fn parts(&self, ord: TicketOrd) -> Result<Vec<TextPart>, RecoverError> {
        self.shared.read(|| parts(self.reader()?, ord))
    }

    /// Reads from the state, and draws the consequences if that fails.
    pub(crate) fn read<'a, T>(
        &'a self,
        read: impl FnOnce(&'a Reader) -> Result<T, RecoverError>,
    ) -> Result<T, RecoverError> {
        self.shared.read(|| read(self.reader()?))
    }

    /// Whether what was read of the index is what was written. Linear in the mapped snapshot that parts of it are.
    pub(crate) fn check(&self) -> Result<(), RecoverError> {
        if let Some(mapped) = &self.shared.mapped {
            self.shared.check_mapped(mapped)?;
        }
        match self.shared.closed() {
            // What is published stays exact when a disk fails.
            None | Some(Closed::Failed(_)) => Ok(()),
            Some(closed) => Err(RecoverError::Closed(closed)),
        }
    }

    pub(crate) fn reader(&self) -> Result<&Reader, ReadError> {
        self.reader.as_ref().ok_or(ReadError::Full)
    }
}

/// The text of a ticket in `reader`, by part id.
pub(crate) fn parts(reader: &Reader, ord: TicketOrd) -> Result<Vec<TextPart>, RecoverError> {
    let row = reader.get(Table::Texts, &texts::row_key(ord.0))?;
    Ok(row.map_or_else(|| Ok(texts::Parts::new()), |row| texts::decode(&row))?.into_values().collect())
}
