use std::{collections::HashMap, hash::Hash, sync::Arc};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

/// Keys of which it is known how often somebody did without their value, at most; then all are forgotten.
const MAX_MISSED: usize = 1024;

/// Values computed once and kept as long as there is room; the ones asked for longest ago go first.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    inner: Mutex<Inner<K, V>>,
    max_bytes: usize,
}

#[derive(Debug)]
struct Inner<K, V> {
    kept: HashMap<K, Kept<V>, RandomState>,
    /// How often somebody did without the value of a key that is not kept.
    missed: HashMap<K, u32, RandomState>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Kept<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// What is kept for a value beside what it and its key have on the heap: its place, at worst half used, and its count of
    /// references.
    const ENTRY: usize = 2 * size_of::<(K, Kept<V>)>() + size_of::<V>() + 32;

    /// For values whose entries take `max_bytes` at most.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            inner: Mutex::new(Inner { kept: HashMap::default(), missed: HashMap::default(), bytes: 0, clock: 0 }),
            max_bytes,
        }
    }

    /// The value of `key`, if it is kept.
    pub(crate) fn peek(&self, key: &K) -> Option<Arc<V>> {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let now = inner.clock;
        let kept = inner.kept.get_mut(key)?;
        kept.used = now;
        Some(Arc::clone(&kept.value))
    }

    /// Notes that somebody could do without the value of `key`, which is not kept, and answers how often that was so since it
    /// was kept, this time included: a value that is wanted again and again is worth computing.
    pub(crate) fn miss(&self, key: &K) -> u32 {
        let missed = &mut self.inner.lock().missed;
        if missed.len() >= MAX_MISSED && !missed.contains_key(key) {
            missed.clear();
        }
        let times = missed.entry(key.clone()).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// The value of `key`, computed outside the lock if it is not kept: two who ask at once may both compute it. `bytes` are
    /// those of key and value on the heap.
    pub(crate) fn get<E>(
        &self,
        key: &K,
        bytes: impl FnOnce(&V) -> usize,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        if let Some(kept) = self.peek(key) {
            return Ok(kept);
        }
        let value = Arc::new(compute()?);
        let bytes = Self::ENTRY + bytes(&value);
        self.inner.lock().keep(key.clone(), Arc::clone(&value), bytes, self.max_bytes);
        Ok(value)
    }

    /// Bytes of what is kept, keys and places included.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }
}

impl<K: Eq + Hash, V> Inner<K, V> {
    fn keep(&mut self, key: K, value: Arc<V>, bytes: usize, max: usize) {
        if bytes > max {
            return;
        }
        if self.bytes + bytes > max {
            // Down to half at once, so that a full cache is not sorted for every value.
            let mut uses: Vec<u64> = self.kept.values().map(|kept| kept.used).collect();
            uses.sort_unstable();
            let mut last = uses.len() / 2;
            while self.bytes + bytes > max && !self.kept.is_empty() {
                let oldest = uses.get(last).copied().unwrap_or(u64::MAX);
                self.kept.retain(|_, kept| kept.used > oldest);
                self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
                last += uses.len() / 8 + 1;
            }
        }
        let used = self.clock;
        self.missed.remove(&key);
        if let Some(before) = self.kept.insert(key, Kept { value, bytes, used }) {
            self.bytes -= before.bytes;
        }
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: usize = Cache::<u32, u32>::ENTRY;

    /// For four values of 25 bytes.
    fn cache() -> Cache<u32, u32> {
        Cache::new(4 * (ENTRY + 25))
    }

    fn get(cache: &Cache<u32, u32>, key: u32, bytes: usize) -> (u32, bool) {
        let mut computed = false;
        let value = cache.get::<()>(
            &key,
            |_| bytes,
            || {
                computed = true;
                Ok(key * 10)
            },
        );
        (*value.unwrap(), computed)
    }

    #[test]
    fn what_fits_is_computed_once() {
        let cache = cache();
        assert_eq!(get(&cache, 1, 50), (10, true));
        assert_eq!(get(&cache, 1, 50), (10, false));
        assert_eq!(get(&cache, 2, 50), (20, true));
        assert_eq!(get(&cache, 1, 50), (10, false));
        assert_eq!(cache.bytes(), 100 + 2 * ENTRY);
    }

    #[test]
    fn the_one_asked_for_longest_ago_goes_first_and_what_is_too_large_is_not_kept() {
        let cache = cache();
        for key in 1..=4 {
            get(&cache, key, 25);
        }
        get(&cache, 1, 25);
        get(&cache, 5, 25);
        assert!(cache.bytes() <= 4 * (ENTRY + 25));
        assert_eq!(get(&cache, 1, 25), (10, false));
        assert_eq!(get(&cache, 2, 25), (20, true));
        assert_eq!(get(&cache, 9, 101 + 3 * ENTRY), (90, true));
        assert_eq!(get(&cache, 9, 101 + 3 * ENTRY), (90, true));
    }

    #[test]
    fn values_of_no_bytes_are_as_many_as_their_places_have_room_for() {
        let cache = cache();
        for key in 0..10_000 {
            get(&cache, key, 0);
            let kept = cache.inner.lock().kept.len();
            assert!(cache.bytes() == kept * ENTRY && kept * ENTRY <= 4 * (ENTRY + 25));
        }
    }

    #[test]
    fn a_look_computes_nothing_and_counts_as_a_use() {
        let cache = cache();
        assert_eq!(cache.peek(&1), None);
        for key in 1..=4 {
            get(&cache, key, 25);
        }
        assert_eq!(cache.peek(&1).as_deref(), Some(&10));
        get(&cache, 5, 25);
        assert_eq!((cache.peek(&1).as_deref(), cache.peek(&2)), (Some(&10), None));
    }

    #[test]
    fn how_often_a_value_was_done_without_is_counted_until_it_is_kept_and_of_so_many_keys() {
        let cache = cache();
        assert_eq!([cache.miss(&1), cache.miss(&1), cache.miss(&2)], [1, 2, 1]);
        get(&cache, 1, 25);
        assert_eq!([cache.miss(&1), cache.miss(&2)], [1, 2]);
        let others = u32::try_from(MAX_MISSED).unwrap();
        (3..=others).for_each(|key| assert_eq!(cache.miss(&key), 1));
        assert_eq!([cache.miss(&2), cache.miss(&3)], [3, 2]);
        cache.miss(&(others + 1));
        assert_eq!(cache.miss(&2), 1);
    }
}
