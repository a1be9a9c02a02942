//! Lines that were rejected: told on stderr, and kept in a file if asked for.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use indicatif::ProgressBar;

use super::input::Input;
use crate::{exit::Exit, failure::Failure, output::clean};

/// Rejected lines that are told one by one; the others are counted.
const TOLD: u64 = 20;

/// A line that was rejected.
#[derive(Debug)]
pub(super) struct Reject {
    /// Its number, from 1.
    pub(super) line: u64,
    /// The byte of the line where the trouble is, from 1.
    pub(super) column: usize,
    /// What is wrong.
    pub(super) message: String,
    /// The same for programs.
    pub(super) code: Cow<'static, str>,
    /// The line as it is; nothing if nobody keeps it, or if it was too long to be held.
    pub(super) raw: Option<Vec<u8>>,
}

/// Where rejected lines go.
#[derive(Debug)]
pub(super) struct Rejects {
    kept: Option<BufWriter<File>>,
    told: u64,
    untold: u64,
}

impl Rejects {
    /// Keeps rejected lines in the file `path`, which must not be one of the inputs.
    pub(super) fn new(path: Option<&Path>, inputs: &[Input]) -> Result<Self, Failure> {
        let kept = match path {
            Some(path) => Some(BufWriter::new(create(path, inputs)?)),
            None => None,
        };
        Ok(Self { kept, told: 0, untold: 0 })
    }

    /// Whether raw lines are wanted.
    pub(super) fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Tells and keeps a line of `file`.
    pub(super) fn add(&mut self, file: &str, reject: &Reject, bar: &ProgressBar) -> io::Result<()> {
        if self.told < TOLD {
            self.told += 1;
            let Reject { line, column, message, code, .. } = reject;
            let text = format!("{}:{line}:{column}: {} ({code})\n", clean(file), clean(message));
            // Nobody may be there to read it; the lines are counted all the same.
            bar.suspend(|| drop(io::stderr().lock().write_all(text.as_bytes())));
        } else {
            self.untold += 1;
        }
        if let (Some(kept), Some(raw)) = (&mut self.kept, &reject.raw) {
            kept.write_all(raw)?;
            kept.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Tells how many were not told, and makes sure that the others are kept.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.untold > 0 {
            let text = format!("... and {} more\n", self.untold);
            drop(io::stderr().lock().write_all(text.as_bytes()));
        }
        match &mut self.kept {
            Some(kept) => kept.flush(),
            None => Ok(()),
        }
    }
}

fn create(path: &Path, inputs: &[Input]) -> Result<File, Failure> {
    let same = |input: &Input| {
        let (Some(Ok(input)), Ok(path)) = (input.path().map(Path::canonicalize), path.canonicalize()) else {
            return false;
        };
        input == path
    };
    if inputs.iter().any(same) {
        let message = format!("--reject {} is one of the files to import, and would be overwritten", path.display());
        return Err(Failure::new(Exit::Usage, "reject_file", message).hint("name another file"));
    }
    File::create(path).map_err(|error| {
        let message = format!("cannot create {} for rejected lines", path.display());
        Failure::new(Exit::Usage, "reject_file", message).caused_by(Some(&error))
    })
}
