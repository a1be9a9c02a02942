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

/// The lines of an input in order, parsed ahead by all cores. Held at once are at most six groups of two chunks for each
/// core: read, waiting, parsed, waiting for the receiver. A chunk has about 1 MiB, or one line.
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use ticketscope_model::Schema;

    use super::*;

    fn read<R: Read + Send + 'static>(input: R) -> Receiver<Step> {
        let chunks = Chunks::new(input).unwrap();
        read_lines(chunks, Format::ScopeJsonl, Many::Of(Arc::new(Schema::builtin())))
    }

    /// Some MiB of lines, of which a few are long, blank or wrong in some way, with both line ends.
    fn random_input(rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut input = Vec::new();
        let most = rng.usize(1..6 << 20);
        while input.len() < most {
            match rng.u8(..) {
                0 => input.extend_from_slice(b"\xff\xfe"),
                1 => input.extend_from_slice(b"{\"k\":\"ticket\""),
                2 => input.extend_from_slice(b"{\"k\":\"nothing\"}"),
                3 => input.extend_from_slice(b" \t"),
                4 => input.extend_from_slice(&b"x".repeat(rng.usize(0..3 << 20))),
                id => {
                    let body = "word ".repeat(rng.usize(0..2_000));
                    let line = format!(r#"{{"k":"ticket","id":{id},"status":"open","subject":"{body}"}}"#);
                    input.extend_from_slice(line.as_bytes());
                }
            }
            input.extend_from_slice(if rng.bool() { b"\n" } else { b"\r\n" });
        }
        // The last line may be cut anywhere.
        input.truncate(input.len() - rng.usize(0..20).min(input.len()));
        input
    }

    /// The lines as one thread parses them, one chunk after the other.
    fn serial(input: &[u8]) -> Vec<(Chunk, Vec<Line>)> {
        let parser = Parser::new(Format::ScopeJsonl, &|_| false);
        Chunks::new(input)
            .unwrap()
            .map(|chunk| chunk.unwrap())
            .map(|chunk| (chunk.clone(), parser.lines(&chunk)))
            .collect()
    }

    #[test]
    fn lines_parsed_ahead_are_those_parsed_one_after_the_other_errors_included() {
        let mut errors = 0;
        for seed in 0..12 {
            let input = random_input(&mut fastrand::Rng::with_seed(seed));
            let expected = serial(&input);
            errors += expected.iter().flat_map(|(_, lines)| lines).filter(|line| line.change.is_err()).count();
            let mut steps = read(std::io::Cursor::new(input)).into_iter();
            for (number, expected) in expected.into_iter().enumerate() {
                match steps.next() {
                    Some(Step::Lines(chunk, lines)) => {
                        assert!((chunk, lines) == expected, "seed {seed}: chunk {number} differs");
                    }
                    _ => panic!("seed {seed}: no chunk {number}"),
                }
            }
            assert!(matches!(steps.next(), Some(Step::End)), "seed {seed}");
        }
        assert!(errors > 50, "only {errors} lines are wrong");
    }

    #[test]
    fn an_input_that_breaks_off_gives_the_lines_before_and_then_its_error() {
        /// Fails at its end.
        struct Broken(std::io::Cursor<Vec<u8>>);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                match self.0.read(buffer)? {
                    0 if !buffer.is_empty() => Err(std::io::Error::other("unplugged")),
                    read => Ok(read),
                }
            }
        }
        let input: Vec<u8> = b"{\"k\":\"del\",\"ticket\":1}\n".repeat(200_000);
        let mut lines = 0;
        for step in read(Broken(std::io::Cursor::new(input))) {
            match step {
                Step::Lines(_, of_chunk) => lines += of_chunk.len(),
                Step::Failed(error) => {
                    assert_eq!(error.lines, lines as u64);
                    assert!(lines > 100_000, "only {lines} lines before the end");
                    return;
                }
                Step::End => break,
            }
        }
        panic!("the error is not told");
    }

    #[test]
    fn what_is_read_ahead_is_bounded_however_slow_the_receiver() {
        /// The same line for ever, and how many bytes of it were read.
        struct Endless(Arc<AtomicUsize>);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                const LINE: &[u8] = b"{\"k\":\"del\",\"ticket\":123}\n";
                let from = self.0.fetch_add(buffer.len(), SeqCst);
                buffer.iter_mut().zip(LINE.iter().cycle().skip(from % LINE.len())).for_each(|(to, byte)| *to = *byte);
                Ok(buffer.len())
            }
        }
        let bytes_read = Arc::new(AtomicUsize::new(0));
        let steps = read(Endless(Arc::clone(&bytes_read)));
        let group = rayon::current_num_threads() * 2;
        let mut received = 0;
        for _ in 0..12 * group {
            match steps.recv() {
                Ok(Step::Lines(chunk, _)) => received += chunk.len(),
                _ => panic!("it has no end"),
            }
            let ahead = bytes_read.load(SeqCst) - received;
            assert!(ahead <= (6 * group + 2) << 20, "{ahead} bytes are read ahead");
        }
    }
}
