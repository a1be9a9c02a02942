//! The file of the head: one line of constant length, written over in place. It fits a sector, so that a crash leaves the
//! old one or the new one, and it costs no fsync: it is written after the records are durable, so that it may lag behind
//! them by what a crash loses and never leads.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{
    chain::Head,
    error::{FileError, VerifyError},
    files,
};

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("head")
}

/// The head that is known to have been durable; nothing if there is no file.
pub(crate) fn read(dir: &Path) -> Result<Option<Head>, VerifyError> {
    let path = path(dir);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    match parse(&bytes) {
        Some(head) => Ok(Some(head)),
        None => Err(VerifyError::NoHead { path }),
    }
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let (seq, hash) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
    let head = Head { seq: seq.parse().ok()?, hash: hash.strip_suffix('\n')?.parse().ok()? };
    (line(head).as_bytes() == bytes).then_some(head)
}

fn line(head: Head) -> String {
    format!("{:020} {}\n", head.seq, head.hash)
}

/// Writes the head over the one before.
pub(crate) fn write(mut file: &File, head: Head) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(line(head).as_bytes())
}

/// Makes the file durable for a log without records.
pub(crate) fn begin(dir: &Path) -> Result<(), FileError> {
    let path = path(dir);
    let file = files::open(&path)?;
    write(&file, Head::EMPTY).and_then(|()| file.sync_all()).map_err(files::failed("write", &path))?;
    files::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_and_nothing_else_is() {
        let head = Head { seq: 17, hash: crate::Hash::of(b"x") };
        let text = line(head);
        assert_eq!(parse(text.as_bytes()), Some(head));
        assert_eq!(line(Head::EMPTY).len(), text.len());
        for len in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..len]), None);
        }
        for wrong in [text.to_uppercase(), text.clone() + "x", text.replace(' ', "\t"), text[1..].to_owned()] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
