//! The threads among which a pass that only reads is split. They are not those of the writer, who makes the next index with
//! all of his: whoever counts would wait for him to finish.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

/// Counters from which on a pass is not split: each part has counters of its own.
const MAX_COUNTERS: usize = 1 << 16;

/// Parts of a pass for each thread, so that none waits long for the one with the most work.
const PARTS: usize = 4;

/// Nothing where there is one processor, or where threads cannot be started: then a pass is made on the thread that asks.
static READERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let pool = ThreadPoolBuilder::new().thread_name(|number| format!("count-{number}")).build().ok()?;
    (pool.current_num_threads() > 1).then_some(pool)
});

/// Adds to `counts` what `count` adds for each of `items`, a few of them at a time, on several threads if the counters are few.
pub(crate) fn add_counts<T: Sync>(items: &[T], counts: &mut [u32], count: impl Fn(&[T], &mut [u32]) + Sync) {
    add_counts_on(READERS.as_ref(), items, counts, count);
}

fn add_counts_on<T: Sync>(
    pool: Option<&ThreadPool>,
    items: &[T],
    counts: &mut [u32],
    count: impl Fn(&[T], &mut [u32]) + Sync,
) {
    let Some(pool) = pool.filter(|_| counts.len() <= MAX_COUNTERS) else { return count(items, counts) };
    let share = items.len().div_ceil(pool.current_num_threads() * PARTS).max(1);
    let part = |items: &[T]| {
        let mut part = vec![0; counts.len()];
        count(items, &mut part);
        part
    };
    let parts: Vec<Vec<u32>> = pool.install(|| items.par_chunks(share).map(part).collect());
    for part in parts {
        counts.iter_mut().zip(part).for_each(|(count, more)| *count += more);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use super::*;

    /// The names of the threads that count, and what they count.
    fn counted(pool: Option<&ThreadPool>, items: &[usize], counters: usize) -> (BTreeSet<String>, Vec<u32>) {
        let names = Mutex::new(BTreeSet::new());
        let mut counts = vec![1; counters];
        add_counts_on(pool, items, &mut counts, |items, counts| {
            names.lock().unwrap().insert(std::thread::current().name().unwrap_or_default().to_owned());
            for item in items {
                counts[item % counters] += 1;
            }
        });
        (names.into_inner().unwrap(), counts)
    }

    #[test]
    fn few_counters_are_split_among_the_threads_of_the_pool_and_many_are_not() {
        let pool = ThreadPoolBuilder::new().num_threads(3).thread_name(|_| "apart".to_owned()).build().unwrap();
        let here = std::thread::current().name().unwrap_or_default().to_owned();
        let items: Vec<usize> = (0..200_000).map(|item| item * 7).collect();
        for (counters, pool, expected) in [
            (1, Some(&pool), "apart"),
            (MAX_COUNTERS, Some(&pool), "apart"),
            (MAX_COUNTERS + 1, Some(&pool), &*here),
            (1, None, &*here),
        ] {
            let (names, counts) = counted(pool, &items, counters);
            assert_eq!(names, BTreeSet::from([expected.to_owned()]), "{counters}");
            assert_eq!(counts, counted(None, &items, counters).1, "{counters}");
        }
        assert_eq!(counted(Some(&pool), &[], 2), (BTreeSet::new(), vec![1, 1]));
    }
}
