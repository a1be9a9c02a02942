use std::{cmp::Ordering, iter, sync::Arc};

use crate::part_bytes::PartBytes;

/// Numbers in the order of something they name (keys, strings), as a few sorted runs of doubling length.
///
/// New numbers make a run of their own, and neighbouring runs are merged while the older is less than twice as long:
/// logarithmically many runs, each number merged logarithmically often.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns {
    runs: Vec<Arc<Vec<u32>>>,
}

impl SortedRuns {
    pub(crate) fn new() -> Self {
        Self { runs: Vec::new() }
    }

    pub(crate) fn from_run(run: Vec<u32>) -> Self {
        Self { runs: if run.is_empty() { Vec::new() } else { vec![Arc::new(run)] } }
    }

    /// Visits every number that `compare` finds equal to what is sought. `compare` orders a number against it.
    pub(crate) fn find(&self, compare: impl Fn(u32) -> Ordering, mut visit: impl FnMut(u32)) {
        for run in &self.runs {
            let (mut low, mut high) = (0, run.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if compare(run[middle]) == Ordering::Less { low = middle + 1 } else { high = middle }
            }
            run[low..].iter().take_while(|number| compare(**number).is_eq()).for_each(|number| visit(*number));
        }
    }

    /// Every number in the order of `compare`, but for the first ones, of which `is_before` is true. A comparison for each
    /// run and number.
    pub(crate) fn ascending(
        &self,
        is_before: impl Fn(u32) -> bool,
        compare: impl Fn(u32, u32) -> Ordering,
    ) -> impl Iterator<Item = u32> {
        let begin = |run: &Arc<Vec<u32>>| run.partition_point(|number| is_before(*number));
        let mut places: Vec<(&[u32], usize)> = self.runs.iter().map(|run| (&run[..], begin(run))).collect();
        iter::from_fn(move || {
            let open = places.iter_mut().filter(|(run, at)| *at < run.len());
            let (run, at) = open.min_by(|(a, i), (b, j)| compare(a[*i], b[*j]))?;
            let next = run[*at];
            *at += 1;
            Some(next)
        })
    }

    /// Adds `numbers`, sorted by `compare`.
    pub(crate) fn insert(&mut self, numbers: Vec<u32>, compare: impl Fn(u32, u32) -> Ordering) {
        if numbers.is_empty() {
            return;
        }
        let mut last = numbers;
        while let Some(previous) = self.runs.last() {
            if previous.len() >= last.len() * 2 {
                break;
            }
            last = merge(previous, &last, &compare);
            self.runs.pop();
        }
        self.runs.push(Arc::new(last));
    }

    /// All numbers in one sorted list.
    pub(crate) fn merged(&self, compare: impl Fn(u32, u32) -> Ordering) -> Vec<u32> {
        let mut all = Vec::new();
        for run in self.runs.iter().rev() {
            all = merge(run, &all, &compare);
        }
        all
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        self.runs.iter().map(|run| PartBytes::heap(run.capacity() * size_of::<u32>())).sum()
    }
}

fn merge(a: &[u32], b: &[u32], compare: impl Fn(u32, u32) -> Ordering) -> Vec<u32> {
    let (mut a, mut b) = (a, b);
    let mut merged = Vec::with_capacity(a.len() + b.len());
    // Numbers mostly arrive in order, so that one run follows the other.
    let overlap = |a: &[u32], b: &[u32]| Some(compare(*a.last()?, *b.first()?) == Ordering::Greater);
    if overlap(a, b) == Some(true) {
        while let ([first, after @ ..], [other, beyond @ ..]) = (a, b) {
            if compare(*other, *first) == Ordering::Less {
                merged.push(*other);
                b = beyond;
            } else {
                merged.push(*first);
                a = after;
            }
        }
    }
    merged.extend_from_slice(a);
    merged.extend_from_slice(b);
    merged
}
