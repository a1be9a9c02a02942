//! The words of a query, and how often a text holds them.

use ticketscope_model::{TextClass, TicketKey};
use ticketscope_text::analysis::{Analyzer, QueryWord, query_words};

use super::library::{Library, Part, Words};
use crate::oracle::{Query, Term, WordPattern, WordScope};

/// The terms of a query that ask for words in the order of writing, and bare numbers after all others: scores are summed
/// in this order.
#[derive(Debug, Default)]
pub(in crate::oracle) struct Asked {
    /// Those that hold a letter or a digit; the others are ignored.
    pub(super) clauses: Vec<Clause>,
    /// Whether there are terms, but none of them holds a letter or a digit.
    pub(super) wordless: bool,
}

/// One test on the text, or its negation.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) negated: bool,
    /// At least one must match.
    pub(super) alternatives: Vec<Alternative>,
}

/// One way for a ticket to match a clause.
#[derive(Debug)]
pub(super) struct Alternative {
    /// The ticket that matches by its key.
    pub(super) named: Option<TicketKey>,
    /// In at least one of these bodies of text must at least one leaf be found.
    pub(super) looks: Vec<Look>,
}

/// A look into one body of text.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) body: Body,
    /// The classes of the body in which something counts as found.
    within: &'static [TextClass],
    /// The one custom field in which something counts as found.
    field: Option<String>,
    pub(super) leaves: Vec<Leaf>,
}

/// Parts of a ticket's text that are weighed as one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// Subject, description and public comments.
    Public,
    /// The subject.
    Subject,
    /// Private notes and custom fields of kind text.
    Private,
    /// Side conversations.
    Side,
    /// Custom fields of kind text.
    Custom,
}

/// What is looked for.
#[derive(Debug)]
pub(super) enum Leaf {
    /// A stem.
    Stem(Words),
    /// Surfaces at these distances from the first.
    Phrase(Vec<(u32, Words)>),
    /// A surface of which only the beginning is known.
    Prefix(Words),
    /// Any surface.
    Any,
}

impl Asked {
    pub(super) fn of(query: &Query, library: &Library) -> Self {
        let mut asked = Self { clauses: Vec::new(), wordless: false };
        // Repeating a key is OR: these are the clauses that collect what is repeated.
        let mut collecting: Vec<(&WordScope, usize)> = Vec::new();
        let is_number = |term: &&Term| matches!(term, Term::Id { .. });
        let (numbers, others): (Vec<_>, Vec<_>) = query.terms.iter().partition(is_number);
        for term in others.into_iter().chain(numbers) {
            let (negated, scope, alternative) = match term {
                Term::Field { .. } => continue,
                Term::Id { negated, id } => {
                    let looks = looks(&WordScope::Anywhere, &WordPattern::Word(id.to_string()), library);
                    let named = Some(TicketKey::Int(*id));
                    (*negated, &WordScope::Anywhere, Some(Alternative { named, looks: looks.unwrap_or_default() }))
                }
                Term::Words { negated, scope, pattern } => {
                    let looks = looks(scope, pattern, library);
                    (*negated, scope, looks.map(|looks| Alternative { named: None, looks }))
                }
            };
            asked.wordless = true;
            let collects = !negated && *scope != WordScope::Anywhere;
            let known = collecting.iter().find(|(known, _)| collects && *known == scope);
            let at = known.map_or(asked.clauses.len(), |(_, at)| *at);
            if at == asked.clauses.len() {
                asked.clauses.push(Clause { negated, alternatives: Vec::new() });
                if collects {
                    collecting.push((scope, at));
                }
            }
            asked.clauses[at].alternatives.extend(alternative);
        }
        asked.clauses.retain(|clause| !clause.alternatives.is_empty());
        asked.wordless &= asked.clauses.is_empty();
        asked
    }
}

/// Where to look for what; nothing if the pattern holds neither letter nor digit.
fn looks(scope: &WordScope, pattern: &WordPattern, library: &Library) -> Option<Vec<Look>> {
    use TextClass::{Description, Private, Public, Side, Subject};
    let places: &[(Body, &'static [TextClass])] = match scope {
        WordScope::Anywhere => {
            &[(Body::Public, &[Subject, Description, Public]), (Body::Private, &[Private]), (Body::Side, &[Side])]
        }
        WordScope::Subject => &[(Body::Subject, &[Subject])],
        WordScope::Description => &[(Body::Public, &[Description, Public])],
        WordScope::Comment => &[(Body::Public, &[Public])],
        WordScope::Note => &[(Body::Private, &[Private])],
        WordScope::Field(_) => &[(Body::Custom, &[Private])],
    };
    let field = if let WordScope::Field(name) = scope { Some(name.clone()) } else { None };
    let look = |(body, within): &(Body, &'static [TextClass])| {
        Some(Look { body: *body, within, field: field.clone(), leaves: leaves(pattern, library)? })
    };
    places.iter().map(look).collect()
}

fn leaves(pattern: &WordPattern, library: &Library) -> Option<Vec<Leaf>> {
    match pattern {
        WordPattern::Any => Some(vec![Leaf::Any]),
        WordPattern::Word(word) => match Analyzer::new(library.languages()).query_stems(word) {
            // Several words to analysis: they are meant in a row.
            None => leaves(&WordPattern::Phrase(word.clone()), library),
            Some(stems) if stems.is_empty() => None,
            Some(stems) => Some(stems.iter().map(|stem| Leaf::Stem(library.exactly(stem))).collect()),
        },
        WordPattern::Phrase(text) => {
            let words = query_words(text);
            let exactly = |word: &QueryWord| (word.offset, library.exactly(&word.text));
            (!words.is_empty()).then(|| vec![Leaf::Phrase(words.iter().map(exactly).collect())])
        }
        WordPattern::Prefix(text) => {
            let words = query_words(text);
            let (last, before) = words.split_last()?;
            let prefix = library.beginning(&last.text);
            if before.is_empty() {
                return Some(vec![Leaf::Prefix(prefix)]);
            }
            let before = before.iter().map(|word| (word.offset, library.exactly(&word.text)));
            Some(vec![Leaf::Phrase(before.chain([(last.offset, prefix)]).collect())])
        }
    }
}

impl Look {
    /// How often a leaf is found in a text.
    pub(super) fn count(&self, leaf: &Leaf, parts: &[Part]) -> usize {
        let counted = |part: &&Part| {
            let named = self.field.as_ref().is_none_or(|name| part.id == format!("field:{name}"));
            self.body.holds(part) && self.within.contains(&part.class) && named
        };
        parts.iter().filter(counted).map(|part| leaf.count(part)).sum()
    }
}

impl Body {
    /// Whether a part belongs to the body.
    pub(super) fn holds(self, part: &Part) -> bool {
        match self {
            Self::Public => part.class.is_public(),
            Self::Subject => part.class == TextClass::Subject,
            Self::Private => part.class == TextClass::Private,
            Self::Side => part.class == TextClass::Side,
            Self::Custom => part.class == TextClass::Private && part.id.starts_with("field:"),
        }
    }
}

impl Leaf {
    /// How often it is found in one part: a phrase never reaches into another.
    fn count(&self, part: &Part) -> usize {
        match self {
            Self::Any => part.surfaces.len(),
            Self::Stem(stem) => part.stems.iter().filter(|token| stem.contains(token.word)).count(),
            Self::Prefix(words) => part.surfaces.iter().filter(|token| words.contains(token.word)).count(),
            Self::Phrase(words) => {
                let Some(((first_offset, first), rest)) = words.split_first() else { return 0 };
                let stands =
                    |position: u32, words: &Words| part.at(position).iter().any(|token| words.contains(token.word));
                let begins = part.surfaces.iter().filter(|token| first.contains(token.word));
                let follows = |at: u32| rest.iter().all(|(offset, words)| stands(at + offset - first_offset, words));
                begins.filter(|token| follows(token.position)).count()
            }
        }
    }

    /// Whether it is weighed by stems, and not by surfaces.
    pub(super) fn is_stem(&self) -> bool {
        matches!(self, Self::Stem(_))
    }
}
