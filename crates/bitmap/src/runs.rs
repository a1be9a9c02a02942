use std::{cmp::Ordering, iter, marker::PhantomData, sync::Arc};

use crate::{ords::U32s, part_bytes::PartBytes};

/// What runs list, in one 32-bit number or a few.
pub(crate) trait Listed: Copy {
    /// How many numbers it takes.
    const WIDTH: usize;

    /// The one with number `at` of a run, which must be below its length.
    fn at(run: &U32s, at: usize) -> Self;

    /// Appends its numbers.
    fn put(self, out: &mut Vec<u32>);
}

impl Listed for u32 {
    const WIDTH: usize = 1;

    #[inline]
    fn at(run: &U32s, at: usize) -> Self {
        run.at(at)
    }

    #[inline]
    fn put(self, out: &mut Vec<u32>) {
        out.push(self);
    }
}

/// Numbers in the order of something they name (keys, strings), as a few sorted runs of doubling length.
///
/// New numbers make a run of their own, and neighbouring runs are merged while the older is less than twice as long:
/// logarithmically many runs, each number merged logarithmically often, and a run can be a view of a mapped file.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns<T = u32> {
    runs: Vec<Arc<U32s>>,
    listed: PhantomData<fn() -> T>,
}

impl<T: Listed> SortedRuns<T> {
    pub(crate) fn new() -> Self {
        Self { runs: Vec::new(), listed: PhantomData }
    }

    /// Of one run, which holds no part of a number.
    pub(crate) fn from_run(run: U32s) -> Self {
        Self { runs: if run.len() == 0 { Vec::new() } else { vec![Arc::new(run)] }, listed: PhantomData }
    }

    /// Visits every number that `compare` finds equal to what is sought. `compare` orders a number against it.
    pub(crate) fn find(&self, compare: impl Fn(T) -> Ordering, mut visit: impl FnMut(T)) {
        for run in &self.runs {
            let (mut low, mut high) = (0, len::<T>(run));
            while low < high {
                let middle = usize::midpoint(low, high);
                if compare(T::at(run, middle)) == Ordering::Less { low = middle + 1 } else { high = middle }
            }
            while low < len::<T>(run) && compare(T::at(run, low)) == Ordering::Equal {
                visit(T::at(run, low));
                low += 1;
            }
        }
    }

    /// Every number in the order of `compare`, but for the first ones, of which `is_before` is true. A comparison for each
    /// run and number.
    pub(crate) fn ascending(
        &self,
        is_before: impl Fn(T) -> bool,
        compare: impl Fn(T, T) -> Ordering,
    ) -> impl Iterator<Item = T> {
        let begin = |run: &Arc<U32s>| {
            let (mut low, mut high) = (0, len::<T>(run));
            while low < high {
                let middle = usize::midpoint(low, high);
                if is_before(T::at(run, middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let mut places: Vec<(&U32s, usize)> = self.runs.iter().map(|run| (&**run, begin(run))).collect();
        iter::from_fn(move || {
            let open = places.iter_mut().filter(|(run, at)| *at < len::<T>(run));
            let (run, at) = open.min_by(|(a, i), (b, j)| compare(T::at(a, *i), T::at(b, *j)))?;
            let next = T::at(run, *at);
            *at += 1;
            Some(next)
        })
    }

    /// Adds `numbers`, sorted by `compare`.
    pub(crate) fn insert(&mut self, numbers: &[T], compare: impl Fn(T, T) -> Ordering) {
        if numbers.is_empty() {
            return;
        }
        let mut new = Vec::with_capacity(numbers.len() * T::WIDTH);
        for number in numbers {
            number.put(&mut new);
        }
        let mut last = U32s::from(new);
        while let Some(previous) = self.runs.last() {
            if previous.len() >= last.len() * 2 {
                break;
            }
            last = merge(previous, &last, &compare);
            self.runs.pop();
        }
        self.runs.push(Arc::new(last));
    }

    /// All numbers in one sorted list, each in [`Listed::WIDTH`] elements.
    pub(crate) fn merged(&self, compare: impl Fn(T, T) -> Ordering) -> Vec<u32> {
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

fn len<T: Listed>(run: &U32s) -> usize {
    run.len() / T::WIDTH
}

fn merge<T: Listed>(a: &U32s, b: &U32s, compare: impl Fn(T, T) -> Ordering) -> U32s {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (a_len, b_len) = (len::<T>(a), len::<T>(b));
    // Numbers mostly arrive in order, so that one run follows the other.
    if a_len == 0 || b_len == 0 || compare(T::at(a, a_len - 1), T::at(b, 0)) != Ordering::Greater {
        merged.extend(a.iter().chain(b.iter()));
        return merged.into();
    }
    let (mut i, mut j) = (0, 0);
    while i < a_len && j < b_len {
        let (first, second) = (T::at(a, i), T::at(b, j));
        if compare(second, first) == Ordering::Less {
            second.put(&mut merged);
            j += 1;
        } else {
            first.put(&mut merged);
            i += 1;
        }
    }
    (i..a_len).for_each(|at| T::at(a, at).put(&mut merged));
    (j..b_len).for_each(|at| T::at(b, at).put(&mut merged));
    merged.into()
}
