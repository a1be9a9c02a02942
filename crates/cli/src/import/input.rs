//! One file, or stdin.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ticketscope_import::{Chunks, Format};

use super::{
    lines::{Step, read_lines},
    writer::{Stop, Writer},
};
use crate::{exit::Exit, failure::Failure, panics};

/// Where lines come from.
#[derive(Debug)]
pub(super) struct Input {
    path: PathBuf,
    is_stdin: bool,
}

impl Input {
    /// The file `path`; `-` is stdin.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), is_stdin: path.as_os_str() == "-" }
    }

    /// As messages call it.
    pub(super) fn name(&self) -> String {
        if self.is_stdin { "<stdin>".to_owned() } else { self.path.display().to_string() }
    }

    /// The file, unless it is stdin.
    pub(super) fn path(&self) -> Option<&Path> {
        (!self.is_stdin).then_some(self.path.as_path())
    }

    /// Finds out, before anything is applied, that the file cannot be opened or is of no known format. What can be
    /// read only once, stdin or a pipe, is left alone.
    pub(super) fn probe(&self, forced: Option<Format>) -> Result<(), Failure> {
        if self.is_stdin {
            return Ok(());
        }
        let meta = self.path.metadata().map_err(|error| self.unreadable(&error))?;
        if meta.is_dir() {
            let message = format!("{} is a directory", self.name());
            return Err(Failure::new(Exit::Usage, "input", message).hint("name the files in it"));
        }
        if meta.is_file() {
            let file = File::open(&self.path).map_err(|error| self.unreadable(&error))?;
            self.chunks(file, forced)?;
        }
        Ok(())
    }

    /// Applies every line.
    pub(super) fn import(&self, forced: Option<Format>, writer: &mut Writer) -> Result<(), Stop> {
        let (source, bar) = self.open()?;
        let (chunks, format) = self.chunks(source, forced)?;
        let Some(format) = format else { return Ok(()) };
        let many = writer.begin_file(self.name(), format, bar)?;
        let steps = read_lines(chunks, format, many);
        for step in steps {
            match step {
                Step::Lines(chunk, lines) => writer.take(&chunk, lines)?,
                Step::Failed(error) => {
                    writer.end_file()?;
                    let failure = Failure::new(Exit::Usage, "input", format!("cannot read {}", self.name()));
                    return Err(Stop::Failed(failure.caused_by(Some(&error))));
                }
                Step::End => return writer.end_file(),
            }
        }
        // Only a thread that panicked ends without saying so.
        let message = format!("reading {} broke off: {}", self.name(), panics::last());
        Err(Stop::Failed(Failure::new(Exit::Internal, "panic", message)))
    }

    fn open(&self) -> Result<(Box<dyn Read + Send>, ProgressBar), Failure> {
        if self.is_stdin {
            return Ok((Box::new(io::stdin()), bar(None, "<stdin>")));
        }
        let file = File::open(&self.path).map_err(|error| self.unreadable(&error))?;
        let len = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
        let bar = bar(len, &self.name());
        Ok((Box::new(bar.wrap_read(file)), bar))
    }

    /// The lines of `source` and their format; no format if there are none.
    fn chunks<R: Read>(&self, source: R, forced: Option<Format>) -> Result<(Chunks<R>, Option<Format>), Failure> {
        let failed = |error: &dyn std::error::Error| {
            let failure = Failure::new(Exit::Usage, "input", format!("cannot import {}", self.name()));
            failure.caused_by(Some(error))
        };
        let mut chunks = Chunks::new(source).map_err(|error| failed(&error))?;
        let format = match forced {
            Some(format) => Some(format),
            None => chunks.detect().map_err(|error| failed(&error))?,
        };
        Ok((chunks, format))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::Usage, "input", format!("cannot open {}", self.name())).caused_by(Some(error))
    }
}

/// A progress bar on stderr, where that is a terminal.
fn bar(len: Option<u64>, name: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match len {
        Some(len) => (ProgressBar::new(len), "{prefix} {wide_bar} {percent}% {msg} {eta}"),
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {msg} {elapsed}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(crate::output::clean(name));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
