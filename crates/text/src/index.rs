use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Opstamp, TextPart, TicketOrd};
use rayon::prelude::*;
use storage::disk::{Disk, SystemDisk};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Term, index::SegmentMeta, merge_policy::LogMergePolicy};
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    check::{check, check_file, check_numbers, files, remove_leftovers, unless_it_panics},
    directory::TextDirectory,
    document::Part,
    error::{TextDefect, TextError},
    fields::{self, Fields},
    inverter::Inverter,
    note::{TextIdentity, TextMark, note, read_mark},
    view::TextView,
};

/// Heap that the library's own thread may use, in bytes: its least, of which it uses nothing, for it is given whole
/// segments.
const LIBRARY_BYTES: usize = 16 << 20;

/// Tickets for which another thread is worth it, and a segment more.
const TICKETS_PER_THREAD: usize = 1 << 15;

/// The most threads that texts are analysed on, each of which holds a segment in memory.
const MAX_THREADS: usize = 4;

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
    directory: TextDirectory,
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
        unless_it_panics(|| Self::open_files(disk, path, identity))
    }

    fn open_files(disk: &Arc<dyn Disk>, path: &Path, identity: TextIdentity) -> Result<Self, TextDefect> {
        let failed = |error| TextDefect::Open(Box::new(error));
        // A process before may not have lived to make its list of segments durable. The files of the list before go below:
        // if the power went then, that one could be back without them.
        disk.sync_dir(path).map_err(|error| TextDefect::Text(error.into()))?;
        let directory = TextDirectory::open(Arc::clone(disk), path).map_err(|error| failed(error.into()))?;
        let fresh = !Index::exists(&directory).map_err(|error| failed(error.into()))?;
        if fresh {
            remove_leftovers(&**disk, path, &directory, None)?;
        }
        let (index, fields) = fields::open(directory.clone()).map_err(failed)?;
        let meta = index.load_metas().map_err(failed)?;
        let mark = if fresh {
            TextMark::default()
        } else {
            let mark = check(&index, &meta, identity)?;
            remove_leftovers(&**disk, path, index.directory(), Some(&meta))?;
            mark
        };
        let reader: IndexReader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        check_numbers(&meta, &reader.searcher())?;
        let view = TextView::new(1, mark.position, identity.languages, reader.searcher(), fields, None)?;
        let (writer, inverters, threads, view) = (None, Vec::new(), None, Arc::new(view));
        Ok(Self { identity, directory, index, fields, reader, writer, inverters, threads, view, mark, number: 1 })
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
        unless_it_panics(|| {
            // It is mapped: what cannot be read any more is told before somebody touches it.
            if self.directory.read_ahead(file).is_err() {
                return Err(TextDefect::Damaged(vec![file.to_owned()]));
            }
            check_file(&self.index, file)
        })
    }

    /// Checks every file of the index in the directory `path` without making or changing anything, and answers up to which
    /// batch it holds the text; nothing if there is none.
    ///
    /// # Errors
    /// [`TextDefect`]: the next opening puts it aside and makes it anew.
    pub fn inspect(path: &Path, identity: TextIdentity) -> Result<Option<TextMark>, TextDefect> {
        unless_it_panics(|| {
            let failed = |error| TextDefect::Open(Box::new(error));
            let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
            let directory = TextDirectory::open(disk, path).map_err(|error| failed(error.into()))?;
            if !Index::exists(&directory).map_err(|error| failed(error.into()))? {
                return Ok(None);
            }
            let index = Index::open(directory).map_err(failed)?;
            let meta = index.load_metas().map_err(failed)?;
            check(&index, &meta, identity).map(Some)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Languages;

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
}
