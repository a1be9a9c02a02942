//! Words of a scope by their beginning.

mod best;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use best::{HELD, Take, best};
use bitmap::TicketSet;
use model::TicketOrd;
use tantivy::{
    InvertedIndexReader,
    postings::{BlockSegmentPostings, TermInfo},
    schema::IndexRecordOption,
    termdict::TermMerger,
};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    error::TextError,
    fields::TextField,
    segment::{Marks, Segment},
    view::FoundWord,
};

/// Documents for each readable one from which on the readable ones are marked: asking the set of tickets for each posting
/// is dearer, but marking costs something for each.
const SPARSE: u32 = 16;

/// Postings for each readable document from which on those are sought in the postings, of which blocks stay unread then.
const SEEK_FROM: usize = 16;

/// The words that begin with `prefix` and stand in the most tickets, most first, then by their bytes: at most `limit`.
/// Each field is read in the tickets given beside it only, and a word that no such ticket has does not exist.
pub(crate) fn words(
    segments: &[Segment],
    fields: &[(TextField, &TicketSet)],
    prefix: &str,
    limit: usize,
) -> Result<Vec<FoundWord>, TextError> {
    let mut places = Vec::new();
    // Segment by segment, so that places in one segment are neighbours.
    for (number, segment) in segments.iter().enumerate() {
        for (field, readable) in fields {
            places.extend(Place::new(number, segment, *field, readable)?);
        }
    }
    let indexes: Vec<Arc<InvertedIndexReader>> = places.iter().map(|place| Arc::clone(&place.index)).collect();
    let documents: Vec<u32> = places.iter().map(|place| place.documents).collect();
    let for_each = |take: Take<'_, At>| {
        for_each_word(&indexes, prefix, |word, at| {
            let most = at.iter().map(|(place, postings)| u64::from(postings.doc_freq.min(documents[*place])));
            take(word, most.sum(), at)
        })
    };
    best(for_each, |at| count(&mut places, at), limit, HELD)
}

/// A place, by number, and the postings of a word there.
type At = (usize, TermInfo);

/// Visits each word that begins so, in the order of their bytes, with the places where it stands, ascending. Of each place
/// one word is in memory.
fn for_each_word(
    indexes: &[Arc<InvertedIndexReader>],
    prefix: &str,
    mut visit: impl FnMut(&str, &[At]) -> Result<(), TextError>,
) -> Result<(), TextError> {
    let mut streams = Vec::with_capacity(indexes.len());
    for index in indexes {
        streams.push(index.terms().range().ge(prefix.as_bytes()).into_stream()?);
    }
    let mut words = TermMerger::new(streams);
    let mut at = Vec::with_capacity(indexes.len());
    while words.advance() && words.key().starts_with(prefix.as_bytes()) {
        if let Ok(word) = str::from_utf8(words.key()) {
            at.clear();
            at.extend(words.current_segment_ords_and_term_infos());
            visit(word, &at)?;
        }
    }
    Ok(())
}

/// In how many tickets a word stands. A ticket has one live document in all segments, and several fields in it.
fn count(places: &mut [Place<'_>], at: &[At]) -> Result<u32, TextError> {
    let mut tickets = 0;
    let mut rest = at;
    while let Some((first, _)) = rest.first() {
        let segment = places[*first].number;
        let (here, later) = rest.split_at(rest.partition_point(|(place, _)| places[*place].number == segment));
        rest = later;
        if let [(place, postings)] = here {
            tickets += places[*place].count(postings)?;
            continue;
        }
        let mut documents = Vec::new();
        for (place, postings) in here {
            places[*place].for_each(postings, |doc| documents.push(doc))?;
        }
        documents.sort_unstable();
        documents.dedup();
        tickets += u32::try_from(documents.len()).unwrap_or(u32::MAX);
    }
    Ok(tickets)
}

/// A field of a segment, in the documents in which it may be read.
struct Place<'a> {
    /// The segment's.
    number: usize,
    segment: &'a Segment,
    index: Arc<InvertedIndexReader>,
    readable: Readable<'a>,
    /// How many may be read.
    documents: u32,
    /// The postings read last, whose buffers are used again.
    postings: Option<BlockSegmentPostings>,
}

/// Live documents that may be read.
enum Readable<'a> {
    All,
    Most(&'a TicketSet),
    Few { documents: Vec<u32>, marks: Marks },
}

impl<'a> Place<'a> {
    /// None if nothing may be read.
    fn new(
        number: usize,
        segment: &'a Segment,
        field: TextField,
        tickets: &'a TicketSet,
    ) -> Result<Option<Self>, TextError> {
        let documents = segment.live().and_len(tickets);
        if documents == 0 {
            return Ok(None);
        }
        let readable = if documents == segment.live().len() {
            Readable::All
        } else if documents > segment.reader().max_doc() / SPARSE {
            Readable::Most(tickets)
        } else {
            let mut list = Vec::with_capacity(documents as usize);
            let mut marks = Marks::new(segment.reader().max_doc());
            segment.for_each_document(&segment.live().and(tickets), |doc, _| {
                list.push(doc);
                marks.mark(doc);
            });
            Readable::Few { documents: list, marks }
        };
        let index = segment.surface_index(field)?;
        Ok(Some(Self { number, segment, index, readable, documents, postings: None }))
    }

    /// In how many documents that may be read a word stands.
    fn count(&mut self, postings: &TermInfo) -> Result<u32, TextError> {
        if matches!(self.readable, Readable::All) && !self.segment.reader().has_deletes() {
            return Ok(postings.doc_freq);
        }
        let mut count = 0;
        self.for_each(postings, |_| count += 1)?;
        Ok(count)
    }

    /// Visits the documents that may be read and hold a word, ascending.
    fn for_each(&mut self, info: &TermInfo, mut visit: impl FnMut(u32)) -> Result<(), TextError> {
        let postings = match &mut self.postings {
            Some(postings) => {
                self.index.reset_block_postings_from_terminfo(info, postings)?;
                postings
            }
            none => none.insert(self.index.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?),
        };
        if let Readable::Few { documents, .. } = &self.readable
            && documents.len() * SEEK_FROM < info.doc_freq as usize
        {
            for doc in documents {
                let at = postings.seek(*doc);
                if postings.doc(at) == *doc {
                    visit(*doc);
                }
            }
            return Ok(());
        }
        let segment = self.segment;
        while postings.block_len() > 0 {
            let docs = postings.docs().iter().copied();
            match &self.readable {
                Readable::All => docs.filter(|doc| segment.is_live(*doc)).for_each(&mut visit),
                Readable::Most(tickets) => docs
                    .filter(|doc| tickets.contains(TicketOrd(segment.ticket(*doc))) && segment.is_live(*doc))
                    .for_each(&mut visit),
                Readable::Few { marks, .. } => docs.filter(|doc| marks.has(*doc)).for_each(&mut visit),
            }
            postings.advance();
        }
        Ok(())
    }
}
