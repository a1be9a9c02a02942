use bytes::Bytes;
use thiserror::Error;

/// A section's bytes do not have the form they should: they were written by something else.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("section {section:#x} is damaged at byte {offset}: {what}")]
pub struct SectionError {
    /// Which section.
    pub section: u32,
    /// Where in it.
    pub offset: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Writes one section: little-endian numbers and byte strings, aligned where words follow.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
}

impl Writer {
    pub(crate) fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, number: i64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn number(&mut self, number: usize) {
        self.out.extend_from_slice(&(number as u64).to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn u32s(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        self.number(numbers.len());
        numbers.for_each(|number| self.u32(number));
    }

    pub(crate) fn align(&mut self) {
        self.out.resize(self.out.len().next_multiple_of(8), 0);
    }
}

/// Reads one section; every length is checked before it is used.
#[derive(Debug)]
pub(crate) struct Reader {
    section: u32,
    input: Bytes,
    at: usize,
}

impl Reader {
    pub(crate) fn new(section: u32, input: Bytes) -> Self {
        Self { section, input, at: 0 }
    }

    pub(crate) fn damaged(&self, what: &'static str) -> SectionError {
        SectionError { section: self.section, offset: self.at, what }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<Bytes, SectionError> {
        match self.at.checked_add(len) {
            Some(end) if end <= self.input.len() => {
                let bytes = self.input.slice(self.at..end);
                self.at = end;
                Ok(bytes)
            }
            _ => Err(self.damaged("it ends too early")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SectionError> {
        let bytes = self.input.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).copied();
        let bytes = bytes.ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += N;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, SectionError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, SectionError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn number(&mut self) -> Result<usize, SectionError> {
        let number = u64::from_le_bytes(self.array()?);
        match usize::try_from(number) {
            // Whatever is counted takes at least one byte.
            Ok(number) if number <= self.input.len() => Ok(number),
            _ => Err(self.damaged("a count is larger than the section")),
        }
    }

    pub(crate) fn u32s(&mut self) -> Result<crate::ords::U32s, SectionError> {
        let count = self.number()?;
        Ok(crate::ords::U32s::Mapped(self.bytes(count.saturating_mul(4))?))
    }

    pub(crate) fn align(&mut self) -> Result<(), SectionError> {
        let to = self.at.next_multiple_of(8);
        self.bytes(to - self.at).map(|_| ())
    }

    pub(crate) fn rest(&self) -> Bytes {
        self.input.slice(self.at..)
    }

    pub(crate) fn end(&self) -> Result<(), SectionError> {
        if self.at == self.input.len() { Ok(()) } else { Err(self.damaged("it goes on after its end")) }
    }
}
