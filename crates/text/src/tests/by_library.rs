//! A segment as the library itself writes it from a stream of tokens: the oracle of the inverter.

use model::{TextClass, TextPart};
use tantivy::{
    Index, TantivyDocument,
    index::{Segment, SegmentComponent},
    indexer::{AddOperation, SegmentWriter},
    tokenizer::TextAnalyzer,
};
use ticketscope_model as model;

use super::replay::{Replay, Words};
use crate::{
    analysis::{Analyzer, words},
    document::{Bounds, CUSTOM_PART, custom_word},
    fields::{BOUNDS, Fields, Form, TOKENIZER, TextField},
};

/// Every file of a segment.
pub(super) const COMPONENTS: [SegmentComponent; 6] = [
    SegmentComponent::FieldNorms,
    SegmentComponent::Terms,
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::FastFields,
    SegmentComponent::Store,
];

/// The bytes of a file of a segment.
pub(super) fn file(segment: &Segment, component: SegmentComponent) -> Vec<u8> {
    segment.open_read(component).unwrap().read_bytes().unwrap().to_vec()
}

pub(super) fn write(
    index: &Index,
    fields: &Fields,
    analyzer: &mut Analyzer,
    tickets: &[(u32, Vec<TextPart>)],
) -> Segment {
    index.tokenizers().register(TOKENIZER, TextAnalyzer::from(Replay::default()));
    let segment = index.new_segment();
    let mut writer = SegmentWriter::for_segment(16 << 20, segment.clone()).unwrap();
    for (ord, parts) in tickets {
        if let Some(document) = document(index, fields, analyzer, *ord, parts) {
            writer.add_document(AddOperation { opstamp: 0, document }).unwrap();
        }
    }
    let documents = writer.max_doc();
    writer.finalize().unwrap();
    segment.with_max_doc(documents)
}

/// The document of a ticket, every part of which is cut anew for every field and form.
fn document(
    index: &Index,
    fields: &Fields,
    analyzer: &mut Analyzer,
    ord: u32,
    parts: &[TextPart],
) -> Option<TantivyDocument> {
    let mut words: [(Words, Words); 5] = Default::default();
    let mut bounds = Bounds::default();
    for class in TextClass::ALL {
        let next = words[0].1.next_part();
        match class {
            TextClass::Description => bounds.described = next,
            TextClass::Public => bounds.commented = next,
            TextClass::Subject | TextClass::Private | TextClass::Side => {}
        }
        for part in parts.iter().filter(|part| part.class == class) {
            let was_empty = words[0].1.is_empty();
            let custom = part.part.strip_prefix(CUSTOM_PART).filter(|_| class == TextClass::Private);
            let targets: &[TextField] = match class {
                TextClass::Subject => &[TextField::Public, TextField::Subject],
                TextClass::Description | TextClass::Public => &[TextField::Public],
                TextClass::Private if custom.is_some() => &[TextField::Private, TextField::Custom],
                TextClass::Private => &[TextField::Private],
                TextClass::Side => &[TextField::Side],
            };
            let (begin, languages) = (words[0].1.next_part(), analyzer.languages_of(part.lang.as_deref(), &part.body));
            for field in targets {
                let at = TextField::ALL.iter().position(|other| other == field).unwrap();
                let (stems, surfaces) = &mut words[at];
                let prefixed = |word: &str| match custom {
                    Some(name) if *field == TextField::Custom => custom_word(name, word),
                    _ => word.to_owned(),
                };
                let begin = surfaces.next_part();
                analyzer.stems(&part.body, languages, |at, stem| stems.push(begin + at, &prefixed(stem)));
                self::words(&part.body, |word| surfaces.push(begin + word.position, &prefixed(word.text)));
            }
            let added = words[0].1.next_part() != begin || was_empty != words[0].1.is_empty();
            bounds.has_description |= added && class == TextClass::Description;
            bounds.has_comment |= added && class == TextClass::Public;
        }
    }
    let mut document = TantivyDocument::new();
    document.add_u64(fields.row, u64::from(ord));
    document.add_u64(index.schema().get_field(BOUNDS).unwrap(), bounds.pack());
    let mut is_empty = true;
    for (field, (stems, surfaces)) in TextField::ALL.into_iter().zip(words) {
        for (form, words) in [(Form::Stem, stems), (Form::Surface, surfaces)] {
            if !words.is_empty() {
                is_empty = false;
                document.add_text(fields.text(field, form), words.into_text());
            }
        }
    }
    (!is_empty).then_some(document)
}
