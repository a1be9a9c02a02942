use crate::fields::{Form, TextField};

/// The smallest question about text: one pattern in one field. What a query's words come down to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// Which body of text.
    pub field: TextField,
    /// Which part of it.
    pub section: Section,
    /// What stands there.
    pub pattern: Pattern,
}

/// A stretch of [`TextField::Public`]; every other field is asked as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// All of it.
    Whole,
    /// Description and public comments.
    AfterSubject,
    /// Public comments.
    Comments,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// One word in one form, counted.
    Term(Form, Box<str>),
    /// Two or more surfaces at these steps from the first one, which stands at 0; counted. The last may be the beginning
    /// of a word.
    Phrase {
        /// Steps and words, steps ascending.
        words: Box<[(u32, Box<str>)]>,
        /// Whether the last one is the beginning of a word.
        open: bool,
    },
    /// Any word that begins so.
    Prefix(Box<str>),
    /// Any word at all that stands behind this prefix of a custom field; of the other fields it is empty.
    Any(Box<str>),
}

impl Pattern {
    /// The form of the words that the pattern is made of.
    pub fn form(&self) -> Form {
        match self {
            Self::Term(form, _) => *form,
            Self::Phrase { .. } | Self::Prefix(_) | Self::Any(_) => Form::Surface,
        }
    }
}

impl Leaf {
    /// A leaf over all of a field.
    pub fn whole(field: TextField, pattern: Pattern) -> Self {
        Self { field, section: Section::Whole, pattern }
    }

    /// Bytes on the heap: those of its words. Linear in their number.
    pub fn heap_bytes(&self) -> usize {
        match &self.pattern {
            Pattern::Term(_, word) | Pattern::Prefix(word) | Pattern::Any(word) => word.len(),
            Pattern::Phrase { words, .. } => {
                size_of_val(&**words) + words.iter().map(|(_, word)| word.len()).sum::<usize>()
            }
        }
    }

    /// Whether tantivy's own posting list is the whole answer, so that its block maxima bound the scores.
    pub(crate) fn is_posting_list(&self) -> bool {
        self.section == Section::Whole && matches!(self.pattern, Pattern::Term(..))
    }
}
