use std::{
    any::Any,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Opstamp, TextPart};
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, Term,
    directory::{Directory, MmapDirectory},
    merge_policy::LogMergePolicy,
};
use ticketscope_model as model;

use crate::{
    analysis::{Analyzer, Languages},
    document::Document,
    error::{TextDefect, TextError},
    fields::{self, Fields},
    view::TextView,
};

/// The version of what is indexed and of the note in each commit. Another one is made anew.
const VERSION: u32 = 1;

/// Heap of the library's indexing threads together, in bytes, while many tickets are written.
const BULK_BYTES: usize = 256 << 20;

/// And while few are: the library's least for one thread.
const FEW_BYTES: usize = 16 << 20;

/// What tells the text index of one tenant from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextIdentity {
    /// The tenant.
    pub uuid: [u8; 16],
    /// The languages that its words are stemmed in.
    pub languages: Languages,
}

/// How a text index is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Little memory, one thread.
    Few,
    /// As many threads as there are processors, up to four.
    Many,
}

/// The text index of a tenant on disk, and its one writer.
pub struct TextIndex {
    identity: TextIdentity,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    writer: Option<(IndexWriter, Workload)>,
    view: Arc<TextView>,
    number: u64,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextIndex").field("view", &self.view).finish_non_exhaustive()
    }
}

/// Note in the library's commits: what the index holds.
fn note(identity: TextIdentity, position: Opstamp) -> String {
    let uuid = u128::from_be_bytes(identity.uuid);
    let text = format!("v{VERSION};uuid={uuid:032x};languages={};opstamp={}", identity.languages.bits(), position.0);
    format!("{text};crc={:08x}", crc32fast::hash(text.as_bytes()))
}

fn read_note(note: &str, identity: TextIdentity) -> Option<Opstamp> {
    let (_, opstamp) = note.split_once(";opstamp=")?;
    let position = Opstamp(opstamp.split_once(';')?.0.parse().ok()?);
    // One form only: what is not exactly as it would be written is not trusted.
    (self::note(identity, position) == note).then_some(position)
}

impl TextIndex {
    /// Opens the index in the existing directory `path`, after checking every file in it, or makes an empty one.
    ///
    /// # Errors
    /// [`TextDefect`]: the directory is to be emptied and the index made anew.
    pub fn open(path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        // The library panics at some files that are cut off, before it looks at their checksums.
        let opened = catch_unwind(|| Self::open_files(path, identity));
        opened.unwrap_or_else(|panic| Err(TextDefect::Panic(panic_text(&*panic))))
    }

    fn open_files(path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        let directory = MmapDirectory::open(path).map_err(|error| TextDefect::Open(Box::new(error.into())))?;
        let fresh = !Index::exists(&directory).map_err(|error| TextDefect::Open(Box::new(error.into())))?;
        let (index, fields) = fields::open(directory).map_err(|error| TextDefect::Open(Box::new(error)))?;
        let position = if fresh { Opstamp(0) } else { check(&index, identity)? };
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(|error| TextDefect::Open(Box::new(error)))?;
        let reader: IndexReader = reader;
        let view = TextView::new(1, position, identity.languages, reader.searcher(), fields, None)?;
        Ok(Self { identity, index, fields, reader, writer: None, view: Arc::new(view), number: 1 })
    }

    /// What the last commit left.
    pub fn view(&self) -> &Arc<TextView> {
        &self.view
    }

    /// Who it belongs to.
    pub fn identity(&self) -> TextIdentity {
        self.identity
    }

    /// Replaces the text of tickets, each of which is named at most once between two commits; a ticket without parts has
    /// no text any more. Takes effect with the next commit. The texts are analysed on as many threads as rayon has.
    ///
    /// # Errors
    /// [`TextError`]; what was written since the last commit is to be rolled back by dropping the index.
    pub fn write(&mut self, tickets: &[(u32, Vec<TextPart>)], workload: Workload) -> Result<(), TextError> {
        use rayon::prelude::*;
        let languages = self.identity.languages;
        let documents: Vec<Option<Document>> = tickets
            .par_iter()
            .map_init(|| Analyzer::new(languages), |analyzer, (ord, parts)| Document::analyse(analyzer, *ord, parts))
            .collect();
        let fields = self.fields;
        let view = Arc::clone(&self.view);
        let writer = self.writer(workload)?;
        for ((ord, _), document) in tickets.iter().zip(documents) {
            if view.tickets().contains(model::TicketOrd(*ord)) {
                writer.delete_term(Term::from_field_u64(fields.row, u64::from(*ord)));
            }
            if let Some(document) = document {
                writer.add_document(document.into_tantivy(&fields))?;
            }
        }
        Ok(())
    }

    fn writer(&mut self, workload: Workload) -> Result<&mut IndexWriter, TextError> {
        if self.writer.as_ref().is_none_or(|(_, open)| *open == Workload::Few && workload == Workload::Many)
            && let Some((writer, _)) = self.writer.take()
        {
            // Nothing uncommitted is lost: the workload changes between commits only.
            drop(writer);
        }
        if self.writer.is_none() {
            let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
            let (threads, bytes) = match workload {
                Workload::Few => (1, FEW_BYTES),
                Workload::Many => (threads, BULK_BYTES),
            };
            let writer: IndexWriter = self.index.writer_with_num_threads(threads, bytes)?;
            writer.set_merge_policy(Box::new(LogMergePolicy::default()));
            self.writer = Some((writer, workload));
        }
        match &mut self.writer {
            Some((writer, _)) => Ok(writer),
            None => Err(TextError::Rows),
        }
    }

    /// Makes everything written durable and readable, as the text up to `position`.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn commit(&mut self, position: Opstamp) -> Result<Arc<TextView>, TextError> {
        let note = note(self.identity, position);
        let writer = self.writer(Workload::Few)?;
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&note);
        commit.commit()?;
        // The library renames its list of segments without making the name durable.
        self.index.directory().sync_directory()?;
        self.reload(position)
    }

    fn reload(&mut self, position: Opstamp) -> Result<Arc<TextView>, TextError> {
        self.reader.reload()?;
        self.number += 1;
        let searcher = self.reader.searcher();
        let view =
            TextView::new(self.number, position, self.identity.languages, searcher, self.fields, Some(&self.view))?;
        self.view = Arc::new(view);
        Ok(Arc::clone(&self.view))
    }

    /// Waits for merges under way and lets the writer and its memory go. Answers the merged view.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn rest(&mut self) -> Result<Arc<TextView>, TextError> {
        if let Some((writer, _)) = self.writer.take() {
            writer.wait_merging_threads()?;
            self.index.directory().sync_directory()?;
            let position = self.view.position();
            return self.reload(position);
        }
        Ok(Arc::clone(&self.view))
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a check failed without a message").to_owned()
}

/// Checks every file of an index and reads its note.
fn check(index: &Index, identity: TextIdentity) -> Result<Opstamp, TextDefect> {
    let failed = |error| TextDefect::Open(Box::new(error));
    let meta = index.load_metas().map_err(failed)?;
    // An index without a commit holds nothing yet.
    let position = match (&meta.payload, meta.segments.is_empty()) {
        (None, true) => Opstamp(0),
        (None, false) => return Err(TextDefect::Foreign),
        (Some(note), _) => read_note(note, identity).ok_or(TextDefect::Foreign)?,
    };
    // Of every file of the list: the library's own check passes over those that it does not manage. One that is missing is
    // optional, or fails when its segment is opened.
    let directory = index.directory();
    let mut bad: Vec<PathBuf> = meta.list_segment_files().into_iter().collect();
    bad.retain(|file| directory.exists(file).unwrap_or(true) && !directory.validate_checksum(file).unwrap_or(false));
    bad.sort_unstable();
    if bad.is_empty() { Ok(position) } else { Err(TextDefect::Damaged(bad)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_by_its_own_tenant_only() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let written = note(identity, Opstamp(42));
        assert_eq!(read_note(&written, identity), Some(Opstamp(42)));
        let other = TextIdentity { uuid: [8; 16], ..identity };
        assert_eq!(read_note(&written, other), None);
        for at in 0..written.len() {
            let mut bytes = written.clone().into_bytes();
            bytes[at] ^= 1;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(read_note(&damaged, identity), None, "{damaged}");
        }
    }

    #[test]
    fn every_file_cut_to_any_length_is_refused_or_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let part = TextPart {
            part: "s".into(),
            class: ticketscope_model::TextClass::Subject,
            lang: None,
            body: "an invoice".into(),
            author: None,
            at: None,
        };
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        index.write(&[(3, vec![part])], Workload::Few).unwrap();
        index.commit(Opstamp(1)).unwrap();
        drop(index.rest().unwrap());
        drop(index);
        let mut refused = 0;
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let whole = std::fs::read(&path).unwrap();
            for len in (0..whole.len()).take(20) {
                std::fs::write(&path, &whole[..len]).unwrap();
                match TextIndex::open(dir.path(), identity) {
                    Ok(index) => assert_eq!(index.view().tickets().len(), 1, "{} cut to {len}", path.display()),
                    Err(_) => refused += 1,
                }
            }
            std::fs::write(&path, &whole).unwrap();
        }
        assert!(refused > 100, "only {refused} cuts are seen");
        assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().tickets().len(), 1);
    }
}
