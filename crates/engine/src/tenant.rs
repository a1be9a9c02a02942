use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bitmap::{IndexBytes, PartBytes, SectionTooLarge, TicketSet};
use model::{Change, Fact, Opstamp, TextPart, TicketKey, TicketOrd};
use parking_lot::{Condvar, Mutex, RwLock};
use query::{ScopeBytes, Snapshot, TextState};
use storage::{
    CommitError, Condition, DiskUsage, MappedSnapshot, OpenError, ReadError, Reader, ReopenError, SnapshotDefect,
    SnapshotError, Store, Table, TenantId,
};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    engine::{Common, Options},
    refusal::Refusal,
    room::{Full, RETRY, Use},
    scrub::{Scrub, ScrubStats, ScrubStep, Scrubbed},
    scrubber,
    session::ImportSession,
    state::{self, RecoverError, Recovered, Recovery},
    text::{self, News, TextWorker},
    text_rows::TextRows,
    texts,
    trouble::{Closed, FatalError, Trouble},
    writer::{Group, OnRefusal, Outcome, WriteError, Writer},
};

/// Batches that may wait for the writer; the next one is refused as [`SubmitError::Busy`].
pub const MAX_WAITING: usize = 256;

/// Batches that share one commit at most.
const MAX_GROUP: usize = 64;

/// Times that [`Tenant::view`] looks for a moment between two batches before it waits for the writer.
const VIEW_TRIES: usize = 8;

/// The longest that it waits for a batch to be published between two looks.
const VIEW_PATIENCE: Duration = Duration::from_millis(20);

/// How long a check of the files waits for readers to end, and between two looks.
const VERIFY_PATIENCE: Duration = Duration::from_secs(30);
const VERIFY_PAUSE: Duration = Duration::from_millis(2);

/// How long after a mapped snapshot that found no room no other is begun.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(10);

/// The longest that [`Tenant::snapshot_at`] waits, however patient its caller.
const LONGEST_PATIENCE: Duration = Duration::from_hours(24);

/// Why a batch was not acknowledged.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// Changes were refused, and with them the batch: nothing of it took effect.
    #[error("{} of the changes are refused, and nothing of the batch took effect", .0.len())]
    Refused(Vec<(usize, Refusal)>),
    /// Too many batches wait; try again later.
    #[error("too many batches are waiting; try again later")]
    Busy,
    /// There is no room on the disk. Nothing of the batch took effect; questions are answered as before, and batches are
    /// taken again as soon as there is room.
    #[error("nothing of the batch took effect: {0}")]
    Full(Full),
    /// The tenant takes nothing more, and took nothing of this batch.
    #[error(transparent)]
    Closed(Closed),
    /// The commit failed, and the tenant is closed. Whether the batch took effect shows when it is opened again.
    #[error(transparent)]
    Write(Arc<WriteError>),
}

/// Why a tenant cannot be opened.
#[derive(Debug, Error)]
pub enum TenantOpenError {
    /// Its files cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its rows do not lead to a state.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// It was open, and damage was found.
    #[error("damage was found while it was in use: {0}")]
    Damaged(Arc<str>),
}

impl TenantOpenError {
    /// Whether what is on disk cannot be trusted: opening it again would find the same.
    pub fn is_damage(&self) -> bool {
        matches!(Trouble::of_opening(self), Trouble::Damaged(_))
    }

    /// Whether there was only no room on the disk.
    pub fn is_full(&self) -> bool {
        Trouble::of_opening(self) == Trouble::Full
    }
}

/// Why a mapped snapshot was not written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The store could not write it.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log could not be cut behind it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is no room for it.
    #[error("no mapped snapshot is written: {0}")]
    Full(Full),
    /// The mapped snapshot that parts of the index still are is damaged: written anew, the damage would pass for whole.
    #[error("the mapped snapshot in use is damaged")]
    Mapped(#[from] SnapshotDefect),
    /// A part of the index is too large for a section.
    #[error(transparent)]
    TooLarge(#[from] SectionTooLarge),
}

/// A batch took effect: it is durable, and every snapshot from now on shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack {
    /// The position from which snapshots show it.
    pub opstamp: Opstamp,
    /// The changes that were refused, by their place in the batch.
    pub refused: Vec<(usize, Refusal)>,
}

/// One tenant, open: readers take snapshots, one writer at a time publishes the next.
#[derive(Debug)]
pub struct Tenant {
    id: TenantId,
    shared: Arc<Shared>,
    queue: Mutex<VecDeque<Waiting>>,
    checkpointer: Mutex<Option<JoinHandle<()>>>,
    recovery: Recovery,
    options: Options,
    log_bytes: Arc<AtomicU64>,
    /// What is taken back from the thread that reads everything again, if it was given anything.
    watched: Mutex<Option<Arc<scrubber::Open>>>,
}

/// What the background shares with the tenant.
pub(crate) struct Shared {
    id: TenantId,
    /// What all tenants of an engine share.
    pub(crate) common: Arc<Common>,
    pub(crate) store: Store,
    writer: Mutex<Writer>,
    published: RwLock<Arc<Snapshot>>,
    /// Held by whoever makes the next snapshot from the published one.
    publishing: Mutex<()>,
    pub(crate) text: TextWorker,
    pub(crate) scrub: Scrub,
    /// The mapped snapshot that the index began with.
    pub(crate) mapped: Option<MappedSnapshot>,
    closed: Mutex<Option<Closed>>,
    pauses: Mutex<Pauses>,
    checkpointing: AtomicBool,
    checkpoint: Mutex<Checkpoints>,
    advanced: (Mutex<Opstamp>, Condvar),
}

/// Until when what found no room is not tried again.
#[derive(Debug, Default)]
struct Pauses {
    writing: Option<Instant>,
    reopening: Option<Instant>,
    checkpoint: Option<Instant>,
}

/// Why a batch is not even begun.
#[derive(Debug, Clone)]
enum Hindrance {
    Full(Full),
    Closed(Closed),
}

impl From<Hindrance> for SubmitError {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Full(full) => Self::Full(full),
            Hindrance::Closed(closed) => Self::Closed(closed),
        }
    }
}

/// Opstamps of the two mapped snapshots that are kept; 0 for none.
#[derive(Debug, Default)]
struct Checkpoints {
    newest: Opstamp,
    previous: Opstamp,
    failure: Option<String>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("opstamp", &self.published.read().opstamp()).finish_non_exhaustive()
    }
}

/// A batch in the queue, and where its answer goes.
#[derive(Debug)]
struct Waiting {
    changes: Vec<Change>,
    on_refusal: OnRefusal,
    session: Option<Arc<Mutex<ImportSession>>>,
    answer: Arc<Mutex<Option<Result<Outcome, SubmitError>>>>,
}

impl Tenant {
    /// Opens the tenant behind `store`: newest mapped snapshot, then the log after it.
    pub(crate) fn open(
        id: TenantId,
        store: Store,
        options: Options,
        common: Arc<Common>,
    ) -> Result<Self, TenantOpenError> {
        state::begin(&store)?;
        let Recovered { working, cursor_secret, recovery, replayed_bytes, mapped } = state::recover(&store)?;
        let opstamp = store.applied();
        let snapshot = Snapshot::new(
            opstamp,
            Arc::clone(&working.schema),
            working.index.clone(),
            working.directory.clone(),
            cursor_secret,
        )
        .with_scope_bytes(options.scope_bytes)
        .with_text(TextState::opening());
        let newest = recovery.snapshot.unwrap_or_default();
        let shared = Shared {
            id: id.clone(),
            common,
            store,
            writer: Mutex::new(Writer::new(working, opstamp)),
            published: RwLock::new(Arc::new(snapshot)),
            publishing: Mutex::new(()),
            text: TextWorker::default(),
            scrub: Scrub::default(),
            mapped,
            closed: Mutex::new(None),
            pauses: Mutex::default(),
            checkpointing: AtomicBool::new(false),
            checkpoint: Mutex::new(Checkpoints { newest, ..Checkpoints::default() }),
            advanced: (Mutex::new(opstamp), Condvar::new()),
        };
        let shared = Arc::new(shared);
        shared.text.start(&shared);
        Ok(Self {
            id,
            shared,
            queue: Mutex::default(),
            checkpointer: Mutex::new(None),
            recovery,
            options,
            // What was replayed would be replayed again.
            log_bytes: Arc::new(AtomicU64::new(replayed_bytes)),
            watched: Mutex::new(None),
        })
    }

    /// Has the tenant read again in the background while it is open.
    pub(crate) fn watch(&self, scrubber: &Arc<scrubber::Scrubber>) {
        *self.watched.lock() = Some(scrubber.watch(&self.id, &self.shared, self.options.scrub_interval));
    }

    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Tells this tenant from every other, from an earlier one of the same name, and from the one whose backup it was
    /// restored from: opstamps of two name different changes.
    pub fn uuid(&self) -> storage::TenantUuid {
        self.shared.store.uuid()
    }

    /// How it was brought back when it was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The newest published snapshot: everything acknowledged, nothing half done. Never waits for the writer.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.published.read())
    }

    /// The newest snapshot, once it shows `opstamp`; nothing if that takes longer than `patience`.
    pub fn snapshot_at(&self, opstamp: Opstamp, patience: Duration) -> Option<Arc<Snapshot>> {
        let until = Instant::now() + patience.min(LONGEST_PATIENCE);
        let (position, advanced) = &self.shared.advanced;
        let mut position = position.lock();
        while *position < opstamp {
            if advanced.wait_until(&mut position, until).timed_out() {
                return None;
            }
        }
        drop(position);
        Some(self.snapshot())
    }

    /// Why nothing can be written any more, if so. A disk without room is no reason: that passes.
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// Why batches are not taken for the moment, if so.
    pub fn full(&self) -> Option<Full> {
        let paused = self.shared.pauses.lock().writing.is_some_and(|until| self.shared.common.room.now() < until);
        if paused || self.shared.store.condition() == Condition::Full {
            return Some(Full::Disk);
        }
        self.shared.common.room.check(Use::Batch).err()
    }

    /// Applies a batch, all of it or nothing. When this returns it is durable and in force.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit(&self, changes: Vec<Change>) -> Result<Ack, SubmitError> {
        self.enqueue(changes, OnRefusal::RefuseAll, None)
    }

    /// Applies a batch of an import: refused changes are skipped and named in the answer, and `complete` changes close
    /// the listings of `session`.
    ///
    /// # Errors
    /// [`SubmitError`], never [`SubmitError::Refused`].
    pub fn submit_import(&self, changes: Vec<Change>, session: &Arc<Mutex<ImportSession>>) -> Result<Ack, SubmitError> {
        self.enqueue(changes, OnRefusal::SkipRefused, Some(Arc::clone(session)))
    }

    /// [`Self::submit_import`] up to the first change that is refused: the changes before it take effect, and nothing
    /// after it.
    ///
    /// # Errors
    /// [`SubmitError`], never [`SubmitError::Refused`].
    pub fn submit_import_until_refused(
        &self,
        changes: Vec<Change>,
        session: &Arc<Mutex<ImportSession>>,
    ) -> Result<Ack, SubmitError> {
        self.enqueue(changes, OnRefusal::StopAtRefused, Some(Arc::clone(session)))
    }

    /// Queues a batch; whoever comes to the writer first commits for all who wait.
    fn enqueue(
        &self,
        changes: Vec<Change>,
        on_refusal: OnRefusal,
        session: Option<Arc<Mutex<ImportSession>>>,
    ) -> Result<Ack, SubmitError> {
        let answer = Arc::new(Mutex::new(None));
        {
            let mut queue = self.queue.lock();
            if queue.len() >= MAX_WAITING {
                return Err(SubmitError::Busy);
            }
            queue.push_back(Waiting { changes, on_refusal, session, answer: Arc::clone(&answer) });
        }
        loop {
            let mut writer = self.shared.writer.lock();
            if let Some(outcome) = answer.lock().take() {
                return match outcome? {
                    Outcome::Applied { opstamp, refused } => Ok(Ack { opstamp, refused }),
                    Outcome::Refused(refused) => Err(SubmitError::Refused(refused)),
                };
            }
            if let Some(closed) = self.closed() {
                // Also if the thread that took this batch along did not live to answer it.
                self.queue.lock().retain(|waiting| !Arc::ptr_eq(&waiting.answer, &answer));
                return Err(SubmitError::Closed(closed));
            }
            let waiting: Vec<Waiting> = {
                let mut queue = self.queue.lock();
                let count = queue.len().min(MAX_GROUP);
                queue.drain(..count).collect()
            };
            self.write(&mut writer, waiting);
        }
    }

    /// Commits a group of batches and answers each.
    fn write(&self, writer: &mut Writer, waiting: Vec<Waiting>) {
        let guard = CloseOnUnwind { shared: &self.shared, armed: true };
        let mut group = Group::default();
        let mut outcomes = Vec::with_capacity(waiting.len());
        let mut failure = None;
        let ready = self.shared.regain(writer);
        for Waiting { changes, on_refusal, session, answer } in waiting {
            if failure.is_some() {
                outcomes.push((answer, None));
                continue;
            }
            if let Err(hindrance) = ready.clone().and_then(|()| self.shared.check_room(&changes)) {
                *answer.lock() = Some(Err(hindrance.into()));
                continue;
            }
            let store = &self.shared.store;
            let staged = match session {
                Some(session) => writer.stage(store, &mut group, changes, on_refusal, Some(&mut session.lock())),
                None => writer.stage(store, &mut group, changes, on_refusal, None),
            };
            match staged {
                Ok(outcome) => outcomes.push((answer, Some(outcome))),
                Err(error) => {
                    failure = Some(error);
                    outcomes.push((answer, None));
                }
            }
        }
        if failure.is_none() && !group.is_empty() {
            let log_bytes = group.log_bytes;
            // What was published last is what is stored.
            let before = self.shared.mapped.as_ref().map(|_| Arc::clone(&self.shared.published.read()));
            match writer.commit(&self.shared.store, group, before.as_ref().map(|before| before.index())) {
                Ok(committed) => {
                    let mut changes_text = committed.changes_text();
                    self.shared.publish(|before| {
                        let next = committed.after(before);
                        changes_text |= text::languages(before) != text::languages(&next);
                        next
                    });
                    if changes_text {
                        self.shared.text.start(&self.shared);
                        self.shared.text.work();
                    }
                    self.log_bytes.fetch_add(log_bytes, Relaxed);
                }
                Err(error) => failure = Some(error),
            }
        }
        let failed = failure.map(|error| self.shared.give_up(writer, error));
        guard.disarm();
        for (answer, outcome) in outcomes {
            *answer.lock() = Some(match (&failed, outcome) {
                (None, Some(outcome)) => Ok(outcome),
                (Some(failed), _) => Err(failed()),
                (None, None) => Err(SubmitError::Closed(Closed::Interrupted)),
            });
        }
        if self.log_bytes.load(Relaxed) >= self.options.checkpoint_log_bytes {
            self.checkpoint_in_background();
        }
    }

    fn checkpoint_in_background(&self) {
        let now = self.shared.common.room.now();
        let is_paused = self.shared.pauses.lock().checkpoint.is_some_and(|until| now < until);
        if is_paused || self.shared.checkpointing.swap(true, Relaxed) {
            return;
        }
        let counted = self.log_bytes.swap(0, Relaxed);
        let log_bytes = Arc::clone(&self.log_bytes);
        let mut checkpointer = self.checkpointer.lock();
        if let Some(finished) = checkpointer.take() {
            self.shared.join(finished);
        }
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            // How it went is in the stats: nobody waits for the answer.
            if let Err(error) = shared.write_checkpoint()
                && Trouble::of_checkpoint(&error) == Trouble::Full
            {
                // As much log as before is to be cut, as soon as there is room.
                shared.pauses.lock().checkpoint = Some(shared.common.room.now() + CHECKPOINT_RETRY);
                log_bytes.fetch_add(counted, Relaxed);
            }
            shared.checkpointing.store(false, Relaxed);
        });
        match spawned {
            Ok(running) => *checkpointer = Some(running),
            Err(error) => {
                self.shared.checkpoint.lock().failure = Some(error.to_string());
                self.shared.checkpointing.store(false, Relaxed);
            }
        }
    }

    /// Writes a mapped snapshot of the newest published state, unless there is one, and cuts the log that neither kept
    /// snapshot needs.
    ///
    /// # Errors
    /// [`CheckpointError`]; the tenant goes on, and the next opening replays more.
    pub fn checkpoint(&self) -> Result<(), CheckpointError> {
        if let Some(running) = self.checkpointer.lock().take() {
            self.shared.join(running);
        }
        self.shared.write_checkpoint()
    }

    /// A snapshot with the texts of its tickets, exactly as of its opstamp. Waits for the writer if it must.
    ///
    /// # Errors
    /// [`ReadError`] if the state cannot be read. That a full disk keeps the texts from being read for a moment is told by
    /// whoever asks for one: the snapshot needs none.
    pub fn view(&self) -> Result<View, ReadError> {
        let shared = Arc::clone(&self.shared);
        for _ in 0..VIEW_TRIES {
            let snapshot = self.snapshot();
            let reader = match self.shared.reader() {
                Err(ReadError::Full) => return Ok(View { snapshot, reader: None, shared }),
                reader => reader?,
            };
            if reader.applied() == snapshot.opstamp() {
                return Ok(View { snapshot, reader: Some(reader), shared });
            }
            // A batch is durable and about to be published.
            drop(self.snapshot_at(reader.applied(), VIEW_PATIENCE));
        }
        let (snapshot, reader) = self.shared.consistent()?;
        Ok(View { snapshot, reader: Some(reader), shared })
    }

    /// Waits until the text of everything up to `opstamp` can be found; answers whether it can be, after `patience` at
    /// the latest.
    pub fn wait_for_text(&self, opstamp: Opstamp, patience: Duration) -> bool {
        let until = Instant::now() + patience.min(LONGEST_PATIENCE);
        let (position, advanced) = &self.shared.advanced;
        let mut position = position.lock();
        loop {
            let snapshot = self.snapshot();
            let state = snapshot.text();
            let is_indexed = state.view().is_some_and(|view| {
                let has_position = view.position() >= opstamp;
                let is_current = snapshot.opstamp() >= opstamp && state.is_current();
                view.languages() == text::languages(&snapshot) && (has_position || is_current)
            });
            if is_indexed {
                return true;
            }
            if self.closed().is_some() {
                return false;
            }
            if !self.shared.text.news().has_given_up() {
                // The thread may have been lost. One that gave up is started by the next change of text.
                self.shared.text.start(&self.shared);
            }
            self.shared.text.hurry();
            if advanced.wait_until(&mut position, until).timed_out() {
                return false;
            }
        }
    }

    /// Whether text is not indexed any more until it changes again.
    pub(crate) fn has_given_up_text(&self) -> bool {
        // What is told is also of an attempt before the one under way.
        self.shared.text.news().has_given_up() && !self.shared.text.is_running()
    }

    /// Writes what a fast opening needs, as far as there is room, and notes that all is well. Batches submitted later take
    /// the note back.
    ///
    /// # Errors
    /// [`CheckpointError`], but for a lack of room, which only makes the next opening slower; nothing acknowledged is lost.
    pub fn close(&self) -> Result<(), CheckpointError> {
        if self.closed().is_none() {
            self.shared.text.finish(&self.shared);
        }
        let _writer = self.shared.writer.lock();
        if self.closed().is_some() {
            return Ok(());
        }
        let noted = |()| self.shared.store.mark_clean().map_err(CheckpointError::from);
        but_for_room(but_for_room(self.checkpoint()).and_then(noted))
    }

    /// The text of a ticket, by part id, as it is acknowledged now. For admins; nothing if the ticket has none.
    ///
    /// # Errors
    /// [`RecoverError`] if the row cannot be read.
    pub fn text(&self, key: &TicketKey) -> Result<Vec<TextPart>, RecoverError> {
        let Some(ord) = self.snapshot().index().find(key) else { return Ok(Vec::new()) };
        self.shared.read(|| parts(&self.shared.reader()?, ord))
    }

    /// The index rebuilt from the rows of the state alone: what the published one must equal. Linear in the tenant, and
    /// exact only while nothing is written.
    ///
    /// # Errors
    /// [`RecoverError`] if the state cannot be read.
    pub fn rebuilt_index(&self) -> Result<bitmap::Index, RecoverError> {
        let snapshot = self.snapshot();
        self.shared.read(|| state::restore(&self.shared.store, snapshot.schema(), snapshot.index().ordinals()))
    }

    /// Sizes and positions. Linear in the tenant.
    ///
    /// # Errors
    /// [`storage::FileError`] if files cannot be measured.
    pub fn stats(&self) -> Result<Stats, storage::FileError> {
        let snapshot = self.snapshot();
        let checkpoint = self.shared.checkpoint.lock();
        Ok(Stats {
            opstamp: snapshot.opstamp(),
            snapshot: checkpoint.newest,
            checkpoint_failure: checkpoint.failure.clone(),
            log_rows: self.shared.store.log_len(),
            full: self.full(),
            disk: self.shared.store.disk_usage()?,
            index: snapshot.index().part_bytes(),
            directory: snapshot.directory().heap_bytes(),
            cached_scopes: snapshot.cached_scopes(),
            text: TextStats::new(&snapshot, self.shared.text.news()),
            scrub: self.shared.scrub.stats(),
        })
    }

    /// Adds the tenant to a backup, as it stands now. Neither readers nor the writer wait; linear in the tenant.
    ///
    /// # Errors
    /// [`storage::BackupError`].
    pub fn back_up<'w>(
        &self,
        backup: &'w mut storage::BackupWriter,
    ) -> Result<&'w storage::BackedUp, storage::BackupError> {
        backup.add(&self.id, &self.shared.store).inspect_err(|error| {
            if let storage::BackupError::Read(error) = error {
                self.shared.suffer(Trouble::of_read(error));
            }
        })
    }

    /// Reads the next piece of everything that is on disk, as is done in the background: see [`Options::scrub_interval`].
    pub fn scrub_step(&self) -> ScrubStep {
        self.shared.scrub.step(&self.shared, &|_| ())
    }

    /// Reads everything that is on disk, from where the background stands to the end of the pass and then once more from
    /// the beginning, so that all of it was read after this began. Answers what that found; less than everything was read
    /// if the tenant is closed.
    pub fn scrub(&self) -> Scrubbed {
        for _ in 0..2 {
            loop {
                let step = self.scrub_step();
                if step.is_closed {
                    return self.shared.scrub.stats().current;
                }
                if step.is_end {
                    break;
                }
            }
        }
        self.shared.scrub.stats().last.unwrap_or_default()
    }

    /// Checks every row, the whole log and every mapped snapshot.
    ///
    /// # Errors
    /// [`storage::VerifyError`] if they cannot be read at all.
    pub fn verify_files(&self) -> Result<storage::Verification, storage::VerifyError> {
        let _writer = self.shared.writer.lock();
        let until = Instant::now() + VERIFY_PATIENCE;
        loop {
            match self.shared.store.verify() {
                // Somebody reads: that takes milliseconds.
                Err(storage::VerifyError::Busy) if Instant::now() < until => {
                    std::thread::park_timeout(VERIFY_PAUSE);
                }
                done => {
                    if let Some(damaged) = done.as_ref().ok().and_then(|found| found.damaged.first()) {
                        self.shared.suffer(Trouble::Damaged(damaged.to_string()));
                    }
                    return done;
                }
            }
        }
    }
}

#[cfg(test)]
impl Tenant {
    /// Keeps batches waiting until it is dropped.
    pub(crate) fn hold_writer(&self) -> impl Drop + '_ {
        self.shared.writer.lock()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().len()
    }

    pub(crate) fn fail(&self, trouble: Trouble) {
        self.shared.suffer(trouble);
    }
}

/// The same, but that there is no room is no error.
fn but_for_room(done: Result<(), CheckpointError>) -> Result<(), CheckpointError> {
    match done {
        Err(error) if Trouble::of_checkpoint(&error) == Trouble::Full => Ok(()),
        done => done,
    }
}

/// The text of a ticket in `reader`, by part id.
fn parts(reader: &Reader, ord: TicketOrd) -> Result<Vec<TextPart>, RecoverError> {
    let row = reader.get(Table::Texts, &texts::row_key(ord.0))?;
    Ok(row.map_or_else(|| Ok(texts::Parts::new()), |row| texts::decode(&row))?.into_values().collect())
}

/// A snapshot and the texts of its tickets.
#[derive(Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// None while a full disk keeps the rows from being read.
    reader: Option<Reader>,
    shared: Arc<Shared>,
}

impl View {
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

    pub(crate) fn reader(&self) -> Result<&Reader, ReadError> {
        self.reader.as_ref().ok_or(ReadError::Full)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(watched) = self.watched.lock().take() {
            watched.take_back();
        }
        self.shared.text.stop();
        if let Some(running) = self.checkpointer.lock().take() {
            self.shared.join(running);
        }
    }
}

impl Shared {
    /// Checks the mapped snapshot in use. If it is damaged, so may be what is answered from it.
    pub(crate) fn check_mapped(&self, mapped: &MappedSnapshot) -> Result<(), SnapshotDefect> {
        mapped.check().inspect_err(|_| self.mistrust_mapped())
    }

    /// Closes the tenant, whose next opening makes an index of the rows: they hold nothing of the mapped snapshot that was
    /// not compared with them.
    fn mistrust_mapped(&self) {
        // Without it the next opening checks every byte, as each does.
        drop(self.store.forget_snapshots());
        self.close(Closed::Interrupted);
    }

    /// Writes a mapped snapshot also if there is one of this moment, which is damaged.
    pub(crate) fn rewrite_checkpoint(&self) -> Result<(), CheckpointError> {
        *self.checkpoint.lock() = Checkpoints::default();
        self.write_checkpoint()
    }

    /// Publishes what `next` makes of the published snapshot.
    fn publish(&self, next: impl FnOnce(&Snapshot) -> Snapshot) {
        let publishing = self.publishing.lock();
        let before = Arc::clone(&self.published.read());
        let snapshot = Arc::new(next(&before));
        let opstamp = snapshot.opstamp();
        let old = std::mem::replace(&mut *self.published.write(), snapshot);
        drop(publishing);
        let (position, advanced) = &self.advanced;
        let mut position = position.lock();
        *position = (*position).max(opstamp);
        drop(position);
        advanced.notify_all();
        // Freed outside the locks: the last references may take a while to go.
        drop((before, old));
    }

    /// Publishes the same tickets with another state of the text.
    pub(crate) fn set_text(&self, next: impl FnOnce(&TextState) -> TextState) {
        self.publish(|before| before.with_text(next(before.text())));
    }

    /// The newest snapshot and the state that it was made of. Waits for a commit under way.
    fn consistent(&self) -> Result<(Arc<Snapshot>, Reader), ReadError> {
        let _writer = self.writer.lock();
        Ok((Arc::clone(&self.published.read()), self.reader()?))
    }

    /// Marks everything that waits to be indexed as being indexed: the snapshot and state to index it from, and the
    /// tickets. Nothing if the tenant is closed after a failed commit.
    pub(crate) fn take_text(&self) -> Result<Option<(Arc<Snapshot>, Reader, TicketSet)>, ReadError> {
        let _writer = self.writer.lock();
        if self.closed().is_some() {
            return Ok(None);
        }
        let reader = self.reader()?;
        let mut taken = TicketSet::empty();
        self.set_text(|state| {
            let (next, tickets) = state.take();
            taken = tickets;
            next
        });
        Ok(Some((Arc::clone(&self.published.read()), reader, taken)))
    }

    /// Waits for a background thread. One that panicked left no snapshot: the next opening replays more.
    fn join(&self, thread: JoinHandle<()>) {
        if thread.join().is_err() {
            self.checkpoint.lock().failure = Some("the thread that wrote it panicked".to_owned());
            self.checkpointing.store(false, Relaxed);
        }
    }

    /// Writes a mapped snapshot and remembers how that went.
    fn write_checkpoint(&self) -> Result<(), CheckpointError> {
        let written = self.write_snapshot();
        self.checkpoint.lock().failure = written.as_ref().err().map(ToString::to_string);
        if let Err(error) = &written {
            self.suffer(Trouble::of_checkpoint(error));
            // What found no room may have been its commit; how that goes shows in whoever reads next.
            self.reopen().ok();
        }
        written
    }

    fn write_snapshot(&self) -> Result<(), CheckpointError> {
        let snapshot = Arc::clone(&self.published.read());
        let (newest, opstamp) = (self.checkpoint.lock().newest, snapshot.opstamp());
        if opstamp == newest {
            return Ok(());
        }
        self.common.room.check(Use::Derived).map_err(CheckpointError::Full)?;
        let mut file = self.store.begin_snapshot(opstamp)?;
        snapshot.index().write::<CheckpointError>(|id, bytes| Ok(file.section(id, bytes)?))?;
        // After everything was copied from it: what rotted before or meanwhile must not be made durable as whole.
        if let Some(mapped) = &self.mapped {
            self.check_mapped(mapped)?;
        }
        file.finish()?;
        let mut checkpoint = self.checkpoint.lock();
        (checkpoint.previous, checkpoint.newest) = (newest, opstamp);
        let cut = checkpoint.previous;
        drop(checkpoint);
        // The text index is brought up to date from the log too.
        let cut = cut.min(self.text.advance(cut));
        Ok(self.store.cut_log(cut)?)
    }
}

/// What went wrong, and what becomes of the tenant for it.
impl Shared {
    /// Why nothing can be written any more, if so.
    pub(crate) fn closed(&self) -> Option<Closed> {
        match self.store.condition() {
            Condition::Sound | Condition::Full => {}
            // Found where no error came this way.
            Condition::Damaged => self.close(Closed::Damaged("its database".into())),
            Condition::Failed => drop(self.fail("its database cannot be written or read".to_owned())),
        }
        let closed = self.closed.lock().clone();
        closed.or_else(|| self.common.fatal.get().map(Closed::Failed))
    }

    /// Closes the tenant; what is passing gives way to what stays.
    fn close(&self, closed: Closed) {
        let mut state = self.closed.lock();
        if matches!(*state, None | Some(Closed::Interrupted)) {
            *state = Some(closed);
        }
    }

    fn fail(&self, cause: String) -> Arc<FatalError> {
        let error = self.common.fatal.set(FatalError { tenant: self.id.clone(), cause });
        self.close(Closed::Failed(Arc::clone(&error)));
        error
    }

    /// Draws the consequences of an error.
    pub(crate) fn suffer(&self, trouble: Trouble) {
        match trouble {
            Trouble::Full | Trouble::Other => {}
            Trouble::Damaged(what) => self.close(Closed::Damaged(what.into())),
            Trouble::Fatal(cause) => drop(self.fail(cause)),
        }
    }

    /// Reads from the state, and draws the consequences if that fails.
    pub(crate) fn read<T>(&self, read: impl FnOnce() -> Result<T, RecoverError>) -> Result<T, RecoverError> {
        read().inspect_err(|error| self.suffer(Trouble::of_recover(error)))
    }

    /// A view of the state, which is opened again if a write found no room.
    fn reader(&self) -> Result<Reader, ReadError> {
        if self.reopen().is_err() {
            return Err(ReadError::Full);
        }
        self.store.reader().inspect_err(|error| self.suffer(Trouble::of_read(error)))
    }

    /// Opens the store again if a write found no room. A failed attempt is not repeated at once.
    fn reopen(&self) -> Result<(), Full> {
        if self.store.condition() != Condition::Full {
            return Ok(());
        }
        let now = self.common.room.now();
        let mut pauses = self.pauses.lock();
        if pauses.reopening.is_some_and(|until| now < until) {
            return Err(Full::Disk);
        }
        pauses.reopening = Some(now + RETRY);
        drop(pauses);
        let reopened = self.store.reopen();
        reopened.map_err(|error| {
            if matches!(error, ReopenError::Busy) {
                // Whoever still reads ends with its next look at the store.
                self.pauses.lock().reopening = None;
            }
            self.suffer(Trouble::of_reopen(&error));
            Full::Disk
        })
    }

    /// Makes the writer ready to go on after a write that found no room, not before a pause.
    fn regain(&self, writer: &mut Writer) -> Result<(), Hindrance> {
        let now = self.common.room.now();
        if self.pauses.lock().writing.is_some_and(|until| now < until) {
            return Err(Hindrance::Full(Full::Disk));
        }
        self.resume(writer)
    }

    fn resume(&self, writer: &mut Writer) -> Result<(), Hindrance> {
        let full = |full| self.closed().map_or(Hindrance::Full(full), Hindrance::Closed);
        self.reopen().map_err(full)?;
        if writer.is_ahead() {
            let published = Arc::clone(&self.published.read());
            let resumed = self.read(|| writer.go_back_to(&published, &self.store));
            if resumed.is_err() {
                return Err(full(Full::Disk));
            }
        }
        Ok(())
    }

    /// Whether there is room for a batch.
    fn check_room(&self, changes: &[Change]) -> Result<(), Hindrance> {
        let takes_away = |change: &Change| change.gone || matches!(change.fact, Fact::Del(_));
        let wanted = if changes.iter().all(takes_away) { Use::Removal } else { Use::Batch };
        self.common.room.check(wanted).map_err(Hindrance::Full)
    }

    /// What those are told whose batches could not be written, once the tenant is in the state that this leaves it in.
    fn give_up(&self, writer: &mut Writer, error: WriteError) -> impl Fn() -> SubmitError + use<> {
        let trouble = Trouble::of_write(&error);
        let (is_full, differs) = (trouble == Trouble::Full, matches!(error, WriteError::IndexDiffers));
        if differs {
            self.mistrust_mapped();
        }
        match trouble {
            Trouble::Full => {
                self.pauses.lock().writing = Some(self.common.room.now() + RETRY);
                writer.abandon();
                // For whoever reads; the next batch tries again if this fails.
                self.resume(writer).ok();
            }
            // The working state holds what is not on disk.
            Trouble::Other => self.close(Closed::Interrupted),
            other => self.suffer(other),
        }
        let error = Arc::new(error);
        move || match () {
            () if is_full => SubmitError::Full(Full::Disk),
            () if differs => SubmitError::Closed(Closed::Interrupted),
            () => SubmitError::Write(Arc::clone(&error)),
        }
    }
}

/// Closes a tenant whose writer panicked: its working state may be half done.
struct CloseOnUnwind<'a> {
    shared: &'a Shared,
    armed: bool,
}

impl CloseOnUnwind<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for CloseOnUnwind<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.shared.close(Closed::Interrupted);
        }
    }
}

/// Sizes and positions of a tenant.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The last acknowledged batch.
    pub opstamp: Opstamp,
    /// The batch of the newest mapped snapshot; 0 if there is none.
    pub snapshot: Opstamp,
    /// Why the last background snapshot was not written.
    pub checkpoint_failure: Option<String>,
    /// Rows of the log.
    pub log_rows: u64,
    /// Why batches are not taken for the moment, if so.
    pub full: Option<Full>,
    /// Bytes on disk, by part.
    pub disk: DiskUsage,
    /// Bytes of the index, by part.
    pub index: IndexBytes,
    /// Bytes of the people and their relations on the heap, estimated.
    pub directory: usize,
    /// Cached scopes. Their reckoned bytes are at most [`Options::scope_bytes`] and the last one asked for; there
    /// are at most [`query::MAX_SCOPES`].
    pub cached_scopes: ScopeBytes,
    /// The text index.
    pub text: TextStats,
    /// How the reading of everything again goes.
    pub scrub: ScrubStats,
}

impl Stats {
    /// What the tenant takes in memory, by part: each part once, its name that of answers and tables.
    pub fn memory(&self) -> Vec<(&'static str, PartBytes)> {
        let [dictionaries, postings, columns] = self.index.of_fields();
        let heap = |heap| PartBytes { heap, mapped: 0 };
        vec![
            ("keys", self.index.keys),
            ("dictionaries", dictionaries),
            ("postings", postings),
            ("columns", columns),
            ("orders", self.index.orders),
            ("directory", heap(self.directory)),
            ("scopes: tickets", heap(self.cached_scopes.sets)),
            ("scopes: orders", heap(self.cached_scopes.orders)),
            ("scopes: counts", heap(self.cached_scopes.counts)),
            ("text: rows", heap(self.text.heap_bytes.saturating_sub(self.text.cache_bytes))),
            ("text: caches", heap(self.text.cache_bytes)),
        ]
    }
}

/// How far the text index of a tenant is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextStats {
    /// Whether words can be asked for.
    pub ready: bool,
    /// The batch up to which the text is durable in the index.
    pub position: Opstamp,
    /// Tickets with text in the index.
    pub tickets: u32,
    /// Tickets whose changed text is not in the index yet.
    pub pending: u32,
    /// Files of the index that are searched one by one.
    pub segments: usize,
    /// Bytes on the heap.
    pub heap_bytes: usize,
    /// Those of them that were computed for questions and can be computed again. Read a moment later: questions that come in
    /// between may make them more.
    pub cache_bytes: usize,
    /// Why the last index was put aside and made anew, if one was.
    pub put_aside: Option<String>,
    /// Why text is not indexed any more.
    pub failure: Option<String>,
}

impl TextStats {
    fn new(snapshot: &Snapshot, news: News) -> Self {
        let state = snapshot.text();
        let view = state.view();
        Self {
            ready: view.is_some(),
            position: news.position,
            tickets: view.map_or(0, |view| view.tickets().len()),
            pending: state.pending(),
            segments: view.map_or(0, |view| view.segment_count()),
            heap_bytes: view.map_or(0, |view| view.heap_bytes()),
            cache_bytes: view.map_or(0, |view| view.cache_bytes()),
            put_aside: news.put_aside,
            failure: news.failure,
        }
    }
}
