//! Conformance vectors: a small tenant, rules, and which tickets each agent must see under each rule.
//!
//! One decision is one rule and one agent. It passes if two evaluators both find exactly the expected tickets: the
//! point check of this crate, and a second one that the caller brings (its index, or [`Scope::matches`]).
//!
//! A file is one JSON object. `tenant` holds relations of the tenant, and two special keys: `members` (group to users)
//! and `paths` (department to its path from the root, itself included). `agents` hold `id` and their relations, lists of
//! values or, graded, value to levels. `tickets` hold `id` and their fields. Every key counts as declared. `presets`
//! are the rules by name, and `expected` says rule, agent, tickets. Rules mean what they say: no default life gate.

mod error;
mod read;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ticketscope_model::{FieldId, Schema, TicketFields, TicketKey, Value};

use crate::{DefaultGate, Directory, Expr, Scope, UnknownPrincipal, check};

pub use error::VectorError;

/// A ticket of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorTicket {
    /// Its id.
    pub key: TicketKey,
    /// Its values by field; fields without a value are absent.
    pub fields: BTreeMap<FieldId, Vec<Value>>,
}

impl TicketFields for VectorTicket {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.fields.get(&field).into_iter().flatten().any(|value| match value {
            Value::Keyword(keyword) => test(keyword),
            Value::Number(_) | Value::Date(_) => false,
        })
    }

    fn is_unset(&self, field: FieldId) -> bool {
        !self.fields.contains_key(&field)
    }
}

/// What both evaluators found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Decisions in which both evaluators found exactly the expected tickets.
    pub passed: usize,
    /// The others.
    pub failed: usize,
    /// What was found instead, one entry for each evaluator of a failed decision that was wrong.
    pub failures: Vec<Failure>,
}

/// One wrong answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub preset: Arc<str>,
    /// The agent.
    pub agent: Arc<str>,
    /// Which evaluator.
    pub evaluator: EvaluatorKind,
    /// Expected tickets that it did not find.
    pub missing: Vec<TicketKey>,
    /// Tickets that it found and nobody expected.
    pub surplus: Vec<TicketKey>,
}

/// One of the two evaluators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluatorKind {
    /// The point check: ticket by ticket on the parsed expression.
    Point,
    /// The one that the caller brought: on the resolved scope.
    Scope,
}

/// A file of vectors, read and checked.
#[derive(Debug, Clone)]
pub struct Vectors {
    directory: Directory,
    tickets: Vec<VectorTicket>,
    rules: BTreeMap<Arc<str>, Expr>,
    expected: Vec<Decision>,
}

#[derive(Debug, Clone)]
struct Decision {
    preset: Arc<str>,
    agent: Arc<str>,
    visible: BTreeSet<TicketKey>,
}

/// Reads a file and checks it with the two evaluators of this crate: the point check and [`Scope::matches`].
///
/// # Errors
/// [`VectorError`] if the file is malformed or would check nothing.
pub fn run(json: &str) -> Result<Report, VectorError> {
    let vectors = Vectors::parse(json)?;
    let tickets = vectors.tickets();
    let visible = |scope: &Scope| {
        tickets.iter().filter(|ticket| scope.matches(*ticket)).map(|ticket| ticket.key.clone()).collect()
    };
    Ok(vectors.run(visible))
}

impl Vectors {
    /// Reads a file.
    ///
    /// # Errors
    /// [`VectorError`] names the place that is malformed, or that would leave nothing to check.
    pub fn parse(json: &str) -> Result<Self, VectorError> {
        read::read(json)
    }

    /// The fields and relations: the built-in ones and every key of the file.
    pub fn schema(&self) -> &Arc<Schema> {
        self.directory.schema()
    }

    /// The facts about tenant and agents.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The tickets, for an evaluator that indexes them.
    pub fn tickets(&self) -> &[VectorTicket] {
        &self.tickets
    }

    /// Decides everything with the point check and with `visible`, which is given the scope of an agent under a rule.
    pub fn run(&self, mut visible: impl FnMut(&Scope) -> BTreeSet<TicketKey>) -> Report {
        let mut report = Report::default();
        for decision in &self.expected {
            let Decision { preset, agent, visible: expected } = decision;
            let answers = self.rules.get(preset).map(|rule| {
                let point = |ticket: &&VectorTicket| check::sees(rule, &self.directory, agent, *ticket);
                let point = self.tickets.iter().filter(point).map(|ticket| ticket.key.clone()).collect();
                let scope = match self.directory.preview(agent, rule, DefaultGate::Off) {
                    Ok(scope) => visible(&scope),
                    Err(UnknownPrincipal(_)) => BTreeSet::new(),
                };
                [(EvaluatorKind::Point, point), (EvaluatorKind::Scope, scope)]
            });
            let wrong: Vec<_> = answers
                .into_iter()
                .flatten()
                .filter(|(_, found): &(_, BTreeSet<TicketKey>)| found != expected)
                .map(|(evaluator, found)| Failure {
                    preset: Arc::clone(preset),
                    agent: Arc::clone(agent),
                    evaluator,
                    missing: expected.difference(&found).cloned().collect(),
                    surplus: found.difference(expected).cloned().collect(),
                })
                .collect();
            if wrong.is_empty() {
                report.passed += 1;
            } else {
                report.failed += 1;
            }
            report.failures.extend(wrong);
        }
        report
    }
}
