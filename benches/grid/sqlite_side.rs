//! SQLite with FTS5: a contentless full-text table beside the tickets, joined by rowid.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode, Row, params};

use crate::{
    census::{Census, Word},
    data::Data,
    question::{Column, Question, Shape},
    reach::Reach,
    side::{Answer, Failure, NEWEST, Side, TOP, Task},
    timing::TIMEOUT,
    words::{Cutter, Words},
};

/// The `ascii` tokenizer takes every character that is not ASCII for a letter, so that our words stay as they are.
const TABLES: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -262144;
PRAGMA mmap_size = 8589934592;
PRAGMA temp_store = MEMORY;
CREATE TABLE tickets (
    id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, status INTEGER, priority INTEGER, updated_at INTEGER NOT NULL
);
CREATE TABLE ticket_tags (tag INTEGER NOT NULL, ticket INTEGER NOT NULL, PRIMARY KEY (tag, ticket)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(stems, surfaces, content = '', tokenize = 'ascii');
BEGIN;
";

const INDEXES: &str = "
COMMIT;
INSERT INTO words (words) VALUES ('optimize');
CREATE INDEX by_group ON tickets (group_id, updated_at DESC, id);
CREATE INDEX by_time ON tickets (updated_at DESC, id);
CREATE INDEX by_status ON tickets (status);
CREATE INDEX by_priority ON tickets (priority);
CREATE TEMP TABLE scope (group_id INTEGER PRIMARY KEY);
ANALYZE;
";

/// A word between the parts of a text, so that no phrase reaches from part to part.
const GAP: &str = "\u{e000}";

/// Steps of its machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// The database.
pub(crate) struct Sqlite {
    database: Connection,
    census: Arc<Census>,
    scope: Option<&'static str>,
    statements: Vec<(Task, String)>,
    began: Instant,
    /// When the statement under way began, in milliseconds after `began`.
    statement: Arc<AtomicU64>,
}

impl Sqlite {
    /// Loads the tickets into a database at `place`.
    ///
    /// # Errors
    /// If the data cannot be read or the database not be written.
    pub(crate) fn build(data: &Data, place: &Path, census: Arc<Census>) -> Result<Self> {
        let mut database = Connection::open(place)?;
        database.execute_batch(TABLES)?;
        {
            let mut ticket_row = database.prepare("INSERT INTO tickets VALUES (?, ?, ?, ?, ?)")?;
            let mut tag_row = database.prepare("INSERT INTO ticket_tags VALUES (?, ?)")?;
            let mut word_row = database.prepare("INSERT INTO words (rowid, stems, surfaces) VALUES (?, ?, ?)")?;
            let mut cutter = Cutter::new();
            for ticket in data.tickets()? {
                let ticket = ticket?;
                ticket_row.execute(params![
                    ticket.id,
                    census.groups.code(&ticket.group),
                    ticket.status.as_ref().map(|value| census.statuses.code(value)),
                    ticket.priority.as_ref().map(|value| census.priorities.code(value)),
                    ticket.updated
                ])?;
                for tag in &ticket.tags {
                    tag_row.execute(params![census.tags.code(tag), ticket.id])?;
                }
                let words = cutter.cut(&ticket);
                word_row.execute(params![ticket.id, spaced(&words.stems), spaced(&words.surfaces)])?;
            }
        }
        database.execute_batch(INDEXES)?;
        let (began, statement) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let running = Arc::clone(&statement);
        let is_over = move || millis(began) > running.load(Relaxed) + millis_of_timeout();
        database.progress_handler(STEPS, Some(is_over))?;
        Ok(Self { database, census, scope: None, statements: Vec::new(), began, statement })
    }

    fn enter(&mut self, reach: &Reach) -> Result<()> {
        if self.scope == Some(reach.label) {
            return Ok(());
        }
        self.scope = Some(reach.label);
        self.statement.store(millis(self.began), Relaxed);
        self.database.execute("DELETE FROM scope", [])?;
        for group in reach.groups.iter().flatten() {
            self.database.execute("INSERT INTO scope VALUES (?)", [self.census.groups.code(group)])?;
        }
        Ok(())
    }

    fn rows<T>(&self, task: Task, mut row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, Failure> {
        let statement = self.statements.iter().find(|(of, _)| *of == task).context("nothing was prepared")?;
        self.statement.store(millis(self.began), Relaxed);
        let rows = || self.database.prepare_cached(&statement.1)?.query_map([], &mut row)?.collect();
        let found: rusqlite::Result<Vec<T>> = { rows }();
        found.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Failure::Timeout,
            _ => Failure::Other(error.into()),
        })
    }

    fn count(&self) -> Result<u64, Failure> {
        let counts = self.rows(Task::Count, |row| row.get::<_, i64>(0))?;
        let count = counts.first().copied().context("a count")?;
        Ok(u64::try_from(count).context("a count")?)
    }

    /// The tables and conditions of a question.
    fn found(&self, question: &Question) -> String {
        let words = |column: &str, words: &str| {
            let words = words.replace('\'', "''");
            format!("FROM words JOIN tickets t ON t.id = words.rowid WHERE words MATCH '{column} : ({words})'")
        };
        let stem = |word: &Word| format!("\"{}\"", word.stem);
        match &question.shape {
            Shape::Word(word) => words("stems", &stem(word)),
            Shape::Both([a, b]) => words("stems", &format!("{} AND {}", stem(a), stem(b))),
            Shape::Any([a, b, c]) => words("stems", &format!("{} OR {} OR {}", stem(a), stem(b), stem(c))),
            Shape::Not([with, without]) => words("stems", &format!("{} NOT {}", stem(with), stem(without))),
            Shape::Phrase([a, b]) => words("surfaces", &format!("\"{a} {b}\"")),
            Shape::Prefix(beginning) => words("surfaces", &format!("\"{beginning}\" *")),
            Shape::Filter(values) => {
                let test = |(column, value): &(Column, Arc<str>)| match column {
                    Column::Status => format!("t.status = {}", self.census.statuses.code(value)),
                    Column::Priority => format!("t.priority = {}", self.census.priorities.code(value)),
                    Column::Tags => {
                        let code = self.census.tags.code(value);
                        format!("t.id IN (SELECT ticket FROM ticket_tags WHERE tag = {code})")
                    }
                };
                format!("FROM tickets t WHERE {}", values.iter().map(test).collect::<Vec<_>>().join(" AND "))
            }
            Shape::Everything => "FROM tickets t WHERE true".to_owned(),
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn millis_of_timeout() -> u64 {
    u64::try_from(TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

fn spaced(words: &Words) -> String {
    let mut text = String::new();
    let mut expected = 0;
    for (position, word) in words.iter() {
        if position > expected {
            text.push_str(GAP);
            text.push(' ');
        }
        expected = position + 1;
        text.push_str(word);
        text.push(' ');
    }
    text
}

impl Side for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite fts5"
    }

    fn prepare(&mut self, reach: &Reach, question: &Question) -> Result<(), Failure> {
        self.enter(reach)?;
        let scope = if reach.groups.is_some() { " AND t.group_id IN (SELECT group_id FROM scope)" } else { "" };
        let found = format!("{}{scope}", self.found(question));
        self.statements = vec![
            (Task::Newest, format!("SELECT t.id {found} ORDER BY t.updated_at DESC, t.id LIMIT {NEWEST}")),
            (Task::Count, format!("SELECT count(*) {found}")),
            (Task::Groups, format!("SELECT t.group_id, count(*) {found} GROUP BY t.group_id")),
        ];
        if question.has_words() {
            let rank = format!("SELECT t.id, words.rank {found} ORDER BY words.rank LIMIT {TOP}");
            self.statements.push((Task::Top, rank));
        }
        Ok(())
    }

    fn answer(&mut self, task: Task) -> Result<Answer, Failure> {
        let scored = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(match task {
            Task::Top => Answer::Top(self.rows(task, scored)?),
            Task::TopAndTotal => Answer::TopAndTotal(self.rows(Task::Top, scored)?, self.count()?),
            Task::Newest => Answer::Newest(self.rows(task, |row| row.get(0))?),
            Task::Count => Answer::Count(self.count()?),
            Task::Groups => {
                let rows = self.rows(task, |row| Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?)))?;
                let groups = self.census.groups.counts();
                let row = |(code, count): (u32, i64)| {
                    Ok((groups[code as usize].0.to_string(), u64::try_from(count).context("a count")?))
                };
                Answer::Groups(rows.into_iter().map(row).collect::<Result<_>>()?)
            }
        })
    }
}
