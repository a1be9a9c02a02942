//! Everything that a run found out, and its form for machines.

use serde_json::{Map, Value as Json, json};

use crate::{cold::Cold, question::Question, reach::Reach, side::Task, summary::Summary, timing::Took};
use ticketscope_benches::Planned;

/// One task of one question in one scope.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Place among the scopes.
    pub(crate) reach: usize,
    /// Place among the questions.
    pub(crate) question: usize,
    /// The task.
    pub(crate) task: Task,
    /// Tickets found.
    pub(crate) found: u64,
    /// What it took, by place among the sides.
    pub(crate) took: Vec<Took>,
}

/// A side as it took part.
#[derive(Debug)]
pub(crate) struct Participant {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it looks at the scope.
    pub(crate) is_restricted: bool,
    /// How long it took to give it the tickets, in seconds.
    pub(crate) built: f64,
}

/// The plans of a list by relevance.
#[derive(Debug)]
pub(crate) struct PlannedCell {
    /// Place among the scopes.
    pub(crate) reach: usize,
    /// Place among the questions.
    pub(crate) question: usize,
    /// The plans.
    pub(crate) planned: Planned,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Results {
    /// What the machine and the programs are.
    pub(crate) machine: Json,
    /// What is in the data and in the indexes.
    pub(crate) data: Json,
    /// The scopes, smallest first.
    pub(crate) reaches: Vec<Reach>,
    /// The questions.
    pub(crate) questions: Vec<Question>,
    /// The sides, ours first.
    pub(crate) sides: Vec<Participant>,
    /// Sides that were asked for and could not take part, and why.
    pub(crate) left_out: Vec<(&'static str, String)>,
    /// Warm times.
    pub(crate) cells: Vec<Cell>,
    /// First times, by scope and then question with words.
    pub(crate) cold: Vec<Vec<Cold>>,
    /// Plans.
    pub(crate) planned: Vec<PlannedCell>,
    /// For each question with words, how many of the ten best of ours and tantivy are the same, unrestricted.
    pub(crate) agreement: Vec<(usize, usize)>,
}

/// Where the caches are.
pub(crate) const STATE: &str = "warm: scopes evaluated, words decoded, files in memory, one thread, statements and query objects \
                         prepared. cold: the first question in a tenant that was just opened";

impl Results {
    /// The place of a side.
    pub(crate) fn side(&self, name: &str) -> Option<usize> {
        self.sides.iter().position(|side| side.name == name)
    }

    /// The questions that have words, with their places.
    pub(crate) fn with_words(&self) -> impl Iterator<Item = (usize, &Question)> {
        self.questions.iter().enumerate().filter(|(_, question)| question.has_words())
    }

    /// For machines to read.
    pub(crate) fn json(&self, summary: &Summary) -> Json {
        let label = |reach: usize| self.reaches[reach].label;
        let asked = |question: usize| self.questions[question].label;
        let cells = self.cells.iter().map(|cell| {
            let sides: Map<String, Json> =
                self.sides.iter().zip(&cell.took).map(|(side, took)| (side.name.to_owned(), took.json())).collect();
            json!({
                "scope": label(cell.reach), "question": asked(cell.question), "task": cell.task.label(),
                "found": cell.found, "sides": sides,
            })
        });
        let mut cold = Vec::new();
        for (reach, cells) in self.cold.iter().enumerate() {
            for ((question, _), cell) in self.with_words().zip(cells) {
                let times = |times: &[f64]| (!times.is_empty()).then(|| Took::of(times.to_vec()).json());
                cold.push(json!({
                    "scope": label(reach), "question": asked(question), "task": Task::Top.label(),
                    "new_scope": times(&cell.new_scope), "new_word": times(&cell.new_word),
                }));
            }
        }
        let planned = self.planned.iter().map(|cell| {
            let plans = cell.planned.plans.iter().map(
                |plan| json!({ "plan": format!("{:?}", plan.plan), "estimate": plan.estimate, "took": plan.took }),
            );
            json!({
                "scope": label(cell.reach), "question": asked(cell.question),
                "chosen": format!("{:?}", cell.planned.chosen), "regret": cell.planned.regret(),
                "plans": plans.collect::<Vec<_>>(),
            })
        });
        let agreement = self.agreement.iter().map(|(question, same)| (asked(*question).to_owned(), json!(same)));
        json!({
            "bench": "grid",
            "unit": "microseconds",
            "state": STATE,
            "machine": self.machine,
            "data": self.data,
            "scopes": self.reaches.iter().map(|reach| {
                json!({ "scope": reach.label, "tickets": reach.tickets, "groups": reach.groups.as_ref().map(Vec::len) })
            }).collect::<Vec<_>>(),
            "questions": self.questions.iter().map(|question| {
                json!({ "question": question.label, "text": question.shown })
            }).collect::<Vec<_>>(),
            "sides": self.sides.iter().map(|side| json!({ "side": side.name, "built_s": side.built })).collect::<Vec<_>>(),
            "left_out": self.left_out.iter().map(|(side, why)| json!({ "side": side, "why": why })).collect::<Vec<_>>(),
            "same_of_ten_best_as_tantivy_unrestricted": agreement.collect::<Map<String, Json>>(),
            "summary": summary.json(),
            "planner": planned.collect::<Vec<_>>(),
            "cold": cold,
            "cells": cells.collect::<Vec<_>>(),
        })
    }
}
