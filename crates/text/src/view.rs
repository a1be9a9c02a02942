use std::{collections::HashMap, sync::Arc};

use bitmap::TicketSet;
use model::Opstamp;
use parking_lot::Mutex;
use tantivy::{Searcher, index::SegmentId};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use crate::{
    analysis::{Analyzer, Languages},
    beginning,
    cache::Cache,
    error::TextError,
    fields::{Fields, Form, TextField},
    leaf::Leaf,
    segment::{Base, Segment},
};

/// Bytes of united posting lists that a view keeps, for each ticket with text.
const KEPT_BYTES_PER_TICKET: usize = 16;

/// And at least so many in all.
const MIN_KEPT_BYTES: usize = 1 << 20;

/// The text of a tenant at one commit. Immutable; the index gives a new one for each commit.
pub struct TextView {
    number: u64,
    position: Opstamp,
    languages: Languages,
    /// Nothing where there is no text and no index.
    searcher: Option<Searcher>,
    segments: Vec<Segment>,
    tickets: TicketSet,
    kept: Cache<Leaf, TicketSet>,
    analyzer: Mutex<Analyzer>,
}

impl std::fmt::Debug for TextView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextView")
            .field("position", &self.position)
            .field("tickets", &self.tickets.len())
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// A word that begins as was asked, and in how many tickets of the scope it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundWord {
    /// Its surface.
    pub word: String,
    /// Exact; at least 1.
    pub tickets: u32,
}

impl TextView {
    pub(crate) fn new(
        number: u64,
        position: Opstamp,
        languages: Languages,
        searcher: Searcher,
        fields: Fields,
        before: Option<&Self>,
    ) -> Result<Self, TextError> {
        let known: HashMap<SegmentId, &Arc<Base>> = before
            .map(|view| view.segments.iter().map(|segment| (segment.reader().segment_id(), segment.base())).collect())
            .unwrap_or_default();
        let segments = searcher
            .segment_readers()
            .iter()
            .map(|reader| Segment::open(reader.clone(), fields, known.get(&reader.segment_id()).copied()))
            .collect::<Result<Vec<_>, _>>()?;
        let tickets = TicketSet::union(segments.iter().map(Segment::live));
        let bytes = MIN_KEPT_BYTES.max(tickets.len() as usize * KEPT_BYTES_PER_TICKET);
        let analyzer = Mutex::new(Analyzer::new(languages));
        let searcher = Some(searcher);
        Ok(Self { number, position, languages, searcher, segments, tickets, kept: Cache::new(bytes), analyzer })
    }

    /// The view of a tenant without any text, of which there is no index on disk.
    pub fn empty(position: Opstamp, languages: Languages) -> Self {
        Self {
            number: 0,
            position,
            languages,
            searcher: None,
            segments: Vec::new(),
            tickets: TicketSet::empty(),
            kept: Cache::new(MIN_KEPT_BYTES),
            analyzer: Mutex::new(Analyzer::new(languages)),
        }
    }

    /// Tells this view from every other of the same opened index.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The batch up to which it holds the text.
    pub fn position(&self) -> Opstamp {
        self.position
    }

    /// The languages by which its words were stemmed.
    pub fn languages(&self) -> Languages {
        self.languages
    }

    /// The tickets that have text in it.
    pub fn tickets(&self) -> &TicketSet {
        &self.tickets
    }

    /// [`Analyzer::query_stems`] in the languages of this view.
    pub fn query_stems(&self, word: &str) -> Option<Vec<String>> {
        self.analyzer.lock().query_stems(word)
    }

    pub(crate) fn searcher(&self) -> Option<&Searcher> {
        self.searcher.as_ref()
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The tickets in which a leaf stands. The first time linear in its postings.
    ///
    /// # Errors
    /// [`TextError`] if the index cannot be read.
    pub fn find(&self, leaf: &Leaf) -> Result<Arc<TicketSet>, TextError> {
        self.kept.get(
            leaf,
            |tickets| leaf.heap_bytes() + tickets.heap_bytes(),
            || {
                let mut parts = Vec::with_capacity(self.segments.len());
                for segment in &self.segments {
                    let found = segment.find(leaf)?;
                    if segment.reader().has_deletes() {
                        parts.push(found.tickets.and(segment.live()));
                    } else {
                        parts.push(found.tickets.clone());
                    }
                }
                Ok(TicketSet::union(&parts))
            },
        )
    }

    /// The quantised lengths of a field, summed over `tickets`. Of each segment linear in those, or in
    /// all other documents if these are fewer, and the first time then in all.
    ///
    /// # Errors
    /// [`TextError`] if the index cannot be read.
    pub fn length(&self, field: TextField, form: Form, tickets: &TicketSet) -> Result<u64, TextError> {
        self.segments.iter().map(|segment| segment.length(field, form, tickets)).sum()
    }

    /// The words that begin with `prefix` and stand in the most tickets, most first, then by their bytes: at most `limit`.
    /// Each field is read in the tickets given beside it only, and a word that no such ticket has does not exist.
    ///
    /// # Complexity
    /// Linear in the words that begin so, of which a bounded number is in memory. Postings are read of those alone that may
    /// still be among the best; of a word, as many as hold it, or as there are tickets to look in if these are fewer.
    ///
    /// # Errors
    /// [`TextError`] if the index cannot be read.
    pub fn words(
        &self,
        fields: &[(TextField, &TicketSet)],
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<FoundWord>, TextError> {
        beginning::words(&self.segments, fields, prefix, limit)
    }

    /// Bytes on the heap, without what the operating system maps.
    pub fn heap_bytes(&self) -> usize {
        self.segments.iter().map(Segment::heap_bytes).sum::<usize>() + self.tickets.heap_bytes() + self.kept.bytes()
    }

    /// What of [`Self::heap_bytes`] was computed for questions and can be computed again.
    pub fn cache_bytes(&self) -> usize {
        self.kept.bytes() + self.segments.iter().map(|segment| segment.base().cache_bytes()).sum::<usize>()
    }

    /// How many segments it has.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }
}
