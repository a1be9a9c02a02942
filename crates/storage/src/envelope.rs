//! The envelope around every value in the database.
//!
//! ```text
//! offset  0         1        2           3                7
//!         version   kind     encoding    crc32c           payload
//!         u8        u8       u8          u32              rest of the value
//! ```
//!
//! The checksum is CRC-32C over `version kind encoding | length of the key as u32 | key | payload`, so that a flipped
//! bit, a row under another row's key and a row of another table are all found when the row is read. Payload as
//! stored: with encoding [`RAW`] the value itself, with [`ZSTD`] the length of the value (u32) and a zstd frame of it.
//! All integers are little-endian.

use crate::Defect;

/// The newest version, which is what is written.
pub(crate) const VERSION: u8 = 1;

const VERSION_AT: usize = 0;
const KIND_AT: usize = VERSION_AT + 1;
const ENCODING_AT: usize = KIND_AT + 1;
const CRC_AT: usize = ENCODING_AT + 1;
/// Where the payload begins.
pub(crate) const PAYLOAD_AT: usize = CRC_AT + size_of::<u32>();

const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// The length of the value before the zstd frame.
const RAW_LEN_BYTES: usize = size_of::<u32>();

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 64 << 10;

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 1 << 30;

/// Values from this length on are compressed if that makes them shorter: below it zstd gains little and costs reads.
const COMPRESS_FROM_BYTES: usize = 512;

/// The fastest level that still halves ticket text; commits wait for it.
const ZSTD_LEVEL: i32 = 1;

/// Which table a value is of. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Meta = 1,
    Log = 2,
    Tickets = 3,
    Texts = 4,
    Revs = 5,
    Values = 6,
    Facts = 7,
}

/// An envelope, and the checksum in it.
pub(crate) struct Sealed<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) crc: u32,
}

/// Puts values into envelopes, reusing its buffers.
pub(crate) struct Sealer {
    envelope: Vec<u8>,
    zstd: zstd::bulk::Compressor<'static>,
}

impl Sealer {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { envelope: Vec::new(), zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)? })
    }

    /// The envelope of `value`, which is at most [`MAX_VALUE_BYTES`] long.
    pub(crate) fn seal(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Sealed<'_> {
        self.envelope.clear();
        self.envelope.extend_from_slice(&[VERSION, kind as u8, RAW]);
        self.envelope.extend_from_slice(&[0; size_of::<u32>()]);
        if !self.push_compressed(value) {
            self.envelope.truncate(PAYLOAD_AT);
            self.envelope.extend_from_slice(value);
        }
        let crc = checksum(&self.envelope, key);
        self.envelope[CRC_AT..PAYLOAD_AT].copy_from_slice(&crc.to_le_bytes());
        Sealed { bytes: &self.envelope, crc }
    }

    /// Whether the compressed value was appended, with the encoding set to match.
    fn push_compressed(&mut self, value: &[u8]) -> bool {
        let Ok(len) = u32::try_from(value.len()) else { return false };
        if value.len() < COMPRESS_FROM_BYTES {
            return false;
        }
        // One byte less than the value itself would take, so that a frame that gains nothing does not fit.
        let frame_at = PAYLOAD_AT + RAW_LEN_BYTES;
        self.envelope.extend_from_slice(&len.to_le_bytes());
        self.envelope.resize(PAYLOAD_AT + value.len() - 1, 0);
        let Ok(frame_len) = self.zstd.compress_to_buffer(value, &mut self.envelope[frame_at..]) else { return false };
        self.envelope.truncate(frame_at + frame_len);
        self.envelope[ENCODING_AT] = ZSTD;
        true
    }
}

/// The checksum stored in an envelope, not verified; `None` if it is too short to have one.
pub(crate) fn stored_checksum(envelope: &[u8]) -> Option<u32> {
    let bytes = envelope.get(CRC_AT..PAYLOAD_AT)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Takes values out of envelopes, reusing its buffers.
#[derive(Default)]
pub(crate) struct Opener {
    value: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Opener {
    /// Checks an envelope and takes the value out.
    ///
    /// # Errors
    /// [`Defect`] says what does not match.
    pub(crate) fn open<'a>(&'a mut self, kind: Kind, key: &[u8], envelope: &'a [u8]) -> Result<&'a [u8], Defect> {
        let stored = stored_checksum(envelope).ok_or(Defect::Length(envelope.len()))?;
        match envelope[VERSION_AT] {
            VERSION => {}
            newer if newer > VERSION => return Err(Defect::Newer { found: newer.into(), known: VERSION.into() }),
            never => return Err(Defect::Version(never.into())),
        }
        let computed = checksum(envelope, key);
        if stored != computed {
            return Err(Defect::Checksum { stored, computed });
        }
        if envelope[KIND_AT] != kind as u8 {
            return Err(Defect::Kind { expected: kind as u8, found: envelope[KIND_AT] });
        }
        let payload = &envelope[PAYLOAD_AT..];
        match envelope[ENCODING_AT] {
            RAW => Ok(payload),
            ZSTD => self.decompress(payload),
            _ => Err(Defect::Encoding("unknown encoding")),
        }
    }

    fn decompress(&mut self, payload: &[u8]) -> Result<&[u8], Defect> {
        let no_len = Defect::Encoding("no length before the compressed value");
        let (len, frame) = payload.split_first_chunk().ok_or(no_len)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|len| *len <= MAX_VALUE_BYTES);
        let len = len.ok_or(Defect::Encoding("too long"))?;
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new().map_err(|_no_memory| NO_FRAME)?),
        };
        self.value.clear();
        self.value.reserve(len);
        zstd.decompress_to_buffer(frame, &mut self.value).map_err(|_code| NO_FRAME)?;
        if self.value.len() != len {
            return Err(Defect::Encoding("the compressed value has another length than stated"));
        }
        Ok(&self.value)
    }
}

const NO_FRAME: Defect = Defect::Encoding("the compressed value is no zstd frame");

fn checksum(envelope: &[u8], key: &[u8]) -> u32 {
    // A key longer than a u32 can say is refused before it is written, and fails here as a checksum that does not match.
    let key_len = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let crc = crc32c::crc32c(&envelope[..CRC_AT]);
    let crc = crc32c::crc32c_append(crc, &key_len.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, key);
    crc32c::crc32c_append(crc, &envelope[PAYLOAD_AT..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(kind: Kind, key: &[u8], value: &[u8]) -> Vec<u8> {
        Sealer::new().unwrap().seal(kind, key, value).bytes.to_vec()
    }

    fn open(kind: Kind, key: &[u8], envelope: &[u8]) -> Result<Vec<u8>, Defect> {
        Opener::default().open(kind, key, envelope).map(<[u8]>::to_vec)
    }

    #[test]
    fn values_of_every_length_come_back() {
        let mut random = fastrand::Rng::with_seed(1);
        for len in [0, 1, 2, COMPRESS_FROM_BYTES - 1, COMPRESS_FROM_BYTES, COMPRESS_FROM_BYTES + 1, 100_000] {
            let noise: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
            for value in [noise, vec![b'a'; len]] {
                let envelope = seal(Kind::Texts, b"key", &value);
                assert_eq!(open(Kind::Texts, b"key", &envelope).unwrap(), value, "{len}");
                assert!(envelope.len() <= PAYLOAD_AT + value.len());
            }
        }
        assert!(seal(Kind::Texts, b"key", &[b'a'; COMPRESS_FROM_BYTES]).len() < 100);
    }

    /// CRC-32C bit by bit, from its polynomial.
    fn slow_crc32c(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
        })
    }

    #[test]
    fn an_envelope_is_what_its_drawing_says() {
        let crc = slow_crc32c(b"\x01\x03\x00\x02\x00\x00\x0017open");
        let expected = [&[1, 3, 0], &crc.to_le_bytes()[..], b"open"].concat();
        assert_eq!(seal(Kind::Tickets, b"17", b"open"), expected);
    }

    #[test]
    fn buffers_that_were_used_give_the_same_bytes() {
        let (mut sealer, mut opener) = (Sealer::new().unwrap(), Opener::default());
        for value in [vec![b'a'; 4000], b"short".to_vec(), vec![b'b'; 600], Vec::new()] {
            let envelope = sealer.seal(Kind::Facts, b"k", &value).bytes;
            assert_eq!(envelope, seal(Kind::Facts, b"k", &value));
            assert_eq!(opener.open(Kind::Facts, b"k", envelope).unwrap(), value);
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for value in [b"open".to_vec(), vec![b'z'; 600]] {
            let envelope = seal(Kind::Tickets, b"17", &value);
            for bit in 0..envelope.len() * 8 {
                let mut flipped = envelope.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(open(Kind::Tickets, b"17", &flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn every_cut_is_found() {
        let envelope = seal(Kind::Tickets, b"17", b"open");
        for len in 0..envelope.len() {
            assert!(open(Kind::Tickets, b"17", &envelope[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_row_under_another_key_or_in_another_table_is_found() {
        let envelope = seal(Kind::Tickets, b"17", b"open");
        assert!(matches!(open(Kind::Tickets, b"18", &envelope), Err(Defect::Checksum { .. })));
        assert!(matches!(open(Kind::Tickets, b"1", &envelope), Err(Defect::Checksum { .. })));
        assert!(matches!(open(Kind::Texts, b"17", &envelope), Err(Defect::Kind { expected: 4, found: 3 })));
    }

    #[test]
    fn other_versions_are_refused_by_name() {
        let mut envelope = seal(Kind::Tickets, b"17", b"open");
        envelope[VERSION_AT] = VERSION + 1;
        let newer = open(Kind::Tickets, b"17", &envelope).unwrap_err();
        assert_eq!(newer, Defect::Newer { found: 2, known: 1 });
        assert!(newer.to_string().contains("newer version"), "{newer}");
        envelope[VERSION_AT] = 0;
        assert_eq!(open(Kind::Tickets, b"17", &envelope), Err(Defect::Version(0)));
    }

    #[test]
    fn an_encoding_that_lies_is_refused_behind_a_right_checksum() {
        let reseal = |mut envelope: Vec<u8>| {
            let crc = checksum(&envelope, b"k");
            envelope[CRC_AT..PAYLOAD_AT].copy_from_slice(&crc.to_le_bytes());
            envelope
        };
        let good = seal(Kind::Texts, b"k", &[b'a'; 600]);
        assert!(open(Kind::Texts, b"k", &reseal(good.clone())).is_ok());
        for (at, with) in
            [(ENCODING_AT, 2), (PAYLOAD_AT, 89), (PAYLOAD_AT, 87), (PAYLOAD_AT + 3, 255), (PAYLOAD_AT + 4, 0)]
        {
            let mut lying = good.clone();
            lying[at] = with;
            assert!(matches!(open(Kind::Texts, b"k", &reseal(lying)), Err(Defect::Encoding(_))), "{at} {with}");
        }
        let short = reseal(good[..PAYLOAD_AT + 3].to_vec());
        assert!(matches!(open(Kind::Texts, b"k", &short), Err(Defect::Encoding(_))));
    }
}
