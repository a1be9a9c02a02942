//! Log rows and their chain.
//!
//! A log row's key is its opstamp (u64 of redb); the value inside its envelope is
//!
//! ```text
//! offset  0             8                 12
//!         opstamp       previous crc      body
//!         u64           u32               rest of the value
//! ```
//!
//! `previous crc` is the checksum in the envelope of the row before. The chain's two ends, [`LogEdge`], stand in meta
//! rows: the last row that was cut (0 and 0 in a new tenant) and the last row there is. So a row that is missing,
//! twice, in another place or of another history is found, at the ends as well. All integers are little-endian.

use ticketscope_model::Opstamp;

use crate::{
    Damaged, Defect, Place,
    envelope::{self, Kind, MAX_VALUE_BYTES, Opener, Sealer},
};

const OPSTAMP_AT: usize = 0;
const PREVIOUS_AT: usize = OPSTAMP_AT + size_of::<u64>();
const BODY_AT: usize = PREVIOUS_AT + size_of::<u32>();

/// The longest body of a log row, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = MAX_VALUE_BYTES - BODY_AT;

/// A row of the log as its neighbour knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogEdge {
    pub(crate) opstamp: Opstamp,
    /// The checksum in the row's envelope.
    pub(crate) crc: u32,
}

impl LogEdge {
    /// As meta rows hold it.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [&self.opstamp.0.to_le_bytes()[..], &self.crc.to_le_bytes()].concat()
    }
}

/// Seals the row that follows `previous`; `scratch` is a buffer to reuse. Answers the envelope and the new edge.
pub(crate) fn seal<'a>(
    sealer: &'a mut Sealer,
    scratch: &mut Vec<u8>,
    previous: LogEdge,
    body: &[u8],
) -> (LogEdge, &'a [u8]) {
    let opstamp = previous.opstamp.next();
    scratch.clear();
    scratch.extend_from_slice(&opstamp.0.to_le_bytes());
    scratch.extend_from_slice(&previous.crc.to_le_bytes());
    scratch.extend_from_slice(body);
    let row = sealer.seal(Kind::Log, &opstamp.0.to_le_bytes(), scratch);
    (LogEdge { opstamp, crc: row.crc }, row.bytes)
}

/// A log row out of its envelope, not yet known to follow the row before it.
pub(crate) struct LogRow<'a> {
    edge: LogEdge,
    previous_crc: u32,
    value: &'a [u8],
}

impl<'a> LogRow<'a> {
    /// Checks the row stored under `opstamp`.
    pub(crate) fn open(opener: &'a mut Opener, opstamp: Opstamp, row: &'a [u8]) -> Result<Self, Damaged> {
        let damaged = |defect| Damaged { place: Place::Log(opstamp), defect };
        let value = opener.open(Kind::Log, &opstamp.0.to_le_bytes(), row).map_err(damaged)?;
        let short = || damaged(Defect::Length(value.len()));
        let stored: [u8; 8] = *value.get(OPSTAMP_AT..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
        let previous: [u8; 4] = *value.get(PREVIOUS_AT..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
        let stored = Opstamp(u64::from_le_bytes(stored));
        if stored != opstamp {
            return Err(damaged(Defect::Opstamp(stored)));
        }
        let crc = envelope::stored_checksum(row).ok_or_else(|| damaged(Defect::Length(row.len())))?;
        let previous_crc = u32::from_le_bytes(previous);
        Ok(Self { edge: LogEdge { opstamp, crc }, previous_crc, value })
    }

    /// Checks that this row follows `previous`, and becomes the edge that the next row follows.
    pub(crate) fn follow(&self, previous: LogEdge) -> Result<LogEdge, Damaged> {
        let expected = previous.opstamp.next();
        if self.edge.opstamp != expected {
            return Err(Damaged { place: Place::Log(expected), defect: Defect::Missing });
        }
        if self.previous_crc != previous.crc {
            let defect = Defect::Chain { stored: self.previous_crc, previous: previous.crc };
            return Err(Damaged { place: Place::Log(self.edge.opstamp), defect });
        }
        Ok(self.edge)
    }

    pub(crate) fn edge(&self) -> LogEdge {
        self.edge
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.value[BODY_AT..]
    }
}
