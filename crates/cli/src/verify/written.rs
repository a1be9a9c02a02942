//! The queries of a file, one JSON object a line.

use std::path::Path;

use serde_json::Value;
use ticketscope_model::{Schema, Timestamp};
use ticketscope_query::{
    Query,
    ast::{self, Clause, Test, WordClause},
    parse::{Context, parse},
};
use ticketscope_testkit::oracle::{Query as OracleQuery, Term, WordPattern, WordScope};

use crate::{exit::Exit, failure::Failure};

/// A query that somebody wrote.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    /// The line that it stands on, counted from 1.
    pub(super) line: u64,
    pub(super) text: String,
    /// The same in the oracle's terms.
    pub(super) query: OracleQuery,
}

/// Reads the queries of `path`.
pub(super) fn read(path: &Path, schema: &Schema) -> Result<Vec<Written>, Failure> {
    let lines = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read {}", path.display());
        Failure::new(Exit::Usage, "input", message).caused_by(Some(&error))
    })?;
    let numbered = (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty());
    numbered.map(|(number, line)| read_line(path, number, line, schema)).collect()
}

fn read_line(path: &Path, line: u64, json: &str, schema: &Schema) -> Result<Written, Failure> {
    let place = format!("{}, line {line}", path.display());
    let bad = |what: &str| Failure::new(Exit::Usage, "bad_query_line", format!("{place}: {what}"));
    let object: Value = serde_json::from_str(json).map_err(|error| bad("no JSON").caused_by(Some(&error)))?;
    let text =
        object.get("query").and_then(Value::as_str).ok_or_else(|| bad("there is no `query` that is a string"))?;
    let parsed = parse(text, &Context::new(schema, Timestamp(0)))
        .map_err(|error| bad(&error.to_string()).marked(text, error.span))?;
    let query = in_words(&parsed, schema).ok_or_else(|| {
        bad("only words, phrases, prefixes and numbers can be asked").hint("leave out fields and orders")
    })?;
    Ok(Written { line, text: text.to_owned(), query })
}

/// A query for words and numbers in the oracle's terms; nothing if it asks for anything else.
fn in_words(query: &Query, schema: &Schema) -> Option<OracleQuery> {
    let mut terms = Vec::new();
    if query.order.is_some() {
        return None;
    }
    for WordClause { negated, scope, any_of, span: _ } in &query.words {
        let scope = match scope {
            ast::WordScope::Anywhere => WordScope::Anywhere,
            ast::WordScope::Subject => WordScope::Subject,
            ast::WordScope::Description => WordScope::Description,
            ast::WordScope::Comment => WordScope::Comment,
            ast::WordScope::Note => WordScope::Note,
            ast::WordScope::Field(id) => WordScope::Field(schema.by_id(*id)?.name.to_string()),
            ast::WordScope::AttachmentName => return None,
        };
        for pattern in any_of {
            let pattern = match pattern {
                ast::WordPattern::Word(word) => WordPattern::Word(word.to_string()),
                ast::WordPattern::Phrase(words) => WordPattern::Phrase(words.join(" ")),
                ast::WordPattern::Prefix(prefix) => WordPattern::Prefix(prefix.to_string()),
                ast::WordPattern::Any => WordPattern::Any,
            };
            terms.push(Term::Words { negated: *negated, scope: scope.clone(), pattern });
        }
    }
    for Clause { negated, test, span: _ } in &query.filter {
        let Test::NumberOrWord(id) = test else { return None };
        terms.push(Term::Id { negated: *negated, id: *id });
    }
    Some(OracleQuery::of(terms))
}
