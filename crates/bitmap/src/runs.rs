use std::{cmp::Ordering, iter, sync::Arc};

use crate::{ords::U32s, part_bytes::PartBytes};

/// Numbers in the order of something they name (keys, strings), as a few sorted runs of doubling length.
///
/// New numbers make a run of their own, and neighbouring runs are merged while the older is less than twice as long:
/// logarithmically many runs, each number merged logarithmically often, and a run can be a view of a mapped file.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns {
    runs: Vec<Arc<U32s>>,
}

impl SortedRuns {
    pub(crate) fn new() -> Self {
        Self { runs: Vec::new() }
    }

    pub(crate) fn from_run(run: U32s) -> Self {
        Self { runs: if run.len() == 0 { Vec::new() } else { vec![Arc::new(run)] } }
    }

    /// Visits every number that `compare` finds equal to what is sought. `compare` orders a number against it.
    pub(crate) fn find(&self, compare: impl Fn(u32) -> Ordering, mut visit: impl FnMut(u32)) {
        for run in &self.runs {
            let (mut low, mut high) = (0, run.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if compare(run.at(middle)) == Ordering::Less { low = middle + 1 } else { high = middle }
            }
            while low < run.len() && compare(run.at(low)) == Ordering::Equal {
                visit(run.at(low));
                low += 1;
            }
        }
    }

    /// Every number in the order of `compare`, but for the first ones, of which `is_before` is true. A comparison for each
    /// run and number.
    pub(crate) fn ascending(
        &self,
        is_before: impl Fn(u32) -> bool,
        compare: impl Fn(u32, u32) -> Ordering,
    ) -> impl Iterator<Item = u32> {
        let begin = |run: &Arc<U32s>| {
            let (mut low, mut high) = (0, run.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if is_before(run.at(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let mut places: Vec<(&U32s, usize)> = self.runs.iter().map(|run| (&**run, begin(run))).collect();
        iter::from_fn(move || {
            let open = places.iter_mut().filter(|(run, at)| *at < run.len());
            let (run, at) = open.min_by(|(a, i), (b, j)| compare(a.at(*i), b.at(*j)))?;
            let next = run.at(*at);
            *at += 1;
            Some(next)
        })
    }

    /// Adds `numbers`, sorted by `compare`.
    pub(crate) fn insert(&mut self, numbers: Vec<u32>, compare: impl Fn(u32, u32) -> Ordering) {
        if numbers.is_empty() {
            return;
        }
        let mut last = U32s::from(numbers);
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
        let mut all = U32s::empty();
        for run in self.runs.iter().rev() {
            all = merge(run, &all, &compare);
        }
        all.to_vec()
    }

    pub(crate) fn part_bytes(&self) -> PartBytes {
        self.runs.iter().map(|run| run.part_bytes()).sum()
    }
}

fn merge(a: &U32s, b: &U32s, compare: impl Fn(u32, u32) -> Ordering) -> U32s {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    // Numbers mostly arrive in order, so that one run follows the other.
    if a.len() == 0 || b.len() == 0 || compare(a.at(a.len() - 1), b.at(0)) != Ordering::Greater {
        merged.extend(a.iter().chain(b.iter()));
        return merged.into();
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if compare(b.at(j), a.at(i)) == Ordering::Less {
            merged.push(b.at(j));
            j += 1;
        } else {
            merged.push(a.at(i));
            i += 1;
        }
    }
    merged.extend((i..a.len()).map(|at| a.at(at)));
    merged.extend((j..b.len()).map(|at| b.at(at)));
    merged.into()
}
