//! Help desk exports: a stream of bytes to changes.

use std::io::{self, Read};

use ticketscope_import::{Chunk, Chunks, Format, Line, Parser, write_change};

use crate::desk::SCHEMA;

/// The decompressed bytes of an input that are read; a small one may stand for very many.
const MAX_BYTES: usize = 4 << 20;

/// Lines are the same however the bytes arrive and whether they are compressed; a change that scope-jsonl can say is read
/// back from it as the same; no more lines come than line feeds announce.
pub(crate) fn import(bytes: &[u8]) {
    let Some((format, chunks)) = read(bytes) else { return };
    let lines = lines(format, &chunks);
    let feeds = chunks.iter().map(Chunk::len).sum::<usize>();
    assert!(lines.len() <= feeds + 1);
    assert!(lines.iter().map(|line| line.number).is_sorted_by(|a, b| a < b), "lines are numbered in order");
    for line in &lines {
        let bytes = chunks.iter().find_map(|chunk| chunk.bytes_of(line));
        assert!(bytes.is_some_and(|bytes| !bytes.contains(&b'\n')), "a line is one of the input");
        match &line.change {
            Ok(change) => {
                let mut written = Vec::new();
                if write_change(change, &mut written).is_ok() {
                    let again = self::lines(Format::ScopeJsonl, &read_as(&written));
                    let [Line { change: Ok(again), .. }] = &again[..] else {
                        panic!("{change:?} was written as {:?}", String::from_utf8_lossy(&written))
                    };
                    assert_eq!(again, change, "written as {:?}", String::from_utf8_lossy(&written));
                }
            }
            Err(error) => {
                assert_eq!(error.line, line.number);
                let shown = error.to_string();
                assert!(!shown.contains(char::is_control) && shown.len() < 4000, "{shown:?}");
            }
        }
    }
    if !bytes.starts_with(ZSTD_MAGIC) {
        assert_eq!(self::lines(format, &collect(Chunks::new(Drops(bytes)))), lines, "the same in drops");
        let compressed = zstd::bulk::compress(bytes, 1).expect("what fits into memory can be compressed");
        assert_eq!(self::lines(format, &read_as(&compressed)), lines, "the same compressed");
    }
}

const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

fn read(bytes: &[u8]) -> Option<(Format, Vec<Chunk>)> {
    let mut chunks = Chunks::new(bytes).ok()?;
    let format = chunks.detect().ok()??;
    Some((format, collect(Ok(chunks))))
}

fn read_as(bytes: &[u8]) -> Vec<Chunk> {
    collect(Chunks::new(bytes))
}

fn collect<R: Read>(chunks: Result<Chunks<R>, ticketscope_import::ReadError>) -> Vec<Chunk> {
    let mut size = 0;
    let chunks = chunks.into_iter().flatten().map_while(Result::ok);
    chunks
        .take_while(|chunk| {
            size += chunk.len();
            size <= MAX_BYTES
        })
        .collect()
}

fn lines(format: Format, chunks: &[Chunk]) -> Vec<Line> {
    let many = |field: &str| SCHEMA.field(field).is_some_and(|field| field.many);
    let parser = Parser::new(format, &many);
    chunks.iter().flat_map(|chunk| parser.lines(chunk)).collect()
}

/// Gives one to seven bytes at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (self.0.len() % 7 + 1).min(self.0.len()).min(buffer.len());
        let (now, rest) = self.0.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.0 = rest;
        Ok(size)
    }
}
