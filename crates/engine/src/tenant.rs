use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use model::{Change, Opstamp, TextPart, TicketKey};
use parking_lot::Mutex;
use query::{Snapshot, TextState};
use storage::{OpenError, ReadError, Store, TenantId};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    checkpoint::{CheckpointError, Checkpointer},
    commit::SubmitError,
    options::Options,
    publication::Publication,
    queue::{Ack, Queue},
    room::Full,
    scrub::{Scrub, ScrubStep, Scrubbed},
    scrubber,
    session::ImportSession,
    shared::{Checkpoints, Common, Pauses, Shared},
    state::{self, RecoverError, Recovered, Recovery},
    stats::Stats,
    text, text_source,
    text_worker::TextWorker,
    trouble::{Closed, Trouble},
    view::{self, View},
    writer::{OnRefusal, Writer},
};

/// How long a check of the files waits for readers to end, and between two looks.
const VERIFY_PATIENCE: Duration = Duration::from_secs(30);
const VERIFY_PAUSE: Duration = Duration::from_millis(2);

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
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Open(error) => Trouble::of_open(error),
            Self::Recover(error) => Trouble::of_recover(error),
            Self::Damaged(what) => Trouble::Damaged(what.to_string()),
        }
    }

    /// Whether what is on disk cannot be trusted: opening it again would find the same.
    pub fn is_damage(&self) -> bool {
        matches!(self.trouble(), Trouble::Damaged(_))
    }

    /// Whether there was only no room on the disk.
    pub fn is_full(&self) -> bool {
        self.trouble() == Trouble::Full
    }
}

/// One tenant, open: readers take snapshots, one writer at a time publishes the next.
#[derive(Debug)]
pub struct Tenant {
    shared: Arc<Shared>,
    queue: Queue,
    checkpointer: Checkpointer,
    scrub: Arc<Scrub>,
    recovery: Recovery,
    options: Options,
    /// What is taken back from the thread that reads everything again, if it was given anything.
    watched: Mutex<Option<Arc<scrubber::Open>>>,
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
        let shared = Arc::new(Shared {
            id,
            common,
            store,
            writer: Mutex::new(Writer::new(working, opstamp)),
            publication: Publication::new(snapshot),
            text: TextWorker::default(),
            mapped,
            checkpoints: Mutex::new(Checkpoints { newest, ..Checkpoints::default() }),
            closed: Mutex::new(None),
            pauses: Mutex::new(Pauses::default()),
        });
        text::start(&shared);
        Ok(Self {
            queue: Queue::default(),
            checkpointer: Checkpointer::new(options.checkpoint_log_bytes, replayed_bytes),
            scrub: Arc::new(Scrub::new(Arc::clone(&shared))),
            recovery,
            options,
            watched: Mutex::new(None),
            shared,
        })
    }

    /// Has the tenant read again in the background while it is open.
    pub(crate) fn watch(&self, scrubber: &Arc<scrubber::Scrubber>) {
        *self.watched.lock() = Some(scrubber.watch(&self.shared.id, &self.scrub, self.options.scrub_interval));
    }

    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.shared.id
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
        self.shared.publication.newest()
    }

    /// The newest snapshot, once it shows `opstamp`; nothing if that takes longer than `patience`, or the tenant is closed
    /// before.
    pub fn snapshot_at(&self, opstamp: Opstamp, patience: Duration) -> Option<Arc<Snapshot>> {
        let is_shown = self.shared.publication.wait(patience, |position| {
            let is_shown = position >= opstamp;
            (is_shown || self.closed().is_some()).then_some(is_shown)
        });
        (is_shown == Some(true)).then(|| self.snapshot())
    }

    /// Why nothing can be written any more, if so. A disk without room is no reason: that passes.
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// Why batches are not taken for the moment, if so.
    pub fn full(&self) -> Option<Full> {
        self.shared.full()
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

    fn enqueue(
        &self,
        changes: Vec<Change>,
        on_refusal: OnRefusal,
        session: Option<Arc<Mutex<ImportSession>>>,
    ) -> Result<Ack, SubmitError> {
        self.queue.submit(&self.shared, &self.checkpointer, changes, on_refusal, session)
    }

    /// Writes a mapped snapshot of the newest published state, unless there is one, and cuts the log that neither kept
    /// snapshot needs.
    ///
    /// # Errors
    /// [`CheckpointError`]; the tenant goes on, and the next opening replays more.
    pub fn checkpoint(&self) -> Result<(), CheckpointError> {
        self.checkpointer.wait();
        self.shared.write_checkpoint()
    }

    /// A snapshot with the texts of its tickets, exactly as of its opstamp. Waits for the writer if it must.
    ///
    /// # Errors
    /// [`ReadError`] if the state cannot be read. That a full disk keeps the texts from being read for a moment is told by
    /// whoever asks for one: the snapshot needs none.
    pub fn view(&self) -> Result<View, ReadError> {
        View::new(Arc::clone(&self.shared))
    }

    /// Waits until the text of everything up to `opstamp` can be found; answers whether it can be, after `patience` at
    /// the latest.
    pub fn wait_for_text(&self, opstamp: Opstamp, patience: Duration) -> bool {
        let is_found = self.shared.publication.wait(patience, |_| {
            let snapshot = self.snapshot();
            let state = snapshot.text();
            let is_indexed = state.view().is_some_and(|view| {
                let has_position = view.position() >= opstamp;
                let is_current = snapshot.opstamp() >= opstamp && state.is_current();
                view.languages() == text_source::languages(&snapshot) && (has_position || is_current)
            });
            if is_indexed || self.closed().is_some() {
                return Some(is_indexed);
            }
            if !self.shared.text.news().has_given_up() {
                // The thread may have been lost. One that gave up is started by the next change of text.
                text::start(&self.shared);
            }
            self.shared.text.hurry();
            None
        });
        is_found.unwrap_or(false)
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
            text::finish(&self.shared);
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
        self.shared.read(|| view::parts(&self.shared.reader()?, ord))
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
        Stats::new(&self.shared, self.scrub.stats())
    }

    /// Adds the tenant to a backup, as it stands now. Neither readers nor the writer wait; linear in the tenant.
    ///
    /// # Errors
    /// [`storage::BackupError`].
    pub fn back_up<'w>(
        &self,
        backup: &'w mut storage::BackupWriter,
    ) -> Result<&'w storage::BackedUp, storage::BackupError> {
        backup.add(&self.shared.id, &self.shared.store).inspect_err(|error| {
            if let storage::BackupError::Read(error) = error {
                self.shared.suffer(Trouble::of_read(error));
            }
        })
    }

    /// Reads the next piece of everything that is on disk, as is done in the background: see [`Options::scrub_interval`].
    pub fn scrub_step(&self) -> ScrubStep {
        self.scrub.step(&|_| ())
    }

    /// Reads everything that is on disk, from where the background stands to the end of the pass and then once more from
    /// the beginning, so that all of it was read after this began. Answers what that found; less than everything was read
    /// if the tenant is closed.
    pub fn scrub(&self) -> Scrubbed {
        for _ in 0..2 {
            loop {
                let step = self.scrub_step();
                if step.is_closed {
                    return self.scrub.stats().current;
                }
                if step.is_end {
                    break;
                }
            }
        }
        self.scrub.stats().last.unwrap_or_default()
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
        self.queue.len()
    }

    pub(crate) fn fail(&self, trouble: Trouble) {
        self.shared.suffer(trouble);
    }
}

/// The same, but that there is no room is no error.
fn but_for_room(done: Result<(), CheckpointError>) -> Result<(), CheckpointError> {
    match done {
        Err(error) if error.trouble() == Trouble::Full => Ok(()),
        done => done,
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(watched) = self.watched.lock().take() {
            watched.take_back();
        }
        self.shared.text.stop();
        self.checkpointer.wait();
    }
}
