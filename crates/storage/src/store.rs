use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use redb::{Builder, Database, ReadableDatabase, WriteTransaction};
use ticketscope_model::Opstamp;

use crate::{
    Batch, CommitError, DEFAULT_CACHE_BYTES, Damaged, Defect, MAX_KEY_BYTES, MAX_VALUE_BYTES, OpenError, Place,
    ReadError, Reader, Row, Table, TenantUuid,
    data_dir::Registration,
    database::OpenDatabase,
    disk,
    envelope::{Kind, Opener, Sealer},
    error::Failure,
    guard::guard,
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
    pub(crate) dir: PathBuf,
    pub(crate) uuid: TenantUuid,
    pub(crate) cache_bytes: usize,
    /// Held exclusively only by what redb wants a whole database for.
    pub(crate) database: RwLock<OpenDatabase>,
    pub(crate) writer: Mutex<Writer>,
    applied: AtomicU64,
    poisoned: Arc<AtomicBool>,
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
    pub(crate) fn initialize(dir: &Path, uuid: TenantUuid) -> Result<(), CommitError> {
        Ok(guard(|| initialize(&dir.join(DATABASE_FILE), uuid))?)
    }

    /// Opens the database in `dir`. Fast after a clean shutdown; otherwise every page is checked.
    pub(crate) fn open(dir: PathBuf, cache_bytes: usize, registration: Arc<Registration>) -> Result<Self, OpenError> {
        let path = dir.join(DATABASE_FILE);
        let len = match disk::len(&path) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
        if len == 0 {
            return Err(Damaged { place: Place::Database, defect: Defect::Missing }.into());
        }
        let (mut database, checked) = guard(|| open_database(&path, cache_bytes))?;
        let meta = integrity::check_at_open(&mut database, &dir, checked)?;
        let snapshots = Snapshots::open(&dir, &meta)?;
        Self::of(dir, cache_bytes, database, meta, snapshots, Some(registration))
    }

    /// A database that is thrown away after it was looked at: nothing in `dir` is changed.
    pub(crate) fn of_inspected(dir: PathBuf, database: OpenDatabase, meta: Meta) -> Result<Self, OpenError> {
        Self::of(dir, DEFAULT_CACHE_BYTES, database, meta, Snapshots::default(), None)
    }

    fn of(
        dir: PathBuf,
        cache_bytes: usize,
        database: OpenDatabase,
        meta: Meta,
        snapshots: Snapshots,
        registration: Option<Arc<Registration>>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            dir,
            uuid: meta.uuid,
            cache_bytes,
            database: RwLock::new(database),
            applied: AtomicU64::new(meta.applied.opstamp.0),
            poisoned: Arc::default(),
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

    /// Writes a batch in one transaction; when this returns, all of it is on disk. An empty batch does nothing.
    ///
    /// # Errors
    /// [`CommitError`]. Errors in the batch are found before anything is written; after any other the store is
    /// poisoned, and whether the batch is on disk shows when the tenant is opened again.
    pub fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        self.check_poison()?;
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
    /// [`CommitError`]; all but [`CommitError::CutPastApplied`] poison the store.
    pub fn cut_log(&self, upto: Opstamp) -> Result<(), CommitError> {
        loop {
            let mut writer = self.writer.lock();
            self.check_poison()?;
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

    /// Notes that all is well, so that the next open may skip the check of every page. The next commit takes the note
    /// back; call this last, when nothing will be written any more.
    ///
    /// # Errors
    /// [`CommitError`], which poisons the store.
    pub fn mark_clean(&self) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        if writer.meta.clean {
            return self.check_poison();
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
    /// [`ReadError`] if the store is poisoned or its meta rows cannot be trusted.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        if self.is_poisoned() {
            return Err(ReadError::Poisoned);
        }
        let database = self.database.read();
        let transaction = guard(|| Ok(database.begin_read()?))?;
        Ok(Reader::new(transaction, Arc::clone(&self.poisoned))?)
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
        for name in disk::names(&self.dir)? {
            let path = self.dir.join(&name);
            // A file that goes meanwhile counts nothing.
            match name.as_str() {
                DATABASE_FILE => usage.database_bytes += disk::len(&path)?,
                TEXT_DIR if path.is_dir() => usage.text_bytes += disk::len_of_files(&path)?,
                TEXT_ASIDE_DIR if path.is_dir() => usage.text_aside_bytes += disk::len_of_files(&path)?,
                name if snapshots::is_snapshot(name) => usage.snapshot_bytes += disk::len_if_there(&path)?,
                _ => usage.temporary_bytes += disk::len_if_there(&path)?,
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
        disk::make_dir(&path, &self.dir)?;
        Ok(path)
    }

    /// Whether there is a directory of a text index.
    pub fn has_text_dir(&self) -> bool {
        self.dir.join(TEXT_DIR).is_dir()
    }

    /// Puts the text index aside, so that another can be made, in place of the one that was put aside before. Nobody may
    /// have it open.
    ///
    /// # Errors
    /// [`crate::FileError`].
    pub fn set_text_aside(&self) -> Result<(), crate::FileError> {
        let (path, aside) = (self.dir.join(TEXT_DIR), self.dir.join(TEXT_ASIDE_DIR));
        if aside.is_dir() {
            disk::remove_tree(&aside)?;
        }
        if path.is_dir() { disk::rename_in(&self.dir, &path, &aside) } else { Ok(()) }
    }

    /// Removes the text index that was put aside, if there is one.
    ///
    /// # Errors
    /// [`crate::FileError`].
    pub fn remove_text_aside(&self) -> Result<(), crate::FileError> {
        let aside = self.dir.join(TEXT_ASIDE_DIR);
        if !aside.is_dir() {
            return Ok(());
        }
        disk::remove_tree(&aside)?;
        disk::sync_dir(&self.dir)
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

    /// Whether something failed after which nothing is read or written until the tenant is opened again.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Says that what is on disk was found not to be what was written: nothing is read or written until the store is opened
    /// again, which finds the damage or does not open.
    pub fn condemn(&self) {
        self.poison();
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    fn check_poison(&self) -> Result<(), CommitError> {
        if self.is_poisoned() { Err(CommitError::Poisoned) } else { Ok(()) }
    }

    /// Runs one durable write transaction; any failure poisons the store, for whether it reached the disk is unknown.
    fn transact(
        &self,
        writer: &mut Writer,
        change: impl FnOnce(&mut WriteTransaction, &mut Writer) -> Result<(), Failure>,
    ) -> Result<(), CommitError> {
        self.check_poison()?;
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
        if done.is_ok() {
            self.applied.store(writer.meta.applied.opstamp.0, Ordering::Release);
        } else {
            writer.meta = before;
            self.poison();
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
fn initialize(path: &Path, uuid: TenantUuid) -> Result<(), Failure> {
    let database = Builder::new().create(path)?;
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

/// Opens a database file; answers also whether redb has just checked every page of it, since it was not closed.
pub(crate) fn open_database(path: &Path, cache_bytes: usize) -> Result<(OpenDatabase, bool), Failure> {
    let checked = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&checked);
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_repair_callback(move |_| note.store(true, Ordering::Relaxed));
    let database = builder.open(path)?;
    Ok((OpenDatabase::new(database), checked.load(Ordering::Relaxed)))
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
