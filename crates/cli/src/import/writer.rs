//! Lines into batches, batches into the tenant.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use ticketscope_import::{Chunk, Format, Line, LineError};
use ticketscope_model::{Change, Complete, Fact, Listing};

use super::{
    Tally,
    rejects::{Reject, Rejects},
    target::{Many, Target},
};
use crate::{exit::Exit, failure::Failure, operator::Refused, output::grouped};

/// Bytes of input after which a batch is full whatever its lines: what is held of a batch is bounded by this and the
/// longest line.
const MAX_BATCH_BYTES: usize = 32 << 20;

/// Why an import ends before its input.
#[derive(Debug)]
pub(super) enum Stop {
    /// A line was rejected, and nothing after it is wanted.
    Rejected,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Applies lines in order, in batches.
#[derive(Debug)]
pub(super) struct Writer {
    target: Target,
    batch: usize,
    keep_going: bool,
    rejects: Rejects,
    tally: Tally,
    kinds: BTreeMap<String, u64>,
    stopped: Option<(String, u64)>,
    ends_with_tickets: bool,
    file: String,
    bar: ProgressBar,
    pending: Pending,
}

/// Lines that wait for their batch to be full.
#[derive(Debug, Default)]
struct Pending {
    changes: Vec<Change>,
    /// Number and, if it may have to be kept, raw bytes of the line behind each change.
    origins: Vec<(u64, Option<Vec<u8>>)>,
    /// Lines between them that state no change.
    rejected: Vec<Reject>,
    bytes: usize,
}

/// How it went.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) tally: Tally,
    /// What the lines were applied to.
    pub(super) target: Target,
    /// How many changes of each kind were read.
    pub(super) kinds: BTreeMap<String, u64>,
    /// File and line of the rejected line at which the import stopped.
    pub(super) stopped: Option<(String, u64)>,
    /// Whether the last line closes a listing of tickets.
    pub(super) ends_with_tickets: bool,
    /// Whether the rejected lines could be kept.
    pub(super) rejects: Result<(), Failure>,
}

impl Writer {
    pub(super) fn new(target: Target, batch: usize, keep_going: bool, rejects: Rejects) -> Self {
        Self {
            target,
            batch,
            keep_going,
            rejects,
            tally: Tally::default(),
            kinds: BTreeMap::new(),
            stopped: None,
            ends_with_tickets: false,
            file: String::new(),
            bar: ProgressBar::hidden(),
            pending: Pending::default(),
        }
    }

    /// The lines that follow are of this file; by which fields they are to be read.
    pub(super) fn begin_file(&mut self, file: String, format: Format, bar: ProgressBar) -> Result<Many, Failure> {
        self.file = file;
        self.bar = bar;
        self.target.begin_file(format)
    }

    /// Takes the lines of a chunk and applies every batch that became full.
    pub(super) fn take(&mut self, chunk: &Chunk, lines: Vec<Line>) -> Result<(), Stop> {
        let bytes_of_line = chunk.len() / lines.len().max(1);
        for line in lines {
            let is_kept = self.rejects.keeps() || self.target.takes_lines();
            let raw = if is_kept { chunk.bytes_of(&line).map(<[u8]>::to_vec) } else { None };
            self.tally.lines += 1;
            match line.change {
                Ok(change) => {
                    let kind = change.fact.kind();
                    match self.kinds.get_mut(kind) {
                        Some(count) => *count += 1,
                        None => drop(self.kinds.insert(kind.to_owned(), 1)),
                    }
                    self.ends_with_tickets =
                        matches!(change.fact, Fact::Complete(Complete { what: Listing::Tickets, .. }));
                    self.pending.changes.push(change);
                    self.pending.origins.push((line.number, raw));
                }
                Err(error) => {
                    self.pending.rejected.push(of_line(&error, raw));
                    if !self.keep_going {
                        return self.apply();
                    }
                }
            }
            self.pending.bytes += bytes_of_line;
            if self.pending.changes.len() >= self.batch || self.pending.bytes >= MAX_BATCH_BYTES {
                self.apply()?;
            }
        }
        Ok(())
    }

    /// Applies what is left of the file.
    pub(super) fn end_file(&mut self) -> Result<(), Stop> {
        let applied = self.apply();
        self.bar.finish_and_clear();
        applied
    }

    /// Ends the import.
    pub(super) fn finish(self) -> Told {
        self.bar.finish_and_clear();
        let rejects = self.rejects.finish().map_err(|error| unkept(&error));
        Told {
            target: self.target,
            tally: self.tally,
            kinds: self.kinds,
            stopped: self.stopped,
            ends_with_tickets: self.ends_with_tickets,
            rejects,
        }
    }

    /// Applies the batch; without `keep_going` only up to the first rejected line.
    fn apply(&mut self) -> Result<(), Stop> {
        let Pending { changes, mut origins, mut rejected, .. } = std::mem::take(&mut self.pending);
        let stated = changes.len();
        let refused = if changes.is_empty() {
            Vec::new()
        } else {
            let lines = origins.iter().filter_map(|(_, raw)| raw.as_deref());
            self.target.apply(changes, lines, !self.keep_going)?
        };
        if !self.keep_going
            && let Some(Refused { at, .. }) = refused.first()
        {
            // A line that comes after the refused one was not looked at, whatever is wrong with it.
            self.tally.lines -= (stated - at - 1 + rejected.len()) as u64;
            self.tally.applied += *at as u64;
            rejected.clear();
        } else {
            self.tally.applied += (stated - refused.len()) as u64;
        }
        for Refused { at, message, code } in refused {
            let (line, raw) = std::mem::take(&mut origins[at]);
            rejected.push(Reject { line, column: 1, message, code, raw });
        }
        rejected.sort_by_key(|reject| reject.line);
        self.tally.rejected += rejected.len() as u64;
        for reject in &rejected {
            self.rejects.add(&self.file, reject, &self.bar).map_err(|error| unkept(&error))?;
        }
        self.bar.set_message(format!("{} lines", grouped(self.tally.lines)));
        match rejected.first() {
            Some(first) if !self.keep_going => {
                self.stopped = Some((self.file.clone(), first.line));
                Err(Stop::Rejected)
            }
            _ => Ok(()),
        }
    }
}

fn of_line(error: &LineError, raw: Option<Vec<u8>>) -> Reject {
    let code = error.code().into();
    Reject { line: error.line, column: error.column, message: error.problem.to_string(), code, raw }
}

fn unkept(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, "reject_file", "cannot write the rejected lines").caused_by(Some(error))
}
