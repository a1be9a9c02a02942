use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use redb::{Database, ReadableDatabase, WriteTransaction};
use ticketscope_model::Opstamp;

use crate::{
    Batch, CommitError, Condition, DEFAULT_CACHE_BYTES, Damaged, Defect, MAX_KEY_BYTES, MAX_VALUE_BYTES, OpenError,
    Place, ReadError, Reader, ReopenError, Row, Table, TenantUuid,
    backend::{create_database, open_database},
    data_dir::Registration,
    database::OpenDatabase,
    disk::{Disk, steps},
    envelope::{Kind, Opener, Sealer},
    error::Failure,
    guard::guard,
    health::Health,
    integrity,
    log::{self, LogEdge, MAX_BODY_BYTES},
    meta::{Meta, MetaRow},
    snapshots::{self, Snapshots},
    table::{LOG, META},
};

/// The database's file in a tenant's directory.
pub(crate) const DATABASE_FILE: &str = "state.redb";

/// Where the text index is.
pub(crate) const TEXT_DIR: &str = "text";
/// Where one is put that cannot be used.
pub(crate) const TEXT_ASIDE_DIR: &str = "text-aside";

/// How many log rows [`Store::cut_log`] deletes in one transaction, so that commits never wait long behind it.
pub const MAX_CUT_ROWS: u64 = 10_000;

/// Bytes that a tenant takes on disk, by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Log and state.
    pub database_bytes: u64,
    /// Mapped snapshots.
    pub snapshot_bytes: u64,
    /// The text index, which other crates write.
    pub text_bytes: u64,
    /// A text index that could not be used, kept until another one stands.
    pub text_aside_bytes: u64,
    /// Files that are being written, or that a crash left.
    pub temporary_bytes: u64,
}

impl DiskUsage {
    /// All of it.
    pub fn total(&self) -> u64 {
        let Self { database_bytes, snapshot_bytes, text_bytes, text_aside_bytes, temporary_bytes } = self;
        database_bytes + snapshot_bytes + text_bytes + text_aside_bytes + temporary_bytes
    }
}

/// Log, state and mapped snapshots of one tenant.
///
/// Any number of threads may read while one commits; commits wait for each other.
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) uuid: TenantUuid,
    pub(crate) cache_bytes: usize,
    /// Held exclusively only by what redb wants a whole database for.
    pub(crate) database: RwLock<OpenDatabase>,
    pub(crate) writer: Mutex<Writer>,
    applied: AtomicU64,
    /// Shared with every [`Reader`].
    health: Arc<Health>,
    pub(crate) snapshots: Snapshots,
    /// Last, so that the name is free again only when the database is closed.
    _registration: Option<Arc<Registration>>,
}

/// What the thread that commits knows.
pub(crate) struct Writer {
    meta: Meta,
    sealer: Sealer,
    scratch: Vec<u8>,
}

impl Store {
    /// Makes the database of a new tenant in the empty directory `dir`.
    pub(crate) fn initialize(disk: &dyn Disk, dir: &Path, uuid: TenantUuid) -> Result<(), CommitError> {
        Ok(guard(|| initialize(disk, &dir.join(DATABASE_FILE), uuid))?)
    }

    /// Opens the database in `dir`. Every page is checked, unless it is larger than `check_bytes` and the last shutdown was
    /// clean.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        cache_bytes: usize,
        check_bytes: u64,
        registration: Arc<Registration>,
    ) -> Result<Self, OpenError> {
        let path = dir.join(DATABASE_FILE);
        let len = match steps::len(&*disk, &path) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
        if len == 0 {
            return Err(Damaged { place: Place::Database, defect: Defect::Missing }.into());
        }
        let (mut database, checked) = guard(|| open_database(&*disk, &path, cache_bytes))?;
        let meta = integrity::check_at_open(&*disk, &mut database, &dir, checked, len > check_bytes)?;
        let snapshots = Snapshots::open(&*disk, &dir, &meta)?;
        Self::of(disk, dir, cache_bytes, database, meta, snapshots, Some(registration))
    }

    /// A database that is thrown away after it was looked at: nothing in `dir` is changed.
    pub(crate) fn of_inspected(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        database: OpenDatabase,
        meta: Meta,
    ) -> Result<Self, OpenError> {
        Self::of(disk, dir, DEFAULT_CACHE_BYTES, database, meta, Snapshots::default(), None)
    }

    fn of(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        cache_bytes: usize,
        database: OpenDatabase,
        meta: Meta,
        snapshots: Snapshots,
        registration: Option<Arc<Registration>>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            disk,
            dir,
            uuid: meta.uuid,
            cache_bytes,
            database: RwLock::new(database),
            applied: AtomicU64::new(meta.applied.opstamp.0),
            health: Arc::default(),
            snapshots,
            writer: Mutex::new(Writer { meta, sealer: sealer()?, scratch: Vec::new() }),
            _registration: registration,
        })
    }

    /// The last change that is durable.
    pub fn applied(&self) -> Opstamp {
        Opstamp(self.applied.load(Ordering::Acquire))
    }

    /// Tells this tenant from every other and from an earlier one of the same name.
    pub fn uuid(&self) -> TenantUuid {
        self.uuid
    }

    /// Where its files are.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Writes a batch in one transaction; when this returns, all of it is on disk. An empty batch does nothing.
    ///
    /// # Errors
    /// [`CommitError`]. Errors in the batch are found before anything is written. After [`CommitError::Full`] nothing of
    /// the batch is in force, and the store is to be [reopened](Self::reopen). After any other the store is poisoned, and
    /// whether the batch is on disk shows when the tenant is opened again.
    pub fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        self.health.check_commit()?;
        let mut expected = writer.meta.applied.opstamp.next();
        for (found, body) in &batch.log {
            if *found != expected {
                return Err(CommitError::NotConsecutive { expected, found: *found });
            }
            limit(|| Place::Log(*found), "value", body.len(), MAX_BODY_BYTES)?;
            expected = expected.next();
        }
        if batch.log.is_empty() {
            let rows = batch.rows.len();
            return if rows == 0 { Ok(()) } else { Err(CommitError::RowsWithoutLog { rows }) };
        }
        for Row { table, key, value } in &batch.rows {
            // The beginning of a key that is too long names it well enough.
            let place = || Place::Row { table: *table, key: key.iter().copied().take(MAX_KEY_BYTES).collect() };
            limit(place, "key", key.len(), MAX_KEY_BYTES)?;
            limit(place, "value", value.as_ref().map_or(0, Vec::len), MAX_VALUE_BYTES)?;
        }
        self.transact(&mut writer, |transaction, writer| {
            writer.meta.applied = put_log(transaction, writer, &batch.log)?;
            put_rows(transaction, &mut writer.sealer, &batch.rows)?;
            put_meta(transaction, &mut writer.sealer, &writer.meta, MetaRow::Applied)
        })
    }

    /// Deletes the log rows up to and including `upto`, at most [`MAX_CUT_ROWS`] in one transaction. Nothing happens
    /// if they are gone already.
    ///
    /// # Errors
    /// [`CommitError`], as of [`Self::commit`]; [`CommitError::CutPastApplied`] leaves everything as it was.
    pub fn cut_log(&self, upto: Opstamp) -> Result<(), CommitError> {
        loop {
            let mut writer = self.writer.lock();
            self.health.check_commit()?;
            let applied = writer.meta.applied.opstamp;
            if upto > applied {
                return Err(CommitError::CutPastApplied { upto, applied });
            }
            let start = writer.meta.log_start.opstamp;
            if upto <= start {
                return Ok(());
            }
            let until = upto.0.min(start.0.saturating_add(MAX_CUT_ROWS));
            self.transact(&mut writer, |transaction, writer| {
                writer.meta.log_start = cut(transaction, Opstamp(until))?;
                put_meta(transaction, &mut writer.sealer, &writer.meta, MetaRow::LogStart)
            })?;
        }
    }

    /// Notes that all is well, so that the next open may skip the check of every page of a large database. The next commit takes the note
    /// back; call this last, when nothing will be written any more.
    ///
    /// # Errors
    /// [`CommitError`], as of [`Self::commit`].
    pub fn mark_clean(&self) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        if writer.meta.clean {
            return self.health.check_commit();
        }
        self.transact(&mut writer, |transaction, writer| {
            // Also a process that ends without closing the database leaves a file that opens fast.
            transaction.set_quick_repair(true);
            writer.meta.clean = true;
            put_meta(transaction, &mut writer.sealer, &writer.meta, MetaRow::Clean)
        })
    }

    /// A view of this moment.
    ///
    /// # Errors
    /// [`ReadError`] if the store is poisoned or not reopened yet, or its meta rows cannot be trusted.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        // Before the lock, behind which a store is reopened, and after it, behind which there may be no database.
        self.health.check_read()?;
        let database = self.database.read();
        self.health.check_read()?;
        let transaction = guard(|| Ok(database.begin_read()?))?;
        Ok(Reader::new(transaction, Arc::clone(&self.health))?)
    }

    /// Opens the database again after a write that found no room: redb does nothing more with a file that it failed to
    /// write. Does nothing if the store is sound. The state is the one of before that write; every page is checked, so
    /// this is linear in the database.
    ///
    /// # Errors
    /// [`ReopenError`]. While a [`Reader`] of before is alive, or as long as there is still no room, nothing has changed
    /// and this can be tried again; after any other error the store is poisoned.
    pub fn reopen(&self) -> Result<(), ReopenError> {
        let mut writer = self.writer.lock();
        match self.condition() {
            Condition::Sound => return Ok(()),
            Condition::Full => {}
            Condition::Damaged | Condition::Failed => return Err(ReopenError::Poisoned),
        }
        let mut database = self.database.write();
        // One count is the store's own. Whoever has another could read pages that are used anew.
        if Arc::strong_count(&self.health) > 1 {
            return Err(ReopenError::Busy);
        }
        database.close();
        let opened = self.open_again(&writer.meta);
        match opened {
            Ok((opened, meta)) => {
                (*database, writer.meta) = (opened, meta);
                self.health.has_room();
                Ok(())
            }
            Err(error) => {
                if let Some(condition) = error.leaves() {
                    self.health.worsen(condition);
                }
                Err(error)
            }
        }
    }

    /// The database of this store, which ends where `before` says.
    fn open_again(&self, before: &Meta) -> Result<(OpenDatabase, Meta), ReopenError> {
        let (mut database, checked) =
            guard(|| open_database(&*self.disk, &self.dir.join(DATABASE_FILE), self.cache_bytes))
                .map_err(OpenError::from)?;
        let meta = integrity::check_at_open(&*self.disk, &mut database, &self.dir, checked, false)?;
        if meta.uuid != before.uuid || meta.applied != before.applied {
            return Err(OpenError::from(integrity::rolled_back()).into());
        }
        Ok((database, meta))
    }

    /// [`Reader::get`] at this moment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.reader()?.get(table, key)
    }

    /// [`Reader::scan`] at this moment.
    ///
    /// # Errors
    /// [`ReadError`], or what `visit` answers.
    pub fn scan<E: From<ReadError>>(
        &self,
        table: Table,
        visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reader()?.scan(table, visit)
    }

    /// [`Reader::log_after`] at this moment.
    ///
    /// # Errors
    /// [`ReadError`], or what `visit` answers.
    pub fn log_after<E: From<ReadError>>(
        &self,
        after: Opstamp,
        visit: impl FnMut(Opstamp, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reader()?.log_after(after, visit)
    }

    /// The last log row that was cut: [`Self::log_after`] can start here or later.
    pub fn log_start(&self) -> Opstamp {
        self.writer.lock().meta.log_start.opstamp
    }

    /// How many rows the log has.
    pub fn log_len(&self) -> u64 {
        let meta = &self.writer.lock().meta;
        meta.applied.opstamp.0 - meta.log_start.opstamp.0
    }

    /// Bytes on disk, by part.
    ///
    /// # Errors
    /// [`crate::FileError`] if a file cannot be measured.
    pub fn disk_usage(&self) -> Result<DiskUsage, crate::FileError> {
        let mut usage = DiskUsage::default();
        let disk = &*self.disk;
        for name in steps::names(disk, &self.dir)? {
            let path = self.dir.join(&name);
            // What goes meanwhile counts nothing.
            let bytes = steps::len_of_all(disk, &path)?;
            match name.as_str() {
                DATABASE_FILE => usage.database_bytes += bytes,
                TEXT_DIR => usage.text_bytes += bytes,
                TEXT_ASIDE_DIR => usage.text_aside_bytes += bytes,
                name if snapshots::is_snapshot(name) => usage.snapshot_bytes += bytes,
                _ => usage.temporary_bytes += bytes,
            }
        }
        Ok(usage)
    }

    /// The directory of the text index, made if it is not there.
    ///
    /// # Errors
    /// [`crate::FileError`] if it cannot be made.
    pub fn text_dir(&self) -> Result<PathBuf, crate::FileError> {
        let path = self.dir.join(TEXT_DIR);
        steps::make_dir(&*self.disk, &path, &self.dir)?;
        Ok(path)
    }

    /// Whether there is a directory of a text index.
    pub fn has_text_dir(&self) -> bool {
        self.disk.is_dir(&self.dir.join(TEXT_DIR))
    }

    /// Puts the text index aside, so that another can be made, in place of the one that was put aside before. Nobody may
    /// have it open.
    ///
    /// # Errors
    /// [`crate::FileError`].
    pub fn set_text_aside(&self) -> Result<(), crate::FileError> {
        let (path, aside) = (self.dir.join(TEXT_DIR), self.dir.join(TEXT_ASIDE_DIR));
        let disk = &*self.disk;
        if disk.is_dir(&aside) {
            steps::remove_tree(disk, &aside)?;
        }
        if disk.is_dir(&path) { steps::rename_in(disk, &self.dir, &path, &aside) } else { Ok(()) }
    }

    /// Removes the text index that was put aside, if there is one.
    ///
    /// # Errors
    /// [`crate::FileError`].
    pub fn remove_text_aside(&self) -> Result<(), crate::FileError> {
        let (disk, aside) = (&*self.disk, self.dir.join(TEXT_ASIDE_DIR));
        if !disk.is_dir(&aside) {
            return Ok(());
        }
        steps::remove_tree(disk, &aside)?;
        steps::sync_dir(disk, &self.dir)
    }

    /// The meta rows as the last commit left them.
    pub(crate) fn meta(&self) -> Meta {
        self.writer.lock().meta.clone()
    }

    /// Changes the rows that name mapped snapshots.
    pub(crate) fn commit_snapshots(&self, change: impl FnOnce(&mut Meta)) -> Result<Meta, CommitError> {
        let mut writer = self.writer.lock();
        self.transact(&mut writer, |transaction, writer| {
            change(&mut writer.meta);
            put_meta(transaction, &mut writer.sealer, &writer.meta, MetaRow::SnapshotCurrent)?;
            put_meta(transaction, &mut writer.sealer, &writer.meta, MetaRow::SnapshotPrevious)
        })?;
        Ok(writer.meta.clone())
    }

    /// What became of it since it was opened.
    pub fn condition(&self) -> Condition {
        self.health.condition()
    }

    /// Whether something failed after which nothing is read or written until the tenant is opened again.
    pub fn is_poisoned(&self) -> bool {
        self.condition() >= Condition::Damaged
    }

    pub(crate) fn worsen(&self, condition: Condition) {
        self.health.worsen(condition);
    }

    /// The room of the file system that it is on.
    ///
    /// # Errors
    /// [`crate::FileError`] if the system does not tell.
    pub fn space(&self) -> Result<crate::Space, crate::FileError> {
        crate::Space::at(&self.dir)
    }

    /// Runs one durable write transaction. Where it fails for want of room it is known not to be in force; after any
    /// other failure the store is poisoned, for whether it reached the disk is unknown.
    fn transact(
        &self,
        writer: &mut Writer,
        change: impl FnOnce(&mut WriteTransaction, &mut Writer) -> Result<(), Failure>,
    ) -> Result<(), CommitError> {
        self.health.check_commit()?;
        let database = self.database.read();
        let before = writer.meta.clone();
        let done = guard(|| {
            let mut transaction = begin(&database)?;
            if writer.meta.clean {
                writer.meta.clean = false;
                put_meta(&transaction, &mut writer.sealer, &writer.meta, MetaRow::Clean)?;
            }
            change(&mut transaction, writer)?;
            Ok(transaction.commit()?)
        });
        // What cannot be read is this tenant's trouble alone: nothing that was written is in doubt.
        let done = done.map_err(|failure| match failure {
            Failure::Database(_) if failure.leaves() == Condition::Failed && database.failures().are_of_reads() => {
                let defect = Defect::Database("the system could not read it".to_owned());
                Failure::Damaged(Damaged { place: Place::Database, defect })
            }
            other => other,
        });
        match &done {
            Ok(()) => self.applied.store(writer.meta.applied.opstamp.0, Ordering::Release),
            Err(failure) => {
                writer.meta = before;
                self.health.worsen(failure.leaves());
            }
        }
        Ok(done?)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).field("applied", &self.applied()).finish_non_exhaustive()
    }
}

/// Makes a database with its tables and first meta rows.
fn initialize(disk: &dyn Disk, path: &Path, uuid: TenantUuid) -> Result<(), Failure> {
    let database = create_database(disk, path, DEFAULT_CACHE_BYTES)?;
    let mut sealer = sealer()?;
    let transaction = begin(&database)?;
    transaction.open_table(LOG)?;
    for table in Table::ALL {
        transaction.open_table(table.definition())?;
    }
    for row in MetaRow::ALL {
        put_meta(&transaction, &mut sealer, &Meta::new(uuid), row)?;
    }
    transaction.commit()?;
    Ok(database.close()?)
}

fn sealer() -> Result<Sealer, Failure> {
    Sealer::new().map_err(|error| redb::Error::Io(error).into())
}

fn limit(place: impl FnOnce() -> Place, part: &'static str, len: usize, max: usize) -> Result<(), CommitError> {
    if len > max { Err(CommitError::TooLong { place: place(), part, len, max }) } else { Ok(()) }
}

/// A transaction that is durable when its commit returns.
///
/// Two phases, because customers write the content: redb describes what one phase would let them do. It is also what
/// keeps redb from going back to an older transaction when it opens a file that a crash left.
///
/// redb's quick repair stays off: it writes the state of every page with each commit, so that a commit of one row would
/// take longer the larger the tenant is, only to spare an unclean open a check that is made anyway. [`Store::mark_clean`]
/// alone turns it on.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn put_log(
    transaction: &WriteTransaction,
    writer: &mut Writer,
    rows: &[(Opstamp, Vec<u8>)],
) -> Result<LogEdge, Failure> {
    let mut table = transaction.open_table(LOG)?;
    let mut edge = writer.meta.applied;
    for (_, body) in rows {
        let (next, row) = log::seal(&mut writer.sealer, &mut writer.scratch, edge, body);
        table.insert(next.opstamp.0, row)?;
        edge = next;
    }
    Ok(edge)
}

fn put_rows(transaction: &WriteTransaction, sealer: &mut Sealer, rows: &[Row]) -> Result<(), Failure> {
    for table in Table::ALL {
        let mut rows = rows.iter().filter(|row| row.table == table).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let mut open = transaction.open_table(table.definition())?;
        for Row { key, value, .. } in rows {
            match value {
                Some(value) => open.insert(key.as_slice(), sealer.seal(table.kind(), key, value).bytes)?,
                None => open.remove(key.as_slice())?,
            };
        }
    }
    Ok(())
}

fn put_meta(transaction: &WriteTransaction, sealer: &mut Sealer, meta: &Meta, row: MetaRow) -> Result<(), Failure> {
    let mut table = transaction.open_table(META)?;
    let name = row.name();
    match meta.value(row) {
        Some(value) => table.insert(name, sealer.seal(Kind::Meta, name.as_bytes(), &value).bytes)?,
        None => table.remove(name)?,
    };
    Ok(())
}

/// Deletes log rows up to and including `upto`, which becomes the log's start.
fn cut(transaction: &WriteTransaction, upto: Opstamp) -> Result<LogEdge, Failure> {
    let mut table = transaction.open_table(LOG)?;
    let start = {
        let missing = Damaged { place: Place::Log(upto), defect: Defect::Missing };
        let row = table.remove(upto.0)?.ok_or(missing)?;
        log::LogRow::open(&mut Opener::default(), upto, row.value())?.edge()
    };
    table.retain_in(..upto.0, |_, _| false)?;
    Ok(start)
}
