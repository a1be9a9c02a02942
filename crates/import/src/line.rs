use memchr::memchr_iter;
use ticketscope_model::Change;

use crate::{Chunk, Format, LineError, Problem, error::Fault, event, json::Cursor, names::Names, scope_jsonl, ticket};

/// One line that is not blank.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its number, from 1; blank lines count.
    pub number: u64,
    /// Its first byte in the decompressed input.
    pub offset: u64,
    /// What it states.
    pub change: Result<Change, LineError>,
}

/// Turns chunks into lines; shared by threads.
#[derive(Clone, Copy)]
pub struct Parser<'m> {
    format: Format,
    many: &'m (dyn Fn(&str) -> bool + Sync),
}

impl std::fmt::Debug for Parser<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<'m> Parser<'m> {
    /// A parser of lines of `format`. `many` says, by a field's name as the line writes it, whether a ticket may hold
    /// several values of it: an event of such a field adds or removes one. Only events ask.
    pub fn new(format: Format, many: &'m (dyn Fn(&str) -> bool + Sync)) -> Self {
        Self { format, many }
    }

    /// The lines of `chunk` that are not blank, in order. Linear in the size of the chunk; each line stands alone.
    pub fn lines(&self, chunk: &Chunk) -> Vec<Line> {
        if let Some(long) = chunk.too_long {
            let problem = Problem::LineTooLong { bytes: long.bytes, max: long.max };
            let error = LineError { line: chunk.first_line, column: 1, problem };
            return vec![Line { number: chunk.first_line, offset: chunk.offset, change: Err(error) }];
        }
        // One check for all lines, and line by line only where it fails.
        let text = str::from_utf8(&chunk.bytes).ok();
        let mut names = Names::new();
        let mut lines = Vec::new();
        let mut start = 0;
        let ends = memchr_iter(b'\n', &chunk.bytes).chain([chunk.bytes.len()]);
        for (number, end) in (chunk.first_line..).zip(ends) {
            let bytes = &chunk.bytes[start..end];
            let offset = chunk.offset + start as u64;
            let span = start..end;
            start = end + 1;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let line = match text {
                Some(text) => Ok(&text[span]),
                None => {
                    str::from_utf8(bytes).map_err(|error| Fault { at: error.valid_up_to(), problem: Problem::NotUtf8 })
                }
            };
            let change = line.and_then(|line| self.change(line, &mut names)).map_err(|fault| LineError {
                line: number,
                column: fault.at + 1,
                problem: fault.problem,
            });
            lines.push(Line { number, offset, change });
        }
        lines
    }

    fn change(&self, line: &str, names: &mut Names) -> Result<Change, Fault> {
        let mut cursor = Cursor::new(line);
        if let Some(found) = cursor.shape().filter(|shape| *shape != "an object") {
            return Err(Fault { at: cursor.at(), problem: Problem::NotAnObject { found } });
        }
        let change = match self.format {
            Format::ScopeJsonl => scope_jsonl::change(&mut cursor, names),
            Format::Tickets => ticket::change(&mut cursor, names),
            Format::Events => event::change(&mut cursor, names, self.many),
        }?;
        cursor.end()?;
        Ok(change)
    }
}
