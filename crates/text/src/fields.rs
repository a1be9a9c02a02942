use tantivy::{
    Index, IndexSettings, IndexSortByField, Order, TantivyError,
    directory::Directory,
    schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
};

/// A body of text that is searched and weighed by itself: one posting list a word in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextField {
    /// Subject, description and public comments, in this order.
    Public,
    /// The subject alone, beside its place in [`Self::Public`].
    Subject,
    /// Private notes, and custom fields of kind text.
    Private,
    /// Side conversations.
    Side,
    /// Custom fields of kind text by name: every word stands behind [`crate::custom_word`]'s prefix.
    Custom,
}

impl TextField {
    /// Every field.
    pub const ALL: [Self; 5] = [Self::Public, Self::Subject, Self::Private, Self::Side, Self::Custom];
}

/// Which of the two ways a text is cut a list of words is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Stems: what plain words are looked up by.
    Stem,
    /// Folded words as written: phrases, prefixes, suggestions.
    Surface,
}

/// The fields of the tantivy schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The ticket's ordinal, by which documents are sorted, found and deleted.
    pub(crate) row: Field,
    stems: [Field; 5],
    surfaces: [Field; 5],
}

impl Fields {
    pub(crate) fn text(&self, field: TextField, form: Form) -> Field {
        let all = match form {
            Form::Stem => &self.stems,
            Form::Surface => &self.surfaces,
        };
        match field {
            TextField::Public => all[0],
            TextField::Subject => all[1],
            TextField::Private => all[2],
            TextField::Side => all[3],
            TextField::Custom => all[4],
        }
    }
}

/// The library's name for what cuts the text of a field. There is no such thing: it never sees a text, only words.
pub(crate) const TOKENIZER: &str = "replay";

pub(crate) const ROW: &str = "row";
/// Where the classes begin inside the public text; see [`crate::document::Bounds`].
pub(crate) const BOUNDS: &str = "bounds";

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let row = schema.add_u64_field(ROW, FAST | INDEXED);
    schema.add_u64_field(BOUNDS, FAST);
    let mut text = |name: &str| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        schema.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let stems = ["public", "subject", "private", "side", "custom"].map(&mut text);
    let surfaces =
        ["public_surface", "subject_surface", "private_surface", "side_surface", "custom_surface"].map(&mut text);
    (schema.build(), Fields { row, stems, surfaces })
}

/// The index in `directory`, made if it is empty. An index of another schema is an error.
pub(crate) fn open(directory: impl Directory) -> Result<(Index, Fields), TantivyError> {
    let (schema, fields) = schema();
    Ok((Index::builder().schema(schema).settings(settings()).open_or_create(directory)?, fields))
}

/// How an index is written.
pub(crate) fn settings() -> IndexSettings {
    let sort = IndexSortByField { field: ROW.to_owned(), order: Order::Asc };
    IndexSettings { sort_by_field: Some(sort), ..IndexSettings::default() }
}
