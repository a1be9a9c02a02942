//! Keeping the text index up with the state: one thread a tenant, which sleeps while no text changes.
//!
//! The index is derived. Its commits say up to which batch they hold the text; what came later is in the log, which is
//! not cut before the index has it. An index that is damaged, or of another tenant, or behind the log is put aside and
//! made anew from the state.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bitmap::TicketSet;
use model::Opstamp;
use query::{
    Snapshot, TextState,
    text::{TextDefect, TextIdentity, TextIndex, TextView},
};
use storage::{Condition, ReadError, Reader};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    delta::Delta,
    room::Use,
    shared::Shared,
    text_source::{Stored, TextFault, all, identity, mark},
    text_worker::{Checked, FileCheck, Next},
    trouble::{Trouble, chain},
};

/// Time between commits while text keeps changing and nobody waits for it.
const PACE: Duration = Duration::from_millis(250);

/// The same after a commit of [`MANY`] tickets, as while an import goes on: segments are larger, and fewer are merged.
const BULK_PACE: Duration = Duration::from_secs(2);

/// Tickets of a commit from which on more are likely to come.
const MANY: u32 = 4096;

/// Times that an index is made anew before the tenant goes on without words.
const ATTEMPTS: u32 = 3;

/// An index that was whole for so long has nothing to do with those that were put aside before it.
const CALM: Duration = Duration::from_hours(1);

/// Starts the thread of a tenant unless it runs.
pub(crate) fn start(shared: &Arc<Shared>) {
    let of_thread = Arc::clone(shared);
    shared.text.start(move || run(&of_thread));
}

/// Waits until everything is indexed and the thread has ended.
pub(crate) fn finish(shared: &Arc<Shared>) {
    if shared.text.finish() {
        start(shared);
    }
}

/// Whether a read was refused because a write beside it found no room. The store may be about to say so.
fn waits_for_room(fault: &TextFault, condition: Condition) -> bool {
    matches!(fault, TextFault::Read(ReadError::Poisoned)) && condition <= Condition::Full
}

fn run(shared: &Arc<Shared>) {
    let (mut attempts, mut last) = (0, Instant::now());
    while attempts < ATTEMPTS {
        let kept_up = keep_up(shared);
        if last.elapsed() >= CALM {
            attempts = 0;
        }
        match kept_up {
            Ok(()) | Err(TextFault::Closed | TextFault::Stopped) => return,
            // What is indexed stays, and what waits is masked as before.
            Err(fault) if fault.trouble() == Trouble::Full || waits_for_room(&fault, shared.store.condition()) => {
                shared.text.tell(|news| news.lacks_room(chain(&fault)));
                if !shared.text.pause() {
                    return;
                }
            }
            Err(fault) if !fault.is_of_the_index() => {
                shared.text.tell(|news| news.fails(chain(&fault)));
                shared.suffer(fault.trouble());
                return;
            }
            Err(fault) => {
                (attempts, last) = (attempts + 1, Instant::now());
                let why = chain(&fault);
                // What cannot be indexed is not answered from an index that lacks it.
                shared.publication.set_text(TextState::reopened);
                shared.text.tell(|news| news.put_aside = Some(why.clone()));
                if let Err(error) = shared.store.set_text_aside() {
                    shared.text.tell(|news| news.fails(chain(&error)));
                    shared.suffer(Trouble::of_file(&error));
                    return;
                }
                if shared.text.must_stop() {
                    return;
                }
                shared.text.tell(|news| news.fails(why));
            }
        }
    }
}

/// Files that are yet to be checked, while a check of all goes on.
struct Unchecked {
    of: FileCheck,
    files: Vec<PathBuf>,
}

/// Opens the index, brings it up to date and then follows, until the thread is to end.
fn keep_up(shared: &Arc<Shared>) -> Result<(), TextFault> {
    let mut index = open(shared)?;
    let mut pace = Instant::now();
    let mut is_writing = true;
    let mut unchecked = None;
    loop {
        match shared.text.next(pace, is_writing) {
            Next::Check(check) => {
                let checked = match &index {
                    Some(index) => check_next(index, check, &mut unchecked),
                    None => Ok(Checked::End),
                };
                let told = checked.as_ref().map_or_else(|defect| Checked::Damaged(chain(defect)), Checked::clone);
                shared.text.tell_checked(check, told);
                checked?;
            }
            next @ (Next::Index | Next::Advance | Next::Finish) => {
                let Some((snapshot, reader, tickets)) = take(shared)? else { return Ok(()) };
                let identity = identity(shared, &snapshot);
                if index.as_ref().is_some_and(|index| index.identity() != identity) {
                    // Other languages: every text is cut into words anew.
                    drop(index.take());
                    shared.publication.set_text(TextState::reopened);
                    index = open(shared)?;
                } else if index.is_some() || !tickets.is_empty() {
                    let open = match &mut index {
                        Some(open) => open,
                        None => index.insert(open_index(shared, identity)?),
                    };
                    write(shared, open, &reader, &tickets)?;
                    let behind = snapshot.opstamp() > open.view().position();
                    if !tickets.is_empty() || (behind && next != Next::Index) {
                        open.commit(mark(&reader)?)?;
                        publish(shared, Arc::clone(open.view()));
                        is_writing = true;
                    }
                } else {
                    publish(shared, Arc::new(TextView::empty(snapshot.opstamp(), identity.languages)));
                }
                if next == Next::Finish {
                    if let Some(index) = &mut index {
                        index.rest()?;
                    }
                    return Ok(());
                }
                pace = Instant::now() + if tickets.len() < MANY { PACE } else { BULK_PACE };
            }
            Next::Rest => {
                if let Some(index) = &mut index {
                    let view = index.rest()?;
                    shared.publication.set_text(|state| state.merged(view));
                }
                is_writing = false;
            }
            Next::End => return Ok(()),
        }
    }
}

/// Marks everything that waits to be indexed as being indexed: the snapshot and state to index it from, and the tickets.
/// Nothing if the tenant is closed after a failed commit.
fn take(shared: &Shared) -> Result<Option<(Arc<Snapshot>, Reader, TicketSet)>, ReadError> {
    let _writer = shared.writer.lock();
    if shared.closed().is_some() {
        return Ok(None);
    }
    let reader = shared.reader()?;
    let mut taken = TicketSet::empty();
    shared.publication.set_text(|state| {
        let (next, tickets) = state.take();
        taken = tickets;
        next
    });
    Ok(Some((shared.publication.newest(), reader, taken)))
}

/// Checks the next file of an index, the first one if none was checked yet in this check.
fn check_next(index: &TextIndex, check: FileCheck, unchecked: &mut Option<Unchecked>) -> Result<Checked, TextDefect> {
    let files = match unchecked {
        Some(Unchecked { of, files }) if *of == check => files,
        _ => &mut unchecked.insert(Unchecked { of: check, files: index.files()? }).files,
    };
    // One that went meanwhile was merged into another.
    while let Some(file) = files.pop() {
        match index.check_file(&file)? {
            Some(bytes) => return Ok(Checked::Whole(bytes)),
            None if index.files()?.contains(&file) => return Err(TextDefect::Damaged(vec![file])),
            None => {}
        }
    }
    *unchecked = None;
    Ok(Checked::End)
}

/// The index with everything acknowledged so far, published. Nothing while the tenant has no text and never had an index.
fn open(shared: &Arc<Shared>) -> Result<Option<TextIndex>, TextFault> {
    let Some((snapshot, reader, _)) = take(shared)? else {
        return Err(TextFault::Closed);
    };
    let identity = identity(shared, &snapshot);
    if !shared.store.has_text_dir() && all(&reader)?.is_empty() {
        publish(shared, Arc::new(TextView::empty(snapshot.opstamp(), identity.languages)));
        return Ok(None);
    }
    let (mut index, tickets) = match usable(shared, identity, &snapshot, &reader) {
        Ok((index, tickets)) => (index, tickets),
        Err(TextFault::Defect(defect)) if Trouble::of_defect(&defect) == Trouble::Other => {
            shared.text.tell(|news| news.put_aside = Some(chain(&defect)));
            shared.store.set_text_aside()?;
            let is_damage = matches!(
                defect,
                TextDefect::Open(_) | TextDefect::Panic(_) | TextDefect::Text(_) | TextDefect::Damaged(_)
            );
            if !is_damage {
                // There is nothing in it to look into, and erased words must not outlive it.
                shared.store.remove_text_aside()?;
            }
            (open_index(shared, identity)?, all(&reader)?)
        }
        Err(other) => return Err(other),
    };
    write(shared, &mut index, &reader, &tickets)?;
    if !tickets.is_empty() {
        index.commit(mark(&reader)?)?;
    }
    publish(shared, Arc::clone(index.view()));
    // The new one stands: what a damaged one held of erased words goes.
    shared.store.remove_text_aside()?;
    Ok(Some(index))
}

/// The index on disk, or an empty one.
fn open_index(shared: &Shared, identity: TextIdentity) -> Result<TextIndex, TextFault> {
    Ok(TextIndex::open_on(shared.store.disk(), &shared.store.text_dir()?, identity)?)
}

/// The index on disk and the tickets whose text changed since its last commit.
fn usable(
    shared: &Shared,
    identity: TextIdentity,
    snapshot: &Snapshot,
    reader: &Reader,
) -> Result<(TextIndex, TicketSet), TextFault> {
    let index = open_index(shared, identity)?;
    let position = index.view().position();
    let is_empty = index.view().tickets().is_empty() && position == Opstamp(0);
    if position > snapshot.opstamp() {
        return Err(TextDefect::Ahead.into());
    }
    if position < shared.store.log_start() {
        return if is_empty { Ok((index, all(reader)?)) } else { Err(TextDefect::Behind.into()) };
    }
    if !is_empty && reader.history(position)? != index.mark().history {
        return Err(TextDefect::Forked.into());
    }
    let mut changed = Vec::new();
    reader.log_after::<TextFault>(position, |_, row| {
        changed.extend(Delta::decode(row)?.texts);
        Ok(())
    })?;
    Ok((index, TicketSet::from_unsorted(changed)))
}

/// Writes the text of `tickets` as `reader` has it, if there is room. If the thread is to stop before the end nothing may be committed, and
/// the next opening begins again.
fn write(shared: &Shared, index: &mut TextIndex, reader: &Reader, tickets: &TicketSet) -> Result<(), TextFault> {
    let tickets: Vec<u32> = tickets.iter().collect();
    if !tickets.is_empty() {
        shared.common.room.check(Use::Derived).map_err(TextFault::Full)?;
    }
    index.write(&tickets, &Stored { worker: &shared.text, reader })
}

fn publish(shared: &Shared, view: Arc<TextView>) {
    shared.text.tell(|news| (news.position, news.failure) = (view.position(), None));
    shared.publication.set_text(|state| state.indexed(view));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_beside_a_write_without_room_is_tried_again_unless_the_store_is_lost() {
        let refused = TextFault::Read(ReadError::Poisoned);
        // The store says that it is full a moment after its database refused the read.
        for (condition, waits) in
            [(Condition::Sound, true), (Condition::Full, true), (Condition::Damaged, false), (Condition::Failed, false)]
        {
            assert_eq!(waits_for_room(&refused, condition), waits, "{condition:?}");
        }
        assert!(!waits_for_room(&TextFault::Stopped, Condition::Full));
    }
}
