use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Opstamp, TextPart, TicketOrd};
use rayon::prelude::*;
use tantivy::{
    HasLen, Index, IndexReader, IndexWriter, ReloadPolicy, Term,
    directory::{Directory, MmapDirectory},
    index::SegmentMeta,
    merge_policy::LogMergePolicy,
};
use ticketscope_model as model;

use crate::{
    analysis::Languages,
    document::Part,
    error::{TextDefect, TextError},
    fields::{self, Fields},
    inverter::Inverter,
    view::TextView,
};

/// The version of what is indexed and of the note in each commit. Another one is made anew.
const VERSION: u32 = 1;

/// Heap that the library's own thread may use, in bytes: its least, of which it uses nothing, for it is given whole
/// segments.
const LIBRARY_BYTES: usize = 16 << 20;

/// Tickets for which another thread is worth it, and a segment more.
const TICKETS_PER_THREAD: usize = 1 << 15;

/// The most threads that texts are analysed on, each of which holds a segment in memory.
const MAX_THREADS: usize = 4;

/// What tells the text index of one tenant from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextIdentity {
    /// The tenant.
    pub uuid: [u8; 16],
    /// The languages that its words are stemmed in.
    pub languages: Languages,
}

/// Takes a ticket and the parts of its text.
pub type TakeText<'t> = dyn FnMut(u32, &[Part<'_>]) -> Result<(), TextError> + 't;

/// Where the texts of tickets are read from, by several threads at once.
pub trait Texts: Sync {
    /// Why they cannot be read.
    type Error: From<TextError> + Send;

    /// Calls `each` with every one of `tickets`, in this order, and the parts of its text, none if it has no text any more.
    ///
    /// # Errors
    /// What `each` answers, or that a text cannot be read; it is the end of the reading.
    fn read(&self, tickets: &[u32], each: &mut TakeText<'_>) -> Result<(), Self::Error>;
}

/// Texts at hand, of tickets in ascending order.
impl Texts for [(u32, Vec<TextPart>)] {
    type Error = TextError;

    fn read(&self, tickets: &[u32], each: &mut TakeText<'_>) -> Result<(), TextError> {
        tickets.iter().try_for_each(|ord| {
            let at = self.binary_search_by_key(ord, |(ord, _)| *ord);
            let parts = at.map_or(&[][..], |at| self[at].1.as_slice());
            each(*ord, &parts.iter().map(Part::from).collect::<Vec<_>>())
        })
    }
}

/// The text index of a tenant on disk, and its one writer.
pub struct TextIndex {
    identity: TextIdentity,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    /// There from the first ticket written, or the first commit, until there is a rest.
    writer: Option<IndexWriter>,
    /// One for each thread that ever had tickets to analyse; they know the words of earlier texts.
    inverters: Vec<Inverter>,
    /// Threads of its own: those that parse an import must not wait for a whole segment.
    threads: Option<rayon::ThreadPool>,
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
        let (writer, inverters, threads, view) = (None, Vec::new(), None, Arc::new(view));
        Ok(Self { identity, index, fields, reader, writer, inverters, threads, view, number: 1 })
    }

    /// What the last commit left.
    pub fn view(&self) -> &Arc<TextView> {
        &self.view
    }

    /// Who it belongs to.
    pub fn identity(&self) -> TextIdentity {
        self.identity
    }

    /// Replaces the text of `tickets`, in ascending order, by what `texts` has of them. Between two commits a ticket is named
    /// at most once. Takes effect with the next commit.
    ///
    /// Few tickets are analysed on this thread, and many on as many as there are processors, up to four, each of which holds
    /// up to some 110 MiB of words until they make a segment, and more by one ticket at most. Without tickets it does
    /// nothing.
    ///
    /// # Errors
    /// Those of `texts`; what was written since the last commit is to be rolled back by dropping the index.
    pub fn write<T: Texts + ?Sized>(&mut self, tickets: &[u32], texts: &T) -> Result<(), T::Error> {
        if tickets.is_empty() {
            // Whoever has nothing to write needs no writer, which is threads and memory.
            return Ok(());
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let shares = (tickets.len() / TICKETS_PER_THREAD).clamp(1, processors);
        let languages = self.identity.languages;
        self.inverters.resize_with(shares.max(self.inverters.len()), || Inverter::new(languages));
        // Neighbours share a segment, so that merging segments is putting one behind the other.
        let shares = tickets.chunks(tickets.len().div_ceil(shares)).zip(&mut self.inverters);
        let (index, fields) = (&self.index, &self.fields);
        let invert = |(tickets, inverter)| invert(inverter, tickets, texts, index, fields);
        let segments: Vec<Vec<SegmentMeta>> = if shares.len() <= 1 {
            shares.map(invert).collect::<Result<_, _>>()?
        } else {
            let threads = match &mut self.threads {
                Some(threads) => threads,
                none => none.insert(start_threads(processors).map_err(TextError::from)?),
            };
            let shares: Vec<_> = shares.collect();
            threads.install(|| shares.into_par_iter().map(invert).collect::<Result<_, _>>())?
        };
        self.delete(tickets)?;
        let writer = self.writer()?;
        for segment in segments.into_iter().flatten() {
            writer.add_segment(segment).map_err(TextError::from)?;
        }
        Ok(())
    }

    /// Deletes the documents of those of `tickets` that have any.
    ///
    /// In a commit of its own, because the library may apply a deletion that is not yet in one to a segment that it is given
    /// later. On disk this commit is still the text up to the position before: whoever opens the index then writes the
    /// tickets that changed since.
    fn delete(&mut self, tickets: &[u32]) -> Result<(), TextError> {
        let (row, view) = (self.fields.row, Arc::clone(&self.view));
        let mut replaced = tickets.iter().filter(|ord| view.tickets().contains(TicketOrd(**ord))).peekable();
        if replaced.peek().is_none() {
            return Ok(());
        }
        let writer = self.writer()?;
        for ord in replaced {
            writer.delete_term(Term::from_field_u64(row, u64::from(*ord)));
        }
        self.save(view.position())
    }

    fn writer(&mut self) -> Result<&mut IndexWriter, TextError> {
        Ok(match &mut self.writer {
            Some(writer) => writer,
            none => {
                let writer: IndexWriter = self.index.writer_with_num_threads(1, LIBRARY_BYTES)?;
                writer.set_merge_policy(Box::new(LogMergePolicy::default()));
                none.insert(writer)
            }
        })
    }

    /// Makes everything written durable and readable, as the text up to `position`.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn commit(&mut self, position: Opstamp) -> Result<Arc<TextView>, TextError> {
        self.save(position)?;
        // The library renames its list of segments without making the name durable.
        self.index.directory().sync_directory()?;
        self.reload(position)
    }

    /// Commits, with a note that the index holds the text up to `position`.
    fn save(&mut self, position: Opstamp) -> Result<(), TextError> {
        let note = note(self.identity, position);
        let mut commit = self.writer()?.prepare_commit()?;
        commit.set_payload(&note);
        commit.commit()?;
        Ok(())
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

    /// The files of the last commit. Its note is read and checked again.
    ///
    /// # Errors
    /// [`TextDefect`] if the list of files or the note is not what was written.
    pub fn files(&self) -> Result<Vec<PathBuf>, TextDefect> {
        files(&self.index, self.identity).map(|(_, files)| files)
    }

    /// Checks one of [`Self::files`]; answers its length in bytes, nothing if it is not there any more or never was.
    ///
    /// # Errors
    /// [`TextDefect::Damaged`] if it is not what was written.
    pub fn check_file(&self, file: &Path) -> Result<Option<u64>, TextDefect> {
        // The library panics at some files that are cut off.
        let checked = catch_unwind(AssertUnwindSafe(|| check_file(&self.index, file)));
        checked.unwrap_or_else(|panic| Err(TextDefect::Panic(panic_text(&*panic))))
    }

    /// Checks every file of the index in the directory `path` without making or changing anything, and answers up to which
    /// batch it holds the text; nothing if there is none.
    ///
    /// # Errors
    /// [`TextDefect`]: the next opening puts it aside and makes it anew.
    pub fn inspect(path: &Path, identity: TextIdentity) -> Result<Option<Opstamp>, TextDefect> {
        let inspected = catch_unwind(|| {
            let failed = |error| TextDefect::Open(Box::new(error));
            let directory = MmapDirectory::open(path).map_err(|error| failed(error.into()))?;
            if !Index::exists(&directory).map_err(|error| failed(error.into()))? {
                return Ok(None);
            }
            let index = Index::open(directory).map_err(failed)?;
            check(&index, identity).map(Some)
        });
        inspected.unwrap_or_else(|panic| Err(TextDefect::Panic(panic_text(&*panic))))
    }

    /// Waits for merges under way and lets the writer, its threads and its memory go. Answers the merged view.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn rest(&mut self) -> Result<Arc<TextView>, TextError> {
        (self.inverters, self.threads) = (Vec::new(), None);
        if let Some(writer) = self.writer.take() {
            writer.wait_merging_threads()?;
            self.index.directory().sync_directory()?;
            let position = self.view.position();
            return self.reload(position);
        }
        Ok(Arc::clone(&self.view))
    }
}

/// Makes segments of the words of tickets.
fn invert<T: Texts + ?Sized>(
    inverter: &mut Inverter,
    tickets: &[u32],
    texts: &T,
    index: &Index,
    fields: &Fields,
) -> Result<Vec<SegmentMeta>, T::Error> {
    let mut segments = Vec::new();
    texts.read(tickets, &mut |ord, parts| {
        inverter.add(ord, parts);
        if inverter.is_full() {
            segments.extend(inverter.write(index, fields)?);
        }
        Ok(())
    })?;
    segments.extend(inverter.write(index, fields).map_err(TextError::from)?);
    Ok(segments)
}

fn start_threads(count: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(|number| format!("text-{number}")).build()
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a check failed without a message").to_owned()
}

/// Checks every file of an index and reads its note.
fn check(index: &Index, identity: TextIdentity) -> Result<Opstamp, TextDefect> {
    let (position, files) = files(index, identity)?;
    let mut bad = Vec::new();
    for file in files {
        match check_file(index, &file) {
            Ok(_) => {}
            Err(TextDefect::Damaged(files)) => bad.extend(files),
            Err(other) => return Err(other),
        }
    }
    bad.sort_unstable();
    if bad.is_empty() { Ok(position) } else { Err(TextDefect::Damaged(bad)) }
}

/// Reads the note of an index, and its list of files.
fn files(index: &Index, identity: TextIdentity) -> Result<(Opstamp, Vec<PathBuf>), TextDefect> {
    let failed = |error| TextDefect::Open(Box::new(error));
    let meta = index.load_metas().map_err(failed)?;
    // An index without a commit holds nothing yet.
    let position = match (&meta.payload, meta.segments.is_empty()) {
        (None, true) => Opstamp(0),
        (None, false) => return Err(TextDefect::Foreign),
        (Some(note), _) => read_note(note, identity).ok_or(TextDefect::Foreign)?,
    };
    Ok((position, meta.list_segment_files().into_iter().collect()))
}

/// Checks a file of the list: the library's own check passes over those that it does not manage. One that is missing is
/// optional, or fails when its segment is opened.
fn check_file(index: &Index, file: &Path) -> Result<Option<u64>, TextDefect> {
    let directory = index.directory();
    let is_there = || directory.exists(file).unwrap_or(true);
    if !is_there() {
        return Ok(None);
    }
    if !directory.validate_checksum(file).unwrap_or(false) {
        // A merge may have removed it meanwhile.
        return if is_there() { Err(TextDefect::Damaged(vec![file.to_owned()])) } else { Ok(None) };
    }
    Ok(Some(directory.open_read(file).map_or(0, |slice| slice.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_writes_or_commits_makes_a_writer_and_a_rest_lets_it_go() {
        let dir = tempfile::tempdir().unwrap();
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let nothing: &[(u32, Vec<TextPart>)] = &[];
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        index.write(&[], nothing).unwrap();
        assert!(index.writer.is_none() && index.inverters.is_empty(), "nothing was written");
        index.commit(Opstamp(1)).unwrap();
        assert!(index.writer.is_some(), "a commit needs one");
        index.rest().unwrap();
        index.write(&[], nothing).unwrap();
        assert!(index.writer.is_none() && index.inverters.is_empty(), "nothing was written after the rest");
        index.write(&[3], nothing).unwrap();
        assert!(index.writer.is_some());
        index.commit(Opstamp(2)).unwrap();
        index.rest().unwrap();
        assert!(index.writer.is_none());
        drop(index);
        assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().position(), Opstamp(2));
    }

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
        index.write(&[3], &[(3, vec![part])][..]).unwrap();
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
