//! What a text index is made of: the texts of a tenant's tickets as its rows have them, and what the index is to say of itself.

use bitmap::TicketSet;
use query::{
    Snapshot,
    text::{
        TakeText, TextDefect, TextError, TextIdentity, TextMark, Texts,
        analysis::{Language, Languages},
    },
};
use storage::{FileError, ReadError, Reader, Table};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    room::Full,
    shared::Shared,
    text_worker::TextWorker,
    texts,
    trouble::{Trouble, chain},
    wire::Malformed,
};

/// Tickets after which the thread looks whether it must stop.
const STOP_LOOK: usize = 512;

/// Why text could not be indexed.
#[derive(Debug, Error)]
pub(crate) enum TextFault {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Defect(#[from] TextDefect),
    #[error("read the text of a ticket")]
    Read(#[from] ReadError),
    #[error("decode the text of a ticket")]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("no text is indexed: {0}")]
    Full(Full),
    #[error("the tenant is closed")]
    Closed,
    #[error("the thread was told to stop")]
    Stopped,
}

impl TextFault {
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Text(error) => Trouble::of_text(error),
            Self::Defect(error) => Trouble::of_defect(error),
            Self::Read(error) => Trouble::of_read(error),
            Self::Malformed(_) => Trouble::Damaged(chain(self)),
            Self::File(error) => Trouble::of_file(error),
            Self::Full(_) => Trouble::Full,
            Self::Closed | Self::Stopped => Trouble::Other,
        }
    }

    /// Whether an index made anew could be spared it.
    pub(crate) fn is_of_the_index(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Defect(_) | Self::File(_)) && self.trouble() == Trouble::Other
    }
}

/// The languages that the schema of a snapshot declares.
pub(crate) fn languages(snapshot: &Snapshot) -> Languages {
    snapshot.schema().languages().filter_map(Language::parse).collect()
}

pub(crate) fn identity(shared: &Shared, snapshot: &Snapshot) -> TextIdentity {
    TextIdentity { uuid: shared.store.uuid().0, languages: languages(snapshot) }
}

/// What a commit of everything that `reader` shows holds.
pub(crate) fn mark(reader: &Reader) -> Result<TextMark, ReadError> {
    let position = reader.applied();
    Ok(TextMark { position, history: reader.history(position)? })
}

/// The tickets that have text.
pub(crate) fn all(reader: &Reader) -> Result<TicketSet, TextFault> {
    let mut tickets = Vec::new();
    reader.scan::<TextFault>(Table::Texts, |key, _| {
        tickets.push(texts::row_ord(key)?);
        Ok(())
    })?;
    Ok(TicketSet::from_unsorted(tickets))
}

/// The texts of tickets as a reader has them, until the thread is to stop.
pub(crate) struct Stored<'a> {
    pub(crate) worker: &'a TextWorker,
    pub(crate) reader: &'a Reader,
}

impl Texts for Stored<'_> {
    type Error = TextFault;

    fn read(&self, tickets: &[u32], each: &mut TakeText<'_>) -> Result<(), TextFault> {
        for tickets in tickets.chunks(STOP_LOOK) {
            if self.worker.must_stop() {
                return Err(TextFault::Stopped);
            }
            let keys = tickets.iter().map(|ord| texts::row_key(*ord));
            self.reader.get_each(Table::Texts, keys, |key, row| -> Result<(), TextFault> {
                let parts = row.map(texts::indexed).transpose()?.unwrap_or_default();
                Ok(each(texts::row_ord(key)?, &parts)?)
            })?;
        }
        Ok(())
    }
}
