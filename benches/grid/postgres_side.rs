//! PostgreSQL: GIN and btree, with the scope in the WHERE clause or as a row-level security policy.

use std::{fmt::Write as _, io::Write, rc::Rc, sync::Arc};

use anyhow::{Context, Result};
use postgres::{Client, Row, Statement, error::SqlState};

use crate::{
    census::Census,
    cluster::Cluster,
    data::Data,
    question::{Column, Question, Shape},
    reach::Reach,
    side::{Answer, Failure, NEWEST, Side, TOP, Task},
    timing::TIMEOUT,
    words::{Cutter, Words},
};

/// Where the scope is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// `group_id = ANY (...)` in every statement.
    Where,
    /// By a policy on the table, for a role that is subject to it.
    Policy,
}

/// The agent that the policy is asked about.
const AGENT: &str = "asker";

const TABLES: &str = "
CREATE TABLE tickets (
    id bigint PRIMARY KEY, group_id int NOT NULL, status int, priority int, updated_at bigint NOT NULL,
    tags int[] NOT NULL, stems tsvector NOT NULL, surfaces tsvector NOT NULL
);
CREATE TABLE membership (agent text NOT NULL, group_id int NOT NULL, PRIMARY KEY (agent, group_id));
";

const INDEXES: &str = "
CREATE INDEX ON tickets USING gin (stems);
CREATE INDEX ON tickets USING gin (surfaces);
CREATE INDEX ON tickets USING gin (tags);
CREATE INDEX ON tickets (group_id, updated_at DESC, id);
CREATE INDEX ON tickets (updated_at DESC, id);
CREATE INDEX ON tickets (status);
CREATE INDEX ON tickets (priority);
CREATE ROLE agent;
GRANT SELECT ON tickets, membership TO agent;
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON tickets FOR SELECT TO agent USING (
    group_id IN (SELECT group_id FROM membership WHERE agent = current_setting('app.agent'))
);
";

/// The words are those of ours, so the text is a `tsvector` as it stands and no dictionary has a say.
pub(crate) fn load(cluster: &Cluster, data: &Data, census: &Census) -> Result<()> {
    let mut client = cluster.connect()?;
    client.batch_execute(TABLES)?;
    let mut rows = client.copy_in("COPY tickets FROM STDIN")?;
    let mut cutter = Cutter::new();
    let mut line = String::new();
    for ticket in data.tickets()? {
        let ticket = ticket?;
        let or_null = |code: Option<u32>| code.map_or_else(|| "\\N".to_owned(), |code| code.to_string());
        let tags: Vec<String> = ticket.tags.iter().map(|tag| census.tags.code(tag).to_string()).collect();
        line.clear();
        write!(
            line,
            "{}\t{}\t{}\t{}\t{}\t{{{}}}\t",
            ticket.id,
            census.groups.code(&ticket.group),
            or_null(ticket.status.as_ref().map(|value| census.statuses.code(value))),
            or_null(ticket.priority.as_ref().map(|value| census.priorities.code(value))),
            ticket.updated,
            tags.join(",")
        )?;
        let words = cutter.cut(&ticket);
        push_vector(&words.stems, &mut line)?;
        line.push('\t');
        push_vector(&words.surfaces, &mut line)?;
        line.push('\n');
        rows.write_all(line.as_bytes())?;
    }
    rows.finish()?;
    client.batch_execute(INDEXES)?;
    client.batch_execute("VACUUM ANALYZE tickets")?;
    Ok(())
}

/// Positions are counted from 1. Words hold letters and digits only, so that nothing in them needs an escape.
fn push_vector(words: &Words, line: &mut String) -> std::fmt::Result {
    for (position, word) in words.iter() {
        write!(line, "'{word}':{} ", position + 1)?;
    }
    Ok(())
}

/// One way to ask the cluster.
pub(crate) struct Postgres {
    guard: Guard,
    client: Client,
    census: Arc<Census>,
    /// The groups of the scope, by code; nothing if it sees everything.
    groups: Option<Vec<i32>>,
    scope: Option<&'static str>,
    statements: Vec<(Task, Statement)>,
    /// Stopped when the last side is gone.
    _cluster: Rc<Cluster>,
}

impl Postgres {
    /// A connection for one guard.
    ///
    /// # Errors
    /// If the server does not take it.
    pub(crate) fn new(cluster: Rc<Cluster>, guard: Guard, census: Arc<Census>) -> Result<Self> {
        let mut client = cluster.connect()?;
        // Every statement is planned for its words, as a generic plan does not know how common they are.
        let settings = format!(
            "SET statement_timeout = {}; SET plan_cache_mode = force_custom_plan; SET app.agent = '{AGENT}'",
            TIMEOUT.as_millis()
        );
        client.batch_execute(&settings)?;
        Ok(Self { guard, client, census, groups: None, scope: None, statements: Vec::new(), _cluster: cluster })
    }

    /// What the server says it is.
    ///
    /// # Errors
    /// If it does not answer.
    pub(crate) fn version(&mut self) -> Result<String> {
        Ok(self.client.query_one("SHOW server_version", &[])?.get(0))
    }

    fn enter(&mut self, reach: &Reach) -> Result<()> {
        if self.scope == Some(reach.label) {
            return Ok(());
        }
        self.scope = Some(reach.label);
        let code = |group: &Arc<str>| i32::try_from(self.census.groups.code(group)).context("a code");
        self.groups = match &reach.groups {
            Some(groups) => Some(groups.iter().map(code).collect::<Result<_>>()?),
            None => None,
        };
        if self.guard == Guard::Policy {
            self.client.batch_execute("RESET ROLE; DELETE FROM membership")?;
            if let Some(groups) = &self.groups {
                let insert = "INSERT INTO membership SELECT $1, unnest($2::int[])";
                self.client.execute(insert, &[&AGENT, groups])?;
                self.client.batch_execute("ANALYZE membership; SET ROLE agent")?;
            }
        }
        Ok(())
    }

    /// The question as a condition, and its `tsquery` with the column it is of.
    fn condition(&self, question: &Question) -> (String, Option<(&'static str, String)>) {
        let stem = |word: &crate::census::Word| format!("'{}'", word.stem);
        let (column, words) = match &question.shape {
            Shape::Word(word) => ("stems", stem(word)),
            Shape::Both([a, b]) => ("stems", format!("{} & {}", stem(a), stem(b))),
            Shape::Any([a, b, c]) => ("stems", format!("{} | {} | {}", stem(a), stem(b), stem(c))),
            Shape::Not([with, without]) => ("stems", format!("{} & !{}", stem(with), stem(without))),
            Shape::Phrase([a, b]) => ("surfaces", format!("'{a}' <-> '{b}'")),
            Shape::Prefix(beginning) => ("surfaces", format!("'{beginning}':*")),
            Shape::Filter(values) => {
                let test = |(column, value): &(Column, Arc<str>)| match column {
                    Column::Status => format!("status = {}", self.census.statuses.code(value)),
                    Column::Priority => format!("priority = {}", self.census.priorities.code(value)),
                    Column::Tags => format!("tags @> ARRAY[{}]", self.census.tags.code(value)),
                };
                return (values.iter().map(test).collect::<Vec<_>>().join(" AND "), None);
            }
            Shape::Everything => return ("true".to_owned(), None),
        };
        let query = format!("'{}'::tsquery", words.replace('\'', "''"));
        (format!("{column} @@ {query}"), Some((column, query)))
    }

    fn rows(&mut self, task: Task) -> Result<Vec<Row>, Failure> {
        let statement = self.statements.iter().find(|(of, _)| *of == task).context("nothing was prepared")?;
        let answer = match (&self.groups, self.guard) {
            (Some(groups), Guard::Where) => self.client.query(&statement.1, &[groups]),
            _ => self.client.query(&statement.1, &[]),
        };
        answer.map_err(|error| match error.code() {
            Some(&SqlState::QUERY_CANCELED) => Failure::Timeout,
            _ => Failure::Other(error.into()),
        })
    }
}

fn count(row: &Row, column: usize) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)).context("a count")
}

impl Side for Postgres {
    fn name(&self) -> &'static str {
        match self.guard {
            Guard::Where => "postgresql where",
            Guard::Policy => "postgresql rls",
        }
    }

    fn prepare(&mut self, reach: &Reach, question: &Question) -> Result<(), Failure> {
        self.enter(reach)?;
        let (condition, words) = self.condition(question);
        let scope = match (&self.groups, self.guard) {
            (Some(_), Guard::Where) => " AND group_id = ANY($1::int[])",
            _ => "",
        };
        let found = format!("FROM tickets WHERE {condition}{scope}");
        let mut statements = vec![
            (Task::Newest, format!("SELECT id {found} ORDER BY updated_at DESC, id LIMIT {NEWEST}")),
            (Task::Count, format!("SELECT count(*) {found}")),
            (Task::Groups, format!("SELECT group_id, count(*) {found} GROUP BY group_id")),
        ];
        if let Some((column, query)) = words {
            let rank =
                format!("SELECT id, ts_rank({column}, {query}) AS score {found} ORDER BY score DESC, id LIMIT {TOP}");
            statements.push((Task::Top, rank));
        }
        self.statements.clear();
        for (task, text) in statements {
            let statement = self.client.prepare(&text).map_err(anyhow::Error::from)?;
            self.statements.push((task, statement));
        }
        Ok(())
    }

    fn answer(&mut self, task: Task) -> Result<Answer, Failure> {
        Ok(match task {
            Task::Top => Answer::Top(self.rows(task)?.iter().map(|row| (row.get(0), row.get(1))).collect()),
            Task::TopAndTotal => {
                let best = self.rows(Task::Top)?.iter().map(|row| (row.get(0), row.get(1))).collect();
                let total = self.rows(Task::Count)?;
                Answer::TopAndTotal(best, count(total.first().context("a count")?, 0)?)
            }
            Task::Newest => Answer::Newest(self.rows(task)?.iter().map(|row| row.get(0)).collect()),
            Task::Count => Answer::Count(count(self.rows(task)?.first().context("a count")?, 0)?),
            Task::Groups => {
                let rows = self.rows(task)?;
                let groups = self.census.groups.counts();
                let row = |row: &Row| {
                    let code = usize::try_from(row.get::<_, i32>(0)).context("a code")?;
                    Ok((groups[code].0.to_string(), count(row, 1)?))
                };
                Answer::Groups(rows.iter().map(row).collect::<Result<_>>()?)
            }
        })
    }
}
