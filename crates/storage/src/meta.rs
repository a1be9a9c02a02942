//! Meta rows: what a tenant's database says about itself. Each value stands in an envelope with the row's name as key.
//!
//! ```text
//! name                value
//! tenant              uuid [16]
//! applied             opstamp u64 | crc u32      the last log row
//! log_start           opstamp u64 | crc u32      the last log row that was cut
//! snapshot_current    serial u64 | opstamp u64 | length of the file u64 | digest in its footer [16]
//! snapshot_previous   the same
//! clean               nothing; there while no commit followed a clean shutdown
//! ```
//!
//! All integers are little-endian.

use ticketscope_model::Opstamp;

use crate::{
    Damaged, Defect, Place, TenantUuid,
    envelope::{Kind, Opener},
    log::LogEdge,
};

/// A meta row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaRow {
    Tenant,
    Applied,
    LogStart,
    SnapshotCurrent,
    SnapshotPrevious,
    Clean,
}

impl MetaRow {
    pub(crate) const ALL: [Self; 6] =
        [Self::Tenant, Self::Applied, Self::LogStart, Self::SnapshotCurrent, Self::SnapshotPrevious, Self::Clean];

    /// The row's key.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Applied => "applied",
            Self::LogStart => "log_start",
            Self::SnapshotCurrent => "snapshot_current",
            Self::SnapshotPrevious => "snapshot_previous",
            Self::Clean => "clean",
        }
    }
}

/// The mapped snapshot that a meta row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotEntry {
    /// Names the file.
    pub(crate) serial: u64,
    pub(crate) opstamp: Opstamp,
    pub(crate) len: u64,
    pub(crate) digest: [u8; 16],
}

/// All meta rows of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) uuid: TenantUuid,
    pub(crate) applied: LogEdge,
    pub(crate) log_start: LogEdge,
    pub(crate) current: Option<SnapshotEntry>,
    pub(crate) previous: Option<SnapshotEntry>,
    pub(crate) clean: bool,
}

impl Meta {
    /// Of a new tenant.
    pub(crate) fn new(uuid: TenantUuid) -> Self {
        let start = LogEdge::default();
        Self { uuid, applied: start, log_start: start, current: None, previous: None, clean: true }
    }

    /// Reads all rows; `get` answers the envelope under a name.
    pub(crate) fn read<E: From<Damaged>>(
        mut get: impl FnMut(&'static str) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Self, E> {
        let mut opener = Opener::default();
        let mut row = |row: MetaRow| -> Result<Option<Fields>, E> {
            let Some(envelope) = get(row.name())? else { return Ok(None) };
            let value = opener
                .open(Kind::Meta, row.name().as_bytes(), &envelope)
                .map_err(|defect| Damaged { place: Place::Meta(row.name()), defect })?;
            Ok(Some(Fields { row, len: value.len(), rest: value.to_vec() }))
        };
        let missing = |row: MetaRow| Damaged { place: Place::Meta(row.name()), defect: Defect::Missing };

        let tenant = row(MetaRow::Tenant)?.ok_or_else(|| missing(MetaRow::Tenant))?.tenant()?;
        let applied = row(MetaRow::Applied)?.ok_or_else(|| missing(MetaRow::Applied))?.edge()?;
        let log_start = row(MetaRow::LogStart)?.ok_or_else(|| missing(MetaRow::LogStart))?.edge()?;
        let current = row(MetaRow::SnapshotCurrent)?.map(Fields::snapshot).transpose()?;
        let previous = row(MetaRow::SnapshotPrevious)?.map(Fields::snapshot).transpose()?;
        let clean = row(MetaRow::Clean)?.map(Fields::end).transpose()?.is_some();
        Ok(Self { uuid: tenant, applied, log_start, current, previous, clean })
    }

    /// The value of a row, before its envelope; `None` if the row must not exist.
    pub(crate) fn value(&self, row: MetaRow) -> Option<Vec<u8>> {
        let snapshot = |entry: SnapshotEntry| {
            let numbers = [entry.serial, entry.opstamp.0, entry.len].map(u64::to_le_bytes);
            [numbers.as_flattened(), &entry.digest].concat()
        };
        match row {
            MetaRow::Tenant => Some(self.uuid.0.to_vec()),
            MetaRow::Applied => Some(self.applied.to_bytes()),
            MetaRow::LogStart => Some(self.log_start.to_bytes()),
            MetaRow::SnapshotCurrent => self.current.map(snapshot),
            MetaRow::SnapshotPrevious => self.previous.map(snapshot),
            MetaRow::Clean => self.clean.then(Vec::new),
        }
    }
}

/// A value being taken apart from its front.
struct Fields {
    row: MetaRow,
    len: usize,
    rest: Vec<u8>,
}

impl Fields {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let taken = *self.rest.first_chunk().ok_or_else(|| self.wrong_length())?;
        self.rest.drain(..N);
        Ok(taken)
    }

    fn take_u64(&mut self) -> Result<u64, Damaged> {
        self.take().map(u64::from_le_bytes)
    }

    fn end(self) -> Result<(), Damaged> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong_length()) }
    }

    fn wrong_length(&self) -> Damaged {
        Damaged { place: Place::Meta(self.row.name()), defect: Defect::Length(self.len) }
    }

    fn tenant(mut self) -> Result<TenantUuid, Damaged> {
        let uuid = TenantUuid(self.take()?);
        self.end().map(|()| uuid)
    }

    fn edge(mut self) -> Result<LogEdge, Damaged> {
        let opstamp = Opstamp(self.take_u64()?);
        let crc = self.take().map(u32::from_le_bytes)?;
        self.end().map(|()| LogEdge { opstamp, crc })
    }

    fn snapshot(mut self) -> Result<SnapshotEntry, Damaged> {
        let serial = self.take_u64()?;
        let opstamp = Opstamp(self.take_u64()?);
        let len = self.take_u64()?;
        let digest = self.take()?;
        self.end().map(|()| SnapshotEntry { serial, opstamp, len, digest })
    }
}
