//! Keys of state rows, and the way from the rows back to a working state.

use std::sync::Arc;

use bitmap::{Index, Record, Restore, SectionError, StateError};
use model::{FieldId, Opstamp, Schema};
use scope::{Directory, RoleError};
use storage::{Batch, CommitError, MappedSnapshot, ReadError, Row, SnapshotDefect, SnapshotError, Store, Table};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;
use ticketscope_storage as storage;

use crate::{
    delta::Delta,
    facts::{FactCell, FactKey, Facts, State},
    resolve::Working,
    trouble::Closed,
    wire::Malformed,
};

/// How many ordinals were given out. Rows of facts begin with their kind, which is never 0.
pub(crate) const ORDINALS_KEY: &[u8] = &[0, 0];
/// The secret that authenticates cursors.
pub(crate) const SECRET_KEY: &[u8] = &[0, 1];

/// What rebuilding a ticket from the rows costs, in bytes of log that cost as much to replay.
const RESTORED_BYTES: u64 = 256;

/// The key of a record of tickets: keys before fields, then by field, then by number.
///
/// ```text
/// 0 u8 | number u32
/// 1 u8 | field u16 | number u32
/// ```
///
/// Big-endian, so that rows stand in the order in which they are restored.
pub(crate) fn record_key(record: Record) -> Vec<u8> {
    match record {
        Record::Keys { number } => [&[0][..], &number.to_be_bytes()].concat(),
        Record::Field { field, number } => [&[1][..], &field.0.to_be_bytes(), &number.to_be_bytes()].concat(),
    }
}

fn record_of_key(key: &[u8]) -> Result<Record, Malformed> {
    match *key {
        [0, a, b, c, d] => Ok(Record::Keys { number: u32::from_be_bytes([a, b, c, d]) }),
        [1, high, low, a, b, c, d] => {
            let field = FieldId(u16::from_be_bytes([high, low]));
            Ok(Record::Field { field, number: u32::from_be_bytes([a, b, c, d]) })
        }
        _ => Err(Malformed { at: 0 }),
    }
}

pub(crate) fn values_key(field: FieldId, number: u32) -> Vec<u8> {
    let mut key = field.0.to_be_bytes().to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Why a tenant cannot be brought back from its rows.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The store cannot be read, or holds damaged rows.
    #[error("read the tenant's state")]
    Read(#[from] ReadError),
    /// A row is not of the form it should have.
    #[error("decode the tenant's state")]
    Malformed(#[from] Malformed),
    /// A record of tickets or values is not of the form it should have.
    #[error("restore the tenant's tickets")]
    State(#[from] StateError),
    /// A role that was accepted once is refused now.
    #[error("restore role `{id}`")]
    Role {
        /// The role.
        id: String,
        /// What is wrong with it.
        source: RoleError,
    },
    /// A snapshot could not be looked for.
    #[error("look for a mapped snapshot")]
    Snapshot(#[from] SnapshotError),
    /// The first rows of a new tenant cannot be written.
    #[error("write the first rows of a new tenant")]
    Commit(#[from] CommitError),
    /// The mapped snapshot that parts of the index are is damaged: what was read of them may be wrong.
    #[error("the mapped snapshot in use is damaged")]
    Mapped(#[from] SnapshotDefect),
    /// The tenant was closed meanwhile: what was read of it is not to be trusted.
    #[error("the tenant was closed while it was read: {0}")]
    Closed(Closed),
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A row that every tenant has is missing.
    #[error("the tenant's state lacks its row {0}")]
    Missing(&'static str),
}

/// How a tenant was brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The opstamp of the mapped snapshot it began with, if any.
    pub snapshot: Option<Opstamp>,
    /// Batches replayed from the log.
    pub replayed: u64,
    /// Mapped snapshots that were not used, and why.
    pub rejected: Vec<String>,
}

/// Writes the rows that every tenant has, unless they are there: a new tenant may have been made and not begun.
pub(crate) fn begin(store: &Store) -> Result<(), RecoverError> {
    if store.applied() > Opstamp::default() {
        return Ok(());
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).or(Err(RecoverError::NoRandomness))?;
    let row = |key: &[u8], value: &[u8]| Row { table: Table::Facts, key: key.to_vec(), value: Some(value.to_vec()) };
    Ok(store.commit(&Batch {
        log: vec![(Opstamp(1), Delta::default().encode())],
        rows: vec![row(ORDINALS_KEY, &0u32.to_le_bytes()), row(SECRET_KEY, &secret)],
    })?)
}

/// What [`recover`] finds.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) working: Working,
    pub(crate) cursor_secret: [u8; 32],
    pub(crate) recovery: Recovery,
    /// Bytes of the log that were replayed.
    pub(crate) replayed_bytes: u64,
    /// The mapped snapshot that the index began with, of which parts of it stay.
    pub(crate) mapped: Option<MappedSnapshot>,
}

/// Facts, and what stands among their rows.
pub(crate) struct Read {
    pub(crate) facts: Facts,
    pub(crate) revs_used: bool,
    ordinals: Option<u32>,
    secret: Option<[u8; 32]>,
}

/// The facts in the rows of `store`.
pub(crate) fn read_facts(store: &Store) -> Result<Read, RecoverError> {
    let mut facts = Facts::new();
    let (mut ordinals, mut secret) = (None, None);
    store.scan::<RecoverError>(Table::Facts, |key, row| {
        if key == ORDINALS_KEY {
            ordinals = row.try_into().ok().map(u32::from_le_bytes);
        } else if key == SECRET_KEY {
            secret = row.try_into().ok();
        } else {
            facts.insert(FactKey::decode(key)?, FactCell::decode(row)?);
        }
        Ok(())
    })?;
    let revs_used = store.reader()?.count(Table::Revs)? > 0;
    Ok(Read { facts, revs_used, ordinals, secret })
}

/// The working state behind the rows of `store`.
pub(crate) fn recover(store: &Store) -> Result<Recovered, RecoverError> {
    let Read { facts, revs_used, ordinals, secret } = read_facts(store)?;
    let mut schema = Schema::builtin();
    if let Some(State::Schema(declared)) = facts.get(&FactKey::Schema).and_then(|cell| cell.state.as_ref()) {
        schema.declare(declared).or(Err(RecoverError::Missing("schema, in a form that can be declared")))?;
    }
    let schema = Arc::new(schema);
    let mut directory = Directory::new(Arc::clone(&schema));
    for (key, cell) in &facts {
        if cell.state.is_some() {
            let restored = key.apply(cell.state.as_ref(), &mut directory);
            restored.map_err(|source| RecoverError::Role { id: format!("{key:?}"), source })?;
        }
    }
    let ordinals = ordinals.ok_or(RecoverError::Missing("ordinals"))?;
    let secret = secret.ok_or(RecoverError::Missing("cursor secret"))?;
    let Rebuilt { index, recovery, replayed_bytes, mapped } = recover_index(store, &schema, ordinals)?;
    let working = Working { schema, index, directory, facts, revs_used };
    Ok(Recovered { working, cursor_secret: secret, recovery, replayed_bytes, mapped })
}

/// An index, and what it was made of.
struct Rebuilt {
    index: Index,
    recovery: Recovery,
    replayed_bytes: u64,
    mapped: Option<MappedSnapshot>,
}

fn recover_index(store: &Store, schema: &Schema, ordinals: u32) -> Result<Rebuilt, RecoverError> {
    let mut replayed_bytes = 0;
    let mut recovery = Recovery::default();
    let choice = store.open_snapshot()?;
    recovery.rejected.extend(choice.rejected.iter().map(|rejected| rejected.defect.to_string()));
    if let Some(mapped) = choice.snapshot {
        match Index::read(schema, |section| mapped.section(section)) {
            Err(error) => recovery.rejected.push(SectionError::to_string(&error)),
            Ok(mut index) if store.log_start() <= mapped.opstamp() => {
                recovery.snapshot = Some(mapped.opstamp());
                store.log_after::<RecoverError>(mapped.opstamp(), |_, row| {
                    index.apply(schema, &Delta::decode(row)?.tickets);
                    recovery.replayed += 1;
                    replayed_bytes += row.len() as u64;
                    Ok(())
                })?;
                if index.ordinals() == ordinals {
                    return Ok(Rebuilt { index, recovery, replayed_bytes, mapped: Some(mapped) });
                }
                recovery.rejected.push("the log after it does not lead to the state".to_owned());
            }
            Ok(_) => recovery.rejected.push("the log after it was cut".to_owned()),
        }
    }
    recovery.snapshot = None;
    recovery.replayed = 0;
    // Rebuilding reads every row: a large tenant gets a mapped snapshot with its next write.
    let as_if_replayed = u64::from(ordinals) * RESTORED_BYTES;
    let index = restore(store, schema, ordinals)?;
    Ok(Rebuilt { index, recovery, replayed_bytes: as_if_replayed, mapped: None })
}

/// The index rebuilt from the rows of the state alone.
pub(crate) fn restore(store: &Store, schema: &Schema, ordinals: u32) -> Result<Index, RecoverError> {
    let mut restore = Restore::new();
    store.scan::<RecoverError>(Table::Values, |key, row| {
        let (field, number) = key.split_first_chunk().ok_or(Malformed { at: 0 })?;
        let number = number.try_into().or(Err(Malformed { at: 2 }))?;
        Ok(restore.values(FieldId(u16::from_be_bytes(*field)), u32::from_be_bytes(number), row)?)
    })?;
    store.scan::<RecoverError>(Table::Tickets, |key, row| Ok(restore.tickets(schema, record_of_key(key)?, row)?))?;
    Ok(restore.finish(schema, ordinals)?)
}
