//! What a side must be able to do.

use crate::{question::Question, reach::Reach};

/// Rows of a list by relevance.
pub(crate) const TOP: usize = 10;
/// Rows of a list of the newest.
pub(crate) const NEWEST: usize = 50;

/// What is wanted of the tickets that a question finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Task {
    /// The [`TOP`] best by relevance.
    Top,
    /// The same, and exactly how many there are.
    TopAndTotal,
    /// The [`NEWEST`] last changed.
    Newest,
    /// Exactly how many there are.
    Count,
    /// Exactly how many there are in each group.
    Groups,
}

impl Task {
    /// Every task.
    pub(crate) const ALL: [Self; 5] = [Self::Top, Self::TopAndTotal, Self::Newest, Self::Count, Self::Groups];

    /// For people to read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Top => "top 10",
            Self::TopAndTotal => "top 10 and total",
            Self::Newest => "newest 50",
            Self::Count => "count",
            Self::Groups => "facet of groups",
        }
    }

    /// Whether it can be asked.
    pub(crate) fn suits(self, question: &Question) -> bool {
        question.has_words() || !matches!(self, Self::Top | Self::TopAndTotal)
    }
}

/// A ticket and its score.
pub(crate) type Scored = (i64, f32);

/// An answer, as ticket keys and numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Best first.
    Top(Vec<Scored>),
    /// Best first, and how many there are in all.
    TopAndTotal(Vec<Scored>, u64),
    /// Newest first.
    Newest(Vec<i64>),
    /// How many.
    Count(u64),
    /// In any order, without groups that have none.
    Groups(Vec<(String, u64)>),
}

/// Why a side gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It takes longer than [`crate::timing::TIMEOUT`].
    #[error("it took too long")]
    Timeout,
    /// Anything else: the bench fails.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// One way to answer the questions.
pub(crate) trait Side {
    /// Its name in tables and files.
    fn name(&self) -> &'static str;

    /// Whether it looks at the scope. One that does not is measured for comparison, and answers as if unrestricted.
    fn is_restricted(&self) -> bool {
        true
    }

    /// Whether tickets changed at the same time come in the order of their keys.
    fn breaks_ties(&self) -> bool {
        true
    }

    /// Makes ready what an application would keep: the scope, the query object, the prepared statement. Not timed.
    ///
    /// # Errors
    /// [`Failure`].
    fn prepare(&mut self, reach: &Reach, question: &Question) -> Result<(), Failure>;

    /// Does the task for what was prepared.
    ///
    /// # Errors
    /// [`Failure`].
    fn answer(&mut self, task: Task) -> Result<Answer, Failure>;
}
