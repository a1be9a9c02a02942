//! A posting list of which a few documents are looked up where it is, without decoding the rest.

use tantivy::{DocSet, fieldnorm::FieldNormReader, postings::Postings, postings::SegmentPostings};

use crate::{layers::Impact, segment::Segment};

/// How often a word stands in the text of each ticket of a segment, as [`crate::impacts::Impacts`] tell it.
#[derive(Clone)]
pub(crate) struct Sought<'a> {
    segment: &'a Segment,
    postings: SegmentPostings,
    lengths: FieldNormReader,
    /// Where the last ticket stands in the segment.
    place: usize,
}

impl<'a> Sought<'a> {
    /// Of the postings of a word of the field with these lengths.
    pub(crate) fn new(segment: &'a Segment, postings: SegmentPostings, lengths: FieldNormReader) -> Self {
        Self { segment, postings, lengths, place: 0 }
    }

    /// The impact in `ord`, a live ticket that is not before the one asked for last. A seek.
    pub(crate) fn of(&mut self, ord: u32) -> Option<Impact> {
        let doc = self.segment.document(ord, &mut self.place)?;
        let at = if self.postings.doc() < doc { self.postings.seek(doc) } else { self.postings.doc() };
        let impact = || Impact { count: self.postings.term_freq(), length: self.lengths.fieldnorm_id(doc) };
        (at == doc).then(impact)
    }
}
