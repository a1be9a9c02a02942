//! Texts into segments: the words of many tickets, turned round into posting lists.
//!
//! The library could do this from its own tokens, one hashed string at a time and for each way of cutting anew. Here a
//! word is looked up once in a [`Lexicon`], what is noted of it is eight bytes, and a segment is written with the library's
//! own serializers, byte for byte as it would write it.

use std::mem;

use model::TextClass;
use tantivy::{
    Index, TantivyDocument, TantivyError,
    columnar::{ColumnType, ColumnarWriter},
    fieldnorm::{FieldNormReader, FieldNormReaders, FieldNormsSerializer, FieldNormsWriter},
    index::{Segment, SegmentComponent, SegmentMeta},
    postings::{FieldSerializer, InvertedIndexSerializer},
    schema::Field,
    store::StoreWriter,
};
use ticketscope_model as model;

use crate::{
    analysis::{Languages, LexemeId, Lexicon, WordId},
    document::{Bounds, CUSTOM_PART, MAX_POSITION, Part, custom_word},
    fields::{BOUNDS, Fields, Form, ROW, TextField},
};

/// Bytes of noted words from which on a segment is full: some tens of thousands of tickets of usual length.
const FULL_BYTES: usize = 48 << 20;

/// Bytes of known words above which they are forgotten after a segment.
const MAX_LEXICON_BYTES: usize = 32 << 20;

/// Bytes of known words from which on a segment is full, whatever is noted of them: a word that never came before takes
/// far more than what is noted of it, and texts may have no other. Words that are not forgotten leave half of it free.
const FULL_LEXICON_BYTES: usize = 2 * MAX_LEXICON_BYTES;

/// A word of a text.
#[derive(Debug, Clone, Copy)]
struct Token {
    position: u32,
    lexeme: LexemeId,
}

/// The words of one field, document by document.
#[derive(Debug, Default)]
struct Log {
    tokens: Vec<Token>,
    /// Those that have words, ascending.
    documents: Vec<Document>,
    /// How many stems the words of all documents have.
    stems: usize,
    /// Where the document under way begins.
    begin: usize,
}

#[derive(Debug, Clone, Copy)]
struct Document {
    number: u32,
    /// Where in the list its words end.
    end: usize,
    /// How many stems they have.
    stems: u32,
}

impl Log {
    /// Where the next part begins: behind a gap that no phrase reaches over, unless it is the first.
    fn next_part(&self) -> u32 {
        self.tokens.get(self.begin..).and_then(<[Token]>::last).map_or(0, |last| last.position + 2)
    }

    fn has_words(&self) -> bool {
        self.tokens.len() > self.begin
    }

    fn end_document(&mut self, number: u32, lexicon: &Lexicon) {
        if self.has_words() {
            let stems = self.tokens[self.begin..].iter().map(|token| lexicon.stems(token.lexeme).len()).sum();
            self.stems += stems;
            self.documents.push(Document { number, end: self.tokens.len(), stems: self::number(stems) });
            self.begin = self.tokens.len();
        }
    }

    fn clear(&mut self) {
        self.tokens.clear();
        self.documents.clear();
        (self.stems, self.begin) = (0, 0);
    }

    /// Documents and their words.
    fn iter(&self) -> impl Iterator<Item = (&Document, &[Token])> {
        let mut from = 0;
        self.documents.iter().map(move |document| {
            let end = document.end;
            (document, &self.tokens[mem::replace(&mut from, end)..end])
        })
    }
}

/// Gathers the words of tickets until they make a segment.
#[derive(Debug)]
pub(crate) struct Inverter {
    lexicon: Lexicon,
    logs: [Log; TextField::ALL.len()],
    /// The ticket of each document, ascending.
    rows: Vec<u32>,
    bounds: Vec<Bounds>,
    scratch: Scratch,
}

/// Room for turning the words of a field round.
#[derive(Debug, Default)]
struct Scratch {
    /// By word: first how often it stands, then where its next posting goes.
    places: Vec<u32>,
    /// The words that stand anywhere.
    words: Vec<WordId>,
    /// Document and position of each word, those of a word together.
    postings: Vec<(u32, u32)>,
    steps: Vec<u32>,
}

impl Inverter {
    pub(crate) fn new(languages: Languages) -> Self {
        Self {
            lexicon: Lexicon::new(languages),
            logs: Default::default(),
            rows: Vec::new(),
            bounds: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Adds a ticket, which comes after all others. One without words leaves nothing.
    pub(crate) fn add(&mut self, ord: u32, parts: &[Part<'_>]) {
        debug_assert!(self.rows.last().is_none_or(|last| *last < ord), "tickets come in ascending order");
        let mut bounds = Bounds::default();
        for class in TextClass::ALL {
            let next = self.logs[place(TextField::Public)].next_part().min(MAX_POSITION);
            match class {
                TextClass::Description => bounds.described = next,
                TextClass::Public => bounds.commented = next,
                TextClass::Subject | TextClass::Private | TextClass::Side => {}
            }
            for part in parts.iter().filter(|part| part.class == class) {
                let added = self.add_part(part);
                match class {
                    TextClass::Description => bounds.has_description |= added,
                    TextClass::Public => bounds.has_comment |= added,
                    TextClass::Subject | TextClass::Private | TextClass::Side => {}
                }
            }
        }
        if self.logs.iter().any(Log::has_words) {
            let doc = number(self.rows.len());
            self.logs.iter_mut().for_each(|log| log.end_document(doc, &self.lexicon));
            self.rows.push(ord);
            self.bounds.push(bounds);
        }
    }

    /// Adds the words of a part to its fields; answers whether there are any.
    fn add_part(&mut self, part: &Part<'_>) -> bool {
        let (field, copied) = match part.class {
            TextClass::Subject => (TextField::Public, Some(TextField::Subject)),
            TextClass::Description | TextClass::Public => (TextField::Public, None),
            TextClass::Private => (TextField::Private, None),
            TextClass::Side => (TextField::Side, None),
        };
        let log = &mut self.logs[place(field)];
        let (from, begin) = (log.tokens.len(), log.next_part());
        self.lexicon.tokens(part.lang, part.body, |position, lexeme| {
            log.tokens.push(Token { position: begin + position, lexeme });
        });
        let added = log.tokens.len() > from;
        // What is cut once is known in both fields.
        if let Some(copied) = copied {
            let (log, copy) = pair(&mut self.logs, field, copied);
            copy_tokens(&log.tokens[from..], begin, copy, |lexeme| lexeme);
        }
        if let Some(name) = part.id.strip_prefix(CUSTOM_PART).filter(|_| part.class == TextClass::Private) {
            let prefix = custom_word(name, "");
            let (log, copy) = pair(&mut self.logs, field, TextField::Custom);
            copy_tokens(&log.tokens[from..], begin, copy, |lexeme| self.lexicon.with_prefix(&prefix, lexeme));
        }
        added
    }

    /// About how many bytes the known words take on the heap.
    #[cfg(test)]
    pub(crate) fn lexicon_bytes(&self) -> usize {
        self.lexicon.heap_bytes()
    }

    /// Whether it is time to write a segment.
    pub(crate) fn is_full(&self) -> bool {
        if self.lexicon.heap_bytes() >= FULL_LEXICON_BYTES {
            return true;
        }
        let tokens: usize = self.logs.iter().map(|log| log.tokens.len()).sum();
        // Posting lists are made for one field after the other.
        let postings = self.logs.iter().map(|log| log.stems).max().unwrap_or_default();
        (tokens + postings) * size_of::<Token>() + self.rows.len() * size_of::<(u32, Bounds)>() >= FULL_BYTES
    }

    /// Writes what was added as a segment, which belongs to no commit yet, and begins anew; nothing if no ticket has words.
    pub(crate) fn write(&mut self, index: &Index, fields: &Fields) -> Result<Option<SegmentMeta>, TantivyError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let segment = index.new_segment();
        self.write_norms(&segment, fields)?;
        self.write_postings(&segment, fields)?;
        self.write_columns(&segment)?;
        write_store(&segment, self.rows.len())?;
        let meta = segment.with_max_doc(number(self.rows.len())).meta().clone();
        // Only a segment that the library sorts has a temporary file.
        meta.untrack_temp_docstore();
        self.rows.clear();
        self.bounds.clear();
        self.logs.iter_mut().for_each(Log::clear);
        if self.lexicon.heap_bytes() > MAX_LEXICON_BYTES {
            self.lexicon.clear();
        }
        Ok(Some(meta))
    }

    fn write_norms(&self, segment: &Segment, fields: &Fields) -> Result<(), TantivyError> {
        let mut norms = FieldNormsWriter::for_schema(&segment.schema());
        for doc in 0..number(self.rows.len()) {
            norms.record(doc, fields.row, 1);
        }
        for (field, log) in TextField::ALL.into_iter().zip(&self.logs) {
            for (document, tokens) in log.iter() {
                norms.record(document.number, fields.text(field, Form::Surface), number(tokens.len()));
                norms.record(document.number, fields.text(field, Form::Stem), document.stems);
            }
        }
        norms.fill_up_to_max_doc(number(self.rows.len()));
        let write = segment.open_write(SegmentComponent::FieldNorms)?;
        Ok(norms.serialize(FieldNormsSerializer::from_write(write)?, None)?)
    }

    fn write_postings(&mut self, segment: &Segment, fields: &Fields) -> Result<(), TantivyError> {
        let norms = FieldNormReaders::open(segment.open_read(SegmentComponent::FieldNorms)?)?;
        let mut serializer = InvertedIndexSerializer::open(segment)?;
        let rows = serializer.new_field(fields.row, self.rows.len() as u64, norms.get_field(fields.row)?)?;
        write_rows(&self.rows, rows)?;
        // The library wants its fields in the order of the schema: all stems, then all surfaces.
        for form in [Form::Stem, Form::Surface] {
            for (field, log) in TextField::ALL.into_iter().zip(&self.logs) {
                let field = fields.text(field, form);
                self.scratch.write(log, &self.lexicon, form, &mut serializer, (field, norms.get_field(field)?))?;
            }
        }
        Ok(serializer.close()?)
    }

    fn write_columns(&self, segment: &Segment) -> Result<(), TantivyError> {
        let mut columns = ColumnarWriter::default();
        columns.record_column_type(ROW, ColumnType::U64, false);
        columns.record_column_type(BOUNDS, ColumnType::U64, false);
        for (doc, (row, bounds)) in (0..).zip(self.rows.iter().zip(&self.bounds)) {
            columns.record_numerical(doc, ROW, u64::from(*row));
            columns.record_numerical(doc, BOUNDS, bounds.pack());
        }
        let mut write = segment.open_write(SegmentComponent::FastFields)?;
        columns.serialize(number(self.rows.len()), None, &mut write)?;
        Ok(tantivy::directory::TerminatingWrite::terminate(write)?)
    }
}

impl Scratch {
    /// Writes the posting lists of one field.
    fn write(
        &mut self,
        log: &Log,
        lexicon: &Lexicon,
        form: Form,
        serializer: &mut InvertedIndexSerializer,
        (field, norms): (Field, Option<FieldNormReader>),
    ) -> Result<(), TantivyError> {
        let total = self.turn_round(log, lexicon, form);
        if total == 0 {
            return Ok(());
        }
        let mut serializer = serializer.new_field(field, u64::from(total), norms)?;
        let mut from = 0;
        for word in &self.words {
            // The end of its postings, and a zero for the next field.
            let end = mem::take(&mut self.places[*word as usize]) as usize;
            let postings = &self.postings[from..end];
            from = end;
            let documents = postings.chunk_by(|one, next| one.0 == next.0);
            serializer.new_term(lexicon.word(*word).as_bytes(), number(documents.clone().count()), true)?;
            for document in documents {
                let mut last = 0;
                self.steps.clear();
                self.steps.extend(document.iter().map(|(_, at)| at - mem::replace(&mut last, *at)));
                serializer.write_doc(document[0].0, number(document.len()), &self.steps);
            }
            serializer.close_term()?;
        }
        Ok(serializer.close()?)
    }

    /// Fills `words`, in the order of their bytes, and `postings`, in the order of the words; each word's place is where
    /// its postings end. Answers how many there are.
    fn turn_round(&mut self, log: &Log, lexicon: &Lexicon, form: Form) -> u32 {
        let Self { places, words, postings, .. } = self;
        places.resize(lexicon.len().max(places.len()), 0);
        words.clear();
        for token in &log.tokens {
            for_each_word(lexicon, form, token.lexeme, |word| {
                let count = &mut places[word as usize];
                if *count == 0 {
                    words.push(word);
                }
                *count += 1;
            });
        }
        words.sort_unstable_by(|a, b| lexicon.word(*a).cmp(lexicon.word(*b)));
        let mut total = 0;
        for word in &*words {
            let count = mem::replace(&mut places[*word as usize], total);
            total += count;
        }
        postings.clear();
        postings.resize(total as usize, (0, 0));
        for (document, tokens) in log.iter() {
            for token in tokens {
                for_each_word(lexicon, form, token.lexeme, |word| {
                    let place = &mut places[word as usize];
                    postings[*place as usize] = (document.number, token.position);
                    *place += 1;
                });
            }
        }
        total
    }
}

fn for_each_word(lexicon: &Lexicon, form: Form, lexeme: LexemeId, mut each: impl FnMut(WordId)) {
    match form {
        Form::Surface => each(lexicon.surface(lexeme)),
        Form::Stem => lexicon.stems(lexeme).iter().for_each(|stem| each(*stem)),
    }
}

/// Writes for each ticket the one document that it has.
fn write_rows(rows: &[u32], mut serializer: FieldSerializer<'_>) -> Result<(), TantivyError> {
    for (doc, row) in (0..).zip(rows) {
        serializer.new_term_without_freq(&u64::from(*row).to_be_bytes())?;
        serializer.write_doc(doc, 0, &[]);
        serializer.close_term()?;
    }
    Ok(serializer.close()?)
}

/// Writes that nothing of the documents is stored.
fn write_store(segment: &Segment, documents: usize) -> Result<(), TantivyError> {
    let (index, schema) = (segment.index(), segment.schema());
    let settings = index.settings();
    let write = segment.open_write(SegmentComponent::Store)?;
    let mut store = StoreWriter::new(write, settings.docstore_compression, settings.docstore_blocksize, false)?;
    let nothing = TantivyDocument::new();
    for _ in 0..documents {
        store.store(&nothing, &schema)?;
    }
    Ok(store.close()?)
}

/// Adds words of one field to another, where they begin at its next part.
fn copy_tokens(tokens: &[Token], begin: u32, into: &mut Log, mut lexeme: impl FnMut(LexemeId) -> LexemeId) {
    let new_begin = into.next_part();
    into.tokens.extend(
        tokens.iter().map(|token| Token { position: token.position - begin + new_begin, lexeme: lexeme(token.lexeme) }),
    );
}

fn pair(logs: &mut [Log], one: TextField, later: TextField) -> (&Log, &mut Log) {
    let (before, from) = logs.split_at_mut(place(later));
    (&before[place(one)], &mut from[0])
}

/// The place of a field in [`TextField::ALL`].
fn place(field: TextField) -> usize {
    field as usize
}

#[expect(clippy::cast_possible_truncation, reason = "a segment is full long before its words need more than 32 bits")]
fn number(count: usize) -> u32 {
    count as u32
}
