//! A tantivy index with the same tickets and the same words, as an application without ours would keep it: fields stand
//! beside the text, and a ticket that changes is deleted and added again.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use tantivy::{
    Index, IndexWriter, Searcher, TantivyDocument, Term,
    collector::Collector,
    columnar::Column as Columnar,
    query::Query,
    schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{PreTokenizedString, Token},
};

use crate::{
    census::Census,
    data::Data,
    ours::COMMITS,
    question::Column,
    ticket::Ticket,
    words::{Cutter, Words},
};

/// Heap of the writer, in bytes.
const WRITER_BYTES: usize = 256 << 20;

/// Names of the fast fields.
pub(crate) const GROUP: &str = "group";
pub(crate) const UPDATED: &str = "updated";

/// The fields of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    key: Field,
    /// Groups, by code.
    pub(crate) group: Field,
    status: Field,
    priority: Field,
    tags: Field,
    updated: Field,
    /// Words as plain words are looked up.
    pub(crate) stems: Field,
    /// Words as phrases and prefixes are looked up.
    pub(crate) surfaces: Field,
}

impl Fields {
    /// The field of a column, by code.
    pub(crate) fn column(&self, column: Column) -> Field {
        match column {
            Column::Status => self.status,
            Column::Priority => self.priority,
            Column::Tags => self.tags,
        }
    }
}

/// The index, open for reading.
pub(crate) struct Shelf {
    /// Its fields.
    pub(crate) fields: Fields,
    /// Its newest commit.
    pub(crate) searcher: Searcher,
    /// What values are called.
    pub(crate) census: Arc<Census>,
    /// Ticket keys, by segment.
    keys: Vec<Columnar<i64>>,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = |positions| {
        let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(positions);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        key: schema.add_i64_field("key", FAST | INDEXED),
        group: schema.add_u64_field(GROUP, FAST | INDEXED),
        status: schema.add_u64_field("status", FAST | INDEXED),
        priority: schema.add_u64_field("priority", FAST | INDEXED),
        tags: schema.add_u64_field("tags", FAST | INDEXED),
        updated: schema.add_i64_field(UPDATED, FAST),
        stems: schema.add_text_field("stems", text(IndexRecordOption::WithFreqs)),
        surfaces: schema.add_text_field("surfaces", text(IndexRecordOption::WithFreqsAndPositions)),
    };
    (schema.build(), fields)
}

impl Shelf {
    /// Indexes the tickets with their history below `place`.
    ///
    /// # Errors
    /// If the data cannot be read or the index not be written.
    pub(crate) fn build(data: &Data, place: &Path, census: Arc<Census>) -> Result<Self> {
        let (schema, fields) = schema();
        std::fs::create_dir_all(place)?;
        let index = Index::create_in_dir(place, schema)?;
        let mut writer: IndexWriter = index.writer(WRITER_BYTES)?;
        let mut cutter = Cutter::new();
        let tickets = u64::from(census.tickets);
        let mut commit = (1, tickets / COMMITS.0);
        for ticket in data.arrivals()? {
            writer.add_document(document(&fields, &census, &ticket?, &mut cutter))?;
            if commit.0 % commit.1.max(1) == 0 {
                writer.commit()?;
            }
            commit.0 += 1;
        }
        commit = (1, tickets / 4 / COMMITS.1);
        for ticket in data.updates()? {
            let (_, ticket) = ticket?;
            writer.delete_term(Term::from_field_i64(fields.key, ticket.id));
            writer.add_document(document(&fields, &census, &ticket, &mut cutter))?;
            if commit.0 % commit.1.max(1) == 0 {
                writer.commit()?;
            }
            commit.0 += 1;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let searcher = index.reader()?.searcher();
        let keys = searcher.segment_readers().iter().map(|segment| segment.fast_fields().i64("key"));
        let keys = keys.collect::<tantivy::Result<_>>()?;
        Ok(Self { fields, searcher, census, keys })
    }

    /// Documents and deleted documents of each segment.
    pub(crate) fn segments(&self) -> Vec<(u32, u32)> {
        let segments = self.searcher.segment_readers().iter();
        segments.map(|segment| (segment.num_docs(), segment.num_deleted_docs())).collect()
    }

    /// The key of a ticket.
    pub(crate) fn key(&self, at: tantivy::DocAddress) -> i64 {
        self.keys[at.segment_ord as usize].first(at.doc_id).unwrap_or(i64::MIN)
    }

    /// Runs a query.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub(crate) fn search<C: Collector>(&self, query: &dyn Query, collector: &C) -> Result<C::Fruit> {
        Ok(self.searcher.search(query, collector)?)
    }
}

fn document(fields: &Fields, census: &Census, ticket: &Ticket, cutter: &mut Cutter) -> TantivyDocument {
    let mut document = TantivyDocument::new();
    document.add_i64(fields.key, ticket.id);
    document.add_u64(fields.group, u64::from(census.groups.code(&ticket.group)));
    for (field, values, value) in
        [(fields.status, &census.statuses, &ticket.status), (fields.priority, &census.priorities, &ticket.priority)]
    {
        if let Some(value) = value {
            // Of an earlier version too: it has no value, or one that some ticket has in the end.
            document.add_u64(field, u64::from(values.code(value)));
        }
    }
    for tag in &ticket.tags {
        document.add_u64(fields.tags, u64::from(census.tags.code(tag)));
    }
    document.add_i64(fields.updated, ticket.updated);
    let words = cutter.cut(ticket);
    document.add_pre_tokenized_text(fields.stems, tokens(&words.stems));
    document.add_pre_tokenized_text(fields.surfaces, tokens(&words.surfaces));
    document
}

fn tokens(words: &Words) -> PreTokenizedString {
    let tokens = words.iter().map(|(position, word)| Token {
        position: position as usize,
        text: word.to_owned(),
        ..Token::default()
    });
    PreTokenizedString { text: String::new(), tokens: tokens.collect() }
}
