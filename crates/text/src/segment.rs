use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use bitmap::{SetBuilder, TicketSet};
use tantivy::{
    DocSet, InvertedIndexReader, SegmentReader, TERMINATED, Term,
    fastfield::AliveBitSet,
    fieldnorm::FieldNormReader,
    postings::{Postings, SegmentPostings, TermInfo},
    schema::{Field, IndexRecordOption},
};
use ticketscope_bitmap as bitmap;

use crate::{
    cache::Cache,
    document::Bounds,
    error::TextError,
    fields::{BOUNDS, Fields, Form, ROW, TextField},
    impacts::{Impacts, gallop},
    layers::{Impact, Layers},
    leaf::{Leaf, Pattern, Section},
    sought::Sought,
};

/// Bytes of decoded posting lists that a segment keeps, for each of its documents: a few dozen of the most common words.
const KEPT_BYTES_PER_DOCUMENT: usize = 16;

/// And at least so many in all.
const MIN_KEPT_BYTES: usize = 1 << 20;

/// Bytes of decoded impacts that a segment keeps, for each of its documents.
const IMPACT_BYTES_PER_DOCUMENT: usize = 16;

/// Bytes of impact layers that a segment keeps, for each of its documents.
const LAYER_BYTES_PER_DOCUMENT: usize = 16;

/// Postings that are decoded in the time in which one is sought.
const DECODED_PER_SOUGHT: u64 = 64;

/// A list is sought in so many times before it is decoded and kept.
const SOUGHT: u32 = 2;

/// Postings below this number are gathered in a list; more are marked in blocks.
const FEW: u32 = 64;

/// Documents that match a leaf, with how often: ascending, each count at least 1.
type Counts = Vec<(u32, u32)>;

/// What a leaf finds in one segment, deleted documents included.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) tickets: TicketSet,
    /// How often in each document, where no posting list tells.
    pub(crate) counts: Option<Arc<Counts>>,
}

impl Found {
    fn nothing() -> Self {
        Self { tickets: TicketSet::empty(), counts: None }
    }

    fn heap_bytes(&self) -> usize {
        self.tickets.heap_bytes() + self.counts.as_ref().map_or(0, |counts| counts.len() * 8)
    }
}

/// How often a leaf stands in the text of each ticket.
pub(crate) enum Reading<'a> {
    /// Decoded.
    Whole(Arc<Impacts>),
    /// Looked up where it is asked for.
    Sought(Box<Sought<'a>>),
}

/// What does not change while a segment exists, shared by the views that hold it.
#[derive(Debug)]
pub(crate) struct Base {
    /// The ticket of each document, ascending.
    rows: Vec<u32>,
    /// Whether a ticket has two documents here, one of them deleted: then what is found depends on the deletions.
    twins: bool,
    /// Whether the tickets are a row of ordinals without a gap, a document each.
    is_row: bool,
    kept: Cache<Leaf, Found>,
    impacts: Cache<Leaf, Impacts>,
    layers: Cache<Leaf, Layers>,
    lengths: AllLengths,
}

/// The quantised lengths of each field in both forms, summed over all documents, deleted ones included; made at first use.
type AllLengths = [[OnceLock<u64>; 2]; TextField::ALL.len()];

/// One segment of the text index in one view.
#[derive(Debug)]
pub(crate) struct Segment {
    reader: SegmentReader,
    fields: Fields,
    base: Arc<Base>,
    /// The tickets whose document here is not deleted.
    live: TicketSet,
    /// The deleted documents, ascending.
    deleted: Vec<u32>,
}

impl Segment {
    pub(crate) fn open(reader: SegmentReader, fields: Fields, known: Option<&Arc<Base>>) -> Result<Self, TextError> {
        let base = match known {
            Some(base) => Arc::clone(base),
            None => Arc::new(Base::read(&reader)?),
        };
        let (live, deleted) = match reader.alive_bitset() {
            None => (TicketSet::from_sorted(&base.rows), Vec::new()),
            Some(alive) => {
                let (mut rows, mut deleted) = (Vec::new(), Vec::new());
                for (doc, row) in (0..).zip(&base.rows) {
                    if alive.is_alive(doc) { rows.push(*row) } else { deleted.push(doc) }
                }
                (TicketSet::from_sorted(&rows), deleted)
            }
        };
        Ok(Self { reader, fields, base, live, deleted })
    }

    pub(crate) fn reader(&self) -> &SegmentReader {
        &self.reader
    }

    pub(crate) fn base(&self) -> &Arc<Base> {
        &self.base
    }

    pub(crate) fn live(&self) -> &TicketSet {
        &self.live
    }

    /// The ticket of a document.
    pub(crate) fn ticket(&self, doc: u32) -> u32 {
        self.base.rows.get(doc as usize).copied().unwrap_or(u32::MAX)
    }

    pub(crate) fn is_live(&self, doc: u32) -> bool {
        self.reader.alive_bitset().is_none_or(|alive| alive.is_alive(doc))
    }

    /// Calls `visit` with document and ticket for each of `tickets`, all of which are live here; ascending.
    pub(crate) fn for_each_document(&self, tickets: &TicketSet, mut visit: impl FnMut(u32, u32)) {
        let rows = &self.base.rows;
        if let (Some(first), true) = (rows.first(), self.base.is_row) {
            return tickets.for_each(|ord| visit(ord - first, ord));
        }
        let (mut place, mut failed) = (0, false);
        tickets.for_each(|ord| match self.document(ord, &mut place) {
            Some(doc) => visit(doc, ord),
            None => failed = true,
        });
        debug_assert!(!failed, "a ticket without a live document");
    }

    /// The quantised lengths of a field, summed over those of `tickets` that are live here. Linear in their documents, or
    /// in all other documents if these are fewer, and the first time then in all.
    pub(crate) fn length(&self, field: TextField, form: Form, tickets: &TicketSet) -> Result<u64, TextError> {
        let lengths = self.lengths(field, form)?;
        let length = |doc| u64::from(lengths.fieldnorm(doc));
        let mut sum = 0;
        if tickets.and_len(&self.live) <= self.reader.max_doc() / 2 {
            self.for_each_document(&tickets.and(&self.live), |doc, _| sum += length(doc));
            return Ok(sum);
        }
        self.for_each_document(&self.live.minus(tickets), |doc, _| sum += length(doc));
        sum += self.deleted.iter().map(|doc| length(*doc)).sum::<u64>();
        let all = self.base.lengths[field as usize][form as usize]
            .get_or_init(|| (0..self.reader.max_doc()).map(length).sum::<u64>());
        Ok(all - sum)
    }

    /// Bytes on the heap, those that are shared with other views included.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.base.heap_bytes() + self.live.heap_bytes() + self.deleted.len() * 4
    }

    /// The document of `ord`, a live ticket that is not before the one that `place` was used for last; it begins at 0.
    #[inline]
    pub(crate) fn document(&self, ord: u32, place: &mut usize) -> Option<u32> {
        let rows = &self.base.rows;
        *place = gallop(rows, *place, ord);
        // A ticket whose document was replaced inside this segment has a deleted one before the live one.
        while rows.get(*place) == Some(&ord) && !self.is_live(doc_id(*place)) {
            *place += 1;
        }
        (rows.get(*place) == Some(&ord)).then(|| doc_id(*place))
    }

    pub(crate) fn lengths(&self, field: TextField, form: Form) -> Result<FieldNormReader, TextError> {
        Ok(self.reader.get_fieldnorms_reader(self.fields.text(field, form))?)
    }

    /// The mean length by which tantivy chose the block maxima of a field of this segment.
    #[expect(clippy::cast_precision_loss, reason = "the same division that tantivy makes")]
    pub(crate) fn mean_length(&self, field: TextField, form: Form) -> Result<f32, TextError> {
        let words = self.reader.inverted_index(self.fields.text(field, form))?.total_num_tokens();
        Ok(words as f32 / self.reader.max_doc() as f32)
    }

    pub(crate) fn term(&self, field: TextField, form: Form, word: &str) -> Term {
        Term::from_field_text(self.fields.text(field, form), word)
    }

    fn postings(
        &self,
        field: TextField,
        form: Form,
        word: &str,
        option: IndexRecordOption,
    ) -> Result<Option<SegmentPostings>, TextError> {
        let index = self.reader.inverted_index(self.fields.text(field, form))?;
        Ok(index.read_postings(&self.term(field, form, word), option)?)
    }

    /// What `leaf` finds, computed once as long as there is room.
    pub(crate) fn find(&self, leaf: &Leaf) -> Result<Arc<Found>, TextError> {
        if self.base.twins {
            return Ok(Arc::new(self.compute(leaf)?));
        }
        self.base.kept.get(leaf, |found| leaf.heap_bytes() + found.heap_bytes(), || self.compute(leaf))
    }

    /// How often a leaf stands in the text of each ticket, deleted ones included unless a ticket may have two; decoded once as
    /// long as there is room.
    pub(crate) fn impacts(&self, leaf: &Leaf) -> Result<Arc<Impacts>, TextError> {
        if self.base.twins {
            return Ok(Arc::new(self.decode(leaf)?));
        }
        self.base.impacts.get(leaf, |impacts| leaf.heap_bytes() + impacts.heap_bytes(), || self.decode(leaf))
    }

    /// [`Self::impacts`] for somebody who will ask for about so many tickets: of few, a long list that was not decoded is sought
    /// in. One that this happens to again and again is decoded and kept.
    pub(crate) fn impacts_of(&self, leaf: &Leaf, tickets: u32) -> Result<Reading<'_>, TextError> {
        let Pattern::Term(form, word) = &leaf.pattern else { return Ok(Reading::Whole(self.impacts(leaf)?)) };
        if leaf.section != Section::Whole {
            return Ok(Reading::Whole(self.impacts(leaf)?));
        }
        if let Some(kept) = self.base.impacts.peek(leaf) {
            return Ok(Reading::Whole(kept));
        }
        let index = self.reader.inverted_index(self.fields.text(leaf.field, *form))?;
        let info = index.get_term_info(&self.term(leaf.field, *form, word))?;
        let is_long = |info: &TermInfo| u64::from(info.doc_freq) > u64::from(tickets) * DECODED_PER_SOUGHT;
        match info.filter(is_long) {
            // Where a ticket may have two documents nothing is kept.
            Some(info) if self.base.twins || self.base.impacts.miss(leaf) <= SOUGHT => {
                let postings = index.read_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)?;
                let lengths = self.lengths(leaf.field, *form)?;
                Ok(Reading::Sought(Box::new(Sought::new(self, postings, lengths))))
            }
            _ => Ok(Reading::Whole(self.impacts(leaf)?)),
        }
    }

    fn decode(&self, leaf: &Leaf) -> Result<Impacts, TextError> {
        let lengths = self.lengths(leaf.field, leaf.pattern.form())?;
        let counts = match &leaf.pattern {
            Pattern::Term(form, word) if leaf.section == Section::Whole => {
                Arc::new(self.word_counts(leaf.field, *form, word)?)
            }
            _ => self.find(leaf)?.counts.clone().unwrap_or_default(),
        };
        let known = counts.iter().filter(|(doc, _)| !self.base.twins || self.is_live(*doc));
        let found: Vec<(u32, Impact)> = known
            .map(|(doc, count)| (self.ticket(*doc), Impact { count: *count, length: lengths.fieldnorm_id(*doc) }))
            .collect();
        Ok(Impacts::build(&found))
    }

    fn word_counts(&self, field: TextField, form: Form, word: &str) -> Result<Counts, TextError> {
        let index = self.reader.inverted_index(self.fields.text(field, form))?;
        let Some(info) = index.get_term_info(&self.term(field, form, word))? else { return Ok(Counts::new()) };
        let mut counts = Counts::with_capacity(info.doc_freq as usize);
        let mut postings = index.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)?;
        while postings.block_len() > 0 {
            counts.extend(postings.docs().iter().copied().zip(postings.freqs().iter().copied()));
            postings.advance();
        }
        Ok(counts)
    }

    /// The documents of a leaf whose score depends on count and length, by impact; built once as long as there is room.
    /// None in a segment where a ticket may have two documents.
    pub(crate) fn layers(&self, leaf: &Leaf) -> Result<Option<Arc<Layers>>, TextError> {
        if self.base.twins {
            return Ok(None);
        }
        let build = || -> Result<Layers, TextError> {
            let mean = self.mean_length(leaf.field, leaf.pattern.form())?;
            Ok(Layers::build(&*self.impacts(leaf)?, mean))
        };
        self.base.layers.get(leaf, |layers| leaf.heap_bytes() + layers.heap_bytes(), build).map(Some)
    }

    fn compute(&self, leaf: &Leaf) -> Result<Found, TextError> {
        match &leaf.pattern {
            Pattern::Term(form, word) if leaf.section == Section::Whole => {
                let index = self.reader.inverted_index(self.fields.text(leaf.field, *form))?;
                let Some(info) = index.get_term_info(&self.term(leaf.field, *form, word))? else {
                    return Ok(Found::nothing());
                };
                let mut docs = self.collector(info.doc_freq);
                let mut postings = index.read_block_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
                while postings.block_len() > 0 {
                    postings.docs().iter().for_each(|doc| docs.push(*doc));
                    postings.advance();
                }
                Ok(Found { tickets: docs.finish(), counts: None })
            }
            Pattern::Term(form, word) => {
                let option = IndexRecordOption::WithFreqsAndPositions;
                let Some(mut postings) = self.postings(leaf.field, *form, word, option)? else {
                    return Ok(Found::nothing());
                };
                let bounds = self.bounds()?;
                let (mut counts, mut positions) = (Counts::new(), Vec::new());
                let mut doc = postings.doc();
                while doc != TERMINATED {
                    postings.positions(&mut positions);
                    let first = first_position(leaf.section, bounds.of(doc));
                    let inside = positions.iter().filter(|position| **position >= first).count();
                    push_count(&mut counts, doc, inside);
                    doc = postings.advance();
                }
                Ok(self.counted(counts))
            }
            Pattern::Phrase { words, open } => Ok(self.counted(self.phrase(leaf, words, *open)?)),
            Pattern::Any(prefix) if prefix.is_empty() => self.with_any_word(leaf),
            Pattern::Prefix(prefix) | Pattern::Any(prefix) => self.with_prefix(leaf, prefix),
        }
    }

    fn with_prefix(&self, leaf: &Leaf, prefix: &str) -> Result<Found, TextError> {
        let field = self.fields.text(leaf.field, Form::Surface);
        let mut docs = Marks::new(self.reader.max_doc());
        let bounds = self.bounds()?;
        let mut positions = Vec::new();
        let option = if leaf.section == Section::Whole {
            IndexRecordOption::Basic
        } else {
            IndexRecordOption::WithFreqsAndPositions
        };
        self.for_each_word(field, prefix, |postings| {
            let mut postings = postings(option)?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                let inside = leaf.section == Section::Whole || {
                    postings.positions(&mut positions);
                    let first = first_position(leaf.section, bounds.of(doc));
                    positions.iter().any(|position| *position >= first)
                };
                if inside {
                    docs.mark(doc);
                }
                doc = postings.advance();
            }
            Ok(())
        })?;
        let mut tickets = self.collector(u32::MAX);
        docs.for_each(|doc| tickets.push(doc));
        Ok(Found { tickets: tickets.finish(), counts: None })
    }

    /// Calls `visit` with a reader of postings for each word of a field that begins so.
    fn for_each_word(
        &self,
        field: Field,
        prefix: &str,
        mut visit: impl FnMut(&dyn Fn(IndexRecordOption) -> Result<SegmentPostings, TextError>) -> Result<(), TextError>,
    ) -> Result<(), TextError> {
        let index = self.reader.inverted_index(field)?;
        let mut words = index.terms().range().ge(prefix.as_bytes()).into_stream()?;
        while words.advance() && words.key().starts_with(prefix.as_bytes()) {
            let info = words.value().clone();
            visit(&|option| Ok(index.read_postings_from_terminfo(&info, option)?))?;
        }
        Ok(())
    }

    /// The words of a field by their surface.
    pub(crate) fn surface_index(&self, field: TextField) -> Result<Arc<InvertedIndexReader>, TextError> {
        Ok(self.reader.inverted_index(self.fields.text(field, Form::Surface))?)
    }

    fn with_any_word(&self, leaf: &Leaf) -> Result<Found, TextError> {
        let bounds = self.bounds()?;
        let lengths = self.lengths(leaf.field, Form::Surface)?;
        let mut docs = self.collector(u32::MAX);
        for doc in 0..self.reader.max_doc() {
            let Bounds { has_description, has_comment, .. } = bounds.of(doc);
            let has = match leaf.section {
                Section::Whole => lengths.fieldnorm(doc) > 0,
                Section::AfterSubject => has_description || has_comment,
                Section::Comments => has_comment,
            };
            if has {
                docs.push(doc);
            }
        }
        Ok(Found { tickets: docs.finish(), counts: None })
    }

    /// Documents in which the words stand at their steps, with how often they do.
    fn phrase(&self, leaf: &Leaf, words: &[(u32, Box<str>)], open: bool) -> Result<Counts, TextError> {
        let closed = if open { words.split_last() } else { None };
        let (last, exact) = match closed {
            Some((last, exact)) => (Some(last), exact),
            None => (None, words),
        };
        let option = IndexRecordOption::WithFreqsAndPositions;
        let mut lists = Vec::with_capacity(exact.len());
        for (step, word) in exact {
            match self.postings(leaf.field, Form::Surface, word, option)? {
                Some(postings) => lists.push((*step, postings)),
                None => return Ok(Counts::new()),
            }
        }
        // The rarest word leads.
        lists.sort_by_key(|(_, postings)| postings.doc_freq());
        let bounds = self.bounds()?;
        let mut candidates: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut positions = Vec::new();
        let Some(((rarest_step, rarest), others)) = lists.split_first_mut() else { return Ok(Counts::new()) };
        let mut doc = rarest.doc();
        'documents: while doc != TERMINATED {
            for (_, other) in others.iter_mut() {
                let at = if other.doc() < doc { other.seek(doc) } else { other.doc() };
                if at == TERMINATED {
                    break 'documents;
                }
                if at != doc {
                    doc = rarest.seek(at);
                    continue 'documents;
                }
            }
            let first = first_position(leaf.section, bounds.of(doc));
            rarest.positions(&mut positions);
            let mut starts: Vec<u32> = positions
                .iter()
                .filter_map(|at| at.checked_sub(*rarest_step))
                .filter(|start| *start >= first)
                .collect();
            for (step, other) in others.iter_mut() {
                if starts.is_empty() {
                    break;
                }
                other.positions(&mut positions);
                starts.retain(|start| positions.binary_search(&(start + *step)).is_ok());
            }
            if !starts.is_empty() {
                candidates.push((doc, starts));
            }
            doc = rarest.advance();
        }
        match last {
            Some((step, prefix)) => self.close(leaf.field, &candidates, *step, prefix),
            None => Ok(count_starts(candidates.into_iter())),
        }
    }

    /// Keeps the starts of phrases behind which, at `step`, a word begins with `prefix`.
    fn close(
        &self,
        field: TextField,
        candidates: &[(u32, Vec<u32>)],
        step: u32,
        prefix: &str,
    ) -> Result<Counts, TextError> {
        let mut closed: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut positions = Vec::new();
        self.for_each_word(self.fields.text(field, Form::Surface), prefix, |postings| {
            let mut postings = postings(IndexRecordOption::WithFreqsAndPositions)?;
            for (doc, starts) in candidates {
                let at = if postings.doc() < *doc { postings.seek(*doc) } else { postings.doc() };
                if at == TERMINATED {
                    break;
                }
                if at == *doc {
                    postings.positions(&mut positions);
                    let hit = starts.iter().filter(|start| positions.binary_search(&(**start + step)).is_ok());
                    closed.entry(*doc).or_default().extend(hit);
                }
            }
            Ok(())
        })?;
        Ok(count_starts(candidates.iter().filter_map(|(doc, _)| {
            let mut starts = closed.remove(doc)?;
            starts.sort_unstable();
            starts.dedup();
            Some((*doc, starts))
        })))
    }

    fn counted(&self, counts: Counts) -> Found {
        let mut tickets = self.collector(u32::try_from(counts.len()).unwrap_or(u32::MAX));
        for (doc, _) in &counts {
            tickets.push(*doc);
        }
        Found { tickets: tickets.finish(), counts: Some(Arc::new(counts)) }
    }

    fn bounds(&self) -> Result<AllBounds, TextError> {
        Ok(AllBounds(self.reader.fast_fields().u64(BOUNDS)?))
    }

    fn collector(&self, expected: u32) -> Collector<'_> {
        let builder = (expected >= FEW).then(SetBuilder::new);
        let alive = self.reader.alive_bitset().filter(|_| self.base.twins);
        Collector { rows: &self.base.rows, alive, builder, list: Vec::new() }
    }
}

impl Base {
    fn read(reader: &SegmentReader) -> Result<Self, TextError> {
        let column = reader.fast_fields().u64(ROW)?;
        let rows: Vec<u32> = (0..reader.max_doc()).filter_map(|doc| u32::try_from(column.first(doc)?).ok()).collect();
        if rows.len() != reader.max_doc() as usize || !rows.is_sorted() {
            return Err(TextError::Rows);
        }
        let bytes = MIN_KEPT_BYTES.max(rows.len() * KEPT_BYTES_PER_DOCUMENT);
        let twins = rows.windows(2).any(|pair| pair[0] == pair[1]);
        let is_row = rows
            .first()
            .zip(rows.last())
            .is_some_and(|(first, last)| !twins && (last - first) as usize + 1 == rows.len());
        let impacts = Cache::new(MIN_KEPT_BYTES.max(rows.len() * IMPACT_BYTES_PER_DOCUMENT));
        let layers = Cache::new(MIN_KEPT_BYTES.max(rows.len() * LAYER_BYTES_PER_DOCUMENT));
        let (kept, lengths) = (Cache::new(bytes), AllLengths::default());
        Ok(Self { rows, twins, is_row, kept, impacts, layers, lengths })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows.len() * 4 + self.cache_bytes()
    }

    pub(crate) fn cache_bytes(&self) -> usize {
        self.kept.bytes() + self.impacts.bytes() + self.layers.bytes()
    }
}

/// [`Bounds`] of the documents of a segment.
struct AllBounds(tantivy::columnar::Column<u64>);

impl AllBounds {
    fn of(&self, doc: u32) -> Bounds {
        Bounds::unpack(self.0.first(doc).unwrap_or_default())
    }
}

fn first_position(section: Section, bounds: Bounds) -> u32 {
    match section {
        Section::Whole => 0,
        Section::AfterSubject => bounds.described,
        Section::Comments => bounds.commented,
    }
}

fn push_count(counts: &mut Counts, doc: u32, count: usize) {
    if count > 0 {
        counts.push((doc, u32::try_from(count).unwrap_or(u32::MAX)));
    }
}

fn count_starts(found: impl Iterator<Item = (u32, Vec<u32>)>) -> Counts {
    let mut counts = Counts::new();
    found.for_each(|(doc, starts)| push_count(&mut counts, doc, starts.len()));
    counts
}

#[expect(clippy::cast_possible_truncation, reason = "tantivy numbers documents in 32 bits")]
fn doc_id(at: usize) -> u32 {
    at as u32
}

/// Gathers documents in ascending order as tickets.
struct Collector<'a> {
    rows: &'a [u32],
    /// Set where deleted documents must be left out.
    alive: Option<&'a AliveBitSet>,
    builder: Option<SetBuilder>,
    list: Vec<u32>,
}

impl Collector<'_> {
    fn push(&mut self, doc: u32) {
        let Some(ord) = self.rows.get(doc as usize) else { return };
        if self.alive.is_some_and(|alive| alive.is_deleted(doc)) {
            return;
        }
        match &mut self.builder {
            Some(builder) => builder.push(*ord),
            None => self.list.push(*ord),
        }
    }

    fn finish(self) -> TicketSet {
        match self.builder {
            Some(builder) => builder.finish(),
            None => TicketSet::from_unsorted(self.list),
        }
    }
}

/// Documents in any order.
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    pub(crate) fn new(documents: u32) -> Self {
        Self(vec![0; documents as usize / 64 + 1])
    }

    pub(crate) fn mark(&mut self, doc: u32) {
        if let Some(word) = self.0.get_mut(doc as usize / 64) {
            *word |= 1 << (doc % 64);
        }
    }

    pub(crate) fn has(&self, doc: u32) -> bool {
        self.0.get(doc as usize / 64).is_some_and(|word| word >> (doc % 64) & 1 == 1)
    }

    fn for_each(&self, mut visit: impl FnMut(u32)) {
        for (at, word) in self.0.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                visit(doc_id(at * 64) + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
    }
}
