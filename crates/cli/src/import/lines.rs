//! The threads that read and parse ahead of the writer.

use std::{
    io::Read,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use rayon::prelude::*;
use ticketscope_import::{Chunk, Chunks, Format, Line, Parser, ReadError};

use super::target::Many;

/// What comes next of an input.
pub(super) enum Step {
    /// Some lines, and the bytes they were parsed from.
    Lines(Chunk, Vec<Line>),
    /// The input broke off after the lines before.
    Failed(ReadError),
    /// That was all.
    End,
}

/// The lines of an input in order, parsed ahead by all cores: at most a few chunks of about 1 MiB for each are held.
///
/// The threads end when the input does or the receiver is dropped. Nobody waits for them, for a read from a pipe may
/// take for ever; whoever reads to [`Step::End`] has seen everything.
pub(super) fn read_lines<R: Read + Send + 'static>(chunks: Chunks<R>, format: Format, many: Many) -> Receiver<Step> {
    let group = rayon::current_num_threads() * 2;
    let (to_parser, groups) = sync_channel(1);
    thread::spawn(move || {
        let mut chunks = chunks.peekable();
        while chunks.peek().is_some() {
            if to_parser.send(chunks.by_ref().take(group).collect::<Vec<_>>()).is_err() {
                return;
            }
        }
        // Dropping the sender without this would look like a panic.
        drop(to_parser.send(Vec::new()));
    });
    let (to_writer, steps) = sync_channel(group);
    thread::spawn(move || {
        let many = |field: &str| many.holds(field);
        let parser = Parser::new(format, &many);
        for group in groups {
            let end = group.is_empty();
            let parsed: Vec<Step> = group
                .into_par_iter()
                .map(|chunk: Result<Chunk, ReadError>| match chunk {
                    Ok(chunk) => {
                        let lines = parser.lines(&chunk);
                        Step::Lines(chunk, lines)
                    }
                    Err(error) => Step::Failed(error),
                })
                .collect();
            for step in parsed.into_iter().chain(end.then_some(Step::End)) {
                if to_writer.send(step).is_err() {
                    return;
                }
            }
        }
    });
    steps
}
