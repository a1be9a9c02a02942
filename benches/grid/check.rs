//! Whether the sides answer the same, before anything is timed.
//!
//! - *count, facet*: equal numbers.
//! - *newest*: equal times of change, row by row, and every ticket is one of those found; equal tickets where the side
//!   orders tickets of one moment by their keys.
//! - *top 10*: scores differ between engines (ours weighs words by the tickets of the scope, the others by all; lengths
//!   and formulas differ), so as many tickets as there must be, each once, each one of those found. The scores of
//!   tantivy's filters among themselves are equal, as they ask one index.
//! - *ours*: both lists have the same tickets in the same order by every plan that leaves nothing behind, scores equal to
//!   the bit.
//!
//! A side without a scope is compared with the unrestricted answer.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    ours::Ours,
    question::Question,
    reach::Reach,
    side::{Answer, Failure, NEWEST, Scored, Side, TOP, Task},
    tantivy_side::Filter,
};

/// What a question finds in a scope, as ours answers it.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The tickets with the time of their last change, ascending by key.
    found: Vec<(i64, i64)>,
    groups: BTreeMap<String, u64>,
    newest: Vec<i64>,
    /// The scores of tantivy in this scope, once one of its filters has given them.
    scores: Option<(&'static str, Vec<f32>)>,
}

impl Truth {
    /// The answers of ours, from the set of what it finds; its lists are compared by every plan, and its other answers are
    /// then checked like those of any side.
    ///
    /// # Errors
    /// If they differ, or one cannot be given.
    pub(crate) fn of(ours: &mut Ours, reach: &Reach, question: &Question) -> Result<Self> {
        let found = ours.matching(reach, question)?;
        let mut by_time = found.clone();
        by_time.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let newest = by_time.into_iter().take(NEWEST).map(|(key, _)| key).collect();
        ours.prepare(reach, question)?;
        ours.compare_plans()?;
        let Answer::Groups(groups) = ours.answer(Task::Groups)? else { bail!("ours counts no groups when asked to") };
        let truth = Self { found, groups: groups.into_iter().collect(), newest, scores: None };
        let sum: u64 = truth.groups.values().sum();
        ensure!(sum == truth.total(), "ours finds {} tickets, but its groups have {sum}", truth.total());
        Ok(truth)
    }

    /// How many tickets are found.
    pub(crate) fn total(&self) -> u64 {
        self.found.len() as u64
    }

    /// Compares the answers of a side to every task. Answers the tasks that took too long.
    ///
    /// # Errors
    /// Names side and task of an answer that differs.
    pub(crate) fn check(&mut self, side: &mut dyn Side, question: &Question) -> Result<Vec<Task>> {
        let mut too_long = Vec::new();
        for task in Task::ALL.into_iter().filter(|task| task.suits(question)) {
            match side.answer(task) {
                Ok(answer) => self.compare(side, &answer).with_context(|| {
                    format!("{} answers {} of {} otherwise than ours", side.name(), task.label(), question.label)
                })?,
                Err(Failure::Timeout) => too_long.push(task),
                Err(Failure::Other(error)) => {
                    return Err(error.context(format!("{} does not answer {}", side.name(), task.label())));
                }
            }
        }
        Ok(too_long)
    }

    fn compare(&mut self, side: &dyn Side, answer: &Answer) -> Result<()> {
        match answer {
            Answer::Top(best) => self.compare_best(side, best),
            Answer::TopAndTotal(best, total) => {
                ensure!(*total == self.total(), "it finds {total}, ours {}", self.total());
                self.compare_best(side, best)
            }
            Answer::Newest(keys) => self.compare_newest(side, keys),
            Answer::Count(count) => {
                ensure!(*count == self.total(), "it counts {count}, ours {}", self.total());
                Ok(())
            }
            Answer::Groups(groups) => {
                let counted: BTreeMap<String, u64> = groups.iter().cloned().collect();
                let differs = self.groups.iter().find(|(group, count)| counted.get(*group) != Some(count));
                ensure!(
                    differs.is_none() && counted.len() == self.groups.len(),
                    "the groups differ, first {differs:?}"
                );
                Ok(())
            }
        }
    }

    fn compare_best(&mut self, side: &dyn Side, best: &[Scored]) -> Result<()> {
        let expected = self.found.len().min(TOP);
        ensure!(best.len() == expected, "it lists {} tickets, not {expected}", best.len());
        self.are_found(best.iter().map(|(key, _)| *key))?;
        if Filter::ALL.iter().any(|filter| filter.name() == side.name()) {
            let scores: Vec<f32> = best.iter().map(|(_, score)| *score).collect();
            let (first, expected) = self.scores.get_or_insert_with(|| (side.name(), scores.clone()));
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= f32::EPSILON * 16.0 * a.abs();
            let is_near = scores.len() == expected.len() && scores.iter().zip(&*expected).all(near);
            ensure!(is_near, "its scores are {scores:?}, those of {first} {expected:?}");
        }
        Ok(())
    }

    fn compare_newest(&self, side: &dyn Side, keys: &[i64]) -> Result<()> {
        if side.breaks_ties() {
            ensure!(keys == self.newest, "it lists {keys:?}, the newest are {:?}", self.newest);
            return Ok(());
        }
        self.are_found(keys.iter().copied())?;
        let times = |keys: &[i64]| keys.iter().map(|key| self.time(*key)).collect::<Vec<_>>();
        ensure!(times(keys) == times(&self.newest), "it lists {keys:?}, the newest are {:?}", self.newest);
        Ok(())
    }

    fn time(&self, key: i64) -> Option<i64> {
        self.found.binary_search_by_key(&key, |(key, _)| *key).ok().map(|at| self.found[at].1)
    }

    fn are_found(&self, keys: impl Iterator<Item = i64>) -> Result<()> {
        let mut seen = HashSet::new();
        for key in keys {
            ensure!(self.time(key).is_some(), "ticket {key} is not among those found");
            ensure!(seen.insert(key), "ticket {key} is listed twice");
        }
        Ok(())
    }
}

/// How many of the ten best of two answers are the same tickets.
pub(crate) fn agreement(a: &Answer, b: &Answer) -> Option<usize> {
    let keys = |answer: &Answer| match answer {
        Answer::Top(best) => Some(best.iter().map(|(key, _)| *key).collect::<HashSet<_>>()),
        _ => None,
    };
    Some(keys(a)?.intersection(&keys(b)?).count())
}
