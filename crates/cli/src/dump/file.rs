use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, StdoutLock, Write},
    path::{Path, PathBuf},
};

use crate::{exit::Exit, failure::Failure};

/// Lines are written through a buffer of this size.
const BUFFER_BYTES: usize = 1 << 20;

/// How much zstd tries: lines shrink to a tenth, at some hundred MiB a second.
const ZSTD_LEVEL: i32 = 3;

/// Lines on their way.
pub(super) enum Sink {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
    Stdout(BufWriter<StdoutLock<'static>>),
}

impl Sink {
    pub(super) fn stdout() -> Self {
        Self::Stdout(BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Zstd(out) => out.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Zstd(out) => out.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

/// A file of lines, compressed if its name ends in `.zst`. It has its name once it is whole and durable; dropped before,
/// nothing is left of it.
pub(super) struct DumpFile {
    path: PathBuf,
    temporary: PathBuf,
    sink: Option<Sink>,
}

impl DumpFile {
    /// Makes a file that must not exist.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let exists = |path: &Path| {
            let message = format!("{} exists already", path.display());
            Failure::new(Exit::Usage, "file_exists", message).hint("name another file, or remove it if it is of no use")
        };
        let Some(name) = path.file_name() else {
            let message = format!("{} is no name for a file", path.display());
            return Err(Failure::new(Exit::Usage, "file", message));
        };
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let mut partial = name.to_owned();
        partial.push(".partial");
        let temporary = path.with_file_name(partial);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&temporary)),
            opened => opened.map_err(|error| failed(path, &error))?,
        };
        // From here on it is removed if this fails.
        let mut dump = Self { path: path.to_owned(), temporary, sink: None };
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        dump.sink = Some(if path.extension().is_some_and(|extension| extension == "zst") {
            let mut encoder =
                zstd::stream::write::Encoder::new(file, ZSTD_LEVEL).map_err(|error| failed(path, &error))?;
            // A line that was altered may well be one that could have been written.
            encoder.include_checksum(true).map_err(|error| failed(path, &error))?;
            Sink::Zstd(Box::new(encoder))
        } else {
            Sink::Plain(file)
        });
        Ok(dump)
    }

    /// Makes it durable under its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let path = self.path.clone();
        self.settle().map_err(|error| failed(&path, &error))
    }

    fn settle(&mut self) -> io::Result<()> {
        let buffer = match self.sink.take() {
            Some(Sink::Plain(out)) => out,
            Some(Sink::Zstd(out)) => out.finish()?,
            Some(Sink::Stdout(_)) | None => return Err(io::Error::other("it is no file")),
        };
        buffer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Write for DumpFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Some(sink) => sink.write(bytes),
            None => Err(io::Error::other("it is finished")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for DumpFile {
    fn drop(&mut self) {
        // It has its name, or it is of no use.
        drop(fs::remove_file(&self.temporary));
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Data, "file", format!("cannot write {}", path.display())).caused_by(Some(error))
}
