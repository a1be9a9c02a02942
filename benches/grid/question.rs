//! What is asked, in a form that every side can put into its own.

use std::sync::Arc;

use crate::{
    census::{Census, Word},
    words::Cutter,
};

/// A question without its scope.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// What it stands for.
    pub(crate) label: &'static str,
    /// Its words, for people to read.
    pub(crate) shown: String,
    /// What must hold of a ticket.
    pub(crate) shape: Shape,
}

/// What must hold of a ticket.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// It has the word.
    Word(Word),
    /// It has both words.
    Both([Word; 2]),
    /// It has at least one of the words.
    Any([Word; 3]),
    /// It has the words beside each other, in this order.
    Phrase([String; 2]),
    /// It has a word that begins so.
    Prefix(String),
    /// It has the first word and not the second.
    Not([Word; 2]),
    /// It has these values.
    Filter(Vec<(Column, Arc<str>)>),
    /// Nothing.
    Everything,
}

/// A field that questions filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// One value at most.
    Status,
    /// One value at most.
    Priority,
    /// Any number of values.
    Tags,
}

impl Question {
    fn new(label: &'static str, shown: String, shape: Shape) -> Self {
        Self { label, shown, shape }
    }

    /// Whether its tickets can be ranked by relevance.
    pub(crate) fn has_words(&self) -> bool {
        !matches!(self.shape, Shape::Filter(_) | Shape::Everything)
    }

    /// The questions of the grid. No two of them share a word, so that each can be the first to use its own.
    pub(crate) fn choose(census: &Census, cutter: &mut Cutter) -> Vec<Self> {
        let shares = [0.5, 0.03, 0.0002, 0.2, 0.04, 0.06, 0.03, 0.01, 0.3, 0.1];
        let words = census.words_of(&shares, cutter);
        let [common, middling, rare, and_a, and_b, or_a, or_b, or_c, with, without] =
            words.try_into().expect("one word for each share");
        let percent = |word: &Word| format!("{} ({:.3}%)", word.surface, word.share * 100.0);
        let [first, second] = census.phrase(0.03);
        let (prefix, expansions) = census.prefix(0.05);
        let mut questions = vec![
            Self::new("very common word", percent(&common), Shape::Word(common)),
            Self::new("middling word", percent(&middling), Shape::Word(middling)),
            Self::new("rare word", percent(&rare), Shape::Word(rare)),
            Self::new("two words", format!("{} AND {}", percent(&and_a), percent(&and_b)), Shape::Both([and_a, and_b])),
            Self::new(
                "one of three words",
                format!("{} OR {} OR {}", percent(&or_a), percent(&or_b), percent(&or_c)),
                Shape::Any([or_a, or_b, or_c]),
            ),
            Self::new("phrase", format!("\"{first} {second}\""), Shape::Phrase([first, second])),
            Self::new("prefix", format!("{prefix}* ({expansions} words)"), Shape::Prefix(prefix)),
            Self::new(
                "word without another",
                format!("{} NOT {}", percent(&with), percent(&without)),
                Shape::Not([with, without]),
            ),
        ];
        let mut filters = Vec::new();
        for (column, values, share) in [
            (Column::Status, &census.statuses, 0.12),
            (Column::Tags, &census.tags, 0.1),
            (Column::Priority, &census.priorities, 0.1),
        ] {
            if let Some((value, share)) = values.nearest(share, census.tickets).filter(|_| filters.len() < 2) {
                filters.push((column, value, share));
            }
        }
        for (count, label) in [(1, "one filter"), (2, "two filters")] {
            if let Some(some) = filters.get(..count) {
                let shown: Vec<String> = some
                    .iter()
                    .map(|(column, value, share)| format!("{column:?}:{value} ({:.1}%)", share * 100.0).to_lowercase())
                    .collect();
                let values = some.iter().map(|(column, value, _)| (*column, Arc::clone(value))).collect();
                questions.push(Self::new(label, shown.join(" "), Shape::Filter(values)));
            }
        }
        questions.push(Self::new("no condition", "everything".to_owned(), Shape::Everything));
        questions
    }
}
