//! What is in the data: how many tickets each group has, and in how many tickets words are, from which scopes and
//! questions are chosen.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    ticket::Ticket,
    words::{Analysed, Cutter},
};

/// Tickets whose words are counted: the first so many.
const SAMPLE: u32 = 200_000;
/// Tickets whose pairs of words are counted.
const PAIRED: u32 = 5_000;

/// Counts of values, and the number that other sides know each by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    codes: HashMap<Arc<str>, u32>,
    counts: Vec<(Arc<str>, u32)>,
}

impl Values {
    fn add(&mut self, value: &Arc<str>) {
        let next = u32::try_from(self.counts.len()).expect("there are fewer values than tickets");
        let code = *self.codes.entry(Arc::clone(value)).or_insert(next);
        if code == next {
            self.counts.push((Arc::clone(value), 0));
        }
        self.counts[code as usize].1 += 1;
    }

    /// The values with the number of tickets that have them, by code.
    pub(crate) fn counts(&self) -> &[(Arc<str>, u32)] {
        &self.counts
    }

    /// The number of a value that some ticket has.
    pub(crate) fn code(&self, value: &str) -> u32 {
        *self.codes.get(value).expect("the census saw every ticket")
    }

    /// The value whose share comes nearest to `share`.
    pub(crate) fn nearest(&self, share: f64, tickets: u32) -> Option<(Arc<str>, f64)> {
        let share_of = |count: u32| f64::from(count) / f64::from(tickets);
        let away = |count: u32| (share_of(count) / share).ln().abs();
        let found = self.counts.iter().min_by(|a, b| away(a.1).total_cmp(&away(b.1)))?;
        Some((Arc::clone(&found.0), share_of(found.1)))
    }
}

/// A word that a query asks for.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    /// As it is written.
    pub(crate) surface: String,
    /// As plain words are looked up; one only.
    pub(crate) stem: String,
    /// The share of the tickets that have it, in the sample.
    pub(crate) share: f64,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// All tickets.
    pub(crate) tickets: u32,
    /// By group.
    pub(crate) groups: Values,
    /// By status.
    pub(crate) statuses: Values,
    /// By priority.
    pub(crate) priorities: Values,
    /// By tag.
    pub(crate) tags: Values,
    /// Words counted in all, stems.
    pub(crate) words: u64,
    sampled: u32,
    stems: HashMap<String, (u32, String)>,
    surfaces: HashMap<String, u32>,
    pairs: HashMap<(String, String), u32>,
}

/// Whether a word is one that people would ask for; nothing that one side could read in another way.
fn is_plain(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

impl Census {
    /// Counts one ticket more.
    pub(crate) fn add(&mut self, ticket: &Ticket, cutter: &mut Cutter) {
        self.tickets += 1;
        self.groups.add(&ticket.group);
        ticket.status.iter().for_each(|value| self.statuses.add(value));
        ticket.priority.iter().for_each(|value| self.priorities.add(value));
        ticket.tags.iter().for_each(|value| self.tags.add(value));
        if self.sampled < SAMPLE {
            self.sampled += 1;
            self.count_words(cutter.cut(ticket));
        }
    }

    fn count_words(&mut self, words: &Analysed) {
        let Analysed { stems, surfaces } = words;
        let mut written = HashMap::new();
        for (position, surface) in surfaces.iter() {
            written.entry(position).or_insert(surface);
        }
        let mut seen = HashSet::new();
        for (position, stem) in stems.iter() {
            self.words += 1;
            if !seen.insert(stem) {
                continue;
            }
            let surface = written.get(&position).copied().unwrap_or(stem);
            match self.stems.get_mut(stem) {
                Some((count, shortest)) => {
                    *count += 1;
                    if surface.len() < shortest.len() {
                        surface.clone_into(shortest);
                    }
                }
                None => drop(self.stems.insert(stem.to_owned(), (1, surface.to_owned()))),
            }
        }
        let mut seen = HashSet::new();
        let mut before: Option<(u32, &str)> = None;
        for (position, surface) in surfaces.iter() {
            if seen.insert(surface.to_owned()) {
                match self.surfaces.get_mut(surface) {
                    Some(count) => *count += 1,
                    None => drop(self.surfaces.insert(surface.to_owned(), 1)),
                }
            }
            if let Some((place, word)) = before.replace((position, surface))
                && self.sampled <= PAIRED
                && place + 1 == position
                && word != surface
                && is_plain(word)
                && is_plain(surface)
                && seen.insert(format!("{word} {surface}"))
            {
                *self.pairs.entry((word.to_owned(), surface.to_owned())).or_default() += 1;
            }
        }
    }

    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.sampled.max(1))
    }

    /// For each share the word that comes nearest to it, each word once.
    pub(crate) fn words_of(&self, shares: &[f64], cutter: &mut Cutter) -> Vec<Word> {
        let mut plain: Vec<(&String, u32, &String)> = self
            .stems
            .iter()
            .filter(|(_, (_, surface))| is_plain(surface))
            .map(|(stem, (count, surface))| (stem, *count, surface))
            .collect();
        plain.sort_unstable_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(b.0)));
        let mut chosen: Vec<Word> = Vec::new();
        for share in shares {
            let mut nearest: Vec<_> =
                plain.iter().filter(|(stem, ..)| chosen.iter().all(|word| word.stem != **stem)).collect();
            let away = |count: u32| (self.share(count) / share).ln().abs();
            nearest.sort_by(|a, b| away(a.1).total_cmp(&away(b.1)));
            let usable = nearest.into_iter().find(|(stem, _, surface)| cutter.stem(surface).as_ref() == Some(*stem));
            let (stem, count, surface) = usable.expect("the data has words");
            chosen.push(Word { surface: (*surface).clone(), stem: (*stem).clone(), share: self.share(*count) });
        }
        chosen
    }

    /// Two words that stand beside each other in about this share of the tickets.
    pub(crate) fn phrase(&self, share: f64) -> [String; 2] {
        let wanted = share * f64::from(self.sampled.min(PAIRED));
        let away = |count: u32| (f64::from(count) / wanted).ln().abs();
        let pair = self.pairs.iter().min_by(|a, b| away(*a.1).total_cmp(&away(*b.1)).then_with(|| a.0.cmp(b.0)));
        let (first, second) = pair.expect("the data has pairs of words").0.clone();
        [first, second]
    }

    /// A beginning of words that many words have, in about this share of the tickets, counted with repetition.
    pub(crate) fn prefix(&self, share: f64) -> (String, u32) {
        let mut beginnings: HashMap<&str, (u32, u32)> = HashMap::new();
        for (surface, count) in self.surfaces.iter().filter(|(surface, _)| is_plain(surface)) {
            let (words, tickets) = beginnings.entry(&surface[..3]).or_default();
            *words += 1;
            *tickets += count;
        }
        let away = |of: &(u32, u32)| (self.share(of.1) / share).ln().abs() - f64::from(of.0.min(50)).ln() / 2.0;
        let found = beginnings.iter().min_by(|a, b| away(a.1).total_cmp(&away(b.1)).then_with(|| a.0.cmp(b.0)));
        let (beginning, (words, _)) = found.expect("the data has words");
        ((*beginning).to_owned(), *words)
    }

    /// Lets go of the words.
    pub(crate) fn forget_words(&mut self) {
        self.stems = HashMap::new();
        self.surfaces = HashMap::new();
        self.pairs = HashMap::new();
    }
}
