use std::{
    any::Any,
    collections::{HashMap, HashSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Opstamp, TextPart, TicketOrd};
use rayon::prelude::*;
use storage::disk::{Disk, SystemDisk};
use tantivy::{
    HasLen, Index, IndexMeta, IndexReader, IndexWriter, ReloadPolicy, Searcher, Term,
    directory::Directory,
    index::{SegmentComponent, SegmentMeta},
    merge_policy::LogMergePolicy,
};
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    analysis::Languages,
    directory::{LIST, TextDirectory},
    document::Part,
    error::{TextDefect, TextError},
    fields::{self, Fields},
    inverter::Inverter,
    view::TextView,
};

/// The version of what is indexed and of the note in each commit. Another one is made anew.
const VERSION: u32 = 2;

/// The library's list of all files that it made.
const MANAGED: &str = ".managed.json";

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

/// What a commit of a text index holds: the text after a batch of one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextMark {
    /// The last batch.
    pub position: Opstamp,
    /// A checksum over all batches up to it. A tenant whose files were put back has two batches of one number: this tells
    /// them apart.
    pub history: u32,
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
    /// Of the last commit.
    mark: TextMark,
    number: u64,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextIndex").field("view", &self.view).finish_non_exhaustive()
    }
}

/// Note in the library's commits: what the index holds.
fn note(identity: TextIdentity, mark: TextMark) -> String {
    let (uuid, languages) = (u128::from_be_bytes(identity.uuid), identity.languages.bits());
    let TextMark { position, history } = mark;
    let text =
        format!("v{VERSION};uuid={uuid:032x};languages={languages};opstamp={};history={history:08x}", position.0);
    format!("{text};crc={:08x}", crc32fast::hash(text.as_bytes()))
}

fn read_note(note: &str, identity: TextIdentity) -> Option<TextMark> {
    let (opstamp, rest) = note.split_once(";opstamp=")?.1.split_once(";history=")?;
    let position = Opstamp(opstamp.parse().ok()?);
    let history = u32::from_str_radix(rest.split_once(';')?.0, 16).ok()?;
    let mark = TextMark { position, history };
    // One form only: what is not exactly as it would be written is not trusted.
    (self::note(identity, mark) == note).then_some(mark)
}

impl TextIndex {
    /// Opens the index in the existing directory `path`, after checking every file in it, or makes an empty one. What a crash
    /// left of an unfinished commit is removed.
    ///
    /// # Errors
    /// [`TextDefect`]: the directory is to be emptied and the index made anew.
    pub fn open(path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        Self::open_on(&disk, path, identity)
    }

    /// [`Self::open`] on another disk than that of the system.
    ///
    /// # Errors
    /// [`TextDefect`] as [`Self::open`].
    pub fn open_on(disk: &Arc<dyn Disk>, path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        // The library panics at some files that are cut off, before it looks at their checksums. Nothing but what is on
        // the disk outlives it.
        let opened = catch_unwind(AssertUnwindSafe(|| Self::open_files(disk, path, identity)));
        opened.unwrap_or_else(|panic| Err(TextDefect::Panic(panic_text(&*panic))))
    }

    fn open_files(disk: &Arc<dyn Disk>, path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        let failed = |error| TextDefect::Open(Box::new(error));
        // A process before may not have lived to make its list of segments durable. The files of the list before go below:
        // if the power went then, that one could be back without them.
        disk.sync_dir(path).map_err(|error| TextDefect::Text(error.into()))?;
        let directory = TextDirectory::open(Arc::clone(disk), path).map_err(|error| failed(error.into()))?;
        let fresh = !Index::exists(&directory).map_err(|error| failed(error.into()))?;
        if fresh {
            remove_leftovers(&**disk, path, &directory, &HashSet::new())?;
        }
        let (index, fields) = fields::open(directory).map_err(failed)?;
        let meta = index.load_metas().map_err(failed)?;
        let mark = if fresh {
            TextMark::default()
        } else {
            let mark = check(&index, &meta, identity)?;
            let mut kept = files(&meta);
            kept.extend([LIST, MANAGED].map(PathBuf::from));
            remove_leftovers(&**disk, path, index.directory(), &kept)?;
            mark
        };
        let reader: IndexReader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        check_numbers(&meta, &reader.searcher())?;
        let view = TextView::new(1, mark.position, identity.languages, reader.searcher(), fields, None)?;
        let (writer, inverters, threads, view) = (None, Vec::new(), None, Arc::new(view));
        Ok(Self { identity, index, fields, reader, writer, inverters, threads, view, mark, number: 1 })
    }

    /// What the last commit left.
    pub fn view(&self) -> &Arc<TextView> {
        &self.view
    }

    /// What the last commit holds.
    pub fn mark(&self) -> TextMark {
        self.mark
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
        let (row, view, mark) = (self.fields.row, Arc::clone(&self.view), self.mark);
        let mut replaced = tickets.iter().filter(|ord| view.tickets().contains(TicketOrd(**ord))).peekable();
        if replaced.peek().is_none() {
            return Ok(());
        }
        let writer = self.writer()?;
        for ord in replaced {
            writer.delete_term(Term::from_field_u64(row, u64::from(*ord)));
        }
        self.save(mark)
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

    /// Makes everything written durable and readable, as the text up to `mark`.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn commit(&mut self, mark: TextMark) -> Result<Arc<TextView>, TextError> {
        self.save(mark)?;
        self.mark = mark;
        self.reload(mark.position)
    }

    /// Commits, with a note that the index holds the text up to `mark`.
    fn save(&mut self, mark: TextMark) -> Result<(), TextError> {
        let note = note(self.identity, mark);
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
        let meta = self.index.load_metas().map_err(|error| TextDefect::Open(Box::new(error)))?;
        read_mark(&meta, self.identity)?;
        Ok(files(&meta).into_iter().collect())
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
    pub fn inspect(path: &Path, identity: TextIdentity) -> Result<Option<TextMark>, TextDefect> {
        let inspected = catch_unwind(|| {
            let failed = |error| TextDefect::Open(Box::new(error));
            let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
            let directory = TextDirectory::open(disk, path).map_err(|error| failed(error.into()))?;
            if !Index::exists(&directory).map_err(|error| failed(error.into()))? {
                return Ok(None);
            }
            let index = Index::open(directory).map_err(failed)?;
            let meta = index.load_metas().map_err(failed)?;
            check(&index, &meta, identity).map(Some)
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

/// Removes all but locks and what is to be kept: files of a commit that did not come to its end. The library knows of most
/// of them, but after a power cut not of all, and fails when it is to make one that is there.
fn remove_leftovers(
    disk: &dyn Disk,
    path: &Path,
    directory: &dyn Directory,
    kept: &HashSet<PathBuf>,
) -> Result<(), TextError> {
    for name in disk.names(path)? {
        let name = PathBuf::from(name);
        let is_lock = name.extension().is_some_and(|extension| extension == "lock");
        if is_lock || kept.contains(&name) || disk.is_dir(&path.join(&name)) {
            continue;
        }
        directory.delete(&name).map_err(io::Error::other)?;
    }
    Ok(())
}

/// What the last commit holds, by its note.
fn read_mark(meta: &IndexMeta, identity: TextIdentity) -> Result<TextMark, TextDefect> {
    match (&meta.payload, meta.segments.is_empty()) {
        // An index without a commit holds nothing yet.
        (None, true) => Ok(TextMark::default()),
        (None, false) => Err(TextDefect::Foreign),
        (Some(note), _) => read_note(note, identity).ok_or(TextDefect::Foreign),
    }
}

/// Checks every file of an index and reads its note.
fn check(index: &Index, meta: &IndexMeta, identity: TextIdentity) -> Result<TextMark, TextDefect> {
    let mark = read_mark(meta, identity)?;
    let directory = index.directory();
    // The list of segments has no checksum. So it must be what the library would write, letter by letter: a name that is not
    // one would be passed over, and what it stands for forgotten. The numbers are compared with those of the files.
    let list = directory.atomic_read(Path::new(LIST)).map_err(|error| TextDefect::Open(Box::new(error.into())))?;
    let mut expected = serde_json::to_vec_pretty(meta).map_err(|error| TextError::Read(error.into()))?;
    expected.push(b'\n');
    if list != expected || *index.settings() != fields::settings() {
        return Err(TextDefect::Damaged(vec![LIST.into()]));
    }
    // Of every file of the list: the library's own check passes over those that it does not manage.
    let mut bad: Vec<PathBuf> = files(meta).into_iter().collect();
    bad.retain(|file| !directory.validate_checksum(file).unwrap_or(false));
    bad.sort_unstable();
    if bad.is_empty() { Ok(mark) } else { Err(TextDefect::Damaged(bad)) }
}

/// The files that there must be: a segment without deletions has no file of them, and one that is committed no temporary
/// ones.
fn files(meta: &IndexMeta) -> HashSet<PathBuf> {
    let mut files = meta.list_segment_files();
    for segment in &meta.segments {
        files.remove(&segment.relative_path(SegmentComponent::TempStore));
        if segment.delete_opstamp().is_none() {
            files.remove(&segment.relative_path(SegmentComponent::Delete));
        }
    }
    files
}

/// Compares the numbers in the list of segments with those of the files, which have checksums.
fn check_numbers(meta: &IndexMeta, searcher: &Searcher) -> Result<(), TextDefect> {
    let damaged = || TextDefect::Damaged(vec![LIST.into()]);
    let readers: HashMap<_, _> =
        searcher.segment_readers().iter().map(|reader| (reader.segment_id(), reader)).collect();
    for segment in &meta.segments {
        let reader = readers.get(&segment.id()).ok_or_else(damaged)?;
        let rows = reader.fast_fields().u64(fields::ROW).map_err(TextError::from)?.num_docs();
        let deleted = reader.alive_bitset().map_or(Some(0), |alive| {
            let live = u32::try_from(alive.num_alive_docs()).ok()?;
            (alive.bitset().max_value() == rows).then(|| rows.checked_sub(live)).flatten()
        });
        let has_deletions = reader.alive_bitset().is_some();
        if segment.max_doc() != rows
            || segment.delete_opstamp().is_some() != has_deletions
            || deleted != Some(segment.num_deleted_docs())
        {
            return Err(damaged());
        }
    }
    Ok(())
}

/// Checks a file of the last commit; nothing if it is there no more.
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

    fn mark(position: u64) -> TextMark {
        TextMark { position: Opstamp(position), history: 0 }
    }

    #[test]
    fn only_what_writes_or_commits_makes_a_writer_and_a_rest_lets_it_go() {
        let dir = tempfile::tempdir().unwrap();
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let nothing: &[(u32, Vec<TextPart>)] = &[];
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        index.write(&[], nothing).unwrap();
        assert!(index.writer.is_none() && index.inverters.is_empty(), "nothing was written");
        index.commit(mark(1)).unwrap();
        assert!(index.writer.is_some(), "a commit needs one");
        index.rest().unwrap();
        index.write(&[], nothing).unwrap();
        assert!(index.writer.is_none() && index.inverters.is_empty(), "nothing was written after the rest");
        index.write(&[3], nothing).unwrap();
        assert!(index.writer.is_some());
        index.commit(mark(2)).unwrap();
        index.rest().unwrap();
        assert!(index.writer.is_none());
        drop(index);
        assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().position(), Opstamp(2));
    }

    #[test]
    fn a_note_is_read_by_its_own_tenant_only() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let written = note(identity, TextMark { position: Opstamp(42), history: 0x0bad_cafe });
        assert_eq!(read_note(&written, identity), Some(TextMark { position: Opstamp(42), history: 0x0bad_cafe }));
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
    fn what_a_crash_left_of_an_unfinished_commit_is_not_in_the_way_of_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let texts = |body: &str| -> Vec<(u32, Vec<TextPart>)> {
            let part = TextPart {
                part: "s".into(),
                class: ticketscope_model::TextClass::Subject,
                lang: None,
                body: body.into(),
                author: None,
                at: None,
            };
            vec![(3, vec![part.clone()]), (4, vec![part])]
        };
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        index.write(&[3, 4], &texts("an invoice")[..]).unwrap();
        index.commit(mark(1)).unwrap();
        drop(index);
        let list = std::fs::read(dir.path().join(LIST)).unwrap();
        let names = || -> Vec<_> {
            let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        for round in 0..3 {
            let mut index = TextIndex::open(dir.path(), identity).unwrap();
            assert_eq!((names(), index.view().position()), (before.clone(), Opstamp(1)), "round {round}");
            index.write(&[4], &texts("another invoice")[..]).unwrap();
            index.commit(mark(2)).unwrap();
            assert_eq!(index.view().tickets().len(), 2);
            drop(index);
            assert_ne!(names(), before);
            std::fs::write(dir.path().join(LIST), &list).unwrap();
        }
    }

    /// An index of two tickets, from which a third was deleted.
    fn small_index(identity: TextIdentity) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let part = |body: &str| TextPart {
            part: "s".into(),
            class: ticketscope_model::TextClass::Subject,
            lang: None,
            body: body.into(),
            author: None,
            at: None,
        };
        let mut index = TextIndex::open(dir.path(), identity).unwrap();
        let texts = [(3, vec![part("an invoice")]), (4, vec![part("a bill")]), (5, vec![part("a refund")])];
        index.write(&[3, 4, 5], &texts[..]).unwrap();
        index.commit(mark(1)).unwrap();
        index.write(&[4], &[(4, vec![])][..]).unwrap();
        index.commit(mark(2)).unwrap();
        drop(index.rest().unwrap());
        dir
    }

    #[test]
    fn every_file_that_is_gone_is_missed() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let dir = small_index(identity);
        let mut missed = Vec::new();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
            // Without its list of segments it is a new index; the others are no part of what is found.
            if path.file_name().is_some_and(|name| name == "meta.json" || name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            let whole = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let opened = TextIndex::open(dir.path(), identity);
            assert!(opened.is_err(), "{} is gone", path.display());
            missed.push(extension);
            std::fs::write(&path, whole).unwrap();
        }
        missed.sort();
        assert_eq!(missed, ["del", "fast", "fieldnorm", "idx", "pos", "store", "term"]);
        assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().tickets().len(), 2);
    }

    #[test]
    fn no_bit_of_the_list_of_segments_changes_what_is_found() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let dir = small_index(identity);
        let files = |dir: &Path| -> Vec<(std::ffi::OsString, Vec<u8>)> {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
        };
        let genuine = files(dir.path());
        let list = std::fs::read(dir.path().join(LIST)).unwrap();
        let (mut refused, mut same) = (0, 0);
        // Of letters one bit each, of numbers all that make another number, and of the schema, which is compared, a sample.
        let text = String::from_utf8(list.clone()).unwrap();
        let schema = text.find("\"schema\"").unwrap()..text.find("\"payload\"").unwrap();
        let bits_of = |at: usize| if list[at].is_ascii_digit() { 0..4 } else { at % 8..at % 8 + 1 };
        for bit in (0..list.len())
            .filter(|at| !schema.contains(at) || at % 31 == 0)
            .flat_map(|at| bits_of(at).map(move |bit| at * 8 + bit))
        {
            for (name, bytes) in &genuine {
                std::fs::write(dir.path().join(name), bytes).unwrap();
            }
            let mut damaged = list.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(dir.path().join(LIST), damaged).unwrap();
            match TextIndex::open(dir.path(), identity) {
                Ok(index) => {
                    let around =
                        String::from_utf8_lossy(&list[(bit / 8).saturating_sub(20)..(bit / 8 + 10).min(list.len())]);
                    let found = (index.mark(), index.view().tickets().len());
                    assert_eq!(found, (mark(2), 2), "bit {bit}, in {around}");
                    same += 1;
                }
                Err(_) => refused += 1,
            }
        }
        // The library's own count of operations has few digits.
        assert!(refused > same * 50, "{refused} are refused, {same} are not");
    }

    #[test]
    fn a_file_of_a_commit_that_was_cut_off_stops_no_other() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let (dir, other) = (small_index(identity), tempfile::tempdir().unwrap());
        let names = |dir: &Path| -> HashSet<std::ffi::OsString> {
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        for name in names(dir.path()) {
            std::fs::copy(dir.path().join(&name), other.path().join(&name)).unwrap();
        }
        let delete = |dir: &Path| {
            let mut index = TextIndex::open(dir, identity).unwrap();
            index.write(&[3], &[(3, vec![])][..]).unwrap();
            index.commit(mark(3)).unwrap();
            assert_eq!(index.view().tickets().len(), 1);
        };
        // What deleting makes here was made there too, but nothing names it.
        delete(other.path());
        let mut left = 0;
        for name in names(other.path()).difference(&names(dir.path())) {
            std::fs::copy(other.path().join(name), dir.path().join(name)).unwrap();
            left += 1;
        }
        std::fs::write(dir.path().join(".tmpA1b2C3"), b"half a list").unwrap();
        assert!(left > 0, "nothing was made");
        delete(dir.path());
        assert!(!names(dir.path()).contains(std::ffi::OsStr::new(".tmpA1b2C3")), "nobody else would remove it");
    }

    #[test]
    fn every_file_cut_to_any_length_is_refused_or_not_missed() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let dir = small_index(identity);
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
        assert_eq!(TextIndex::open(dir.path(), identity).unwrap().view().tickets().len(), 2);
    }
}
