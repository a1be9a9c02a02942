//! The words of the most tickets, found by bounds of how many each has.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{error::TextError, view::FoundWord};

/// Words that are held at once, whatever a tenant has: as a rule the page is among those of the highest bounds.
pub(super) const HELD: usize = 1024;

/// Takes a word, a bound of how many tickets have it, and its postings.
pub(super) type Take<'a, P> = &'a mut dyn FnMut(&str, u64, &[P]) -> Result<(), TextError>;

/// The words that most tickets have, most first, then by their bytes: at most `limit`. A word without tickets is none.
///
/// `for_each` visits every word once, in the order of their bytes, and is called at most twice; `count` says how many tickets
/// have a word. Of the `held` words of the highest bounds those are counted that may still be on the page, highest first.
/// If others may be too, these are counted as they are visited again, so that no more than `held` are ever kept.
pub(super) fn best<P: Clone>(
    for_each: impl Fn(Take<'_, P>) -> Result<(), TextError>,
    mut count: impl FnMut(&[P]) -> Result<u32, TextError>,
    limit: usize,
    held: usize,
) -> Result<Vec<FoundWord>, TextError> {
    let mut page = Page { limit, found: Vec::new() };
    let (candidates, is_all) = highest(&for_each, held)?;
    for Candidate { most, word, postings } in &candidates {
        if !page.admits(*most, word) {
            return Ok(page.found);
        }
        page.insert(word, count(postings)?);
    }
    let Some(last) = candidates.last().filter(|last| !is_all && page.admits(last.most, &last.word)) else {
        return Ok(page.found);
    };
    for_each(&mut |word, most, postings| {
        if last.rank() < rank(most, word) && page.admits(most, word) {
            page.insert(word, count(postings)?);
        }
        Ok(())
    })?;
    Ok(page.found)
}

/// The words of the highest bounds, highest first, and whether these are all.
fn highest<P: Clone>(
    for_each: impl Fn(Take<'_, P>) -> Result<(), TextError>,
    held: usize,
) -> Result<(Vec<Candidate<P>>, bool), TextError> {
    let (mut highest, mut is_all) = (BinaryHeap::new(), true);
    for_each(&mut |word, most, postings| {
        if highest.len() < held {
            highest.push(Candidate { most, word: word.to_owned(), postings: postings.to_vec() });
            return Ok(());
        }
        is_all = false;
        if let Some(mut last) = highest.peek_mut().filter(|last| rank(most, word) < last.rank()) {
            // In place, for what is let go has room for what comes.
            last.most = most;
            word.clone_into(&mut last.word);
            last.postings.clear();
            last.postings.extend_from_slice(postings);
        }
        Ok(())
    })?;
    Ok((highest.into_sorted_vec(), is_all))
}

/// Where a word stands among others: smaller comes first.
fn rank(most: u64, word: &str) -> (Reverse<u64>, &str) {
    (Reverse(most), word)
}

/// A word, in as many tickets as `most` at most. The smallest is the one to count first.
struct Candidate<P> {
    most: u64,
    word: String,
    postings: Vec<P>,
}

impl<P> Candidate<P> {
    fn rank(&self) -> (Reverse<u64>, &str) {
        rank(self.most, &self.word)
    }
}

impl<P> PartialEq for Candidate<P> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<P> Eq for Candidate<P> {}

impl<P> PartialOrd for Candidate<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Candidate<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// The best words that were counted.
struct Page {
    limit: usize,
    found: Vec<FoundWord>,
}

impl Page {
    /// Whether a word in so many tickets at most may be on it. Of two words, the one that ranks first is admitted if the
    /// other is.
    fn admits(&self, most: u64, word: &str) -> bool {
        let is_before = |last: &FoundWord| rank(most, word) < rank(u64::from(last.tickets), &last.word);
        self.found.len() < self.limit || self.found.last().is_some_and(is_before)
    }

    fn insert(&mut self, word: &str, tickets: u32) {
        if tickets == 0 {
            return;
        }
        let is_before = |other: &FoundWord| (Reverse(other.tickets), other.word.as_str()) < (Reverse(tickets), word);
        let at = self.found.partition_point(is_before);
        self.found.insert(at, FoundWord { word: word.to_owned(), tickets });
        self.found.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use fastrand::Rng;

    use super::*;

    /// The postings of a made-up word: how many tickets have it. Says how many of them there are at a time.
    struct Made {
        tickets: u32,
        alive: Rc<Alive>,
    }

    #[derive(Default)]
    struct Alive {
        now: Cell<usize>,
        peak: Cell<usize>,
    }

    impl Made {
        fn new(tickets: u32, alive: &Rc<Alive>) -> Self {
            alive.now.set(alive.now.get() + 1);
            alive.peak.set(alive.peak.get().max(alive.now.get()));
            Self { tickets, alive: Rc::clone(alive) }
        }
    }

    impl Clone for Made {
        fn clone(&self) -> Self {
            Self::new(self.tickets, &self.alive)
        }
    }

    impl Drop for Made {
        fn drop(&mut self) {
            self.alive.now.set(self.alive.now.get() - 1);
        }
    }

    /// A word, in how many tickets it is, and a bound of that.
    type Word = (String, u32, u64);

    struct Outcome {
        found: Vec<FoundWord>,
        counted: usize,
        visits: usize,
        peak: usize,
    }

    fn run(words: &[Word], limit: usize, held: usize) -> Outcome {
        let (alive, visits, mut counted) = (Rc::new(Alive::default()), Cell::new(0), 0);
        let for_each = |take: Take<'_, Made>| {
            visits.set(visits.get() + 1);
            words.iter().try_for_each(|(word, tickets, most)| take(word, *most, &[Made::new(*tickets, &alive)]))
        };
        let count = |postings: &[Made]| {
            counted += 1;
            Ok(postings.iter().map(|made| made.tickets).sum())
        };
        let found = best(for_each, count, limit, held).unwrap();
        Outcome { found, counted, visits: visits.get(), peak: alive.peak.get() }
    }

    fn naive(words: &[Word], limit: usize) -> Vec<FoundWord> {
        let found = words.iter().filter(|(_, tickets, _)| *tickets > 0);
        let mut found: Vec<FoundWord> =
            found.map(|(word, tickets, _)| FoundWord { word: word.clone(), tickets: *tickets }).collect();
        found.sort_by_key(|found| Reverse(found.tickets));
        found.truncate(limit);
        found
    }

    fn words(count: u32, rng: &mut Rng, tickets: impl Fn(&mut Rng) -> (u32, u64)) -> Vec<Word> {
        (0..count)
            .map(|number| {
                let (tickets, most) = tickets(rng);
                (format!("{number:06}"), tickets, most)
            })
            .collect()
    }

    #[test]
    fn the_best_words_are_those_of_a_sort_however_few_are_held() {
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let (count, most) = (rng.u32(..200), [2, 10, 1_000][rng.usize(..3)]);
            let words = words(count, &mut rng, |rng| {
                let tickets = rng.u32(..most);
                (tickets, u64::from(tickets) + rng.u64(..u64::from(most)))
            });
            for limit in [0, 1, 3, 10, 300] {
                for held in [1, 2, 10, 50, 199, 200, 1_000] {
                    let outcome = run(&words, limit, held);
                    assert_eq!(outcome.found, naive(&words, limit), "seed {seed}, limit {limit}, held {held}");
                }
            }
        }
    }

    #[test]
    fn no_more_words_are_held_than_allowed_whatever_there_is() {
        let mut rng = Rng::with_seed(1);
        // Nobody sees most of them, and every bound is the same.
        let words = words(50_000, &mut rng, |rng| (u32::from(rng.u32(..5_000) == 0), 1));
        let outcome = run(&words, 10, 100);
        assert_eq!(outcome.found, naive(&words, 10));
        // And the one that is being visited.
        assert!(outcome.peak <= 101, "{} are held", outcome.peak);
        assert_eq!(outcome.visits, 2);
    }

    #[test]
    fn only_words_that_may_be_on_the_page_are_counted() {
        let mut rng = Rng::with_seed(2);
        let exact = words(50_000, &mut rng, |rng| {
            let tickets = rng.u32(1..1_000_000);
            (tickets, tickets.into())
        });
        let outcome = run(&exact, 10, HELD);
        assert_eq!((outcome.counted, outcome.visits), (10, 1), "where bounds are exact, the page alone");
        let loose = words(50_000, &mut rng, |rng| {
            let most = 1_000_000 / rng.u32(1..1_000_000);
            (most / 10, most.into())
        });
        let outcome = run(&loose, 10, HELD);
        let last = u64::from(naive(&loose, 10)[9].tickets);
        let possible = loose.iter().filter(|(_, _, most)| *most >= last).count();
        assert!(outcome.counted <= possible, "{} of {possible}", outcome.counted);
        assert_eq!(outcome.visits, 1);
        // Most of the words are visited again, but counted only while the page may change.
        let outcome = run(&loose, 10, 20);
        assert_eq!(outcome.visits, 2);
        assert!(outcome.counted <= possible + 20, "{} of {possible}", outcome.counted);
    }
}
