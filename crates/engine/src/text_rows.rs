use model::{TextPart, TicketOrd};
use storage::Rows;
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{RecoverError, shared::Shared, texts};

/// The texts of a view's tickets, for reading those of a whole page. Whoever shows one has asked what may be read of it.
#[derive(Debug)]
pub struct TextRows<'v> {
    rows: Rows<'v>,
    shared: &'v Shared,
}

impl<'v> TextRows<'v> {
    pub(crate) fn new(rows: Rows<'v>, shared: &'v Shared) -> Self {
        Self { rows, shared }
    }

    /// The text of a ticket, by part id; nothing if it has none.
    ///
    /// # Errors
    /// [`RecoverError`] if the row cannot be read.
    pub fn parts(&mut self, ord: TicketOrd) -> Result<Vec<TextPart>, RecoverError> {
        let Self { rows, shared } = self;
        let parts = shared.read(|| Ok(rows.get(&texts::row_key(ord.0), texts::decode)?.transpose()?))?;
        Ok(parts.unwrap_or_default().into_values().collect())
    }

    /// The subject of a ticket, as the first of its [`Self::parts`] of that class has it, without taking the others out.
    ///
    /// # Errors
    /// [`RecoverError`] if the row cannot be read.
    pub fn subject(&mut self, ord: TicketOrd) -> Result<Option<String>, RecoverError> {
        let subject = |row: &[u8]| texts::subject(row).map(|subject| subject.map(str::to_owned));
        let Self { rows, shared } = self;
        shared.read(|| Ok(rows.get(&texts::row_key(ord.0), subject)?.transpose()?.flatten()))
    }
}
