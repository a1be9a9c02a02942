//! What the first question costs ours, in a tenant that was just opened.
//!
//! - *new scope*: its words were used before, by somebody else; nobody has asked in this scope. The scope is bound and
//!   evaluated, and the numbers that weigh the words are taken in it.
//! - *new word*: the scope was listed and counted before; nobody has used the words since the tenant was opened.

use std::{path::Path, time::Instant};

use anyhow::Result;
use ticketscope_engine::query::{Query, count, list_keys};

use crate::{
    ours::{Ours, page, query},
    question::Question,
    reach::Reach,
    side::{NEWEST, TOP},
};

/// The first times of one question in one scope, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cold {
    /// In a scope that nobody has asked in.
    pub(crate) new_scope: Vec<f64>,
    /// With words that nobody has used.
    pub(crate) new_word: Vec<f64>,
}

/// Opens the tenant below `place` again and again and asks the top ten of each question with words, by scope and then
/// question. Each scope is the one of new words `rounds` times. `variants` are the scopes of principals of their own, one
/// variant for each question.
///
/// # Errors
/// If the tenant cannot be opened or a question is not answered.
pub(crate) fn measure(
    place: &Path,
    reaches: &[Reach],
    variants: &[Vec<Reach>],
    questions: &[&Question],
    rounds: usize,
) -> Result<Vec<Vec<Cold>>> {
    let mut cells = vec![vec![Cold::default(); questions.len()]; reaches.len()];
    let queries: Vec<Query> = questions.iter().map(|question| query(question)).collect();
    for round in 0..rounds * reaches.len() {
        let ours = Ours::open(place)?;
        let asker = round % reaches.len();
        let access = ours.access(&reaches[asker], 0)?;
        list_keys(ours.snapshot(), &access, &Query::everything(), &page(NEWEST))?;
        count(ours.snapshot(), &access, &Query::everything())?;
        for (cell, query) in cells[asker].iter_mut().zip(&queries) {
            let began = Instant::now();
            list_keys(ours.snapshot(), &access, query, &page(TOP))?;
            cell.new_word.push(began.elapsed().as_secs_f64() * 1e6);
        }
        for (at, query) in queries.iter().enumerate() {
            for (cells, reach) in cells.iter_mut().zip(&variants[at]).filter(|(_, reach)| reach.groups.is_some()) {
                let began = Instant::now();
                let access = ours.access(reach, at + 1)?;
                list_keys(ours.snapshot(), &access, query, &page(TOP))?;
                cells[at].new_scope.push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        ours.close()?;
    }
    Ok(cells)
}
