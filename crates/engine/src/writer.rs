use std::sync::Arc;

use bitmap::{Index, Record, Touched, VALUES_PER_RECORD};
use model::{Change, Opstamp, Schema};
use query::{Snapshot, TextChanges};
use rayon::prelude::*;
use scope::Directory;
use storage::{Batch, CommitError, ReadError, Row, Store, Table};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_scope as scope;
use ticketscope_storage as storage;

use crate::{
    delta::Delta,
    refusal::Refusal,
    resolve::{Reads, Resolver, Rows, Working},
    session::ImportSession,
    state::{self, ORDINALS_KEY, Read, RecoverError, record_key, values_key},
    wire::Malformed,
};

/// Records of tickets from which making them is split among threads.
const PARALLEL_RECORDS: usize = 64;

/// Fields set, over all tickets of a batch, from which on two threads are faster than one.
const MANY_SETS: usize = 1 << 14;

/// Why a batch could not be written. The tenant must be opened again.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The store refused or failed.
    #[error("commit the batch")]
    Commit(#[from] CommitError),
    /// A state row that the batch builds on cannot be read.
    #[error("read the state that the batch builds on")]
    Read(#[from] ReadError),
    /// A state row that the batch builds on is not of the form it should have.
    #[error("decode the state that the batch builds on")]
    Malformed(#[from] Malformed),
    /// The mapped snapshot that the index began with is no longer what it was: none of it may reach the rows.
    #[error("the index in memory differs from the state on disk")]
    IndexDiffers,
}

/// What to do with the changes of a batch when one of them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusal {
    /// None of the batch takes effect.
    RefuseAll,
    /// The others take effect.
    SkipRefused,
    /// Those before it take effect, and nothing after it.
    StopAtRefused,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It took effect, but for the refused changes, in the snapshot of this opstamp.
    Applied { opstamp: Opstamp, refused: Vec<(usize, Refusal)> },
    /// Nothing of it took effect.
    Refused(Vec<(usize, Refusal)>),
}

/// The one writer of a tenant: the newest state, and the batches of the commit under way.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) working: Working,
    opstamp: Opstamp,
    /// Whether the working state holds batches that are not on disk.
    ahead: bool,
}

/// Batches that are resolved and applied to the working state, and wait for their commit.
#[derive(Debug, Default)]
pub(crate) struct Group {
    log: Vec<(Opstamp, Vec<u8>)>,
    rows: Rows,
    reads: Reads,
    touched: Touched,
    texts: TextChanges,
    directory_changed: bool,
    pub(crate) log_bytes: u64,
}

impl Writer {
    pub(crate) fn new(working: Working, opstamp: Opstamp) -> Self {
        Self { working, opstamp, ahead: false }
    }

    /// Says that what was staged is not on disk and never will be.
    pub(crate) fn abandon(&mut self) {
        self.ahead = true;
    }

    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// Goes back to the state of `published`, which is the one that `store` holds.
    ///
    /// # Errors
    /// [`RecoverError`] if the facts cannot be read; the state is as unusable as before.
    pub(crate) fn go_back_to(&mut self, published: &Snapshot, store: &Store) -> Result<(), RecoverError> {
        let Read { facts, revs_used, .. } = state::read_facts(store)?;
        self.working = Working {
            schema: Arc::clone(published.schema()),
            index: published.index().clone(),
            directory: published.directory().clone(),
            facts,
            revs_used,
        };
        self.opstamp = published.opstamp();
        self.ahead = false;
        Ok(())
    }

    /// Resolves a batch, which may be one of an import, and adds it to `group`.
    pub(crate) fn stage(
        &mut self,
        store: &Store,
        group: &mut Group,
        changes: Vec<Change>,
        on_refusal: OnRefusal,
        session: Option<&mut ImportSession>,
    ) -> Result<Outcome, WriteError> {
        let mut refused = Vec::new();
        let (is_import, mut own) = (session.is_some(), ImportSession::new());
        let session = session.unwrap_or(&mut own);
        let mut resolver = Resolver::new(&mut self.working, store, &group.rows, &mut group.reads, session);
        resolver.look_ahead(&changes, is_import);
        for (at, change) in changes.into_iter().enumerate() {
            match resolver.apply(change) {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => {
                    refused.push((at, refusal));
                    if on_refusal == OnRefusal::StopAtRefused {
                        break;
                    }
                }
                Err(error) => {
                    resolver.give_up();
                    return Err(error);
                }
            }
        }
        if !refused.is_empty() && on_refusal == OnRefusal::RefuseAll {
            resolver.give_up();
            return Ok(Outcome::Refused(refused));
        }
        let outcome = resolver.finish();
        if outcome.delta == Delta::default() && outcome.rows.is_empty() {
            // Nothing changed: there is nothing to make durable, only what was read to look at once more.
            return Ok(Outcome::Applied { opstamp: self.opstamp, refused });
        }
        self.opstamp = self.opstamp.next();
        let Working { schema, index, .. } = &mut self.working;
        let (touched, log) = apply(index, schema, outcome.delta);
        group.log_bytes += log.len() as u64;
        group.log.push((self.opstamp, log));
        group.rows.extend(outcome.rows);
        group.directory_changed |= outcome.directory_changed;
        group.touch(touched);
        group.change_texts(outcome.texts);
        Ok(Outcome::Applied { opstamp: self.opstamp, refused })
    }

    /// Makes the staged batches durable, all or none, and answers how the snapshot that shows them follows from the one
    /// before; nothing if they change nothing. If parts of the index are a mapped file, `before` is the index before these
    /// batches.
    pub(crate) fn commit(
        &mut self,
        store: &Store,
        group: Group,
        before: Option<&Index>,
    ) -> Result<Option<Committed>, WriteError> {
        let Group { log, mut rows, reads, touched, texts, directory_changed, .. } = group;
        if let Some(before) = before {
            compare(before, reads.into_records().chain(touched.records.iter().copied()), store)?;
        }
        if log.is_empty() {
            return Ok(None);
        }
        let index = &self.working.index;
        rows.extend(records(index, &touched.records).into_iter().map(|(key, record)| ((Table::Tickets, key), record)));
        for (field, first) in &touched.values {
            let codes = index.field(*field).map_or(0, bitmap::FieldIndex::codes);
            for number in first / VALUES_PER_RECORD..codes.div_ceil(VALUES_PER_RECORD) {
                rows.insert((Table::Values, values_key(*field, number)), Some(index.value_record(*field, number)));
            }
        }
        rows.insert((Table::Facts, ORDINALS_KEY.to_vec()), Some(index.ordinals().to_le_bytes().to_vec()));
        let rows = rows.into_iter().map(|((table, key), value)| Row { table, key, value }).collect();
        store.commit(&Batch { log, rows })?;
        let directory = directory_changed.then(|| self.working.directory.clone());
        let schema = Arc::clone(&self.working.schema);
        Ok(Some(Committed { opstamp: self.opstamp, schema, index: index.clone(), directory, touched, texts }))
    }
}

/// Records of the state with their keys.
fn records(index: &Index, records: &[Record]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let encoded = |record: &Record| (record_key(*record), index.ticket_record(*record));
    if records.len() < PARALLEL_RECORDS {
        records.iter().map(encoded).collect()
    } else {
        records.par_iter().map(encoded).collect()
    }
}

/// Compares what the batches replace, or went by, with what `index` read of it in a mapped file, which may have rotted.
///
/// A record tells of 1,024 tickets and is written anew for the sake of one of them: the others would be written as they never
/// were. What was found to say already what a batch states is not written at all. Which ticket a batch is about, which code a
/// value has and which fields a ticket has rests on no file: that was copied from it when it was opened. So is a record when it
/// is written, and is not compared again.
fn compare(index: &Index, relied_on: impl Iterator<Item = Record>, store: &Store) -> Result<(), WriteError> {
    let mut mapped: Vec<Record> = relied_on.filter(|record| index.is_mapped(*record)).collect();
    if mapped.is_empty() {
        return Ok(());
    }
    mapped.sort_unstable();
    mapped.dedup();
    let read = records(index, &mapped);
    let mut expected = read.iter().map(|(_, record)| record.as_deref());
    let mut same = true;
    store.reader()?.get_each::<_, ReadError>(Table::Tickets, read.iter().map(|(key, _)| key), |_, row| {
        same &= expected.next() == Some(row);
        Ok(())
    })?;
    if same { Ok(()) } else { Err(WriteError::IndexDiffers) }
}

/// Applies a batch to the index; answers what that touched, and the batch as the log keeps it.
///
/// Of a large batch both are done at once, and its memory is freed while the next one is resolved: that alone takes half as
/// long as applying it.
fn apply(index: &mut Index, schema: &Schema, delta: Delta) -> (Touched, Vec<u8>) {
    let sets: usize = delta.tickets.sets.iter().map(|(_, sets)| sets.len()).sum();
    if sets < MANY_SETS {
        return (index.apply(schema, &delta.tickets), delta.encode());
    }
    let done = rayon::join(|| index.apply(schema, &delta.tickets), || delta.encode());
    rayon::spawn(move || drop(delta));
    done
}

/// A durable group of batches, ready to be published.
#[derive(Debug)]
pub(crate) struct Committed {
    opstamp: Opstamp,
    schema: Arc<Schema>,
    index: Index,
    directory: Option<Directory>,
    touched: Touched,
    texts: TextChanges,
}

impl Committed {
    /// The snapshot after `before` that shows it.
    pub(crate) fn after(self, before: &Snapshot) -> Snapshot {
        let Self { opstamp, schema, index, directory, touched, texts } = self;
        before.next(opstamp, schema, index, directory, &touched, &texts)
    }

    pub(crate) fn changes_text(&self) -> bool {
        !self.texts.changed.is_empty()
    }
}

impl Group {
    /// A group of no batches. `is_mapped` says whether parts of the index are a mapped file.
    pub(crate) fn new(is_mapped: bool) -> Self {
        Self { reads: Reads::new(is_mapped), ..Self::default() }
    }

    fn change_texts(&mut self, texts: TextChanges) {
        for (all, new) in [(&mut self.texts.changed, texts.changed), (&mut self.texts.masked, texts.masked)] {
            all.extend(new);
            all.sort_unstable();
            all.dedup();
        }
    }

    fn touch(&mut self, touched: Touched) {
        if self.touched.ords.is_empty() && self.touched.fields.is_empty() && self.touched.values.is_empty() {
            self.touched = touched;
            return;
        }
        self.touched.ords.extend(touched.ords);
        self.touched.ords.sort_unstable();
        self.touched.ords.dedup();
        self.touched.fields.extend(touched.fields);
        self.touched.fields.sort_unstable();
        self.touched.fields.dedup();
        self.touched.records.extend(touched.records);
        self.touched.records.sort_unstable();
        self.touched.records.dedup();
        for (field, first) in touched.values {
            // The first batch to add values to a field wrote from the lowest code.
            if !self.touched.values.iter().any(|(known, _)| *known == field) {
                self.touched.values.push((field, first));
            }
        }
    }
}
