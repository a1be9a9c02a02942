//! Whether the files of an index are those that were written. The library itself looks at few of its checksums.

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use storage::disk::Disk;
use tantivy::{HasLen, Index, IndexMeta, Searcher, directory::Directory, index::SegmentComponent};
use ticketscope_storage as storage;

use crate::{
    directory::LIST,
    error::{TextDefect, TextError},
    fields,
    note::{TextIdentity, TextMark, read_mark},
};

/// The library's list of all files that it made.
const MANAGED: &str = ".managed.json";

/// What `look` answers. The library panics at some files that are cut off, before it looks at their checksums; nothing but
/// what is on the disk may outlive that.
pub(crate) fn unless_it_panics<T>(look: impl FnOnce() -> Result<T, TextDefect>) -> Result<T, TextDefect> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|panic| Err(TextDefect::Panic(panic_text(&*panic))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a check failed without a message").to_owned()
}

/// Removes all but locks and what the list of segments, if there is one, names: files of a commit that did not come to its
/// end. The library knows of most
/// of them, but after a power cut not of all, and fails when it is to make one that is there.
pub(crate) fn remove_leftovers(
    disk: &dyn Disk,
    path: &Path,
    directory: &dyn Directory,
    list: Option<&IndexMeta>,
) -> Result<(), TextError> {
    let mut kept = list.map(files).unwrap_or_default();
    if list.is_some() {
        kept.extend([LIST, MANAGED].map(PathBuf::from));
    }
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

/// Checks every file of an index and reads its note.
pub(crate) fn check(index: &Index, meta: &IndexMeta, identity: TextIdentity) -> Result<TextMark, TextDefect> {
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
pub(crate) fn files(meta: &IndexMeta) -> HashSet<PathBuf> {
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
pub(crate) fn check_numbers(meta: &IndexMeta, searcher: &Searcher) -> Result<(), TextDefect> {
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
pub(crate) fn check_file(index: &Index, file: &Path) -> Result<Option<u64>, TextDefect> {
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
