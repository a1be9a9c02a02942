use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use parking_lot::Mutex;
use redb::StorageBackend;

use crate::{
    FileError,
    disk::{SystemDisk, steps},
    files,
};

/// Bytes that are copied together when one of them is written.
const BLOCK: usize = 4096;

/// A file as redb would change it, without changing it: what is written stays in memory.
///
/// redb writes to a file when it opens it, also one that was closed well. Behind this a database can be opened, checked
/// and read, one that a crash left included, and is afterwards as it was.
pub(crate) struct Overlay(Mutex<Layers>);

struct Layers {
    file: File,
    /// Length of the file.
    below: u64,
    /// Length that redb gave it.
    len: u64,
    /// Bytes of the file that still count: it was cut to this length at some time.
    kept: u64,
    written: HashMap<u64, Box<[u8; BLOCK]>>,
}

impl Overlay {
    pub(crate) fn new(path: &Path) -> Result<Self, FileError> {
        let file = files::open(path)?;
        let len = steps::len(&SystemDisk, path)?;
        Ok(Self(Mutex::new(Layers { file, below: len, len, kept: len, written: HashMap::new() })))
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overlay")
    }
}

impl Layers {
    fn block(&mut self, number: u64) -> io::Result<[u8; BLOCK]> {
        if let Some(block) = self.written.get(&number) {
            return Ok(**block);
        }
        let mut block = [0; BLOCK];
        let at = number * BLOCK as u64;
        let there = self.kept.min(self.below).saturating_sub(at).min(BLOCK as u64);
        // At most the length of a block.
        let there = usize::try_from(there).map_err(io::Error::other)?;
        if there > 0 {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(&mut block[..there])?;
        }
        Ok(block)
    }

    /// Shows `each` the parts of the blocks that `offset` and `len` cover: number, place in the block, place in the range.
    fn each(
        offset: u64,
        len: usize,
        mut each: impl FnMut(u64, usize, usize, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let inside = usize::try_from(at % BLOCK as u64).map_err(io::Error::other)?;
            let part = (BLOCK - inside).min(len - done);
            each(at / BLOCK as u64, inside, done, part)?;
            done += part;
        }
        Ok(())
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut layers = self.0.lock();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > layers.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Layers::each(offset, out.len(), |number, inside, done, part| {
            let block = layers.block(number)?;
            out[done..done + part].copy_from_slice(&block[inside..inside + part]);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut layers = self.0.lock();
        if len < layers.len {
            layers.kept = layers.kept.min(len);
            layers.written.retain(|number, _| *number < len.div_ceil(BLOCK as u64));
            let inside = usize::try_from(len % BLOCK as u64).map_err(io::Error::other)?;
            if inside > 0
                && let Some(block) = layers.written.get_mut(&(len / BLOCK as u64))
            {
                block[inside..].fill(0);
            }
        }
        layers.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut layers = self.0.lock();
        Layers::each(offset, data.len(), |number, inside, done, part| {
            let mut block = layers.block(number)?;
            block[inside..inside + part].copy_from_slice(&data[done..done + part]);
            layers.written.insert(number, Box::new(block));
            Ok(())
        })?;
        layers.len = layers.len.max(offset + data.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_the_file_stays_as_it_was() {
        for seed in 0..30 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let before: Vec<u8> = (0..rng.usize(..5 * BLOCK)).map(|_| rng.u8(..)).collect();
            std::fs::write(&path, &before).unwrap();
            let overlay = Overlay::new(&path).unwrap();
            let mut expected = before.clone();
            for step in 0..60 {
                match rng.u32(..4) {
                    0 => {
                        let len = rng.usize(..7 * BLOCK);
                        overlay.set_len(len as u64).unwrap();
                        expected.resize(len, 0);
                    }
                    1 | 2 if !expected.is_empty() => {
                        let at = rng.usize(..expected.len());
                        let bytes: Vec<u8> = (0..rng.usize(..=expected.len() - at)).map(|_| rng.u8(..)).collect();
                        overlay.write(at as u64, &bytes).unwrap();
                        expected[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                    _ => {
                        let at = rng.usize(..=expected.len());
                        let mut found = vec![0; rng.usize(..=expected.len() - at)];
                        overlay.read(at as u64, &mut found).unwrap();
                        assert_eq!(found, expected[at..at + found.len()], "seed {seed}, step {step}");
                    }
                }
                assert_eq!(overlay.len().unwrap(), expected.len() as u64);
                assert!(overlay.read(expected.len() as u64, &mut [0]).is_err(), "nothing is behind the end");
            }
            assert_eq!(std::fs::read(&path).unwrap(), before, "seed {seed}");
        }
    }
}
