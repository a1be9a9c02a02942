//! One error type for each operation; what they share are [`Damaged`] and [`FileError`].

use std::{
    fmt,
    io::{
        self,
        ErrorKind::{InvalidData, UnexpectedEof},
    },
    path::PathBuf,
};

use thiserror::Error;
use ticketscope_model::Opstamp;

use crate::{Condition, Table, TenantId, TenantUuid, disk::is_unread, is_disk_failure, is_full, judged::is_unwritten};

/// A file operation that the system refused.
#[derive(Debug, Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was attempted.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Whether the disk failed when it was to write or to make durable: nobody knows what is on it.
    pub fn is_failed_write(&self) -> bool {
        is_disk_failure(&self.source) && !is_unread(&self.source)
    }
}

/// Whether the disk failed under redb when it was to write or to make durable.
fn is_failed_write(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(error) if is_unwritten(error))
}

/// Bytes on disk are not those that were written there, or not for this program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place} cannot be trusted: {defect}")]
pub struct Damaged {
    /// Where it was found.
    pub place: Place,
    /// What is wrong.
    pub defect: Defect,
}

/// A place in a tenant's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Database,
    /// A meta row.
    Meta(&'static str),
    /// A table as a whole.
    Table(Table),
    /// A state row.
    Row {
        /// Its table.
        table: Table,
        /// Its key.
        key: Vec<u8>,
    },
    /// A log row.
    Log(Opstamp),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("the tenant's database"),
            Self::Meta(name) => write!(f, "meta row `{name}`"),
            Self::Table(table) => write!(f, "table `{table}`"),
            Self::Row { table, key } => write!(f, "row `{}` of table `{table}`", key.escape_ascii()),
            Self::Log(opstamp) => write!(f, "log row {opstamp}"),
        }
    }
}

/// What is wrong with bytes in a tenant's database.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Defect {
    /// It must exist.
    #[error("it is missing")]
    Missing,
    /// Fewer bytes than its layout has, or more.
    #[error("it has {0} bytes, which its layout cannot have")]
    Length(usize),
    /// Made by a later program.
    #[error("it was written by a newer version (format {found}, this program knows {known}); update the program")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// A version that never was.
    #[error("its format version is {0}, which no program ever wrote")]
    Version(u32),
    /// The checksum over key and value does not match.
    #[error("its checksum is {computed:08x} instead of {stored:08x}")]
    Checksum {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The row belongs to another table.
    #[error("it is marked as kind {found} instead of {expected}")]
    Kind {
        /// The kind of the table read.
        expected: u8,
        /// The kind stored.
        found: u8,
    },
    /// The value does not decode although its checksum matches.
    #[error("its value does not decode: {0}")]
    Encoding(&'static str),
    /// A log row says another opstamp than its key.
    #[error("it says it is log row {0}")]
    Opstamp(Opstamp),
    /// A log row does not follow the row before it.
    #[error("it follows a row with checksum {stored:08x}, but the row before it has {previous:08x}")]
    Chain {
        /// Checksum of the row before, as this row remembers it.
        stored: u32,
        /// Checksum of the row before.
        previous: u32,
    },
    /// A table says it has another number of rows than were found.
    #[error("{found} rows were found where {expected} are counted")]
    Count {
        /// Rows by the table's own count.
        expected: u64,
        /// Rows found.
        found: u64,
    },
    /// The log would end before it starts.
    #[error("it says that the log starts at {start} and ends at {applied}")]
    Bounds {
        /// The last row that was cut.
        start: Opstamp,
        /// The last row.
        applied: Opstamp,
    },
    /// The newest transaction did not verify, and redb went back to the one before: what was acknowledged is lost.
    #[error("its newest transaction did not verify and is lost; restore the tenant from a backup or import it again")]
    RolledBack,
    /// redb found it.
    #[error("{0}")]
    Database(String),
}

/// Why a data directory did not open.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another process, or another [`crate::DataDir`] of this one, uses it.
    #[error("data directory {} is in use by another process; stop it first", .0.display())]
    Locked(PathBuf),
    /// Made by a later program.
    #[error(
        "data directory {} was written by a newer version (format {found}, this program knows {known}); update the program",
        path.display()
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// Made by an earlier program, in a form that this one does not read.
    #[error(
        "data directory {} is of format {found}, and this program reads {known}; import its data into a new directory",
        path.display()
    )]
    Older {
        /// The directory.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// Its `FORMAT` file is not one.
    #[error("{} does not hold a format version; is this a data directory?", .0.display())]
    NotADataDir(PathBuf),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a tenant was not created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// There is one of that name.
    #[error("tenant `{0}` exists already")]
    Exists(TenantId),
    /// The system gave no random number for the tenant's uuid.
    #[error("cannot draw a random number for the tenant's uuid")]
    Random(#[source] getrandom::Error),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
    /// The new database was not written.
    #[error("cannot write the new tenant's database")]
    Commit(#[from] CommitError),
    /// The new tenant did not open.
    #[error("cannot open the new tenant")]
    Open(#[from] OpenError),
}

impl CreateError {
    /// Whether the disk failed when it was to write the tenant or make it durable: it may be there or not, and after a
    /// power cut otherwise.
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::File(error) => error.is_failed_write(),
            Self::Commit(CommitError::Database(error)) => is_failed_write(error),
            Self::Open(error) => error.is_failed_write(),
            Self::Exists(_) | Self::Random(_) | Self::Commit(_) => false,
        }
    }
}

/// Why a backup was not written.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is something of that name, or a backup of that name was interrupted.
    #[error("{} exists already; name another directory, or remove it if it is of no use", .0.display())]
    Exists(PathBuf),
    /// A path like `/` or `..`, which gives the backup no name.
    #[error("{} is no name for a backup", .0.display())]
    NoName(PathBuf),
    /// One tenant was to be written twice.
    #[error("tenant `{0}` is in the backup already")]
    Twice(TenantId),
    /// The process has to end.
    #[error("the backup was interrupted, and nothing is left of it; begin it again")]
    Interrupted,
    /// The tenant cannot be read, or is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a backup was not read or a tenant of it not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is a tenant of that name.
    #[error("tenant `{0}` exists already; restore it under another name, or delete the tenant first")]
    Exists(TenantId),
    /// The backup holds no tenant of that name.
    #[error("the backup holds no tenant `{0}`")]
    NotInBackup(TenantId),
    /// The process has to end.
    #[error("the restoring was interrupted, and nothing is left of it; begin it again")]
    Interrupted,
    /// Made by a later program.
    #[error(
        "{} was written by a newer version (format {found}, this program knows {known}); update the program",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// What the backup says of itself cannot be trusted.
    #[error("{} cannot be trusted: it is {what}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The rows of a tenant cannot be trusted.
    #[error("{} cannot be trusted: its rows are {what}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A row cannot be trusted.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The system gave no random number for the tenant's uuid.
    #[error("cannot draw a random number for the tenant's uuid")]
    Random(#[source] getrandom::Error),
    /// The new database was not written.
    #[error("cannot write the restored tenant's database")]
    Database(#[source] Box<redb::Error>),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RestoreError {
    /// Whether the disk failed when it was to write the restored tenant. That the backup cannot be read is another's trouble.
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::Database(error) => is_failed_write(error),
            Self::File(error) => error.is_failed_write(),
            _ => false,
        }
    }
}

/// Why a tenant did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// No tenant of that name.
    #[error("there is no tenant `{0}`")]
    NoSuchTenant(TenantId),
    /// This process has it open, or is creating or deleting it.
    #[error("tenant `{0}` is already open")]
    AlreadyOpen(TenantId),
    /// What is on disk cannot be trusted.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// redb refused, for a reason that is no damage.
    #[error("cannot open the tenant's database")]
    Database(#[source] Box<redb::Error>),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
}

impl OpenError {
    /// Whether the database, or a name, could not be written or made durable, for another reason than a lack of room.
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::Database(error) => is_failed_write(error),
            Self::File(error) => error.is_failed_write(),
            Self::NoSuchTenant(_) | Self::AlreadyOpen(_) | Self::Damaged(_) => false,
        }
    }

    /// Whether the disk failed when the database was to be read: nothing that was written is in doubt.
    pub fn is_failed_read(&self) -> bool {
        match self {
            Self::File(error) => is_unread(&error.source),
            // A write that failed is told apart, see above.
            other => other.io().is_some_and(is_disk_failure),
        }
    }

    /// What the system said, if it was the system.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::File(error) => Some(&error.source),
            Self::Database(error) => match &**error {
                redb::Error::Io(error) => Some(error),
                _ => None,
            },
            Self::NoSuchTenant(_) | Self::AlreadyOpen(_) | Self::Damaged(_) => None,
        }
    }
}

/// Why a tenant was not deleted.
#[derive(Debug, Error)]
pub enum DeleteError {
    /// No tenant of that name.
    #[error("there is no tenant `{0}`")]
    NoSuchTenant(TenantId),
    /// This process has it open.
    #[error("tenant `{0}` is open; close it first")]
    Open(TenantId),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a read has no answer.
#[derive(Debug, Error)]
pub enum ReadError {
    /// An earlier commit failed, so what is on disk is unknown until the store is opened again.
    #[error("an earlier commit failed; open the tenant again")]
    Poisoned,
    /// A write found no room, and the store was not reopened yet.
    #[error("the disk was full, and the tenant's database is not open again yet; try again")]
    Full,
    /// The rows after `after` are not all there: the log holds those after `start` up to `applied`.
    #[error("the log cannot be read after {after}: it holds the rows after {start} up to {applied}")]
    NotInLog {
        /// Asked for.
        after: Opstamp,
        /// The last row that was cut.
        start: Opstamp,
        /// The last row.
        applied: Opstamp,
    },
    /// What is on disk cannot be trusted.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// redb failed, for a reason that is no damage.
    #[error("cannot read the tenant's database")]
    Database(#[source] Box<redb::Error>),
}

/// Why a commit did not happen. After [`Self::Full`] the store is to be reopened, after [`Self::Damaged`] and
/// [`Self::Database`] it is poisoned.
#[derive(Debug, Error)]
pub enum CommitError {
    /// An earlier commit failed, so what is on disk is unknown until the store is opened again.
    #[error("an earlier commit failed; open the tenant again")]
    Poisoned,
    /// There was no room, on the disk or in a quota: nothing of it is in force.
    #[error("there is no room for the tenant's database to grow")]
    Full(#[source] io::Error),
    /// An earlier write found no room, and the store was not reopened yet.
    #[error("the disk was full, and the tenant's database is not open again yet; try again")]
    NotReopened,
    /// The opstamps of the batch are not those that come next.
    #[error("the batch holds log row {found} where {expected} comes next")]
    NotConsecutive {
        /// The opstamp that comes next.
        expected: Opstamp,
        /// The one in the batch.
        found: Opstamp,
    },
    /// State would change that no log row explains.
    #[error("the batch changes {rows} rows but has no log row")]
    RowsWithoutLog {
        /// How many rows.
        rows: usize,
    },
    /// A key or value that is too long.
    #[error("{place} would have {len} bytes of {part}, at most {max} are allowed")]
    TooLong {
        /// The row.
        place: Place,
        /// `key` or `value`.
        part: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The log cannot be cut after its end.
    #[error("the log cannot be cut up to {upto}: it ends at {applied}")]
    CutPastApplied {
        /// Asked for.
        upto: Opstamp,
        /// The last row.
        applied: Opstamp,
    },
    /// What is on disk cannot be trusted.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// redb failed.
    #[error("cannot write the tenant's database")]
    Database(#[source] Box<redb::Error>),
}

/// Why a store was not opened again after a write that found no room.
#[derive(Debug, Error)]
pub enum ReopenError {
    /// A [`crate::Reader`] is alive.
    #[error("the tenant is being read; open it again when no reader is open")]
    Busy,
    /// Something worse has happened since.
    #[error("an earlier commit failed; open the tenant again")]
    Poisoned,
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl ReopenError {
    /// What a store is in after it; nothing if it can be tried again.
    pub(crate) fn leaves(&self) -> Option<Condition> {
        match self {
            Self::Busy | Self::Poisoned => None,
            Self::Open(OpenError::Damaged(_)) => Some(Condition::Damaged),
            Self::Open(error) if error.is_failed_read() => Some(Condition::Damaged),
            Self::Open(error) => (!error.io().is_some_and(is_full)).then_some(Condition::Failed),
        }
    }
}

/// Why the database was not compacted.
#[derive(Debug, Error)]
pub enum CompactError {
    /// An earlier commit failed, so what is on disk is unknown until the store is opened again.
    #[error("an earlier commit failed; open the tenant again")]
    Poisoned,
    /// A [`crate::Reader`] is alive.
    #[error("the tenant is being read; compact it when no reader is open")]
    Busy,
    /// What is on disk cannot be trusted.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The system refused a file operation.
    #[error(transparent)]
    File(#[from] FileError),
    /// redb failed, for a reason that is no damage.
    #[error("cannot compact the tenant's database")]
    Database(#[source] Box<redb::Error>),
}

/// Why a tenant could not be verified to the end. Damage that was found is no error but an entry of
/// [`crate::Verification::damaged`].
#[derive(Debug, Error)]
pub enum VerifyError {
    /// An earlier commit failed, so what is on disk is unknown until the store is opened again.
    #[error("an earlier commit failed; open the tenant again")]
    Poisoned,
    /// A [`crate::Reader`] is alive.
    #[error("the tenant is being read; verify it when no reader is open")]
    Busy,
    /// The mark that a check is under way was not written.
    #[error(transparent)]
    File(#[from] FileError),
    /// redb failed, for a reason that is no damage.
    #[error("cannot read the tenant's database")]
    Database(#[source] Box<redb::Error>),
}

impl VerifyError {
    /// Whether the disk failed when something was to be written for the check.
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::Database(error) => is_failed_write(error),
            Self::File(error) => error.is_failed_write(),
            _ => false,
        }
    }
}

/// Why a mapped snapshot was not written or found.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// Another one is being written.
    #[error("a mapped snapshot is being written already")]
    Busy,
    /// It would hold changes that are not durable.
    #[error("a mapped snapshot at {opstamp} cannot be written: the log ends at {applied}")]
    AheadOfLog {
        /// Asked for.
        opstamp: Opstamp,
        /// The last durable change.
        applied: Opstamp,
    },
    /// A section id was used twice.
    #[error("section {0} of the mapped snapshot is written twice")]
    DuplicateSection(u32),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The row that names the file was not read.
    #[error("cannot find out which mapped snapshot is current")]
    Read(#[from] ReadError),
    /// The row that names the file was not written.
    #[error("cannot make the mapped snapshot current")]
    Commit(#[from] CommitError),
}

/// What is wrong with a mapped snapshot, which is then not used.
#[derive(Debug, Error)]
pub enum SnapshotDefect {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not the length its footer or its row states.
    #[error("it has {found} bytes instead of {expected}")]
    Length {
        /// As stated.
        expected: u64,
        /// As found.
        found: u64,
    },
    /// Shorter than the smallest snapshot.
    #[error("it has {0} bytes, less than any mapped snapshot")]
    TooShort(u64),
    /// Its first or last bytes are not a mapped snapshot's.
    #[error("its {0} is not that of a mapped snapshot")]
    Magic(&'static str),
    /// Made by a later program.
    #[error("it was written by a newer version (format {found}, this program knows {known}); update the program")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// A version that never was.
    #[error("its format version is {0}, which no program ever wrote")]
    Version(u32),
    /// Checksum of header and section table.
    #[error("the checksum of its header and section table does not match")]
    Digest,
    /// A whole, valid file, but not the one that was made current.
    #[error("it is not the file that was made current")]
    Replaced,
    /// An offset, a length or padding that a writer never makes.
    #[error("its {0} is not where it must be")]
    Geometry(&'static str),
    /// Checksum of a section.
    #[error("the checksum of its section {0} does not match")]
    Section(u32),
    /// The file of another tenant.
    #[error("it belongs to tenant {found}, not to {expected}")]
    Uuid {
        /// This tenant.
        expected: TenantUuid,
        /// As in the file.
        found: TenantUuid,
    },
    /// It holds changes that the log does not.
    #[error("it is at {found}, but the log ends at {applied}")]
    AheadOfLog {
        /// Its opstamp.
        found: Opstamp,
        /// The last durable change.
        applied: Opstamp,
    },
}

/// Why redb has no answer, before the operation's own error takes it up.
#[derive(Debug)]
pub(crate) enum Failure {
    Damaged(Damaged),
    Database(Box<redb::Error>),
}

impl Failure {
    /// What a store is in whose write failed so.
    pub(crate) fn leaves(&self) -> Condition {
        match self {
            Self::Damaged(_) => Condition::Damaged,
            Self::Database(error) => match &**error {
                redb::Error::Io(error) if is_full(error) => Condition::Full,
                _ => Condition::Failed,
            },
        }
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damaged(damaged) => Self::Damaged(damaged),
            Failure::Database(error) => match *error {
                redb::Error::Io(error) if is_full(&error) => Self::Full(error),
                other => Self::Database(Box::new(other)),
            },
        }
    }
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damaged(damaged) => Self::Damaged(damaged),
            Failure::Database(error) => match *error {
                // What failed first says why; the reader only came later.
                redb::Error::PreviousIo | redb::Error::DatabaseClosed => Self::Poisoned,
                other => Self::Database(Box::new(other)),
            },
        }
    }
}

impl From<Damaged> for Failure {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged)
    }
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        let defect = match error {
            redb::Error::Corrupted(message) => Defect::Database(message),
            redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::UpgradeRequired(_) => Defect::Database(error.to_string()),
            // The system gave what it has: the file does not begin as one of redb, or ends too early.
            redb::Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
                Defect::Database(error.to_string())
            }
            other => return Self::Database(Box::new(other)),
        };
        Self::Damaged(Damaged { place: Place::Database, defect })
    }
}

macro_rules! failure_from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Failure {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

failure_from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError, CompactionError);

macro_rules! from_failure {
    ($($error:ident),*) => {$(
        impl From<Failure> for $error {
            fn from(failure: Failure) -> Self {
                match failure {
                    Failure::Damaged(damaged) => Self::Damaged(damaged),
                    Failure::Database(error) => Self::Database(error),
                }
            }
        }
    )*};
}

from_failure!(OpenError, CompactError);
