use std::{
    fmt::Write,
    io::{self, Read},
};

use super::{lines, lines_cut};
use crate::{Chunks, DetectError, Format, Line, MAX_LINE_BYTES, Parser, ReadError};

/// Lines of many lengths, some blank, some bad, with both line ends.
fn random_input(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for at in 0..rng.usize(0..40) {
        match rng.u8(0..6) {
            0 => {}
            1 => input.extend_from_slice(b"  \t"),
            2 => input.extend_from_slice(b"{\"k\":\"nothing\"}"),
            3 => input.extend_from_slice(b"\xff\xfe"),
            _ => {
                let body = "\u{e9}".repeat(rng.usize(0..60));
                let line = format!(r#"{{"k":"ticket","id":{at},"subject":"{body}"}}"#);
                input.extend_from_slice(line.as_bytes());
            }
        }
        input.extend_from_slice(if rng.bool() { b"\n" } else { b"\r\n" });
    }
    if rng.bool() {
        input.pop();
    }
    input
}

/// Gives at most a few bytes at a time.
struct Trickle<'a>(&'a [u8], fastrand::Rng);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.1.usize(1..5).min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

/// Splits at every line feed, which is all there is to say about lines.
fn naive(input: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    let mut offset = 0;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        if !line.trim_ascii().is_empty() {
            lines.push((number, offset, line.to_vec()));
        }
        offset += line.len() as u64 + 1;
    }
    lines
}

#[test]
fn a_cut_anywhere_gives_the_same_lines() {
    for seed in 0..1_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let input = random_input(&mut rng);
        let whole = lines(&input, Format::ScopeJsonl);
        let chunk_bytes = rng.usize(1..300);
        assert_eq!(lines_cut(&input, Format::ScopeJsonl, chunk_bytes, MAX_LINE_BYTES), whole, "seed {seed}");

        let parser = Parser::new(Format::ScopeJsonl, &|_| false);
        let mut seen = Vec::new();
        for chunk in Chunks::with_limits(Trickle(&input, rng), chunk_bytes, MAX_LINE_BYTES).unwrap() {
            let chunk = chunk.unwrap();
            for line in parser.lines(&chunk) {
                seen.push((line.number, line.offset, chunk.bytes_of(&line).unwrap().to_vec()));
            }
        }
        assert_eq!(seen, naive(&input), "seed {seed}");
    }
}

#[test]
fn chunks_parsed_on_many_threads_give_the_same_lines() {
    let mut rng = fastrand::Rng::with_seed(7);
    let input: Vec<u8> = (0..50).flat_map(|_| [random_input(&mut rng), b"\n".to_vec()].concat()).collect();
    let parser = Parser::new(Format::ScopeJsonl, &|_| false);
    let chunks: Vec<_> = Chunks::with_limits(&*input, 500, MAX_LINE_BYTES).unwrap().map(Result::unwrap).collect();
    assert!(chunks.len() > 10);
    let parsed: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = chunks.iter().map(|chunk| scope.spawn(move || parser.lines(chunk))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(parsed, lines(&input, Format::ScopeJsonl));
}

#[test]
fn zstd_and_plain_agree_with_or_without_a_byte_order_mark() {
    for seed in 0..100 {
        let input = random_input(&mut fastrand::Rng::with_seed(seed));
        let plain = lines(&input, Format::ScopeJsonl);
        // In two frames, as appended files are.
        let (left, right) = input.split_at(input.len() / 2);
        let packed = [left, right].map(|half| zstd::encode_all(half, 1).unwrap()).concat();
        assert_eq!(lines(&packed, Format::ScopeJsonl), plain, "seed {seed}");

        let marked = [b"\xef\xbb\xbf", input.as_slice()].concat();
        let shifted: Vec<_> = plain.iter().cloned().map(|line| Line { offset: line.offset + 3, ..line }).collect();
        assert_eq!(lines(&marked, Format::ScopeJsonl), shifted, "seed {seed}");
        assert_eq!(lines(&zstd::encode_all(&*marked, 1).unwrap(), Format::ScopeJsonl), shifted, "seed {seed}");
    }
}

/// Why `input` cannot be read to its end.
fn read_error(input: &[u8]) -> ReadError {
    Chunks::new(input).and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err()
}

#[test]
fn damaged_compression_is_an_error_and_then_the_end() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut input = String::new();
    for _ in 0..200_000 {
        writeln!(input, r#"{{"k":"del","ticket":{}}}"#, rng.u64(..1 << 63)).unwrap();
    }
    let packed = zstd::encode_all(input.as_bytes(), 1).unwrap();
    let mut chunks = Chunks::new(&packed[..packed.len() - 5]).unwrap();
    let before = chunks.by_ref().take_while(Result::is_ok).count();
    assert!(before > 0 && chunks.next().is_none());

    let error = read_error(&packed[..packed.len() - 5]);
    assert_eq!(error.source.kind(), io::ErrorKind::UnexpectedEof);
    assert!(error.lines > 0 && error.offset > 0);
    assert!(error.to_string().starts_with("cannot read the input after line "), "{error}");
    read_error(&packed[..6]);
    read_error(&[&*packed, b"plain text"].concat());
}

#[test]
fn a_window_beyond_the_limit_is_refused() {
    let pack = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        io::Write::write_all(&mut encoder, b"{\"k\":\"del\",\"ticket\":1}\n").unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(lines(&pack(27), Format::ScopeJsonl).len(), 1);
    read_error(&pack(28));
}

#[test]
fn a_long_line_is_passed_and_the_next_ones_are_read() {
    for (length, fits) in [(99, true), (100, true), (101, false), (250, false), (5000, false)] {
        for last in [false, true] {
            let long = format!(r#"{{"k":"del","ticket":"{}"}}"#, "x".repeat(length - 23));
            assert_eq!(long.len(), length);
            let short = r#"{"k":"del","ticket":1}"#;
            let input = if last { format!("{short}\n{long}") } else { format!("{short}\n{long}\n{short}\n{short}") };
            for chunk_bytes in [1, 7, 64, 100, 101, 102, 1000] {
                let lines = lines_cut(input.as_bytes(), Format::ScopeJsonl, chunk_bytes, 100);
                let numbers: Vec<_> = lines.iter().map(|line| (line.number, line.offset)).collect();
                let expected: Vec<_> = naive(input.as_bytes()).iter().map(|line| (line.0, line.1)).collect();
                assert_eq!(numbers, expected, "length {length}, chunks of {chunk_bytes}");
                for line in &lines {
                    if line.number == 2 && !fits {
                        let error = line.change.clone().unwrap_err();
                        assert_eq!(error.code(), "line_too_long");
                        assert!(error.to_string().contains(&format!("{length} bytes")), "{error}");
                    } else {
                        assert!(line.change.is_ok(), "{line:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_format_is_told_by_the_first_line_that_is_not_blank() {
    let input = format!("{}{}\n", "\n \r\n".repeat(100), r#"{"id":1}"#);
    for chunk_bytes in [1, 50, 1000] {
        let mut chunks = Chunks::with_limits(input.as_bytes(), chunk_bytes, 1000).unwrap();
        assert_eq!(chunks.detect().unwrap(), Some(Format::Tickets));
        assert_eq!(chunks.detect().unwrap(), Some(Format::Tickets));
        let parser = Parser::new(Format::Tickets, &|_| false);
        let lines: Vec<_> = chunks.flat_map(|chunk| parser.lines(&chunk.unwrap())).collect();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [201]);
    }
}

#[test]
fn an_input_without_lines_has_no_format() {
    for input in ["", "\n", " \r\n\n", "\u{feff}"] {
        assert_eq!(Chunks::new(input.as_bytes()).unwrap().detect().unwrap(), None, "{input:?}");
    }
}

#[test]
fn an_unknown_format_is_described_with_the_choice() {
    for (input, found) in [
        (&b"\n[{\"id\":1}]"[..], "found a list;"),
        (b"\n{\"\xff", "found bytes that are not UTF-8 at column 3;"),
        (b"\n{\"name\":1}", "found an object with `name`;"),
    ] {
        let error = Chunks::new(input).unwrap().detect().unwrap_err();
        assert!(matches!(error, DetectError::Unknown { line: 2, .. }), "{error}");
        let message = error.to_string();
        for part in [found, "scope-jsonl", "tickets", "events"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
