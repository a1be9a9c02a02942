use model::{TextClass, TextPart};
use tantivy::TantivyDocument;
use ticketscope_model as model;

use crate::{
    analysis::{self, Analyzer},
    fields::{Fields, Form, TextField},
    tokens::Words,
};

/// Where the classes lie inside the public text of a ticket: positions below `described` are the subject's, those from
/// `commented` on the comments'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) described: u32,
    pub(crate) commented: u32,
    /// Whether the description has a word.
    pub(crate) has_description: bool,
    /// Whether a public comment has a word.
    pub(crate) has_comment: bool,
}

/// Positions that fit into [`Bounds`].
const MAX_POSITION: u32 = (1 << 31) - 1;

impl Bounds {
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.described)
            | u64::from(self.commented) << 31
            | u64::from(self.has_description) << 62
            | u64::from(self.has_comment) << 63
    }

    #[expect(clippy::cast_possible_truncation, reason = "31 bits are kept")]
    pub(crate) fn unpack(packed: u64) -> Self {
        Self {
            described: packed as u32 & MAX_POSITION,
            commented: (packed >> 31) as u32 & MAX_POSITION,
            has_description: packed >> 62 & 1 == 1,
            has_comment: packed >> 63 == 1,
        }
    }
}

/// The words of one ticket, ready to be indexed.
#[derive(Debug, Default)]
pub(crate) struct Document {
    ord: u32,
    bounds: Bounds,
    words: [(Words, Words); 5],
}

fn place(field: TextField) -> usize {
    match field {
        TextField::Public => 0,
        TextField::Subject => 1,
        TextField::Private => 2,
        TextField::Side => 3,
        TextField::Custom => 4,
    }
}

/// The parts of text fields of a ticket whose id begins so hold the value of a custom field.
const CUSTOM_PART: &str = "field:";

/// The word `word` as [`TextField::Custom`] holds it for the field `name`. With an empty word, what all begin with.
pub fn custom_word(name: &str, word: &str) -> String {
    format!("{name}\u{e000}{word}")
}

impl Document {
    /// Cuts the text of ticket `ord` into words. Nothing if it has none.
    pub(crate) fn analyse(analyzer: &mut Analyzer, ord: u32, parts: &[TextPart]) -> Option<Self> {
        let mut document = Self { ord, ..Self::default() };
        for class in TextClass::ALL {
            let public = &document.words[place(TextField::Public)].1;
            match class {
                TextClass::Description => document.bounds.described = public.next_part().min(MAX_POSITION),
                TextClass::Public => document.bounds.commented = public.next_part().min(MAX_POSITION),
                TextClass::Subject | TextClass::Private | TextClass::Side => {}
            }
            for part in parts.iter().filter(|part| part.class == class) {
                document.add(analyzer, part);
            }
        }
        let has_words = document.words.iter().any(|(_, surfaces)| !surfaces.is_empty());
        has_words.then_some(document)
    }

    fn add(&mut self, analyzer: &mut Analyzer, part: &TextPart) {
        let fields: &[TextField] = match part.class {
            TextClass::Subject => &[TextField::Public, TextField::Subject],
            TextClass::Description | TextClass::Public => &[TextField::Public],
            TextClass::Private => &[TextField::Private],
            TextClass::Side => &[TextField::Side],
        };
        let languages = analyzer.languages_of(part.lang.as_deref(), &part.body);
        for field in fields {
            let (stems, surfaces) = &mut self.words[place(*field)];
            let begin = surfaces.next_part();
            let before = surfaces.is_empty();
            analyzer.stems(&part.body, languages, |position, stem| stems.push(begin + position, stem));
            analysis::words(&part.body, |word| surfaces.push(begin + word.position, word.text));
            let added = surfaces.next_part() != begin || before != surfaces.is_empty();
            match part.class {
                TextClass::Description => self.bounds.has_description |= added,
                TextClass::Public => self.bounds.has_comment |= added,
                TextClass::Subject | TextClass::Private | TextClass::Side => {}
            }
        }
        let custom = part.part.strip_prefix(CUSTOM_PART).filter(|_| part.class == TextClass::Private);
        if let Some(name) = custom {
            let (stems, surfaces) = &mut self.words[place(TextField::Custom)];
            let begin = surfaces.next_part();
            analyzer.stems(&part.body, languages, |at, stem| stems.push(begin + at, &custom_word(name, stem)));
            analysis::words(&part.body, |word| surfaces.push(begin + word.position, &custom_word(name, word.text)));
        }
    }

    pub(crate) fn into_tantivy(self, fields: &Fields) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(fields.row, u64::from(self.ord));
        document.add_u64(fields.bounds, self.bounds.pack());
        for (field, (stems, surfaces)) in TextField::ALL.into_iter().zip(self.words) {
            for (form, words) in [(Form::Stem, stems), (Form::Surface, surfaces)] {
                if !words.is_empty() {
                    document.add_text(fields.text(field, form), words.into_text());
                }
            }
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_parts_are_custom_fields() {
        let part = |class| TextPart {
            part: "field:diagnosis".into(),
            class,
            lang: None,
            body: "worn pads".into(),
            author: None,
            at: None,
        };
        let mut analyzer = Analyzer::new(analysis::Languages::default());
        for class in TextClass::ALL {
            let document = Document::analyse(&mut analyzer, 7, &[part(class)]).unwrap();
            let (stems, surfaces) = &document.words[place(TextField::Custom)];
            assert_eq!(stems.is_empty(), class != TextClass::Private, "{class}");
            assert_eq!(surfaces.is_empty(), stems.is_empty(), "{class}");
        }
    }

    #[test]
    fn bounds_survive_packing() {
        for described in [0, 1, 77, MAX_POSITION] {
            for commented in [0, 2, MAX_POSITION] {
                for flags in 0..4 {
                    let bounds =
                        Bounds { described, commented, has_description: flags & 1 == 1, has_comment: flags & 2 == 2 };
                    assert_eq!(Bounds::unpack(bounds.pack()), bounds);
                }
            }
        }
    }
}
