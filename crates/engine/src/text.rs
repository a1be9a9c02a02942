//! Keeping the text index up with the state: one thread a tenant, which sleeps while no text changes.
//!
//! The index is derived. Its commits say up to which batch they hold the text; what came later is in the log, which is
//! not cut before the index has it. An index that is damaged, or of another tenant, or behind the log is put aside and
//! made anew from the state.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bitmap::TicketSet;
use model::Opstamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use query::{
    Snapshot, TextState,
    text::{
        TakeText, TextDefect, TextError, TextIdentity, TextIndex, TextMark, TextView, Texts,
        analysis::{Language, Languages},
    },
};
use storage::{Condition, FileError, ReadError, Reader, Table};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    delta::Delta,
    room::{Full, RETRY, Use},
    tenant::Shared,
    texts,
    trouble::{Trouble, chain},
    wire::Malformed,
};

/// Time between commits while text keeps changing and nobody waits for it.
const PACE: Duration = Duration::from_millis(250);

/// The same after a commit of [`MANY`] tickets, as while an import goes on: segments are larger, and fewer are merged.
const BULK_PACE: Duration = Duration::from_secs(2);

/// Tickets of a commit from which on more are likely to come.
const MANY: u32 = 4096;

/// Time without changes after which the writer's memory is let go.
const IDLE: Duration = Duration::from_secs(2);

/// How long a mapped snapshot waits for the text, so that it can cut the log.
const ADVANCE_PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks whether the thread still runs.
const ADVANCE_LOOK: Duration = Duration::from_millis(50);

/// Tickets after which the thread looks whether it must stop.
const STOP_LOOK: usize = 512;

/// Times that an index is made anew before the tenant goes on without words.
const ATTEMPTS: u32 = 3;

/// An index that was whole for so long has nothing to do with those that were put aside before it.
const CALM: Duration = Duration::from_hours(1);

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
    fn trouble(&self) -> Trouble {
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
    fn is_of_the_index(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Defect(_) | Self::File(_)) && self.trouble() == Trouble::Other
    }
}

/// What the thread is asked to do.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent orders, each of which may stand with any other")]
struct Orders {
    /// Text changed.
    work: bool,
    /// Somebody waits for it.
    hurry: bool,
    /// The log is to be cut: say how far the index is, also if no text changed.
    advance: bool,
    /// A file of the index is to be checked.
    check: bool,
    /// It is to be the first one.
    check_anew: bool,
    /// Whether and how to end.
    end: End,
}

/// How the thread is to end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not yet.
    #[default]
    No,
    /// When there is nothing left to do.
    Done,
    /// At once.
    Now,
}

/// The thread and how it is spoken to.
#[derive(Debug, Default)]
pub(crate) struct TextWorker {
    orders: Mutex<Orders>,
    wake: Condvar,
    thread: Mutex<Thread>,
    news: Mutex<News>,
    /// Notified when the position moves.
    told: Condvar,
    /// Held by whoever checks all files: two would share one list of them.
    pub(crate) checking: Mutex<()>,
}

/// The thread. There is never a second one beside it: an index has one writer.
#[derive(Debug, Default)]
enum Thread {
    #[default]
    None,
    Running(JoinHandle<()>),
    /// Somebody waits for its end.
    Ending,
}

impl Thread {
    fn is_alive(&self) -> bool {
        match self {
            Self::None => false,
            Self::Running(thread) => !thread.is_finished(),
            Self::Ending => true,
        }
    }
}

/// How the index fares, for the stats.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The batch up to which the text is durable.
    pub(crate) position: Opstamp,
    /// Why the last index was put aside.
    pub(crate) put_aside: Option<String>,
    /// Why text is not indexed any more.
    pub(crate) failure: Option<String>,
    /// Whether that is a lack of room, which passes.
    waits_for_room: bool,
    /// What became of the file that was to be checked.
    checked: Option<Checked>,
}

impl News {
    /// Whether nothing but another change of text makes the thread try again.
    pub(crate) fn has_given_up(&self) -> bool {
        self.failure.is_some() && !self.waits_for_room
    }

    fn fails(&mut self, why: String) {
        (self.failure, self.waits_for_room) = (Some(why), false);
    }
}

/// What became of the check of one file of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is what was written, so many bytes.
    Whole(u64),
    /// The thread has not come to it.
    Waiting,
    /// It is not; the index is put aside and made anew.
    Damaged(String),
    /// Every file was checked, or there is no index.
    End,
}

/// What there is to do next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Index,
    Advance,
    Check,
    Rest,
    Finish,
    End,
}

impl TextWorker {
    pub(crate) fn news(&self) -> News {
        self.news.lock().clone()
    }

    /// Starts the thread unless it runs. One that is ending is started again by whoever ends it, if there is work.
    pub(crate) fn start(&self, shared: &Arc<Shared>) {
        let mut thread = self.thread.lock();
        if thread.is_alive() {
            return;
        }
        *self.orders.lock() = Orders { work: true, ..Orders::default() };
        let shared = Arc::clone(shared);
        let failed = match std::thread::Builder::new().name("text".to_owned()).spawn(move || run(&shared)) {
            Ok(running) => {
                *thread = Thread::Running(running);
                return;
            }
            Err(error) => error.to_string(),
        };
        // Whoever holds the news asks for the thread, never the other way round.
        drop(thread);
        self.news.lock().fails(failed);
    }

    /// Says that text changed.
    pub(crate) fn work(&self) {
        self.order(|orders| orders.work = true);
    }

    /// Says that somebody waits.
    pub(crate) fn hurry(&self) {
        self.order(|orders| orders.hurry = true);
    }

    /// Asks for the text up to `wanted` to be made durable, so that the log before it can be cut, and waits a while for it.
    /// Answers how far the text is durable.
    pub(crate) fn advance(&self, wanted: Opstamp) -> Opstamp {
        self.order(|orders| orders.advance = true);
        let until = Instant::now() + ADVANCE_PATIENCE;
        let mut is_running = self.is_running();
        let mut news = self.news.lock();
        while is_running && news.position < wanted && news.failure.is_none() && Instant::now() < until {
            self.told.wait_until(&mut news, until.min(Instant::now() + ADVANCE_LOOK));
            MutexGuard::unlocked(&mut news, || is_running = self.is_running());
        }
        news.position
    }

    /// Forgets what became of a file that was checked before.
    pub(crate) fn begin_check(&self) {
        self.order(|orders| orders.check_anew = true);
        self.news.lock().checked = None;
    }

    /// Has the next file checked, and waits a while for it.
    pub(crate) fn check_file(&self, patience: Duration) -> Checked {
        if !self.is_running() {
            return Checked::End;
        }
        let mut news = self.news.lock();
        if news.checked.is_none() {
            self.order(|orders| orders.check = true);
            self.told.wait_until(&mut news, Instant::now() + patience);
        }
        news.checked.take().unwrap_or(Checked::Waiting)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.thread.lock().is_alive()
    }

    /// Waits until everything is indexed and the thread has ended.
    pub(crate) fn finish(&self, shared: &Arc<Shared>) {
        self.end(End::Done);
        // A batch that came in the meantime found the thread ending.
        if self.orders.lock().work {
            self.start(shared);
        }
    }

    /// Waits until the thread has ended, which leaves undone what it has not begun.
    pub(crate) fn stop(&self) {
        self.end(End::Now);
    }

    fn end(&self, how: End) {
        // Taken out and joined without the lock: nobody may wait for it while the thread is waited for.
        let running = {
            let mut thread = self.thread.lock();
            match std::mem::take(&mut *thread) {
                Thread::Running(running) => {
                    *thread = Thread::Ending;
                    running
                }
                other => {
                    *thread = other;
                    return;
                }
            }
        };
        self.order(|orders| orders.end = how);
        if running.join().is_err() {
            self.news.lock().fails("the thread that indexes text panicked".to_owned());
        }
        *self.thread.lock() = Thread::None;
    }

    /// Waits until what found no room is worth another try; whether the thread is to go on.
    fn pause(&self) -> bool {
        let until = Instant::now() + RETRY;
        let mut orders = self.orders.lock();
        while orders.end == End::No && !std::mem::take(&mut orders.hurry) {
            if self.wake.wait_until(&mut orders, until).timed_out() {
                break;
            }
        }
        orders.end == End::No
    }

    fn must_stop(&self) -> bool {
        self.orders.lock().end == End::Now
    }

    fn order(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.orders.lock());
        self.wake.notify_all();
    }

    /// Waits for something to do: not before `pace` unless somebody waits.
    fn next(&self, pace: Instant, is_writing: bool) -> Next {
        let mut orders = self.orders.lock();
        loop {
            if orders.end == End::Now {
                return Next::End;
            }
            let now = Instant::now();
            if orders.work && (orders.hurry || orders.end == End::Done || now >= pace) {
                orders.work = false;
                orders.hurry = false;
                return Next::Index;
            }
            if orders.end == End::Done {
                return Next::Finish;
            }
            if orders.advance {
                orders.advance = false;
                return Next::Advance;
            }
            if orders.check {
                orders.check = false;
                return Next::Check;
            }
            if orders.work {
                self.wake.wait_until(&mut orders, pace);
            } else if is_writing {
                if self.wake.wait_until(&mut orders, now + IDLE).timed_out() {
                    return Next::Rest;
                }
            } else {
                self.wake.wait(&mut orders);
            }
        }
    }
}

/// Whether a read was refused because a write beside it found no room. The store may be about to say so.
fn waits_for_room(fault: &TextFault, shared: &Shared) -> bool {
    matches!(fault, TextFault::Read(ReadError::Poisoned)) && shared.store.condition() <= Condition::Full
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
            Err(fault) if fault.trouble() == Trouble::Full || waits_for_room(&fault, shared) => {
                let mut news = shared.text.news.lock();
                (news.failure, news.waits_for_room) = (Some(chain(&fault)), true);
                drop(news);
                if !shared.text.pause() {
                    return;
                }
            }
            Err(fault) if !fault.is_of_the_index() => {
                shared.text.news.lock().fails(chain(&fault));
                shared.suffer(fault.trouble());
                return;
            }
            Err(fault) => {
                (attempts, last) = (attempts + 1, Instant::now());
                let why = chain(&fault);
                // What cannot be indexed is not answered from an index that lacks it.
                shared.set_text(TextState::reopened);
                shared.text.news.lock().put_aside = Some(why.clone());
                if let Err(error) = shared.store.set_text_aside() {
                    shared.text.news.lock().fails(chain(&error));
                    shared.suffer(Trouble::of_file(&error));
                    return;
                }
                if shared.text.must_stop() {
                    return;
                }
                shared.text.news.lock().fails(why);
            }
        }
    }
}

/// The languages that the schema of a snapshot declares.
pub(crate) fn languages(snapshot: &Snapshot) -> Languages {
    snapshot.schema().languages().filter_map(Language::parse).collect()
}

pub(crate) fn identity(shared: &Shared, snapshot: &Snapshot) -> TextIdentity {
    TextIdentity { uuid: shared.store.uuid().0, languages: languages(snapshot) }
}

/// Opens the index, brings it up to date and then follows, until the thread is to end.
fn keep_up(shared: &Arc<Shared>) -> Result<(), TextFault> {
    let mut index = open(shared)?;
    let mut pace = Instant::now();
    let mut is_writing = true;
    // Files that are yet to be checked, while a check goes on.
    let mut unchecked: Option<Vec<PathBuf>> = None;
    loop {
        match shared.text.next(pace, is_writing) {
            Next::Check => {
                if std::mem::take(&mut shared.text.orders.lock().check_anew) {
                    unchecked = None;
                }
                let checked = match &index {
                    Some(index) => check_next(index, &mut unchecked),
                    None => Ok(Checked::End),
                };
                let told = checked.as_ref().map_or_else(|defect| Checked::Damaged(chain(defect)), Checked::clone);
                shared.text.news.lock().checked = Some(told);
                shared.text.told.notify_all();
                checked?;
            }
            next @ (Next::Index | Next::Advance | Next::Finish) => {
                let Some((snapshot, reader, tickets)) = shared.take_text()? else { return Ok(()) };
                let identity = identity(shared, &snapshot);
                if index.as_ref().is_some_and(|index| index.identity() != identity) {
                    // Other languages: every text is cut into words anew.
                    drop(index.take());
                    shared.set_text(TextState::reopened);
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
                    shared.set_text(|state| state.merged(view));
                }
                is_writing = false;
            }
            Next::End => return Ok(()),
        }
    }
}

/// Checks the next file of an index, the first one if no check goes on.
fn check_next(index: &TextIndex, unchecked: &mut Option<Vec<PathBuf>>) -> Result<Checked, TextDefect> {
    if unchecked.is_none() {
        *unchecked = Some(index.files()?);
    }
    // One that went meanwhile was merged into another.
    while let Some(file) = unchecked.as_mut().and_then(Vec::pop) {
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
    let Some((snapshot, reader, _)) = shared.take_text()? else {
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
            shared.text.news.lock().put_aside = Some(chain(&defect));
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
    let mut news = shared.text.news.lock();
    news.position = view.position();
    news.failure = None;
    drop(news);
    shared.text.told.notify_all();
    shared.set_text(|state| state.indexed(view));
}
