mod chunks;
mod damage;
mod lines;
mod round_trip;

use ticketscope_model::{Change, Schema};

use crate::{Chunks, Format, Line, LineError, Parser};

/// Every line of `input`, cut into chunks of about `chunk_bytes`.
fn lines_cut(input: &[u8], format: Format, chunk_bytes: usize, max_line_bytes: usize) -> Vec<Line> {
    let schema = Schema::builtin();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let parser = Parser::new(format, &many);
    let chunks = Chunks::with_limits(input, chunk_bytes, max_line_bytes).unwrap();
    chunks.flat_map(|chunk| parser.lines(&chunk.unwrap())).collect()
}

fn lines(input: &[u8], format: Format) -> Vec<Line> {
    lines_cut(input, format, 1 << 20, crate::MAX_LINE_BYTES)
}

/// What the only line of `line` states.
fn one(line: &str, format: Format) -> Result<Change, LineError> {
    let mut lines = lines(line.as_bytes(), format);
    assert_eq!(lines.len(), 1, "{line}");
    lines.remove(0).change
}
