//! The rows of one tenant as a stream of bytes.
//!
//! ```text
//! offset 0   magic [8] | version u32 | zeros u32
//!        16  a zstd frame, to the end of the file, of
//!            rows: kind u8 | length of the key u32 | length of the value u32 | key | value
//!            end:  0 u8 | rows u64
//! ```
//!
//! Kinds are those of the envelopes: first the meta rows `applied`, `log_start` and `tenant`, then the log, then the
//! tables of state; inside a kind keys ascend, those of the log as big-endian numbers. A value is a row's envelope as it
//! stands in the database, with its checksum over key and value. All other integers are little-endian.

use std::io::{self, Read, Write};

use redb::{ReadableTable, WriteTransaction};
use ticketscope_model::Opstamp;

use crate::{
    Damaged, Defect, MAX_KEY_BYTES, MAX_VALUE_BYTES, Place, Reader, Table, TenantUuid,
    envelope::{Kind, Opener, PAYLOAD_AT, Sealer},
    error::Failure,
    interrupt::{Interrupt, Interrupted},
    log::LogRow,
    meta::{Meta, MetaRow},
    table::{LOG, META},
};

/// The newest version of the stream, which is what is written.
const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"TSCOPER\n";

/// What stands where the kind of another row would.
const END: u8 = 0;

/// The meta rows that are copied: the others are about files that are not.
const META_ROWS: [MetaRow; 3] = [MetaRow::Applied, MetaRow::LogStart, MetaRow::Tenant];

/// Rows are compressed at zstd's fastest level: long values come compressed already.
const ZSTD_LEVEL: i32 = 1;

/// Rows of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) log_rows: u64,
}

/// Why rows were not copied.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The database, or a row in it.
    Failure(Failure),
    /// The stream could not be read or written.
    Io(io::Error),
    /// The stream is not what a writer makes.
    Stream(&'static str),
    /// The stream is of a later program.
    Newer { found: u32, known: u32 },
    /// Somebody asked for it to end.
    Interrupted,
}

impl From<Interrupted> for CopyError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

macro_rules! copy_error_from {
    ($($error:ty),*) => {$(
        impl From<$error> for CopyError {
            fn from(error: $error) -> Self {
                Self::Failure(error.into())
            }
        }
    )*};
}

copy_error_from!(Failure, Damaged, redb::TableError, redb::StorageError);

/// Writes every row that `reader` shows, unless it is interrupted. Each is checked first: what is damaged is not copied.
pub(super) fn write(reader: &Reader, mut out: impl Write, interrupt: &Interrupt) -> Result<Counts, CopyError> {
    out.write_all(&MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&[0; 4])?;
    let mut stream = Stream { out: zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?, rows: 0, interrupt };
    let (transaction, meta) = (reader.transaction(), reader.meta());
    let mut opener = Opener::default();

    let rows = transaction.open_table(META)?;
    for row in META_ROWS {
        let name = row.name();
        let place = Place::Meta(name);
        let value = rows.get(name)?.ok_or(Damaged { place: place.clone(), defect: Defect::Missing })?;
        let checked = opener.open(Kind::Meta, name.as_bytes(), value.value());
        checked.map_err(|defect| Damaged { place, defect })?;
        stream.row(Kind::Meta, name.as_bytes(), value.value())?;
    }

    let mut counts = Counts::default();
    let mut edge = meta.log_start;
    for row in transaction.open_table(LOG)?.iter()? {
        let (key, value) = row?;
        edge = LogRow::open(&mut opener, Opstamp(key.value()), value.value())?.follow(edge)?;
        stream.row(Kind::Log, &key.value().to_be_bytes(), value.value())?;
        counts.log_rows += 1;
    }
    if edge != meta.applied {
        return Err(Damaged { place: Place::Log(edge.opstamp.next()), defect: Defect::Missing }.into());
    }

    for table in Table::ALL {
        let rows = transaction.open_table(table.definition())?;
        let mut found = 0;
        for row in rows.iter()? {
            let (key, value) = row?;
            let checked = opener.open(table.kind(), key.value(), value.value());
            checked.map_err(|defect| Damaged { place: Place::Row { table, key: key.value().to_vec() }, defect })?;
            stream.row(table.kind(), key.value(), value.value())?;
            found += 1;
        }
        let expected = reader.count(table).map_err(|_error| CopyError::Stream("not counted"))?;
        if found != expected {
            return Err(Damaged { place: Place::Table(table), defect: Defect::Count { expected, found } }.into());
        }
        counts.rows += found;
    }
    stream.end()?.flush()?;
    Ok(counts)
}

struct Stream<'i, W: Write> {
    out: zstd::stream::write::Encoder<'static, W>,
    rows: u64,
    interrupt: &'i Interrupt,
}

impl<W: Write> Stream<'_, W> {
    fn row(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), CopyError> {
        self.interrupt.check()?;
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_wide| CopyError::Stream("too long a row"));
        self.out.write_all(&[kind as u8])?;
        self.out.write_all(&len(key)?.to_le_bytes())?;
        self.out.write_all(&len(value)?.to_le_bytes())?;
        self.out.write_all(key)?;
        self.out.write_all(value)?;
        self.rows += 1;
        Ok(())
    }

    fn end(mut self) -> io::Result<W> {
        self.out.write_all(&[END])?;
        self.out.write_all(&self.rows.to_le_bytes())?;
        self.out.finish()
    }
}

/// Puts the rows of a stream into an empty database, as those of a tenant that has `uuid`, unless it is interrupted. Each is
/// checked first.
/// Answers what was put there, and the meta rows as the stream has them.
pub(super) fn read(
    mut from: impl Read,
    transaction: &WriteTransaction,
    uuid: TenantUuid,
    interrupt: &Interrupt,
) -> Result<(Counts, Meta), CopyError> {
    let mut header = [0; MAGIC.len() + 2 * size_of::<u32>()];
    from.read_exact(&mut header)?;
    let version = header[MAGIC.len()..].first_chunk().copied().map_or(0, u32::from_le_bytes);
    if !header.starts_with(&MAGIC) {
        return Err(CopyError::Stream("not the rows of a tenant"));
    }
    match version {
        VERSION => {}
        found if found > VERSION => return Err(CopyError::Newer { found, known: VERSION }),
        _ => return Err(CopyError::Stream("of a version that never was")),
    }
    let mut rows =
        Rows { from: zstd::stream::read::Decoder::new(from)?, key: Vec::new(), value: Vec::new(), count: 0, interrupt };
    let mut opener = Opener::default();

    let mut metas = Vec::new();
    for row in META_ROWS {
        let expected = rows.next()? == Some(Kind::Meta as u8) && rows.key == row.name().as_bytes();
        if !expected {
            return Err(CopyError::Stream("without its meta rows"));
        }
        metas.push((row.name(), rows.value.clone()));
    }
    let meta =
        Meta::read::<Damaged>(|name| Ok(metas.iter().find(|(known, _)| *known == name).map(|(_, row)| row.clone())))?;
    let restored = Meta { uuid, clean: true, ..meta.clone() };

    let mut counts = Counts::default();
    let mut next = rows.next()?;
    {
        let mut log = transaction.open_table(LOG)?;
        let mut edge = meta.log_start;
        while next == Some(Kind::Log as u8) {
            let key =
                rows.key.as_slice().try_into().map_err(|_length| CopyError::Stream("a log row without a number"))?;
            edge = LogRow::open(&mut opener, Opstamp(u64::from_be_bytes(key)), &rows.value)?.follow(edge)?;
            log.insert(edge.opstamp.0, rows.value.as_slice())?;
            counts.log_rows += 1;
            next = rows.next()?;
        }
        if edge != meta.applied {
            return Err(Damaged { place: Place::Log(edge.opstamp.next()), defect: Defect::Missing }.into());
        }
    }
    for table in Table::ALL {
        let mut open = transaction.open_table(table.definition())?;
        let mut last: Option<Vec<u8>> = None;
        while next == Some(table.kind() as u8) {
            let key = rows.key.as_slice();
            if last.as_deref().is_some_and(|last| last >= key) {
                return Err(CopyError::Stream("out of order"));
            }
            let checked = opener.open(table.kind(), key, &rows.value);
            checked.map_err(|defect| Damaged { place: Place::Row { table, key: key.to_vec() }, defect })?;
            open.insert(key, rows.value.as_slice())?;
            counts.rows += 1;
            last = Some(key.to_vec());
            next = rows.next()?;
        }
    }
    if next.is_some() {
        return Err(CopyError::Stream("out of order"));
    }
    rows.end()?;
    put_meta(transaction, &restored)?;
    Ok((counts, meta))
}

fn put_meta(transaction: &WriteTransaction, meta: &Meta) -> Result<(), Failure> {
    let mut sealer = Sealer::new().map_err(redb::Error::Io)?;
    let mut table = transaction.open_table(META)?;
    for row in MetaRow::ALL {
        if let Some(value) = meta.value(row) {
            table.insert(row.name(), sealer.seal(Kind::Meta, row.name().as_bytes(), &value).bytes)?;
        }
    }
    Ok(())
}

/// The rows of a stream, one after the other.
struct Rows<'i, R: Read> {
    from: zstd::stream::read::Decoder<'static, io::BufReader<R>>,
    key: Vec<u8>,
    value: Vec<u8>,
    /// Rows read so far.
    count: u64,
    interrupt: &'i Interrupt,
}

impl<R: Read> Rows<'_, R> {
    /// The kind of the next row, which is then in the buffers; nothing at the end.
    fn next(&mut self) -> Result<Option<u8>, CopyError> {
        self.interrupt.check()?;
        let mut kind = [0];
        self.from.read_exact(&mut kind)?;
        if kind == [END] {
            return Ok(None);
        }
        let (key, value) = (self.len()?, self.len()?);
        if key > MAX_KEY_BYTES || value > MAX_VALUE_BYTES + PAYLOAD_AT {
            return Err(CopyError::Stream("a row that is too long"));
        }
        fill(&mut self.from, &mut self.key, key)?;
        fill(&mut self.from, &mut self.value, value)?;
        self.count += 1;
        Ok(Some(kind[0]))
    }

    fn len(&mut self) -> Result<usize, CopyError> {
        let mut len = [0; 4];
        self.from.read_exact(&mut len)?;
        usize::try_from(u32::from_le_bytes(len)).map_err(|_wide| CopyError::Stream("a row that is too long"))
    }

    /// What follows the last row, and that nothing follows it.
    fn end(&mut self) -> Result<(), CopyError> {
        let mut rows = [0; 8];
        self.from.read_exact(&mut rows)?;
        if u64::from_le_bytes(rows) != self.count {
            return Err(CopyError::Stream("not as many rows as it says"));
        }
        if self.from.read(&mut [0])? == 0 { Ok(()) } else { Err(CopyError::Stream("followed by something else")) }
    }
}

/// Reads `len` bytes. Memory grows with what is there, whatever the length says.
fn fill(from: &mut impl Read, buffer: &mut Vec<u8>, len: usize) -> Result<(), CopyError> {
    buffer.clear();
    let read = from.take(len as u64).read_to_end(buffer)?;
    if read == len { Ok(()) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataDir, TenantId};

    /// Somebody who interrupts as soon as the first byte is written.
    struct Interrupting<'i>(&'i Interrupt);

    impl Write for Interrupting<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writing_that_goes_on_ends_with_the_row_at_which_it_is_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let store = data.create(&TenantId::parse("acme").unwrap()).unwrap();
        let reader = store.reader().unwrap();
        let interrupt = Interrupt::default();
        let written = write(&reader, Interrupting(&interrupt), &interrupt);
        assert!(matches!(written, Err(CopyError::Interrupted)), "{written:?}");
        assert!(write(&reader, Interrupting(&interrupt), &Interrupt::default()).is_ok());
    }
}
