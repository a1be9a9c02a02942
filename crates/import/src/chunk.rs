use std::{
    fmt,
    io::{self, Read},
};

use memchr::{memchr, memchr_iter, memrchr};

use crate::{DetectError, Format, Line, ReadError, input::Input};

/// The longest line, in bytes without its line feed: 64 MiB.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// How much of the input makes a chunk, in bytes; a longer line makes one alone.
const CHUNK_BYTES: usize = 1 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Some whole lines of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) first_line: u64,
    pub(crate) offset: u64,
    pub(crate) too_long: Option<TooLong>,
}

/// In place of a line that was read past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) bytes: u64,
    pub(crate) max: usize,
}

impl Chunk {
    /// The bytes of a line that was parsed from this chunk, without its line feed; nothing for a line longer than
    /// [`MAX_LINE_BYTES`], which was never held, and for a line of another chunk.
    pub fn bytes_of(&self, line: &Line) -> Option<&[u8]> {
        let start = usize::try_from(line.offset.checked_sub(self.offset)?).ok()?;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        rest.get(..memchr(b'\n', rest).unwrap_or(rest.len()))
    }

    /// How many bytes it holds: none where it stands for a line that was too long.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Cuts an input into chunks of whole lines of about 1 MiB, in order; holds one chunk and at most one line more.
///
/// The input is UTF-8 or zstd of it (told by its first bytes; window up to 128 MiB); a byte order mark is dropped.
/// After an error the iteration ends.
pub struct Chunks<R: Read> {
    input: Input<R>,
    /// What was read and not yet handed out: never a whole line, but for the first bytes after a long one.
    rest: Vec<u8>,
    chunk_bytes: usize,
    max_line_bytes: usize,
    lines: u64,
    offset: u64,
    ended: bool,
    peeked: Option<Chunk>,
}

impl<R: Read> fmt::Debug for Chunks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("lines", &self.lines).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<R: Read> Chunks<R> {
    /// Begins with the first bytes of `read`, which need not be buffered.
    ///
    /// # Errors
    /// [`ReadError`] if they cannot be read.
    pub fn new(read: R) -> Result<Self, ReadError> {
        Self::with_limits(read, CHUNK_BYTES, MAX_LINE_BYTES)
    }

    pub(crate) fn with_limits(read: R, chunk_bytes: usize, max_line_bytes: usize) -> Result<Self, ReadError> {
        let first = |source| ReadError { lines: 0, offset: 0, source };
        let mut input = Input::new(read).map_err(first)?;
        let mut rest = Vec::new();
        input.by_ref().take(BOM.len() as u64).read_to_end(&mut rest).map_err(first)?;
        let mut offset = 0;
        if rest == BOM {
            offset = BOM.len() as u64;
            rest.clear();
        }
        // A chunk no longer than a line may be: then no line inside a chunk is too long.
        let chunk_bytes = chunk_bytes.clamp(1, max_line_bytes.saturating_add(1));
        Ok(Self { input, rest, chunk_bytes, max_line_bytes, lines: 0, offset, ended: false, peeked: None })
    }

    /// The format, told by the first line that is not blank; nothing if there is none. Chunks come as if this had
    /// not been called, but for chunks of blank lines only.
    ///
    /// # Errors
    /// [`DetectError`] says what that line holds, or that the input cannot be read.
    pub fn detect(&mut self) -> Result<Option<Format>, DetectError> {
        while let Some(chunk) = self.next() {
            let chunk = chunk?;
            let lines = chunk.bytes.split(|byte| *byte == b'\n');
            let first = lines.enumerate().find(|(_, line)| !line.trim_ascii().is_empty());
            let (line, format) = match (first, chunk.too_long) {
                (Some((at, line)), _) => (
                    chunk.first_line + at as u64,
                    str::from_utf8(line)
                        .map_err(|error| format!("bytes that are not UTF-8 at column {}", error.valid_up_to() + 1))
                        .and_then(Format::of_line),
                ),
                (None, Some(long)) => (chunk.first_line, Err(format!("a line of {} bytes", long.bytes))),
                (None, None) => continue,
            };
            self.peeked = Some(chunk);
            return format.map(Some).map_err(|found| DetectError::Unknown { line, found });
        }
        Ok(None)
    }

    /// Reads until `rest` has `target` bytes or the input ends.
    fn fill(&mut self, target: usize) -> io::Result<()> {
        let missing = target.saturating_sub(self.rest.len());
        if missing > 0 && !self.ended {
            let read = self.input.by_ref().take(missing as u64).read_to_end(&mut self.rest)?;
            self.ended = read < missing;
        }
        Ok(())
    }

    fn cut(&mut self) -> io::Result<Option<Chunk>> {
        let mut target = self.chunk_bytes;
        let mut searched = 0;
        loop {
            self.fill(target)?;
            if let Some(at) = memrchr(b'\n', &self.rest[searched..]) {
                let rest = self.rest.split_off(searched + at + 1);
                let bytes = std::mem::replace(&mut self.rest, rest);
                return Ok(Some(self.hand_out(bytes)));
            }
            if self.rest.len() > self.max_line_bytes {
                return self.pass_long_line().map(Some);
            }
            if self.ended {
                let bytes = std::mem::take(&mut self.rest);
                return Ok(if bytes.is_empty() { None } else { Some(self.hand_out(bytes)) });
            }
            searched = self.rest.len();
            target = target.saturating_mul(2).min(self.max_line_bytes.saturating_add(1));
        }
    }

    fn hand_out(&mut self, bytes: Vec<u8>) -> Chunk {
        let chunk = Chunk { bytes, first_line: self.lines + 1, offset: self.offset, too_long: None };
        self.lines += memchr_iter(b'\n', &chunk.bytes).count() as u64;
        self.offset += chunk.bytes.len() as u64;
        chunk
    }

    /// Reads to the end of the line that `rest` begins and keeps only its length.
    fn pass_long_line(&mut self) -> io::Result<Chunk> {
        let mut bytes = 0;
        let feed = loop {
            if let Some(at) = memchr(b'\n', &self.rest) {
                bytes += at as u64;
                self.rest.drain(..=at);
                break 1;
            }
            bytes += self.rest.len() as u64;
            self.rest.clear();
            if self.ended {
                break 0;
            }
            self.fill(self.chunk_bytes)?;
        };
        let too_long = Some(TooLong { bytes, max: self.max_line_bytes });
        let chunk = Chunk { bytes: Vec::new(), first_line: self.lines + 1, offset: self.offset, too_long };
        self.lines += 1;
        self.offset += bytes + feed;
        Ok(chunk)
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Chunk, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(chunk) = self.peeked.take() {
            return Some(Ok(chunk));
        }
        match self.cut() {
            Ok(chunk) => chunk.map(Ok),
            Err(source) => {
                self.ended = true;
                self.rest.clear();
                Some(Err(ReadError { lines: self.lines, offset: self.offset, source }))
            }
        }
    }
}
