//! The stretch of a ticket's text that shows best why it matches, out of the parts that the asker may read.

mod marks;
mod shown;
mod window;

use std::{ops::Range, sync::Arc};

use bitmap::TicketSet;
use marks::{Seeker, Sought};
use model::{TextClass, TextPart, TicketOrd};
use text::analysis::Analyzer;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{
    Access, CachedScope, Snapshot,
    ast::{Query, WordPattern, WordScope},
    words::numbers,
};

/// What the id of a text part that holds a custom field begins with; the field's name follows.
const CUSTOM_PART: &str = "field:";

/// A piece of one part of a ticket's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The class of the part.
    pub class: TextClass,
    /// At most 200 Unicode scalar values; runs of white space and control characters are one blank.
    pub text: String,
    /// Where `text` matches, in Unicode scalar values: ascending, neither empty nor overlapping; at least one.
    pub highlights: Vec<Range<usize>>,
    /// Whether the part goes on before.
    pub cut_before: bool,
    /// Whether the part goes on after.
    pub cut_after: bool,
}

/// Makes the snippets of one question of one asker.
#[derive(Debug)]
pub struct Snippets<'a> {
    visible: Arc<CachedScope>,
    private: Arc<CachedScope>,
    side: Arc<CachedScope>,
    masked: &'a TicketSet,
    analyzer: Analyzer,
    asked: Vec<Asked<'a>>,
    clauses: usize,
}

/// One alternative of a clause.
#[derive(Debug)]
struct Asked<'a> {
    clause: usize,
    place: Place<'a>,
    sought: Sought,
}

/// The parts that a clause looks at.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Classes(&'static [TextClass]),
    /// The text field of this name.
    Custom(&'a str),
}

impl<'a> Place<'a> {
    fn of(snapshot: &'a Snapshot, scope: WordScope) -> Option<Self> {
        Some(Self::Classes(match scope {
            WordScope::Anywhere => &TextClass::ALL,
            WordScope::Subject => &[TextClass::Subject],
            WordScope::Description => &[TextClass::Description, TextClass::Public],
            WordScope::Comment => &[TextClass::Public],
            WordScope::Note => &[TextClass::Private],
            WordScope::AttachmentName => return None,
            WordScope::Field(field) => return snapshot.schema().by_id(field).map(|def| Self::Custom(&def.name)),
        }))
    }
}

impl<'a> Snippets<'a> {
    /// For the hits of `query` that `access` sees. None if the query has no words to show, or the text is not open.
    pub fn new(snapshot: &'a Snapshot, access: &Access, query: &Query) -> Option<Self> {
        let mut analyzer = Analyzer::new(snapshot.text().view()?.languages());
        let mut asked = Vec::new();
        let mut clauses = 0;
        let mut add = |place: Option<Place<'a>>, patterns: &[WordPattern]| {
            let Some(place) = place else { return };
            let sought = patterns.iter().filter_map(|pattern| Sought::new(&mut analyzer, pattern));
            asked.extend(sought.map(|sought| Asked { clause: clauses, place, sought }));
            clauses += 1;
        };
        for clause in query.words.iter().filter(|clause| !clause.negated) {
            add(Place::of(snapshot, clause.scope), &clause.any_of);
        }
        for (_, number) in numbers(query).filter(|(negated, _)| !negated) {
            add(Place::of(snapshot, WordScope::Anywhere), &[WordPattern::Word(number.to_string().into())]);
        }
        (!asked.is_empty()).then(|| Self {
            visible: snapshot.visible(&access.view),
            private: snapshot.visible(&access.private),
            side: snapshot.visible(&access.side),
            masked: snapshot.text().masked(),
            analyzer,
            asked,
            clauses,
        })
    }

    /// The snippet of the ticket `ord`, whose text is `parts`. Of the stretches that fit, the one in which the most
    /// clauses stand; then the one with the most marked places; then of the description, of the public comments, of the
    /// notes, of the side conversations, of the subject, in each those without a date first, then the oldest; then the
    /// earliest.
    ///
    /// None if no clause stands in a part that the asker may read, if the ticket is not visible, and while its words must
    /// not be found.
    ///
    /// # Complexity
    /// Linear in the readable text, but for sorting the marked places. Memory is linear in those of one part.
    pub fn of(&mut self, ord: TicketOrd, parts: &[TextPart]) -> Option<Snippet> {
        if !self.visible.set().contains(ord) || self.masked.contains(ord) {
            return None;
        }
        let (private, side) = (self.private.set().contains(ord), self.side.set().contains(ord));
        let mut readable: Vec<&TextPart> = parts
            .iter()
            .filter(|part| match part.class {
                TextClass::Subject | TextClass::Description | TextClass::Public => true,
                TextClass::Private => private,
                TextClass::Side => side,
            })
            .collect();
        readable.sort_by_key(|part| (rank(part.class), part.at, &part.part));
        let mut best = None;
        for part in readable {
            let seekers = self
                .asked
                .iter()
                .filter(|asked| match asked.place {
                    Place::Classes(classes) => classes.contains(&part.class),
                    // Whatever the class of the part, the words of these fields are found like those of notes.
                    Place::Custom(name) => private && part.part.strip_prefix(CUSTOM_PART) == Some(name),
                })
                .map(|asked| Seeker::new(asked.clause, &asked.sought));
            let marks = marks::find(&mut self.analyzer, part, seekers.collect());
            let Some(stretch) = window::best(marks, self.clauses) else { continue };
            if best.as_ref().is_none_or(|(_, other): &(_, window::Stretch)| stretch.score > other.score) {
                best = Some((part, stretch));
            }
        }
        best.map(|(part, stretch)| window::show(part, &stretch))
    }
}

/// Where the parts of a class stand among equally good ones.
fn rank(class: TextClass) -> u8 {
    match class {
        TextClass::Description => 0,
        TextClass::Public => 1,
        TextClass::Private => 2,
        TextClass::Side => 3,
        TextClass::Subject => 4,
    }
}

#[cfg(test)]
mod tests;
