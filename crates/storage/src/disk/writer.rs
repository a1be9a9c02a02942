use std::io::{self, Seek, SeekFrom, Write};

use super::DiskFile;

/// Writes a file from front to back, unbuffered.
#[derive(Debug)]
pub struct FileWriter {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl FileWriter {
    /// Starts at the beginning of `file`.
    #[must_use]
    pub fn new(file: Box<dyn DiskFile>) -> Self {
        Self { file, at: 0 }
    }

    /// [`DiskFile::sync`].
    ///
    /// # Errors
    /// The system's; the file is then to be given up.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for FileWriter {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.size()?.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
