//! Counts of groups for tantivy, by a pass over the fast field.

use std::sync::Arc;

use tantivy::{
    DocId, Score, SegmentReader,
    collector::{Collector, SegmentCollector},
    columnar::ColumnValues,
};

use crate::shelf::GROUP;

/// Counts documents by group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupCounts {
    /// How many groups there are.
    pub(crate) groups: usize,
}

/// The counts of one segment.
pub(crate) struct SegmentCounts {
    groups: Arc<dyn ColumnValues<u64>>,
    counts: Vec<u64>,
}

impl Collector for GroupCounts {
    type Fruit = Vec<u64>;
    type Child = SegmentCounts;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<SegmentCounts> {
        let groups = segment.fast_fields().u64(GROUP)?.first_or_default_col(0);
        Ok(SegmentCounts { groups, counts: vec![0; self.groups] })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Vec<u64>>) -> tantivy::Result<Vec<u64>> {
        let mut all = vec![0; self.groups];
        for segment in segments {
            for (sum, count) in all.iter_mut().zip(segment) {
                *sum += count;
            }
        }
        Ok(all)
    }
}

impl SegmentCollector for SegmentCounts {
    type Fruit = Vec<u64>;

    fn collect(&mut self, doc: DocId, _: Score) {
        let group = self.groups.get_val(doc) as usize;
        self.counts[group] += 1;
    }

    fn harvest(self) -> Vec<u64> {
        self.counts
    }
}
