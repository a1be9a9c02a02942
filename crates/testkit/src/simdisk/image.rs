use std::{iter, ops::Range, sync::Arc};

/// What memory is shared and marked clean by, in bytes.
pub(super) const PAGE: usize = 4096;

type Page = [u8; PAGE];

/// The bytes of a file. Clones share their pages until one of them writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    len: usize,
    /// `None` for a page of zeros. May be shorter than the file.
    pages: Vec<Option<Arc<Page>>>,
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Fills `out` from `offset` on; answers whether there are as many bytes.
    pub(super) fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        if offset.checked_add(out.len()).is_none_or(|end| end > self.len) {
            return false;
        }
        for (at, into) in pieces(offset, out.len(), PAGE) {
            let out = &mut out[into.clone()];
            match self.pages.get(at / PAGE) {
                Some(Some(page)) => out.copy_from_slice(&page[at % PAGE..at % PAGE + out.len()]),
                _ => out.fill(0),
            }
        }
        true
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(0, &mut bytes);
        bytes
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.len = self.len.max(offset + bytes.len());
        for (at, from) in pieces(offset, bytes.len(), PAGE) {
            let bytes = &bytes[from];
            self.page(at / PAGE)[at % PAGE..at % PAGE + bytes.len()].copy_from_slice(bytes);
        }
    }

    pub(super) fn set_len(&mut self, len: usize) {
        if len < self.len {
            self.pages.truncate(len.div_ceil(PAGE));
            if !len.is_multiple_of(PAGE) && self.pages.get(len / PAGE).is_some_and(Option::is_some) {
                // What is cut off must be zeros when the file grows again.
                self.page(len / PAGE)[len % PAGE..].fill(0);
            }
        }
        self.len = len;
    }

    fn page(&mut self, number: usize) -> &mut Page {
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        Arc::make_mut(self.pages[number].get_or_insert_with(|| Arc::new([0; PAGE])))
    }
}

/// A range of a file cut at the multiples of `size`: where each piece begins in the file, and its range inside the range.
pub(super) fn pieces(offset: usize, len: usize, size: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut done = 0;
    iter::from_fn(move || {
        let at = offset + done;
        let take = (size - at % size).min(len - done);
        done += take;
        (take > 0).then(|| (at, done - take..done))
    })
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn random_writes_and_cuts_read_back_as_of_a_vector() {
        for seed in 0..50 {
            let mut rng = Rng::with_seed(seed);
            let (mut image, mut bytes) = (Image::default(), Vec::new());
            for _ in 0..40 {
                let before = image.clone();
                let (old, offset) = (bytes.clone(), rng.usize(..3 * PAGE));
                if rng.u32(..4) == 0 {
                    image.set_len(offset);
                    bytes.resize(offset, 0);
                } else {
                    let new: Vec<u8> = (0..rng.usize(..2 * PAGE)).map(|_| rng.u8(..)).collect();
                    image.write(offset, &new);
                    bytes.resize(bytes.len().max(offset + new.len()), 0);
                    bytes[offset..offset + new.len()].copy_from_slice(&new);
                }
                assert_eq!(image.to_vec(), bytes, "seed {seed}");
                assert_eq!(before.to_vec(), old, "seed {seed}: a clone changed");
                assert!(!image.read(bytes.len(), &mut [0]), "seed {seed}: read past the end");
            }
        }
    }
}
