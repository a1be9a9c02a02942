use std::io::{self, BufReader, Cursor, Read};

use zstd::stream::read::Decoder;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The largest window a zstd frame may ask for: 2^27 bytes, 128 MiB, so that a hostile frame cannot ask for more.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The head that was read to look at, put back before the rest.
type Whole<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// A byte stream, decompressed if it begins as a zstd frame.
pub(crate) enum Input<R: Read> {
    Plain(Whole<R>),
    Zstd(Box<Decoder<'static, BufReader<Whole<R>>>>),
}

impl<R: Read> Input<R> {
    pub(crate) fn new(mut read: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
        read.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head)?;
        let compressed = head == ZSTD_MAGIC;
        let whole = Cursor::new(head).chain(read);
        if !compressed {
            return Ok(Self::Plain(whole));
        }
        let mut decoder = Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Ok(Self::Zstd(Box::new(decoder)))
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(read) => read.read(buffer),
            Self::Zstd(read) => read.read(buffer),
        }
    }
}
