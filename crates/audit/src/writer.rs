//! The end of a log, ready to be appended to. Whoever uses this holds the lock of the directory.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{
    chain::{self, Defect, Head, Rest},
    entry::{Action, Actor, Decision, Entry},
    error::{FileError, OpenError, VerifyError},
    files, head,
};

#[derive(Debug)]
pub(crate) struct Writer {
    number: u32,
    file: File,
    len: u64,
    head: Head,
    head_file: File,
    /// Whether records may be on their way to the disk.
    unsynced: bool,
}

/// What a crash left after the last whole record.
struct Torn {
    from: usize,
    bytes: Vec<u8>,
}

impl Writer {
    /// Finds the end of the log in `dir`, which is made if it is not there. What a crash left of the last record is moved
    /// out of the way, and that is recorded as of `at`.
    ///
    /// Reads the newest file, and the one before if the newest has no record yet.
    pub(crate) fn load(dir: &Path, at: i64) -> Result<Self, OpenError> {
        let numbers = files::numbers(dir)?;
        let durable = head::read(dir)?;
        let (number, walked, torn) = match numbers.last() {
            None => (1, Head::EMPTY, None),
            Some(newest) => end(dir, *newest, durable)?,
        };
        match durable {
            None if walked.seq > 0 => return Err(VerifyError::NoHead { path: head::path(dir) }.into()),
            None => head::begin(dir)?,
            Some(known) if known.seq > walked.seq => {
                let path = files::path(dir, number);
                return Err(VerifyError::Truncated { path, found: walked, known }.into());
            }
            Some(_) => {}
        }
        let path = files::path(dir, number);
        let file = files::open(&path)?;
        files::sync_dir(dir)?;
        let head_file = files::open(&head::path(dir))?;
        let measured = |error| FileError { action: "measure", path: path.clone(), source: error };
        let len = file.metadata().map_err(measured)?.len();
        let mut writer = Self { number, file, len, head: walked, head_file, unsynced: true };
        if let Some(torn) = torn {
            writer.recover(dir, &torn, at)?;
        }
        // What was written and not known to be durable is there and whole: from here on it is to stay.
        writer.sync(dir)?;
        Ok(writer)
    }

    /// Moves a torn end out of the way and says so in the log.
    fn recover(&mut self, dir: &Path, torn: &Torn, at: i64) -> Result<(), FileError> {
        let kept = dir.join(format!("{:06}.torn-{}", self.number, self.head.seq + 1));
        let mut aside = files::open(&kept)?;
        let written = aside.set_len(0).and_then(|()| aside.write_all(&torn.bytes)).and_then(|()| aside.sync_all());
        written.map_err(files::failed("write", &kept))?;
        files::sync_dir(dir)?;
        self.cut(torn.from as u64).map_err(files::failed("cut", &files::path(dir, self.number)))?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entry = Entry::new(at, Actor::Log, Action::Recovered, Decision::Done)
            .about("file", name(&files::path(dir, self.number)))
            .about("bytes", torn.bytes.len())
            .about("kept", name(&kept));
        self.write(dir, [&entry])
    }

    /// Whether the log is as this writer left it: another process may have appended, or somebody replaced the files.
    pub(crate) fn is_at_end(&self, dir: &Path) -> io::Result<bool> {
        let is_same = self.file.metadata()?.len() == self.len
            && files::is_at(&self.file, &files::path(dir, self.number))?
            && files::is_at(&self.head_file, &head::path(dir))?;
        Ok(is_same && !files::path(dir, self.number + 1).exists())
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Goes on in a new file if this one has `max` bytes.
    pub(crate) fn rotate(&mut self, dir: &Path, max: u64) -> Result<(), FileError> {
        if self.len < max {
            return Ok(());
        }
        // The file is left for good: nothing of it may still be on its way.
        self.sync(dir)?;
        let path = files::path(dir, self.number + 1);
        let file = files::open(&path)?;
        files::sync_dir(dir)?;
        (self.number, self.file, self.len) = (self.number + 1, file, 0);
        Ok(())
    }

    /// Writes records after the last one; not yet durable. Nothing is written if it fails.
    pub(crate) fn write<'e>(
        &mut self,
        dir: &Path,
        entries: impl IntoIterator<Item = &'e Entry>,
    ) -> Result<(), FileError> {
        let mut text = String::new();
        let head = entries.into_iter().fold(self.head, |head, entry| chain::push(&mut text, entry, head));
        let written = self.file.seek(SeekFrom::Start(self.len)).and_then(|_| self.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            let path = files::path(dir, self.number);
            self.cut(self.len).map_err(files::failed("cut", &path))?;
            return Err(files::failed("append to", &path)(error));
        }
        self.unsynced = true;
        self.len += text.len() as u64;
        self.head = head;
        Ok(())
    }

    /// Makes every record durable, then says so in the head.
    pub(crate) fn sync(&mut self, dir: &Path) -> Result<(), FileError> {
        if !self.unsynced {
            return Ok(());
        }
        self.file.sync_data().map_err(files::failed("sync", &files::path(dir, self.number)))?;
        head::write(&self.head_file, self.head).map_err(files::failed("write", &head::path(dir)))?;
        self.unsynced = false;
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.sync_data()?;
        self.len = len;
        Ok(())
    }
}

/// The end of the log whose newest file is `newest`: the file to go on in, the head, and what is torn.
fn end(dir: &Path, newest: u32, durable: Option<Head>) -> Result<(u32, Head, Option<Torn>), VerifyError> {
    let bytes = read(dir, newest)?;
    let before = match chain::head_before(&bytes) {
        Some(before) => before,
        None if newest == 1 => Head::EMPTY,
        // A file in which nothing is whole yet: the chain ends in the one before, of which everything was made durable.
        None => head_of_full(dir, newest - 1, durable)?,
    };
    let walk = chain::walk(&bytes, before, |head| crate::verify::agree(head, durable));
    if let (Rest::Wrong(defect @ Defect::Rewritten), path) = (walk.rest, files::path(dir, newest)) {
        return Err(VerifyError::Line { path, line: walk.lines + 1, defect });
    }
    // Nothing that was acknowledged is torn: the head that the caller compares with tells.
    let torn = (walk.rest != Rest::Nothing).then(|| Torn { from: walk.good, bytes: bytes[walk.good..].to_vec() });
    Ok((newest, walk.head, torn))
}

/// The head after the last record of a file that was left for good.
fn head_of_full(dir: &Path, number: u32, durable: Option<Head>) -> Result<Head, VerifyError> {
    let path = files::path(dir, number);
    let bytes = read(dir, number)?;
    let damaged = |line, defect| VerifyError::Line { path: path.clone(), line, defect };
    let before = chain::head_before(&bytes).ok_or_else(|| damaged(1, Defect::NotARecord))?;
    let walk = chain::walk(&bytes, before, |head| crate::verify::agree(head, durable));
    match walk.rest {
        Rest::Nothing => Ok(walk.head),
        Rest::Unfinished => Err(damaged(walk.lines + 1, Defect::NotARecord)),
        Rest::Wrong(defect) => Err(damaged(walk.lines + 1, defect)),
    }
}

fn read(dir: &Path, number: u32) -> Result<Vec<u8>, VerifyError> {
    let path = files::path(dir, number);
    files::read(&path)?.ok_or(VerifyError::MissingFile { path })
}
