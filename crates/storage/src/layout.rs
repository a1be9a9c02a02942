//! The bytes of a mapped snapshot.
//!
//! ```text
//! offset 0   header, 64 bytes
//!            magic [8] | version u32 | sections u32 | uuid [16] | opstamp u64 | table offset u64 | zeros [16]
//!        64  sections, each from the next multiple of 64 on, zeros between them
//!            ..
//!        T   section table, from the next multiple of 64 on: 32 bytes for each section
//!            id u32 | zeros u32 | offset u64 | length u64 | XXH3-64 of the section u64
//!        F   footer, 32 bytes, right after the table
//!            length of the file u64 | XXH3-128 of header and table [16] | magic [8]
//! ```
//!
//! The lengths alone say where everything stands, so a file with anything in another place, or with anything but zeros
//! between sections, is refused. All integers are little-endian.

use std::io::{self, Seek, SeekFrom, Write};

use ticketscope_model::Opstamp;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::{SnapshotDefect, TenantUuid};

/// The newest version, which is what is written.
pub(crate) const VERSION: u32 = 1;

/// Alignment of sections and of the section table, in bytes: a cache line.
const ALIGN: u64 = 64;

const HEADER_MAGIC: [u8; 8] = *b"TSCOPES\n";
const FOOTER_MAGIC: [u8; 8] = *b"\nSEPOCST";

const HEADER_LEN: usize = 64;
const VERSION_AT: usize = HEADER_MAGIC.len();
const COUNT_AT: usize = VERSION_AT + size_of::<u32>();
const UUID_AT: usize = COUNT_AT + size_of::<u32>();
const OPSTAMP_AT: usize = UUID_AT + size_of::<[u8; 16]>();
const TABLE_OFFSET_AT: usize = OPSTAMP_AT + size_of::<u64>();
const HEADER_USED: usize = TABLE_OFFSET_AT + size_of::<u64>();

const ENTRY_LEN: usize = 32;
const ENTRY_ZEROS_AT: usize = size_of::<u32>();
const ENTRY_OFFSET_AT: usize = ENTRY_ZEROS_AT + size_of::<u32>();
const ENTRY_LEN_AT: usize = ENTRY_OFFSET_AT + size_of::<u64>();
const ENTRY_SUM_AT: usize = ENTRY_LEN_AT + size_of::<u64>();

const DIGEST_LEN: usize = 16;
const FOOTER_DIGEST_AT: usize = size_of::<u64>();
const FOOTER_MAGIC_AT: usize = FOOTER_DIGEST_AT + DIGEST_LEN;
const FOOTER_LEN: usize = FOOTER_MAGIC_AT + FOOTER_MAGIC.len();

/// The shortest file: no sections.
const MIN_LEN: usize = HEADER_LEN + FOOTER_LEN;

/// One section of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) id: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    sum: u64,
}

impl Section {
    fn to_bytes(self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..ENTRY_ZEROS_AT].copy_from_slice(&self.id.to_le_bytes());
        bytes[ENTRY_OFFSET_AT..ENTRY_LEN_AT].copy_from_slice(&self.offset.to_le_bytes());
        bytes[ENTRY_LEN_AT..ENTRY_SUM_AT].copy_from_slice(&self.len.to_le_bytes());
        bytes[ENTRY_SUM_AT..].copy_from_slice(&self.sum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY_LEN]) -> Self {
        Self {
            id: u32_at(bytes, 0),
            offset: u64_at(bytes, ENTRY_OFFSET_AT),
            len: u64_at(bytes, ENTRY_LEN_AT),
            sum: u64_at(bytes, ENTRY_SUM_AT),
        }
    }
}

/// Length and digest of a whole file: what tells it from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) len: u64,
    pub(crate) digest: [u8; DIGEST_LEN],
}

/// Writes a file section by section.
#[derive(Debug)]
pub(crate) struct Encoder<W> {
    out: W,
    uuid: TenantUuid,
    opstamp: Opstamp,
    at: u64,
    sections: Vec<Section>,
    /// Whether a write failed, after which nobody knows what the file holds.
    broken: bool,
}

impl<W: Write + Seek> Encoder<W> {
    /// Starts a file at the beginning of `out`.
    pub(crate) fn new(mut out: W, uuid: TenantUuid, opstamp: Opstamp) -> io::Result<Self> {
        // The header is not valid before `finish` writes it, so a file cut short here is refused by its first bytes.
        out.write_all(&[0; HEADER_LEN])?;
        Ok(Self { out, uuid, opstamp, at: HEADER_LEN as u64, sections: Vec::new(), broken: false })
    }

    pub(crate) fn has(&self, id: u32) -> bool {
        self.sections.iter().any(|section| section.id == id)
    }

    /// Writes a section whose bytes come in pieces.
    pub(crate) fn section<P: AsRef<[u8]>>(&mut self, id: u32, pieces: impl IntoIterator<Item = P>) -> io::Result<()> {
        let was_broken = std::mem::replace(&mut self.broken, true);
        self.pad()?;
        let offset = self.at;
        let mut sum = Xxh3::new();
        for piece in pieces {
            let piece = piece.as_ref();
            sum.update(piece);
            self.out.write_all(piece)?;
            self.at += piece.len() as u64;
        }
        self.sections.push(Section { id, offset, len: self.at - offset, sum: sum.digest() });
        self.broken = was_broken;
        Ok(())
    }

    /// Writes section table, footer and header; the file is whole when `out` has it all.
    pub(crate) fn finish(mut self) -> io::Result<(W, Seal)> {
        if self.broken {
            return Err(io::Error::other("an earlier section was not written as a whole"));
        }
        self.pad()?;
        let count = u32::try_from(self.sections.len()).map_err(io::Error::other)?;
        let header = header(count, self.uuid, self.opstamp, self.at);
        let table: Vec<u8> = self.sections.iter().flat_map(|section| section.to_bytes()).collect();
        let digest = digest(&header, &table);
        let len = self.at + (table.len() + FOOTER_LEN) as u64;
        self.out.write_all(&table)?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&digest)?;
        self.out.write_all(&FOOTER_MAGIC)?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok((self.out, Seal { len, digest }))
    }

    fn pad(&mut self) -> io::Result<()> {
        while !self.at.is_multiple_of(ALIGN) {
            self.out.write_all(&[0])?;
            self.at += 1;
        }
        Ok(())
    }
}

fn header(count: u32, uuid: TenantUuid, opstamp: Opstamp, table_offset: u64) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..VERSION_AT].copy_from_slice(&HEADER_MAGIC);
    bytes[VERSION_AT..COUNT_AT].copy_from_slice(&VERSION.to_le_bytes());
    bytes[COUNT_AT..UUID_AT].copy_from_slice(&count.to_le_bytes());
    bytes[UUID_AT..OPSTAMP_AT].copy_from_slice(&uuid.0);
    bytes[OPSTAMP_AT..TABLE_OFFSET_AT].copy_from_slice(&opstamp.0.to_le_bytes());
    bytes[TABLE_OFFSET_AT..HEADER_USED].copy_from_slice(&table_offset.to_le_bytes());
    bytes
}

fn digest(header: &[u8], table: &[u8]) -> [u8; DIGEST_LEN] {
    let mut hash = Xxh3::new();
    hash.update(header);
    hash.update(table);
    hash.digest128().to_le_bytes()
}

/// What a file says of itself, once all of it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) uuid: TenantUuid,
    pub(crate) opstamp: Opstamp,
    pub(crate) seal: Seal,
    pub(crate) sections: Vec<Section>,
}

impl Layout {
    /// Checks a whole file: every byte of it is covered by a checksum or must be zero. Linear in its length.
    ///
    /// # Errors
    /// [`SnapshotDefect`] says what does not match.
    pub(crate) fn check(file: &[u8]) -> Result<Self, SnapshotDefect> {
        let found = file.len() as u64;
        let (Some(header), Some(footer)) = (file.first_chunk::<HEADER_LEN>(), file.last_chunk::<FOOTER_LEN>()) else {
            return Err(SnapshotDefect::TooShort(found));
        };
        if file.len() < MIN_LEN {
            return Err(SnapshotDefect::TooShort(found));
        }
        // The version comes first: a newer one may have another footer.
        if header[..VERSION_AT] != HEADER_MAGIC {
            return Err(SnapshotDefect::Magic("beginning"));
        }
        match u32_at(header, VERSION_AT) {
            VERSION => {}
            newer if newer > VERSION => return Err(SnapshotDefect::Newer { found: newer, known: VERSION }),
            never => return Err(SnapshotDefect::Version(never)),
        }
        if footer[FOOTER_MAGIC_AT..] != FOOTER_MAGIC {
            return Err(SnapshotDefect::Magic("end"));
        }
        let expected = u64_at(footer, 0);
        if expected != found {
            return Err(SnapshotDefect::Length { expected, found });
        }

        // The count decides where the table must begin, and the digest then proves both.
        let count = usize::try_from(u32_at(header, COUNT_AT)).map_err(|_wide| SnapshotDefect::Geometry("table"))?;
        let table_at = count
            .checked_mul(ENTRY_LEN)
            .and_then(|table| (file.len() - FOOTER_LEN).checked_sub(table))
            .filter(|at| *at >= HEADER_LEN && *at as u64 == u64_at(header, TABLE_OFFSET_AT))
            .ok_or(SnapshotDefect::Geometry("table"))?;
        let table = &file[table_at..file.len() - FOOTER_LEN];
        if footer[FOOTER_DIGEST_AT..FOOTER_MAGIC_AT] != digest(header, table) {
            return Err(SnapshotDefect::Digest);
        }

        let mut sections = Vec::with_capacity(count);
        let mut end = HEADER_LEN;
        let (entries, _) = table.as_chunks::<ENTRY_LEN>();
        for entry in entries {
            let section = Section::from_bytes(entry);
            let body = padded(file, table_at, end, section.offset)?;
            let bytes = usize::try_from(section.len)
                .ok()
                .and_then(|len| body.checked_add(len))
                .filter(|end| *end <= table_at)
                .map(|end| &file[body..end])
                .ok_or(SnapshotDefect::Geometry("section"))?;
            if xxh3_64(bytes) != section.sum {
                return Err(SnapshotDefect::Section(section.id));
            }
            end = body + bytes.len();
            sections.push(section);
        }
        padded(file, table_at, end, table_at as u64)?;
        Ok(Self {
            uuid: TenantUuid(array_at(header, UUID_AT)),
            opstamp: Opstamp(u64_at(header, OPSTAMP_AT)),
            seal: Seal { len: found, digest: array_at(footer, FOOTER_DIGEST_AT) },
            sections,
        })
    }
}

/// Where the next part begins after one that ends at `end`, if that is `stated` and there are only zeros between.
fn padded(file: &[u8], limit: usize, end: usize, stated: u64) -> Result<usize, SnapshotDefect> {
    let at = (end as u64).next_multiple_of(ALIGN);
    let start = usize::try_from(at).ok().filter(|start| at == stated && *start <= limit);
    let start = start.ok_or(SnapshotDefect::Geometry("section"))?;
    if file[end..start].iter().any(|byte| *byte != 0) {
        return Err(SnapshotDefect::Geometry("padding"));
    }
    Ok(start)
}

/// The `N` bytes from `at` on, which the constants above keep inside.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const UUID: TenantUuid = TenantUuid([7; 16]);

    fn encode(sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut encoder = Encoder::new(Cursor::new(Vec::new()), UUID, Opstamp(42)).unwrap();
        for (id, bytes) in sections {
            encoder.section(*id, bytes.chunks(7)).unwrap();
        }
        encoder.finish().unwrap().0.into_inner()
    }

    fn sample() -> Vec<u8> {
        encode(&[(3, vec![1; 64]), (1, Vec::new()), (9, b"nine".to_vec()), (4, vec![5; 65])])
    }

    /// Header and section table sealed again after a change to them.
    fn reseal(mut file: Vec<u8>) -> Vec<u8> {
        let footer_at = file.len() - FOOTER_LEN;
        let table_at = footer_at - u32_at(&file, COUNT_AT) as usize * ENTRY_LEN;
        let sum = digest(&file[..HEADER_LEN], &file[table_at..footer_at]);
        file[footer_at + FOOTER_DIGEST_AT..footer_at + FOOTER_MAGIC_AT].copy_from_slice(&sum);
        file
    }

    #[test]
    fn sections_come_back_aligned_and_in_order() {
        let mut random = fastrand::Rng::with_seed(2);
        for round in 0..200 {
            let sections: Vec<(u32, Vec<u8>)> = (0..random.u32(0..6))
                .map(|id| (id, (0..random.usize(0..200)).map(|_| random.u8(..)).collect()))
                .collect();
            let file = encode(&sections);
            let layout = Layout::check(&file).unwrap();
            assert_eq!((layout.uuid, layout.opstamp, layout.seal.len), (UUID, Opstamp(42), file.len() as u64));
            let found: Vec<(u32, Vec<u8>)> = layout
                .sections
                .iter()
                .map(|section| {
                    assert_eq!(section.offset % ALIGN, 0);
                    let start = usize::try_from(section.offset).unwrap();
                    (section.id, file[start..start + usize::try_from(section.len).unwrap()].to_vec())
                })
                .collect();
            assert_eq!(found, sections, "round {round}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let file = sample();
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Layout::check(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_and_every_addition_is_found() {
        let file = sample();
        for len in 0..file.len() {
            assert!(Layout::check(&file[..len]).is_err(), "{len}");
        }
        for more in [1, 31, 32, 64] {
            let mut longer = file.clone();
            longer.resize(file.len() + more, 0);
            assert!(Layout::check(&longer).is_err(), "{more}");
            let doubled = [&file[..], &file[file.len() - more..]].concat();
            assert!(Layout::check(&doubled).is_err(), "{more}");
        }
    }

    #[test]
    fn other_versions_are_refused_by_name() {
        for (version, says) in [(VERSION + 1, "newer version"), (u32::MAX, "newer version"), (0, "no program")] {
            let mut file = sample();
            file[VERSION_AT..COUNT_AT].copy_from_slice(&version.to_le_bytes());
            let error = Layout::check(&reseal(file)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn numbers_that_lie_are_refused_behind_a_right_digest() {
        let file = sample();
        let table_at = usize::try_from(u64_at(&file, TABLE_OFFSET_AT)).unwrap();
        let second = table_at + ENTRY_LEN;
        for lie in [0, 1, 63, 64, 128, 192, u64::from(u32::MAX), u64::MAX - 63, u64::MAX] {
            for at in [second + ENTRY_OFFSET_AT, second + ENTRY_LEN_AT, TABLE_OFFSET_AT] {
                let mut lying = file.clone();
                lying[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                if lying != file {
                    assert!(Layout::check(&reseal(lying)).is_err(), "{lie} at {at}");
                }
            }
        }
        for count in [0, 3, 5, u32::MAX] {
            let mut lying = file.clone();
            lying[COUNT_AT..UUID_AT].copy_from_slice(&count.to_le_bytes());
            assert!(Layout::check(&lying).is_err(), "{count}");
        }
    }

    #[test]
    fn a_file_after_a_failed_write_is_never_finished() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes == b"no room" { Err(io::Error::other("full")) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Seek for Full {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        let mut encoder = Encoder::new(Full, UUID, Opstamp(1)).unwrap();
        assert!(encoder.section(1, [b"no room"]).is_err());
        assert!(encoder.section(2, [b"room"]).is_ok());
        assert!(encoder.finish().is_err());
    }
}
