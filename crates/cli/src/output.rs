//! Answers on stdout: JSON, or tables and lines for people.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, presets};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where answers go. What is written here fails with an error and never panics, also when nobody reads.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Stdout {
        is_terminal: bool,
        out: BufWriter<StdoutLock<'static>>,
    },
    /// For another process to print.
    Kept(Vec<Piece>),
}

/// Something that is printed. How wide a table may be is known only where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    /// A line as it is: JSON, so that nobody writes its numbers anew.
    Json(String),
    /// A line for people.
    Line(String),
    /// A table for people.
    Sheet(Sheet),
}

/// The line below the names of columns on a terminal.
const RULE: char = '\u{2500}';

/// Columns up to this many characters wide are never wrapped: a date and a time fit.
const WHOLE: u16 = 20;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Align {
    Left,
    /// Of numbers.
    Right,
}

/// Rows for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let sink = Sink::Stdout { is_terminal: stdout.is_terminal(), out: BufWriter::new(stdout.lock()) };
        Self { json, sink }
    }

    /// What is written here is kept.
    pub(crate) fn kept(json: bool) -> Self {
        Self { json, sink: Sink::Kept(Vec::new()) }
    }

    /// What was kept.
    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        match self.sink {
            Sink::Stdout { .. } => Vec::new(),
            Sink::Kept(pieces) => pieces,
        }
    }

    /// Something that was kept elsewhere, or is.
    pub(crate) fn piece(&mut self, piece: Piece) -> io::Result<()> {
        let (is_terminal, out) = match &mut self.sink {
            Sink::Stdout { is_terminal, out } => (*is_terminal, out),
            Sink::Kept(pieces) => {
                pieces.push(piece);
                return Ok(());
            }
        };
        match piece {
            Piece::Json(text) => writeln!(out, "{text}"),
            Piece::Line(text) => writeln!(out, "{}", clean(&text)),
            Piece::Sheet(sheet) => {
                for line in sheet.to_table(is_terminal).lines() {
                    writeln!(out, "{}", line.trim_end())?;
                }
                Ok(())
            }
        }
    }

    /// Whether a program reads.
    pub(crate) fn wants_json(&self) -> bool {
        self.json
    }

    /// One JSON value on a line.
    pub(crate) fn json(&mut self, value: &Value) -> io::Result<()> {
        self.piece(Piece::Json(value.to_string()))
    }

    /// A line for people.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        self.piece(Piece::Line(clean(text.as_ref())))
    }

    /// A line about what is going on: for people among the answers, else on stderr.
    pub(crate) fn say(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        if self.json {
            Self::warn(text);
            return Ok(());
        }
        self.line(text)?;
        self.flush()
    }

    /// A table about what is going on, where there are people to read it.
    pub(crate) fn tell(&mut self, sheet: &Sheet) -> io::Result<()> {
        if self.json { Ok(()) } else { self.sheet(sheet) }
    }

    /// Lines for whoever started a program that goes on running.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        for line in text.as_ref().lines() {
            // Nobody reads any more: the program goes on.
            drop(self.say(line));
        }
    }

    /// A line on stderr.
    pub(crate) fn warn(text: impl AsRef<str>) {
        drop(writeln!(io::stderr(), "{}", clean(text.as_ref())));
    }

    /// A table for people: as wide as the terminal, or plain text where there is none.
    pub(crate) fn sheet(&mut self, sheet: &Sheet) -> io::Result<()> {
        self.piece(Piece::Sheet(sheet.clone()))
    }

    /// Hands over what is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout { out, .. } => out.flush(),
            Sink::Kept(_) => Ok(()),
        }
    }
}

impl Sheet {
    /// A table with these columns.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    fn to_table(&self, terminal: bool) -> Table {
        let mut table = Table::new();
        if terminal {
            table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(RULE).junction(RULE)));
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.load_style(presets::NOTHING);
            table.set_content_arrangement(ContentArrangement::Disabled);
            table.force_no_tty();
        }
        let cell = |text: &str, align| {
            let side = if align == Align::Right { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(side)
        };
        table.set_header(self.columns.iter().map(|(name, align)| cell(name, *align)));
        for row in &self.rows {
            table.add_row(row.iter().zip(&self.columns).map(|(text, (_, align))| cell(text, *align)));
        }
        if terminal {
            // Where the terminal is narrow, long texts are wrapped and not ids and dates.
            let widths = table.column_max_content_widths();
            for (column, _) in table.column_iter_mut().zip(widths).filter(|(_, width)| *width <= WHOLE) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }
}

/// `text` without characters that steer a terminal: values of tickets may hold any.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 tickets`, `1 ticket`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Bytes in the unit in which they are easy to read.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scale: u64 = 1;
    while unit + 1 < UNITS.len() && number / scale >= 1024 {
        scale *= 1024;
        unit += 1;
    }
    if unit == 0 {
        return format!("{number} B");
    }
    let tenths = (u128::from(number) * 10 + u128::from(scale) / 2) / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (204_560, "204,560"), (12_345_678, "12,345,678")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "ticket"), "1 ticket");
        assert_eq!(counted(0, "ticket"), "0 tickets");
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_fits() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (3 << 50, "3072.0 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn no_value_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
    }

    #[test]
    fn numbers_stand_right_and_piped_tables_are_plain() {
        let mut sheet = Sheet::new([("value", Align::Left), ("count", Align::Right)]);
        sheet.row(["open".to_owned(), "7".to_owned()]);
        sheet.row(["closed".to_owned(), "120".to_owned()]);
        let lines: Vec<String> = sheet.to_table(false).lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines, [" value   count", " open        7", " closed    120"]);
    }
}
