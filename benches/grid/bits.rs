//! A scope as one bit a document, prepared for each segment: the fastest filter that tantivy's queries can have.
//!
//! tantivy's own `BitSetDocSet` owns its bits, so that a query would copy them; this one shares them. What is not measured:
//! an application has to make the bits of every scope anew for every segment that appears, and after every change.

use std::{collections::HashMap, fmt, sync::Arc};

use tantivy::{
    DocId, DocSet, Score, Searcher, SegmentReader, TERMINATED, TantivyError,
    index::SegmentId,
    query::{ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight},
};

use crate::shelf::GROUP;

/// The documents of some groups, by segment.
#[derive(Clone)]
pub(crate) struct Bits {
    segments: Arc<HashMap<SegmentId, SegmentBits>>,
}

/// The bits of one segment, document 0 first.
#[derive(Clone)]
struct SegmentBits {
    words: Arc<[u64]>,
    count: u32,
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bits").field("segments", &self.segments.len()).finish()
    }
}

impl Bits {
    /// Looks at the group of every document.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub(crate) fn of(searcher: &Searcher, allowed: &[bool]) -> tantivy::Result<Self> {
        let segments = searcher.segment_readers().iter().map(|segment| {
            let groups = segment.fast_fields().u64(GROUP)?;
            let mut words = vec![0_u64; segment.max_doc().div_ceil(64) as usize];
            for doc in 0..segment.max_doc() {
                if groups.first(doc).is_some_and(|group| allowed.get(group as usize) == Some(&true)) {
                    words[doc as usize / 64] |= 1 << (doc % 64);
                }
            }
            let count = words.iter().map(|word| word.count_ones()).sum();
            Ok((segment.segment_id(), SegmentBits { words: words.into(), count }))
        });
        Ok(Self { segments: Arc::new(segments.collect::<tantivy::Result<_>>()?) })
    }
}

impl Query for Bits {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Bits {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let bits = self.segments.get(&reader.segment_id());
        let bits = bits.ok_or_else(|| TantivyError::InvalidArgument("a segment that was not prepared".to_owned()))?;
        let mut docs = BitDocs { bits: bits.clone(), doc: 0 };
        docs.stop_from(0);
        Ok(Box::new(ConstScorer::new(docs, 0.0)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("Bits", 0.0))
    }
}

/// The documents whose bits are set, ascending.
struct BitDocs {
    bits: SegmentBits,
    doc: DocId,
}

impl BitDocs {
    /// Stops at the first set bit from `doc` on.
    fn stop_from(&mut self, doc: DocId) -> DocId {
        let mut at = doc as usize / 64;
        let mut word = self.bits.words.get(at).map_or(0, |word| word & (u64::MAX << (doc % 64)));
        while word == 0 {
            at += 1;
            let Some(next) = self.bits.words.get(at) else {
                self.doc = TERMINATED;
                return TERMINATED;
            };
            word = *next;
        }
        self.doc = at as DocId * 64 + word.trailing_zeros();
        self.doc
    }
}

impl DocSet for BitDocs {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED { TERMINATED } else { self.stop_from(self.doc + 1) }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target <= self.doc { self.doc } else { self.stop_from(target) }
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.bits.count
    }
}
